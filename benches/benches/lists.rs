//! How many ids a second do lists give in a world of a million tuples: with unions only, and with intersection, exclusion and caveats?
//!
//! Beside criterion's figures, which are of whole lists, this prints ids a second and core.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a bench prints, times, and ends where its data is wrong"
)]

use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dhow_benches::world::{Question, RESTRICTED_SCHEMA, SCHEMA, World, restricted};
use dhow_engine::digest::Digest;
use dhow_engine::entry::{SchemaSource, StoreId};
use dhow_engine::eval::{self, PageRequest};
use dhow_engine::search::{Evaluator, Prepared};
use dhow_engine::state::{Position, State};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::Tuple;
use dhow_schema::ir::Name;
use dhow_schema::value::{Context, Value};

const SIZE: usize = 1_000_000;
const QUESTIONS: usize = 20_000;

/// Asks for a list and says how many ids it has.
type List<'a> = &'a dyn Fn(&Question) -> usize;

/// Time and ids of everything that was measured under one name.
#[derive(Default)]
struct Rate(Cell<(Duration, u64, usize)>);

impl Rate {
    /// Gives lists of questions, one after the other, from where the last call stopped.
    fn measure(&self, questions: &[Question], iterations: u64, list: impl Fn(&Question) -> usize) -> Duration {
        let (time, ids, asked) = self.0.get();
        let iterations = usize::try_from(iterations).unwrap();
        let begun = Instant::now();
        let listed = |question| black_box(list(black_box(question))) as u64;
        let more: u64 = questions.iter().cycle().skip(asked % questions.len()).take(iterations).map(listed).sum();
        let elapsed = begun.elapsed();
        self.0.set((time + elapsed, ids + more, asked + iterations));
        elapsed
    }
}

fn prepared(tuples: Vec<Tuple>, schema: &str) -> Prepared {
    let digest = tuples.iter().fold(Digest::default(), |digest, tuple| digest.with_tuple(tuple));
    let store = StoreId([3; 16]);
    let state = State::load(store, Position::genesis(store), digest, [], tuples).unwrap();
    Prepared::new(&state, Arc::new(SchemaSource::native(schema).compile().schema.unwrap())).unwrap()
}

fn objects(evaluator: &Evaluator<'_>, question: &Question, limit: usize) -> usize {
    let key = &question.key;
    let page = PageRequest { after: None, limit };
    evaluator.list_objects(key.object().object_type(), key.relation(), key.subject(), page).unwrap().items.len()
}

fn subjects(evaluator: &Evaluator<'_>, question: &Question) -> usize {
    let key = &question.key;
    let page = PageRequest::default();
    evaluator.list_subjects(key.object(), key.relation(), key.subject().object_type(), None, page).unwrap().items.len()
}

/// A figure of an evaluator that is wrong is none.
fn assert_right(prepared: &Prepared, context: &Context, questions: &[Question]) {
    let search = prepared.evaluator(Timestamp::MIN, context);
    let circuit = eval::Evaluator::new(prepared.schema(), prepared.state(), Timestamp::MIN, context);
    let page = PageRequest::default;
    for (place, question) in questions.iter().take(20).enumerate() {
        let key = &question.key;
        let (object_type, relation, subject) = (key.object().object_type(), key.relation(), key.subject());
        let found = search.list_subjects(key.object(), relation, subject.object_type(), None, page()).unwrap().items;
        // The circuit looks at every object of a type, and at every subject by itself: it is asked for what it can do in seconds.
        let small = found.len() < 1_000;
        assert!(!small || found == circuit.list_subjects(key.object(), relation, subject.object_type(), None, page()).unwrap().items);
        if place == 0 {
            let (mut expected, mut after) = (Vec::new(), None);
            loop {
                let next = PageRequest { after: after.as_deref(), limit: usize::MAX };
                let part = circuit.list_objects(object_type, relation, subject, next).unwrap();
                expected.extend(part.items);
                after = part.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(search.list_objects(object_type, relation, subject, page()).unwrap().items, expected);
        }
    }
}

fn lists(criterion: &mut Criterion) {
    let world = World::of(SIZE);
    let questions = world.questions(QUESTIONS);
    let context: Context = [(Name::from("level"), Value::Int(3))].into_iter().collect();
    let mut group = criterion.benchmark_group("lists");
    group.sample_size(20);
    for (name, tuples, schema) in
        [("unions only", world.tuples(), SCHEMA), ("intersection, exclusion, caveats", restricted(world.tuples()), RESTRICTED_SCHEMA)]
    {
        let prepared = prepared(tuples, schema);
        assert_right(&prepared, &context, &questions);
        let evaluator = prepared.evaluator(Timestamp::MIN, &context);
        let rates: [(&str, Rate, List<'_>); 3] = [
            ("objects", Rate::default(), &|question| objects(&evaluator, question, usize::MAX)),
            ("first page of objects", Rate::default(), &|question| objects(&evaluator, question, 100)),
            ("subjects", Rate::default(), &|question| subjects(&evaluator, question)),
        ];
        for (what, rate, list) in &rates {
            group.bench_function(BenchmarkId::new(format!("{what}, {name}"), SIZE), |bencher| {
                bencher.iter_custom(|iterations| rate.measure(&questions, iterations, list));
            });
            let (time, ids, asked) = rate.0.get();
            if asked == 0 {
                continue;
            }
            let seconds = time.as_secs_f64();
            let (each, share) = (seconds * 1e6 / asked as f64, ids as f64 / asked as f64);
            eprintln!("{what}, {name}: {:.2} M ids/s; {each:.1} us and {share:.1} ids a list", ids as f64 / seconds / 1e6);
        }
    }
    group.finish();
}

criterion_group!(benches, lists);
criterion_main!(benches);
