//! A state as a file, and back: what is kept, what goes on, and what is refused.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use dhow_schema::value::Context;
use proptest::prelude::*;

use super::container::{Container, Writer};
use super::*;
use crate::entry::{Body, Change, Entry, SchemaSource, SchemaText, StoreId};
use crate::state::{Accounts, Rebuild, State};
use crate::time::Timestamp;
use crate::tuple::{Tuple, TupleKey};
use crate::words::{AlignedBytes, Bytes};

mod damage;

const STORE: StoreId = StoreId([7; 16]);
const NEVER: &str = "2100-01-01T00:00:00Z";

const FIRST: &str = "definition user {} definition group { relation member: user } definition doc { relation viewer: user | group#member }";
const SECOND: &str = "use expiration
definition user {}
definition group { relation member: user | user:* | group#member | group#member with on }
definition doc {
  relation viewer: user | user:* | user with expiration | user with on | user with on and expiration | group#member
  relation banned: user
  permission view = viewer - banned
}
caveat on(flag bool) { flag }";

fn about() -> SnapshotAbout {
    SnapshotAbout {
        time: Timestamp::from_microseconds(5),
        actor: "node-1".to_owned(),
        store_name: "main".to_owned(),
        program: "dhow 1.2.3".to_owned(),
    }
}

fn entry(state: &State, body: Body) -> Entry {
    state.next_entry(state.position().time.plus_microseconds(1), "test", "", body).unwrap()
}

fn after(state: &State, body: Body) -> State {
    state.apply(&entry(state, body)).unwrap()
}

fn schema(version: u64, text: &str) -> Body {
    Body::Schema(SchemaText { version, source: SchemaSource::native(text) })
}

/// What turns `-TUPLE` into a deletion, and anything else into a creation or replacement.
fn changes(state: &State, texts: &[&str]) -> Body {
    let change = |text: &&str| {
        let tuple: Tuple = text.trim_start_matches('-').parse().unwrap();
        let before = state.get(&tuple.key).map(|tuple| (*tuple).clone());
        Change::new(before, (!text.starts_with('-')).then_some(tuple)).unwrap()
    };
    Body::Changes(texts.iter().map(change).collect())
}

fn written(state: &State) -> Vec<u8> {
    let mut file = Vec::new();
    let summary = state.write_snapshot(&about(), &mut file).unwrap();
    assert_eq!(summary.bytes, file.len() as u64);
    file
}

fn memory(bytes: &[u8]) -> Arc<dyn Bytes> {
    Arc::new(AlignedBytes::copy_of(bytes))
}

fn open(bytes: &[u8]) -> Result<Snapshot, SnapshotError> {
    State::open_snapshot(memory(bytes), Some(STORE))
}

/// A state with everything that a state can have, some of it in the overlay, at two schema versions.
fn rich() -> State {
    let first = after(&State::genesis(STORE), schema(1, FIRST));
    let one = after(&first, changes(&first, &["doc:1#viewer@user:ada", "doc:2#viewer@group:eng#member", "group:eng#member@user:bob"]));
    let second = after(&one, schema(2, SECOND));
    let expiring = format!("doc:3#viewer@user:eve[on:{{\"flag\":true}}][expiration:{NEVER}]");
    let texts = [
        "group:eng#member@group:all#member",
        "group:all#member@user:zoë",
        "group:eng#member@group:odd#member[on]",
        "group:odd#member@user:*",
        "doc:3#viewer@user:*",
        "doc:1#banned@user:ada",
        &*expiring,
        "doc:9#viewer@user:gone",
    ];
    let two = after(&second, changes(&second, &texts));
    after(&two, changes(&two, &["-doc:9#viewer@user:gone", "doc:2#viewer@user:eve[on]"]))
}

/// What a state says of itself, its tuples with their revisions, and the ids of its objects.
type Told = (String, Vec<(Tuple, Option<u64>)>, Vec<String>);

/// What becomes of a section with this name and these bytes.
type Changed<'a> = &'a dyn Fn(&str, Vec<u8>) -> Option<Vec<u8>>;

/// All that can be told of a state.
fn told(state: &State) -> Told {
    let tuples = state.tuples().map(|tuple| ((*tuple).clone(), state.revision_of(&tuple.key))).collect();
    let ids = ["user", "group", "doc"].into_iter().flat_map(|of| state.object_ids(of, None)).map(|id| id.to_string()).collect();
    (format!("{state:?} {:?} {:?}", state.shapes(), state.schemas().collect::<Vec<_>>()), tuples, ids)
}

/// The answers to every question about everything that a state names.
fn answers(state: &State) -> Vec<String> {
    let ids = |of: &str| state.object_ids(of, None).map(|id| format!("{of}:{id}")).collect::<Vec<_>>();
    let subjects: Vec<String> = ids("user").into_iter().chain(ids("group").iter().map(|group| format!("{group}#member"))).collect();
    let mut answers = Vec::new();
    for version in state.schemas().map(|schema| schema.version()) {
        let Ok(prepared) = state.prepare(Some(version)) else { continue };
        let context = Context::new();
        let evaluator = prepared.evaluator(Timestamp::MIN, &context);
        let objects = ids("doc").into_iter().flat_map(|doc| ["view", "viewer", "banned"].map(|of| format!("{doc}#{of}")));
        for object in objects.chain(ids("group").into_iter().map(|group| format!("{group}#member"))) {
            for subject in subjects.iter().map(String::as_str).chain(["user:nobody"]) {
                let Ok(question) = format!("{object}@{subject}").parse::<TupleKey>() else { continue };
                answers.push(format!("{version} {question} {:?}", evaluator.check(&question)));
            }
        }
    }
    answers
}

fn rebuilt(state: &State) -> State {
    let (mut state, mut rebuild) = (state.clone(), Rebuild::begin_now(state));
    while let Some(part) = rebuild.work(&state) {
        state = part.install(&state, state.revision());
    }
    state
}

#[test]
fn a_file_has_everything_that_the_state_had() {
    let state = rich();
    for state in [State::genesis(STORE), state.clone(), rebuilt(&state)] {
        let snapshot = open(&written(&state)).unwrap();
        snapshot.verify().unwrap();
        assert_eq!(told(snapshot.state()), told(&state));
        assert_eq!(answers(snapshot.state()), answers(&state));
        let head = snapshot.head();
        assert_eq!((head.store, &head.position, &head.digest), (STORE, state.position(), state.digest()));
        assert_eq!((head.tuples, head.schemas), (state.len() as u64, state.schemas().count() as u64));
        assert_eq!((&head.about, head.bytes), (&about(), written(&state).len() as u64));
    }
    assert!(answers(&state).iter().any(|answer| answer.ends_with("Ok(Allowed)")));
    assert!(answers(&state).iter().any(|answer| answer.contains("Conditional")));
    assert_eq!(state.revision_of(&"doc:1#viewer@user:ada".parse().unwrap()), Some(2));
}

#[test]
fn the_same_state_is_the_same_file_whatever_memory_it_is_in() {
    let opened = open(&written(&rich())).unwrap().into_state();
    assert_eq!(written(&opened), written(&rich()));
}

#[test]
fn an_opened_state_goes_on_and_goes_back_and_is_made_anew() {
    let state = rich();
    let opened = open(&written(&state)).unwrap().into_state();
    let next = entry(&state, changes(&state, &["-doc:1#banned@user:ada", "doc:new#viewer@group:all#member", "group:all#member@user:new"]));
    let (more, opened_more) = (state.apply(&next).unwrap(), opened.apply(&next).unwrap());
    assert_eq!((told(&opened_more), answers(&opened_more)), (told(&more), answers(&more)));
    let third = entry(&more, schema(3, FIRST));
    let (last, opened_last) = (more.apply(&third).unwrap(), opened_more.apply(&third).unwrap());
    assert_eq!((told(&opened_last), answers(&opened_last)), (told(&last), answers(&last)));
    for anew in [rebuilt(&opened_last), open(&written(&opened_last)).unwrap().into_state()] {
        assert_eq!((told(&anew), answers(&anew)), (told(&last), answers(&last)));
    }
    let back = rebuilt(&opened_last).unapply(&third, more.position()).unwrap().unapply(&next, state.position()).unwrap();
    assert_eq!(answers(&back), answers(&state));
    assert_eq!(back.tuples().collect::<Vec<_>>(), state.tuples().collect::<Vec<_>>());
}

#[test]
fn a_state_before_the_base_is_written_as_it_was() {
    let state = rich();
    let next = entry(&state, changes(&state, &["-doc:1#banned@user:ada", "doc:new#viewer@user:new", "doc:2#viewer@user:eve"]));
    let last = state.apply(&next).unwrap();
    let (mut made, mut rebuild) = (last.clone(), Rebuild::begin_now(&last));
    while let Some(part) = rebuild.work(&made) {
        made = part.install(&made, state.revision());
    }
    let back = made.unapply(&next, state.position()).unwrap();
    let snapshot = open(&written(&back)).unwrap();
    snapshot.verify().unwrap();
    assert_eq!((told(snapshot.state()).1, answers(snapshot.state())), (told(&back).1, answers(&state)));
}

#[test]
fn more_nodes_than_a_segment_has() {
    let tuple = |number: u32| format!("doc:{number}#viewer@user:{}", number % 7).parse::<Tuple>().unwrap();
    let mut state = State::genesis(STORE);
    for entry in 0..140_u32 {
        let changes = (entry * 1_000..(entry + 1) * 1_000).map(|number| Change::created(tuple(number))).collect();
        state = after(&state, Body::Changes(changes));
        if entry == 70 {
            state = rebuilt(&state);
        }
    }
    let snapshot = open(&written(&state)).unwrap();
    snapshot.verify().unwrap();
    let opened = snapshot.into_state();
    assert!(opened.tuples().eq(state.tuples()));
    for number in (0..140_000).step_by(997) {
        let key = tuple(number).key;
        assert_eq!(opened.revision_of(&key), Some(u64::from(number / 1_000 + 1)));
    }
    let Accounts { overlay_bytes, .. } = opened.accounts();
    assert!(overlay_bytes < 100_000 && opened.accounts().total() > 140_000 * 20);
    let next = after(&opened, changes(&opened, &["-doc:1#viewer@user:1", "doc:139999#viewer@user:new"]));
    let anew = rebuilt(&next);
    assert!(anew.tuples().eq(next.tuples()));
    assert_eq!(anew.recomputed_digest(), *next.digest());
}

#[test]
fn what_is_not_the_file_is_refused_by_name() {
    let file = written(&rich());
    let code = |bytes: &[u8]| open(bytes).unwrap_err().code();
    assert_eq!(code(&[]), "snapshot_not_one");
    assert_eq!(code(b"SQLite format 3\0"), "snapshot_not_one");
    assert_eq!(code(&file[..file.len() - 1]), "snapshot_cut");
    let mut later = file.clone();
    later[8] += 1;
    assert_eq!(code(&later), "snapshot_version");
    let other = State::open_snapshot(memory(&file), Some(StoreId([8; 16]))).unwrap_err();
    assert_eq!((other.code(), other.help()), ("snapshot_store", "name the file of this store"));
    assert!(State::open_snapshot(memory(&file), None).is_ok());

    // Whole containers, with other content.
    let container = Container::open(memory(&file)).unwrap();
    let with = |change: Changed<'_>| {
        let mut again = Vec::new();
        let mut writer = Writer::new(&mut again).unwrap();
        for section in container.sections() {
            if let Some(bytes) = change(section.name, container.section(section.name).unwrap().to_vec()) {
                writer.section(section.name, &bytes).unwrap();
            }
        }
        writer.finish().unwrap();
        again
    };
    let only = |of: &'static str, change: &dyn Fn(Vec<u8>) -> Option<Vec<u8>>| {
        with(&|name, bytes| if name == of { change(bytes) } else { Some(bytes) })
    };
    assert_eq!(code(&only("head", &|_| None)), "snapshot_missing_section");
    assert_eq!(code(&only("head", &|bytes| Some([vec![9], bytes[1..].to_vec()].concat()))), "snapshot_version");
    assert_eq!(code(&only("head", &|bytes| Some(bytes[..bytes.len() - 1].to_vec()))), "snapshot_head");
    assert_eq!(code(&only("seg.0.records", &|_| None)), "snapshot_missing_section");
    for array in ["seg.0.offsets", "names", "order", "ranks"] {
        assert_eq!(code(&only(array, &|bytes| Some(bytes[4..].to_vec()))), "snapshot_inconsistent");
        assert_eq!(code(&only(array, &|bytes| Some(bytes[1..].to_vec()))), "snapshot_not_words");
    }

    // What a writer that makes mistakes would have written is found by the second way of verifying.
    let turned = |bytes: Vec<u8>| Some(bytes.as_chunks::<4>().0.iter().rev().flatten().copied().collect());
    for array in ["seg.0.records", "seg.0.offsets", "seg.0.qualifiers", "names", "order", "ranks"] {
        let snapshot = open(&only(array, &turned)).unwrap();
        snapshot.verify_bytes().unwrap();
        let found = snapshot.verify().unwrap_err().code();
        assert!(["snapshot_digest", "snapshot_inconsistent"].contains(&found), "{array}: {found}");
    }
}

