//! Laws of the formatter.

use rowan::NodeOrToken;

use super::format;
use crate::syntax::parse;
use crate::{compile_str, diff};

fn formatted(text: &str) -> String {
    format(text).unwrap_or_else(|errors| panic!("{text}\n{errors:?}"))
}

/// The comments of a text, each line trimmed.
fn comments(text: &str) -> Vec<String> {
    let tokens = parse("schema", text).root().descendants_with_tokens().filter_map(NodeOrToken::into_token).collect::<Vec<_>>();
    let comments = tokens.iter().filter(|token| token.kind().is_comment());
    comments.map(|token| token.text().lines().map(str::trim).collect::<Vec<_>>().join("\n")).collect()
}

/// Checks all laws of one text that parses, and gives it formatted.
pub(crate) fn check_laws(text: &str) -> String {
    let once = formatted(text);
    assert_eq!(formatted(&once), once, "formatting twice differs for:\n{text}");
    assert_eq!(comments(&once), comments(text), "comments differ for:\n{text}");
    match (compile_str(text), compile_str(&once)) {
        (Ok(before), Ok(after)) => {
            assert_eq!(diff(&before, &after), [], "the meaning differs for:\n{text}");
            assert_eq!(before.definitions, after.definitions, "the meaning differs for:\n{text}");
        }
        (Err(before), Err(after)) => {
            let codes = |error: &crate::CompileError| error.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>();
            assert_eq!(codes(&before), codes(&after), "the errors differ for:\n{text}");
        }
        (before, after) => panic!("{text}\ncompiles {} and formatted {}", before.is_ok(), after.is_ok()),
    }
    once
}

#[test]
fn the_layout_is_the_standard_one() {
    let messy = "// head\n\n\n\nuse   expiration\nuse self;\nimport 'x'\n/** people\n* all\n*/\ndefinition   user{}\n\
        definition doc{relation viewer:user|team # member|user:*|user  with c  and expiration// who\n\n\n\
        /* plain */\n  relation a :user;permission view:user|team=( viewer+a )&b  ->c - x . all( y )-nil permission z = a\n   + b // why\n   + c\n  // end\n}\n\
        // between\ncaveat c(a int,b list < int >){a==1&&\n  b==[2]}\ncaveat d(\n a int,b int){\n      a == 1 &&\n      b == 2 // x\n  }\npartial p{...q ...r}\n";
    let neat = "// head\n\nuse expiration\nuse self\nimport 'x'\n/** people\n * all\n */\ndefinition user {}\n\n\
        definition doc {\n  relation viewer: user | team#member | user:* | user with c and expiration // who\n\n\
        \x20 /* plain */\n  relation a: user\n  permission view: user | team = (viewer + a) & b->c - x.all(y) - nil\n  permission z = a\n    + b // why\n    + c\n  // end\n}\n\n\
        // between\ncaveat c(a int, b list<int>) {\n  a==1&&\n  b==[2]\n}\n\ncaveat d(\n  a int,\n  b int\n) {\n      a == 1 &&\n      b == 2 // x\n}\n\n\
        partial p {\n  ...q\n  ...r\n}\n";
    similar(&check_laws(messy), neat);
}

fn similar(found: &str, expected: &str) {
    assert!(found == expected, "found:\n{found}\nexpected:\n{expected}");
}

#[test]
fn a_text_with_syntax_errors_is_refused() {
    let errors = format("definition user {").unwrap_err();
    assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), ["DH-S007"]);
}

#[test]
fn a_text_that_does_not_compile_is_still_laid_out() {
    similar(&check_laws("definition a{relation b:c}"), "definition a {\n  relation b: c\n}\n");
}

#[test]
fn comments_stay_wherever_they_stand() {
    let places = [
        "definition/*1*/user/*2*/{/*3*/}/*4*/",
        "definition user { // a\n}",
        "definition user {\n\n// a\n\n\n// b\n\n}\n// c",
        "definition user { relation/*1*/a/*2*/:/*3*/user/*4*/#/*5*/b/*6*/|/*7*/user/*8*/:/*9*/*/*0*/ relation b: user }",
        "definition user { permission a = /*1*/(/*2*/b/*3*/->/*4*/c/*5*/)/*6*/+/*7*/b/*8*/./*9*/all/*0*/(/*a*/c/*b*/)/*c*/ }",
        "definition user { permission a = b // x\n + // y\n c // z\n}",
        "definition user { permission a = ( // x\n b\n // y\n ) }",
        "caveat/*1*/c/*2*/(/*3*/a/*4*/int/*5*/,/*6*/b/*7*/list/*8*/</*9*/int/*0*/>/*a*/)/*b*/{a == 1 // c\n}/*d*/",
        "caveat c( // 1\n a int, // 2\n // 3\n b int // 4\n // 5\n) { a == b }",
        "caveat c(\n // 1\n a int, b int) { a == b }",
        "use/*1*/self/*2*/import/*3*/'a'/*4*/",
        "/* a\n   b\n  c */\ndefinition user {\n /* a\n   b */\n   /**\n * x\n    */ relation a: user\n}",
        "/** doc */;definition user {; /** doc */; relation a: user /** x */; ; relation b: user;};",
        "// only",
        "",
        "\u{feff}definition a {}",
        "// a\r\ndefinition a {}\r\n",
    ];
    for text in places {
        check_laws(text);
    }
}

