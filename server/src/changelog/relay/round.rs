//! What one round publishes: entries read, held against the place before them, and encoded.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use dhow_engine::entry::{Chain, EntryError, StoreId};

use super::super::feed::{Behind, Feed, Place};
use super::super::message::{self, Outgoing};
use super::super::quiet::Quiet;
use crate::clock::Clock;
use crate::store::{DatastoreError, LogRecord};

/// Most messages of a round, and about the most bytes: what can be under way when a relay is paused.
const ROUND_MESSAGES: usize = 1_000;
const ROUND_BYTES: usize = 8 * 1024 * 1024;

/// Most entries of one store in a round, so that an import does not hold up the other stores.
const STORE_ENTRIES: usize = 250;

/// Stores that are asked for at once.
const STORES: usize = 500;

/// How long a store whose log cannot be read is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(5);

/// One message, ready to be handed over.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) partition: u32,
    pub(super) key: String,
    pub(super) payload: Vec<u8>,
}

/// What one round publishes.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Each store's in the order of its log.
    pub(super) messages: Vec<Parcel>,
    /// Where each store is when all of them are taken.
    pub(super) places: Vec<(StoreId, Place)>,
    bytes: usize,
}

impl Round {
    fn is_full(&self) -> bool {
        self.messages.len() >= ROUND_MESSAGES || self.bytes >= ROUND_BYTES
    }
}

/// What the relay knows of its stores from one round to the next.
#[derive(Debug)]
pub(super) struct Shelf {
    clock: Arc<dyn Clock>,
    /// The places of this lease: verified against the log, unlike those that were noted. `None`: from the beginning.
    places: HashMap<StoreId, Option<Place>>,
    /// Stores whose log could not be read: until when they are left alone, and their partition.
    alone: BTreeMap<StoreId, (Duration, u32)>,
    /// Stores whose history was replaced, and of whose new one nothing is published yet.
    anew: BTreeSet<StoreId>,
    /// Whether a round left something out.
    more: bool,
    /// Whether all stores that are behind were seen.
    all: bool,
    trouble: Quiet,
}

/// Why a store's log does not go on behind a place.
#[derive(Debug, thiserror::Error)]
enum Unpublishable {
    #[error(transparent)]
    Datastore(#[from] DatastoreError),
    #[error("an entry cannot be encoded again")]
    Entry(#[from] EntryError),
    #[error("revision {revision} does not continue the log before it")]
    Broken { revision: u64 },
}

impl Shelf {
    pub(super) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self {
            clock: Arc::clone(clock),
            places: HashMap::new(),
            alone: BTreeMap::new(),
            anew: BTreeSet::new(),
            more: false,
            all: false,
            trouble: Quiet::new(Arc::clone(clock)),
        }
    }

    /// Whether there was more than a round takes.
    pub(super) fn has_more(&self) -> bool {
        self.more
    }

    /// When to look again at a store that was left alone; a long time if there is none.
    pub(super) fn next_look(&self, clock: &dyn Clock) -> Duration {
        self.alone.values().min().map_or(Duration::MAX, |(until, _)| until.saturating_sub(clock.monotonic()))
    }

    /// Of so many partitions those in which everything stands that had been committed when the last round was begun to be read.
    pub(super) fn whole(&self, partitions: u32) -> impl Iterator<Item = u32> + use<'_> {
        let none = self.more || !self.all;
        (0..partitions).filter(move |partition| !none && self.alone.values().all(|(_, alone)| alone != partition))
    }

    /// Keeps what a round came to.
    pub(super) fn published(&mut self, round: &Round) {
        for (store, _) in &round.places {
            self.anew.remove(store);
        }
        self.places.extend(round.places.iter().map(|(store, place)| (*store, Some(*place))));
    }

