//! Check: may this subject do this to that object?

use std::collections::BTreeSet;

use dhow_schema::caveat::EvaluationError;
use dhow_schema::ir::{Name, Schema};
use dhow_schema::value::Context;

use super::build::{Atom, Build, Doubt, Solved, World};
use super::circuit::{GateId, Truth};
use super::meter::{Meter, Stopped};
use super::view::GraphView;
use crate::limits::DEFAULT_MAX_STEPS;
use crate::state::MemoryDamaged;
use crate::time::Timestamp;
use crate::tuple::{IdentifierError, TupleKey};
use crate::validate::{UnknownName, check_question};

/// The answer to a check. There is no default: whoever has none has an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes, whatever the parameters that were not given.
    Allowed,
    /// No, whatever the parameters that were not given; a paradox as well.
    Denied,
    /// It depends on these caveat parameters, all of those that can still change the answer. Never empty.
    Conditional {
        /// Their names, in order.
        missing: BTreeSet<Name>,
    },
}

impl Decision {
    /// A plain one.
    pub(crate) const fn of(holds: bool) -> Self {
        if holds { Self::Allowed } else { Self::Denied }
    }

    /// Whether this is [`Decision::Denied`].
    #[must_use]
    pub const fn is_denied(&self) -> bool {
        match self {
            Self::Denied => true,
            Self::Allowed | Self::Conditional { .. } => false,
        }
    }
}

/// Why there is no answer. None of these ever becomes one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// The question has a name that the schema version does not have.
    #[error("{0}")]
    Unknown(UnknownName),
    /// A part of the question is no name or no id.
    #[error("{0}")]
    Question(IdentifierError),
    /// Budget or deadline.
    #[error("{0}")]
    Stopped(Stopped),
    /// A caveat that could still change the answer cannot be evaluated.
    #[error("{0}")]
    Caveat(EvaluationError),
    /// The store's memory cannot be read.
    #[error("{0}")]
    Damaged(MemoryDamaged),
}

impl EvalError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown(error) => error.code(),
            Self::Question(error) => error.code(),
            Self::Stopped(error) => error.code(),
            Self::Caveat(error) => error.code(),
            Self::Damaged(error) => error.code(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown(error) => error.help(),
            Self::Damaged(error) => Some(error.help().to_owned()),
            Self::Question(_) | Self::Stopped(_) | Self::Caveat(_) => None,
        }
    }
}

impl From<Stopped> for EvalError {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

impl From<MemoryDamaged> for EvalError {
    fn from(damaged: MemoryDamaged) -> Self {
        Self::Damaged(damaged)
    }
}

impl From<UnknownName> for EvalError {
    fn from(unknown: UnknownName) -> Self {
        Self::Unknown(unknown)
    }
}

/// What one request may cost.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Most steps: tuples looked at, gates and wires built and solved, what caveats cost. At most 2^30 are counted.
    pub max_steps: u64,
    /// Says whether the deadline has passed; asked every 1,024 steps.
    pub deadline: &'a (dyn Fn() -> bool + 'a),
}

impl Default for Limits<'_> {
    /// [`DEFAULT_MAX_STEPS`], no deadline.
    fn default() -> Self {
        Self { max_steps: DEFAULT_MAX_STEPS, deadline: &|| false }
    }
}

/// Answers questions about one schema version, one view of the graph, one time and one request context.
///
/// Every answer is a function of these and the question, nothing else. Contextual tuples come in as an
/// [`Overlay`](super::view::Overlay). Each call has the whole budget of [`Limits`] to itself.
///
/// ```
/// use dhow_engine::entry::{Body, Change, StoreId};
/// use dhow_engine::eval::{Decision, Evaluator};
/// use dhow_engine::{state::State, time::Timestamp};
///
/// let schema = dhow_schema::compile_str("definition user {} definition document { relation viewer: user }")?;
/// let genesis = State::genesis(StoreId([0; 16]));
/// let changes = vec![Change::created("document:readme#viewer@user:ada".parse()?)];
/// let state = genesis.apply(&genesis.next_entry(Timestamp::MIN, "ada", "1", Body::Changes(changes))?)?;
/// let context = Default::default();
/// let evaluator = Evaluator::new(&schema, &state, Timestamp::MIN, &context);
/// assert_eq!(evaluator.check(&"document:readme#viewer@user:ada".parse()?)?, Decision::Allowed);
/// assert_eq!(evaluator.check(&"document:readme#viewer@user:bob".parse()?)?, Decision::Denied);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Evaluator<'a> {
    pub(super) world: World<'a>,
    pub(super) limits: Limits<'a>,
}

