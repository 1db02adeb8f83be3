//! What is kept of what was carried, with entries made by hand: loss, repetition, disorder, histories that take each other's place.

use std::sync::Arc;

use dhow_engine::digest::Digest;
use dhow_engine::entry::{Body, Chain, Change, Entry, StoreId};
use dhow_engine::time::Timestamp;

use super::shelf::Shelf;
use crate::changelog::message::Incoming;
use crate::store::{KnownHead, LogRecord};

const STORE: StoreId = StoreId([7; 16]);
const ROOM: usize = 1 << 20;

/// Entries 1 to `count` of a store; those behind `common` are another history's for each `fork`.
fn history(store: StoreId, count: u64, common: u64, fork: u8) -> Vec<Incoming> {
    let mut chain = Chain::genesis(store);
    let entry = |revision: u64| {
        let who = if revision > common { format!("f{fork}") } else { "ada".to_owned() };
        let changes = vec![Change::created(format!("doc:{revision}#viewer@user:{who}").parse().unwrap())];
        Entry {
            store,
            revision,
            time: Timestamp::from_microseconds(i64::try_from(revision).unwrap()),
            actor: "ada".to_owned(),
            request_id: String::new(),
            body: Body::Changes(changes),
            digest: Digest::default(),
        }
    };
    (1..=count)
        .map(|revision| {
            let (entry, previous) = (entry(revision), chain);
            chain = previous.after(&entry.encode().unwrap());
            let record = LogRecord { chain, entry: Arc::new(entry) };
            Incoming { store_name: "shop".to_owned(), epoch: 1, previous: Some(previous), anew: false, record }
        })
        .collect()
}

/// The revisions that are kept, and where the log ends.
fn kept(shelf: &Shelf, store: StoreId) -> (Vec<u64>, u64) {
    let first = shelf.run(store).map_or(1, |run| run.first());
    let records = shelf.after(store, first - 1, usize::MAX);
    (records.iter().map(|record| record.entry.revision).collect(), shelf.head(store).map_or(0, |head| head.revision))
}

fn known(incoming: &Incoming) -> KnownHead {
    KnownHead { store: incoming.record.entry.store, revision: incoming.record.entry.revision, chain: incoming.record.chain }
}

fn with(entries: &[&Incoming]) -> Shelf {
    let mut shelf = Shelf::new(ROOM);
    entries.iter().for_each(|entry| shelf.entry(0, entry));
    shelf
}

#[test]
fn repetitions_change_nothing() {
    let log = history(STORE, 5, 5, 0);
    let mut shelf = with(&log.iter().collect::<Vec<_>>());
    for entry in log.iter().skip(1).chain(&log) {
        shelf.entry(0, entry);
        assert_eq!(kept(&shelf, STORE), (vec![1, 2, 3, 4, 5], 5));
    }
    assert_eq!(shelf.moved(&known(&log[4])), None);
    assert_eq!(shelf.moved(&known(&log[3])).unwrap().unwrap().revision, 5);
}

#[test]
fn behind_a_loss_nothing_leads_back() {
    let log = history(STORE, 6, 6, 0);
    let shelf = with(&[&log[0], &log[1], &log[4], &log[5]]);
    assert_eq!(kept(&shelf, STORE), (vec![5, 6], 6));
    assert_eq!(shelf.after(STORE, 2, 10), []);
    // The entry before the first one is known by its chain.
    let run = shelf.run(STORE).unwrap();
    assert_eq!((run.chain_at(4), run.chain_at(3)), (Some(log[3].record.chain), None));
}

#[test]
fn an_entry_that_comes_late_fills_its_place() {
    let log = history(STORE, 4, 4, 0);
    let mut shelf = with(&[&log[2], &log[3], &log[1]]);
    assert_eq!(kept(&shelf, STORE), (vec![2, 3, 4], 4));
    shelf.entry(0, &log[0]);
    assert_eq!(kept(&shelf, STORE), (vec![1, 2, 3, 4], 4));
}