    /// Reads what is to be published next.
    ///
    /// # Errors
    /// When the database does not answer. A single store that cannot be read is left alone for a while, and told.
    pub(super) async fn fill(&mut self, feed: &dyn Feed, epoch: u64) -> Result<Round, DatastoreError> {
        let now = self.clock.monotonic();
        self.alone.retain(|_, (until, _)| *until > now);
        let mut round = Round::default();
        let behind = feed.behind(STORES).await?;
        self.all = behind.len() < STORES;
        self.more = false;
        for store in behind {
            if round.is_full() {
                self.more = true;
                break;
            }
            if self.alone.contains_key(&store.store.id) {
                continue;
            }
            if let Err(error) = self.add(feed, &store, epoch, &mut round).await {
                self.alone.insert(store.store.id, (now.saturating_add(LEFT_ALONE), store.partition));
                if let Some(left_out) = self.trouble.passes() {
                    tracing::warn!(store = store.store.name, left_out, "the store's log is not being published: {}", causes(&error));
                }
            }
        }
        // Stores that are left alone are not waited for by asking again and again.
        self.more |= !self.all && !round.messages.is_empty();
        Ok(round)
    }

    /// Adds a store's next entries.
    async fn add(&mut self, feed: &dyn Feed, behind: &Behind, epoch: u64, round: &mut Round) -> Result<(), Unpublishable> {
        let store = behind.store.id;
        let mut place = match self.places.get(&store) {
            Some(place) => *place,
            None => self.confirmed(feed, behind).await?,
        };
        let mut records = feed.log(store, place.map_or(0, |place| place.revision), STORE_ENTRIES).await?;
        if records.is_empty() && place.is_some() {
            // The head is not the place, and nothing goes on behind it: it went back.
            place = self.start_over(behind);
            records = feed.log(store, 0, STORE_ENTRIES).await?;
        }
        self.more |= records.len() >= STORE_ENTRIES;
        for (index, record) in records.iter().enumerate() {
            let bytes = record.entry.encode()?;
            let previous = before(store, place, record);
            let continues = previous.is_none_or(|previous| previous.after(&bytes) == record.chain);
            if index == 0 && place.is_some() && !continues {
                // Another history since the last round. The next one begins at its beginning.
                let place = self.start_over(behind);
                self.places.insert(store, place);
                self.more = true;
                return Ok(());
            }
            if !continues || (index > 0 && previous.is_none()) {
                return Err(Unpublishable::Broken { revision: record.entry.revision });
            }
            let anew = index == 0 && self.anew.contains(&store);
            let outgoing = Outgoing { store: &behind.store, previous, record, bytes, epoch, anew };
            let payload = message::encode(outgoing);
            round.bytes += payload.len();
            round.messages.push(Parcel { partition: behind.partition, key: message::key(store), payload });
            let reached = Place { revision: record.entry.revision, chain: record.chain };
            place = Some(reached);
            note(round, store, reached);
            if round.is_full() {
                self.more = true;
                break;
            }
        }
        Ok(())
    }

    /// The place that was noted, if the log still has it. One read for each store and lease.
    async fn confirmed(&mut self, feed: &dyn Feed, behind: &Behind) -> Result<Option<Place>, Unpublishable> {
        let Some(place) = behind.place else { return Ok(None) };
        let Some(before) = place.revision.checked_sub(1) else { return Ok(Some(place)) };
        let found = feed.log(behind.store.id, before, 1).await?;
        let same = found.first().is_some_and(|found| found.entry.revision == place.revision && found.chain == place.chain);
        // A log that begins later has been cut, which says nothing of the place.
        let cut = found.first().is_some_and(|found| found.entry.revision > place.revision);
        Ok(if same || cut { Some(place) } else { self.start_over(behind) })
    }

    /// No place: the log is published from where it begins. Readers skip what they have, and see where the histories part.
    fn start_over(&mut self, behind: &Behind) -> Option<Place> {
        self.anew.insert(behind.store.id);
        let name = &behind.store.name;
        tracing::warn!(store = name, "the store has another history than the one that was published: publishing all of its log again");
        None
    }
}

/// The chain before an entry, where it is known.
fn before(store: StoreId, place: Option<Place>, record: &LogRecord) -> Option<Chain> {
    match place {
        Some(place) if place.revision + 1 == record.entry.revision => Some(place.chain),
        _ if record.entry.revision == 1 => Some(Chain::genesis(store)),
        Some(_) | None => None,
    }
}

/// Sets where a store is when the round is taken.
fn note(round: &mut Round, store: StoreId, reached: Place) {
    match round.places.last_mut() {
        Some((last, place)) if *last == store => *place = reached,
        Some(_) | None => round.places.push((store, reached)),
    }
}

/// An error with everything that caused it, in one line.
pub(super) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}
