//! Writes a Debian package index as a schema and tuples.
//!
//! `cargo run --profile quick -p dhow-testkit --example debian -- FOLDER [INDEX]` reads INDEX (default: what is installed on this
//! machine) and writes `debian.zed` and `debian.tuples` into FOLDER, ready for `dhow schema write` and `dhow import`. Everything that
//! could be installed, some 60,000 packages, comes from `apt-cache dumpavail > INDEX`.
#![expect(clippy::print_stdout, reason = "a tool that says what it wrote")]

use std::path::Path;
use std::process::ExitCode;

use dhow_testkit::debian::{Package, SCHEMA, STATUS_FILE, packages};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        println!("usage: debian FOLDER [INDEX]");
        return ExitCode::from(2);
    };
    let index = arguments.next().unwrap_or_else(|| STATUS_FILE.to_owned());
    match write(Path::new(&folder), &index) {
        Ok(counts) => {
            println!("{counts} of {index} are in {folder}: debian.zed, debian.tuples");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{index} or {folder}: {error}");
            ExitCode::from(2)
        }
    }
}

fn write(folder: &Path, index: &str) -> std::io::Result<String> {
    let packages = packages(&std::fs::read_to_string(index)?);
    let mut tuples: Vec<String> = packages.values().flat_map(Package::tuples).collect();
    tuples.push(String::new());
    std::fs::write(folder.join("debian.zed"), SCHEMA)?;
    std::fs::write(folder.join("debian.tuples"), tuples.join("\n"))?;
    Ok(format!("{} packages with {} tuples", packages.len(), tuples.len() - 1))
}
