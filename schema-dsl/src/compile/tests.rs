//! The findings of every construct, case by case, and the examples of the table of codes.

use std::collections::BTreeMap;

use super::*;
use crate::diagnostic::CODES;
use crate::ir::{Quantifier, RelationKind, Rewrite, SubjectShape};

fn findings(text: &str) -> Vec<Diagnostic> {
    compile(SINGLE_FILE, &MemorySources::single(text)).diagnostics
}

#[test]
fn every_example_of_the_table_raises_its_code() {
    for info in CODES.iter().filter(|info| !info.example.is_empty()) {
        let found = findings(info.example);
        assert!(found.iter().any(|diagnostic| diagnostic.code == info.code), "{}: {:?} gives {found:?}", info.code, info.example);
    }
}

#[test]
fn a_message_is_short_however_long_a_name_is() {
    let name = "a".repeat(100_000);
    for text in [
        format!("definition d {{ permission p = {name} }}"),
        format!("definition d {{ relation r: {name} | d#{name} | d with {name} }}"),
        format!(
            "definition {name} {{}} definition {name} {{}} definition d {{ relation r: {name}  relation s: d  permission t = s->{name} }}"
        ),
        format!("use {name}\nuse partial use import import \"{name}\" definition d {{ ...{name} }} caveat c({name} {name}) {{ {name} }}"),
    ] {
        let found = findings(&text);
        assert!(found.iter().any(Diagnostic::is_error));
        for diagnostic in found {
            let help = diagnostic.help.as_deref().unwrap_or_default();
            assert!(diagnostic.message.len() + help.len() < 4_000, "{}: {} bytes", diagnostic.code, diagnostic.message.len());
            assert!(diagnostic.labels.iter().all(|label| label.text.len() < 2_000), "{}", diagnostic.code);
        }
    }
}

#[test]
fn every_message_follows_the_wording() {
    for info in CODES.iter().filter(|info| !info.example.is_empty()) {
        for diagnostic in findings(info.example) {
            let texts = std::iter::once(&diagnostic.message).chain(&diagnostic.help);
            for text in texts.chain(diagnostic.labels.iter().map(|label| &label.text)) {
                assert!(!text.ends_with('.') || text.ends_with("..."), "{text:?} ends with a full stop");
                assert!(!text.chars().next().is_some_and(char::is_uppercase), "{text:?} begins with a capital");
            }
        }
    }
}

#[test]
fn operators_bind_as_documented() {
    let schema = compile_str(
        "definition user {} definition d { relation a: user relation b: user relation c: user relation d: user
        permission p = a + b & c - d - a  permission q = a - (b - c)  permission r = (a + b) + (c + d) }",
    )
    .unwrap();
    let rewrite = |name: &str| schema.relation("d", name).unwrap().rewrite.to_string();
    assert_eq!(rewrite("p"), "((a + b) & c) - d - a");
    assert_eq!(rewrite("q"), "a - (b - c)");
    assert_eq!(rewrite("r"), "a + b + c + d");
}

#[test]
fn the_compiled_form_says_what_the_text_says() {
    let schema = compile_str(
        "use expiration use self
        /** people */ definition user {}
        caveat c(a int) { a == 1 }
        definition team {
          /**
           * who is in
           *
           * all of them
           */
          relation member: user | user:* with c | team#member with expiration | team#member with c and expiration
          relation sub: team#...
          permission all = sub.all(member) + sub->member + sub.any(member) + self + nil
        }",
    )
    .unwrap();
    assert_eq!(schema.definitions["user"].doc.as_deref(), Some("people"));
    let team = &schema.definitions["team"];
    let member = &team.relations["member"];
    assert_eq!(member.doc.as_deref(), Some("who is in\n\nall of them"));
    assert_eq!((member.kind, &member.rewrite), (RelationKind::Relation, &Rewrite::Direct));
    let direct: Vec<String> = member.direct.iter().map(ToString::to_string).collect();
    assert_eq!(direct, ["user", "user:* with c", "team#member with expiration", "team#member with c and expiration"]);
    assert_eq!(team.relations["sub"].direct[0].shape, SubjectShape::Object);
    let Rewrite::Union(operands) = &team.relations["all"].rewrite else { panic!("not a union") };
    let arrow = |quantifier| Rewrite::Arrow { tupleset: "sub".into(), target: "member".into(), quantifier };
    let expected = [arrow(Quantifier::All), arrow(Quantifier::Any), arrow(Quantifier::Any), Rewrite::SelfObject, Rewrite::Nil];
    assert_eq!(operands, &expected);
    assert_eq!(team.source_order.iter().map(|name| &**name).collect::<Vec<_>>(), ["member", "sub", "all"]);
}

