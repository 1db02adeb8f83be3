//! Many questions of one request: what they need is fetched together.
//!
//! Nearly all that a check waits for is memory, one piece after the other. The questions of a batch wait together: their names are found
//! step by step for all, then what leads on from them is fetched for all, and then each is decided, from what is near by now. A batch
//! knows nothing that a single question would not find; it changes no answer.

use std::hint::black_box;

use dhow_schema::value::Context;

use super::sight::Sight;
use super::{Evaluator, Named, Question};
use crate::eval::{Decision, EvalError, Limits};
use crate::graph::base::Placed;
use crate::graph::ids::{Direction, NodeId, TypeId};
use crate::graph::nesting::group;
use crate::plan::simple::Way;

/// So many edges of a run are fetched for; what has more takes its time anyway.
const FEW: usize = 2;

/// Questions of one evaluator, in their order. [`Evaluator::batch`].
pub struct Batch<'e, 'a, 'q> {
    evaluator: &'e Evaluator<'a>,
    questions: Vec<(Question<'q>, Option<Known<'q>>)>,
}

/// What is known of a question before it is decided.
#[derive(Clone, Copy)]
struct Known<'q> {
    named: Named<'q>,
    nodes: [Option<Placed>; 2],
}

impl<'a> Evaluator<'a> {
    /// Questions to be decided one after the other, which share what they wait for. O(questions).
    ///
    /// ```
    /// # use dhow_engine::entry::{Body, Change, StoreId};
    /// # use dhow_engine::search::{Prepared, Question};
    /// # use dhow_engine::{eval::Decision, state::State, time::Timestamp};
    /// # let schema = dhow_schema::compile_str("definition user {} definition document { relation viewer: user }")?;
    /// # let genesis = State::genesis(StoreId([0; 16]));
    /// # let changes = vec![Change::created("document:readme#viewer@user:ada".parse()?)];
    /// # let state = genesis.apply(&genesis.next_entry(Timestamp::MIN, "ada", "1", Body::Changes(changes))?)?;
    /// # let prepared = Prepared::new(&state, schema.into())?;
    /// # let context = Default::default();
    /// let keys = ["document:readme#viewer@user:ada".parse()?, "document:readme#viewer@user:bob".parse()?];
    /// let evaluator = prepared.evaluator(Timestamp::MIN, &context);
    /// let batch = evaluator.batch(keys.iter().map(Question::from));
    /// assert_eq!(batch.decide(0), Some(Ok(Decision::Allowed)));
    /// assert_eq!(batch.decide(1), Some(Ok(Decision::Denied)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn batch<'e, 'q>(&'e self, questions: impl IntoIterator<Item = Question<'q>>) -> Batch<'e, 'a, 'q> {
        let mut questions: Vec<_> = questions.into_iter().map(|question| (question, None)).collect();
        let sight = Sight::new(self.prepared.state.graph(), self.extra.as_deref());
        let named: Vec<Option<Named<'q>>> = questions.iter().map(|(question, _)| self.named(question)).collect();
        let names: Vec<(TypeId, &str)> = named.iter().flatten().flat_map(|named| named.ends).collect();
        let nodes = sight.graph.find_all(&names);
        let (nodes, _) = nodes.as_chunks();
        let mut nodes = nodes.iter();
        for ((_, known), named) in questions.iter_mut().zip(named) {
            let Some(named) = named else { continue };
            let Some(nodes) = nodes.next() else { break };
            *known = Some(Known { named, nodes: *nodes });
        }
        let known = || questions.iter().filter_map(|(_, known)| known.as_ref());
        known().for_each(|known| self.fetch(&sight, known));
        known().for_each(|known| self.fetch_lists(&sight, known));
        Batch { evaluator: self, questions }
    }

    /// Begins to fetch what the edges of a question's nodes lead to.
    #[inline]
    fn fetch(&self, sight: &Sight<'_>, known: &Known<'_>) {
        let Known { named, nodes: [object, _] } = known;
        let plans = &self.prepared.plans;
        if let (Some(simple), Some(record)) =
            (plans.simple(named.plan, named.subject.kind_id), object.and_then(|object| sight.placed(object)))
        {
            for run in record.runs(Direction::Forward) {
                for step in simple.steps.iter().filter(|step| step.class == run.class) {
                    if let Way::On(plan) = step.way {
                        run.ends.iter().take(FEW).for_each(|node| sight.graph.fetch_inherited(plan.0, NodeId(*node)));
                    }
                }
            }
        }
        self.each_group(sight, known, |found| sight.graph.nesting().fetch(found));
    }

    /// Begins to fetch what the subject's groups are nested in.
    #[inline]
    fn fetch_lists(&self, sight: &Sight<'_>, known: &Known<'_>) {
        self.each_group(sight, known, |found| {
            black_box(sight.graph.nesting().first_ancestor(found));
        });
    }

    /// The first few groups that have the subject as a member.
    #[inline]
    fn each_group(&self, sight: &Sight<'_>, Known { named, nodes: [_, subject] }: &Known<'_>, visit: impl Fn([u32; 2])) {
        let classes = self.prepared.plans.groups_of(named.subject.type_id, named.subject.kind);
        let Some(record) = subject.and_then(|subject| sight.placed(subject)).filter(|_| !classes.is_empty()) else { return };
        for run in record.runs(Direction::Backward) {
            for class in classes.iter().filter(|class| class.class == run.class) {
                run.ends.iter().take(FEW).for_each(|node| visit(group(NodeId(*node), class.relation)));
            }
        }
    }
}

impl Batch<'_, '_, '_> {
    /// How many questions there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.questions.len()
    }

    /// Whether there is no question.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// Decides the question at a place; `None`: there are not so many. As [`Evaluator::ask`], with its errors.
    #[must_use]
    pub fn decide(&self, place: usize) -> Option<Result<Decision, EvalError>> {
        let found = self.decide_with(place, self.evaluator.context, self.evaluator.limits)?;
        Some(found.map(|(decision, _)| decision))
    }

    /// The same with another request context and other limits, and the steps that it took.
    #[must_use]
    pub fn decide_with(&self, place: usize, context: &Context, limits: Limits<'_>) -> Option<Result<(Decision, u64), EvalError>> {
        let (question, known) = self.questions.get(place)?;
        let evaluator = self.evaluator.clone().with_context(context).with_limits(limits);
        Some(evaluator.decided(question, known.map(|known| evaluator.search(&known.named, Some(known.nodes)))))
    }
}

impl std::fmt::Debug for Batch<'_, '_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("questions", &self.len()).finish_non_exhaustive()
    }
}