#[test]
fn another_history_takes_the_place_of_what_it_contradicts() {
    let (old, new) = (history(STORE, 5, 2, 0), history(STORE, 4, 2, 1));
    let mut shelf = with(&old.iter().collect::<Vec<_>>());
    shelf.entry(0, &new[2]);
    assert_eq!(shelf.moved(&known(&old[4])).unwrap().unwrap().chain, new[2].record.chain);
    assert_eq!(kept(&shelf, STORE), (vec![3], 3));
}

#[test]
fn a_history_published_anew_counts_when_it_differs_or_is_all_there_is() {
    let old = history(STORE, 5, 5, 0);
    let anew = |log: &[Incoming]| {
        let mut log = log.to_vec();
        log[0].anew = true;
        log
    };
    // The same once more.
    let mut shelf = with(&old[2..].iter().collect::<Vec<_>>());
    for entry in &anew(&old) {
        assert_eq!(shelf.head(STORE).unwrap().revision, 5);
        shelf.entry(0, entry);
    }
    assert_eq!(kept(&shelf, STORE), (vec![1, 2, 3, 4, 5], 5), "what came again reaches further back");
    // A shorter one: known by a mark of its partition alone.
    let mut shelf = with(&old.iter().collect::<Vec<_>>());
    anew(&old[..2]).iter().for_each(|entry| shelf.entry(0, entry));
    assert_eq!(shelf.head(STORE).unwrap().revision, 5);
    shelf.settle(1);
    assert_eq!(shelf.head(STORE).unwrap().revision, 5);
    shelf.settle(0);
    assert_eq!(kept(&shelf, STORE), (vec![1, 2], 2));
    // Another one: known where the two part.
    let new = history(STORE, 5, 2, 1);
    let mut shelf = with(&old.iter().collect::<Vec<_>>());
    for (entry, end) in anew(&new).iter().zip([5, 5, 3, 4, 5]) {
        shelf.entry(0, entry);
        assert_eq!(shelf.head(STORE).unwrap().revision, end);
    }
    assert_eq!(shelf.head(STORE).unwrap().chain, new[4].record.chain);
}

#[test]
fn the_oldest_entries_of_all_stores_go_first_and_ends_stay() {
    let other = StoreId([8; 16]);
    let (one, two) = (history(STORE, 50, 50, 0), history(other, 50, 50, 0));
    let mut shelf = Shelf::new(20 * 600);
    one.iter().for_each(|entry| shelf.entry(0, entry));
    two.iter().take(5).for_each(|entry| shelf.entry(1, entry));
    let (first, last) = (kept(&shelf, STORE), kept(&shelf, other));
    assert!(first.0.len() < 20 && first.0.last() == Some(&50) && first.1 == 50, "{first:?}");
    assert_eq!(last, (vec![1, 2, 3, 4, 5], 5));
    two.iter().skip(5).for_each(|entry| shelf.entry(1, entry));
    assert_eq!(kept(&shelf, STORE), (vec![], 50));
    assert_eq!(shelf.moved(&known(&one[49])), None, "where a store ends is known without its entries");
    assert_eq!(shelf.moved(&known(&one[48])).unwrap().unwrap().revision, 50);
    // And it goes on from there.
    let more = history(STORE, 51, 51, 0);
    shelf.entry(0, &more[50]);
    assert_eq!(kept(&shelf, STORE), (vec![51], 51));
}

#[test]
fn a_removed_store_is_gone_and_one_whose_message_was_lost_is_in_doubt() {
    let log = history(STORE, 3, 3, 0);
    let mut shelf = with(&[&log[0], &log[1]]);
    shelf.doubt(STORE);
    assert_eq!(shelf.moved(&known(&log[1])).unwrap().unwrap().revision, 3, "something may be behind what is known");
    shelf.entry(0, &log[2]);
    assert_eq!(shelf.moved(&known(&log[2])), None);
    shelf.remove(STORE);
    assert_eq!(shelf.moved(&known(&log[2])), Some(None));
    assert!(shelf.is_gone(STORE) && shelf.stores().count() == 0);
}
