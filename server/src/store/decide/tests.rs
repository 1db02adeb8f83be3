use dhow_engine::entry::SchemaSource;

use super::*;

const NOW: Timestamp = Timestamp::from_microseconds(1_000_000);

fn schema() -> SchemaInForce {
    let text = "
        use expiration
        caveat limit(most int, amount int) { amount <= most }
        definition user {}
        definition doc { relation viewer: user | user with limit | user with expiration  permission view = viewer }";
    SchemaInForce::Compiled(Arc::new(SchemaSource::native(text).compile().schema.unwrap()))
}

fn tuple(text: &str) -> Tuple {
    text.parse().unwrap()
}

/// Counts, and images before and after as text.
type Decided = ((u32, u32, u32), Vec<(Option<String>, Option<String>)>);

/// Decides one change where `stored` is there; counts and changes as text.
fn one(change: ChangeRequest, stored: Option<&str>) -> Result<Decided, WriteError> {
    let stored = stored.map(tuple);
    let decision = decide(&[change], NOW, &schema(), |_| stored.as_ref())?;
    let text = |image: Option<&Tuple>| image.map(ToString::to_string);
    let changes = decision.changes.iter().map(|change| (text(change.before()), text(change.after()))).collect();
    Ok(((decision.created, decision.replaced, decision.deleted), changes))
}

const PLAIN: &str = "doc:1#viewer@user:ada";
const LIMITED: &str = r#"doc:1#viewer@user:ada[limit:{"most":3}]"#;
const OVER: &str = "doc:1#viewer@user:ada[expiration:1970-01-01T00:00:01Z]";
const SOON_OVER: &str = "doc:1#viewer@user:ada[expiration:1970-01-01T00:00:01.000001Z]";

#[test]
fn a_create_makes_what_is_absent_or_expired_and_refuses_what_is_there() {
    let create = |text: &str| ChangeRequest::Create(tuple(text));
    assert_eq!(one(create(PLAIN), None).unwrap(), ((1, 0, 0), vec![(None, Some(PLAIN.to_owned()))]));
    assert_eq!(one(create(PLAIN), Some(OVER)).unwrap(), ((1, 0, 0), vec![(Some(OVER.to_owned()), Some(PLAIN.to_owned()))]));
    for there in [PLAIN, LIMITED, SOON_OVER] {
        assert!(matches!(one(create(PLAIN), Some(there)), Err(WriteError::Exists { index: 0, .. })), "{there}");
    }
    // Already expired when it is written: allowed, and absent at once.
    assert_eq!(one(create(OVER), None).unwrap().0, (1, 0, 0));
    assert_eq!(one(create(OVER), Some(OVER)).unwrap(), ((0, 0, 0), vec![]));
}

#[test]
fn a_touch_replaces_what_differs() {
    let touch = |text: &str| ChangeRequest::Touch(tuple(text));
    assert_eq!(one(touch(PLAIN), None).unwrap().0, (1, 0, 0));
    assert_eq!(one(touch(PLAIN), Some(PLAIN)).unwrap(), ((0, 0, 0), vec![]));
    assert_eq!(one(touch(LIMITED), Some(PLAIN)).unwrap(), ((0, 1, 0), vec![(Some(PLAIN.to_owned()), Some(LIMITED.to_owned()))]));
    assert_eq!(one(touch(PLAIN), Some(OVER)).unwrap().0, (1, 0, 0));
    // The context is compared in its canonical form.
    assert_eq!(one(touch(r#"doc:1#viewer@user:ada[limit:{"most":"3"}]"#), Some(LIMITED)).unwrap(), ((0, 0, 0), vec![]));
}

#[test]
fn a_delete_removes_what_is_there_and_purges_what_is_over() {
    let delete = || ChangeRequest::Delete(tuple(PLAIN).key);
    assert_eq!(one(delete(), None).unwrap(), ((0, 0, 0), vec![]));
    assert_eq!(one(delete(), Some(LIMITED)).unwrap(), ((0, 0, 1), vec![(Some(LIMITED.to_owned()), None)]));
    assert_eq!(one(delete(), Some(OVER)).unwrap(), ((0, 0, 0), vec![(Some(OVER.to_owned()), None)]));
}

#[test]
fn only_what_makes_tuples_needs_a_schema() {
    let decided = |change: ChangeRequest, schema: SchemaInForce| decide(&[change], NOW, &schema, |_| None).map(|_| ());
    let delete = || ChangeRequest::Delete(tuple(PLAIN).key);
    for schema in [SchemaInForce::Missing, SchemaInForce::Unreadable { version: 7 }] {
        assert!(decided(delete(), schema).is_ok());
    }
    for change in [ChangeRequest::Create(tuple(PLAIN)), ChangeRequest::Touch(tuple(PLAIN))] {
        assert!(matches!(decided(change.clone(), SchemaInForce::Missing), Err(WriteError::NoSchema)));
        let unreadable = decided(change, SchemaInForce::Unreadable { version: 7 });
        assert!(matches!(unreadable, Err(WriteError::SchemaUnreadable { version: 7 })));
    }
}

#[test]
fn changes_come_in_key_order_and_the_first_refusal_names_its_place() {
    let touches = ["doc:2#viewer@user:a", "doc:1#viewer@user:b", "doc:1#viewer@user:a"].map(|text| ChangeRequest::Touch(tuple(text)));
    let decision = decide(&touches, NOW, &schema(), |_| None).unwrap();
    let keys: Vec<String> = decision.changes.iter().map(|change| change.key().unwrap().to_string()).collect();
    assert_eq!(keys, ["doc:1#viewer@user:a", "doc:1#viewer@user:b", "doc:2#viewer@user:a"]);
    let wrong = ["doc:1#viewer@user:a", "doc:1#view@user:a", "doc:1#viewer@robot:a"].map(|text| ChangeRequest::Touch(tuple(text)));
    let refused = decide(&wrong, NOW, &schema(), |_| None).unwrap_err();
    assert_eq!((refused.index(), refused.code()), (Some(1), "relation_is_computed"));
}
