use super::*;
use crate::entry::{SchemaSource, SchemaText};
use crate::filter::{IdMatch, SubjectRelationMatch, TupleFilter};
use crate::history::{History, Window};
use crate::tuple::Id;
use dhow_schema::ir::Name;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

mod churn;
mod divergence;
mod scrub;

const STORE: StoreId = StoreId([7; 16]);

fn tuple(text: &str) -> Tuple {
    text.parse().unwrap()
}

fn time(us: i64) -> Timestamp {
    Timestamp::from_microseconds(us)
}

fn entry_of(state: &State, changes: Vec<Change>) -> Entry {
    state.next_entry(state.position().time.plus_microseconds(1), "test", "r", Body::Changes(changes)).unwrap()
}

fn changes_of(entry: &Entry) -> &[Change] {
    match &entry.body {
        Body::Changes(changes) => changes,
        Body::Schema(_) => &[],
    }
}

fn after(state: &State, changes: Vec<Change>) -> State {
    state.apply(&entry_of(state, changes)).unwrap()
}

fn state_of(texts: &[&str]) -> State {
    after(&State::genesis(STORE), texts.iter().map(|text| Change::created(tuple(text))).collect())
}

fn keys(tuples: impl Iterator<Item = Arc<Tuple>>) -> Vec<String> {
    tuples.map(|tuple| tuple.key.to_string()).collect()
}

#[test]
fn the_fold_is_what_the_entries_say() {
    let first = state_of(&["d:1#v@u:1", "d:1#v@u:2"]);
    let replaced = Change::new(Some(tuple("d:1#v@u:2")), Some(tuple("d:1#v@u:2[c]"))).unwrap();
    let second = after(&first, vec![Change::deleted(tuple("d:1#v@u:1")), replaced]);
    assert_eq!(second.revision(), 2);
    assert_eq!(second.len(), 1);
    assert_eq!(second.get(&tuple("d:1#v@u:2").key).unwrap().to_string(), "d:1#v@u:2[c]");
    assert_eq!(first.len(), 2, "the state before is still what it was");
    assert_eq!(*second.digest(), second.recomputed_digest());
}

#[test]
fn an_entry_that_does_not_continue_is_refused_by_name() {
    let state = state_of(&["d:1#v@u:1"]);
    let good = entry_of(&state, vec![Change::created(tuple("d:1#v@u:2"))]);
    let code = |entry: Entry| state.apply(&entry).unwrap_err().code();
    assert_eq!(code(Entry { store: StoreId([8; 16]), ..good.clone() }), "fold_store");
    assert_eq!(code(Entry { revision: 1, ..good.clone() }), "fold_revision");
    assert_eq!(code(Entry { revision: 3, ..good.clone() }), "fold_revision");
    assert_eq!(code(Entry { time: Timestamp::MIN, ..good.clone() }), "fold_time");
    assert_eq!(code(Entry { digest: Digest::default(), ..good.clone() }), "fold_digest");
    let again = Body::Changes(vec![Change::created(tuple("d:1#v@u:1"))]);
    assert_eq!(code(Entry { body: again, ..good.clone() }), "fold_image");
    let gone = Body::Changes(vec![Change::deleted(tuple("d:1#v@u:9"))]);
    assert_eq!(code(Entry { body: gone, ..good.clone() }), "fold_image");
    let other = Body::Changes(vec![Change::deleted(tuple("d:1#v@u:1[c]"))]);
    assert_eq!(code(Entry { body: other, ..good.clone() }), "fold_image");
    let schema = Body::Schema(SchemaText { version: 2, source: SchemaSource::native("") });
    assert_eq!(code(Entry { body: schema, ..good.clone() }), "fold_schema_version");
    assert_eq!(code(Entry { actor: "x".repeat(2_000), ..good.clone() }), "entry_label_too_long");
    assert!(state.apply(&good).is_ok());
}

#[test]
fn a_record_of_another_history_is_refused_by_its_chain() {
    let state = state_of(&["d:1#v@u:1"]);
    let entry = entry_of(&state, vec![Change::created(tuple("d:1#v@u:2"))]);
    let bytes = entry.encode().unwrap();
    let chain = state.position().chain.after(&bytes);
    let (next, read) = state.apply_record(&bytes, &chain).unwrap();
    assert_eq!((next.position().chain, read), (chain, entry));
    let other = state_of(&["d:1#v@u:3"]);
    assert_eq!(other.apply_record(&bytes, &chain).unwrap_err().code(), "fold_chain");
    assert_eq!(state.apply_record(&bytes, &Chain([0; 32])).unwrap_err().code(), "fold_chain");
    assert_eq!(state.apply_record(&bytes[1..], &chain).unwrap_err().code(), "entry_version");
}

