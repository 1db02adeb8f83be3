//! The page of error codes has every code that the source can tell, and no other.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail a test; clippy.toml lets off only the test functions themselves")]

use std::collections::BTreeSet;
use std::path::Path;

/// The text of all source files below a folder, tests left out.
fn sources(folder: &Path, into: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "tests") {
                sources(&path, into);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            into.push(text.split("#[cfg(test)]\nmod").next().unwrap_or_default().to_owned());
        }
    }
}

/// The codes with letters and a number: `DH-A001`. Those of schemas and caveats have a page of their own.
fn numbered(text: &str) -> impl Iterator<Item = String> {
    text.match_indices("DH-").filter_map(|(at, _)| {
        let code = text.get(at..at + 7)?;
        let (letter, digits) = code.strip_prefix("DH-")?.split_at_checked(1)?;
        let ours = !["S", "C"].contains(&letter) && letter.chars().all(|c| c.is_ascii_uppercase());
        (ours && digits.chars().all(|c| c.is_ascii_digit())).then(|| code.to_owned())
    })
}

/// The codes in words, which `code()` of an error gives and the command line makes its failures of.
fn worded(text: &str) -> BTreeSet<String> {
    let functions = text.split("fn code(").skip(1).filter_map(|rest| rest.split("\n    }\n").next());
    let constructor = if text.contains("struct Failure {") { "Self::new(" } else { "Failure::new(" };
    let failures = text.split(constructor).skip(1).map(|rest| rest.split(',').next().unwrap_or_default());
    let literals = functions.chain(failures).flat_map(|part| part.split('"').skip(1).step_by(2));
    let word = |literal: &&str| !literal.is_empty() && literal.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    literals.filter(word).map(str::to_owned).collect()
}

#[test]
fn the_page_of_error_codes_has_every_code_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut texts = Vec::new();
    sources(&root.join("server/src"), &mut texts);
    sources(&root.join("engine/src"), &mut texts);
    let source: BTreeSet<String> = texts.iter().flat_map(|text| numbered(text).chain(worded(text))).collect();
    assert!(source.len() > 120, "only {} codes found: the source is written in another way", source.len());

    let page = std::fs::read_to_string(root.join("docs/errors.md")).unwrap();
    // The cells of codes: the first of each row, and the paragraph of entries.
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")).filter_map(|row| row.split(" |").next());
    let prose = page.lines().filter(|line| line.starts_with("entry_") || line.starts_with("fold_"));
    let words = rows.chain(prose).flat_map(|cell| cell.split(", ")).map(|word| word.trim_matches([',', '.', ' ']));
    let written: BTreeSet<String> = words.filter(|word| !["code", "---", ""].contains(word)).map(str::to_owned).collect();

    let missing: Vec<_> = source.difference(&written).collect();
    let stale: Vec<_> = written.difference(&source).collect();
    assert!(missing.is_empty() && stale.is_empty(), "docs/errors.md lacks {missing:?}; the source has no {stale:?}");
}
