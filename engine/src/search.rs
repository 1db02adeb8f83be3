//! The evaluator of the serving path: decisions by walking a graph of small integers along compiled plans.
//!
//! A search goes from the object towards the subject, level by level, and stops at the first yes. Nested groups are not walked: whether
//! the subject is in a group is found from below, once for all groups that a question meets. Intersections, exclusions and `all` are
//! searches of their own, whose answers are put together in three values: yes, no, and *not here*. Not here means that the
//! answer waits for a caveat's parameters, or that the schema defines a permission by way of its own absence; such a question goes to the
//! circuit of [`crate::eval`], which decides it exactly. So this evaluator never guesses: its yes and no are those of the circuit.
//!
//! **Steps.** What a question costs is counted in steps that do not depend on how nodes are numbered or what is indexed: a level that has
//! the answer is free, any other is charged when it is complete, a group is one step.
//!
//! **Invariant:** nothing recurses over data: a search has a list of its own, and expressions nest no deeper than the schema's do.

use std::sync::Arc;

use dhow_schema::ir::Schema;
use dhow_schema::value::Context;

use crate::eval::{Decision, EvalError, Evaluator as Circuit, GraphView, Limits, Overlay};
use crate::graph::vocabulary::Kind;
use crate::plan::{Plans, compile};
use crate::state::{FoldError, State};
use crate::time::Timestamp;
use crate::tuple::{Tuple, TupleKey};
use crate::validate::check_question;
use sight::{Extra, Sight};
use walk::{Asked, Tri, Walk};

mod lists;
mod members;
mod sight;
mod walk;

/// A state with a schema compiled for it: what checks are asked of. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prepared {
    state: State,
    schema: Arc<Schema>,
    plans: Arc<Plans>,
}

impl Prepared {
    /// A state with any schema: one of its versions, or a candidate. O(schema).
    ///
    /// # Errors
    /// When the schema has more names than a graph can number.
    pub fn new(state: &State, schema: Arc<Schema>) -> Result<Self, FoldError> {
        let mut state = state.clone();
        let revision = state.revision();
        state.learn(&schema).ok_or(FoldError::TooManyNames { revision })?;
        let plans = Arc::new(compile(&schema, state.graph().vocabulary()));
        Ok(Self { state, schema, plans })
    }

    pub(crate) const fn of_parts(state: State, schema: Arc<Schema>, plans: Arc<Plans>) -> Self {
        Self { state, schema, plans }
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The schema.
    #[must_use]
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Answers questions at one time with one request context.
    #[must_use]
    pub fn evaluator<'a>(&'a self, time: Timestamp, context: &'a Context) -> Evaluator<'a> {
        Evaluator { prepared: self, time, context, contextual: &[], extra: None, limits: Limits::default() }
    }
}

/// Answers questions about one prepared state, at one time, with one request context.
///
/// ```
/// use dhow_engine::entry::{Body, Change, StoreId};
/// use dhow_engine::eval::Decision;
/// use dhow_engine::search::Prepared;
/// use dhow_engine::{state::State, time::Timestamp};
///
/// let schema = dhow_schema::compile_str("definition user {} definition document { relation viewer: user }")?;
/// let genesis = State::genesis(StoreId([0; 16]));
/// let changes = vec![Change::created("document:readme#viewer@user:ada".parse()?)];
/// let state = genesis.apply(&genesis.next_entry(Timestamp::MIN, "ada", "1", Body::Changes(changes))?)?;
/// let prepared = Prepared::new(&state, schema.into())?;
/// let context = Default::default();
/// let evaluator = prepared.evaluator(Timestamp::MIN, &context);
/// assert_eq!(evaluator.check(&"document:readme#viewer@user:ada".parse()?)?, Decision::Allowed);
/// assert_eq!(evaluator.check(&"document:readme#viewer@user:bob".parse()?)?, Decision::Denied);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Evaluator<'a> {
    prepared: &'a Prepared,
    time: Timestamp,
    context: &'a Context,
    contextual: &'a [Tuple],
    extra: Option<Arc<Extra>>,
    limits: Limits<'a>,
}

