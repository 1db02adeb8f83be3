use dhow_engine::digest::Digest;
use dhow_engine::entry::Chain;
use dhow_engine::state::State;

use super::super::command::ChangeRequest;
use super::*;

const STORE: StoreId = StoreId([3; 16]);

fn batch(now: i64) -> Batch {
    let (chain, digest, time) = (Chain::genesis(STORE), Digest::default(), Timestamp::from_microseconds(1_000));
    let head = Head { revision: 0, chain, digest, time, schema_version: 0, tuples: 0 };
    Batch::new(STORE, head, Timestamp::from_microseconds(now), BTreeMap::new(), [])
}

fn command(request_id: &str, changes: Vec<ChangeRequest>) -> WriteCommand {
    WriteCommand { changes, preconditions: Vec::new(), request_id: request_id.to_owned(), actor: "ada".to_owned(), dry_run: false }
}

fn schema() -> SchemaInForce {
    let text = "definition user {} definition doc { relation viewer: user }";
    SchemaInForce::Compiled(Arc::new(dhow_engine::entry::SchemaSource::native(text).compile().schema.unwrap()))
}

#[test]
fn each_command_sees_those_before_it_and_only_the_outcome_is_left_to_save() {
    let tuple: Tuple = "doc:1#viewer@user:ada".parse().unwrap();
    let mut batch = batch(2_000);
    let created = batch.write(&command("a", vec![ChangeRequest::Create(tuple.clone())]), &schema()).unwrap();
    assert!(matches!(batch.write(&command("b", vec![ChangeRequest::Create(tuple.clone())]), &schema()), Err(WriteError::Exists { .. })));
    let deleted = batch.write(&command("c", vec![ChangeRequest::Delete(tuple.key.clone())]), &SchemaInForce::Missing).unwrap();
    assert_eq!((created.written.revision, deleted.written.revision, deleted.written.deleted), (1, 2, 1));
    assert_eq!((batch.head().tuples, batch.head().digest), (0, Digest::default()));

    let mut state = State::genesis(STORE);
    let unsaved = batch.take_unsaved();
    for (record, encoded) in &unsaved.log {
        state = state.apply_record(encoded, &record.chain).unwrap().0;
    }
    assert_eq!(state.position().chain, batch.head().chain);
    assert_eq!(unsaved.tuples, BTreeMap::from([(tuple.key.clone(), None)]));
    assert_eq!(unsaved.shapes, BTreeMap::from([(Shape::of(&tuple), 0)]));
    let recorded: Vec<&str> = unsaved.requests.iter().map(|(id, _)| &**id).collect();
    assert_eq!(recorded, ["a", "c"]);
}

#[test]
fn time_does_not_go_back_behind_the_head() {
    assert_eq!(batch(10).time(), Timestamp::from_microseconds(1_000));
    assert_eq!(batch(2_000).time(), Timestamp::from_microseconds(2_000));
}

#[test]
fn an_answer_is_kept_for_a_day() {
    let at = Timestamp::from_microseconds;
    assert!(is_kept(at(0), at(0)));
    assert!(is_kept(at(0), at(REQUEST_KEPT_US - 1)));
    assert!(!is_kept(at(0), at(REQUEST_KEPT_US)));
}
