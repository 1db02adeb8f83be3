//! The relay: publishes what is committed, each store's entries in order, for as long as it holds the lease.
//!
//! One round reads what the stores have behind their places, hands it to the producer, waits until Kafka has taken all of it, and
//! notes the new places. A relay that is stopped between two rounds, or whose note is lost, publishes the round again; nothing is left
//! out. One that was paused looks at its lease before each message, by a clock that went on meanwhile; what slips through carries an
//! epoch that readers drop (docs/decisions/0011).
//!
//! Cost: one query when there is nothing to do; a message costs reading, hashing and encoding its entry once.

mod round;

use std::sync::Arc;
use std::time::Duration;

use dhow_engine::time::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::round::{Round, Shelf};
use super::feed::{Feed, Lease, Removed};
use super::publish::{Publisher, Sent};
use super::quiet::Quiet;
use super::{ChangelogError, Settings, follow, message, topic};
use crate::clock::{Clock, SteadyClock};
use crate::limits::{CHANGELOG_MARK_INTERVAL, MAX_CLOCK_SKEW};

/// How long to wait before the next attempt: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How often to ask for a lease that somebody else holds.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Most removed stores that are told of between two marks.
const REMOVED_AT_ONCE: usize = 1_000;

/// How long an ending relay waits for what it has handed over.
const LAST_ROUND: Duration = Duration::from_secs(5);

/// A relay that runs.
#[derive(Debug)]
pub(crate) struct Relay {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts to publish. Kafka may be away: then it goes on trying, and says so now and then.
    pub(crate) fn start(feed: Arc<dyn Feed>, settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let (stop, stopping) = watch::channel(false);
        let trouble = Quiet::new(Arc::clone(&clock));
        let node_clock = SteadyClock::new(Arc::clone(&clock), MAX_CLOCK_SKEW.duration());
        let work = Work { feed, settings, stopping, trouble, clock, node_clock, pause: RETRY.0, partitions: 0 };
        Self { stop, task: tokio::spawn(work.run()) }
    }

    /// Ends it where it stands, as a crash would.
    #[cfg(test)]
    pub(super) fn cut_off(self) {
        self.task.abort();
    }

    /// Publishes what is there, within a bound, and ends.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the changelog's relay did not end in order");
        }
    }
}

/// Why a relay no longer publishes under a lease.
#[derive(Debug)]
enum Ended {
    /// It was told to stop.
    Stopped,
    /// The lease is over, or somebody else's.
    LeaseLost,
    /// Something failed.
    Failed(ChangelogError),
}

impl<E: Into<ChangelogError>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// A lease, and until when it holds by this process's clock.
#[derive(Debug, Clone, Copy)]
struct Held {
    lease: Lease,
    /// Counted from before it was asked for: the one who gives it counts from later.
    since: Duration,
}

impl Held {
    fn is_over(&self, clock: &dyn Clock) -> bool {
        clock.monotonic().saturating_sub(self.since) >= self.lease.lifetime
    }

    /// How long until it should be extended.
    fn due(&self, clock: &dyn Clock) -> Duration {
        (self.lease.lifetime / 3).saturating_sub(clock.monotonic().saturating_sub(self.since))
    }
}

struct Work {
    feed: Arc<dyn Feed>,
    settings: Settings,
    stopping: watch::Receiver<bool>,
    trouble: Quiet,
    clock: Arc<dyn Clock>,
    /// What marks are dated by.
    node_clock: SteadyClock,
    /// How many partitions the topic has.
    partitions: u32,
    /// How long to wait when the next attempt fails too.
    pause: Duration,
}

impl Work {
    async fn run(mut self) {
        while !*self.stopping.borrow() {
            match self.publish_under_a_lease().await {
                Ended::Stopped => return,
                Ended::LeaseLost => tracing::warn!("the changelog's lease went to somebody else, or was over; taking it again"),
                Ended::Failed(error) => {
                    if let Some(left_out) = self.trouble.passes() {
                        let (code, cause) = (error.code(), round::causes(&error));
                        tracing::warn!(code, left_out, "the changelog is not being published: {cause}; {}", error.help());
                    }
                    self.rest(self.pause).await;
                    self.pause = RETRY.1.min(self.pause * 2);
                }
            }
        }
    }

    /// Waits, unless the relay is told to stop.
    async fn rest(&mut self, time: Duration) {
        // An error means that nobody can stop the relay any more, which is a way of stopping it.
        let _ = tokio::time::timeout(time, self.stopping.wait_for(|stop| *stop)).await;
    }

    async fn publish_under_a_lease(&mut self) -> Ended {
        let mut held = match self.take(0).await {
            Ok(held) => held,
            Err(ended) => return ended,
        };
        let ended = match self.settle(&mut held).await {
            Ok(publisher) => {
                tracing::info!(topic = self.settings.topic, epoch = held.lease.epoch, "publishing the changelog");
                self.publish(held, publisher).await
            }
            Err(ended) => ended,
        };
        match &ended {
            Ended::LeaseLost => {}
            Ended::Stopped | Ended::Failed(_) => self.feed.give_back(held.lease.epoch).await,
        }
        ended
    }

    /// Waits until the lease is this relay's.
    async fn take(&mut self, above: u64) -> Result<Held, Ended> {
        loop {
            let since = self.clock.monotonic();
            if let Some(lease) = self.feed.take(above).await? {
                return Ok(Held { lease, since });
            }
            self.rest(ASK_AGAIN).await;
            if *self.stopping.borrow() {
                return Err(Ended::Stopped);
            }
        }
    }

