//! Who says what an answer must be: the circuit over a plain view of a revision's tuples, and for a share of the questions brute force.

use std::collections::BTreeSet;

use dhow_engine::eval::{Decision, EvalError, Evaluator, GraphView, Overlay};
use dhow_engine::tuple::{Tuple as Stored, TupleKey};
use dhow_schema::ir::Schema;

use crate::engine::{agrees, context_of, stored, time};
use crate::model::{Object, Question, World};
use crate::oracle::{Answer, decide};
use crate::plain::PlainView;

/// The judges of questions about one revision under one schema at one time.
pub(super) struct Judges<'a> {
    pub(super) schema: &'a Schema,
    /// Declares every caveat: tuples are read by it, whatever schema they are meant for.
    pub(super) caveats: &'a Schema,
    pub(super) view: PlainView,
    pub(super) now: i64,
    /// What brute force decides over, where it judges as well.
    pub(super) world: Option<World>,
}

/// What the judges say.
#[derive(Debug)]
pub(super) struct Verdict {
    circuit: Result<Decision, EvalError>,
    oracle: Option<Answer>,
}

impl Judges<'_> {
    /// What the answer to a check must be.
    pub(super) fn check(&self, question: &Question) -> Verdict {
        let circuit = self.by_circuit(&self.view, question, |circuit| circuit.check(&key(question)));
        Verdict { circuit, oracle: self.world.as_ref().map(|world| decide(world, question)) }
    }

    /// Asks the circuit over some view with the question's contextual tuples on top.
    pub(super) fn by_circuit<T>(&self, view: &dyn GraphView, question: &Question, ask: impl FnOnce(&Evaluator<'_>) -> T) -> T {
        let overlay = Overlay::new(view, self.contextual(question));
        let view: &dyn GraphView = if question.contextual.is_empty() { view } else { &overlay };
        ask(&Evaluator::new(self.schema, view, time(self.now), &context_of(&question.context)))
    }

    /// The contextual tuples as the engine takes them.
    pub(super) fn contextual(&self, question: &Question) -> Vec<Stored> {
        question.contextual.iter().map(|tuple| stored(self.caveats, &tuple.to_string())).collect()
    }
}

/// The objects of a type that a tuple or the question names, and a stranger.
pub(super) fn named(world: &World, question: &Question, object_type: &str) -> Vec<Object> {
    let contextual = question.contextual.iter().flat_map(|tuple| [&tuple.object, &tuple.subject.object]);
    let asked = contextual.chain([&question.object, &question.subject.object]);
    let all: BTreeSet<Object> = world.objects().into_iter().chain(asked.cloned()).collect();
    all.into_iter().filter(|object| object.object_type == object_type && object.id != "*").collect()
}

impl Verdict {
    /// Whether an answer is what both judges say.
    pub(super) fn agrees(&self, found: &Result<Decision, EvalError>) -> bool {
        let same = match (found, &self.circuit) {
            (Ok(found), Ok(circuit)) => found == circuit,
            (Err(EvalError::Caveat(_)), Err(EvalError::Caveat(_))) => true,
            _ => false,
        };
        same && self.oracle.as_ref().is_none_or(|oracle| agrees(found, oracle))
    }

    /// The answer, for counting: a paradox where brute force has told it from another denial.
    pub(super) fn answer(&self) -> Answer {
        match (&self.oracle, &self.circuit) {
            (Some(oracle), _) => oracle.clone(),
            (None, Ok(Decision::Allowed)) => Answer::Allowed,
            (None, Ok(Decision::Denied)) => Answer::Denied { paradox: false },
            (None, Ok(Decision::Conditional { missing })) => Answer::Conditional(missing.iter().map(ToString::to_string).collect()),
            (None, Err(_)) => Answer::Error,
        }
    }
}

/// `object#permission@subject`.
pub(super) fn key(question: &Question) -> TupleKey {
    let text = format!("{}#{}@{}", question.object, question.permission, question.subject);
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}