#[test]
fn imports_and_partials_give_the_schema_that_one_file_gives() {
    let files = BTreeMap::from([
        (
            "main.zed".to_owned(),
            "use import use partial import './parts/shared.zed' import 'user.zed' definition doc { ...shared permission view = viewer }"
                .to_owned(),
        ),
        ("parts/shared.zed".to_owned(), "use partial use import import 'inner/base.zed' partial shared { ...base }".to_owned()),
        ("parts/inner/base.zed".to_owned(), "use partial partial base { /** who */ relation viewer: user }".to_owned()),
        ("user.zed".to_owned(), "definition user {}".to_owned()),
    ]);
    let imported = compile_str_with_imports("main.zed", &files).unwrap();
    let single = compile_str("definition user {} definition doc { /** who */ relation viewer: user permission view = viewer }").unwrap();
    assert_eq!(imported.definitions, single.definitions);
    assert_eq!(crate::print::to_native(&imported), crate::print::to_native(&single));
}

#[test]
fn foreign_names_stand_in_backticks() {
    let schema = compile_str(
        "definition `my-user` {} definition doc { relation `can.view`: `my-user` permission `nil` = `can.view` permission `self` = `nil` }",
    )
    .unwrap();
    assert_eq!(schema.relation("doc", "nil").unwrap().rewrite, Rewrite::Computed("can.view".into()));
    let printed = crate::print::to_native(&schema).unwrap();
    assert_eq!(compile_str(&printed).unwrap().definitions, schema.definitions);
}

#[test]
fn a_relation_named_self_is_reached_without_the_flag_and_in_backticks() {
    let schema = compile_str("definition user { relation self: user permission view = self }").unwrap();
    assert_eq!(schema.relation("user", "view").unwrap().rewrite, Rewrite::Computed("self".into()));
    let schema = compile_str("use self definition user { relation self: user permission view = `self` - self }").unwrap();
    assert_eq!(schema.relation("user", "view").unwrap().rewrite.to_string(), "`self` - self");
}

#[test]
fn a_caveat_named_expiration_is_used_without_the_flag_and_in_backticks() {
    let caveat = "caveat expiration(a int) { a == 1 } definition user {";
    let schema = compile_str(&format!("{caveat} relation a: user with expiration }}")).unwrap();
    assert_eq!(schema.relation("user", "a").unwrap().direct[0].caveat.as_deref(), Some("expiration"));
    let schema = compile_str(&format!("use expiration {caveat} relation a: user with `expiration` and expiration }}")).unwrap();
    let direct = &schema.relation("user", "a").unwrap().direct[0];
    assert_eq!((direct.caveat.as_deref(), direct.expiration), (Some("expiration"), true));
    assert_eq!(direct.to_string(), "user with `expiration` and expiration");
}

#[test]
fn a_schema_is_there_exactly_if_nothing_is_an_error() {
    for info in CODES.iter().filter(|info| !info.example.is_empty()) {
        let compilation = compile(SINGLE_FILE, &MemorySources::single(info.example));
        let errors = compilation.diagnostics.iter().any(Diagnostic::is_error);
        assert_eq!(compilation.schema.is_none(), errors, "{}", info.code);
    }
}

#[test]
fn partials_within_partials_cannot_blow_up() {
    let mut text = String::from("use partial definition d { ...p0 } partial p60 { relation a: d }");
    for number in 0..60 {
        text.push_str(&format!(" partial p{number} {{ ...p{0} ...p{0} }}", number + 1));
    }
    let found = findings(&text);
    assert!(found.iter().any(|diagnostic| diagnostic.code == "DH-S110"), "{found:?}");
}

