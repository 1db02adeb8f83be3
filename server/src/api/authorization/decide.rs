//! Decisions: light ones on the network thread that asks, heavy ones away from it.
//!
//! A check begins where its request is read, with a few steps; only one that needs more is decided again, from the start and with its
//! whole budget, on the threads for heavy work. An evaluation is a function of state, time and question, so the answer, or the error,
//! is that of one evaluation with the whole budget.

use std::cell::Cell;

use dhow_engine::eval::{Decision, EvalError, Limits as EvalLimits, Stopped};
use dhow_engine::limits::STEPS_BETWEEN_DEADLINE_POLLS;
use dhow_engine::search::{Evaluator, Prepared};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::Tuple;
use dhow_schema::value::Context;

use crate::api::Api;
use crate::api::deadline::Deadline;
use crate::api::question::Item;
use crate::api::request::RequestError;
use crate::api::target::Session;
use crate::errors::ApiError;
use crate::limits::{INLINE_CHECK_STEPS, INLINE_STEPS};

/// Steps that count as one unit of what the runtime lets a task do before it is another's turn: 128 units in all.
const STEPS_PER_UNIT: u64 = 16;

/// What the checks of one request have in common.
#[derive(Debug)]
pub(super) struct Decider {
    prepared: Prepared,
    contextual: Vec<Tuple>,
    time: Timestamp,
    deadline: Deadline,
    max_steps: u64,
}

/// A question, or why it could not be read.
pub(super) type Question = Result<Item, RequestError>;

/// What became of a question.
type Decided = Result<Decision, ApiError>;

impl Decider {
    /// Checks at a read point, with contextual tuples that were admitted there.
    ///
    /// # Errors
    /// When there is no schema that could decide.
    pub(super) fn new(session: &Session, contextual: Vec<Tuple>, max_steps: u64) -> Result<Self, ApiError> {
        let Session { point, deadline, .. } = session;
        Ok(Self { prepared: session.prepare()?, contextual, time: point.time, deadline: deadline.clone(), max_steps })
    }

    /// What answers; the contextual tuples are looked up once for all checks.
    fn evaluator<'a>(&'a self, context: &'a Context) -> Evaluator<'a> {
        self.prepared.evaluator(self.time, context).with_contextual(&self.contextual)
    }

    /// Decides with the whole budget.
    fn decide(&self, evaluator: &Evaluator<'_>, item: &Item) -> Decided {
        let passed = || self.deadline.passed();
        let limits = EvalLimits { max_steps: self.max_steps, deadline: &passed };
        Ok(evaluator.clone().with_context(&item.context).with_limits(limits).check(&item.key)?)
    }

    /// Decides within `left` steps, and takes those it needs; `None`: it needs more than there are.
    fn attempt(&self, evaluator: &Evaluator<'_>, item: &Item, left: &mut u64) -> Option<Decided> {
        let (looks, cut) = (Cell::new(0_u64), Cell::new(false));
        // A level's steps are charged when it is complete. How often the deadline is looked at says early that a level is wide. The first
        // two looks may be those with which the search and the circuit begin.
        let passed = || {
            looks.set(looks.get() + 1);
            if looks.get().saturating_sub(2) * STEPS_BETWEEN_DEADLINE_POLLS >= *left {
                cut.set(true);
                return true;
            }
            self.deadline.passed()
        };
        let limits = EvalLimits { max_steps: self.max_steps.min(*left), deadline: &passed };
        let found = evaluator.clone().with_context(&item.context).with_limits(limits).check_counted(&item.key);
        let was_cut = match &found {
            Err(EvalError::Stopped(Stopped::Budget { .. })) => self.max_steps > *left,
            Err(EvalError::Stopped(Stopped::Deadline { .. })) => cut.get(),
            Ok(_) | Err(EvalError::Unknown(_) | EvalError::Question(_) | EvalError::Caveat(_) | EvalError::Damaged(_)) => false,
        };
        if was_cut {
            *left = 0;
            return None;
        }
        *left = match &found {
            Ok((_, steps)) => left.saturating_sub((*steps).max(INLINE_CHECK_STEPS.value)),
            Err(EvalError::Unknown(_) | EvalError::Question(_)) => left.saturating_sub(INLINE_CHECK_STEPS.value),
            // It does not say how many it took.
            Err(EvalError::Caveat(_) | EvalError::Stopped(_) | EvalError::Damaged(_)) => 0,
        };
        Some(found.map(|(decision, _)| decision).map_err(Into::into))
    }

    /// Decides one question after the other as long as there are steps; gives the answers so far.
    fn begin(&self, questions: &[Question], left: &mut u64) -> Vec<Decided> {
        let (none, mut answers) = (Context::new(), Vec::with_capacity(questions.len()));
        let evaluator = self.evaluator(&none);
        for question in questions {
            let answer = match question {
                Err(wrong) => Some(Err(wrong.clone().into())),
                Ok(_) if *left == 0 => None,
                Ok(item) => self.attempt(&evaluator, item, left),
            };
            let Some(answer) = answer else { break };
            answers.push(answer);
        }
        answers
    }

    /// Decides all questions, each with the whole budget.
    fn finish(&self, questions: &[Question]) -> Vec<Decided> {
        let none = Context::new();
        let evaluator = self.evaluator(&none);
        let decide = |question: &Question| match question {
            Err(wrong) => Err(wrong.clone().into()),
            Ok(item) => self.decide(&evaluator, item),
        };
        questions.iter().map(decide).collect()
    }
}

impl Api {
    /// Decides questions at one read point, in their order. What is wrong with one is its own answer.
    ///
    /// # Errors
    /// When there is no room for what is heavy before the deadline.
    pub(super) async fn decide(&self, decider: Decider, mut questions: Vec<Question>) -> Result<Vec<Decided>, ApiError> {
        // A stream of checks is one task: others get their turn after so many checks, and so many steps.
        tokio::task::consume_budget().await;
        let mut left = INLINE_STEPS.value;
        let mut answers = decider.begin(&questions, &mut left);
        let rest = questions.split_off(answers.len());
        if rest.is_empty() {
            for _ in 0..(INLINE_STEPS.value - left) / STEPS_PER_UNIT {
                tokio::task::consume_budget().await;
            }
        } else {
            let deadline = decider.deadline.clone();
            answers.extend(self.heavy(&deadline, move || Ok(decider.finish(&rest))).await?);
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests;
