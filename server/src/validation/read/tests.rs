use super::*;

const SCHEMA: &str = "schema: |-\n  definition user {}\n";

fn read(text: &str) -> Result<ValidationFile, Problems> {
    file(Path::new("dir/case.yaml"), text, &|path| std::fs::read_to_string(path))
}

/// Code, line, column and a part of the message or help of each problem.
#[track_caller]
fn assert_problems(text: &str, expected: &[(&str, usize, usize, &str)]) {
    let problems = read(text).expect_err("this file has problems").problems;
    let found: Vec<_> = problems.iter().map(|problem| (problem.code, problem.place.line, problem.place.column)).collect();
    assert_eq!(found, expected.iter().map(|(code, line, column, _)| (*code, *line, *column)).collect::<Vec<_>>(), "{problems:#?}");
    for (problem, (_, _, _, part)) in problems.iter().zip(expected) {
        let said = format!("{} {}", problem.message, problem.help.as_deref().unwrap_or_default());
        assert!(said.contains(part), "`{said}` does not say `{part}`");
    }
}

#[test]
fn every_part_is_read_with_its_line() {
    let read = read(concat!(
        "---\n",
        "schema: |+\n",
        "  definition user {}\n",
        "\n",
        "  definition doc {\n",
        "  \trelation viewer: user\n",
        "  }\n",
        "\n",
        "relationships: >-\n",
        "  // a comment\n",
        "\n",
        "  doc:a#viewer@user:ada#...\n",
        "\n",
        "  doc:b#viewer@user:ada\n",
        "assertions:\n",
        "  assertTrue:\n",
        "    - \"doc:a#viewer@user:ada\"\n",
        "  assertFalse: []\n",
        "  assertCaveated:\n",
        "    - 'doc:b#viewer@user:ada with {\"n\": 1}'\n",
        "validation:\n",
        "  doc:a#viewer:\n",
        "    - \"[user:ada] is <doc:a#viewer>\"\n",
    ))
    .unwrap();
    assert_eq!(read.schema.text, "definition user {}\n\ndefinition doc {\n\trelation viewer: user\n}\n\n");
    let tuples: Vec<_> = read.tuples.iter().map(|one| (one.tuple.to_string(), one.place.line)).collect();
    assert_eq!(tuples, [("doc:a#viewer@user:ada".to_owned(), 12), ("doc:b#viewer@user:ada".to_owned(), 14)]);
    let assertions: Vec<_> = read.assertions.iter().map(|one| (one.expected, one.question.key.to_string(), one.place.line)).collect();
    assert_eq!(
        assertions,
        [(Expected::Allowed, "doc:a#viewer@user:ada".to_owned(), 17), (Expected::Conditional, "doc:b#viewer@user:ada".to_owned(), 20)]
    );
    assert_eq!(read.assertions[1].question.context.len(), 1);
    let expectation = &read.expectations[0];
    assert_eq!((expectation.object.to_string(), &*expectation.permission, expectation.place.line), ("doc:a".to_owned(), "viewer", 22));
    assert_eq!(expectation.subjects[0].place.line, 23);
}

#[test]
fn a_literal_schema_keeps_the_lines_and_columns_of_the_file() {
    let text = "schema: |-\n  definition user {}\n  definition doc {}\nvalidation: null\nassertions:\n";
    let located = read(text).unwrap().schema.located;
    assert_eq!(located, "\n  definition user {}\n  definition doc {}\n");
}

#[test]
fn a_schema_with_an_indentation_indicator_is_read() {
    let read = read("schema: |2+\n    definition user {}\nassertions: null\n").unwrap();
    assert_eq!(read.schema.text, "  definition user {}\n");
}

#[test]
fn unknown_keys_are_errors() {
    assert_problems(&format!("{SCHEMA}relationship: ''\n"), &[("validation-file", 3, 1, "did you mean `relationships`?")]);
    assert_problems(&format!("{SCHEMA}nonsense: 1\n"), &[("validation-file", 3, 1, "`schemaFile`")]);
    assert_problems(&format!("{SCHEMA}assertions:\n  asserttrue: []\n"), &[("validation-file", 4, 3, "did you mean `assertTrue`?")]);
}

#[test]
fn all_problems_of_a_file_are_reported_in_one_pass() {
    assert_problems(
        concat!(
            "schema: |-\n",
            "  definition user {}\n",
            "relationships: |-\n",
            "  doc:a#viewer@user:ada\n",
            "  doc:a@user:ada\n",
            "  doc:a#viewer@user:ada[expiration:never]\n",
            "assertions:\n",
            "  assertTrue:\n",
            "    - doc:a#viewer\n",
            "    - 'doc:a#viewer@user:ada with [1]'\n",
            "    - doc: a\n",
            "validation:\n",
            "  doc:a: []\n",
            "  doc:a#viewer:\n",
            "    - user:ada\n",
        ),
        &[
            // What could be read is held against the schema as well.
            ("unknown_type", 4, 3, "no type `doc`"),
            ("tuple_text_relation", 5, 3, "expected `#`"),
            ("time_invalid", 6, 3, "RFC 3339"),
            ("assertion", 9, 7, "expected `@`"),
            ("assertion", 10, 7, "context"),
            ("validation-file", 11, 7, "a mapping"),
            ("validation-file", 13, 3, "document:readme#view"),
            ("validation", 15, 7, "[user:ada] is <document:readme#viewer>"),
        ],
    );
}

