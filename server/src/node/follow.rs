//! Following a database that other servers write, too: one look at all heads at a time, for all stores in memory.
//!
//! A look asks where the heads are that are no longer what this node has folded. Each such store is brought there, beside the others; of
//! each other store it is known that it was up to date when the look began, which is what an answer's age is counted from. A wake
//! (a notification of the database) only ends the pause before the next look: one that is lost costs the pause, one too many a look
//! (docs/decisions/0012).
//!
//! **Invariant:** nothing here waits for a store. A store that takes long to catch up, or fails to, delays no other.

use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch as signal};
use tokio::task::JoinHandle;

use super::Node;
use super::fold::{Fold, Progress};
use crate::limits::{FOLLOW_INTERVAL_MAX, FOLLOW_PATIENCE, RELOAD_PAUSE};
use crate::store::{DatastoreError, Head};

/// Looks take at most one part in so many of the time.
const LOOK_SHARE: u32 = 5;

/// Least time between two looks, whoever wakes: a burst of wakes shares a look.
const LOOKS_APART: Duration = Duration::from_millis(3);

/// Pause after a store did not catch up: it may have been read whole for that.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What is known of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Contact {
    /// Since when looks have been without an answer, on the monotonic clock; `None`: the last one had one.
    pub(crate) silent_since: Option<Duration>,
    /// Whether the database takes writes, as far as is known.
    pub(crate) writable: bool,
}

impl Contact {
    /// What is taken for granted before the first look.
    pub(super) const GOOD: Self = Self { silent_since: None, writable: true };

    /// Whether a write may succeed.
    pub(crate) const fn takes_writes(&self) -> bool {
        self.silent_since.is_none() && self.writable
    }
}

/// How a follower waits between two looks.
#[async_trait]
pub(super) trait Pause: Send + Sync {
    /// Waits for so long, or until there is reason to look.
    async fn pause(&self, at_most: Duration);
}

/// Real time, and the wakes of the database.
#[derive(Debug)]
pub(super) struct Wakes(pub(super) Arc<Notify>);

#[async_trait]
impl Pause for Wakes {
    async fn pause(&self, at_most: Duration) {
        tokio::time::sleep(LOOKS_APART.min(at_most)).await;
        let rest = at_most.saturating_sub(LOOKS_APART);
        // That nobody woke is the usual case.
        let _ = tokio::time::timeout(rest, self.0.notified()).await;
    }
}

/// How long to wait before the next look.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Duration,
}

impl Pace {
    pub(super) const fn new(interval: Duration) -> Self {
        Self { interval, next: interval }
    }

    /// The pause after a look that took so long.
    pub(super) fn after(&mut self, answered: bool, took: Duration) -> Duration {
        self.next = if answered {
            self.interval.max(took.saturating_mul(LOOK_SHARE - 1))
        } else {
            self.next.saturating_mul(2).clamp(self.interval, FOLLOW_INTERVAL_MAX.duration().max(self.interval))
        };
        self.next
    }
}

/// Looks for as long as the node is there and not closing.
pub(super) async fn follow(node: Weak<Node>, pauses: impl Pause, mut pace: Pace, mut closing: signal::Receiver<bool>) {
    loop {
        let pause = {
            let Some(node) = node.upgrade() else { return };
            let began = node.clock.monotonic();
            let look = node.look().await;
            pace.after(look.answered, node.clock.monotonic().saturating_sub(began))
        };
        tokio::select! {
            biased;
            // An error means that whoever could close it is gone.
            _ = closing.wait_for(|closing| *closing) => return,
            () = pauses.pause(pause) => {}
        }
    }
}

/// What came of a look.
#[derive(Debug)]
pub(super) struct Look {
    /// Whether the database answered.
    pub(super) answered: bool,
    /// The stores that are being brought to where it saw them. They go on when this is dropped.
    #[cfg_attr(not(test), expect(dead_code, reason = "tests wait for them"))]
    pub(super) catching_up: Vec<JoinHandle<()>>,
}