#[test]
fn blank_lines_are_kept_single() {
    let text = "definition user {\n\n\n  relation a: user\n\n\n\n  relation b: user\n  relation c: user\n\n}";
    similar(&check_laws(text), "definition user {\n  relation a: user\n\n  relation b: user\n  relation c: user\n}\n");
}

#[test]
fn caveat_text_is_the_authors() {
    let text = "caveat c(a string) {\n\n    a == '''\n  x }\n''' &&\n      a != \"//\"\n\n}";
    similar(&check_laws(text), "caveat c(a string) {\n    a == '''\n  x }\n''' &&\n      a != \"//\"\n}\n");
}

mod generated {
    use proptest::prelude::*;

    use super::check_laws;

    fn name() -> impl Strategy<Value = String> {
        proptest::sample::select(vec!["a", "b", "user", "`x-y`", "self", "any"]).prop_map(str::to_owned)
    }

    /// White space or a comment, between any two tokens.
    fn gap() -> impl Strategy<Value = String> {
        proptest::sample::select(vec![" ", "\n", "\n\n", "\t", " // c\n", " /* c */ ", "/** d */", "\n\n\n// e\n\n", "\n/* f\n * g */\n"])
            .prop_map(str::to_owned)
    }

    fn expression() -> impl Strategy<Value = Vec<String>> {
        let leaf = prop_oneof![
            name().prop_map(|name| vec![name]),
            Just(vec!["nil".to_owned()]),
            (name(), name()).prop_map(|(a, b)| vec![a, "->".into(), b]),
            (name(), name()).prop_map(|(a, b)| vec![a, ".".into(), "all".into(), "(".into(), b, ")".into()]),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                (inner.clone(), proptest::sample::select(vec!["+", "&", "-"]), inner.clone()).prop_map(|(a, operator, b)| [
                    a,
                    vec![operator.to_owned()],
                    b
                ]
                .concat()),
                inner.prop_map(|inner| [vec!["(".to_owned()], inner, vec![")".to_owned()]].concat()),
            ]
        })
    }

    fn subject() -> impl Strategy<Value = Vec<String>> {
        let with = prop_oneof![
            Just(vec![]),
            Just(vec!["with", "expiration"]),
            Just(vec!["with", "c"]),
            Just(vec!["with", "c", "and", "expiration"])
        ];
        let shape = prop_oneof![Just(vec![]), Just(vec![":", "*"]), Just(vec!["#", "a"]), Just(vec!["#", "..."])];
        (name(), shape, with).prop_map(|(name, shape, with)| {
            let rest = shape.into_iter().chain(with).map(str::to_owned);
            std::iter::once(name).chain(rest).collect()
        })
    }

    fn member() -> impl Strategy<Value = Vec<String>> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        prop_oneof![
            (name(), subject(), proptest::option::of(subject())).prop_map(move |(name, one, two)| {
                let two = two.map(|two| [words(&["|"]), two].concat()).unwrap_or_default();
                [words(&["relation"]), vec![name], words(&[":"]), one, two].concat()
            }),
            (name(), proptest::option::of(name()), expression()).prop_map(move |(name, annotation, expression)| {
                let annotation = annotation.map(|annotation| [words(&[":"]), vec![annotation]].concat()).unwrap_or_default();
                [words(&["permission"]), vec![name], annotation, words(&["="]), expression].concat()
            }),
            name().prop_map(move |name| [words(&["..."]), vec![name]].concat()),
        ]
    }

    fn item() -> impl Strategy<Value = Vec<String>> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        prop_oneof![
            Just(words(&["use", "self"])),
            Just(words(&["import", "'a.zed'"])),
            Just(words(&["caveat", "c", "(", "a", "int", ",", "b", "list", "<", "int", ">", ")", "{ a == 1 // }\n && b == [2]}"])),
            (proptest::sample::select(vec!["definition", "partial"]), name(), proptest::collection::vec(member(), 0..4))
                .prop_map(move |(keyword, name, members)| [words(&[keyword]), vec![name], words(&["{"]), members.concat(), words(&["}"])]
                    .concat()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_500))]

        #[test]
        fn every_text_keeps_meaning_and_comments(
            items in proptest::collection::vec(item(), 0..5),
            gaps in proptest::collection::vec(gap(), 40),
        ) {
            let mut text = String::new();
            for (index, token) in items.concat().iter().enumerate() {
                text.push_str(&gaps[index % gaps.len()]);
                text.push_str(token);
            }
            text.push_str(&gaps[0]);
            check_laws(&text);
        }
    }
}
