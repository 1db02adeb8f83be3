//! Which files stay when a new one was written.

use std::cmp::Reverse;

use dhow_engine::time::Timestamp;

use super::{FileName, Snapshots, SnapshotsError, Span};
use crate::clock::microseconds;

/// How many files of a store stay, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// The newest ones; at least 1.
    pub(crate) keep: usize,
    /// Those made within this time; `None`: whatever their age.
    pub(crate) max_age: Option<Span>,
}

impl Default for Retention {
    fn default() -> Self {
        Self { keep: Self::KEEP, max_age: None }
    }
}

impl Retention {
    /// How many stay unless told otherwise.
    pub(crate) const KEEP: usize = 3;

    /// Which of a store's whole files go, given those made last first. Never the first.
    fn beyond(&self, files: &[FileName], now: Timestamp) -> Vec<FileName> {
        let old = |file: &FileName| match self.max_age {
            None => false,
            Some(age) => now.microseconds().saturating_sub(file.made.microseconds()) > microseconds(age.0),
        };
        let behind = files.iter().enumerate().skip(1);
        behind.filter(|(place, file)| *place >= self.keep.max(1) || old(file)).map(|(_, file)| *file).collect()
    }
}

impl Snapshots {
    /// Removes the files of a store that are too many or too old, after one was written. It goes by when they were made: files of a history
    /// that was lost may have higher revisions, and must not push out those of the history that there is. What is not whole, every byte of it, or not what its name says, neither
    /// counts nor goes: else a damaged file would push out a good one, and somebody may want to look at it. O(bytes of the store's files).
    pub(super) fn retain(&self, written: &FileName) {
        let store = written.store;
        let mut files = match self.files(Some(store)) {
            Ok(files) => files,
            Err(error) => return tracing::warn!(%store, code = error.code(), "old snapshots were not removed: {error}"),
        };
        files.retain(|file| self.is_whole(file));
        files.sort_unstable_by_key(|file| Reverse((file.made, file.revision)));
        let beyond = self.options.retention.beyond(&files, written.made);
        // A clock that was turned back makes it look older than it is.
        for file in beyond.into_iter().filter(|file| file != written) {
            match std::fs::remove_file(self.path(&file)) {
                Ok(()) => tracing::info!(%store, %file, "an old snapshot was removed"),
                Err(error) => tracing::warn!(%store, %file, "an old snapshot was not removed: {error}"),
            }
        }
    }

    fn is_whole(&self, file: &FileName) -> bool {
        let opened = self.open_file(file);
        let verified = opened.and_then(|snapshot| snapshot.verify_bytes().map_err(SnapshotsError::refused(&self.path(file))));
        if let Err(error) = &verified {
            tracing::warn!(%file, code = error.code(), "a snapshot is not whole, and is not counted: {error}");
        }
        verified.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dhow_engine::entry::StoreId;

    use super::*;

    const DAY_US: i64 = 86_400_000_000;

    /// One file a day, the newest first, the oldest made on day 0.
    fn files(count: i64) -> Vec<FileName> {
        let file = |day: i64| FileName {
            store: StoreId([7; 16]),
            revision: u64::try_from(day).unwrap(),
            chain: [0; 8],
            made: Timestamp::from_microseconds(day * DAY_US),
        };
        (0..count).rev().map(file).collect()
    }

    fn gone(retention: Retention, count: i64, day: i64) -> Vec<u64> {
        retention.beyond(&files(count), Timestamp::from_microseconds(day * DAY_US)).iter().map(|file| file.revision).collect()
    }

    #[test]
    fn the_newest_stay_by_number_and_by_age_and_one_always() {
        let days = |days: u64| Some(Span(Duration::from_secs(days * 86_400)));
        assert_eq!(gone(Retention { keep: 3, max_age: None }, 5, 4), [1, 0]);
        assert_eq!(gone(Retention { keep: 3, max_age: None }, 3, 1_000), [0; 0]);
        assert_eq!(gone(Retention { keep: 10, max_age: days(2) }, 5, 4), [1, 0]);
        assert_eq!(gone(Retention { keep: 2, max_age: days(2) }, 5, 4), [2, 1, 0]);
        assert_eq!(gone(Retention { keep: 0, max_age: days(1) }, 3, 1_000), [1, 0]);
        assert_eq!(gone(Retention { keep: 1, max_age: days(1) }, 1, 1_000), [0; 0]);
        assert_eq!(gone(Retention::default(), 0, 0), [0; 0]);
    }
}