#[test]
fn going_back_needs_the_last_entry_and_where_it_followed() {
    let first = state_of(&["d:1#v@u:1"]);
    let entry = entry_of(&first, vec![Change::deleted(tuple("d:1#v@u:1"))]);
    let second = first.apply(&entry).unwrap();
    let back = second.unapply(&entry, first.position()).unwrap();
    assert_eq!((back.position(), back.digest(), back.len()), (first.position(), first.digest(), 1));
    assert_eq!(first.unapply(&entry, first.position()).unwrap_err().code(), "fold_revision");
    let forged = Position { chain: Chain([0; 32]), ..*first.position() };
    assert_eq!(second.unapply(&entry, &forged).unwrap_err().code(), "fold_chain");
}

#[test]
fn schema_versions_are_kept_and_found() {
    let genesis = State::genesis(STORE);
    assert_eq!(genesis.schema(None).unwrap_err().code(), "schema_missing");
    let write = |state: &State, version, text: &str| {
        let body = Body::Schema(SchemaText { version, source: SchemaSource::native(text) });
        let entry = state.next_entry(time(1), "", "", body).unwrap();
        (state.apply(&entry).unwrap(), entry)
    };
    let (first, _) = write(&genesis, 1, "definition user {}");
    let (second, entry) = write(&first, 2, "definition user {} definition team {}");
    assert_eq!(second.schema(None).unwrap().version(), 2);
    assert_eq!(second.schema(Some(1)).unwrap().revision, 1);
    assert_eq!(second.schema(Some(3)).unwrap_err().code(), "schema_version_unknown");
    assert_ne!(first.digest(), second.digest());
    let back = second.unapply(&entry, first.position()).unwrap();
    assert_eq!((back.digest(), back.latest_schema().unwrap().version()), (first.digest(), 1));
    let (third, _) = write(&second, 3, "definition {");
    assert_eq!(third.schema(None).unwrap().schema().unwrap_err().code(), "schema_unreadable");
}

#[test]
fn each_schema_version_decides_at_each_revision_that_has_it() {
    let write = |state: &State, version: u64, text: &str| {
        let body = Body::Schema(SchemaText { version, source: SchemaSource::native(text) });
        let entry = state.next_entry(state.position().time, "test", "", body).unwrap();
        (state.apply(&entry).unwrap(), entry)
    };
    let answers = |state: &State, version: Option<u64>| {
        let (prepared, context) = (state.prepare(version).unwrap(), Default::default());
        let evaluator = prepared.evaluator(Timestamp::MIN, &context);
        ["d:1#v@u:1", "d:1#v@u:2", "d:1#all@u:1"].map(|question| match evaluator.check(&question.parse().unwrap()) {
            Ok(decision) => format!("{decision:?}"),
            Err(error) => error.code().to_owned(),
        })
    };
    let genesis = State::genesis(STORE);
    assert_eq!(genesis.prepare(None).unwrap_err().code(), "schema_missing");
    let (first, _) = write(&genesis, 1, "definition u {} definition d { relation v: u }");
    let written = after(&first, vec![Change::created(tuple("d:1#v@u:1")), Change::created(tuple("d:1#w@u:2"))]);
    let (second, entry) = write(&written, 2, "definition u {} definition d { relation w: u relation v: u permission all = v & w }");
    let last = after(&second, vec![Change::created(tuple("d:1#w@u:1"))]);
    let (broken, _) = write(&last, 3, "definition {");

    assert_eq!(answers(&first, None), ["Denied", "Denied", "unknown_relation"]);
    assert_eq!(answers(&written, None), ["Allowed", "Denied", "unknown_relation"]);
    assert_eq!(answers(&second, None), ["Allowed", "Denied", "Denied"]);
    assert_eq!(answers(&second, Some(1)), answers(&written, None));
    assert_eq!(answers(&last, None), ["Allowed", "Denied", "Allowed"]);
    assert_eq!(broken.prepare(None).unwrap_err().code(), "schema_unreadable");
    assert_eq!(answers(&broken, Some(2)), answers(&last, None));
    assert_eq!(broken.prepare(Some(4)).unwrap_err().code(), "schema_version_unknown");

    // Going back, and from a table.
    let back = second.unapply(&entry, written.position()).unwrap();
    assert_eq!(answers(&back, None), answers(&written, None));
    assert_eq!(back.prepare(Some(2)).unwrap_err().code(), "schema_version_unknown");
    let schemas = last.schemas().map(|schema| WrittenSchema {
        text: schema.text.clone(),
        revision: schema.revision,
        time: schema.time,
        actor: schema.actor.clone(),
    });
    let loaded = State::load(STORE, *last.position(), *last.digest(), schemas, last.tuples().map(|tuple| (*tuple).clone())).unwrap();
    for version in [None, Some(1), Some(2)] {
        assert_eq!(answers(&loaded, version), answers(&last, version));
    }
}

