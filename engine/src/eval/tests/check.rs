//! Laws of check.

use super::*;

const DOCS: &str = "
    use self
    definition user {}
    definition robot {}
    definition team { relation member: user | team#member | user:* }
    definition folder {
        relation parent: folder
        relation viewer: user | team#member
        permission view = viewer + parent->view
    }
    definition document {
        relation parent: folder
        relation owner: user
        relation editor: user | team#member
        relation viewer: user | user:* | robot | team#member
        relation banned: user | team#member
        permission edit = owner + editor
        permission view = edit + viewer + parent->view - banned
        permission both = editor & viewer
        permission me = self
        permission nobody = nil
    }";

#[test]
fn each_operator_means_what_it_says() {
    let bench = Bench::new(
        DOCS,
        &[
            "document:1#owner@user:owner",
            "document:1#editor@user:editor",
            "document:1#viewer@user:viewer",
            "document:1#viewer@user:editor",
            "document:1#banned@user:owner",
            "document:1#parent@folder:child",
            "folder:child#parent@folder:root",
            "folder:root#viewer@team:a#member",
            "team:a#member@team:b#member",
            "team:b#member@user:deep",
        ],
    );
    bench.expect(&[
        ("document:1#owner@user:owner", "yes"),
        ("document:1#edit@user:owner", "yes"),
        ("document:1#view@user:owner", "no"),
        ("document:1#view@user:editor", "yes"),
        ("document:1#view@user:viewer", "yes"),
        ("document:1#both@user:editor", "yes"),
        ("document:1#both@user:viewer", "no"),
        ("document:1#view@user:deep", "yes"),
        ("document:1#edit@user:deep", "no"),
        ("document:1#view@team:a#member", "yes"),
        ("document:1#view@team:b#member", "yes"),
        ("document:1#view@team:c#member", "no"),
        ("document:1#me@document:1", "yes"),
        ("document:1#me@document:2", "no"),
        ("document:1#me@document:1#me", "yes"),
        ("document:1#nobody@user:owner", "no"),
        ("document:unheard-of#view@user:nobody", "no"),
    ]);
}

#[test]
fn a_wildcard_matches_objects_of_its_type_and_itself_but_no_userset() {
    let bench = Bench::new(DOCS, &["document:1#viewer@user:*", "document:2#viewer@user:ada", "document:1#banned@user:eve"]);
    bench.expect(&[
        ("document:1#viewer@user:ada", "yes"),
        ("document:1#view@user:*", "yes"),
        ("document:1#viewer@robot:1", "no"),
        ("document:1#viewer@robot:*", "no"),
        ("document:1#viewer@team:a#member", "no"),
        ("document:1#view@user:eve", "no"),
        ("document:2#viewer@user:*", "no"),
    ]);
}

#[test]
fn a_userset_contains_itself_even_if_nobody_is_in_it() {
    Bench::new(DOCS, &["document:1#viewer@team:a#member"]).expect(&[
        ("document:1#nobody@document:1#nobody", "yes"),
        ("document:1#nobody@document:2#nobody", "no"),
        ("team:a#member@team:a#member", "yes"),
        ("document:1#view@team:a#member", "yes"),
        ("document:1#view@document:1#viewer", "yes"),
    ]);
}

#[test]
fn unknown_names_are_errors_with_a_suggestion() {
    let bench = Bench::new(DOCS, &[]);
    bench.expect(&[
        ("document:1#vew@user:ada", "unknown_relation"),
        ("dokument:1#view@user:ada", "unknown_type"),
        ("document:1#view@usr:ada", "unknown_type"),
        ("document:1#view@team:a#members", "unknown_relation"),
    ]);
    let error = bench.evaluator().check(&"document:1#vew@user:ada".parse().unwrap()).unwrap_err();
    assert_eq!(error.help().as_deref(), Some("did you mean `view`?"));
}

#[test]
fn an_expired_tuple_and_an_orphan_are_not_there() {
    let schema = "use expiration definition user {} definition d { relation v: user with expiration relation w: user }";
    Bench::new(
        schema,
        &[
            "d:1#v@user:past[expiration:2025-12-31T23:59:59Z]",
            "d:1#v@user:now[expiration:2026-01-01T00:00:00Z]",
            "d:1#v@user:future[expiration:2026-01-01T00:00:00.000001Z]",
            "d:1#v@user:never",
            "d:1#w@user:ada[expiration:2030-01-01T00:00:00Z]",
            "d:1#w@user:bob[gone]",
            "d:1#w@user:eve",
            "d:1#w@d:1#v",
            "d:1#gone@user:eve",
        ],
    )
    .expect(&[
        ("d:1#v@user:past", "no"),
        ("d:1#v@user:now", "no"),
        ("d:1#v@user:future", "yes"),
        ("d:1#v@user:never", "no"),
        ("d:1#w@user:ada", "no"),
        ("d:1#w@user:bob", "no"),
        ("d:1#w@user:eve", "yes"),
        ("d:1#w@user:future", "no"),
    ]);
}

#[test]
fn all_needs_at_least_one_and_every_one() {
    let schema = "use expiration
        caveat c(on bool) { on }
        definition user {}
        definition team { relation member: user }
        definition plain {}
        definition d {
            relation team: team | team with c | plain | team with expiration
            permission any = team.any(member)
            permission every = team.all(member)
        }";
    let members = ["team:a#member@user:ada", "team:b#member@user:ada", "team:b#member@user:bob"];
    let bench = |extra: &[&str]| Bench::new(schema, &[&members[..], extra].concat());
    bench(&[]).expect(&[("d:1#every@user:ada", "no"), ("d:1#any@user:ada", "no")]);
    bench(&["d:1#team@team:a", "d:1#team@team:b"]).expect(&[
        ("d:1#every@user:ada", "yes"),
        ("d:1#every@user:bob", "no"),
        ("d:1#any@user:bob", "yes"),
        ("d:1#every@user:*", "no"),
        ("d:1#every@team:b#member", "no"),
    ]);
    bench(&["d:1#team@team:b", "d:1#team@plain:1"]).expect(&[("d:1#every@user:ada", "no"), ("d:1#any@user:ada", "yes")]);
    bench(&["d:1#team@team:b", r#"d:1#team@team:a[c:{"on":false}]"#]).expect(&[("d:1#every@user:ada", "no")]);
    bench(&["d:1#team@team:b", "d:1#team@team:a[c]"]).expect(&[
        ("d:1#every@user:ada", "if on"),
        ("d:1#every@user:bob", "no"),
        ("d:1#any@user:ada", "yes"),
    ]);
    bench(&["d:1#team@team:b", "d:1#team@team:a[expiration:2025-01-01T00:00:00Z]"]).expect(&[("d:1#every@user:bob", "yes")]);
}

const CAVEATS: &str = "
    caveat a(a bool) { a }
    caveat b(b bool) { b }
    caveat ab(a bool, b bool) { a && b }
    caveat bad(n int) { 1 / n > 0 }
    definition user {}
    definition d {
        relation x: user | user with a | user with b | user with ab | user with bad
        relation y: user | user with a | user with b | user with bad
        permission union = x + y
        permission both = x & y
        permission minus = x - y
    }";

#[test]
fn missing_parameters_are_all_that_can_still_change_the_answer() {
    let bench = Bench::new(
        CAVEATS,
        &[
            "d:1#x@user:1[a]",
            "d:1#y@user:1[b]",
            "d:1#x@user:2[a]",
            "d:1#y@user:2",
            "d:1#x@user:3[ab]",
            r#"d:1#x@user:4[ab:{"a":true}]"#,
            r#"d:1#x@user:5[ab:{"a":false}]"#,
        ],
    );
    bench.expect(&[
        ("d:1#union@user:1", "if a b"),
        ("d:1#both@user:1", "if a b"),
        ("d:1#minus@user:1", "if a b"),
        ("d:1#union@user:2", "yes"),
        ("d:1#both@user:2", "if a"),
        ("d:1#minus@user:2", "no"),
        ("d:1#x@user:3", "if a b"),
        ("d:1#x@user:4", "if b"),
        ("d:1#x@user:5", "no"),
    ]);
    let bench = bench.with(r#"{"a": true}"#);
    bench.expect(&[
        ("d:1#union@user:1", "yes"),
        ("d:1#both@user:1", "if b"),
        ("d:1#minus@user:1", "if b"),
        ("d:1#x@user:3", "if b"),
        ("d:1#x@user:5", "no"),
    ]);
    bench.with(r#"{"a": false, "b": true}"#).expect(&[("d:1#union@user:1", "yes"), ("d:1#minus@user:1", "no"), ("d:1#x@user:4", "yes")]);
}

#[test]
fn a_caveat_without_an_answer_is_an_error_only_where_it_matters() {
    let bench = Bench::new(
        CAVEATS,
        &[r#"d:1#x@user:1[bad:{"n":0}]"#, r#"d:1#x@user:2[bad:{"n":0}]"#, "d:1#y@user:2", r#"d:1#y@user:3[bad:{"n":0}]"#],
    );
    bench.expect(&[
        ("d:1#union@user:1", "DH-C201"),
        ("d:1#union@user:2", "yes"),
        ("d:1#both@user:1", "no"),
        ("d:1#minus@user:2", "no"),
        ("d:1#minus@user:3", "no"),
    ]);
}

#[test]
fn a_paradox_is_denied_and_cycles_without_ground_are_false() {
    let schema = "
        definition user {}
        definition d {
            relation next: d
            relation v: user | d#v
            permission odd = v - next->odd
            permission loop = next->loop
        }";
    Bench::new(
        schema,
        &[
            "d:1#next@d:1",
            "d:1#v@user:ada",
            "d:2#next@d:3",
            "d:3#next@d:2",
            "d:2#v@user:ada",
            "d:3#v@user:ada",
            "d:4#v@d:5#v",
            "d:5#v@d:4#v",
        ],
    )
    .expect(&[
        ("d:1#odd@user:ada", "no"),
        ("d:2#odd@user:ada", "no"),
        ("d:1#loop@user:ada", "no"),
        ("d:4#v@user:ada", "no"),
        ("d:4#v@d:5#v", "yes"),
        ("d:1#odd@user:bob", "no"),
    ]);
}

#[test]
fn contextual_tuples_count_for_their_request_alone() {
    let bench = Bench::new(CAVEATS, &["d:1#x@user:1", "d:1#y@user:1"]);
    let extra = [r#"d:1#x@user:1[a:{"a":false}]"#, "d:1#x@user:2"].map(|text| text.parse().unwrap());
    let view = Overlay::new(&bench.state, extra);
    let evaluator = Evaluator::new(&bench.schema, &view, Timestamp::MIN, &bench.context);
    let ask = |question: &str| shown(evaluator.check(&question.parse().unwrap()));
    assert_eq!((ask("d:1#x@user:1"), ask("d:1#union@user:1"), ask("d:1#x@user:2")), ("no".into(), "yes".into(), "yes".into()));
    bench.expect(&[("d:1#x@user:1", "yes"), ("d:1#x@user:2", "no")]);
}

const GROUPS: &str = "definition user {} definition g { relation m: user | g#m }";

fn tuple(text: &str) -> Tuple {
    text.parse().unwrap()
}

#[test]
fn a_chain_of_100_000_groups_and_a_cycle_of_as_many_are_answered() {
    let length = 100_000;
    let chain = (0..length).map(|n| tuple(&format!("g:{n}#m@g:{}#m", n + 1)));
    let bench = Bench::of(GROUPS, chain.chain([tuple(&format!("g:{length}#m@user:ada")), tuple(&format!("g:{length}#m@g:0#m"))]));
    bench.expect(&[("g:0#m@user:ada", "yes"), ("g:0#m@user:bob", "no"), ("g:1#m@g:0#m", "yes")]);
}

#[test]
fn a_group_of_100_000_members_costs_one_look() {
    let bench = Bench::of(GROUPS, (0..100_000).map(|n| tuple(&format!("g:0#m@user:{n}"))));
    let (decision, steps) = bench.evaluator().check_counted(&"g:0#m@user:99999".parse().unwrap()).unwrap();
    assert_eq!(decision, Decision::Allowed);
    assert!(steps < 100, "{steps}");
    bench.expect(&[("g:0#m@user:x", "no")]);
}

#[test]
fn what_caveats_cost_is_paid_by_the_request() {
    let schema = "caveat dear(l list<int>) { l.all(x, l.all(y, x + y >= 0)) } caveat cheap(l list<int>) { true }
        definition user {}
        definition team { relation member: user }
        definition d { relation team: team with dear | team with cheap  permission p = team->member }";
    let list: Vec<u32> = (0..100).collect();
    let cost = |caveat: &str, count: usize| {
        let tuples: Vec<String> = (0..count).map(|team| format!("d:1#team@team:{team}[{caveat}]")).collect();
        let tuples: Vec<&str> = tuples.iter().map(String::as_str).collect();
        let bench = Bench::new(schema, &tuples).with(&serde_json::json!({ "l": list }).to_string());
        bench.evaluator().check_counted(&"d:1#p@user:ada".parse().unwrap()).map(|(decision, steps)| {
            assert_eq!(decision, Decision::Denied);
            steps
        })
    };
    let (dear, cheap) = (cost("dear", 10).unwrap(), cost("cheap", 10).unwrap());
    assert!(cheap < 200 && dear > 100_000, "{cheap} and {dear} steps");
    assert_eq!(cost("dear", 1_000).unwrap_err().code(), "budget_exceeded");
    assert!(cost("cheap", 1_000).is_ok());
}

#[test]
fn a_used_up_budget_and_a_passed_deadline_are_errors() {
    let bench = Bench::of(GROUPS, (0..1_000).map(|n| tuple(&format!("g:{n}#m@g:{}#m", n + 1))));
    let ask = |limits| shown(bench.evaluator().with_limits(limits).check(&"g:0#m@user:ada".parse().unwrap()));
    assert_eq!(ask(Limits { max_steps: 5_000, ..Limits::default() }), "budget_exceeded");
    assert_eq!(ask(Limits { deadline: &|| true, ..Limits::default() }), "deadline_exceeded");
    assert_eq!(ask(Limits::default()), "no");
}
