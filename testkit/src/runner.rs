//! Runs a property on many generated worlds, counts the answers, and shrinks and prints what fails.
//!
//! The seeds are fixed, so a run repeats itself. `DHOW_CASES` multiplies the number of cases (`DHOW_CASES=20` for a long run),
//! `DHOW_SEED` runs the one seed that a failure printed.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::generate::{Choices, Profile, question, world};
use crate::model::{Question, World};
use crate::oracle::{Answer, decide};

/// A law is tried on so many questions in every run of the tests.
pub const LEAST_ANSWERS: u64 = 10_000;

/// How many answers of each kind there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Yes.
    pub allowed: u64,
    /// No.
    pub denied: u64,
    /// It depends.
    pub conditional: u64,
    /// No, because of a paradox.
    pub paradox: u64,
    /// A caveat failed.
    pub error: u64,
}

impl Tally {
    /// Counts one answer.
    pub const fn count(&mut self, answer: &Answer) {
        match answer {
            Answer::Allowed => self.allowed += 1,
            Answer::Denied { paradox: false } => self.denied += 1,
            Answer::Denied { paradox: true } => self.paradox += 1,
            Answer::Conditional(_) => self.conditional += 1,
            Answer::Error => self.error += 1,
        }
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.allowed + self.denied + self.conditional + self.paradox + self.error
    }

    /// Adds the counts of another part of the run.
    pub const fn add(&mut self, other: &Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.conditional += other.conditional;
        self.paradox += other.paradox;
        self.error += other.error;
    }

    /// Fails unless there were so many answers, and some of each kind. A run of one seed is let off.
    ///
    /// # Panics
    /// When there are too few, or a kind is missing.
    pub fn assert_kinds(&self, least: u64) {
        if setting("DHOW_SEED").is_some() {
            return;
        }
        assert!(self.total() >= least, "fewer than {least} answers: {self}");
        let kinds = [self.allowed, self.denied, self.conditional, self.paradox, self.error];
        assert!(kinds.iter().all(|kind| kind * 1_000 >= self.total()), "less than one in 1,000 of a kind: {self}");
    }

    /// Fails unless there were [`LEAST_ANSWERS`], and at least these shares, in percent, were yes, conditional and paradoxes: or the
    /// property says little. A run of one seed is let off.
    ///
    /// # Panics
    /// When there are too few, or a share is too small.
    pub fn assert_shares(&self, allowed: u64, conditional: u64, paradox: u64) {
        if setting("DHOW_SEED").is_some() {
            return;
        }
        let share = |count: u64, percent: u64| count * 100 >= percent * self.total();
        assert!(self.total() >= LEAST_ANSWERS, "fewer than {LEAST_ANSWERS} answers: {self}");
        assert!(share(self.allowed, allowed), "fewer than {allowed} % yes: {self}");
        assert!(share(self.conditional, conditional), "fewer than {conditional} % conditional: {self}");
        assert!(share(self.paradox, paradox), "fewer than {paradox} % paradoxes: {self}");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { allowed, denied, conditional, paradox, error } = self;
        write!(f, "{} answers: {allowed} yes, {denied} no, {conditional} conditional, {paradox} paradox, {error} error", self.total())
    }
}

/// What a property gets: a world, questions about it, and further choices.
#[derive(Debug)]
pub struct Case {
    /// The world.
    pub world: World,
    /// Questions about it.
    pub questions: Vec<Question>,
    /// What else the property has to choose follows from this number.
    pub seed: u64,
}

impl Case {
    /// The case of a seed.
    #[must_use]
    pub fn of_seed(seed: u64, profile: Profile, questions: usize) -> Self {
        let mut choices = Choices::seeded(seed);
        let world = world(&mut choices, profile);
        let questions = (0..questions).map(|_| telling(&mut choices, &world)).collect();
        Self { world, questions, seed }
    }

    /// Further choices, the same ones at each call.
    #[must_use]
    pub fn choices(&self) -> Choices {
        Choices::seeded(!self.seed)
    }
}

