//! The world that everything is measured in.

use dhow_benches::world::{Question, SCHEMA, World};
use dhow_benches::yardstick::Yardstick;
use dhow_engine::digest::Digest;
use dhow_engine::entry::{SchemaSource, SchemaText, StoreId};
use dhow_engine::eval::{Decision, Evaluator as Circuit};
use dhow_engine::schema_version::WrittenSchema;
use dhow_engine::search::{Evaluator, Prepared, Question as Asking};
use dhow_engine::state::{Position, State};
use dhow_engine::time::Timestamp;
use dhow_schema::value::Context;

/// Questions of a pass: so many that what they touch fits into no cache.
const QUESTIONS: usize = 400_000;

pub(crate) struct Setup {
    pub(crate) world: World,
    pub(crate) questions: Vec<Question>,
    pub(crate) yardstick: Yardstick,
    pub(crate) state: State,
    pub(crate) prepared: Prepared,
    pub(crate) context: Context,
}

impl Setup {
    pub(crate) fn of(tuples: usize) -> Self {
        let world = World::of(tuples);
        let (tuples, questions) = (world.tuples(), world.questions(QUESTIONS));
        let yardstick = Yardstick::of(&tuples);
        let text = SchemaText { version: 1, source: SchemaSource::native(SCHEMA) };
        let digest = tuples.iter().fold(Digest::default().with_schema(&text), |digest, tuple| digest.with_tuple(tuple));
        let schema = WrittenSchema { text, revision: 1, time: Timestamp::MIN, actor: String::new() };
        let store = StoreId([3; 16]);
        let position = Position { revision: 1, ..Position::genesis(store) };
        let state = State::load(store, position, digest, [schema], tuples).unwrap();
        let prepared = state.prepare(None).unwrap();
        let setup = Self { world, questions, yardstick, state, prepared, context: Context::new() };
        setup.assert_right();
        setup
    }

    pub(crate) fn evaluator(&self) -> Evaluator<'_> {
        self.prepared.evaluator(Timestamp::MIN, &self.context)
    }

    /// A figure of an evaluator that is wrong is none.
    fn assert_right(&self) {
        let evaluator = self.evaluator();
        assert!(self.questions.iter().all(|question| ask(&evaluator, question) == question.allowed));
        let circuit = Circuit::new(self.prepared.schema(), &self.state, Timestamp::MIN, &self.context);
        let sample = || self.questions.iter().step_by(400);
        assert!(sample().all(|question| (circuit.check(&question.key).unwrap() == Decision::Allowed) == question.allowed));
    }
}

/// Strings in, decision out.
pub(crate) fn ask(evaluator: &Evaluator<'_>, question: &Question) -> bool {
    evaluator.ask(&asking(question)).unwrap() == Decision::Allowed
}

/// A question as an evaluator takes it.
pub(crate) fn asking(question: &Question) -> Asking<'_> {
    Asking {
        object_type: "document",
        object_id: &question.object["document:".len()..],
        relation: "view",
        subject_type: "user",
        subject_id: &question.subject["user:".len()..],
        subject_relation: "",
    }
}