impl<'a> Evaluator<'a> {
    /// The same with other limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits<'a>) -> Self {
        self.limits = limits;
        self
    }

    /// The same with another request context.
    #[must_use]
    pub const fn with_context(mut self, context: &'a Context) -> Self {
        self.context = context;
        self
    }

    /// The same with tuples as if they were stored; of two with the same key the later one counts. O(tuples).
    #[must_use]
    pub fn with_contextual(mut self, tuples: &'a [Tuple]) -> Self {
        self.contextual = tuples;
        self.extra = (!tuples.is_empty()).then(|| Arc::new(Extra::of(self.prepared.state.graph(), tuples)));
        self
    }

    /// Decides one question.
    ///
    /// A userset contains itself. The subject `user:*` stands for a user that no tuple names.
    ///
    /// # Errors
    /// Names that the schema does not have, a used-up budget, a passed deadline, or a caveat without an answer that could still change
    /// the decision.
    pub fn check(&self, question: &TupleKey) -> Result<Decision, EvalError> {
        self.check_counted(question).map(|(decision, _)| decision)
    }

    /// [`Evaluator::check`], and the steps that it took.
    ///
    /// # Errors
    /// Those of [`Evaluator::check`].
    pub fn check_counted(&self, question: &TupleKey) -> Result<(Decision, u64), EvalError> {
        let (answer, steps) = self.search(question)?;
        match answer {
            Tri::Yes => Ok((Decision::Allowed, steps)),
            Tri::No => Ok((Decision::Denied, steps)),
            Tri::NotHere => {
                self.by_circuit(self.limits, |circuit| circuit.check_counted(question).map(|(decision, more)| (decision, steps + more)))
            }
        }
    }

    /// Asks the circuit's evaluator, which sees what this one sees.
    fn by_circuit<T>(&self, limits: Limits<'_>, ask: impl FnOnce(&Circuit<'_>) -> T) -> T {
        let overlay;
        let view: &dyn GraphView = if self.contextual.is_empty() {
            &self.prepared.state
        } else {
            overlay = Overlay::new(&self.prepared.state, self.contextual.iter().cloned());
            &overlay
        };
        ask(&Circuit::new(&self.prepared.schema, view, self.time, self.context).with_limits(limits))
    }

    fn search(&self, question: &TupleKey) -> Result<(Tri, u64), EvalError> {
        let sight = Sight { graph: self.prepared.state.graph(), extra: self.extra.as_deref() };
        let vocabulary = sight.graph.vocabulary();
        let (object, subject) = (question.object(), question.subject());
        let found = || {
            let object_type = vocabulary.type_id(object.object_type())?;
            let plan = self.prepared.plans.named(object_type, vocabulary.relation_id(question.relation())?)?;
            let subject_type = vocabulary.type_id(subject.object_type())?;
            let kind = match subject.relation() {
                Some(relation) => Kind::Userset(vocabulary.relation_id(relation)?),
                None if subject.is_wildcard() => Kind::Wildcard,
                None => Kind::Object,
            };
            let kind_id = self.prepared.plans.kind(subject_type, kind)?;
            Some((object_type, plan, subject_type, kind, kind_id))
        };
        let Some((object_type, plan, subject_type, kind, kind_id)) = found() else {
            check_question(&self.prepared.schema, question)?;
            // The schema has the names, and so do the plans: never reached. The circuit decides as well.
            return Ok((Tri::NotHere, 0));
        };
        let (node, subject_node) = sight.both((object_type, object.id()), (subject_type, subject.id()));
        let wildcard = if kind == Kind::Object { sight.find(subject_type, "*") } else { None };
        let asked = Asked { node: subject_node, type_id: subject_type, kind, kind_id, wildcard };
        let mut walk = Walk::new(sight, &self.prepared.plans, &self.prepared.schema, asked, self.time, self.context, self.limits);
        Ok(walk.search(plan, node, 0)?)
    }
}
