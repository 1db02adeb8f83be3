//! Laws of decisions and of the fold, on generated worlds. Each is written down in `docs/laws.md`.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail a test; clippy.toml lets off only the test functions themselves")]

use std::collections::BTreeSet;
use std::sync::Arc;

use dhow_engine::entry::{Body, Change, Entry};
use dhow_engine::eval::{Decision, EvalError};
use dhow_engine::filter::TupleFilter;
use dhow_engine::state::{Position, State};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::Tuple;
use dhow_testkit::engine::{EngineStore, STORE, stored};
use dhow_testkit::generate::{Choices, Profile, tuple};
use dhow_testkit::model::{CaveatKind, Question, World, latest};
use dhow_testkit::oracle::decide;
use dhow_testkit::runner::{Case, Run, Tally, run};

type Found = Result<Decision, EvalError>;

/// Runs a law on every question, counting the oracle's answers.
fn law(name: &'static str, profile: Profile, law: impl Fn(&Case, &EngineStore, &Question) -> Result<(), String>) -> Tally {
    run(Run { name, worlds: 3_500, questions: 3, profile }, |case, tally| {
        let store = EngineStore::of_world(&case.world);
        case.questions.iter().try_for_each(|question| {
            tally.count(&decide(&case.world, question));
            law(case, &store, question)
        })
    })
}

fn expect(holds: bool, question: &Question, before: &Found, after: &Found) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{question}\n  before: {before:?}\n  after:  {after:?}")) }
}

/// The question with values for these parameters as well.
fn completed<'a>(question: &Question, parameters: impl IntoIterator<Item = &'a str>, choices: &mut Choices) -> Question {
    let mut next = question.clone();
    for parameter in parameters {
        if !next.context.contains_key(parameter) {
            next.context.insert(parameter.to_owned(), choices.pick(&CaveatKind::values(parameter)).clone());
        }
    }
    next
}

#[test]
fn without_exclusion_and_all_a_further_tuple_never_revokes() {
    let tally = law("more tuples, no less", Profile::MONOTONIC, |case, store, question| {
        let before = store.check(case.world.now, question);
        let added = tuple(&mut case.choices(), &case.world);
        let known = case.world.tuples.iter().chain(&question.contextual).any(|known| known.same_key(&added));
        if known {
            return Ok(());
        }
        let mut world = case.world.clone();
        world.tuples.push(added);
        let after = EngineStore::of_world(&world).check(world.now, question);
        let holds = match &before {
            Ok(Decision::Allowed) => after == Ok(Decision::Allowed),
            Ok(Decision::Conditional { .. }) => after != Ok(Decision::Denied),
            Ok(Decision::Denied) | Err(_) => true,
        };
        expect(holds, question, &before, &after)
    });
    tally.assert_shares(20, 5, 0);
}

#[test]
fn what_is_settled_under_partial_context_stays_so_under_every_completion() {
    let tally = law("settled stays settled", Profile::ALL, |case, store, question| {
        let before = store.check(case.world.now, question);
        let parameters: BTreeSet<&str> = case.world.model.caveats.iter().flat_map(|caveat| caveat.parameters()).collect();
        let mut choices = case.choices();
        for _ in 0..3 {
            let after = store.check(case.world.now, &completed(question, parameters.iter().copied(), &mut choices));
            let holds = match &before {
                Ok(Decision::Allowed | Decision::Denied) => after == before,
                Ok(Decision::Conditional { .. }) | Err(_) => !matches!(after, Ok(Decision::Conditional { .. })),
            };
            expect(holds, question, &before, &after)?;
        }
        Ok(())
    });
    tally.assert_shares(20, 5, 1);
}

#[test]
fn the_named_parameters_decide_and_no_others() {
    let tally = law("named parameters decide", Profile::ALL, |case, store, question| {
        let before = store.check(case.world.now, question);
        let Ok(Decision::Conditional { missing }) = &before else { return Ok(()) };
        let mut choices = case.choices();
        let decided = store.check(case.world.now, &completed(question, missing.iter().map(|name| &**name), &mut choices));
        expect(!matches!(decided, Ok(Decision::Conditional { .. })), question, &before, &decided)?;
        let all = case.world.model.caveats.iter().flat_map(|caveat| caveat.parameters());
        let others = all.filter(|parameter| !missing.contains(*parameter));
        let after = store.check(case.world.now, &completed(question, others, &mut choices));
        expect(after == before, question, &before, &after)
    });
    tally.assert_shares(20, 5, 1);
}

