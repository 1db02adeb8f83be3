//! The scan splits text as the parser does, and never lets too much through.

use proptest::prelude::*;

use super::*;
use crate::caveat::Caveat;
use crate::caveat::expression::tree;

fn code(text: &str) -> Option<&'static str> {
    scan(text).err().map(|issue| issue.code)
}

#[test]
fn literals_hide_what_is_in_them_and_nothing_else() {
    let brackets = "(".repeat(MAX_DEPTH);
    for literal in [
        format!("'{brackets}'"),
        format!("\"{brackets}\""),
        format!("'\\'{brackets}'"),
        format!("'''{brackets}'{brackets}\n'''"),
        format!("\"\"\"{brackets}\"\"{brackets}\"\"\""),
        format!("r'{brackets}\\'"),
        format!("R\"{brackets}\\\""),
        format!("b'{brackets}'"),
        format!("bR'''{brackets}\\'''"),
        format!("rB'{brackets}\\'"),
        format!("1 // {brackets}'\n"),
        format!("a.`{brackets}`"),
    ] {
        assert_eq!(code(&literal), None, "{literal}");
        assert_eq!(code(&format!("{literal} + {brackets}")), Some(codes::TOO_DEEP), "{literal}");
    }
}

#[test]
fn what_could_be_split_in_two_ways_is_refused() {
    for text in [
        "1r'\\'",
        "0x1Fb'a'",
        "1ur'\\'",
        "1e5r'\\'",
        "foo'a'",
        "xr'\\'",
        "'\n'",
        "'a",
        "'''a''",
        "r'''a",
        "'\\'",
        "'\\x1'",
        "'\\u12'",
        "'\\ud800'",
        "'\\U00110000'",
        "'\\400'",
        "'\\08'",
        "'\\q'",
        "`",
        "``",
        "a.`b",
        "1.2.3'a'",
        "0x",
        "1e",
        "1e400",
        "1_0",
        "§",
        "\u{a0}",
        "a\u{b}b",
        "a = b",
        "a & b",
        "@a",
        "$a",
        "a \\ b",
        "99999999999999999999",
        "18446744073709551616u",
        "0xffffffffffffffff",
    ] {
        assert!(matches!(code(text), Some(codes::LEXICAL | codes::SYNTAX)), "{text}: {:?}", code(text));
    }
    for text in [
        "1",
        "-9223372036854775808",
        "0xFFu",
        "18446744073709551615u",
        "1.5e-3",
        "1e+5",
        ".5",
        "1.5",
        "0x1e+5",
        "a.in(b)",
        "a in'b'",
        "'' + ''",
        "'''\n'''",
        "r'\n'",
        "'\\x41\\u00e4\\U0001F600\\101\\?'",
        "b'\\xff'",
        "a.`b-c`",
        "m['a'].b",
        "1u",
        "1U",
        "0X1f",
    ] {
        assert_eq!(code(text), None, "{text}");
    }
}

#[test]
fn a_chain_adds_to_the_depth_of_what_is_in_it() {
    let nested = |brackets: usize, chain: usize| format!("{}1{}{}", "(".repeat(brackets), ")".repeat(brackets), "+1".repeat(chain));
    assert_eq!(code(&nested(MAX_DEPTH / 4, MAX_DEPTH / 2)), None);
    assert_eq!(code(&nested(MAX_DEPTH / 4, MAX_DEPTH / 2 + 1)), Some(codes::TOO_DEEP));
    assert_eq!(code(&format!("f({}, {})", nested(50, 90), nested(50, 90))), None);
    assert_eq!(code(&format!("f({}, {})", nested(50, 99), nested(50, 90))), Some(codes::TOO_DEEP));
}

#[test]
fn length_and_tokens_are_limited() {
    assert_eq!(code(&" ".repeat(MAX_EXPRESSION_BYTES + 1)), Some(codes::TOO_LONG));
    assert_eq!(code(&format!("'{}'", "x".repeat(MAX_EXPRESSION_BYTES - 2))), None);
    assert_eq!(code(&format!("[{}]", "1,".repeat(MAX_TOKENS / 2 - 1))), None);
    assert_eq!(code(&format!("[{}]", "1,".repeat(MAX_TOKENS / 2))), Some(codes::TOO_MANY_TOKENS));
}

/// How deep the tree of an expression is.
fn depth(expr: &cel_core::SpannedExpr) -> usize {
    tree::children(expr).into_iter().map(depth).max().unwrap_or_default() + 1
}

/// Pieces of text that matter to a lexer, in any order.
fn soup() -> impl Strategy<Value = String> {
    let pieces = vec![
        "a",
        "l",
        "m",
        "1",
        "2u",
        "0x1F",
        "1.5",
        ".5",
        "1e3",
        "'",
        "\"",
        "'''",
        "\"\"\"",
        "\\",
        "\\'",
        "r'",
        "b\"",
        "br'",
        "R",
        "b",
        "x'",
        "`",
        "//",
        "\n",
        " ",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ".",
        ":",
        "?",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "<",
        "<=",
        "==",
        "!=",
        "&&",
        "||",
        "in",
        " in ",
        "true",
        "false",
        "null",
        "l.all(x, ",
        "has(m.a)",
        "size(",
        "m.a",
        "l[0]",
        "a ? a : ",
        "'b'",
        "é",
        "\\u0041",
        "\\x",
        "&",
        "=",
    ];
    prop_oneof![
        prop::collection::vec(prop::sample::select(pieces.clone()), 0..8),
        prop::collection::vec(prop::sample::select(pieces), 8..40)
    ]
    .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_scan_lets_through_is_as_deep_as_it_says(text in soup()) {
        if scan(&text).is_ok() {
            let parsed = cel_core::parse(&text);
            prop_assert!(parsed.ast.is_none_or(|tree| depth(&tree) <= 3 * MAX_DEPTH));
            // The lexer is the one part that the scan repeats: they agree on what is a token at all.
            prop_assert!(parsed.errors.iter().all(|error| !error.message.starts_with("unexpected character")), "{text}: {:?}", parsed.errors);
        }
    }

    #[test]
    fn no_text_makes_the_compiler_panic(text in prop_oneof![soup(), ".{0,60}", "[\\x00-\\x7f]{0,60}"]) {
        let parameters = [("a", "bool"), ("l", "list<int>"), ("m", "map<any>")];
        let parameters = parameters.iter().map(|(name, declared)| ((*name).into(), declared.parse().expect("a type"))).collect();
        if let Err(issues) = Caveat::compile("test".into(), parameters, &text, None) {
            prop_assert!(!issues.is_empty());
            for issue in issues {
                prop_assert!(text.get(issue.range.clone()).is_some(), "{text}: {issue:?}");
            }
        }
    }
}
