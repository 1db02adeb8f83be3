//! Memory that has rotted behind everybody's back: what cannot be read ends in an error, never in an answer.

use super::*;
use crate::eval::{EvalError, Evaluator, PageRequest};
use crate::graph::ids::{Direction, NodeId};
use crate::graph::segment::Run;
use crate::graph::vocabulary::Kind;
use crate::history::{History, Window};
use crate::state::FoldError;

/// In how many ways a question is asked.
const WAYS: usize = 6;

/// A store in which whatever goes missing can become a yes: all that is taken away is taken away in some such way.
fn store() -> State {
    let text = "use expiration
definition user {}
definition group { relation member: user | user with on | group#member }
definition doc {
  relation viewer: user | user:* | group#member
  relation banned: user | user with on | user with expiration | group#member
  permission view = viewer - banned
}
caveat on(flag bool) { flag }";
    let state = after(&State::genesis(STORE), schema(1, text));
    let expiring = format!("doc:2#banned@user:eve[expiration:{NEVER}]");
    let texts = [
        "doc:1#viewer@user:*",
        "doc:1#viewer@user:ada",
        "doc:1#banned@user:ada[on:{\"flag\":true}]",
        "doc:1#banned@user:bob",
        "doc:2#viewer@user:*",
        &*expiring,
        "doc:2#banned@group:all#member",
        "doc:3#viewer@group:all#member",
        "group:all#member@group:eng#member",
        "group:eng#member@user:zoë",
        "group:eng#member@user:joe[on:{\"flag\":true}]",
    ];
    rebuilt(&after(&state, changes(&state, &texts)))
}

/// A way of asking.
type Way<'w> = &'w dyn Fn(&State) -> Option<String>;

/// What a state answers, in all the ways that there are; `None`: that its memory is damaged.
fn answers(opened: &dyn Fn() -> State, keys: &[TupleKey]) -> Vec<Option<String>> {
    fn told<T: std::fmt::Debug>(found: &Result<T, EvalError>) -> Option<String> {
        match found {
            Err(EvalError::Damaged(damaged)) => {
                assert_eq!((damaged.code(), damaged.store()), ("memory_damaged", STORE));
                None
            }
            found => Some(format!("{found:?}")),
        }
    }
    let context = Context::new();
    let mut all = Vec::new();
    for key in keys {
        // Each time anew: what was found by one question would answer all others.
        let ways: [Way<'_>; WAYS] = [
            &|state| told(&state.prepare(None).unwrap().evaluator(Timestamp::MIN, &context).check(key)),
            &|state| {
                let (of, relation, subject) = (key.object().object_type(), key.relation(), key.subject());
                told(&state.prepare(None).unwrap().evaluator(Timestamp::MIN, &context).list_objects(
                    of,
                    relation,
                    subject,
                    PageRequest::default(),
                ))
            },
            &|state| {
                let (object, relation, of) = (key.object(), key.relation(), &"user".into());
                let prepared = state.prepare(None).unwrap();
                told(&prepared.evaluator(Timestamp::MIN, &context).list_subjects(object, relation, of, None, PageRequest::default()))
            },
            &|state| told(&circuit(state, &context).check(key)),
            &|state| told(&circuit(state, &context).explain(key)),
            &|state| told(&circuit(state, &context).expand(key.object(), key.relation(), None)),
        ];
        for way in ways {
            let state = opened();
            let answer = way(&state);
            assert_eq!(answer.is_none(), state.intact().is_err(), "{key}");
            all.push(answer);
        }
    }
    all
}

fn circuit<'a>(state: &'a State, context: &'a Context) -> Evaluator<'a> {
    Evaluator::new(state.latest_schema().unwrap().schema().unwrap(), state, Timestamp::MIN, context)
}

fn keys() -> Vec<TupleKey> {
    let subjects = ["user:ada", "user:bob", "user:eve", "user:zoë", "user:joe", "user:nobody"];
    let objects = ["doc:1", "doc:2", "doc:3", "doc:none"];
    objects.iter().flat_map(|object| subjects.map(|subject| format!("{object}#view@{subject}").parse().unwrap())).collect()
}

/// The words of a file's section, changed.
fn with_words(file: &[u8], section: &str, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let container = Container::open(memory(file)).unwrap();
    let bytes = container.section(section).unwrap();
    let begin = file.windows(bytes.len()).position(|window| window == bytes).unwrap();
    let mut changed = file.to_vec();
    change(&mut changed[begin..begin + bytes.len()]);
    changed
}

/// Holds the answers of a damaged file, by the first so many ways, against the right ones: each is right, or none at all. How many were
/// none.
fn hold(file: &[u8], (keys, ways): (&[TupleKey], usize), right: &[Option<String>], what: &str) -> usize {
    // A file whose damage is met as it is opened says so at once, and to everything.
    let opened = || open(file).unwrap().into_state();
    let found = answers(&opened, keys);
    for (place, (found, right)) in found.iter().zip(right).enumerate() {
        let way = place % WAYS;
        assert!(way >= ways || found.is_none() || found == right, "{what}: {way} of {}: {found:?}, right is {right:?}", keys[place / WAYS]);
    }
    found.iter().filter(|answer| answer.is_none()).count()
}

/// By place in a section: words that nobody can have written there, and how many of the ways can tell.
fn unreadable(state: &State) -> Vec<(&'static str, usize, u32, usize)> {
    let segment = &state.graph().base_segments()[0];
    let mut words = Vec::new();
    // A qualifier that is longer than all of them, or ends before it begins.
    for node in (0..segment.nodes()).map(NodeId) {
        let record = segment.record(node).unwrap();
        for run in record.runs(Direction::Forward) {
            words
                .extend(run.places.iter().flat_map(|place| [u32::MAX, 1 << 20, 0].map(|word| ("qualifiers", *place as usize, word, WAYS))));
        }
    }
    for (id, node) in (0..segment.nodes()).map(NodeId).zip(0..) {
        words.extend([u32::MAX, 1 << 24].map(|word| ("offsets", node, word, WAYS)));
        let begin = segment.offsets.get(node).unwrap() as usize;
        // A name that no record has room for, or that is no text.
        words.push(("records", begin, segment.records.get(begin).unwrap() | 0xFFF0_0000, WAYS));
        words.push(("records", begin + 1, u32::MAX, WAYS));
        // Names that it might have, and does not: told to who looks for the name, not to who reads it.
        words.extend([0x0010_0000, 0x0010_0001].map(|bits| ("records", begin, segment.records.get(begin).unwrap() ^ bits, 1)));
        words.extend([0x0001, 0x0100].map(|bits| ("records", begin + 1, segment.records.get(begin + 1).unwrap() ^ bits, 1)));
        // Other ends that are no nodes, where they are followed and not looked for.
        let record = segment.record(id).unwrap();
        let follows = |run: &Run<'_>| matches!(state.graph().vocabulary().class(run.class).unwrap().kind, Kind::Userset(_));
        for run in record.runs(Direction::Forward).filter(follows).chain(record.runs(Direction::Backward)) {
            for at in 0..run.ends.len() {
                let place = (run.ends.as_ptr() as usize - segment.records.as_slice().as_ptr() as usize) / 4 + at;
                words.extend([1 << 16, 1 << 29, 1 << 30, 1 << 31].map(|bits| ("records", place, run.ends[at] | bits, WAYS)));
            }
        }
    }
    words
}

#[test]
fn memory_that_cannot_be_read_answers_nothing() {
    let state = store();
    let (file, keys) = (written(&state), keys());
    let right = answers(&|| state.clone(), &keys);
    assert!(right.iter().all(Option::is_some) && right.iter().flatten().any(|answer| answer.contains("Denied")));
    assert_eq!(hold(&file, (&keys, WAYS), &right, "the file as it was"), 0);
    let mut met = std::collections::BTreeMap::new();
    let opened = open(&file).unwrap().into_state();
    for (array, place, word, ways) in unreadable(&opened) {
        let changed = with_words(&file, &format!("seg.0.{array}"), |bytes| bytes[4 * place..][..4].copy_from_slice(&word.to_le_bytes()));
        *met.entry(array).or_insert(0) += usize::from(hold(&changed, (&keys, ways), &right, &format!("{array} {place} is {word:#x}")) > 0);
    }
    // Nodes that the index of names has and nobody else.
    let places: Vec<usize> = with_nodes(&file);
    for place in places {
        let changed = with_words(&file, "names", |bytes| bytes[4 * place + 2] = 1);
        *met.entry("names").or_insert(0) += usize::from(hold(&changed, (&keys, WAYS), &right, &format!("names {place}")) > 0);
    }
    assert!(met["qualifiers"] > 8 && met["offsets"] > 15 && met["records"] > 80 && met["names"] > 5, "{met:?}");
}

/// Where the index of names has a node.
fn with_nodes(file: &[u8]) -> Vec<usize> {
    let container = Container::open(memory(file)).unwrap();
    let words: Vec<u32> = container.section("names").unwrap().as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let used = |bucket: usize| words[bucket * 16 + 15] as usize >> 24;
    (0..words.len() / 16).flat_map(|bucket| (0..used(bucket)).map(move |slot| bucket * 16 + slot)).collect()
}

/// A state whose tuple `doc:1#banned@user:ada` has a caveat that cannot be read.
fn damaged() -> State {
    let state = store();
    let file = with_words(&written(&state), "seg.0.qualifiers", |bytes| bytes.fill(0xFF));
    open(&file).unwrap().into_state()
}

#[test]
fn what_was_damaged_is_named() {
    let (state, context) = (damaged(), Context::new());
    let key: TupleKey = "doc:1#view@user:ada".parse().unwrap();
    let error = state.prepare(None).unwrap().evaluator(Timestamp::MIN, &context).check(&key).unwrap_err();
    assert_eq!(error.code(), "memory_damaged");
    assert!(error.help().unwrap().contains("load the store again"));
    let told = error.to_string();
    assert!(told.ends_with("the caveat or expiry of a tuple cannot be read, at `doc:1#banned`"), "{told}");
    // From then on nothing is answered, whatever it is about.
    let other = "doc:3#view@user:zoë".parse().unwrap();
    assert_eq!(state.prepare(None).unwrap().evaluator(Timestamp::MIN, &context).check(&other), Err(error));
}

#[test]
fn what_was_damaged_is_not_listed_written_folded_or_put_in_order() {
    let state = damaged();
    assert_eq!((state.tuples().count(), state.intact().unwrap_err().code()), (store().len() - 3, "memory_damaged"));
    let state = damaged();
    assert_ne!(state.recomputed_digest(), *state.digest());
    assert!(state.intact().is_err());
    let state = damaged();
    assert!(state.get(&"doc:1#banned@user:ada".parse().unwrap()).is_none() && state.intact().is_err());
    let state = damaged();
    let mut rebuild = Rebuild::begin_now(&state);
    assert!(rebuild.work(&state).is_none() && rebuild.work(&state).is_none() && state.intact().is_err());
    // An entry says what was there before; a change of what cannot be read goes nowhere.
    let (whole, state) = (store(), damaged());
    let next = entry(&whole, changes(&whole, &["-doc:1#banned@user:ada"]));
    let error = state.apply(&next).unwrap_err();
    assert!(matches!(error, FoldError::Damaged { .. }) && error.code() == "memory_damaged", "{error}");
    let state = damaged();
    let error = state.next_entry(Timestamp::from_microseconds(9), "", "", next.body).unwrap_err();
    assert_eq!(error.code(), "memory_damaged");
    // Something of it is written anew, so all of it is read.
    let other = entry(&whole, changes(&whole, &["doc:9#viewer@user:ada"]));
    let mut history = History::new(damaged(), Window::default());
    history.push(history.head().apply(&other).unwrap(), 1).unwrap();
    assert!(history.head().write_snapshot(&about(), &mut Vec::new()).is_err());
    assert!(history.at(history.oldest()).unwrap().intact().is_err(), "older states have the same memory");
}
