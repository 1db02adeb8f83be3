//! Every schema of the conformance folders compiles without errors, and survives the formatter and the printer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use dhow_schema::{MemorySources, compile, compile_str, diff, format, print, render};

/// The folder named by `DHOW_CONFORMANCE`, or the default beside the project.
fn folder() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test reads where its data is from the environment")]
    let named = std::env::var("DHOW_CONFORMANCE").ok();
    named.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"), PathBuf::from)
}

/// The schemas of one folder of validation files, with the names of their files.
fn schemas(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|extension| extension == "yaml")) {
        let yaml: serde_norway::Value = serde_norway::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let text = match (yaml["schema"].as_str(), yaml["schemaFile"].as_str()) {
            (Some(text), _) => text.to_owned(),
            (None, Some(file)) => std::fs::read_to_string(folder.join(file)).unwrap(),
            (None, None) => panic!("{} has no schema", path.display()),
        };
        found.push((path.display().to_string(), text));
    }
    found.sort();
    found
}

/// How many files a suite has by the table in the folder's README, `| spicedb/ | 32 | …`.
fn promised(name: &str) -> Option<usize> {
    let readme = std::fs::read_to_string(folder().join("README.md")).ok()?;
    let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}/`")))?;
    row.split('|').nth(2)?.trim().parse().ok()
}

/// Prints a line of every run, also of one that succeeds: the test harness keeps what `println!` prints to itself.
fn say(line: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).unwrap();
}

#[test]
fn every_conformance_schema_compiles() {
    if !folder().exists() {
        say(&format!("SKIPPED: there is no folder {}; DHOW_CONFORMANCE names it", folder().display()));
        return;
    }
    for name in ["spicedb", "spicedb-random"] {
        let schemas = schemas(&folder().join(name));
        assert!(!schemas.is_empty(), "{name} is empty");
        let promised = promised(name);
        assert!(promised.is_none_or(|files| files == schemas.len()), "{name} has {} files, its README says {promised:?}", schemas.len());
        say(&format!("{name}: {} schemas", schemas.len()));
        for (file, text) in schemas {
            let sources = MemorySources::single(&text);
            let compilation = compile("schema", &sources);
            assert!(compilation.schema.is_some(), "{file}\n{}", render(&compilation.diagnostics, &sources, false));
            survives(&file, &text);
        }
    }
}

/// Formatting and printing keep the meaning; formatting twice changes nothing.
fn survives(file: &str, text: &str) {
    let schema = compile_str(text).unwrap();
    let formatted = format(text).unwrap();
    assert_eq!(format(&formatted).as_deref(), Ok(&*formatted), "{file}");
    for text in [formatted, print::to_native(&schema).unwrap()] {
        let again = compile_str(&text).unwrap();
        assert_eq!(diff(&schema, &again), [], "{file}");
        assert_eq!(schema.definitions, again.definitions, "{file}");
    }
}
