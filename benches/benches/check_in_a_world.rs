//! What does a check cost in a world of so many tuples, measured by the yardstick Y?
//!
//! Questions are uniform, half yes and half no. Beside criterion's figures this prints means as ratios to Y of the same run.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a bench prints, times, and ends where its data is wrong"
)]

use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dhow_benches::world::{Question, SCHEMA, World, zipf_places};
use dhow_benches::yardstick::Yardstick;
use dhow_engine::digest::Digest;
use dhow_engine::entry::{SchemaSource, StoreId};
use dhow_engine::eval::{Decision, Evaluator};
use dhow_engine::search::Prepared;
use dhow_engine::state::{Position, State};
use dhow_engine::time::Timestamp;
use dhow_schema::value::Context;

/// So many that what they touch fits into no cache.
const QUESTIONS: usize = 400_000;

/// Time and questions of everything that was measured under one name.
#[derive(Default)]
struct Mean(Cell<(Duration, u64)>);

impl Mean {
    /// Asks `iterations` questions, one after the other, from where the last call stopped.
    fn measure(&self, questions: &[&Question], iterations: u64, ask: impl Fn(&Question) -> bool) -> Duration {
        let (time, asked) = self.0.get();
        let from = usize::try_from(asked).unwrap() % questions.len();
        let begun = Instant::now();
        for question in questions.iter().cycle().skip(from).take(usize::try_from(iterations).unwrap()) {
            black_box(ask(black_box(question)));
        }
        let elapsed = begun.elapsed();
        self.0.set((time + elapsed, asked + iterations));
        elapsed
    }

    fn nanoseconds(&self) -> f64 {
        let (time, asked) = self.0.get();
        time.as_secs_f64() * 1e9 / (asked.max(1) as f64)
    }
}

fn check_in_a_world(criterion: &mut Criterion) {
    for size in [100_000, 1_000_000] {
        let world = World::of(size);
        let (tuples, questions) = (world.tuples(), world.questions(QUESTIONS));
        let yardstick = Yardstick::of(&tuples);
        let digest = tuples.iter().fold(Digest::default(), |digest, tuple| digest.with_tuple(tuple));
        let store = StoreId([3; 16]);
        let state = State::load(store, Position::genesis(store), digest, [], tuples).unwrap();
        let schema = SchemaSource::native(SCHEMA).compile().schema.unwrap();
        let context = Context::new();
        let evaluator = Evaluator::new(&schema, &state, Timestamp::MIN, &context);
        let plain = |question: &Question| evaluator.check(&question.key).unwrap() == Decision::Allowed;
        let prepared = Prepared::new(&state, schema.clone().into()).unwrap();
        let evaluator = prepared.evaluator(Timestamp::MIN, &context);
        let check = |question: &Question| evaluator.check(&question.key).unwrap() == Decision::Allowed;
        eprintln!("{} tuples: {:?}, {} bytes a tuple", state.len(), state.accounts(), state.accounts().total() / state.len());
        // A figure of an evaluator that is wrong is none.
        assert!(questions.iter().all(|question| check(question) == question.allowed));
        assert!(questions.iter().step_by(400).all(|question| plain(question) == question.allowed));

        let uniform: Vec<&Question> = questions.iter().collect();
        let zipf: Vec<&Question> = zipf_places(questions.len(), QUESTIONS).into_iter().filter_map(|place| questions.get(place)).collect();
        let mut group = criterion.benchmark_group("check_in_a_world");
        group.sample_size(20);
        for (mix, questions) in [("uniform", uniform), ("zipf", zipf)] {
            let (y, fast, slow) = (Mean::default(), Mean::default(), Mean::default());
            let probe = |question: &Question| yardstick.probe(&question.object, &question.subject);
            group.bench_function(BenchmarkId::new(format!("yardstick, {mix}"), size), |bencher| {
                bencher.iter_custom(|iterations| y.measure(&questions, iterations, probe));
            });
            group.bench_function(BenchmarkId::new(format!("plain evaluator, {mix}"), size), |bencher| {
                bencher.iter_custom(|iterations| slow.measure(&questions, iterations, plain));
            });
            group.bench_function(BenchmarkId::new(format!("evaluator, {mix}"), size), |bencher| {
                bencher.iter_custom(|iterations| fast.measure(&questions, iterations, check));
            });
            let (y, fast, slow) = (y.nanoseconds(), fast.nanoseconds(), slow.nanoseconds());
            eprintln!(
                "{size} tuples, {mix}: Y {y:.0} ns; evaluator {fast:.0} ns, {:.2} Y; circuit {slow:.0} ns, {:.1} Y",
                fast / y,
                slow / y
            );
        }
        group.finish();
    }
}

criterion_group!(benches, check_in_a_world);
criterion_main!(benches);