#[test]
fn every_flip_and_every_cut_is_found_and_ends_in_no_panic() {
    let state = rich();
    let file = written(&state);
    let next = entry(&state, changes(&state, &["-doc:1#viewer@user:ada", "group:all#member@group:odd#member"]));
    let (mut served, mut refused) = (0, 0);
    // An odd stride meets every place in a word.
    for at in (0..file.len()).step_by((file.len() / 700) | 1) {
        assert!(open(&file[..at]).is_err(), "cut at {at}");
        for bits in [0x01, 0xFF] {
            let mut flipped = file.clone();
            flipped[at] ^= bits;
            let Ok(snapshot) = open(&flipped) else {
                refused += 1;
                continue;
            };
            served += 1;
            assert!(snapshot.verify_bytes().is_err(), "flip at {at}");
            // Whoever serves it all the same gets some answer to everything.
            let survived = catch_unwind(AssertUnwindSafe(|| {
                let state = snapshot.state();
                let _ = (told(state), answers(state), state.check_snapshot());
                let _ = state.apply(&next).map(|next| answers(&next));
                let _ = (told(&rebuilt(state)), state.write_snapshot(&about(), &mut Vec::new()));
            }));
            assert!(survived.is_ok(), "panic after a flip at {at}");
        }
    }
    assert!(served > 300 && refused > 300, "{served} served, {refused} refused");
}

