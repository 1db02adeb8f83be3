//! Decides questions by brute force.
//!
//! The question's part of the world is written out as a ground logic program (`ground`) whose well-founded model is computed
//! with the operator of the definition itself (`well_founded`): no circuit, no work list, no alternating fixpoint, no index.
//! The cost is cubic and more in the number of ground atoms: for worlds of some dozens of tuples.
//!
//! Each atom has two values, what is certain (`low`) and what is possible (`high`) while some caveats are undecided.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::model::{Judgement, Object, Question, Subject, Tuple, World, latest};
use ground::Program;
use well_founded::{Truth, well_founded};

pub use ground::Gate;

mod ground;
mod well_founded;

/// What the oracle says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Certain.
    Allowed,
    /// Certainly not, or a paradox.
    Denied {
        /// Membership would be defined by its own absence.
        paradox: bool,
    },
    /// It depends on these parameters.
    Conditional(BTreeSet<String>),
    /// It depends on a caveat whose evaluation fails.
    Error,
}

impl Answer {
    /// Whether the answer is a plain no.
    #[must_use]
    pub const fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }
}

/// Decides one question.
#[must_use]
pub fn decide(world: &World, question: &Question) -> Answer {
    decide_all(world, &question.subject, &question.context, &question.contextual, &[(question.object.clone(), question.permission.clone())])
        .pop()
        .expect("one atom was asked for, so there is one answer")
}

/// Decides several atoms for one subject, in the order they are asked.
#[must_use]
pub fn decide_all(
    world: &World,
    subject: &Subject,
    context: &Map<String, Value>,
    contextual: &[Tuple],
    atoms: &[(Object, String)],
) -> Vec<Answer> {
    let mut program = Program::new(&world.model, seen(world, contextual), subject, context);
    let asked: Vec<usize> = atoms.iter().map(|(object, relation)| program.atom(object, relation)).collect();
    decide_gates(program.gates(), &asked)
}

/// Decides some of the gates, which refer to each other by their places in the list.
#[must_use]
pub fn decide_gates(gates: &[Gate], asked: &[usize]) -> Vec<Answer> {
    let values = Values { truths: well_founded(&ground::rules(gates), 2 * gates.len()), gates };
    asked.iter().map(|gate| values.answer(*gate)).collect()
}

/// The tuples that count for a request: stored ones, replaced or joined by contextual ones, that the schema allows and that have
/// not expired.
fn seen(world: &World, contextual: &[Tuple]) -> Vec<Tuple> {
    let mut tuples = world.tuples.clone();
    tuples.extend_from_slice(contextual);
    let mut tuples = latest(&tuples);
    tuples.retain(|tuple| world.model.allows(tuple) && tuple.expires_at.is_none_or(|end| end > world.now));
    tuples
}

struct Values<'a> {
    truths: Vec<Truth>,
    gates: &'a [Gate],
}

impl Values<'_> {
    fn low(&self, gate: usize) -> Truth {
        self.truths[ground::low(gate)]
    }

    fn high(&self, gate: usize) -> Truth {
        self.truths[ground::high(gate)]
    }

    fn answer(&self, atom: usize) -> Answer {
        let (low, high) = (self.low(atom), self.high(atom));
        assert!(low <= high, "what is certain must be possible");
        match (low, high) {
            (Truth::True, _) => Answer::Allowed,
            (_, Truth::True) => {
                let mut found = Found::default();
                self.undecided(atom, &mut found);
                if found.error { Answer::Error } else { Answer::Conditional(found.missing) }
            }
            _ => Answer::Denied { paradox: high == Truth::Undefined },
        }
    }

    /// Collects what the leaves lack, going only where the value is not settled.
    fn undecided(&self, gate: usize, found: &mut Found) {
        if self.low(gate) == self.high(gate) || !found.visited.insert(gate) {
            return;
        }
        match &self.gates[gate] {
            Gate::Leaf(Judgement::Missing(names)) => found.missing.extend(names.iter().cloned()),
            Gate::Leaf(Judgement::Error) => found.error = true,
            Gate::Leaf(Judgement::True | Judgement::False) => {}
            Gate::Any(children) | Gate::Every(children) => children.iter().for_each(|child| self.undecided(*child, found)),
            Gate::Without(base, subtract) => [base, subtract].into_iter().for_each(|child| self.undecided(*child, found)),
        }
    }
}

#[derive(Default)]
struct Found {
    visited: BTreeSet<usize>,
    missing: BTreeSet<String>,
    error: bool,
}

#[cfg(test)]
mod tests;
