//! Leases, and what only their holder may note.

use std::time::Duration;

use dhow_engine::entry::Chain;

use super::super::leases::LeaseKey;
use super::super::published::PublishedTo;
use super::*;

const LONG: Duration = Duration::from_secs(600);
const OVER: Duration = Duration::ZERO;

const fn key(holder: u8) -> LeaseKey {
    LeaseKey { name: "test", holder: [holder; 16], epoch: 0 }
}

#[tokio::test]
async fn one_server_has_a_lease_and_each_holder_a_higher_epoch() {
    let scratch = Scratch::migrated().await;
    let (here, there) = (scratch.open().await, scratch.open().await);
    let first = here.take_lease(key(1), LONG).await.unwrap().unwrap();
    assert_eq!(there.take_lease(key(2), LONG).await.unwrap(), None, "somebody has it");
    let again = here.take_lease(first, LONG).await.unwrap().unwrap();
    assert!(again.epoch > first.epoch);
    assert!(!here.extend_lease(first, LONG).await.unwrap(), "an epoch that is over cannot be extended");
    assert!(here.extend_lease(again, OVER).await.unwrap());
    let taken = there.take_lease(LeaseKey { epoch: 40, ..key(2) }, LONG).await.unwrap().unwrap();
    assert_eq!(taken.epoch, 41);
    assert!(!here.extend_lease(again, LONG).await.unwrap(), "it went to somebody else");
    there.give_lease_back(taken).await.unwrap();
    assert_eq!(here.take_lease(key(1), LONG).await.unwrap().unwrap().epoch, 42, "epochs go on from where they were");
    let other = LeaseKey { name: "other", ..key(2) };
    assert!(there.take_lease(other, LONG).await.unwrap().is_some(), "leases of other names are others");
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_gets_it() {
    let scratch = Scratch::migrated().await;
    let here = Arc::new(scratch.open().await);
    let asking = (0..16).map(|holder| {
        let here = Arc::clone(&here);
        tokio::spawn(async move { here.take_lease(key(holder), LONG).await.unwrap().is_some() })
    });
    let mut got = 0;
    for asked in asking.collect::<Vec<_>>() {
        got += usize::from(asked.await.unwrap());
    }
    assert_eq!(got, 1);
}

#[tokio::test]
async fn places_are_noted_by_who_holds_the_lease_and_end_with_the_store() {
    let (tenant, scratch) = tenant().await;
    let (here, there) = (scratch.open().await, scratch.open().await);
    let head = here.head(tenant.store).await.unwrap();
    let place = PublishedTo { store: tenant.store, partition: 5, revision: head.revision, chain: head.chain };
    let found = here.unpublished(10).await.unwrap();
    assert_eq!(found.iter().map(|found| (found.store.id, found.partition, found.place)).collect::<Vec<_>>(), [(tenant.store, None, None)]);
    let lost = here.take_lease(key(1), OVER).await.unwrap().unwrap();
    let held = there.take_lease(key(2), LONG).await.unwrap().unwrap();
    assert!(!here.note_published(lost, &[place]).await.unwrap(), "the lease is somebody else's");
    assert_eq!(here.unpublished(10).await.unwrap(), found);
    assert!(there.note_published(held, &[place]).await.unwrap());
    assert_eq!(here.unpublished(10).await.unwrap(), []);
    // The partition is kept for good; a place that is not the head's is behind, whichever way.
    let elsewhere = PublishedTo { partition: 6, chain: Chain([7; 32]), ..place };
    assert!(there.note_published(held, &[elsewhere]).await.unwrap());
    let found = here.unpublished(10).await.unwrap();
    let [unpublished] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((unpublished.partition, unpublished.place), (Some(5), Some((head.revision, Chain([7; 32])))));
    assert_eq!(here.unpublished(0).await.unwrap(), []);
    assert!(here.delete_store(tenant.store).await.unwrap());
    assert_eq!(here.unpublished(10).await.unwrap(), []);
    let mut connection = scratch.connect().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM published").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 0);
}
