//! What only this evaluator can get wrong: its indexes, and what it does where it cannot tell.
//!
//! That its answers are those of the circuit and of brute force is for the test kit.

mod contextual;
mod hostile;
mod inherited;
mod nesting;
mod nesting_anew;

use std::sync::Arc;

use super::*;
use crate::entry::{Body, Change, StoreId};

const SCHEMA: &str = "use expiration
definition user {}
definition group { relation member: user | user:* | group#member | group#member with expiration | group#member with on }
definition doc { relation viewer: user | group#member permission view = viewer }
caveat on(flag bool) { flag }";

fn tuple(text: &str) -> Tuple {
    text.parse().unwrap()
}

/// A state after entries that create what begins with `+` and delete what begins with `-`.
fn after(state: &State, changes: impl IntoIterator<Item = String>) -> State {
    let change = |text: String| match text.split_at(1) {
        ("+", text) => Change::created(tuple(text)),
        (_, text) => Change::deleted(tuple(text)),
    };
    let changes: Vec<Change> = changes.into_iter().map(change).collect();
    changes.chunks(1_000).fold(state.clone(), |state, part| {
        let entry = state.next_entry(Timestamp::MIN, "", "", Body::Changes(part.to_vec())).unwrap();
        state.apply(&entry).unwrap()
    })
}

/// A store with the schema, prepared: its groups are indexed as they are.
fn prepared(tuples: impl IntoIterator<Item = String>) -> Prepared {
    let state = after(&State::genesis(StoreId([1; 16])), tuples);
    Prepared::new(&state, Arc::new(dhow_schema::compile_str(SCHEMA).unwrap())).unwrap()
}

impl Prepared {
    /// The same store some entries later, with the index that it has.
    fn later(&self, changes: &[&str]) -> Self {
        let state = after(&self.state, changes.iter().map(|text| (*text).to_owned()));
        Self { state, ..self.clone() }
    }

    fn allows(&self, question: &str) -> bool {
        let context = Context::new();
        let evaluator = self.evaluator(Timestamp::MIN, &context);
        let (found, steps) = evaluator.check_counted(&question.parse().unwrap()).unwrap();
        assert!(steps < 50, "a question about one group is answered by {steps} steps, whatever leads to it");
        found == Decision::Allowed
    }
}
