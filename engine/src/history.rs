//! The hot window: the states of the last revisions, for reads at exactly one of them.

use std::collections::VecDeque;

use crate::state::{State, Summary};
use crate::time::Timestamp;

/// How much a [`History`] keeps. What exceeds one bound goes, oldest first; the head always stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Most states.
    pub max_states: usize,
    /// Most changes between the oldest state and the head: two neighbours share all but some kilobytes for each change between them,
    /// so this bounds memory.
    pub max_changes: usize,
    /// A state goes when the one after it is older than this, in microseconds before the head's time.
    pub max_age_us: i64,
}

impl Default for Window {
    /// 10,000 states, 50,000 changes, 10 minutes.
    fn default() -> Self {
        Self { max_states: 10_000, max_changes: 50_000, max_age_us: 600_000_000 }
    }
}

/// States of consecutive revisions up to the head. The graph of the head has the edges of all of them.
#[derive(Debug, Clone)]
pub struct History {
    window: Window,
    older: VecDeque<Older>,
    /// The sum over `older`.
    changes: usize,
    head: State,
}

/// A state before the head.
#[derive(Debug, Clone)]
struct Older {
    summary: Summary,
    /// How many changes lead to the state after it.
    changes: usize,
}

/// A revision outside the hot window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// No longer there.
    #[error("revision {revision} is no longer kept, the oldest is {oldest}")]
    TooOld {
        /// What was asked for.
        revision: u64,
        /// The oldest revision that can be read.
        oldest: u64,
    },
    /// Not there yet.
    #[error("revision {revision} is beyond the head, {head}")]
    BeyondHead {
        /// What was asked for.
        revision: u64,
        /// The newest revision that can be read.
        head: u64,
    },
}

impl HistoryError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooOld { .. } => "revision_too_old",
            Self::BeyondHead { .. } => "revision_beyond_head",
        }
    }
}

/// A state that does not follow the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("revision {found} does not follow the head, {head}")]
pub struct NotNext {
    head: u64,
    found: u64,
}

impl NotNext {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "revision_not_next"
    }
}

impl History {
    /// A window that begins with one state.
    #[must_use]
    pub const fn new(head: State, window: Window) -> Self {
        Self { window, older: VecDeque::new(), changes: 0, head }
    }

    /// How much is kept.
    #[must_use]
    pub const fn window(&self) -> Window {
        self.window
    }

    /// The newest state.
    #[must_use]
    pub const fn head(&self) -> &State {
        &self.head
    }

    /// The oldest revision that can be read.
    #[must_use]
    pub fn oldest(&self) -> u64 {
        self.older.front().map_or_else(|| self.head.summary(), |older| &older.summary).position().revision
    }

    /// The state at one revision. O(1).
    ///
    /// # Errors
    /// When the revision is outside the window.
    pub fn at(&self, revision: u64) -> Result<State, HistoryError> {
        let (oldest, head) = (self.oldest(), self.head.revision());
        if revision > head {
            return Err(HistoryError::BeyondHead { revision, head });
        }
        let too_old = HistoryError::TooOld { revision, oldest };
        if revision == head {
            return Ok(self.head.clone());
        }
        let at = revision.checked_sub(oldest).and_then(|at| usize::try_from(at).ok()).ok_or(too_old)?;
        self.older.get(at).map(|older| self.head.earlier(older.summary.clone())).ok_or(too_old)
    }

    /// Takes the state after `changes` more changes as the head, and lets go of what the window no longer holds.
    ///
    /// # Errors
    /// When the state is not the one after the head; nothing changes then.
    pub fn push(&mut self, next: State, changes: usize) -> Result<(), NotNext> {
        if next.revision() != self.head.revision() + 1 {
            return Err(NotNext { head: self.head.revision(), found: next.revision() });
        }
        let previous = std::mem::replace(&mut self.head, next);
        self.older.push_back(Older { summary: previous.summary().clone(), changes });
        self.changes = self.changes.saturating_add(changes);
        self.trim();
        Ok(())
    }

    /// Puts a state that was un-applied ([`State::unapply`]) in front of the oldest, which is `changes` changes further; whether the
    /// window had room for it.
    ///
    /// # Errors
    /// When the state is not the one before the oldest; nothing changes then.
    pub fn push_older(&mut self, previous: State, changes: usize) -> Result<bool, NotNext> {
        let revision = previous.revision();
        if revision + 1 != self.oldest() {
            return Err(NotNext { head: self.oldest(), found: revision });
        }
        // The one before knows how the edges were before it; what is newer it has from the head.
        self.head = previous.earlier(self.head.summary().clone());
        self.older.push_front(Older { summary: previous.into_summary(), changes });
        self.changes = self.changes.saturating_add(changes);
        self.trim();
        Ok(self.oldest() == revision)
    }