#[test]
fn shapes_are_counted_with_caveat_and_expiry() {
    let state = state_of(&[
        "d:1#v@u:1",
        "d:2#v@u:1",
        "d:1#v@u:2[c]",
        "d:1#v@u:3[expiration:2030-01-01T00:00:00Z]",
        "d:1#v@u:*",
        "d:1#v@t:1#m[c][expiration:2030-01-01T00:00:00Z]",
    ]);
    let shown: Vec<String> = state.shapes().iter().map(|(shape, count)| format!("{count} {shape}")).collect();
    assert_eq!(shown, ["1 d#v: t#m with c and expiration", "2 d#v: u", "1 d#v: u with expiration", "1 d#v: u with c", "1 d#v: u:*"]);
    for (shape, count) in state.shapes().iter() {
        assert_eq!(Shape::of(&state.example_of(shape).unwrap()), *shape);
        assert_eq!(state.shapes().count(shape), count);
    }
    let fewer = after(&state, vec![Change::deleted(tuple("d:1#v@u:1")), Change::deleted(tuple("d:1#v@u:*"))]);
    assert_eq!(fewer.shapes().iter().map(|(_, count)| count).sum::<u64>(), 4);
    assert_eq!(fewer.shapes().iter().count(), 4);
}

#[test]
fn object_ids_are_those_of_objects_and_of_subjects() {
    let state = state_of(&["d:2#v@u:1", "d:2#w@u:1", "d:1#v@u:3", "e:1#v@d:10#m", "e:1#v@d:*", "d:9#v@u:1", "da:1#v@u:1"]);
    let ids = |after| state.object_ids("d", after).map(|id| id.to_string()).collect::<Vec<_>>();
    assert_eq!(ids(None), ["1", "10", "2", "9"]);
    assert_eq!(ids(Some("10")), ["2", "9"]);
    assert_eq!(ids(Some("9")), [""; 0]);
    assert_eq!(state.object_ids("u", None).count(), 2);
    assert_eq!(state.object_ids("", None).count(), 0);
}

#[test]
fn a_relation_is_scanned_without_its_neighbours() {
    let state = state_of(&["d:1#v@t:1#m", "d:1#v@u:1", "d:1#va@u:1", "d:1#u@u:1", "d:10#v@u:1", "d1:1#v@u:1"]);
    let object = "d:1".parse().unwrap();
    assert_eq!(keys(state.relation_tuples(&object, "v")), ["d:1#v@t:1#m", "d:1#v@u:1"]);
    assert_eq!(keys(state.relation_tuples_of_type(&object, "v", "u")), ["d:1#v@u:1"]);
}

#[test]
fn a_tuple_that_comes_and_goes_without_end_takes_memory_for_the_window_alone() {
    let window = Window { max_states: 10, ..Window::default() };
    let mut history = History::new(state_of(&["d:1#v@u:2"]), window);
    let (mut most, mut rebuilds) = (0, 0);
    for number in 0..20_000 {
        let change = if number % 2 == 0 { Change::created(tuple("d:1#v@u:1")) } else { Change::deleted(tuple("d:1#v@u:1")) };
        history.push(after(history.head(), vec![change]), 1).unwrap();
        most = most.max(history.head().graph().remembered());
        if let Some(mut rebuild) = Rebuild::begin(history.head()) {
            rebuilds += 1;
            while let Some(part) = rebuild.work(history.head()) {
                history.replace_head(part.install(history.head(), history.oldest())).unwrap();
            }
            assert!(history.head().graph().remembered() <= 10);
        }
    }
    assert_eq!(rebuilds, 4);
    assert!(most < 5_000, "{most}");
}