#[test]
fn contextual_tuples_are_as_if_stored() {
    let tally = law("contextual = stored", Profile::ALL, |case, store, question| {
        let before = store.check(case.world.now, question);
        let mut world = case.world.clone();
        world.tuples.extend(question.contextual.iter().cloned());
        let plain = Question { contextual: Vec::new(), ..question.clone() };
        let after = EngineStore::of_world(&world).check(world.now, &plain);
        expect(before == after, question, &before, &after)
    });
    tally.assert_shares(20, 5, 1);
}

/// What happened to a store: the entries, and where each began.
type Log = Vec<(Position, Entry)>;

/// One entry more.
fn write(state: &State, changes: Vec<Change>, log: &mut Log) -> State {
    let entry = state.next_entry(Timestamp::MIN, "ada", "", Body::Changes(changes)).unwrap();
    let next = state.apply(&entry).unwrap();
    log.push((*state.position(), entry));
    next
}

/// The world's tuples written in some order, in entries of some sizes.
fn shuffled(world: &World, schema: &dhow_schema::ir::Schema, choices: &mut Choices) -> State {
    let mut tuples = latest(&world.tuples);
    let (mut state, mut log) = (State::genesis(STORE), Vec::new());
    while !tuples.is_empty() {
        let mut changes = Vec::new();
        for _ in 0..=choices.below(3) {
            if !tuples.is_empty() {
                let next = tuples.swap_remove(choices.below(tuples.len()));
                changes.push(Change::created(stored(schema, &next.to_string())));
            }
        }
        state = write(&state, changes, &mut log);
    }
    state
}

fn content(state: &State) -> Vec<String> {
    state.scan(&TupleFilter::default(), None).map(|tuple| tuple.to_string()).collect()
}

#[test]
fn the_order_of_independent_writes_does_not_matter() {
    let tally = law("order of writes", Profile::ALL, |case, store, question| {
        let state = shuffled(&case.world, &store.schema, &mut case.choices());
        if state.digest() != store.state.digest() || content(&state) != content(&store.state) {
            return Err("another state".to_owned());
        }
        let other = EngineStore { state, ..store.clone() };
        let (before, after) = (store.check(case.world.now, question), other.check(case.world.now, question));
        expect(before == after, question, &before, &after)
    });
    tally.assert_shares(20, 5, 1);
}

#[test]
fn taking_entries_back_restores_every_state() {
    run(Run { name: "fold and unfold", worlds: 2_000, questions: 0, profile: Profile::ALL }, |case, _| {
        let schema = EngineStore::of_world(&case.world).schema;
        let mut choices = case.choices();
        let (mut state, mut log, mut states) = (State::genesis(STORE), Vec::new(), Vec::new());
        for _ in 0..8 {
            let change = random_change(&state, &case.world, &schema, &mut choices);
            states.push(state.clone());
            state = write(&state, vec![change], &mut log);
            // What was written to the log is what a reader folds.
            let (before, entry) = log.last().unwrap();
            let bytes = entry.encode().unwrap();
            let (read, decoded) = states.last().unwrap().apply_record(&bytes, &before.chain.after(&bytes)).unwrap();
            if decoded != *entry || read.digest() != state.digest() || read.position() != state.position() {
                return Err(format!("{entry:?} reads as {decoded:?}"));
            }
        }
        while let (Some((before, entry)), Some(expected)) = (log.pop(), states.pop()) {
            state = state.unapply(&entry, &before).map_err(|error| format!("{entry:?}: {error}"))?;
            let same =
                state.digest() == expected.digest() && state.position() == expected.position() && state.shapes() == expected.shapes();
            if !same || content(&state) != content(&expected) || state.recomputed_digest() != *state.digest() {
                return Err(format!("taking back {entry:?} gives {:?}", content(&state)));
            }
        }
        Ok(())
    });
}

/// Creates a tuple, or replaces or deletes one that is there.
fn random_change(state: &State, world: &World, schema: &dhow_schema::ir::Schema, choices: &mut Choices) -> Change {
    let filter = TupleFilter::default();
    let there: Vec<Arc<Tuple>> = state.scan(&filter, None).collect();
    if !there.is_empty() && choices.chance(30) {
        return Change::deleted(Tuple::clone(choices.pick::<Arc<Tuple>>(&there)));
    }
    let after = stored(schema, &tuple(choices, world).to_string());
    let before = state.get(&after.key).map(|before| (*before).clone());
    Change::new(before, Some(after)).unwrap()
}
