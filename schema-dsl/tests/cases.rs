//! The schemas of `testdata/schemas`: each gives exactly the findings that its `.expected` file lists, none where there is no such file.
//!
//! A case is a file `NAME.zed`, or a folder `NAME` whose first file is `main.zed`. With `DHOW_BLESS` set the expectations are written
//! anew, to be read in the diff.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dhow_schema::diagnostic::{CODES, Diagnostic};
use dhow_schema::{MemorySources, Sources, compile, diff, format, print, render};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/schemas")
}

struct Case {
    name: String,
    main: String,
    sources: MemorySources,
    files: Vec<String>,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut sources = MemorySources::new();
        let mut files = Vec::new();
        if path.is_dir() {
            add(&path, "", &mut sources, &mut files);
        } else if path.extension().is_some_and(|extension| extension == "zed") {
            sources.insert_bytes(&format!("{name}.zed"), &std::fs::read(&path).unwrap());
            files.push(format!("{name}.zed"));
        } else {
            continue;
        }
        let main = if path.is_dir() { "main.zed".to_owned() } else { format!("{name}.zed") };
        cases.push(Case { name, main, sources, files });
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(cases.len() >= 60, "only {} cases", cases.len());
    cases
}

fn add(folder: &Path, prefix: &str, sources: &mut MemorySources, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            add(&path, &format!("{name}/"), sources, files);
        } else {
            sources.insert_bytes(&name, &std::fs::read(&path).unwrap());
            files.push(name);
        }
    }
}

/// Code, place, underlined text, message, help and further places of each finding, as lines.
fn described(diagnostics: &[Diagnostic], sources: &MemorySources) -> String {
    let mut out = String::new();
    let place = |label: &dhow_schema::Label| {
        let text = sources.text(&label.file).unwrap();
        let line = text.get(..label.range.start).unwrap().matches('\n').count() + 1;
        let underlined = text.get(label.range.clone()).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{}:{line} `{underlined}`", label.file)
    };
    for diagnostic in diagnostics {
        writeln!(out, "{diagnostic}").unwrap();
        for label in &diagnostic.labels {
            writeln!(out, "  at {} {}", place(label), label.text).unwrap();
        }
        if let Some(help) = &diagnostic.help {
            writeln!(out, "  help: {help}").unwrap();
        }
    }
    out.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn every_case_gives_the_findings_it_expects() {
    let bless = std::env::var_os("DHOW_BLESS").is_some();
    let mut failures = String::new();
    for case in cases() {
        let compilation = compile(&case.main, &case.sources);
        let found = described(&compilation.diagnostics, &case.sources);
        let path = folder().join(format!("{}.expected", case.name));
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if found == expected {
            continue;
        }
        if bless {
            if found.is_empty() { std::fs::remove_file(&path).unwrap() } else { std::fs::write(&path, found).unwrap() }
        } else {
            writeln!(
                failures,
                "== {}\n{}\nexpected:\n{expected}found:\n{found}",
                case.name,
                render(&compilation.diagnostics, &case.sources, false)
            )
            .unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn every_expectation_belongs_to_a_case() {
    let names: BTreeSet<String> = cases().into_iter().map(|case| case.name).collect();
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(path.is_dir() || names.contains(name), "{name} is no case");
    }
}

#[test]
fn the_cases_raise_every_code_that_a_small_text_can_raise() {
    let raised: BTreeSet<&str> =
        cases().iter().flat_map(|case| compile(&case.main, &case.sources).diagnostics).map(|diagnostic| diagnostic.code).collect();
    for info in CODES.iter().filter(|info| !info.example.is_empty()) {
        assert!(raised.contains(info.code), "no case raises {} ({})", info.code, info.title);
    }
}

#[test]
fn every_case_that_compiles_is_printed_back_as_the_same_schema() {
    for case in cases() {
        let Some(schema) = compile(&case.main, &case.sources).schema else { continue };
        let text = print::to_native(&schema).unwrap();
        let again = dhow_schema::compile_str(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", case.name));
        assert_eq!(diff(&schema, &again), [], "{}", case.name);
        assert_eq!(schema.definitions, again.definitions, "{}", case.name);
        assert_eq!(format(&text), Ok(text.clone()), "{}", case.name);
    }
}

#[test]
fn a_case_without_findings_is_laid_out_as_the_formatter_does() {
    for case in cases().into_iter().filter(|case| !folder().join(format!("{}.expected", case.name)).exists()) {
        for file in &case.files {
            let text = case.sources.text(file).unwrap();
            assert_eq!(format(&text).as_deref(), Ok(&*text), "{file}");
        }
    }
}