    /// Makes the topic ready, and the epoch higher than any that readers may have seen there: the leases of a database that was
    /// restored begin again where they were.
    async fn settle(&mut self, held: &mut Held) -> Result<Publisher, Ended> {
        self.partitions = topic::ensure(&self.settings, &self.clock).await?;
        let highest = follow::highest_epoch(&self.settings, &self.clock).await?;
        if highest >= held.lease.epoch {
            *held = self.take(highest).await?;
        }
        Ok(Publisher::new(&self.settings, &self.clock)?)
    }

    async fn publish(&mut self, mut held: Held, publisher: Publisher) -> Ended {
        let ended = self.rounds(&mut held, &publisher).await.err().unwrap_or(Ended::Stopped);
        // Dropping it throws away what is under way, and may wait for its threads.
        drop(tokio::task::spawn_blocking(move || drop(publisher)).await);
        ended
    }

    /// Round after round, until told to stop: `Ok` then.
    async fn rounds(&mut self, held: &mut Held, publisher: &Publisher) -> Result<(), Ended> {
        let mut shelf = Shelf::new(&self.clock);
        let mut marked: Option<Duration> = None;
        loop {
            let last = *self.stopping.borrow();
            self.keep(held).await?;
            let began = self.node_clock.now();
            let round = shelf.fill(&*self.feed, held.lease.epoch).await?;
            if !round.messages.is_empty() {
                self.send(held, publisher, round, &mut shelf).await?;
            }
            if last || self.until_mark(marked).is_zero() {
                marked = Some(self.clock.monotonic());
                self.tell_removed(held, publisher).await?;
                self.mark(held, publisher, began, &shelf).await?;
            }
            if last {
                return Ok(());
            }
            if !shelf.has_more() {
                let wait = held.due(&*self.clock).min(shelf.next_look(&*self.clock)).min(self.until_mark(marked));
                let mut stopping = self.stopping.clone();
                tokio::select! {
                    () = self.feed.changed() => {}
                    () = tokio::time::sleep(wait) => {}
                    _ = stopping.wait_for(|stop| *stop) => {}
                }
            }
        }
    }

    /// Tells readers which stores were removed.
    async fn tell_removed(&self, held: &mut Held, publisher: &Publisher) -> Result<(), Ended> {
        let removed = self.feed.removed(REMOVED_AT_ONCE).await?;
        if removed.is_empty() {
            return Ok(());
        }
        let mut sent = Vec::new();
        for Removed { store, partition } in &removed {
            if held.is_over(&*self.clock) {
                return Err(Ended::LeaseLost);
            }
            let payload = message::encode_gone(*store, self.node_clock.now(), held.lease.epoch);
            sent.push(publisher.send(*partition, Some(&message::key(*store)), &payload)?);
        }
        self.taken(held, sent).await?;
        let stores: Vec<_> = removed.iter().map(|removed| removed.store).collect();
        if self.feed.told_removed(held.lease.epoch, &stores).await? { Ok(()) } else { Err(Ended::LeaseLost) }
    }

    /// How long until the next mark.
    fn until_mark(&self, last: Option<Duration>) -> Duration {
        let since = |last: Duration| self.clock.monotonic().saturating_sub(last);
        last.map_or(Duration::ZERO, |last| CHANGELOG_MARK_INTERVAL.duration().saturating_sub(since(last)))
    }

    /// Tells each partition up to when it has everything: the time before the reading of a round that left nothing out there.
    async fn mark(&self, held: &mut Held, publisher: &Publisher, began: Timestamp, shelf: &Shelf) -> Result<(), Ended> {
        let payload = message::encode_mark(began, held.lease.epoch);
        let mut sent = Vec::new();
        for partition in shelf.whole(self.partitions) {
            if held.is_over(&*self.clock) {
                return Err(Ended::LeaseLost);
            }
            sent.push(publisher.send(partition, None, &payload)?);
        }
        self.taken(held, sent).await
    }

    /// Extends the lease when it is time; an error when it is lost.
    async fn keep(&self, held: &mut Held) -> Result<(), Ended> {
        if held.is_over(&*self.clock) {
            return Err(Ended::LeaseLost);
        }
        if held.due(&*self.clock).is_zero() {
            let since = self.clock.monotonic();
            if !self.feed.extend(held.lease.epoch).await? {
                return Err(Ended::LeaseLost);
            }
            held.since = since;
        }
        Ok(())
    }

    /// Publishes a round and notes it.
    async fn send(&mut self, held: &mut Held, publisher: &Publisher, round: Round, shelf: &mut Shelf) -> Result<(), Ended> {
        let mut sent = Vec::with_capacity(round.messages.len());
        for message in &round.messages {
            // This process may have been paused after any of them.
            if held.is_over(&*self.clock) {
                return Err(Ended::LeaseLost);
            }
            sent.push(publisher.send(message.partition, Some(&message.key), &message.payload)?);
        }
        self.taken(held, sent).await?;
        if !self.feed.note(held.lease.epoch, &round.places).await? {
            return Err(Ended::LeaseLost);
        }
        shelf.published(&round);
        self.pause = RETRY.0;
        Ok(())
    }

    /// Waits until Kafka has taken everything, and keeps the lease meanwhile.
    async fn taken(&self, held: &mut Held, sent: Vec<Sent>) -> Result<(), Ended> {
        let all = async {
            for one in sent {
                one.taken().await?;
            }
            Ok::<(), ChangelogError>(())
        };
        tokio::pin!(all);
        let mut stopping = self.stopping.clone();
        let stopped = async {
            let _ = stopping.wait_for(|stop| *stop).await;
            tokio::time::sleep(LAST_ROUND).await;
        };
        tokio::pin!(stopped);
        loop {
            tokio::select! {
                taken = &mut all => return Ok(taken?),
                () = &mut stopped => return Err(Ended::Stopped),
                () = tokio::time::sleep(held.due(&*self.clock)) => self.keep(held).await?,
            }
        }
    }
}