    /// Puts the same head in place with its memory in order ([`crate::state::Rebuild`]).
    ///
    /// # Errors
    /// When the state is of another revision than the head; nothing changes then.
    pub fn replace_head(&mut self, head: State) -> Result<(), NotNext> {
        if head.revision() != self.head.revision() {
            return Err(NotNext { head: self.head.revision(), found: head.revision() });
        }
        self.head = head;
        Ok(())
    }

    /// Whether one more state could fit in front, whose successor was replaced at `time`: what [`History::push_older`] will say, for a
    /// state that few changes lead away from.
    #[must_use]
    pub fn has_room_for(&self, time: Timestamp) -> bool {
        self.older.len() + 2 <= self.window.max_states && self.changes < self.window.max_changes && time >= self.since()
    }

    fn since(&self) -> Timestamp {
        self.head.position().time.plus_microseconds(self.window.max_age_us.saturating_neg())
    }

    fn trim(&mut self) {
        let since = self.since();
        while self.older.len() + 1 > self.window.max_states.max(1)
            || self.changes > self.window.max_changes
            || self.second_time().is_some_and(|time| time < since)
        {
            let Some(gone) = self.older.pop_front() else { break };
            self.changes = self.changes.saturating_sub(gone.changes);
        }
    }

    /// When the oldest state was replaced.
    fn second_time(&self) -> Option<Timestamp> {
        self.older.front()?;
        Some(self.older.get(1).map_or_else(|| self.head.summary(), |older| &older.summary).position().time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Body, StoreId};

    fn after(state: &State, time: i64) -> State {
        let entry = state.next_entry(Timestamp::from_microseconds(time), "", "", Body::Changes(vec![])).unwrap();
        state.apply(&entry).unwrap()
    }

    fn history(window: Window, times: &[i64]) -> History {
        let mut history = History::new(State::genesis(StoreId([1; 16])), window);
        for time in times {
            history.push(after(history.head(), *time), 1).unwrap();
        }
        history
    }

    #[test]
    fn each_revision_in_the_window_is_found_and_others_are_told_apart() {
        let history = history(Window { max_states: 3, max_age_us: 100, ..Window::default() }, &[1, 2, 3, 4]);
        assert_eq!((history.oldest(), history.head().revision()), (2, 4));
        for revision in 2..=4 {
            assert_eq!(history.at(revision).unwrap().revision(), revision);
        }
        assert_eq!(history.at(1).unwrap_err().code(), "revision_too_old");
        assert_eq!(history.at(5).unwrap_err().code(), "revision_beyond_head");
        assert_eq!(history.at(u64::MAX).unwrap_err().code(), "revision_beyond_head");
    }

    #[test]
    fn a_state_stays_until_it_has_been_replaced_for_the_whole_window() {
        let window = Window { max_states: 100, max_age_us: 10, ..Window::default() };
        // Revision 1 was in force until 50, revision 2 from 50 on.
        assert_eq!(history(window, &[1, 50, 55]).oldest(), 1);
        assert_eq!(history(window, &[1, 50, 60]).oldest(), 1);
        assert_eq!(history(window, &[1, 50, 61]).oldest(), 2);
        assert_eq!(history(window, &[1, 50, 1_000]).oldest(), 2);
    }

    #[test]
    fn many_changes_end_the_window_before_many_states_do() {
        let window = Window { max_changes: 10, ..Window::default() };
        let mut history = History::new(State::genesis(StoreId([1; 16])), window);
        for (time, changes) in [(1, 4), (2, 4), (3, 4), (4, 1)] {
            history.push(after(history.head(), time), changes).unwrap();
        }
        assert_eq!(history.oldest(), 1);
        assert!(history.has_room_for(Timestamp::from_microseconds(4)));
        history.push(after(history.head(), 5), 1_000).unwrap();
        assert_eq!((history.oldest(), history.head().revision()), (5, 5));
        history.push(after(history.head(), 6), 10).unwrap();
        assert_eq!(history.oldest(), 5);
        assert!(!history.has_room_for(Timestamp::from_microseconds(6)));
    }

    #[test]
    fn only_the_next_state_is_taken() {
        let mut history = history(Window::default(), &[1, 2]);
        let head = history.head().clone();
        assert_eq!(history.push(head.clone(), 1).unwrap_err().code(), "revision_not_next");
        assert!(history.push(after(&after(&head, 9), 9), 1).is_err());
        assert_eq!(history.head().revision(), 2);
    }

    #[test]
    fn an_unapplied_state_extends_the_window_backwards() {
        let first = after(&State::genesis(StoreId([1; 16])), 1);
        let entry = first.next_entry(Timestamp::from_microseconds(2), "", "", Body::Changes(vec![])).unwrap();
        let second = first.apply(&entry).unwrap();
        let mut history = History::new(second.clone(), Window::default());
        assert!(history.push_older(second.unapply(&entry, first.position()).unwrap(), 1).unwrap());
        assert_eq!(history.at(1).unwrap().position(), first.position());
        assert!(history.push_older(first, 1).is_err());
    }
}
