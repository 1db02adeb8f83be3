//! Checks on a store at rest.

use std::hint::black_box;

use dhow_benches::world::{Question, zipf_places};
use dhow_engine::tuple::Tuple;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Row;
use crate::clock::{each, mean, median, quantile};
use crate::world::{Setup, ask, asking};

const ROUNDS: usize = 5;

const IN_A_BATCH: usize = 100;

/// How many questions bring tuples along.
const WITH_TUPLES: usize = 20_000;

pub(crate) fn rows(setup: &Setup) -> Vec<Row> {
    let uniform: Vec<&Question> = setup.questions.iter().collect();
    let zipf: Vec<&Question> =
        zipf_places(uniform.len(), uniform.len()).into_iter().filter_map(|place| setup.questions.get(place)).collect();
    let denied: Vec<&Question> = setup.questions.iter().filter(|question| !question.allowed).collect();
    let accounts = setup.state.accounts();
    let (size, tuples) = (accounts.total(), setup.state.len());
    let part = |bytes: usize| bytes as f64 / tuples as f64;
    let bytes = format!(
        "{:.1} (names {:.1}, to subjects {:.1}, from objects {:.1}, revisions {:.1}, groups {:.1}, inherited {:.1}, overlay {:.1})",
        part(size),
        part(accounts.names_bytes),
        part(accounts.forward_bytes),
        part(accounts.backward_bytes),
        part(accounts.revisions_bytes),
        part(accounts.groups_bytes),
        part(accounts.inherited_bytes),
        part(accounts.overlay_bytes),
    );
    vec![
        against_y(setup, "check, mean, uniform questions", &uniform, "≤ 2 Y"),
        tail(setup, &uniform),
        against_y(setup, "check, mean, Zipf 1.1", &zipf, "—"),
        against_y(setup, "a deny, which looks everywhere", &denied, "≤ 3 Y"),
        batches(setup, &uniform),
        with_tuples(setup, &uniform),
        Row::new("bytes a tuple", bytes, "≤ 64"),
    ]
}

/// The mean of questions, as a multiple of Y on the same questions.
fn against_y(setup: &Setup, figure: &str, questions: &[&Question], must_reach: &'static str) -> Row {
    let evaluator = setup.evaluator();
    let (mut ys, mut checks, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let y = mean(questions, |question| {
            black_box(setup.yardstick.probe(black_box(&question.object), &question.subject));
        });
        let check = mean(questions, |question| {
            black_box(ask(&evaluator, black_box(question)));
        });
        ys.push(y);
        checks.push(check);
        ratios.push(check / y);
    }
    Row::new(figure, format!("{:.2} Y ({:.0} ns, Y {:.0} ns)", median(ratios), median(checks), median(ys)), must_reach)
}

fn tail(setup: &Setup, questions: &[&Question]) -> Row {
    let evaluator = setup.evaluator();
    let y = mean(questions, |question| {
        black_box(setup.yardstick.probe(black_box(&question.object), &question.subject));
    });
    let times = each(questions, |question| {
        black_box(ask(&evaluator, black_box(question)));
    });
    let p99 = quantile(&times, 0.99);
    Row::new("check, p99", format!("{:.2} Y ({p99:.0} ns, Y {y:.0} ns)", p99 / y), "≤ 8 Y")
}

/// Questions a hundred at a time, and what one of them takes.
fn batches(setup: &Setup, questions: &[&Question]) -> Row {
    let evaluator = setup.evaluator();
    let batches: Vec<&[&Question]> = questions.chunks(IN_A_BATCH).collect();
    let (mut ys, mut checks, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let y = mean(questions, |question| {
            black_box(setup.yardstick.probe(black_box(&question.object), &question.subject));
        });
        let check = mean(&batches, |questions| {
            let batch = evaluator.batch(questions.iter().map(|question| asking(black_box(question))));
            for place in 0..batch.len() {
                black_box(batch.decide(place).unwrap().unwrap());
            }
        }) / IN_A_BATCH as f64;
        ys.push(y);
        checks.push(check);
        ratios.push(check / y);
    }
    let measured = format!("{:.2} Y ({:.0} ns, Y {:.0} ns)", median(ratios), median(checks), median(ys));
    Row::new("check in a batch of 100", measured, "≤ 0.7 Y")
}

/// Checks that bring ten tuples along, nesting and unknown ids among them; with every second question they decide.
fn with_tuples(setup: &Setup, questions: &[&Question]) -> Row {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let asked: Vec<(&Question, Vec<Tuple>)> = questions
        .iter()
        .take(WITH_TUPLES)
        .enumerate()
        .map(|(place, question)| {
            let mut tuples = Vec::new();
            for number in 0..4 {
                let (user, group) = setup.world.somebody_and_some_group(&mut random);
                let (_, other) = setup.world.somebody_and_some_group(&mut random);
                tuples.push(format!("group:{group}#member@user:{user}"));
                tuples.push(format!("group:{group}#member@group:{other}#member"));
                if number == 0 && place % 2 == 0 {
                    tuples.push(format!("group:of-the-request#member@{}", question.subject));
                    tuples.push(format!("{}#viewer@group:of-the-request#member", question.object));
                }
            }
            while tuples.len() < 10 {
                tuples.push(format!("group:unknown-{}#member@user:unknown", random.random::<u32>()));
            }
            (*question, tuples.iter().map(|text| text.parse().unwrap()).collect())
        })
        .collect();
    let strings: Vec<(String, String)> = asked
        .iter()
        .flat_map(|(_, tuples)| tuples)
        .map(|tuple| (tuple.key.object().to_string(), tuple.key.subject().to_string()))
        .collect();
    let evaluator = setup.evaluator();
    let (mut with, mut without, mut look_ups) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(mean(&asked, |(question, _)| {
            black_box(ask(&evaluator, black_box(question)));
        }));
        look_ups.push(
            10.0 * mean(&strings, |(object, subject)| {
                black_box((setup.yardstick.look_up(object), setup.yardstick.look_up(subject)));
            }),
        );
        with.push(mean(&asked, |(question, tuples)| {
            black_box(ask(&evaluator.clone().with_contextual(tuples), black_box(question)));
        }));
    }
    let (with, without, look_ups) = (median(with), median(without), median(look_ups));
    let measured = format!(
        "without + 20 look-ups × {:.2} ({with:.0} ns; without {without:.0} ns, 20 look-ups {look_ups:.0} ns)",
        (with - without) / look_ups
    );
    Row::new("check with 10 contextual tuples", measured, "without + 20 look-ups × 1.5")
}
