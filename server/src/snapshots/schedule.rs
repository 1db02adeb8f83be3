//! When a store is due to be written.

use dhow_engine::state::Position;
use dhow_engine::time::Timestamp;

use super::{FileName, Span};
use crate::clock::microseconds;

/// Whether a store at a position is to be written: something has changed since its newest file, and that file is old enough. Servers that
/// share a folder take turns so, whichever comes first.
pub(crate) fn due(newest: Option<&FileName>, position: &Position, now: Timestamp, every: Span) -> bool {
    let Some(newest) = newest else { return position.revision > 0 };
    // Clocks and timers of several servers are not quite together.
    let apart = microseconds(every.0 - every.0 / 10);
    let changed = newest.revision != position.revision || newest.chain != position.chain.prefix();
    changed && now.microseconds().saturating_sub(newest.made.microseconds()) >= apart
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use dhow_engine::entry::{Chain, StoreId};

    use super::*;

    #[test]
    fn what_has_changed_is_written_once_in_a_while() {
        let every = Span(Duration::from_secs(100));
        let second = |second: i64| Timestamp::from_microseconds(second * 1_000_000);
        let position = |revision| Position { revision, time: second(0), chain: Chain([1; 32]) };
        let file = FileName { store: StoreId([7; 16]), revision: 5, chain: [1; 8], made: second(0) };
        assert!(!due(None, &position(0), second(0), every));
        assert!(due(None, &position(1), second(0), every));
        assert!(!due(Some(&file), &position(5), second(1_000), every));
        assert!(!due(Some(&file), &position(6), second(50), every));
        assert!(due(Some(&file), &position(6), second(99), every));
        // Restored from a backup, and written to since: the same number, another history.
        assert!(due(Some(&FileName { chain: [2; 8], ..file }), &position(5), second(1_000), every));
        assert!(due(Some(&FileName { chain: [2; 8], revision: 9, ..file }), &position(5), second(1_000), every));
    }
}