/// Few values, so that filters and cursors meet their edges.
fn any_tuple() -> impl Strategy<Value = Tuple> {
    let id = || prop::sample::select(vec!["1", "10", "2", "a@b"]);
    let subject = prop::sample::select(vec!["", "#m", "#n"]);
    let qualifier = prop::sample::select(vec!["", "[c]", "[expiration:2030-01-01T00:00:00Z]"]);
    ("[de]", id(), "[vw]", "[du]", id(), subject, qualifier)
        .prop_map(|(ot, oi, r, st, si, sr, q)| tuple(&format!("{ot}:{oi}#{r}@{st}:{si}{sr}{q}")))
}

fn any_filter() -> impl Strategy<Value = TupleFilter> {
    let name = |pattern: &'static str| prop::option::of(pattern.prop_map(|name: String| Name::from(name)));
    let id = || prop::option::of(prop::sample::select(vec!["1", "10", "2", "a"]));
    let relation = prop::sample::select(vec![None, Some(SubjectRelationMatch::None), Some(SubjectRelationMatch::Is("m".into()))]);
    (name("[de]"), id(), any::<bool>(), name("[vw]"), name("[du]"), id(), relation).prop_map(
        |(object_type, object_id, exact, relation, subject_type, subject_id, subject_relation)| TupleFilter {
            object_type,
            object_id: object_id.map(|id| if exact { IdMatch::Is(id.into()) } else { IdMatch::Prefix(id.to_owned()) }),
            relation,
            subject_type,
            subject_id: subject_id.map(Into::into),
            subject_relation,
        },
    )
}

