//! Many questions of one request: what they need is fetched together.
//!
//! Nearly all that a check waits for is memory, one piece after the other. The questions of a batch wait together: their names are found
//! step by step for all, then what leads on from them is fetched for all, and then each is decided, from what is near by now. A batch
//! knows nothing that a single question would not find; it changes no answer.

use arrayvec::ArrayVec;
use dhow_schema::value::Context;

use super::glance::{Glance, Mine};
use super::walk::Atom;
use super::world::{self, World};
use super::{Evaluator, Named, Question};
use crate::eval::{Decision, EvalError, Limits};
use crate::graph::base::{AT_ONCE, Placed};
use crate::graph::ids::TypeId;
use crate::words::fetch;

/// So many questions are looked at together: each has two names to be found.
const SOME: usize = AT_ONCE / 2;

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
    /// Whether it holds, if that is easily said, and what that costs.
    seen: Option<(bool, u64)>,
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
        let mut last = None;
        let known = |question: Question<'q>| {
            for byte in [question.object_id, question.subject_id].into_iter().filter_map(|id| id.as_bytes().first()) {
                fetch(byte);
            }
            Asked { question, named: self.named_like(&question, &mut last), nodes: [None; 2], seen: None }
        };
        let mut asked: Vec<Asked<'q>> = questions.into_iter().map(known).collect();
        if let Some((question, named)) = last {
            let (mut world, _) = self.world(&named, &question, Some([None; 2]));
            let mut stages = std::array::from_fn(|_| Stage::default());
            asked.chunks_mut(SOME).for_each(|some| self.look_at(some, &mut world, &mut stages));
        }
        Batch { evaluator: self, asked }
    }

    /// What the names of a question mean, which are often those of the last one.
    #[inline]
    fn named_like<'q>(&self, question: &Question<'q>, last: &mut Option<(Question<'q>, Named)>) -> Option<Named> {
        if let Some((known, named)) = last
            && has_names_of(question, known)
        {
            return Some(*named);
        }
        let named = self.named(question)?;
        *last = Some((*question, named));
        Some(named)
    }

    /// Finds the nodes of some questions, and what a glance at them tells.
    fn look_at<'w>(&'w self, some: &mut [Asked<'_>], world: &mut World<'w>, stages: &mut [Stage<'w>; SOME]) {
        let names: ArrayVec<[(TypeId, &str); 2], SOME> =
            some.iter().filter_map(|asked| Some(asked.named?.ends(&asked.question))).take(SOME).collect();
        let found = world.sight.graph.find_all(names.as_flattened());
        let (found, _) = found.as_chunks();
        let named = some.iter_mut().filter_map(|asked| Some((asked.named?, asked))).zip(found);
        for (((named, asked), nodes), stage) in named.zip(stages.iter_mut()) {
            asked.nodes = *nodes;
            let node;
            (world.asked, node) = self.meet(&mut world.sight, &named, &asked.question, Some(*nodes));
            stage.begin(world, (named.plan, node));
        }
        let is_named = |asked: &&mut Asked<'_>| asked.named.is_some();
        for (stage, _) in stages.iter_mut().zip(found) {
            stage.mine.fetch_lists(world);
        }
        for (stage, asked) in stages.iter_mut().zip(some.iter_mut().filter(is_named)) {
            asked.seen = stage.finish(world, self.limits);
        }
    }
}

/// A glance at one question among others.
#[derive(Default)]
struct Stage<'a> {
    /// `None`: it came to nothing.
    asked: Option<world::Asked>,
    glance: Glance,
    mine: Mine<'a>,
}

impl<'a> Stage<'a> {
    /// Looks at the object and the subject, and begins to fetch what they lead to.
    #[inline]
    fn begin(&mut self, world: &World<'a>, (plan, node): Atom) {
        self.glance.clear();
        self.mine.clear();
        let is_begun = self.glance.begin(world, (plan, node), world.sight.record(node)).is_ok();
        self.asked = is_begun.then_some(world.asked);
        if is_begun && !self.glance.holds() {
            self.glance.fetch(world);
            self.mine.begin(world, world.sight.record(world.asked.node));
            self.mine.fetch(world);
        }
    }

    /// What it came to.
    #[inline]
    fn finish(&mut self, world: &mut World<'a>, limits: Limits<'a>) -> Option<(bool, u64)> {
        world.asked = self.asked?;
        self.glance.finish(world, &mut self.mine, limits).ok()
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
        let Asked { question, named, nodes, seen } = self.asked.get(place)?;
        if let Some((holds, steps)) = seen.filter(|(_, steps)| *steps <= limits.max_steps && !(limits.deadline)())
            && self.evaluator.prepared.state.intact().is_ok()
        {
            return Some(Ok((Decision::of(holds), steps)));
        }
        let evaluator = self.evaluator.clone().with_context(context).with_limits(limits);
        Some(match named {
            None => evaluator.decided(question, None),
            Some(named) => {
                let (world, node) = evaluator.world(named, question, Some(*nodes));
                evaluator.decided(question, Some(evaluator.search(named.plan, node, world)))
            }
        })
    }
}

impl std::fmt::Debug for Batch<'_, '_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("questions", &self.len()).finish_non_exhaustive()
    }
}

/// Whether two questions differ in ids alone.
#[inline]
fn has_names_of(one: &Question<'_>, other: &Question<'_>) -> bool {
    (one.object_type, one.relation, one.subject_type, one.kind_name())
        == (other.object_type, other.relation, other.subject_type, other.kind_name())
}
