//! Questions that are decided one after the other, but wait for memory together.

use dhow_engine::eval::{Decision, EvalError, Limits};
use dhow_engine::search::{Batch, Evaluator, Question as Searched};

use super::{Asked, Questions};
use crate::api::deadline::Deadline;
use crate::api::question::Item;
use crate::api::request::RequestError;

/// Questions of one evaluator, those of them that could be read.
pub(super) struct Together<'e, 'a, 'q> {
    evaluator: &'e Evaluator<'a>,
    /// `None`: there are no two that could wait together, and one alone is found faster by itself.
    batch: Option<Batch<'e, 'a, 'q>>,
}

/// A question that could be read.
pub(super) struct Ask<'t, 'e, 'a, 'q> {
    together: &'t Together<'e, 'a, 'q>,
    place: usize,
    item: &'q Item,
    /// Until when its answer is awaited.
    pub(super) deadline: &'q Deadline,
}

impl<'e, 'a, 'q> Together<'e, 'a, 'q> {
    /// Fetches what the questions need. O(questions), so they should not be too many.
    pub(super) fn of(evaluator: &'e Evaluator<'a>, questions: impl Questions<'q>) -> Self {
        let items = questions.filter_map(|asked| asked.question.as_ref().ok());
        let several = items.clone().nth(1).is_some();
        Self { evaluator, batch: several.then(|| evaluator.batch(items.map(|item| Searched::from(&item.key)))) }
    }

    /// The same questions, to be decided, or why one could not be read.
    pub(super) fn each<'t>(
        &'t self,
        questions: impl Iterator<Item = Asked<'q>>,
    ) -> impl Iterator<Item = Result<Ask<'t, 'e, 'a, 'q>, &'q RequestError>> {
        let mut read = 0;
        questions.map(move |Asked { question, deadline }| {
            let (item, place) = (question.as_ref()?, read);
            read += 1;
            Ok(Ask { together: self, place, item, deadline })
        })
    }
}

impl Ask<'_, '_, '_, '_> {
    /// The decision and the steps that it took.
    pub(super) fn find(&self, limits: Limits<'_>) -> Result<(Decision, u64), EvalError> {
        let Self { together: Together { evaluator, batch }, place, item: Item { key, context }, .. } = self;
        let found = batch.as_ref().and_then(|batch| batch.decide_with(*place, context, limits));
        found.unwrap_or_else(|| (*evaluator).clone().with_context(context).with_limits(limits).check_counted(key))
    }
}
