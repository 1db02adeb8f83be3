//! Decisions: light ones on the network thread that asks, heavy ones away from it.
//!
//! A check begins where its request is read, with a few steps; only one that needs more is decided again, from the start and with its
//! whole budget, on the threads for heavy work. An evaluation is a function of state, time and question, so the answer, or the error,
//! is that of one evaluation with the whole budget.
//!
//! Checks that are there at the same time are decided one after the other, but wait for memory together, so many at a time.

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
use crate::limits::{CHECKS_TOGETHER, INLINE_CHECK_STEPS, INLINE_STEPS};
use together::{Ask, Together};

mod together;

/// Steps that count as one unit of what the runtime lets a task do before it is another's turn: 128 units in all.
const STEPS_PER_UNIT: u64 = 16;

/// What checks have in common that are decided together.
#[derive(Debug)]
pub(super) struct Decider {
    prepared: Prepared,
    contextual: Vec<Tuple>,
    time: Timestamp,
    max_steps: u64,
}

/// A question, or why it could not be read.
pub(super) type Question = Result<Item, RequestError>;

/// A question, and until when its answer is awaited.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'q> {
    pub(super) question: &'q Question,
    pub(super) deadline: &'q Deadline,
}

/// Questions in their order.
pub(super) trait Questions<'q>: ExactSizeIterator<Item = Asked<'q>> + Clone {}

impl<'q, I: ExactSizeIterator<Item = Asked<'q>> + Clone> Questions<'q> for I {}

/// What became of a question.
pub(super) type Decided = Result<Decision, ApiError>;

impl Decider {
    /// Checks at a read point, with contextual tuples that were admitted there.
    ///
    /// # Errors
    /// When there is no schema that could decide.
    pub(super) fn new(session: &Session, contextual: Vec<Tuple>, max_steps: u64) -> Result<Self, ApiError> {
        Ok(Self { prepared: session.prepare()?, contextual, time: session.point.time, max_steps })
    }

    /// The contextual tuples.
    pub(super) fn contextual(&self) -> &[Tuple] {
        &self.contextual
    }

    /// Takes in a check at the same read point: all are decided at the time of the latest.
    pub(super) fn join(&mut self, time: Timestamp) {
        self.time = self.time.max(time);
    }

    /// What answers; the contextual tuples are looked up once for all checks.
    fn evaluator<'a>(&'a self, context: &'a Context) -> Evaluator<'a> {
        self.prepared.evaluator(self.time, context).with_contextual(&self.contextual)
    }

    /// Decides with the whole budget.
    fn decide(&self, ask: &Ask<'_, '_, '_, '_>) -> Decided {
        let passed = || ask.deadline.passed();
        let (decision, _) = ask.find(EvalLimits { max_steps: self.max_steps, deadline: &passed })?;
        Ok(decision)
    }

    /// Decides within `left` steps, and takes those it needs; `None`: it needs more than there are.
    fn attempt(&self, ask: &Ask<'_, '_, '_, '_>, left: &mut u64) -> Option<Decided> {
        let (looks, cut) = (Cell::new(0_u64), Cell::new(false));
        // A level's steps are charged when it is complete. How often the deadline is looked at says early that a level is wide. The first
        // two looks may be those with which the search and the circuit begin.
        let passed = || {
            looks.set(looks.get() + 1);
            if looks.get().saturating_sub(2) * STEPS_BETWEEN_DEADLINE_POLLS >= *left {
                cut.set(true);
                return true;
            }
            ask.deadline.passed()
        };
        let limits = EvalLimits { max_steps: self.max_steps.min(*left), deadline: &passed };
        let found = ask.find(limits);
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
    pub(super) fn begin<'q>(&self, mut questions: impl Questions<'q>, left: &mut u64) -> Vec<Decided> {
        let (none, mut answers) = (Context::new(), Vec::with_capacity(questions.len()));
        let evaluator = self.evaluator(&none);
        while questions.len() > 0 {
            // Nothing is fetched for those that no steps are left for.
            let steps_for = usize::try_from(left.div_ceil(INLINE_CHECK_STEPS.value)).unwrap_or(usize::MAX);
            let block = steps_for.clamp(1, CHECKS_TOGETHER.count());
            let together = Together::of(&evaluator, questions.clone().take(block));
            for ask in together.each(questions.by_ref().take(block)) {
                let answer = match ask {
                    Err(wrong) => Some(Err(wrong.clone().into())),
                    Ok(_) if *left == 0 => None,
                    Ok(ask) => self.attempt(&ask, left),
                };
                let Some(answer) = answer else { return answers };
                answers.push(answer);
            }
        }
        answers
    }

    /// Decides all questions, each with the whole budget.
    pub(super) fn finish<'q>(&self, mut questions: impl Questions<'q>) -> Vec<Decided> {
        let (none, mut answers) = (Context::new(), Vec::with_capacity(questions.len()));
        let evaluator = self.evaluator(&none);
        while questions.len() > 0 {
            let block = CHECKS_TOGETHER.count();
            let together = Together::of(&evaluator, questions.clone().take(block));
            let block = together.each(questions.by_ref().take(block));
            answers.extend(block.map(|ask| self.decide(&ask.map_err(Clone::clone)?)));
        }
        answers
    }
}

/// Lets others have their turn as often as a check that took so many steps must.
pub(super) async fn take_turns(steps: u64) {
    for _ in 0..=steps / STEPS_PER_UNIT {
        tokio::task::consume_budget().await;
    }
}

impl Api {
    /// Decides the questions of one request at one read point, in their order. What is wrong with one is its own answer.
    ///
    /// # Errors
    /// When there is no room for what is heavy before the deadline.
    pub(super) async fn decide(
        &self,
        decider: Decider,
        deadline: &Deadline,
        mut questions: Vec<Question>,
    ) -> Result<Vec<Decided>, ApiError> {
        let mut left = INLINE_STEPS.value;
        let asked = |question| Asked { question, deadline };
        let mut answers = decider.begin(questions.iter().map(asked), &mut left);
        let rest = questions.split_off(answers.len());
        if !rest.is_empty() {
            let until = deadline.clone();
            let finish = move || Ok(decider.finish(rest.iter().map(|question| Asked { question, deadline: &until })));
            answers.extend(self.heavy(deadline, finish).await?);
        }
        Ok(answers)
    }
}

#[cfg(test)]
mod tests;
