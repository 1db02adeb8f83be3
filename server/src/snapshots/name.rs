//! The name of a snapshot file: whose, at which revision, of which history, made when.
//!
//! ```text
//! 5a1c7d0e-….00000000000000001234.9f0c11aa22bb33cc.1793577600000000.snapshot
//! store      revision              chain            made at (microseconds)
//! ```
//!
//! Numbers have a fixed width, so that a plain list of the folder has the files of a store one after the other, the newest last.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use dhow_engine::entry::{Chain, StoreId};
use dhow_engine::snapshot::SnapshotHead;
use dhow_engine::time::Timestamp;

/// What the name ends with.
const SUFFIX: &str = ".snapshot";

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileName {
    /// Whose state it is.
    pub(crate) store: StoreId,
    /// Where in the history.
    pub(crate) revision: u64,
    /// The first bytes of the chain there, which tell forks apart.
    pub(crate) chain: [u8; 8],
    /// When it was made.
    pub(crate) made: Timestamp,
}

/// A text that is no name of a snapshot file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no name of a snapshot file")]
pub(crate) struct NotAName;

impl FileName {
    /// The name of a file with this head.
    pub(crate) fn of(head: &SnapshotHead) -> Self {
        let Chain([a, b, c, d, e, f, g, h, ..]) = head.position.chain;
        Self { store: head.store, revision: head.position.revision, chain: [a, b, c, d, e, f, g, h], made: head.about.time }
    }

    /// Whether a file with this head may have this name.
    pub(crate) fn is_of(&self, head: &SnapshotHead) -> bool {
        *self == Self::of(head)
    }

    /// The order of lists: by store, and the newest first.
    pub(super) fn newest_first(&self, other: &Self) -> Ordering {
        let key = |name: &Self| (name.revision, name.made, name.chain);
        self.store.cmp(&other.store).then_with(|| key(other).cmp(&key(self)))
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let made = self.made.microseconds().max(0);
        write!(f, "{}.{:020}.{:016x}.{made:016}{SUFFIX}", self.store, self.revision, u64::from_be_bytes(self.chain))
    }
}

impl FromStr for FileName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.strip_suffix(SUFFIX).ok_or(NotAName)?.split('.');
        let mut part = || parts.next().ok_or(NotAName);
        let (store, revision, chain, made) = (part()?, part()?, part()?, part()?);
        let name = Self {
            store: store.parse().map_err(|_| NotAName)?,
            revision: revision.parse().map_err(|_| NotAName)?,
            chain: u64::from_str_radix(chain, 16).map_err(|_| NotAName)?.to_be_bytes(),
            made: Timestamp::from_microseconds(made.parse().map_err(|_| NotAName)?),
        };
        // One name for one file: whatever else reads as the same numbers is not ours.
        if name.to_string() == text { Ok(name) } else { Err(NotAName) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(revision: u64, made: i64) -> FileName {
        FileName { store: StoreId([7; 16]), revision, chain: [0x9f, 0, 1, 2, 3, 4, 5, 6], made: Timestamp::from_microseconds(made) }
    }

    #[test]
    fn a_name_reads_back() {
        for name in [name(0, 0), name(1_234, 1_793_577_600_000_000), name(u64::MAX, 5)] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        assert_eq!(
            name(1_234, 1_793_577_600_000_000).to_string(),
            "07070707-0707-0707-0707-070707070707.00000000000000001234.9f00010203040506.1793577600000000.snapshot"
        );
    }

    #[test]
    fn what_only_looks_like_a_name_is_none() {
        let right = name(1_234, 5).to_string();
        assert!(right.parse::<FileName>().is_ok());
        for wrong in [
            right.replace(".snapshot", ".snapsho"),
            right.replace("00001234", "1234"),
            right.replace("00001234", "+0001234"),
            right.replace("9f", "9F"),
            right.replace('-', ""),
            format!("{right}.snapshot"),
            format!("../{right}"),
            right.replace(".0000", "/0000"),
            String::new(),
            ".snapshot".to_owned(),
        ] {
            assert_eq!(wrong.parse::<FileName>(), Err(NotAName), "{wrong}");
        }
    }

    #[test]
    fn the_newest_comes_first_and_names_sort_as_texts_do() {
        let mut names = [name(9, 1), name(10, 1), name(100, 7), name(100, 8)];
        let mut texts = names.map(|name| name.to_string());
        texts.sort_unstable_by(|one, other| other.cmp(one));
        names.sort_unstable_by(FileName::newest_first);
        assert_eq!(names.map(|name| (name.revision, name.made.microseconds())), [(100, 8), (100, 7), (10, 1), (9, 1)]);
        // Among files of one revision the chain decides texts, and is the same here.
        assert_eq!(names.map(|name| name.to_string()), texts);
    }
}
