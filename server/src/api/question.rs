//! Questions to the engine at a read point: contextual tuples admitted, limits set, answers put on the wire.

use dhow_engine::eval::{Decision, EvalError, Evaluator, GraphView, Limits as EvalLimits, Overlay};
use dhow_engine::search::{Evaluator as Search, Prepared};
use dhow_engine::state::PrepareError;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_engine::validate::admit;
use dhow_proto::v1;
use dhow_schema::ir::Schema;
use dhow_schema::value::Context;

use super::convert;
use super::request::RequestError;
use super::target::Session;
use crate::errors::ApiError;
use crate::limits;

/// A question of Check and its like.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// `object#permission@subject`.
    pub(super) key: TupleKey,
    /// The request's own parameters.
    pub(super) context: Context,
}

impl Item {
    /// Reads a question; fields are named from the item's own message on.
    pub(super) fn read(item: v1::CheckItem) -> Result<Self, RequestError> {
        let object = convert::object("object", item.object)?;
        convert::name("permission", &item.permission)?;
        let subject = convert::subject("subject", item.subject)?;
        let context = convert::context("context", item.context, &limits::REQUEST_CONTEXT_BYTES)?;
        let key = TupleKey::new(object, item.permission, subject).map_err(|error| RequestError::new("permission", error))?;
        Ok(Self { key, context })
    }
}

impl Session {
    /// The compiled schema that decides.
    ///
    /// # Errors
    /// When the store has none, or this build cannot compile it.
    pub(super) fn compiled(&self) -> Result<&Schema, ApiError> {
        let version = self.schema.as_ref().ok_or(dhow_engine::state::SchemaLookupError::NoSchema)?;
        Ok(version.schema().map_err(Clone::clone)?)
    }

    /// The state with the schema that decides, for checks.
    ///
    /// # Errors
    /// As [`Session::compiled`].
    pub(super) fn prepare(&self) -> Result<Prepared, ApiError> {
        let version = self.schema.as_ref().map(|schema| schema.version());
        self.point.state.prepare(version).map_err(|error| match error {
            PrepareError::Lookup(error) => error.into(),
            PrepareError::Unreadable(error) => error.into(),
        })
    }

    /// The contextual tuples as they would be stored.
    ///
    /// # Errors
    /// When the schema does not allow one.
    pub(super) fn admit(&self, tuples: Vec<Tuple>) -> Result<Vec<Tuple>, ApiError> {
        let schema = self.compiled()?;
        let admitted = tuples.into_iter().enumerate().map(|(index, tuple)| {
            admit(schema, &tuple).map_err(|refused| ApiError::ContextualTuple {
                index,
                tuple: tuple.key.to_string(),
                source: Box::new(refused),
            })
        });
        admitted.collect()
    }

    /// Asks the evaluator of the serving path, which sees the store with `contextual` tuples on top.
    ///
    /// # Errors
    /// Those of the question.
    pub(super) fn search<T>(
        &self,
        contextual: &[Tuple],
        context: &Context,
        max_steps: u64,
        question: impl FnOnce(&Search<'_>) -> Result<T, EvalError>,
    ) -> Result<T, ApiError> {
        let prepared = self.prepare()?;
        let passed = || self.deadline.passed();
        let evaluator = prepared.evaluator(self.point.time, context).with_contextual(contextual);
        Ok(question(&evaluator.with_limits(EvalLimits { max_steps, deadline: &passed }))?)
    }

    /// Asks the plain evaluator, which sees the store with `contextual` tuples on top.
    ///
    /// # Errors
    /// Those of the question.
    pub(super) fn ask<T>(
        &self,
        contextual: &[Tuple],
        context: &Context,
        max_steps: u64,
        question: impl FnOnce(&Evaluator<'_>) -> Result<T, EvalError>,
    ) -> Result<T, ApiError> {
        let schema = self.compiled()?;
        let overlay;
        let view: &dyn GraphView = if contextual.is_empty() {
            &self.point.state
        } else {
            overlay = Overlay::new(&self.point.state, contextual.iter().cloned());
            &overlay
        };
        let passed = || self.deadline.passed();
        let evaluator = Evaluator::new(schema, view, self.point.time, context);
        Ok(question(&evaluator.with_limits(EvalLimits { max_steps, deadline: &passed }))?)
    }
}

/// A decision and its missing parameters, for the wire.
pub(super) fn decision_to_wire(decision: &Decision) -> (v1::Decision, Vec<String>) {
    match decision {
        Decision::Allowed => (v1::Decision::Allowed, Vec::new()),
        Decision::Denied => (v1::Decision::Denied, Vec::new()),
        Decision::Conditional { missing } => (v1::Decision::Conditional, missing.iter().map(ToString::to_string).collect()),
    }
}