#[test]
fn a_wrong_schema_is_drawn_although_other_things_are_wrong() {
    let problems = read("schema: |-\n  definition doc { relation viewer: usr }\nassertion: []\n").unwrap_err();
    assert_eq!(problems.problems.len(), 1);
    assert!(problems.rendered_schema.contains("unknown type `usr`"), "{problems}");
}

#[test]
fn the_usual_mistakes_are_met_with_advice() {
    let file = |rest: &str| format!("{SCHEMA}{rest}");
    let bare =
        file("assertions:\n  assertTrue:\n    - user:a#b@user:c with {\"n\": 1}\n  assertFalse: [user:a#b@user:c with {\"n\": 1}]\n");
    assert_problems(&bare, &[("yaml", 6, 38, "single quotes")]);
    let bare = file("assertions:\n  assertTrue:\n    - user:a#b@user:c with {\"n\": 1}\n");
    assert_problems(&bare, &[("validation-file", 5, 7, "put it into quotes")]);
    assert_problems(&file("relationships: |-\n  # ours\n"), &[("tuple_text_colon", 4, 3, "begins with `//`")]);
    assert_problems("schema:\n  - definition user {}\n", &[("validation-file", 2, 3, "write `schema: |`")]);
    let subject = |text: &str| file(&format!("validation:\n  user:a#b:\n    - \"{text}\"\n"));
    assert_problems(&subject("[user:a]"), &[("validation", 5, 7, "write `[user:ada] is <document:readme#viewer>`")]);
    assert_problems(&subject("[user:a] is <user:b>"), &[("validation", 5, 7, "`user:b` is no relation of an object")]);
    assert_problems(&subject("[user] is <user:b#c>"), &[("validation", 5, 7, "`user` is no subject")]);
}

#[test]
fn what_is_wrong_is_quoted_and_counted_within_bounds() {
    let lines: String = (0..10_000).map(|_| format!("  {}\n", "x".repeat(1_000))).collect();
    let problems = read(&format!("{SCHEMA}relationships: |-\n{lines}")).unwrap_err();
    assert_eq!(problems.problems.len(), 10_000);
    let text = problems.to_string();
    assert!(text.len() < 50_000 && text.ends_with("and 9900 more"), "{} bytes", text.len());
}

#[test]
fn what_is_no_yaml_is_reported_where_it_stands() {
    assert_problems("schema: |-\n  definition user {}\nassertions: [\n", &[("yaml", 4, 1, "not YAML")]);
    assert_problems("", &[("validation-file", 1, 1, "empty")]);
    assert_problems("- a\n- b\n", &[("validation-file", 1, 1, "a list")]);
    assert_problems("schema: a\nschema: b\n", &[("yaml", 2, 1, "second time")]);
    assert_problems("schema: &x a\nvalidation: *x\n", &[("yaml", 1, 9, "anchors")]);
    assert_problems("schema: a\n---\nschema: b\n", &[("yaml", 2, 1, "second document")]);
    assert_problems(&format!("schema: {}\n", "[".repeat(50)), &[("yaml", 1, 24, "16 levels")]);
}

#[test]
fn a_file_without_schema_is_refused() {
    assert_problems("assertions: null\n", &[("validation-file", 1, 1, "there is no schema")]);
    assert_problems("schemaFile: missing.zed\n", &[("validation-file", 1, 13, "missing.zed")]);
    assert_problems("schema: a\nschemaFile: b\n", &[("validation-file", 2, 1, "keep one")]);
}

/// A file with one of everything, to be broken.
const WHOLE: &str = "schema: |+\n  definition user {}\nrelationships: >-\n  doc:a#viewer@user:ada[c:{\"n\": 1}]\n\n  // x\nassertions:\n  \
     assertTrue:\n    - 'doc:a#view@user:ada with {\"n\": 1}'\nvalidation:\n  doc:a#view:\n    - \"[user:*[...] - {user:a}] is <doc:a#viewer>\"\n";

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(
        text in proptest::prelude::any::<String>(),
        edits in proptest::collection::vec((0..WHOLE.len(), "[-:#|>&*!?\\[\\]{}\"'@, \n\t~é]{0,2}", 0..3_usize), 0..6),
    ) {
        let _ = read(&text);
        let mut whole: Vec<char> = WHOLE.chars().collect();
        for (at, put, cut) in edits {
            let at = at.min(whole.len());
            let end = (at + cut).min(whole.len());
            whole.splice(at..end, put.chars());
        }
        let _ = read(&whole.into_iter().collect::<String>());
    }
}
