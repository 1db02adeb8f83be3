//! Folding, and checks while entries are folded.

use std::hint::black_box;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dhow_benches::entries;
use dhow_benches::world::{Question, World};
use dhow_engine::entry::{Body, Change, Entry};
use dhow_engine::state::{Rebuild, State};
use dhow_engine::time::Timestamp;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::Row;
use crate::clock::{each, mean, median, quantile};
use crate::world::{Setup, ask};

/// Tuples of the history that is folded.
const FOLDED: usize = 200_000;

/// Changes a second beside the readers.
const PER_SECOND: u32 = 20_000;

/// Members of the group that is nested and taken out again.
const MEMBERS: usize = 1_000_000;

pub(crate) fn rows(setup: &Setup) -> Vec<Row> {
    let (nest, readers) = nesting();
    vec![folding(), one_tuple(setup), nest, readers, beside_a_writer(setup)]
}

fn folding() -> Row {
    let mut tuples = World::of(FOLDED).tuples();
    tuples.shuffle(&mut ChaCha8Rng::seed_from_u64(1));
    let entries = entries(&tuples, 1_000);
    let rounds = (0..5).map(|_| {
        let (mut state, mut seconds) = (State::genesis(entries[0].store), 0.0);
        for entry in &entries {
            let begun = Instant::now();
            state = black_box(state.apply(entry).unwrap());
            seconds += begun.elapsed().as_secs_f64();
            state = tended(state);
        }
        tuples.len() as f64 / seconds / 1e6
    });
    Row::new(
        "fold of entries of 1,000 changes (bases made beside it)",
        format!("{:.2} M tuples/s", median(rounds.collect())),
        "≥ 0.6 M tuples/s",
    )
}

/// The state with its memory in order, if that is due: what a server does beside the fold, on another core.
fn tended(mut state: State) -> State {
    if let Some(mut rebuild) = Rebuild::begin(&state) {
        while let Some(part) = rebuild.work(&state) {
            state = part.install(&state, state.revision());
        }
    }
    state
}

fn entry(state: &State, change: Change) -> Entry {
    state.next_entry(Timestamp::MIN, "bench", "", Body::Changes(vec![change])).unwrap()
}

fn one_tuple(setup: &Setup) -> Row {
    let mut state = setup.state.clone();
    let changes: Vec<Change> = (0..20_000)
        .map(|number| {
            let question = &setup.questions[number * 7];
            Change::created(format!("{}#viewer@user:of-the-bench-{number}", question.object).parse().unwrap())
        })
        .collect();
    let mut times = Vec::new();
    for change in changes {
        let entry = entry(&state, change);
        let begun = Instant::now();
        let next = state.apply(&entry).unwrap();
        times.push(begun.elapsed().as_secs_f64() * 1e9);
        state = next;
    }
    times.sort_by(f64::total_cmp);
    let measured = format!("p50 {:.1} µs, p99 {:.1} µs", quantile(&times, 0.5) / 1e3, quantile(&times, 0.99) / 1e3);
    Row::new("apply one plain tuple", measured, "p99 ≤ 5 µs")
}

