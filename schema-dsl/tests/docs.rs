//! `docs/diagnostics.md` is what the tables of codes say; with `DHOW_BLESS` set it is written anew.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::Path;

use dhow_schema::{MemorySources, caveat, compile, diagnostic, format, render};

fn page() -> String {
    let mut page = String::from(
        "# Diagnostics of the schema language\n\n\
        Generated from the tables in `schema-dsl`; a test keeps it in step (`DHOW_BLESS=1 cargo test -p dhow-schema` writes it anew).\n\
        A code keeps its meaning for good. Errors keep a schema from compiling; warnings do not.\n",
    );
    for info in diagnostic::CODES {
        write!(page, "\n## {}: {}\n\n{}\n", info.code, info.title, info.explanation).unwrap();
        if info.example.is_empty() {
            continue;
        }
        let text = format(info.example).unwrap_or_else(|_| format!("{}\n", info.example));
        let sources = MemorySources::single(&text);
        let found: Vec<_> = compile("schema", &sources).diagnostics.into_iter().filter(|found| found.code == info.code).take(1).collect();
        write!(page, "\n```\n{text}```\n\n```\n{}```\n", render(&found, &sources, false)).unwrap();
    }
    page.push_str("\n## Codes of caveats\n\nRaised in the expression of a caveat, at its evaluation, or for a context to be stored.\n\n");
    page.push_str("| code | meaning |\n| --- | --- |\n");
    for (code, title) in caveat::CODES {
        writeln!(page, "| {code} | {title} |").unwrap();
    }
    page
}

#[test]
fn the_page_of_diagnostics_says_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/diagnostics.md");
    if std::env::var_os("DHOW_BLESS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap_or_default() == page(), "docs/diagnostics.md is out of date: run with DHOW_BLESS=1");
}

#[test]
fn the_schema_that_the_guide_shows_has_no_findings_and_the_standard_layout() {
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/schema-language.md")).unwrap();
    let shown = guide.split("```\n").nth(1).unwrap();
    let sources = MemorySources::single(shown);
    let found = compile("schema", &sources).diagnostics;
    assert!(found.is_empty(), "{}", render(&found, &sources, false));
    assert_eq!(format(shown).as_deref(), Ok(shown));
}
