//! Objects that come and go: their memory is given back, and nobody sees a number change hands.

use super::*;
use crate::graph::ids::NodeId;
use crate::snapshot::SnapshotAbout;
use crate::state::Accounts;
use crate::words::AlignedBytes;

const SCHEMA: &str = "definition u {} definition t { relation m: u | t#m }
definition d { relation v: u | t#m  relation b: u | t#m  permission see = v - b }";

/// A store with a schema, whose groups are indexed.
fn begun(texts: &[&str]) -> State {
    let genesis = State::genesis(STORE);
    let schema = SchemaText { version: 1, source: SchemaSource::native(SCHEMA) };
    let state = genesis.apply(&genesis.next_entry(time(1), "test", "", Body::Schema(schema)).unwrap()).unwrap();
    if texts.is_empty() { state } else { after(&state, create(texts)) }
}

/// Makes a whole new base, with somebody's change between its parts.
fn rebuild(history: &mut History, mut between: impl FnMut(&mut History)) {
    let mut work = Rebuild::begin_now(history.head());
    while let Some(part) = work.work(history.head()) {
        between(history);
        history.replace_head(part.install(history.head(), history.oldest())).unwrap();
    }
}

/// A file has no window: what it knows by name must be what it has.
fn comes_back_from_a_file(state: &State) {
    let mut file = Vec::new();
    state
        .write_snapshot(
            &SnapshotAbout { time: time(9), actor: String::new(), store_name: String::new(), program: String::new() },
            &mut file,
        )
        .unwrap();
    let opened = State::open_snapshot(Arc::new(AlignedBytes::copy_of(&file)), Some(state.store())).unwrap();
    opened.verify().unwrap();
    assert_eq!(keys(opened.into_state().tuples()), keys(state.tuples()));
}

fn push(history: &mut History, changes: Vec<Change>) {
    history.push(after(history.head(), changes), 1).unwrap();
}

fn create(texts: &[&str]) -> Vec<Change> {
    texts.iter().map(|text| Change::created(tuple(text))).collect()
}

fn delete(texts: &[&str]) -> Vec<Change> {
    texts.iter().map(|text| Change::deleted(tuple(text))).collect()
}

fn nodes(history: &History) -> u32 {
    history.head().graph().nodes()
}

#[test]
fn objects_that_come_and_go_without_end_take_memory_for_the_window_alone() {
    let mut history = History::new(begun(&["d:1#v@u:1"]), Window { max_states: 3, ..Window::default() });
    let mut after_rounds: Vec<(u32, Accounts)> = Vec::new();
    for round in 0..24 {
        let texts: Vec<String> = (0..500).map(|number| format!("d:{round}-{number}-of-a-long-name#v@u:{round}-{number}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        push(&mut history, create(&texts));
        push(&mut history, delete(&texts));
        rebuild(&mut history, |_| ());
        after_rounds.push((nodes(&history), history.head().accounts()));
    }
    let (third, last) = (after_rounds[8], after_rounds[23]);
    assert!(last.0 <= third.0 && last.0 < 5_000, "{after_rounds:?}");
    assert!(last.1.total() <= third.1.total() * 11 / 10, "{after_rounds:?}");
    // When nothing comes any more, names go, too.
    for _ in 0..3 {
        push(&mut history, vec![]);
        rebuild(&mut history, |_| ());
    }
    let dead = history.head().accounts().names_bytes;
    assert!(dead < 5_000 * 4 * 9, "{dead}");
    assert_eq!(keys(history.head().tuples()), ["d:1#v@u:1"]);
}

#[test]
fn a_name_that_comes_back_is_found_whatever_became_of_its_number() {
    // One of each is brought back at each moment of a node's end, and another one takes a free number meanwhile.
    for moment in 0..12 {
        let mut history = History::new(begun(&["d:1#v@u:1", "d:2#v@t:2#m", "t:2#m@u:2"]), Window { max_states: 2, ..Window::default() });
        let going = ["d:2#v@t:2#m", "t:2#m@u:2"];
        push(&mut history, delete(&going));
        push(&mut history, vec![]);
        push(&mut history, vec![]);
        let mut passed = 0;
        for round in 0..4 {
            rebuild(&mut history, |history| {
                if passed == moment {
                    push(history, create(&["d:2#v@t:2#m", "d:2#v@u:new", "t:new#m@u:2", "t:2#m@t:new#m"]));
                }
                passed += 1;
            });
            push(&mut history, create(&[&format!("d:9{round}#v@u:9{round}")]));
            let mut expected: Vec<String> = (0..=round).map(|round| format!("d:9{round}#v@u:9{round}")).collect();
            expected.push("d:1#v@u:1".to_owned());
            if passed > moment {
                expected.extend(["d:2#v@t:2#m", "d:2#v@u:new", "t:new#m@u:2", "t:2#m@t:new#m"].map(str::to_owned));
            }
            expected.sort();
            let state = history.head();
            assert_eq!(keys(state.tuples()), expected, "at {moment}, round {round}");
            assert_eq!(state.recomputed_digest(), *state.digest());
            let prepared = state.prepare(None).unwrap();
            let context = dhow_schema::value::Context::new();
            let allowed = prepared.evaluator(Timestamp::MIN, &context).check(&"d:2#see@u:2".parse().unwrap()).unwrap();
            assert_eq!(!allowed.is_denied(), passed > moment, "at {moment}, round {round}");
            state.intact().unwrap();
            comes_back_from_a_file(state);
        }
    }
}

#[test]
fn a_number_that_only_older_revisions_use_is_not_written_to_a_file() {
    let mut history = History::new(begun(&["d:1#v@u:1", "d:2#v@u:2"]), Window { max_states: 1, ..Window::default() });
    let before = history.head().clone();
    let entry = before.next_entry(time(5), "", "", Body::Changes(delete(&["d:2#v@u:2"]))).unwrap();
    history.push(before.apply(&entry).unwrap(), 1).unwrap();
    // No revision has the names any more, and the numbers are free.
    for _ in 0..3 {
        rebuild(&mut history, |_| ());
    }
    let mut history = History::new(history.head().clone(), Window::default());
    history.push_older(history.head().unapply(&entry, before.position()).unwrap(), 1).unwrap();
    assert_eq!(keys(history.at(before.revision()).unwrap().tuples()), ["d:1#v@u:1", "d:2#v@u:2"]);
    comes_back_from_a_file(history.head());
}

#[test]
fn who_keeps_an_older_state_keeps_its_names() {
    let mut history = History::new(begun(&["d:1#v@u:1", "d:2#v@u:2"]), Window { max_states: 1, ..Window::default() });
    let mut held = vec![history.head().clone()];
    push(&mut history, delete(&["d:2#v@u:2"]));
    for round in 0..6 {
        push(&mut history, create(&[&format!("d:n{round}#v@u:n{round}")]));
        rebuild(&mut history, |_| ());
        held.push(history.head().clone());
        push(&mut history, delete(&[&format!("d:n{round}#v@u:n{round}")]));
        rebuild(&mut history, |_| ());
    }
    assert!(nodes(&history) <= 10, "numbers were not used again: {}", nodes(&history));
    assert_eq!(keys(held[0].tuples()), ["d:1#v@u:1", "d:2#v@u:2"]);
    for (round, state) in held[1..].iter().enumerate() {
        assert_eq!(keys(state.tuples()), ["d:1#v@u:1".to_owned(), format!("d:n{round}#v@u:n{round}")]);
        assert!(state.get(&tuple(&format!("d:n{}#v@u:n{}", round + 1, round + 1)).key).is_none());
    }
    // A dead number has no name, and nobody who asks for one by number.
    let dead =
        (0..nodes(&history)).map(NodeId).filter(|node| history.head().graph().record(*node).is_some_and(|record| record.is_nameless()));
    assert!(dead.count() > 0);
}

/// Few names, of which each comes and goes many times.
fn passing() -> impl Strategy<Value = Tuple> {
    let id = || 0..14_u8;
    let subject = prop::sample::select(vec!["", "", "#m"]);
    ("[dt]", id(), "[vmb]", "[ut]", id(), subject).prop_map(|(ot, oi, r, st, si, sr)| tuple(&format!("{ot}:{oi}#{r}@{st}:{si}{sr}")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever becomes of their numbers, each revision of the window says what it said, and so do states that somebody has kept.
    #[test]
    fn every_revision_stays_what_it_was_while_objects_come_and_go(
        steps in prop::collection::vec((prop::collection::vec(passing(), 0..5), 0..30_u8, 0..4_usize), 10..60), states in 1..5_usize,
    ) {
        let mut model: Vec<BTreeMap<TupleKey, Tuple>> = vec![BTreeMap::new(); 2];
        let mut history = History::new(begun(&[]), Window { max_states: states, ..Window::default() });
        let mut rebuild: Option<Rebuild> = None;
        let mut waiting: Option<crate::state::Part> = None;
        let mut held: Option<State> = None;
        for (place, (coming, going, parts)) in steps.into_iter().enumerate() {
            let mut next = model.last().unwrap().clone();
            // Most of what is there goes soon.
            let mut wanted: BTreeMap<TupleKey, Option<Tuple>> =
                next.keys().enumerate().filter(|(at, _)| at % 3 == usize::from(going % 4)).map(|(_, key)| (key.clone(), None)).collect();
            wanted.extend(coming.into_iter().map(|tuple| (tuple.key.clone(), Some(tuple))));
            let mut changes = Vec::new();
            for (key, tuple) in wanted {
                let before = match &tuple {
                    Some(tuple) => next.insert(key, tuple.clone()),
                    None => next.remove(&key),
                };
                changes.extend(Change::new(before, tuple));
            }
            push(&mut history, changes);
            model.push(next);
            for _ in 0..parts {
                // A part is made at one moment and put in place at a later one.
                match waiting.take() {
                    Some(part) => history.replace_head(part.install(history.head(), history.oldest())).unwrap(),
                    None => {
                        waiting = rebuild.get_or_insert_with(|| Rebuild::begin_now(history.head())).work(history.head());
                        if waiting.is_none() {
                            rebuild = None;
                        }
                    }
                }
            }
            if place % 7 == 0 {
                held = history.at(history.oldest()).ok();
            }
            let window = (history.oldest()..=history.head().revision()).map(|revision| history.at(revision).unwrap());
            for state in window.chain(held.clone()) {
                let expected = &model[usize::try_from(state.revision()).unwrap()];
                prop_assert_eq!(keys(state.tuples()), expected.keys().map(ToString::to_string).collect::<Vec<_>>());
                prop_assert_eq!(state.recomputed_digest(), *state.digest());
                for id in 0..14 {
                    let filter = TupleFilter { subject_type: Some("u".into()), subject_id: Some(id.to_string().as_str().into()), ..TupleFilter::default() };
                    let found: Vec<String> = expected.keys().filter(|key| filter.matches(key)).map(ToString::to_string).collect();
                    prop_assert_eq!(keys(state.scan(&filter, None)), found);
                }
                let ids: BTreeSet<Id> = expected.keys()
                    .flat_map(|key| [Some(key.object().clone()), key.subject().object_ref()]).flatten()
                    .filter(|object| &**object.object_type() == "t").map(|object| object.id().clone()).collect();
                prop_assert_eq!(state.object_ids("t", None).collect::<Vec<_>>(), ids.into_iter().collect::<Vec<_>>());
            }
            let (state, context) = (history.head(), dhow_schema::value::Context::new());
            let prepared = state.prepare(None).unwrap();
            let schema = prepared.schema();
            let (fast, plain) = (prepared.evaluator(Timestamp::MIN, &context), crate::eval::Evaluator::new(schema, state, Timestamp::MIN, &context));
            for number in 0..14 {
                let question: TupleKey = format!("d:{}#see@u:{}", number, (number * 5 + place) % 14).parse().unwrap();
                prop_assert_eq!(fast.check(&question), plain.check(&question));
            }
            state.intact().unwrap();
            comes_back_from_a_file(state);
        }
    }
}
