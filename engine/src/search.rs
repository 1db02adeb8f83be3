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

use crate::eval::{Decision, EvalError, Evaluator as Circuit, GraphView, Limits, Overlay, Stopped};
use crate::graph::base::Placed;
use crate::graph::ids::{NodeId, TypeId};
use crate::graph::vocabulary::Kind;
use crate::plan::{AskedKind, PlanId, Plans, compile};
use crate::state::{FoldError, State};
use crate::time::Timestamp;
use crate::tuple::{Tuple, TupleKey};
pub use batch::Batch;
use extra::Extra;
use glance::{Mine, glance};
pub use question::Question;
use sight::Sight;
use walk::Walk;
use world::{Asked, Indexed, Tri, World};

mod batch;
mod extra;
mod glance;
mod lists;
mod members;
mod question;
mod sight;
mod walk;
mod world;

/// A state with a schema compiled for it: what checks are asked of. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prepared {
    state: State,
    schema: Arc<Schema>,
    plans: Arc<Plans>,
    indexed: Indexed,
}

impl Prepared {
    /// A state with any schema: one of its versions, or a candidate. O(schema), and what indexing its groups and arrows takes unless that is
    /// what is indexed: O(nodes + edges) at most.
    ///
    /// # Errors
    /// When the schema has more names than a graph can number.
    pub fn new(state: &State, schema: Arc<Schema>) -> Result<Self, FoldError> {
        let mut state = state.clone();
        let revision = state.revision();
        state.learn(&schema).ok_or(FoldError::TooManyNames { revision })?;
        let plans = Arc::new(compile(&schema, state.graph().vocabulary()));
        state.index(&plans);
        Ok(Self::of_parts(state, schema, plans))
    }

    pub(crate) fn of_parts(state: State, schema: Arc<Schema>, plans: Arc<Plans>) -> Self {
        let indexed = Indexed::of(state.graph(), &plans);
        Self { state, schema, plans, indexed }
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
    extra: Option<Arc<Extra<'a>>>,
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
    /// Names that the schema does not have, a used-up budget, a passed deadline, a caveat without an answer that could still change
    /// the decision, or memory that cannot be read.
    pub fn check(&self, question: &TupleKey) -> Result<Decision, EvalError> {
        self.check_counted(question).map(|(decision, _)| decision)
    }

    /// [`Evaluator::check`], and the steps that it took.
    ///
    /// # Errors
    /// Those of [`Evaluator::check`].
    pub fn check_counted(&self, question: &TupleKey) -> Result<(Decision, u64), EvalError> {
        self.ask_counted(&Question::from(question))
    }

    /// Decides a question that borrows its strings: [`Evaluator::check`] without an allocation.
    ///
    /// # Errors
    /// Those of [`Evaluator::check`], and of a question that is none.
    pub fn ask(&self, question: &Question<'_>) -> Result<Decision, EvalError> {
        self.ask_counted(question).map(|(decision, _)| decision)
    }

    #[inline]
    fn ask_counted(&self, question: &Question<'_>) -> Result<(Decision, u64), EvalError> {
        let Some(named) = self.named(question) else { return self.decided(question, None) };
        let (world, node) = self.world(&named, question, None);
        match glance(&world, &mut Mine::default(), self.limits, (named.plan, node), 0) {
            Some((holds, cost)) if self.prepared.state.intact().is_ok() => Ok((Decision::of(holds), cost)),
            Some(_) | None => self.search_and_decide(question, named.plan, node, world),
        }
    }

    /// What a search comes to, where a glance came to nothing.
    #[inline(never)]
    fn search_and_decide(
        &self,
        question: &Question<'_>,
        plan: PlanId,
        node: NodeId,
        world: World<'_>,
    ) -> Result<(Decision, u64), EvalError> {
        self.decided(question, Some(self.search(plan, node, world)))
    }

    /// The decision that a search came to, or that of the circuit; `None`: the schema has not all of the question's names, which the
    /// circuit complains of.
    #[inline]
    fn decided(&self, question: &Question<'_>, found: Option<Result<(Tri, u64), EvalError>>) -> Result<(Decision, u64), EvalError> {
        let (answer, steps) = match found {
            None => (Tri::NotHere, 0),
            Some(found) => self.answered(found)?,
        };
        match answer {
            Tri::Yes => Ok((Decision::Allowed, steps)),
            Tri::No => Ok((Decision::Denied, steps)),
            Tri::NotHere => {
                let key = question.to_key().map_err(EvalError::Question)?;
                self.by_circuit(self.limits, |circuit| circuit.check_counted(&key).map(|(decision, more)| (decision, steps + more)))
            }
        }
    }

    /// What was found, unless memory that cannot be read was met: then it is no answer.
    #[inline]
    fn answered<T>(&self, found: Result<T, EvalError>) -> Result<T, EvalError> {
        self.prepared.state.intact()?;
        found
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

    /// What the names of a question mean; `None`: the schema has not all of them.
    #[inline]
    fn named(&self, question: &Question<'_>) -> Option<Named> {
        let plans = &self.prepared.plans;
        let (object_type, plan) = plans.find(question.object_type, question.relation)?;
        let subject = plans.find_kind(question.subject_type, question.kind_name())?;
        Some(Named { object_type, plan, subject })
    }

    /// What a question is asked of, and the node of its object; its nodes may have been found before.
    #[inline]
    fn world(&self, named: &Named, question: &Question<'_>, found: Option<[Option<Placed>; 2]>) -> (World<'_>, NodeId) {
        let Prepared { plans, schema, state, indexed } = self.prepared;
        let mut sight = Sight::new(state.graph(), self.extra.as_deref());
        let (asked, node) = self.meet(&mut sight, named, question, found);
        (World::new(sight, plans, schema, asked, (self.time, self.context), *indexed), node)
    }

    /// The subject of a question, and the node of its object.
    #[inline]
    fn meet(&self, sight: &mut Sight<'_>, named: &Named, question: &Question<'_>, found: Option<[Option<Placed>; 2]>) -> (Asked, NodeId) {
        let AskedKind { type_id, kind, kind_id } = named.subject;
        let ends = named.ends(question);
        let (object, node) = match found {
            None => sight.both(ends),
            Some(found) => sight.meet(ends, found),
        };
        let has_wildcard = kind == Kind::Object && self.prepared.plans.has_wildcard(type_id);
        let wildcard = if has_wildcard { sight.find(type_id, "*") } else { None };
        (Asked { node, type_id, kind, kind_id, wildcard }, object)
    }

    /// What the search finds.
    fn search(&self, plan: PlanId, node: NodeId, world: World<'_>) -> Result<(Tri, u64), EvalError> {
        let mut walk = Walk::glancing(world, self.limits);
        let found = match walk.go(plan, node, 0) {
            // A glance is charged more than what it spares, and a request must not end for that.
            Err(Stopped::Budget { .. }) => walk.again().go(plan, node, 0),
            found => found,
        };
        found.map_err(EvalError::Stopped)
    }
}

/// What the names of a question mean in a schema.
#[derive(Clone, Copy)]
struct Named {
    object_type: TypeId,
    plan: PlanId,
    subject: AskedKind,
}

impl Named {
    /// Types and ids of the object and the subject.
    #[inline]
    const fn ends<'q>(&self, question: &Question<'q>) -> [(TypeId, &'q str); 2] {
        [(self.object_type, question.object_id), (self.subject.type_id, question.subject_id)]
    }
}

#[cfg(test)]
mod tests;
