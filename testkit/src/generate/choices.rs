//! Where a generator's decisions come from.

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// A source of decisions. When recorded ones are used up, every further decision is the first and simplest.
#[derive(Debug)]
pub struct Choices {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Seeded(Box<TestRng>),
    Recorded(std::vec::IntoIter<u32>),
}

impl Choices {
    /// Decisions that follow from a number.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self { source: Source::Seeded(Box::new(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))) }
    }

    /// Decisions that somebody else made.
    #[must_use]
    pub fn recorded(choices: Vec<u32>) -> Self {
        Self { source: Source::Recorded(choices.into_iter()) }
    }

    fn next(&mut self) -> u32 {
        match &mut self.source {
            Source::Seeded(rng) => rng.next_u32(),
            Source::Recorded(choices) => choices.next().unwrap_or(0),
        }
    }

    /// A number below `bound`, which is at least 1.
    pub fn below(&mut self, bound: usize) -> usize {
        // The upper bits, so that small recorded choices mean small numbers.
        let wide = u64::from(self.next()) * u64::try_from(bound).expect("a usize fits into 64 bits");
        usize::try_from(wide >> 32).expect("smaller than a usize")
    }

    /// True in about `percent` of 100 cases; false is the simpler one.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    /// One of the items; the first is the simplest.
    ///
    /// # Panics
    /// When there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
