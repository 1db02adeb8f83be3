//! Every schema of the conformance folders compiles without errors, and survives the formatter and the printer.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

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
        found.push((path.display().to_string(), yaml["schema"].as_str().unwrap().to_owned()));
    }
    found.sort();
    found
}

#[test]
fn every_conformance_schema_compiles() {
    if !folder().exists() {
        println!("skipped: there is no folder {}", folder().display());
        return;
    }
    for (name, least) in [("spicedb", 32), ("spicedb-random", 313)] {
        let schemas = schemas(&folder().join(name));
        println!("{name}: {} schemas", schemas.len());
        assert!(schemas.len() >= least, "{name} has only {} files", schemas.len());
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
