//! Many questions of one request: what they need is fetched together.
//!
//! Nearly all that a check waits for is memory, one piece after the other. The questions of a batch wait together: their names are found
//! step by step for all, then what leads on from them is fetched for all, and then each is decided, from what is near by now. A batch
//! knows nothing that a single question would not find; it changes no answer.

use dhow_schema::value::Context;
use smallvec::SmallVec;

use super::sight::Sight;
use super::{Evaluator, Named, Question};
use crate::eval::{Decision, EvalError, Limits};
use crate::graph::base::{AT_ONCE, Placed};
use crate::graph::ids::{Direction, NodeId, TypeId};
use crate::graph::nesting::group;
use crate::plan::AskedKind;
use crate::plan::simple::Way;

/// So many edges of a run are fetched for; what has more takes its time anyway.
const FEW: usize = 2;

/// Questions of one evaluator, in their order. [`Evaluator::batch`].
pub struct Batch<'e, 'a, 'q> {
    evaluator: &'e Evaluator<'a>,
    asked: Vec<Asked<'q>>,
}

/// A question, and what is known of it before it is decided.
#[derive(Clone, Copy)]
struct Asked<'q> {
    question: Question<'q>,
    named: Option<Named>,
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
        let known = |question| Asked { question, named: self.named(&question), nodes: [None; 2] };
        let mut asked: Vec<Asked<'q>> = questions.into_iter().map(known).collect();
        let sight = Sight::new(self.prepared.state.graph(), self.extra.as_deref());
        for some in asked.chunks_mut(AT_ONCE / 2) {
            let names: SmallVec<[(TypeId, &str); AT_ONCE]> =
                some.iter().filter_map(|asked| Some(asked.named?.ends(&asked.question))).flatten().collect();
            let found = sight.graph.find_all(&names);
            let (found, _) = found.as_chunks();
            for (asked, nodes) in some.iter_mut().filter(|asked| asked.named.is_some()).zip(found) {
                asked.nodes = *nodes;
            }
        }
        let known = || asked.iter().filter_map(|asked| Some((asked.named.as_ref()?, asked.nodes)));
        known().for_each(|(named, nodes)| self.fetch(&sight, named, nodes));
        known().for_each(|(named, nodes)| self.fetch_lists(&sight, named, nodes));
        Batch { evaluator: self, asked }
    }

    /// Begins to fetch what the edges of a question's nodes lead to.
    #[inline]
    fn fetch(&self, sight: &Sight<'_>, named: &Named, [object, subject]: [Option<Placed>; 2]) {
        self.each_group(sight, named, subject, |found| sight.graph.nesting().fetch(found));
        let Some(record) = object.and_then(|object| sight.placed(object)) else { return };
        let Some(simple) = self.prepared.plans.simple(named.plan, named.subject.kind_id) else { return };
        for run in record.runs(Direction::Forward) {
            for step in simple.steps.iter().filter(|step| step.class == run.class) {
                if let Way::On(plan) = step.way {
                    run.ends.iter().take(FEW).for_each(|node| sight.graph.fetch_inherited(plan.0, NodeId(*node)));
                }
            }
        }
    }

    /// Begins to fetch what the subject's groups are nested in.
    #[inline]
    fn fetch_lists(&self, sight: &Sight<'_>, named: &Named, [_, subject]: [Option<Placed>; 2]) {
        self.each_group(sight, named, subject, |found| sight.graph.nesting().fetch_list(found));
    }

    /// The first few groups that have the subject as a member.
    #[inline]
    fn each_group(&self, sight: &Sight<'_>, named: &Named, subject: Option<Placed>, visit: impl Fn([u32; 2])) {
        let AskedKind { type_id, kind, kind_id } = named.subject;
        let classes = self.prepared.plans.groups_of_kind((type_id, kind, kind_id));
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
        self.asked.len()
    }

    /// Whether there is no question.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.asked.is_empty()
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
        let Asked { question, named, nodes } = self.asked.get(place)?;
        let evaluator = self.evaluator.clone().with_context(context).with_limits(limits);
        Some(evaluator.decided(question, named.map(|named| evaluator.search(&named, question, Some(*nodes)))))
    }
}

impl std::fmt::Debug for Batch<'_, '_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("questions", &self.len()).finish_non_exhaustive()
    }
}