proptest! {
    #[test]
    fn a_scan_finds_what_the_filter_means_in_key_order_from_any_key(
        tuples in prop::collection::vec(any_tuple(), 0..40), filter in any_filter(), after_key in prop::option::of(any_tuple()),
    ) {
        let by_key: BTreeMap<TupleKey, Tuple> = tuples.into_iter().map(|tuple| (tuple.key.clone(), tuple)).collect();
        let state = after(&State::genesis(STORE), by_key.values().cloned().map(Change::created).collect());
        let from = after_key.map(|tuple| tuple.key);
        let expected: Vec<String> = by_key.keys()
            .filter(|key| filter.matches(key) && from.as_ref().is_none_or(|from| *key > from)).map(ToString::to_string).collect();
        prop_assert_eq!(keys(state.scan(&filter, from.as_ref())), expected);
    }

    #[test]
    fn folding_going_back_and_loading_agree(steps in prop::collection::vec(prop::collection::vec((any_tuple(), any::<bool>()), 0..8), 0..8)) {
        let mut states = vec![State::genesis(STORE)];
        let mut entries: Vec<Entry> = Vec::new();
        for step in steps {
            let state = states.last().unwrap();
            let wanted: BTreeMap<TupleKey, Option<Tuple>> =
                step.into_iter().map(|(tuple, keep)| (tuple.key.clone(), keep.then_some(tuple))).collect();
            let changes = wanted.into_iter()
                .filter_map(|(key, tuple)| Change::new(state.get(&key).map(|tuple| (*tuple).clone()), tuple)).collect();
            entries.push(entry_of(state, changes));
            let next = state.apply(entries.last().unwrap()).unwrap();
            states.push(next);
        }
        let head = states.last().unwrap();
        prop_assert_eq!(*head.digest(), head.recomputed_digest());
        let all = TupleFilter::default();
        let tuples = head.scan(&all, None).map(|tuple| (*tuple).clone());
        let mut loading = Loading::begin(STORE, *head.position(), []).unwrap();
        tuples.for_each(|tuple| loading.add(&tuple, head.revision_of(&tuple.key)).unwrap());
        let loaded = loading.finish(head.digest()).unwrap();
        prop_assert_eq!(loaded.shapes(), head.shapes());
        for tuple in head.tuples() {
            let last = entries.iter().rfind(|entry| changes_of(entry).iter().any(|change| change.key() == Some(&tuple.key)));
            let revision = last.map(|entry| entry.revision);
            prop_assert_eq!((head.revision_of(&tuple.key), loaded.revision_of(&tuple.key)), (revision, revision));
        }
        let mut back = loaded;
        for (entry, state) in entries.iter().zip(&states).rev() {
            back = back.unapply(entry, state.position()).unwrap();
            for tuple in state.tuples() {
                // What a tuple came with before its last change, memory that was loaded behind that change never knew.
                let (known, revision) = (back.revision_of(&tuple.key), state.revision_of(&tuple.key));
                prop_assert!(known.is_none() || known == revision, "{} has {known:?}, not {revision:?}", tuple.key);
            }
            prop_assert_eq!(back.digest(), state.digest());
            prop_assert_eq!(keys(back.scan(&all, None)), keys(state.scan(&all, None)));
            prop_assert_eq!(back.shapes(), state.shapes());
        }
        prop_assert!(State::load(STORE, *back.position(), *head.digest(), [], [tuple("x:1#v@u:1")]).is_err());
    }

    /// Whatever happens to the memory of a store in between, each revision of the window says what it said.
    #[test]
    fn every_revision_stays_what_it_was_while_the_base_is_made_anew(
        steps in prop::collection::vec((prop::collection::vec((any_tuple(), any::<bool>()), 0..8), 0..6_usize), 1..14),
        booted in any::<prop::sample::Index>(), states in 2..20_usize,
    ) {
        let window = Window { max_states: states, ..Window::default() };
        let mut model: Vec<BTreeMap<TupleKey, Tuple>> = vec![BTreeMap::new()];
        let mut entries: Vec<Entry> = Vec::new();
        let mut positions = vec![Position::genesis(STORE)];
        let mut history = History::new(State::genesis(STORE), window);
        let mut rebuild: Option<Rebuild> = None;
        let boot = booted.index(steps.len());
        for (place, (step, parts)) in steps.into_iter().enumerate() {
            let wanted: BTreeMap<TupleKey, Option<Tuple>> =
                step.into_iter().map(|(tuple, keep)| (tuple.key.clone(), keep.then_some(tuple))).collect();
            let mut next = model.last().unwrap().clone();
            let mut changes = Vec::new();
            for (key, tuple) in wanted {
                let before = match &tuple {
                    Some(tuple) => next.insert(key, tuple.clone()),
                    None => next.remove(&key),
                };
                changes.extend(Change::new(before, tuple));
            }
            let entry = entry_of(history.head(), changes);
            history.push(history.head().apply(&entry).unwrap(), 1).unwrap();
            entries.push(entry);
            positions.push(*history.head().position());
            model.push(next);
            // Some parts of a rebuild, begun now or earlier.
            for _ in 0..parts {
                let work = rebuild.get_or_insert_with(|| Rebuild::begin_now(history.head()));
                match work.work(history.head()) {
                    Some(part) => history.replace_head(part.install(history.head(), history.oldest())).unwrap(),
                    None => rebuild = None,
                }
            }
            if place == boot {
                // A restart: the tuples from a table, the window from the log.
                let head = history.head();
                let loaded = State::load(STORE, *head.position(), *head.digest(), [], head.tuples().map(|tuple| (*tuple).clone())).unwrap();
                history = History::new(loaded, window);
                for (entry, before) in entries.iter().zip(&positions).rev() {
                    let oldest = history.at(history.oldest()).unwrap();
                    if !history.push_older(oldest.unapply(entry, before).unwrap(), 1).unwrap() {
                        break;
                    }
                }
                rebuild = None;
            }
            for revision in history.oldest()..=history.head().revision() {
                let state = history.at(revision).unwrap();
                let expected = &model[usize::try_from(revision).unwrap()];
                let found: Vec<Tuple> = state.tuples().map(|tuple| (*tuple).clone()).collect();
                prop_assert_eq!(&found, &expected.values().cloned().collect::<Vec<_>>());
                prop_assert_eq!(state.recomputed_digest(), *state.digest());
                prop_assert_eq!(state.len(), expected.len());
                let ids: BTreeSet<&str> = expected.keys()
                    .flat_map(|key| [Some(key.object().clone()), key.subject().object_ref()]).flatten()
                    .filter(|object| &**object.object_type() == "d").map(|object| object.id().to_string()).map(|id| &*id.leak()).collect();
                prop_assert_eq!(state.object_ids("d", None).collect::<Vec<_>>(), ids.into_iter().map(Id::from).collect::<Vec<_>>());
            }
        }
    }
}