#[test]
fn exclusions_nested_in_parentheses_are_counted_as_depth() {
    let nested = |levels: usize| (0..levels).fold("a".to_owned(), |inner, _| format!("({inner}{})", " - a".repeat(80)));
    let compiled = |levels: usize| compile_str(&format!("definition d {{ relation a: d permission p = {} }}", nested(levels)));
    assert!(compiled(3).is_ok());
    let error = compiled(5).unwrap_err();
    assert_eq!(error.diagnostics.iter().filter(|found| found.is_error()).map(|found| found.code).collect::<Vec<_>>(), ["DH-S003"]);
}

#[test]
fn findings_beyond_the_limit_are_counted() {
    let members: String = (0..300).map(|number| format!(" permission p{number} = x{number}")).collect();
    let found = findings(&format!("definition d {{{members} }}"));
    assert_eq!(found.len(), crate::limits::MAX_DIAGNOSTICS + 1);
    let last = found.last().map(|last| (last.code, last.message.as_str()));
    assert_eq!(last, Some(("DH-S010", "more than 100 findings, 200 or more are not shown")));
    let found = findings(&format!("definition a {{ {} }}", "relation\n".repeat(1_000)));
    assert_eq!(found.iter().filter(|found| found.code == "DH-S010").count(), 1);
}