impl<'a> Evaluator<'a> {
    /// An evaluator with the default limits.
    #[must_use]
    pub fn new(schema: &'a Schema, view: &'a dyn GraphView, time: Timestamp, context: &'a Context) -> Self {
        Self { world: World { schema, view, time, context }, limits: Limits::default() }
    }

    /// The same with other limits.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits<'a>) -> Self {
        self.limits = limits;
        self
    }

    /// The same with another request context.
    #[must_use]
    pub const fn with_context(mut self, context: &'a Context) -> Self {
        self.world.context = context;
        self
    }

    /// Decides one question. O(what the question depends on).
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
        check_question(self.world.schema, question)?;
        let mut meter = self.meter();
        let found = self.solve(question, &mut meter).map_err(EvalError::from);
        self.answered(found.and_then(|(solved, root)| Ok((solved.decision(root)?, meter.steps()))))
    }

    /// What was found, unless the view could not read what it was asked for: then it is no answer.
    pub(super) fn answered<T>(&self, found: Result<T, EvalError>) -> Result<T, EvalError> {
        self.world.view.intact()?;
        found
    }

    pub(super) fn meter(&self) -> Meter<'a> {
        Meter::new(self.limits.max_steps, self.limits.deadline)
    }

    pub(super) fn solve<'q>(&self, question: &'q TupleKey, meter: &mut Meter<'_>) -> Result<(Solved<'q>, GateId), Stopped>
    where
        'a: 'q,
    {
        let mut build = Build::new(self.world, question.subject());
        let atom = Atom { object: question.object().clone(), relation: question.relation().clone() };
        let root = build.atom(atom, meter)?;
        Ok((build.solve(meter)?, root))
    }
}

impl Solved<'_> {
    /// The decision of a gate.
    pub(super) fn decision(&self, root: GateId) -> Result<Decision, EvalError> {
        match (self.solution.lo(root), self.solution.hi(root)) {
            (Truth::True, _) => Ok(Decision::Allowed),
            (_, Truth::False | Truth::Paradox) => Ok(Decision::Denied),
            (Truth::False | Truth::Paradox, Truth::True) => {
                let mut missing = BTreeSet::new();
                let mut errors = BTreeSet::new();
                for leaf in self.doubtful_leaves(root) {
                    match self.doubts.get(&leaf) {
                        Some(Doubt::Missing(names)) => missing.extend(names.iter().cloned()),
                        Some(Doubt::Error(error)) => {
                            errors.insert(error.clone());
                        }
                        None => {}
                    }
                }
                match errors.pop_first() {
                    Some(error) => Err(EvalError::Caveat(error)),
                    None => Ok(Decision::Conditional { missing }),
                }
            }
        }
    }

    /// The leaves that can still change a gate: those reached through gates that are not settled.
    pub(super) fn doubtful_leaves(&self, root: GateId) -> Vec<GateId> {
        let mut seen = BTreeSet::from([root]);
        let (mut open, mut leaves) = (vec![root], Vec::new());
        while let Some(gate) = open.pop() {
            if self.doubts.contains_key(&gate) {
                leaves.push(gate);
            }
            for input in self.solution.inputs(gate) {
                if self.solution.lo(input) < self.solution.hi(input) && seen.insert(input) {
                    open.push(input);
                }
            }
        }
        leaves
    }
}