/// A question, drawn again up to five times as long as the answer is a plain no: most pairs of object and subject have nothing to
/// do with each other, and asking about them all the time would test little.
fn telling(choices: &mut Choices, world: &World) -> Question {
    let mut drawn = question(choices, world);
    for _ in 0..5 {
        if decide(world, &drawn) != (Answer::Denied { paradox: false }) {
            break;
        }
        drawn = question(choices, world);
    }
    drawn
}

/// How a property is run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Its name, for the report.
    pub name: &'static str,
    /// How many worlds.
    pub worlds: u64,
    /// How many questions of each.
    pub questions: usize,
    /// What occurs in them.
    pub profile: Profile,
}

/// Runs the property on every case and returns the counts, which it also prints.
///
/// # Panics
/// When the property fails: with the seed, and the smallest world and question that still fail.
pub fn run(run: Run, property: impl Fn(&Case, &mut Tally) -> Result<(), String>) -> Tally {
    let seeds = match setting("DHOW_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..run.worlds * setting("DHOW_CASES").unwrap_or(1),
    };
    let mut tally = Tally::default();
    for seed in seeds {
        let case = Case::of_seed(seed, run.profile, run.questions);
        if let Err(first) = guarded(&property, &case, &mut tally) {
            let (smallest, reason) = shrink(case, first, &property);
            let questions: Vec<String> = smallest.questions.iter().map(ToString::to_string).collect();
            panic!("{} fails for DHOW_SEED={seed}\n{}\n{}\n\n{reason}", run.name, smallest.world, questions.join("\n"));
        }
    }
    eprintln!("{}: {tally}", run.name);
    tally
}

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "how long to test is said from outside; nothing else reads the environment")]
pub(crate) fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not `{text}`")))
}

fn guarded(property: &impl Fn(&Case, &mut Tally) -> Result<(), String>, case: &Case, tally: &mut Tally) -> Result<(), String> {
    caught(|| property(case, tally))
}

/// What is tried, a panic being a failure like any other.
pub(crate) fn caught(tried: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(tried)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("panic: {}", text.unwrap_or("of an unknown kind")))
    })
}

/// Takes away what is not needed for the failure: questions, tuples, then parts of questions.
fn shrink(mut case: Case, mut reason: String, property: &impl Fn(&Case, &mut Tally) -> Result<(), String>) -> (Case, String) {
    loop {
        let before = size(&case);
        for smaller in candidates(&case) {
            if let Err(again) = guarded(property, &smaller, &mut Tally::default()) {
                (case, reason) = (smaller, again);
                break;
            }
        }
        if size(&case) == before {
            return (case, reason);
        }
    }
}

fn size(case: &Case) -> usize {
    let parts = |question: &Question| 1 + question.contextual.len() + question.context.len();
    let permissions: usize =
        case.world.model.definitions.iter().map(|definition| definition.permissions.len() + definition.relations.len()).sum();
    case.world.tuples.len() + permissions + case.questions.iter().map(parts).sum::<usize>()
}

/// The case with one thing less, in every way.
fn candidates(case: &Case) -> Vec<Case> {
    let same = || Case { world: case.world.clone(), questions: case.questions.clone(), seed: case.seed };
    let mut smaller = Vec::new();
    for index in 0..case.questions.len() {
        let mut next = same();
        next.questions.remove(index);
        smaller.push(next);
    }
    for index in 0..case.world.tuples.len() {
        let mut next = same();
        next.world.tuples.remove(index);
        smaller.push(next);
    }
    for (index, question) in case.questions.iter().enumerate() {
        for tuple in 0..question.contextual.len() {
            let mut next = same();
            next.questions[index].contextual.remove(tuple);
            smaller.push(next);
        }
        for name in question.context.keys() {
            let mut next = same();
            next.questions[index].context.remove(name);
            smaller.push(next);
        }
    }
    for definition in 0..case.world.model.definitions.len() {
        for permission in 0..case.world.model.definitions[definition].permissions.len() {
            let mut next = same();
            next.world.model.definitions[definition].permissions.remove(permission);
            if next.world.model.is_closed() {
                smaller.push(next);
            }
        }
        for relation in 0..case.world.model.definitions[definition].relations.len() {
            let mut next = same();
            next.world.model.definitions[definition].relations.remove(relation);
            if next.world.model.is_closed() {
                smaller.push(next);
            }
        }
    }
    smaller
}
