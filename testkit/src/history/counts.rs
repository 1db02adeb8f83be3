//! How much was asked in each form.

use std::fmt;

use dhow_engine::eval::{EvalError, Page};

use crate::runner::{Tally, setting};

/// The answers of histories, by the form of the question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Checks, one at a time.
    pub checks: Tally,
    /// Checks of batches.
    pub batched: Tally,
    /// Lists of objects.
    pub objects: ListTally,
    /// Lists of subjects.
    pub subjects: ListTally,
    /// Lists of permissions.
    pub permissions: ListTally,
    /// Trees.
    pub trees: ListTally,
}

/// How many lists there were, and what was in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListTally {
    /// With something in them.
    pub full: u64,
    /// With nothing in them.
    pub empty: u64,
    /// A caveat failed.
    pub errors: u64,
    /// What was in them; of trees, tuples.
    pub items: u64,
}

impl ListTally {
    /// Counts one list.
    pub(super) fn count<T>(&mut self, list: &Result<Page<T>, EvalError>) {
        match list {
            Ok(page) => self.count_items(page.items.len()),
            Err(_) => self.errors += 1,
        }
    }

    /// Counts one list of so many items.
    pub(super) fn count_items(&mut self, items: usize) {
        if items == 0 {
            self.empty += 1
        } else {
            self.full += 1
        }
        self.items += u64::try_from(items).expect("few items");
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.full + self.empty + self.errors
    }

    const fn add(&mut self, other: &Self) {
        self.full += other.full;
        self.empty += other.empty;
        self.errors += other.errors;
        self.items += other.items;
    }
}

impl Counts {
    const fn lists(&self) -> [(&'static str, &ListTally); 4] {
        [
            ("lists of objects", &self.objects),
            ("lists of subjects", &self.subjects),
            ("lists of permissions", &self.permissions),
            ("trees", &self.trees),
        ]
    }

    /// All answers; a list or a tree is one.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.checks.total() + self.batched.total() + self.lists().iter().map(|(_, tally)| tally.total()).sum::<u64>()
    }

    /// Adds the counts of another part of the run.
    pub(super) const fn add(&mut self, other: &Self) {
        self.checks.add(&other.checks);
        self.batched.add(&other.batched);
        self.objects.add(&other.objects);
        self.subjects.add(&other.subjects);
        self.permissions.add(&other.permissions);
        self.trees.add(&other.trees);
    }

    /// Fails unless there were so many answers, six in ten of them checks that were asked one at a time with answers of every kind, three in a
    /// hundred of them lists or trees of each form, and something in every third of those. A run of one seed is let off.
    ///
    /// # Panics
    /// When there are too few, or a kind is missing.
    pub fn assert_forms(&self, least: u64) {
        if setting("DHOW_SEED").is_some() {
            return;
        }
        assert!(self.total() >= least, "fewer than {least} answers: {self}");
        self.checks.assert_kinds(least * 6 / 10);
        self.batched.assert_kinds(least / 10);
        for (form, tally) in self.lists() {
            assert!(tally.total() * 100 >= least * 3, "too few {form}: {self}");
            assert!(tally.full * 3 >= tally.total(), "too few {form} with something in them: {self}");
        }
    }
}

impl fmt::Display for ListTally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { empty, errors, items, .. } = self;
        write!(f, "{} with {items} items, {empty} of them empty, {errors} errors", self.total())
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases\n  checks: {}\n  batches: {}", self.total(), self.checks, self.batched)?;
        self.lists().iter().try_for_each(|(form, tally)| write!(f, "\n  {form}: {tally}"))
    }
}
