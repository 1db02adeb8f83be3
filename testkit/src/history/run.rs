//! Plays many histories.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::counts::Counts;
use super::shrink::shrink;
use super::stage::Stage;
use super::teller::Teller;
use super::{Script, Step};
use crate::runner::{caught, setting};

/// How many steps a history has besides questions, and how many times questions are asked in between.
const STEPS: usize = 60;
const INQUIRIES_PER_STEP_PERCENT: usize = 60;
/// One history of so many has a base of several segments, which takes its time.
const PADDED_ONE_IN: u64 = 60;

/// How histories are run.
#[derive(Debug, Clone, Copy)]
pub struct Histories {
    /// How many, the first ones; `DHOW_CASES` multiplies them.
    pub count: u64,
}

/// Plays histories on `DHOW_THREADS` threads (one, if nothing is said) and counts the answers; or the one of `DHOW_SEED`.
///
/// # Panics
/// When an answer is wrong: with the seed, and the smallest history that was found to fail.
#[must_use]
pub fn run_histories(histories: Histories) -> Counts {
    let (first, count) = match setting("DHOW_SEED") {
        Some(seed) => (seed, 1),
        None => (0, histories.count * setting("DHOW_CASES").unwrap_or(1)),
    };
    let threads = setting("DHOW_THREADS").and_then(NonZero::new).map_or(1, NonZero::get).min(count);
    let mut counts = Counts::default();
    let failed = AtomicBool::new(false);
    let failed = &failed;
    thread::scope(|scope| {
        let share = |thread| move || part(failed, (first + thread..first + count).step_by(usize::try_from(threads).expect("few threads")));
        let parts: Vec<_> = (0..threads).map(|thread| scope.spawn(share(thread))).collect();
        for part in parts {
            match part.join() {
                Ok(counted) => counts.add(&counted),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    });
    eprintln!("histories of the seeds {first} to {} on {threads} threads: {counts}", first + count - 1);
    counts
}

fn part(failed: &AtomicBool, seeds: impl Iterator<Item = u64>) -> Counts {
    let mut counts = Counts::default();
    for seed in seeds {
        if failed.load(Ordering::Relaxed) {
            break;
        }
        let (mut teller, mut script) = Teller::begin(seed, seed % PADDED_ONE_IN == 0);
        let mut stage = Stage::new(&script);
        if let Err(first) = caught(|| tell(&mut teller, &mut stage, &mut script)) {
            failed.store(true, Ordering::Relaxed);
            let (smallest, reason) = shrink(script, first);
            panic!("a history fails for DHOW_SEED={seed}\n{smallest}\n{reason}");
        }
        counts.add(&stage.counts);
    }
    counts
}

/// Makes up a history and plays it at the same time.
fn tell(teller: &mut Teller, stage: &mut Stage, script: &mut Script) -> Result<(), String> {
    for step in teller.opening() {
        script.steps.push(step.clone());
        stage.play(&step)?;
    }
    for _ in 0..STEPS {
        let step = teller.next(stage);
        script.steps.push(step.clone());
        stage.play(&step)?;
        if teller.asks(INQUIRIES_PER_STEP_PERCENT) {
            let (inquiry, verdicts) = teller.inquiry(stage);
            script.steps.push(Step::Ask(inquiry.clone()));
            stage.ask(&inquiry, &verdicts)?;
        }
    }
    Ok(())
}
