//! Runs of 32-bit words that are read the same way wherever they lie: in memory of ours, or in a file that somebody mapped.
//!
//! The large arrays of a base (edges, offsets, strings) are made of [`Words`]. The slice is taken and checked once, when a run is made,
//! and held beside what keeps it alive; so reading a word costs what it costs in a plain slice: no branch on where the words lie, no
//! call into the mapping, no check of alignment. A run knows nothing of files, sections or what its words mean.

mod fetch;
mod memory;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use yoke::Yoke;

pub(crate) use fetch::fetch;
use memory::LargePages;
pub use memory::{AlignedBytes, Bytes};

// Files hold words in little-endian order and are read where they lie. A machine of the other order would have to turn every word at
// every read, and would read rubbish without.
#[cfg(target_endian = "big")]
compile_error!("dhow reads snapshot files where they lie, and they hold little-endian words: big-endian machines are not supported");

/// What the address of a run's first byte must be a multiple of.
pub const WORD_BYTES: usize = size_of::<u32>();

/// An immutable run of words, cheap to clone: a pointer, a length and a count of owners.
#[derive(Clone)]
pub struct Words {
    run: Yoke<&'static [u32], Arc<dyn Bytes>>,
    foreign: bool,
}

/// A range of bytes that cannot be read as words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// The memory does not have the range.
    #[error("bytes {from} to {to} are not all there: the memory has {bytes}")]
    Outside {
        /// Where the range begins.
        from: usize,
        /// Where it ends.
        to: usize,
        /// What the memory has.
        bytes: usize,
    },
    /// The range is cut in the middle of a word.
    #[error("{bytes} bytes are no whole number of words of {WORD_BYTES} bytes")]
    Length {
        /// The length of the range.
        bytes: usize,
    },
    /// The range does not begin where a word may lie.
    #[error("the bytes begin at an address that is no multiple of {WORD_BYTES}")]
    Unaligned,
}

impl WordsError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Outside { .. } => "words_outside",
            Self::Length { .. } => "words_length",
            Self::Unaligned => "words_unaligned",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Outside { .. } => "the file is shorter than its directory says: copy it again",
            Self::Length { .. } => "these bytes were not written as words; read them as bytes",
            Self::Unaligned => "map the file from its beginning, or copy it into `AlignedBytes`",
        }
    }
}

/// The memory of a run that is our own.
struct Owned(Vec<u32>);

impl Bytes for Owned {
    fn bytes(&self) -> &[u8] {
        bytemuck::must_cast_slice(&self.0)
    }
}

impl Words {
    /// The words in a range of bytes of somebody else's memory, which the run keeps alive. O(1): nothing is read.
    ///
    /// # Errors
    /// When the memory does not have the range, or the range is no whole number of words, or does not begin where a word may lie.
    pub fn foreign(memory: Arc<dyn Bytes>, range: Range<usize>) -> Result<Self, WordsError> {
        let run = Yoke::try_attach_to_cart(memory, |memory| words_of(memory.bytes(), range))?;
        Ok(Self { run, foreign: true })
    }

    /// The words. Costs two loads from the run itself.
    #[must_use]
    #[inline]
    pub fn as_slice(&self) -> &[u32] {
        self.run.get()
    }

    /// One word; `None` past the end.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<u32> {
        self.as_slice().get(index).copied()
    }

    /// How many words there are.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there is no word.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// The bytes that the words take where they lie, for the accounts: memory of ours, or pages of a file if [`Self::is_foreign`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of_val(self.as_slice())
    }

    /// Whether the words lie in somebody else's memory: a mapped file, which the system may drop from memory and read again.
    #[must_use]
    pub const fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// A part of the run, which keeps all of its memory alive; `None` if the run does not have it. O(1).
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Option<Self> {
        let run = self.run.try_map_project_cloned(|words, _| words.get(range).ok_or(())).ok()?;
        Some(Self { run, foreign: self.foreign })
    }
}

fn words_of(bytes: &[u8], range: Range<usize>) -> Result<&[u32], WordsError> {
    let (from, to) = (range.start, range.end);
    let run = bytes.get(range).ok_or(WordsError::Outside { from, to, bytes: bytes.len() })?;
    if !run.len().is_multiple_of(WORD_BYTES) {
        return Err(WordsError::Length { bytes: run.len() });
    }
    bytemuck::try_cast_slice(run).map_err(|_| WordsError::Unaligned)
}

impl From<Vec<u32>> for Words {
    /// A run of our own. O(1), or O(words) if the vector has room to give back.
    fn from(mut words: Vec<u32>) -> Self {
        words.shrink_to_fit();
        let memory: Arc<dyn Bytes> = Arc::new(Owned(words));
        let run = Yoke::attach_to_cart(memory, |memory| bytemuck::try_cast_slice(memory.bytes()).unwrap_or_default());
        Self { run, foreign: false }
    }
}

