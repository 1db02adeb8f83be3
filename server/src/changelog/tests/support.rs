//! What the tests are written with.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use dhow_engine::entry::{Chain, Entry, StoreId};
use rdkafka::producer::{FutureProducer, FutureRecord};

use super::super::Settings;
use super::super::feed::Feed;
use super::super::follow::{Followed, Follower, Start};
use super::super::local::Local;
use super::super::message::{self, Incoming, Outgoing};
use super::super::relay::Relay;
use crate::clock::{Clock, SystemClock};
use crate::store::sqlite::SqliteStore;
use crate::store::{ChangeRequest, WriteCommand};
use crate::store::{Datastore, LogRecord, StoreInfo};

pub(super) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

/// Waits for something that has to happen.
pub(super) async fn within<T>(what: &str, happens: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(Duration::from_secs(60), happens).await else { panic!("{what} did not happen in a minute") };
    done
}

/// The brokers of the rig.
pub(super) fn brokers() -> String {
    let Some(brokers) = std::env::var_os("KAFKA_BOOTSTRAP_SERVERS") else {
        panic!(
            "this test needs a real Kafka: run it by `scripts/rig/kafka with target/kafka -- cargo test …`, or set KAFKA_BOOTSTRAP_SERVERS \
             to one of your own"
        );
    };
    brokers.into_string().unwrap()
}

/// A topic of one test.
pub(super) fn settings() -> Settings {
    settings_on(brokers())
}

/// A topic of one test, on these brokers.
pub(super) fn settings_on(brokers: String) -> Settings {
    Settings { topic: format!("dhow.test.{}", uuid::Uuid::new_v4()), partitions: 3, ..Settings::new(brokers) }
}

/// A database whose writes are published, and its feed.
pub(super) async fn published(settings: &Settings) -> (Arc<dyn Feed>, Arc<dyn Datastore>) {
    let datastore: Arc<dyn Datastore> = Arc::new(SqliteStore::in_memory().await.unwrap());
    Local::over(datastore, None, settings.partitions, clock()).await.unwrap()
}

pub(super) fn relay(feed: &Arc<dyn Feed>, settings: &Settings) -> Relay {
    Relay::start(Arc::clone(feed), settings.clone(), clock())
}

/// A new store with a schema: revision 1.
pub(super) async fn store(datastore: &Arc<dyn Datastore>, name: &str) -> StoreId {
    let id = StoreId(*uuid::Uuid::new_v4().as_bytes());
    let info = StoreInfo { id, name: name.to_owned(), created_at: clock().now() };
    datastore.create_store(&info).await.unwrap();
    let command = crate::store::SchemaCommand {
        source: dhow_engine::entry::SchemaSource::native("definition user {}\ndefinition doc { relation viewer: user }"),
        expected_version: None,
        allow_orphans: false,
        actor: "ada".to_owned(),
        dry_run: false,
    };
    datastore.write_schema(id, clock().now(), &command).await.unwrap();
    id
}

/// Writes one entry.
pub(super) async fn write(datastore: &Arc<dyn Datastore>, store: StoreId, number: usize) {
    let tuple = format!("doc:{number}#viewer@user:ada").parse().unwrap();
    let command = WriteCommand {
        changes: vec![ChangeRequest::Touch(tuple)],
        preconditions: Vec::new(),
        request_id: format!("r-{number}-{}", uuid::Uuid::new_v4()),
        actor: "ada".to_owned(),
        dry_run: false,
    };
    datastore.write(store, clock().now(), &[command]).await.unwrap().pop().unwrap().unwrap();
}

/// A reader from the beginning; waits until there is a topic.
pub(super) async fn follower(settings: &Settings) -> Follower {
    let opened = async {
        loop {
            match Follower::open(settings, Start::Beginning, &clock()).await {
                Ok(follower) => return follower,
                // A relay is about to make it.
                Err(error) => assert_eq!(error.code(), "DH-L005", "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the topic", opened).await
}

/// The next entry; anything but trouble with the broker fails.
pub(super) async fn next(follower: &mut Follower) -> Incoming {
    let entry = async {
        loop {
            match follower.next().await {
                Followed::Entry { incoming, .. } => return *incoming,
                Followed::Trouble(_) | Followed::Mark { .. } | Followed::CaughtUp => {}
                other @ (Followed::Unreadable { .. } | Followed::Stale { .. } | Followed::Gone { .. }) => panic!("{other:?}"),
            }
        }
    };
    within("the next entry", entry).await
}

/// What a reader has that folds by revision and chain.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) at: BTreeMap<StoreId, (u64, Chain)>,
    pub(super) repeated: usize,
}

impl Reader {
    /// Takes in an entry that continues what is there, or is there already; anything else fails.
    pub(super) fn fold(&mut self, incoming: &Incoming) {
        let LogRecord { chain, entry } = &incoming.record;
        let (revision, have) = self.at.get(&entry.store).copied().unwrap_or((0, Chain::genesis(entry.store)));
        if entry.revision <= revision {
            self.repeated += 1;
            return;
        }
        assert_eq!(entry.revision, revision + 1, "a gap in store {}", entry.store);
        assert_eq!(incoming.previous, Some(have));
        assert_eq!(have.after(&entry.encode().unwrap()), *chain);
        self.at.insert(entry.store, (entry.revision, *chain));
    }

    pub(super) fn revision(&self, store: StoreId) -> u64 {
        self.at.get(&store).map_or(0, |(revision, _)| *revision)
    }

    /// Reads until a store is at a revision.
    pub(super) async fn read_to(&mut self, follower: &mut Follower, store: StoreId, revision: u64) {
        while self.revision(store) < revision {
            self.fold(&next(follower).await);
        }
    }
}

/// Puts bytes into a partition, as anybody may.
pub(super) async fn put(settings: &Settings, partition: i32, payload: &[u8]) {
    let producer: FutureProducer = settings.producer().create().unwrap();
    let record = FutureRecord::<str, [u8]>::to(&settings.topic).partition(partition).payload(payload);
    producer.send(record, Duration::from_secs(30)).await.unwrap();
}

/// The message of an entry at the beginning of a store, as a relay of that epoch publishes it.
pub(super) fn message(entry: Entry, epoch: u64) -> Vec<u8> {
    let bytes = entry.encode().unwrap();
    let previous = Chain::genesis(entry.store);
    let store = StoreInfo { id: entry.store, name: "shop".to_owned(), created_at: entry.time };
    let record = LogRecord { chain: previous.after(&bytes), entry: Arc::new(entry) };
    message::encode(Outgoing { store: &store, previous: Some(previous), record: &record, bytes, epoch, anew: false })
}
