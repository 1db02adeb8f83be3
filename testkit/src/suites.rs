//! Where the decision suites of another engine are, and how much of them there must be.
//!
//! They lie outside of the project: in the folder that DHOW_CONFORMANCE names, by default beside the project. Only where that folder is
//! absent are they skipped, with a line that says so.

use std::path::{Path, PathBuf};

/// The suites of validation files.
pub const SUITES: [&str; 2] = ["spicedb", "spicedb-random"];

/// The folder of all suites; `None`, and a line about it: there is none.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "where a test's data is, is said from outside")]
pub fn folder() -> Option<PathBuf> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    let folder = std::env::var("DHOW_CONFORMANCE").map_or_else(|_| default(), PathBuf::from);
    if folder.exists() {
        return Some(folder);
    }
    say(&format!("SKIPPED: there is no folder {}; DHOW_CONFORMANCE names it", folder.display()));
    None
}

/// The validation files of a suite, by name.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn files(root: &Path, suite: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root.join(suite)).expect("the folder of a suite");
    let paths = entries.map(|entry| entry.expect("an entry of the folder").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    assert!(!files.is_empty(), "{suite} is empty");
    files.sort_unstable();
    files
}

/// Files and assertions of a suite by the table in its README: `| spicedb/ | 32 | 182 (allowed …) |`.
#[must_use]
pub fn promised(root: &Path, suite: &str) -> Option<(u64, u64)> {
    let readme = std::fs::read_to_string(root.join("README.md")).ok()?;
    let row = readme.lines().find(|line| line.starts_with(&format!("| `{suite}/`")))?;
    let mut cells = row.split('|').skip(2).map(|cell| cell.trim().split(' ').next().unwrap_or_default().replace(',', ""));
    Some((cells.next()?.parse().ok()?, cells.next()?.parse().ok()?))
}

/// Prints a line of every run, also of one that succeeds: the test harness keeps what `println!` prints to itself.
///
/// # Panics
/// When stderr is gone.
pub fn say(line: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).expect("stderr");
}