impl Words {
    /// A run that is kept for long and read everywhere: a large one is laid in memory of its own, in large pages where the system has
    /// them, because half of what a look into a large array costs is finding the page. O(words).
    #[must_use]
    pub fn settled(words: Vec<u32>) -> Self {
        match LargePages::copy_of(bytemuck::must_cast_slice(&words)) {
            None => Self::from(words),
            Some(memory) => {
                let memory: Arc<dyn Bytes> = Arc::new(memory);
                let run = Yoke::attach_to_cart(memory, |memory| bytemuck::try_cast_slice(memory.bytes()).unwrap_or_default());
                Self { run, foreign: false }
            }
        }
    }
}

impl FromIterator<u32> for Words {
    fn from_iter<I: IntoIterator<Item = u32>>(words: I) -> Self {
        Self::from(Vec::from_iter(words))
    }
}

impl Default for Words {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl AsRef<[u32]> for Words {
    fn as_ref(&self) -> &[u32] {
        self.as_slice()
    }
}

impl PartialEq for Words {
    /// Two runs are equal if their words are, wherever they lie.
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Words {}

impl fmt::Debug for Words {
    /// The words are left out: a run may have hundreds of millions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Words").field("len", &self.len()).field("foreign", &self.foreign).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(bytes: &[u8]) -> Arc<dyn Bytes> {
        Arc::new(AlignedBytes::copy_of(bytes))
    }

    #[test]
    fn own_and_foreign_words_are_read_alike() {
        let own = Words::from(vec![1, 2, 0x0403_0201]);
        let foreign = Words::foreign(memory(&[9, 9, 9, 9, 1, 0, 0, 0, 2, 0, 0, 0, 1, 2, 3, 4]), 4..16).unwrap();
        assert_eq!(own, foreign);
        assert_eq!(foreign.as_slice(), [1, 2, 0x0403_0201]);
        assert_eq!((foreign.get(1), foreign.get(3), foreign.len(), foreign.bytes()), (Some(2), None, 3, 12));
        assert!(foreign.is_foreign() && !own.is_foreign() && !own.is_empty());
    }

    #[test]
    fn a_run_keeps_its_memory_alive() {
        let all = Words::foreign(memory(&[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]), 0..12).unwrap();
        let end = all.part(1..3).unwrap();
        let copy = end.clone();
        drop((all, end));
        assert_eq!(copy.as_slice(), [2, 3]);
        assert!(copy.is_foreign());
        assert_eq!((copy.part(1..3), copy.part(2..2)), (None, Some(Words::default())));
    }

    #[test]
    fn what_is_no_run_of_words_is_refused() {
        let eight = || memory(&[0; 8]);
        let refused = |range| Words::foreign(eight(), range).unwrap_err();
        assert_eq!(refused(4..12), WordsError::Outside { from: 4, to: 12, bytes: 8 });
        assert_eq!(refused(0..usize::MAX), WordsError::Outside { from: 0, to: usize::MAX, bytes: 8 });
        assert_eq!(refused(0..7), WordsError::Length { bytes: 7 });
        for from in [1, 2, 3] {
            assert_eq!(refused(from..from + 4), WordsError::Unaligned);
        }
        assert!(Words::foreign(eight(), 8..8).unwrap().is_empty());
        #[expect(clippy::reversed_empty_ranges, reason = "the point of the test")]
        let reversed = refused(8..4);
        assert_eq!(reversed.code(), "words_outside");
    }

    #[test]
    fn memory_that_changes_its_mind_changes_no_run() {
        struct Fickle(AlignedBytes, std::sync::atomic::AtomicUsize);
        impl Bytes for Fickle {
            fn bytes(&self) -> &[u8] {
                let asked = self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if asked == 0 { self.0.bytes() } else { &[] }
            }
        }
        let fickle = Arc::new(Fickle(AlignedBytes::copy_of(&[7, 0, 0, 0]), 0.into()));
        let words = Words::foreign(fickle, 0..4).unwrap();
        assert_eq!((words.get(0), words.get(0), words.len()), (Some(7), Some(7), 1));
    }

    #[test]
    fn a_run_can_cross_threads() {
        let words = Words::from_iter(0..1000);
        let sum: u32 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2).map(|half| words.part(half * 500..half * 500 + 500).unwrap()).collect();
            let threads: Vec<_> = threads.into_iter().map(|part| scope.spawn(move || part.as_slice().iter().sum::<u32>())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(sum, 499_500);
    }
}
