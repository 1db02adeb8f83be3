//! Laws of the parser: it keeps every byte, reports every error, and nothing makes it slow or deep.

use proptest::prelude::*;

use super::*;
use crate::limits::{MAX_DEPTH, MAX_OPERANDS, MAX_SCHEMA_BYTES};

/// Parses, checks that the tree holds the text, and gives the codes of the errors.
fn codes(text: &str) -> Vec<&'static str> {
    let parsed = parse("schema", text);
    assert_eq!(parsed.root().text().to_string(), text);
    for label in parsed.diagnostics.iter().flat_map(|diagnostic| &diagnostic.labels) {
        assert!(text.get(label.range.clone()).is_some(), "{label:?} is no range of the text");
    }
    parsed.diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn a_schema_with_every_construct_has_no_syntax_error() {
    let text = "use expiration\nuse self\nuse typechecking\nuse partial\nuse import\nimport \"./a.zed\"\nimport 'b.zed';\n\
        /** doc */ definition `acme/odd-one` {}\n\
        partial p { relation a: user | team#member | user:* | user#... | user with c | user with c and expiration | user with expiration; }\n\
        definition d { ...p // trailing\n permission v: user | acme/x = (a + b.any(c) & b.all(c)) - d->e - nil & self\n }\n\
        caveat c(a int, b list<map<list<any>>>, ) { a == 1 && b == {'}': \"}\"} // }\n }";
    assert_eq!(codes(text), Vec::<&str>::new());
}

#[test]
fn all_errors_of_a_file_are_found_in_one_pass() {
    let text = "definition a { relation }\ndefinition b { permission x = + }\nnonsense\ndefinition c { relation r: user | }\ncaveat d(x int { x }\n";
    assert_eq!(codes(text), ["DH-S005", "DH-S005", "DH-S005", "DH-S005", "DH-S007"]);
}

#[test]
fn a_broken_member_does_not_spoil_its_neighbours() {
    let parsed = parse("schema", "definition a {\n relation x user\n relation y: user\n permission z = y +\n permission w = y\n}");
    let names: Vec<String> = parsed.root().descendants().filter_map(|node| ast::name(&node)).map(|name| name.name.to_string()).collect();
    for name in ["x", "y", "z", "w"] {
        assert!(names.iter().any(|found| found == name), "{name} is missing in {names:?}");
    }
    assert_eq!(parsed.diagnostics.len(), 2);
}

/// The text parses to its end on a thread with a small stack, and has the error.
fn refused(name: &str, text: String, expected: &'static str) {
    let name = name.to_owned();
    let run = move || {
        let found = codes(&text);
        assert!(found.contains(&expected), "{name}: {expected} is not among {found:?}");
        crate::compile_str(&text).expect_err("a hostile text does not compile");
        assert!(crate::format(&text).is_err());
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn hostile_text_gives_an_error() {
    let permission = |expression: &str| format!("definition a {{ permission p = {expression} }}");
    refused("100,000 open parentheses", permission(&"(".repeat(100_000)), "DH-S003");
    refused("100,000 pairs of parentheses", permission(&format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000))), "DH-S003");
    refused("a + a + …", permission(&"a + ".repeat(90_000)), "DH-S004");
    refused("a & a & …", permission(&"a & ".repeat(90_000)), "DH-S004");
    refused("a - a - …", permission(&"a - ".repeat(90_000)), "DH-S003");
    refused("a->a->…", permission(&"a->".repeat(100_000)), "DH-S004");
    refused("a.any(a).any(a)…", permission(&format!("a{}", ".any(a)".repeat(50_000))), "DH-S004");
    refused("too many tokens", permission(&"a+".repeat(150_000)), "DH-S002");
    refused("mixed operators", permission(&"a + b & c - (".repeat(20_000)), "DH-S003");
    refused("a | a | …", format!("definition a {{ relation p: {}a }}", "a | ".repeat(50_000)), "DH-S004");
    refused("list<list<…", format!("caveat c(a {}int", "list<".repeat(60_000)), "DH-S003");
    refused("open braces", "{".repeat(MAX_SCHEMA_BYTES), "DH-S005");
    refused("open blocks", "definition a {".repeat(20_000), "DH-S007");
    refused("open caveats", "caveat a(b int) {\n".repeat(20_000), "DH-S007");
    refused("open comments", "/* ".repeat(100_000), "DH-S007");
    refused("open doc comments", "/** ".repeat(90_000), "DH-S007");
    refused("open quotes", "import \"\n".repeat(30_000), "DH-S007");
    refused("open backticks", "definition ` {\n".repeat(20_000), "DH-S007");
    refused("stray characters", "€".repeat(100_000), "DH-S006");
    refused("a megabyte of braces", "{".repeat(1 << 20), "DH-S001");
    refused("members of nothing", "relation a: b\n".repeat(20_000), "DH-S005");
    refused("many long names", format!("definition {} {{}}\n", "a".repeat(300)).repeat(1_000), "DH-S008");
}

#[test]
fn what_stays_within_the_limits_is_no_error() {
    let permission = |expression: &str| format!("definition a {{ permission p = {expression} }}");
    let depth = MAX_DEPTH - 1;
    assert_eq!(codes(&permission(&format!("{}a{}", "(".repeat(depth), ")".repeat(depth)))), Vec::<&str>::new());
    assert_eq!(codes(&permission(&format!("a{}", " + a".repeat(MAX_OPERANDS - 1)))), Vec::<&str>::new());
    assert_eq!(codes(&permission(&format!("a{}", " - a".repeat(depth)))), Vec::<&str>::new());
}

/// Text made of the language's own words, so that it goes deep into the grammar.
fn word_soup() -> impl Strategy<Value = String> {
    let words = [
        "definition",
        "caveat",
        "relation",
        "permission",
        "nil",
        "with",
        "and",
        "use",
        "import",
        "partial",
        "self",
        "expiration",
        "typechecking",
        "any",
        "all",
        "a",
        "b",
        "user",
        "acme/doc",
        "`x-y`",
        "{",
        "}",
        "(",
        ")",
        "<",
        ">",
        ":",
        ";",
        ",",
        "=",
        "|",
        "#",
        "*",
        "+",
        "&",
        "-",
        "->",
        ".",
        "...",
        "/",
        "\"f.zed\"",
        "'",
        "\"",
        "`",
        "// c\n",
        "/* c */",
        "/** d */",
        "/*",
        "\n",
        " ",
        "é",
        "int",
        "list",
        "1",
        "\\",
        "@",
    ];
    proptest::collection::vec(proptest::sample::select(words.to_vec()), 0..60).prop_map(|words| words.join(" ").replace(" . ", "."))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn any_bytes_are_parsed_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        codes(&text);
    }

    #[test]
    fn any_words_of_the_language_are_compiled_without_a_panic(text in word_soup()) {
        codes(&text);
        let sources = crate::MemorySources::single(&text);
        let compilation = crate::compile("schema", &sources);
        prop_assert_eq!(compilation.schema.is_none(), compilation.diagnostics.iter().any(crate::Diagnostic::is_error));
        let drawn = crate::render(&compilation.diagnostics, &sources, true);
        prop_assert_eq!(drawn.is_empty(), compilation.diagnostics.is_empty());
        if let Ok(formatted) = crate::format(&text) {
            prop_assert_eq!(crate::format(&formatted), Ok(formatted));
        }
    }
}