/// The text is compiled (or refused) to its end on a small stack; one that takes ages is seen by whoever waits for the tests.
fn ends(name: &str, text: String) {
    let name = name.to_owned();
    let run = move || {
        assert!(text.len() <= crate::limits::MAX_SCHEMA_BYTES, "{name} is too long to be a test");
        let sources = MemorySources::single(&text);
        let compilation = compile(SINGLE_FILE, &sources);
        let is_syntax = |diagnostic: &Diagnostic| diagnostic.code < "DH-S010" && diagnostic.code != "DH-S003" && diagnostic.is_error();
        assert!(!compilation.diagnostics.iter().any(is_syntax), "{name} is not what it should be: {:?}", compilation.diagnostics.first());
        let drawn = crate::render(&compilation.diagnostics, &sources, false);
        assert!(drawn.len() < 1 << 22, "{name} is drawn with {} bytes", drawn.len());
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn large_and_hostile_schemas_are_compiled_to_the_end() {
    let many = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let types = many(900, &|i| format!("definition t{i}{{relation x:t0 permission y=x}}\n"));
    let subjects = (0..900).map(|i| format!("t{i}")).collect::<Vec<_>>().join("|");
    let arrows = many(20, &|i| format!("permission p{i}={}\n", ["r->x", "r->y", "r->no"].repeat(300).join("+")));
    ends("arrows over many types", format!("{types}definition big{{relation r:{subjects} {arrows}}}"));
    let ring = |body: &str, count: usize| {
        many(count, &|i| format!("definition t{i}{{relation n:t{} relation a:t{i} {body}}}\n", (i * 7 + 1) % count))
    };
    ends("types that pile up around a ring", ring("permission p=a+n->p", 4_000));
    ends("types that are cut around a ring", ring("permission p=a+n->p&n->p", 3_500));
    ends("annotations around a ring", format!("use typechecking {}", ring("permission p:t1=a+n->p", 3_500)));
    let empty = many(300, &|i| {
        format!("permission e{i}={}&nil\n", (i + 1..i + 150).map(|j| format!("e{}", j % 300)).collect::<Vec<_>>().join("&"))
    });
    ends("empty permissions", format!("definition a{{{empty}}}"));
    let heavy = many(40, &|i| format!("permission p{i}={}\n", ["a"; 900].join("+")));
    ends(
        "a heavy partial",
        format!("use partial partial s{{relation a:d0 {heavy}}}{}", many(3_000, &|i| format!("definition d{i}{{...s}}\n"))),
    );
    ends(
        "circle of partials",
        format!("use partial definition d{{...p0}}{}", many(8_000, &|i| format!("partial p{i}{{...p{}}}\n", (i + 1) % 8_000))),
    );
    ends("subtracting", format!("definition a{{relation x:a {}}}", many(9_000, &|i| format!("permission p{i}=x-p{i}\n"))));
    ends("unknown names", format!("definition a{{{}}}", many(12_000, &|i| format!("relation p{i}:zz{i}\n"))));
    let deep = many(150, &|i| format!("permission p{i}={}x&nil{}\n", "(".repeat(90), "&x)+x".repeat(90)));
    ends("deep permissions", format!("definition a{{relation x:a {deep}}}"));
}

mod generated {
    use proptest::prelude::*;

    use crate::graph::RelationGraph;
    use crate::{compile_str, diff, format, print};

    const TYPES: [&str; 3] = ["user", "acme/team", "`odd-type`"];
    const RELATIONS: [&str; 3] = ["owner", "parent", "`odd.relation`"];

    fn subject() -> impl Strategy<Value = String> {
        let shape = prop_oneof![
            4 => Just(String::new()),
            2 => Just(":*".to_owned()),
            3 => proptest::sample::select(RELATIONS.to_vec()).prop_map(|relation| format!("#{relation}")),
        ];
        let with = proptest::sample::select(vec!["", " with limited", " with expiration", " with limited and expiration"]);
        (proptest::sample::select(TYPES.to_vec()), shape, with).prop_map(|(object_type, shape, with)| format!("{object_type}{shape}{with}"))
    }

    /// Subject types without wildcards, so that an arrow may follow them.
    fn followed() -> impl Strategy<Value = Vec<String>> {
        proptest::collection::btree_set(subject().prop_filter("no wildcard", |subject| !subject.contains(":*")), 1..4)
            .prop_map(|subjects| subjects.into_iter().collect())
    }

    fn expression() -> impl Strategy<Value = String> {
        let name = proptest::sample::select(vec!["owner", "parent", "`odd.relation`", "p0", "p1"]);
        let leaf = prop_oneof![
            4 => name.clone().prop_map(str::to_owned),
            1 => Just("nil".to_owned()),
            1 => Just("self".to_owned()),
            2 => (proptest::sample::select(vec!["->", ".any(", ".all("]), name).prop_map(|(arrow, name)| {
                format!("parent{arrow}{name}{}", if arrow == "->" { "" } else { ")" })
            }),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            let operator = proptest::sample::select(vec!["+", "&", "-"]);
            prop_oneof![
                (inner.clone(), operator, inner.clone()).prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
                inner.prop_map(|inner| format!("({inner})")),
            ]
        })
    }

    fn definition() -> impl Strategy<Value = String> {
        let subjects = || proptest::collection::btree_set(subject(), 1..4);
        (subjects(), followed(), subjects(), expression(), expression(), any::<bool>()).prop_map(|(owner, parent, odd, p0, p1, doc)| {
            let join = |subjects: Vec<String>| subjects.join(" | ");
            let doc = if doc { "/** What `p0` is for.\n * And * more. */\n" } else { "" };
            format!(
                "{{ relation owner: {} relation parent: {} relation `odd.relation`: {} {doc} permission p0 = {p0} permission p1 = {p1} }}\n",
                join(owner.into_iter().collect()),
                join(parent),
                join(odd.into_iter().collect()),
            )
        })
    }

    fn schema() -> impl Strategy<Value = String> {
        proptest::collection::vec(definition(), TYPES.len()).prop_map(|bodies| {
            let definitions: String = TYPES.iter().zip(bodies).map(|(name, body)| format!("definition {name} {body}")).collect();
            format!("use expiration use self caveat limited(used int) {{ used < 3 }} {definitions}")
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn a_schema_that_makes_sense_compiles_and_survives_formatting_and_printing(text in schema()) {
            let schema = compile_str(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            crate::format::tests::check_laws(&text);
            let printed = print::to_native(&schema).unwrap();
            let again = compile_str(&printed).map_err(|error| TestCaseError::fail(format!("{error}\n{printed}")))?;
            prop_assert_eq!(&schema.definitions, &again.definitions);
            prop_assert_eq!(diff(&schema, &again), []);
            prop_assert_eq!(format(&printed), Ok(printed));
            let graph = RelationGraph::new(&schema);
            for group in graph.recursive() {
                prop_assert!(group.iter().all(|node| graph.reachable(node).is_superset(&group.iter().cloned().collect())));
            }
        }
    }
}
