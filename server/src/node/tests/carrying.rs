//! Nodes that have a database and are carried entries besides: what is folded at once, and what is only a reason to look.

use super::following::look;
use super::*;
use crate::changelog::follow::{Followed, Spot};
use crate::changelog::message::Incoming;
use crate::store::LogRecord;

/// Entries of a store behind a revision, as the topic carries them.
pub(super) async fn carried(datastore: &Arc<dyn Datastore>, store: StoreId, after: u64) -> Vec<Incoming> {
    let records = datastore.log(store, after.saturating_sub(1), 1_000).await.unwrap();
    let mut previous = (after == 0).then(|| dhow_engine::entry::Chain::genesis(store));
    let mut incoming = Vec::new();
    for record in records {
        let chain = record.chain;
        if record.entry.revision > after {
            incoming.push(Incoming { store_name: "main".to_owned(), epoch: 1, previous, anew: false, record });
        }
        previous = Some(chain);
    }
    incoming
}

pub(super) fn entry(incoming: &Incoming) -> Followed {
    Followed::Entry { at: Spot { partition: 0, offset: 0 }, incoming: Box::new(incoming.clone()) }
}

async fn write_elsewhere(bench: &Bench, tuple: &str) -> Token {
    let written = bench.faulty.inner().write(bench.store, noon(), &[touch(tuple)]).await.unwrap();
    let written = written.into_iter().next().unwrap().unwrap().written;
    Token::new(bench.store, written.revision, &written.chain)
}

#[tokio::test]
async fn an_entry_that_continues_the_fold_is_folded_at_once_and_dates_nothing() {
    let bench = Bench::new().await;
    bench.newest().await;
    let token = write_elsewhere(&bench, "doc:1#viewer@user:ada").await;
    bench.clock.pass(Duration::from_secs(3));
    let log = carried(&bench.faulty.inner(), bench.store, 0).await;
    for incoming in [&log[1], &log[1], &log[0]] {
        bench.node.take_in(None, entry(incoming)).await;
        let point = bench.newest().await;
        assert_eq!((point.token, point.vintage.age().age), (token, Duration::from_secs(3)), "only a look knows that nothing is newer");
    }
    assert!(look(&bench.node).await);
    assert_eq!(bench.newest().await.vintage.age().age, Duration::ZERO);
}

#[tokio::test]
async fn what_does_not_continue_the_fold_is_a_reason_to_look_and_nothing_else() {
    let bench = Bench::new().await;
    bench.newest().await;
    for number in 0..3 {
        write_elsewhere(&bench, &format!("doc:{number}#viewer@user:ada")).await;
    }
    let log = carried(&bench.faulty.inner(), bench.store, 1).await;
    bench.node.take_in(None, entry(&log[1])).await;
    assert_eq!(bench.newest().await.token.revision, 1, "a gap");
    let forged = Incoming { record: LogRecord { chain: log[1].record.chain, ..log[0].record.clone() }, previous: None, ..log[0].clone() };
    bench.node.take_in(None, entry(&forged)).await;
    assert_eq!(bench.newest().await.token.revision, 1, "a chain that is not that of the entry");
    assert!(look(&bench.node).await);
    assert_eq!(bench.newest().await.token.revision, 4);
}

#[tokio::test]
async fn a_lost_entry_that_is_carried_late_is_in_no_fully_consistent_answer() {
    let bench = Bench::new().await;
    let kept = "doc:1#viewer@user:ada";
    bench.node.write(bench.store, touch_as(kept, kept), None).await.unwrap();
    let lost = write_elsewhere(&bench, "doc:lost#viewer@user:ada").await;
    let log = carried(&bench.faulty.inner(), bench.store, 2).await;
    // A standby is promoted that has not heard of the last write; the topic has.
    bench.faulty.exchange(dump(&bench, &[kept]).await);
    let seen = bench.read(Consistency::FullyConsistent).await.unwrap();
    assert_eq!(seen.token.revision, 2);
    bench.node.take_in(None, entry(&log[0])).await;
    assert_eq!(bench.newest().await.token, lost);
    // The head is behind what is folded now: found by whoever asks.
    let point = bench.read(Consistency::FullyConsistent).await.unwrap();
    assert_eq!((point.token, tuples(&point)), (seen.token, vec![kept.to_owned()]));
    assert_eq!(bench.newest().await.token, seen.token);
}

#[tokio::test]
async fn a_write_is_answered_only_when_it_is_in_the_fold_whatever_was_carried_in_its_place() {
    let bench = Bench::new().await;
    write_elsewhere(&bench, "doc:lost#viewer@user:ada").await;
    let log = carried(&bench.faulty.inner(), bench.store, 1).await;
    bench.faulty.exchange(dump(&bench, &[]).await);
    assert_eq!(bench.newest().await.token.revision, 1);
    bench.node.take_in(None, entry(&log[0])).await;
    let token = bench.touch("doc:kept#viewer@user:ada").await;
    let point = bench.newest().await;
    assert_eq!((point.token, tuples(&point)), (token, vec!["doc:kept#viewer@user:ada".to_owned()]));
}

#[tokio::test]
async fn a_silent_kafka_costs_a_node_with_a_database_nothing() {
    let bench = Bench::new().await;
    bench.newest().await;
    let settings = crate::changelog::Settings::new("127.0.0.1:1");
    let source = crate::node::carrier::Source { settings, carried: None, clock: Arc::new(bench.clock.clone()) };
    bench.node.start();
    bench.node.carry(source);
    let token = write_elsewhere(&bench, "doc:1#viewer@user:ada").await;
    let mut progress = bench.node.host(bench.store).await.unwrap().fold().subscribe();
    tokio::time::timeout(Duration::from_secs(60), progress.wait_for(|progress| progress.revision == token.revision))
        .await
        .unwrap()
        .unwrap();
    bench.node.close().await;
}

/// A database with the schema and these tuples, each written under its own text as request id: the same history as the bench's.
async fn dump(bench: &Bench, tuples: &[&str]) -> Arc<dyn Datastore> {
    let dump = database().await;
    dump.create_store(&bench.node.resolve("main").await.unwrap()).await.unwrap();
    let (source, actor) = (SchemaSource::native(SCHEMA), "tester".to_owned());
    let command = SchemaCommand { source, expected_version: None, allow_orphans: false, actor, dry_run: false };
    dump.write_schema(bench.store, noon(), &command).await.unwrap();
    for tuple in tuples {
        dump.write(bench.store, noon(), &[touch_as(tuple, tuple)]).await.unwrap();
    }
    dump
}