impl Node {
    /// Looks once at the heads of all stores in memory.
    pub(super) async fn look(self: &Arc<Self>) -> Look {
        let folds: Vec<_> = self.slots.iter().filter_map(|slot| slot.loaded()).map(|hosted| Arc::clone(hosted.fold())).collect();
        let following: Vec<_> = folds.into_iter().filter_map(|fold| fold.place().map(|(head, before)| (fold, head, before))).collect();
        let known: Vec<_> = following.iter().map(|(_, head, _)| *head).collect();
        let began = self.clock.monotonic();
        let looked = tokio::time::timeout(FOLLOW_PATIENCE.duration(), self.datastore.moved_heads(&known)).await;
        let found = match looked {
            Ok(Ok(found)) => found,
            failed => {
                let error = failed.ok().and_then(Result::err);
                self.is_silent(began, error.as_ref());
                return Look { answered: false, catching_up: Vec::new() };
            }
        };
        if let Some(time) = found.time {
            self.clock.follow(time, began);
        }
        self.has_answered(found.writable);
        let began = began.saturating_sub(found.age);
        let mut catching_up = Vec::new();
        let mut moved = found.moved.into_iter().peekable();
        for (fold, known, before) in following {
            match moved.next_if(|(store, _)| *store == known.store) {
                None => fold.was_up_to_date(began, known.revision, before),
                Some((store, None)) => {
                    tracing::warn!(%store, revision = known.revision, "the database has this store no more");
                    self.forget_gone(store, &DatastoreError::NoStore { store });
                }
                Some((_, Some(head))) => catching_up.extend(fold.catch_up_beside(head, began, before)),
            }
        }
        Look { answered: true, catching_up }
    }

    /// What is known of the database, now and as it changes.
    pub(crate) fn contact(&self) -> signal::Receiver<Contact> {
        self.contact.subscribe()
    }

    /// Fails at once where the database is known not to answer: whoever needs it would wait for as long as allowed, for nothing.
    ///
    /// # Errors
    /// [`DatastoreError::Silent`].
    pub(super) fn assert_contact(&self) -> Result<(), DatastoreError> {
        match self.contact.borrow().silent_since {
            Some(since) => Err(DatastoreError::Silent { silent: self.clock.monotonic().saturating_sub(since) }),
            None => Ok(()),
        }
    }

    fn is_silent(&self, since: Duration, error: Option<&DatastoreError>) {
        self.contact.send_if_modified(|contact| {
            let news = contact.silent_since.is_none();
            if news {
                let cause = error.map_or_else(|| "there was no answer in time".to_owned(), |error| super::fold::told(error));
                tracing::warn!("the database does not answer; reads go on from memory, writes are refused: {cause}");
                contact.silent_since = Some(since);
            }
            news
        });
    }

    fn has_answered(&self, writable: bool) {
        let now = Contact { silent_since: None, writable };
        self.contact.send_if_modified(|contact| {
            if contact.silent_since.is_some() {
                tracing::info!("the database answers again");
            }
            if contact.writable != writable {
                tracing::warn!(writable, "whether the database takes writes has changed");
            }
            let news = *contact != now;
            *contact = now;
            news
        });
    }
}

impl Fold {
    /// Brings the fold to a head that was seen, beside everything else; `None`: that is being done already.
    pub(super) fn catch_up_beside(self: Arc<Self>, head: Head, began: Duration, before: Progress) -> Option<JoinHandle<()>> {
        let turn = self.begin_catching_up()?;
        Some(tokio::spawn(async move {
            if let Err(error) = self.observe(head, began, before).await {
                tracing::warn!(store = %self.store(), "the store does not follow its log: {}", super::fold::told(&error));
                let carried = self.datastore().carried().is_some();
                tokio::time::sleep(if carried { RELOAD_PAUSE.duration() } else { AFTER_FAILURE }).await;
            }
            drop(turn);
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_while_nobody_answers_and_looks_leave_time_for_others() {
        let ms = Duration::from_millis;
        let mut pace = Pace::new(ms(50));
        assert_eq!(pace.after(true, ms(2)), ms(50));
        assert_eq!(pace.after(true, ms(40)), ms(160));
        assert_eq!(pace.after(true, ms(2)), ms(50));
        let silent: Vec<_> = (0..7).map(|_| pace.after(false, ms(2_000))).collect();
        assert_eq!(silent, [ms(100), ms(200), ms(400), ms(800), ms(1_000), ms(1_000), ms(1_000)]);
        assert_eq!(pace.after(true, ms(2)), ms(50));
        assert_eq!(Pace::new(ms(5_000)).after(false, ms(1)), ms(5_000));
    }
}
