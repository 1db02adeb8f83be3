//! A pass finds nothing in memory that is right, however it came about, and one wrong edge or index entry wherever it is.

use super::*;
use crate::state::{Part, Rebuild, Sample, Scrub, ScrubError, Scrubbed};

const SCHEMA: &str = "definition u {} definition g { relation m: u | g#m }
    definition f { relation p: f relation v: u | g#m permission see = v + p->see }";

const SAMPLE: Sample = Sample { seed: 5, walks: 1_000 };

fn with_schema(tuples: &[&str]) -> State {
    let body = Body::Schema(SchemaText { version: 1, source: SchemaSource::native(SCHEMA) });
    let genesis = State::genesis(STORE);
    let state = genesis.apply(&genesis.next_entry(time(1), "", "", body).unwrap()).unwrap();
    after(&state, tuples.iter().map(|text| Change::created(tuple(text))).collect())
}

fn scrubbed(state: &State) -> Scrubbed {
    let mut scrub = Scrub::begin(state, SAMPLE);
    while scrub.work(7) {}
    scrub.scrubbed().clone()
}

fn codes(state: &State) -> Vec<&'static str> {
    scrubbed(state).wrong.iter().map(ScrubError::code).collect()
}

/// The state with its memory in order, and the parts of that: the base, groups, inheritance.
fn parts(state: &State) -> (State, Vec<Part>) {
    let (mut state, mut rebuild, mut parts) = (state.clone(), Rebuild::begin_now(state), Vec::new());
    let mut again = Rebuild::begin_now(&state);
    while let (Some(part), Some(same)) = (rebuild.work(&state), again.work(&state)) {
        state = part.install(&state, state.revision());
        parts.push(same);
    }
    (state, parts)
}

const TUPLES: &[&str] = &["f:1#v@g:a#m", "f:2#p@f:1", "f:3#p@f:2", "g:a#m@u:x", "g:a#m@g:b#m", "g:b#m@g:c#m", "g:c#m@u:y"];

/// The same objects and the same number of tuples, another one of them.
const OTHERS: &[&str] = &["f:1#v@g:a#m", "f:2#p@f:1", "f:3#p@f:1", "g:a#m@u:x", "g:a#m@g:b#m", "g:a#m@g:c#m", "g:c#m@u:y"];

#[test]
fn memory_that_is_right_is_found_to_be_right() {
    let mut state = with_schema(TUPLES);
    assert_eq!(scrubbed(&State::genesis(STORE)), Scrubbed::default());
    for round in 0..40_u64 {
        // A new base, or only parts of one, every now and then; between them the indexes are behind.
        if round % 7 == 3 {
            state = parts(&state).0;
        }
        let told = scrubbed(&state);
        assert_eq!((told.wrong, told.tuples), (vec![], state.len() as u64), "round {round}");
        let (group, above) = (round * 13 % 11, round * 7 % 5);
        let nested = [tuple(&format!("g:{above}#m@g:{group}#m")), tuple(&format!("f:{group}#p@f:{above}"))];
        let changes = nested.iter().map(|tuple| match state.get(&tuple.key) {
            Some(there) => Change::deleted((*there).clone()),
            None => Change::created(tuple.clone()),
        });
        state = after(&state, changes.collect());
    }
}

#[test]
fn all_of_both_indexes_is_compared() {
    let (state, _) = parts(&with_schema(TUPLES));
    let told = scrubbed(&state);
    assert_eq!((told.groups, told.walked, told.lines, told.passed_over), (2, 2, 2, 0));
}

#[test]
fn one_wrong_edge_is_found() {
    let (state, _) = parts(&with_schema(TUPLES));
    let (_, others) = parts(&with_schema(OTHERS));
    let base = others.into_iter().next().unwrap();
    let wrong = base.install(&state, state.revision());
    assert_eq!(wrong.digest(), state.digest(), "nobody who reads it can tell");
    wrong.intact().unwrap();
    assert_eq!(codes(&wrong), ["scrub_digest"]);
}

#[test]
fn one_wrong_entry_of_the_index_of_groups_is_found() {
    let (state, _) = parts(&with_schema(TUPLES));
    let (_, mut others) = parts(&with_schema(OTHERS));
    let groups = others.swap_remove(1);
    let wrong = groups.install(&state, state.revision());
    assert_eq!(wrong.recomputed_digest(), *state.digest(), "the edges are right");
    assert_eq!(codes(&wrong), ["scrub_group"]);
    // Changes elsewhere do not hide it, and neither do changes of what is above it once it is gone again.
    let wrong = after(&wrong, vec![Change::created(tuple("g:x#m@g:y#m"))]);
    assert_eq!(codes(&wrong), ["scrub_group"]);
}

#[test]
fn one_wrong_line_of_what_is_inherited_is_found() {
    let (state, _) = parts(&with_schema(TUPLES));
    let (_, mut others) = parts(&with_schema(OTHERS));
    let lines = others.swap_remove(2);
    let wrong = lines.install(&state, state.revision());
    assert_eq!(codes(&wrong), ["scrub_inherited"]);
}