/// The million-member group is nested under another and taken out, again and again, while its members' documents are asked for.
fn nesting() -> (Row, Row) {
    let members = (0..MEMBERS).map(|member| format!("group:all#member@user:u{member}"));
    let above = (0..1_000).map(|group| format!("document:d{group}#viewer@group:above-{group}#member"));
    let mut tuples: Vec<_> = members.chain(above).map(|text| text.parse().unwrap()).collect();
    tuples.extend((0..1_000).map(|group| format!("group:above-{group}#member@user:somebody").parse().unwrap()));
    let schema = dhow_schema::compile_str(dhow_benches::world::SCHEMA).unwrap();
    let mut state = dhow_benches::load(tuples);
    let prepared = dhow_engine::search::Prepared::new(&state, schema.into()).unwrap();
    let context = Default::default();
    let keys: Vec<dhow_engine::tuple::TupleKey> =
        (0..50_000).map(|number| format!("document:d{}#view@user:u{}", number % 1_000, number * 19 % MEMBERS).parse().unwrap()).collect();
    let evaluator = prepared.evaluator(Timestamp::MIN, &context);
    let check = |evaluator: &dhow_engine::search::Evaluator<'_>, key: &dhow_engine::tuple::TupleKey| {
        black_box(evaluator.check(black_box(key)).unwrap());
    };
    let idle = (mean(&keys, |key| check(&evaluator, key)), quantile(&each(&keys, |key| check(&evaluator, key)), 0.99));
    state = prepared.state().clone();
    let (mut times, mut means, mut tails) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..1_000 {
        let edge: dhow_engine::tuple::Tuple = format!("group:above-{}#member@group:all#member", round / 2).parse().unwrap();
        let change = if round % 2 == 0 { Change::created(edge) } else { Change::deleted(edge) };
        let entry = entry(&state, change);
        let begun = Instant::now();
        let next = state.apply(&entry).unwrap();
        times.push(begun.elapsed().as_secs_f64() * 1e9);
        state = tended(next);
        if round % 97 == 0 {
            let prepared = dhow_engine::search::Prepared::new(&state, prepared.schema().clone()).unwrap();
            let evaluator = prepared.evaluator(Timestamp::MIN, &context);
            means.push(mean(&keys, |key| check(&evaluator, key)));
            tails.push(quantile(&each(&keys, |key| check(&evaluator, key)), 0.99));
        }
    }
    let after = (means.iter().sum::<f64>() / means.len() as f64, median(tails));
    times.sort_by(f64::total_cmp);
    let nest = format!("p50 {:.1} µs, p99 {:.1} µs", quantile(&times, 0.5) / 1e3, quantile(&times, 0.99) / 1e3);
    let readers =
        format!("mean {:.2} × idle ({:.0} ns, idle {:.0} ns), p99 {:.2} × idle", after.0 / idle.0, after.0, idle.0, after.1 / idle.1);
    (
        Row::new("nest or un-nest the million-member group", nest, "p99 ≤ 2 ms"),
        Row::new("its members' checks meanwhile", readers, "mean ≤ 1.3 ×, p99 ≤ 3 × idle"),
    )
}

/// Checks of one thread while another folds entries and a third makes the base anew.
fn beside_a_writer(setup: &Setup) -> Row {
    let questions: Vec<&Question> = setup.questions.iter().take(50_000).collect();
    let shared = RwLock::new(setup.state.clone());
    let ended = AtomicBool::new(false);
    let pass = || {
        let prepared = shared.read().unwrap().prepare(None).unwrap();
        let evaluator = prepared.evaluator(Timestamp::MIN, &setup.context);
        mean(&questions, |question| {
            black_box(ask(&evaluator, black_box(question)));
        })
    };
    let idle = median((0..10).map(|_| pass()).collect());
    let (busy, written) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut written, begun, mut rebuild) = (0_u32, Instant::now(), None::<Rebuild>);
            while !ended.load(Ordering::Relaxed) {
                let due = begun.elapsed().as_secs_f64() * f64::from(PER_SECOND);
                if f64::from(written) > due {
                    std::thread::sleep(Duration::from_micros(200));
                    continue;
                }
                let head = shared.read().unwrap().clone();
                let object = &setup.questions[written as usize * 13 % setup.questions.len()].object;
                let tuple = format!("{object}#viewer@user:of-the-writer-{written}").parse().unwrap();
                let next = head.apply(&entry(&head, Change::created(tuple))).unwrap();
                *shared.write().unwrap() = next;
                written += 1;
                if written.is_multiple_of(64) {
                    let head = shared.read().unwrap().clone();
                    rebuild = rebuild.or_else(|| Rebuild::begin(&head));
                    match rebuild.as_mut().map(|rebuild| rebuild.work(&head)) {
                        Some(Some(part)) => *shared.write().unwrap() = part.install(&head, head.revision()),
                        Some(None) => rebuild = None,
                        None => {}
                    }
                }
            }
            f64::from(written) / begun.elapsed().as_secs_f64()
        });
        let busy = median((0..40).map(|_| pass()).collect());
        ended.store(true, Ordering::Relaxed);
        (busy, writer.join().unwrap())
    });
    let measured = format!("{:.2} × idle ({busy:.0} ns, idle {idle:.0} ns) at {written:.0} changes/s", busy / idle);
    Row::new("check while a writer applies 20,000 changes/s", measured, "≤ 1.3 × idle")
}
