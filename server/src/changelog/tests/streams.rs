//! What comes out at the other end.

use std::sync::Arc;
use std::time::Duration;

use super::super::follow::{Followed, Follower, Start};
use super::super::topic;
use super::support::*;

#[tokio::test]
async fn each_store_arrives_whole_and_in_order() {
    let settings = settings();
    let (feed, datastore) = published(&settings).await;
    let relay = relay(&feed, &settings);
    let mut stores = Vec::new();
    for name in ["one", "two", "three", "four", "five"] {
        stores.push(store(&datastore, name).await);
    }
    let writers = stores.iter().map(|store| {
        let (datastore, store) = (Arc::clone(&datastore), *store);
        tokio::spawn(async move {
            for number in 2..=200 {
                write(&datastore, store, number).await;
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    let (mut follower, mut reader) = (follower(&settings).await, Reader::default());
    for store in &stores {
        reader.read_to(&mut follower, *store, 200).await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(reader.repeated, 0);
    relay.stop().await;
}

#[tokio::test]
async fn a_relay_that_is_cut_off_repeats_and_loses_nothing() {
    let settings = settings();
    let (feed, datastore) = published(&settings).await;
    let store = store(&datastore, "shop").await;
    let (mut follower, mut reader) = (None, Reader::default());
    for round in 0..5 {
        let relay = relay(&feed, &settings);
        for number in 0..50 {
            write(&datastore, store, round * 100 + number).await;
        }
        // Somewhere in the middle of what it has to publish.
        if follower.is_none() {
            follower = Some(super::support::follower(&settings).await);
        }
        let follower = follower.as_mut().unwrap();
        reader.read_to(follower, store, u64::try_from(round).unwrap() * 50 + 10).await;
        relay.cut_off();
    }
    let relay = relay(&feed, &settings);
    reader.read_to(follower.as_mut().unwrap(), store, 251).await;
    relay.stop().await;
}

#[tokio::test]
async fn reading_begins_where_it_is_told_to() {
    let settings = settings();
    let (feed, datastore) = published(&settings).await;
    let store = store(&datastore, "shop").await;
    let relay = relay(&feed, &settings);
    Reader::default().read_to(&mut follower(&settings).await, store, 1).await;
    let mut from_the_end = Follower::open(&settings, Start::End, &clock()).await.unwrap();
    // Kafka tells messages apart by milliseconds.
    let mark = clock().now().plus_microseconds(1_000);
    while clock().now() < mark {
        tokio::task::yield_now().await;
    }
    write(&datastore, store, 2).await;
    assert_eq!(next(&mut from_the_end).await.record.entry.revision, 2);
    let mut from_then = Follower::open(&settings, Start::At(mark), &clock()).await.unwrap();
    assert_eq!(next(&mut from_then).await.record.entry.revision, 2);
    let later = clock().now().plus_microseconds(3_600_000_000);
    let mut from_later = Follower::open(&settings, Start::At(later), &clock()).await.unwrap();
    write(&datastore, store, 3).await;
    assert_eq!(next(&mut from_later).await.record.entry.revision, 3);
    relay.stop().await;
}

#[tokio::test]
async fn what_anybody_puts_into_the_topic_is_told_and_skipped() {
    let settings = settings();
    topic::ensure(&settings, &clock()).await.unwrap();
    for payload in [&b""[..], b"hello", &[0x08, 0x63], &[0xff; 4_096]] {
        for partition in 0..3 {
            put(&settings, partition, payload).await;
        }
    }
    let (feed, datastore) = published(&settings).await;
    let store = store(&datastore, "shop").await;
    let relay = relay(&feed, &settings);
    let mut follower = follower(&settings).await;
    let (mut codes, mut reader) = (Vec::new(), Reader::default());
    while reader.revision(store) < 1 || codes.len() < 12 {
        match within("a message", follower.next()).await {
            Followed::Unreadable { at, error, .. } => codes.push((at.offset, error.code())),
            Followed::Entry { incoming, .. } => reader.fold(&incoming),
            Followed::Trouble(_) | Followed::Mark { .. } | Followed::CaughtUp => {}
            other @ (Followed::Stale { .. } | Followed::Gone { .. }) => panic!("{other:?}"),
        }
    }
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes, [(0, "DH-L010"), (1, "DH-L010"), (2, "DH-L011"), (3, "DH-L010")]);
    relay.stop().await;
}

#[tokio::test]
async fn the_largest_messages_pass() {
    use super::super::message::MAX_MESSAGE_BYTES;
    let settings = settings();
    topic::ensure(&settings, &clock()).await.unwrap();
    let publisher = super::super::publish::Publisher::new(&settings, &clock()).unwrap();
    // What does not shrink: the whole of it has to go over the wire.
    let mut noise = vec![0; MAX_MESSAGE_BYTES - 4_096];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    let sent = publisher.send(1, Some("key"), &noise).unwrap();
    within("the broker's word", sent.taken()).await.unwrap();
    let mut follower = follower(&settings).await;
    let Followed::Unreadable { at, .. } = within("the message", follower.next()).await else { panic!() };
    assert_eq!((at.partition, at.offset), (1, 0));
}

/// Measures, and asserts no time: `cargo test … how_long -- --nocapture` prints it.
#[tokio::test]
async fn how_long_it_takes_from_a_commit_to_a_reader() {
    let settings = settings();
    let (feed, datastore) = published(&settings).await;
    let store = store(&datastore, "shop").await;
    let relay = relay(&feed, &settings);
    let (mut follower, mut reader) = (follower(&settings).await, Reader::default());
    reader.read_to(&mut follower, store, 1).await;
    let mut times: Vec<Duration> = Vec::new();
    for number in 2..=400 {
        write(&datastore, store, number).await;
        let begun = clock().monotonic();
        reader.read_to(&mut follower, store, u64::try_from(number).unwrap()).await;
        times.push(clock().monotonic() - begun);
    }
    times.sort_unstable();
    println!(
        "commit to reader: p50 {:?}, p90 {:?}, p99 {:?}",
        times[times.len() / 2],
        times[times.len() * 9 / 10],
        times[times.len() * 99 / 100]
    );
    relay.stop().await;
}
