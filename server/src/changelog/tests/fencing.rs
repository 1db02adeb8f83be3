//! One relay at a time, and what becomes of one that does not know yet.

use std::sync::Arc;

use dhow_engine::digest::Digest;
use dhow_engine::entry::{Body, Chain, Change, Entry, StoreId};
use dhow_engine::time::Timestamp;

use super::super::feed::{Feed, Place};
use super::super::follow::Followed;
use super::super::relay::Relay;
use super::super::topic;
use super::shared::{Database, LIFETIME, Shared};
use super::support::*;
use crate::store::Datastore;
use crate::store::sqlite::SqliteStore;

async fn database() -> Database {
    Database::new(Arc::new(SqliteStore::in_memory().await.unwrap()) as Arc<dyn Datastore>)
}

fn relay_of(feed: &Arc<Shared>, database: &Database, settings: &super::super::Settings) -> Relay {
    let feed: Arc<dyn Feed> = Arc::clone(feed) as _;
    Relay::start(feed, settings.clone(), Arc::new(database.clock.clone()))
}

#[tokio::test]
async fn a_relay_that_was_paused_publishes_nothing_once_it_wakes() {
    let (settings, database) = (settings(), database().await);
    let store = store(&database.datastore, "shop").await;
    let paused = Shared::new("paused", &database);
    let first = relay_of(&paused, &database, &settings);
    let mut follower = follower(&settings).await;
    let mut reader = Reader::default();
    reader.read_to(&mut follower, store, 1).await;

    // It stands still between reading the log and publishing what it read, for longer than its lease.
    let noted = async {
        while database.place(store).is_none() {
            tokio::task::yield_now().await;
        }
    };
    within("the note", noted).await;
    paused.hold();
    let mut reads = paused.reads.subscribe();
    let before = *reads.borrow_and_update();
    write(&database.datastore, store, 2).await;
    within("a read", reads.wait_for(|reads| *reads > before)).await.unwrap();
    database.clock.pass(LIFETIME);

    let other = Shared::new("other", &database);
    let second = relay_of(&other, &database, &settings);
    let incoming = next(&mut follower).await;
    assert_eq!((incoming.record.entry.revision, incoming.epoch), (2, 2));
    reader.fold(&incoming);

    paused.release();
    // It has looked, found its lease gone, and ends in order: whatever it was going to publish has been published.
    first.stop().await;
    write(&database.datastore, store, 3).await;
    let incoming = next(&mut follower).await;
    assert_eq!((incoming.record.entry.revision, incoming.epoch), (3, 2));
    second.stop().await;
}

fn entry(store: StoreId, tuple: &str) -> Entry {
    let changes = vec![Change::created(tuple.parse().unwrap())];
    Entry {
        store,
        revision: 1,
        time: Timestamp::from_microseconds(1_800_000_000_000_000),
        actor: "ada".to_owned(),
        request_id: String::new(),
        body: Body::Changes(changes),
        digest: Digest::default(),
    }
}

#[tokio::test]
async fn what_slips_through_is_dropped_by_readers() {
    let settings = settings();
    topic::ensure(&settings, &clock()).await.unwrap();
    let (one, two) = (StoreId([1; 16]), StoreId([2; 16]));
    for (store, epoch) in [(one, 4), (two, 5), (one, 4), (two, 5)] {
        put(&settings, 0, &message(entry(store, "doc:a#viewer@user:ada"), epoch)).await;
    }
    let mut follower = follower(&settings).await;
    let mut seen = Vec::new();
    while seen.len() < 4 {
        match within("a message", follower.next()).await {
            Followed::Entry { incoming, .. } => seen.push(Some(incoming.epoch)),
            Followed::Stale { at, epoch } => {
                assert_eq!((at.offset, epoch), (2, 4));
                seen.push(None);
            }
            Followed::Trouble(_) | Followed::Mark { .. } | Followed::CaughtUp => {}
            other @ (Followed::Unreadable { .. } | Followed::Gone { .. }) => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, [Some(4), Some(5), None, Some(5)]);
}

#[tokio::test]
async fn the_leases_of_a_restored_database_begin_above_the_topic() {
    let (settings, database) = (settings(), database().await);
    topic::ensure(&settings, &clock()).await.unwrap();
    for partition in 0..3 {
        put(&settings, partition, &message(entry(StoreId([1; 16]), "doc:a#viewer@user:ada"), 70)).await;
    }
    let store = store(&database.datastore, "shop").await;
    let relay = relay_of(&Shared::new("restored", &database), &database, &settings);
    let mut follower = follower(&settings).await;
    loop {
        let incoming = next(&mut follower).await;
        if incoming.record.entry.store == store {
            assert_eq!(incoming.epoch, 71);
            break;
        }
    }
    relay.stop().await;
}

#[tokio::test]
async fn another_history_is_published_from_its_beginning() {
    let (settings, database) = (settings(), database().await);
    let store = store(&database.datastore, "shop").await;
    write(&database.datastore, store, 2).await;
    for place in [
        // It was further than the head is now.
        Place { revision: 9, chain: Chain([1; 32]) },
        // It had another entry there.
        Place { revision: 1, chain: Chain([1; 32]) },
        Place { revision: 2, chain: Chain([1; 32]) },
    ] {
        let settings = super::super::Settings { topic: format!("{}.{}", settings.topic, place.revision), ..settings.clone() };
        database.set_place(store, place);
        let relay = relay_of(&Shared::new("restored", &database), &database, &settings);
        let mut reader = Reader::default();
        let mut follower = follower(&settings).await;
        let first = next(&mut follower).await;
        assert!(first.anew && first.record.entry.revision == 1, "readers are told that the history is another one");
        reader.fold(&first);
        reader.read_to(&mut follower, store, 2).await;
        relay.stop().await;
        assert_eq!(database.place(store), Some(Place { revision: 2, chain: reader.at[&store].1 }));
    }
}