fn any_step() -> impl Strategy<Value = Vec<String>> {
    let qualifier = prop::sample::select(vec!["", "", "[on]", "[on:{\"flag\":true}]", "[expiration:2100-01-01T00:00:00Z]"]);
    let subject = prop::sample::select(vec!["user:1", "user:2", "user:*", "group:1#member", "group:2#member", "group:3#member"]);
    let object =
        prop::sample::select(vec!["doc:1#viewer", "doc:2#viewer", "doc:2#banned", "group:1#member", "group:2#member", "group:3#member"]);
    let text = (any::<bool>(), object, subject, qualifier)
        .prop_map(|(delete, object, subject, qualifier)| format!("{}{object}@{subject}{qualifier}", if delete { "-" } else { "" }));
    prop::collection::vec(text, 0..10)
}

proptest! {
    #[test]
    fn any_state_comes_back_and_goes_on(steps in prop::collection::vec((any_step(), any::<bool>(), any::<bool>()), 1..8)) {
        let mut state = after(&after(&State::genesis(STORE), schema(1, FIRST)), schema(2, SECOND));
        let mut through_files = state.clone();
        for (step, anew, reopen) in steps {
            let mut texts: Vec<&str> = step.iter().map(String::as_str).collect();
            let key = |text: &str| text.trim_start_matches('-').parse::<Tuple>().unwrap().key;
            texts.sort_by_key(|text| key(text));
            texts.dedup_by_key(|text| key(text));
            texts.retain(|text| !text.starts_with('-') || state.get(&key(text)).is_some());
            let next = entry(&state, changes(&state, &texts));
            state = state.apply(&next).unwrap();
            through_files = through_files.apply(&next).unwrap();
            if anew {
                through_files = rebuilt(&through_files);
            }
            if reopen {
                let snapshot = open(&written(&through_files)).unwrap();
                snapshot.verify().unwrap();
                through_files = snapshot.into_state();
            }
            prop_assert_eq!(told(&through_files), told(&state));
            prop_assert_eq!(answers(&through_files), answers(&state));
        }
    }
}
