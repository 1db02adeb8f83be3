//! Laws of expand.

use super::*;

const SCHEMA: &str = "
    caveat on(on bool) { on }
    definition user {}
    definition team { relation member: user | team#member }
    definition doc {
        relation parent: doc
        relation viewer: user | user with on | user:* | team#member
        permission view = (viewer & viewer) + parent->view - viewer
    }";

fn expand(bench: &Bench, question: &str, depth: Option<u32>) -> Expansion {
    let (object, relation) = question.split_once('#').unwrap();
    bench.evaluator().expand(&object.parse().unwrap(), &relation.into(), depth).unwrap()
}

#[test]
fn the_tree_has_every_tuple_once_and_refers_back_in_cycles_and_diamonds() {
    let bench = Bench::new(
        SCHEMA,
        &[
            "doc:1#viewer@team:a#member",
            "doc:1#viewer@team:b#member",
            "team:a#member@team:c#member",
            "team:b#member@team:c#member",
            "team:c#member@team:a#member",
            "team:c#member@user:ada",
            r#"doc:1#viewer@user:bob[on:{"on":true}]"#,
            "doc:1#gone@user:bob",
            "doc:1#viewer@robot:1",
        ],
    );
    assert_eq!(
        expand(&bench, "doc:1#viewer", None).to_text(99),
        "doc:1#viewer
`- tuples
   |- doc:1#viewer@team:a#member leads to team:a#member
   |  `- tuples
   |     `- team:a#member@team:c#member leads to team:c#member
   |        `- tuples
   |           |- team:c#member@team:a#member leads to team:a#member (as above)
   |           `- team:c#member@user:ada
   |- doc:1#viewer@team:b#member leads to team:b#member
   |  `- tuples
   |     `- team:b#member@team:c#member leads to team:c#member (as above)
   `- doc:1#viewer@user:bob[on:{\"on\":true}]
"
    );
}

#[test]
fn operators_and_arrows_are_shown_as_they_are_written() {
    let bench = Bench::new(SCHEMA, &["doc:1#parent@doc:2", "doc:1#viewer@user:ada", "doc:2#viewer@user:*"]);
    assert_eq!(
        expand(&bench, "doc:1#view", Some(0)).to_text(99),
        "doc:1#view
`- exclusion
   |- any of
   |  |- all of
   |  |  |- doc:1#viewer
   |  |  |  `- tuples
   |  |  |     `- doc:1#viewer@user:ada
   |  |  `- doc:1#viewer (as above)
   |  `- parent->view
   |     `- doc:1#parent@doc:2 leads to doc:2#view (not expanded)
   `- without doc:1#viewer (as above)
"
    );
}

#[test]
fn a_depth_counts_tuples_on_the_shortest_way() {
    let bench = Bench::new(SCHEMA, &["doc:1#viewer@team:a#member", "team:a#member@team:b#member", "team:b#member@user:ada"]);
    let expanded = |depth| {
        let expansion = expand(&bench, "doc:1#viewer", Some(depth));
        expansion.usersets.iter().filter(|userset| userset.rewrite.is_some()).count()
    };
    assert_eq!([0, 1, 2, 3].map(expanded), [1, 2, 3, 3]);
}

#[test]
fn a_chain_of_50_000_groups_is_expanded_and_its_text_bounded() {
    let bench = Bench::of(SCHEMA, (0..50_000).map(|n| format!("team:{n}#member@team:{}#member", n + 1).parse().unwrap()));
    let expansion = expand(&bench, "team:0#member", None);
    assert_eq!(expansion.usersets.len(), 50_001);
    assert_eq!(expansion.to_text(100).lines().count(), 101);
    let short = bench.evaluator().with_limits(Limits { max_steps: 1_000, ..Limits::default() });
    assert_eq!(short.expand(&"team:0".parse().unwrap(), &"member".into(), None).unwrap_err().code(), "budget_exceeded");
}
