use super::*;
use crate::entry::{Body, Change, StoreId};
use crate::state::State;
use crate::time::Timestamp;

const SCHEMA: &str = "
    use expiration
    caveat ip(allowed list<string>, address ipaddress) { address.in_cidr(allowed[0]) }
    caveat limit(most int, amount int) { amount <= most }
    definition user {}
    definition team { relation member: user | team#member }
    definition document {
        relation parent: document
        relation viewer: user | user:* | team#member with limit | user with ip and expiration | user with limit
        permission view = viewer
    }";

fn schema(text: &str) -> Schema {
    dhow_schema::compile_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn admit_text(text: &str) -> Result<Tuple, TupleRefused> {
    admit(&schema(SCHEMA), &text.parse().unwrap())
}

#[test]
fn each_allowed_shape_is_admitted_and_context_becomes_canonical() {
    for text in [
        "document:1#viewer@user:ada",
        "document:1#viewer@user:*",
        r#"document:1#viewer@team:core#member[limit:{"most":3}]"#,
        "document:1#viewer@user:ada[limit]",
        r#"document:1#viewer@user:ada[ip:{"allowed":["10.0.0.0/8"]}][expiration:2030-01-01T00:00:00Z]"#,
        "document:1#parent@document:2",
    ] {
        assert_eq!(admit_text(text).unwrap().to_string(), text);
    }
    assert_eq!(
        admit_text(r#"document:1#viewer@user:ada[limit:{"most":"3"}]"#).map(|t| t.to_string()).unwrap_or_default(),
        r#"document:1#viewer@user:ada[limit:{"most":3}]"#
    );
}

#[test]
fn each_refusal_has_its_code_and_help() {
    let direct = "allowed: `user | user:* | team#member with limit | user with ip and expiration | user with limit`";
    for (text, code, help) in [
        ("documnt:1#viewer@user:ada", "unknown_type", Some("did you mean `document`?")),
        ("zebra:1#viewer@user:ada", "unknown_type", None),
        ("document:1#veiwer@user:ada", "unknown_relation", Some("did you mean `viewer`?")),
        ("document:1#view@user:ada", "relation_is_computed", Some("write a tuple of a relation that it is computed from")),
        ("document:1#viewer@usr:ada", "unknown_type", Some("did you mean `user`?")),
        ("document:1#viewer@team:core#membre", "unknown_relation", Some("did you mean `member`?")),
        ("document:1#viewer@team:core", "subject_not_allowed", Some(direct)),
        ("document:1#viewer@team:core#member", "qualifier_not_allowed", Some("allowed: `team#member with limit`")),
        ("document:1#viewer@user:*[limit]", "qualifier_not_allowed", Some("allowed: `user:*`")),
        (
            "document:1#viewer@user:ada[expiration:2030-01-01T00:00:00Z]",
            "qualifier_not_allowed",
            Some("allowed: `user | user with ip and expiration | user with limit`"),
        ),
        ("document:1#viewer@user:ada[limt]", "unknown_caveat", Some("did you mean `limit`?")),
        (r#"document:1#viewer@user:ada[limit:{"mots":3}]"#, "DH-C301", Some("did you mean `most`?")),
        (r#"document:1#viewer@user:ada[limit:{"most":"three"}]"#, "DH-C302", None),
    ] {
        let refused = admit_text(text).unwrap_err();
        assert_eq!((refused.code(), refused.help().as_deref()), (code, help), "{text}: {refused}");
    }
}

#[test]
fn a_question_may_ask_for_what_is_computed_but_not_for_unknown_names() {
    let schema = schema(SCHEMA);
    let code = |text: &str| check_question(&schema, &text.parse().unwrap()).map_err(|error| error.code());
    assert_eq!(code("document:unheard-of#view@user:ada"), Ok(()));
    assert_eq!(code("document:1#view@document:1#view"), Ok(()));
    assert_eq!(code("document:1#edit@user:ada"), Err("unknown_relation"));
    assert_eq!(code("folder:1#view@user:ada"), Err("unknown_type"));
    assert_eq!(code("document:1#view@robot:1"), Err("unknown_type"));
    assert_eq!(code("document:1#view@team:1#owner"), Err("unknown_relation"));
}

fn state(texts: &[&str]) -> State {
    let genesis = State::genesis(StoreId([1; 16]));
    let changes = texts.iter().map(|text| Change::created(admit_text(text).unwrap())).collect();
    let entry = genesis.next_entry(Timestamp::MIN, "", "", Body::Changes(changes)).unwrap();
    genesis.apply(&entry).unwrap()
}

fn orphans_of(next: &str, state: &State) -> Vec<(String, u64, String, bool)> {
    orphans(&schema(next), Some(&schema(SCHEMA)), state)
        .into_iter()
        .map(|o| (o.shape.to_string(), o.count, o.example.unwrap().to_string(), o.reason == OrphanReason::Shape))
        .collect()
}

#[test]
fn a_schema_that_takes_a_shape_away_names_the_tuples_it_would_orphan() {
    let state = state(&[
        "document:1#viewer@user:ada",
        "document:2#viewer@user:bob",
        "document:1#viewer@user:*",
        "document:1#viewer@user:eve[limit]",
        "team:1#member@user:ada",
    ]);
    assert_eq!(orphans_of(SCHEMA, &state), []);
    let narrowed = SCHEMA.replace("relation viewer: user | user:* |", "relation viewer: user:* |");
    let example = "document:1#viewer@user:ada".to_owned();
    assert_eq!(orphans_of(&narrowed, &state), [("document#viewer: user".to_owned(), 2, example, true)]);
    let without_team = "definition user {} definition document { relation viewer: user | user:* }";
    let found: Vec<String> = orphans_of(without_team, &state).into_iter().map(|(shape, ..)| shape).collect();
    assert_eq!(found, ["document#viewer: user with limit", "team#member: user"]);
}

#[test]
fn a_caveat_parameter_of_another_type_is_refused_while_context_does_not_fit() {
    let state = state(&[
        "document:1#viewer@user:ada[limit]",
        r#"document:1#viewer@user:bob[limit:{"most":3}]"#,
        r#"document:1#viewer@user:eve[limit:{"most":4}]"#,
    ]);
    let text = SCHEMA.replace("limit(most int, amount int)", "limit(most string, amount string)");
    let example = r#"document:1#viewer@user:bob[limit:{"most":3}]"#.to_owned();
    assert_eq!(orphans_of(&text, &state), [("document#viewer: user with limit".to_owned(), 2, example, false)]);
    let more = SCHEMA.replace("limit(most int, amount int)", "limit(most int, amount int, other bool)");
    assert_eq!(orphans_of(&more, &state), []);
}
