//! Evaluators that have nothing but a real Kafka and a folder of snapshots: they follow a server, come back, and meet gaps.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{Offset, TopicPartitionList};

use super::support::*;
use crate::carried::Carried;
use crate::changelog::Settings;
use crate::clock::SteadyClock;
use crate::config::{ForeignTokens, Memory};
use crate::limits::Limits;
use crate::node::carrier::Source;
use crate::node::token::Token;
use crate::node::{Consistency, Node, ReadError, ReadPoint};
use crate::snapshots::{Retention, SnapshotOptions, Snapshots, Verification};
use crate::store::{ChangeRequest, Datastore, StoreInfo, WriteCommand};

const SCHEMA: &str = "definition user {} definition doc { relation viewer: user }";

async fn open(datastore: Arc<dyn Datastore>, folder: &Path) -> Arc<Node> {
    let steady = SteadyClock::new(clock(), Duration::from_secs(30));
    let snapshots = Some(snapshots(folder));
    Node::open(datastore, steady, &Limits::default(), ForeignTokens::Answer, snapshots, Memory::default()).await.unwrap()
}

fn snapshots(folder: &Path) -> Arc<Snapshots> {
    let retention = Retention { keep: 9, max_age: None };
    Snapshots::open(SnapshotOptions { folder: folder.to_owned(), verification: Verification::Full, retention, every: None }).unwrap()
}

/// An evaluator of a topic, once it has read what is there.
async fn evaluator(settings: &Settings, folder: &Path) -> Arc<Node> {
    let steady = SteadyClock::new(clock(), Duration::from_secs(30));
    let carried = Carried::new(snapshots(folder), steady, 1 << 24);
    let node = open(Arc::clone(&carried) as Arc<dyn Datastore>, folder).await;
    node.start();
    let mut caught_up = carried.caught_up();
    node.carry(Source { settings: settings.clone(), carried: Some(carried), clock: clock() });
    within("the topic is read", caught_up.wait_for(|caught_up| *caught_up)).await.unwrap();
    node
}

/// A server that publishes.
struct Writer {
    node: Arc<Node>,
    store: StoreInfo,
}

impl Writer {
    async fn new(datastore: Arc<dyn Datastore>, folder: &Path) -> Self {
        let node = open(datastore, folder).await;
        let store = node.create_store("shop").await.unwrap();
        let command = crate::store::SchemaCommand {
            source: dhow_engine::entry::SchemaSource::native(SCHEMA),
            expected_version: None,
            allow_orphans: false,
            actor: "ada".to_owned(),
            dry_run: false,
        };
        node.write_schema(store.id, command, None).await.unwrap();
        Self { node, store }
    }

    async fn write(&self, number: usize) -> Token {
        let command = WriteCommand {
            changes: vec![ChangeRequest::Touch(format!("doc:{number}#viewer@user:ada").parse().unwrap())],
            preconditions: Vec::new(),
            request_id: format!("r-{number}-{}", uuid::Uuid::new_v4()),
            actor: "ada".to_owned(),
            dry_run: false,
        };
        self.node.write(self.store.id, command, None).await.unwrap().token
    }
}

async fn at_least(node: &Node, token: Token) -> Result<ReadPoint, ReadError> {
    node.read_at(token.store, &Consistency::AtLeastAsFresh(token), Some(Duration::from_secs(60))).await
}

async fn newest(node: &Node, store: &StoreInfo) -> Result<ReadPoint, ReadError> {
    node.read_at(store.id, &Consistency::MinimizeLatency, Some(Duration::from_secs(60))).await
}

/// Waits until an answer is not degraded: marks arrive.
async fn until_fresh(node: &Node, store: &StoreInfo) -> ReadPoint {
    let fresh = async {
        // As whoever names it does: until then, this node has not heard of it.
        while node.resolve(&store.name).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        loop {
            match newest(node, store).await {
                Ok(point) if !point.vintage.age().degraded => return point,
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    within("an answer is fresh", fresh).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_evaluator_without_a_database_follows_comes_back_and_forgets() {
    let (settings, folder) = (settings(), tempfile::tempdir().unwrap());
    let (feed, datastore) = published(&settings).await;
    let relay = relay(&feed, &settings);
    let writer = Writer::new(datastore, folder.path()).await;
    let first = writer.write(0).await;
    let node = evaluator(&settings, folder.path()).await;
    let follows = |node: Arc<Node>, token| async move {
        // Its name may come with the entry that is waited for.
        within("the store is known", async {
            while node.resolve("shop").await.is_err() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        let point = at_least(&node, token).await.unwrap();
        assert!(point.token.revision >= token.revision);
    };
    follows(Arc::clone(&node), first).await;
    for number in 1..50 {
        let token = writer.write(number).await;
        assert_eq!(at_least(&node, token).await.unwrap().token, token);
    }
    assert_eq!(until_fresh(&node, &writer.store).await.state.len(), 50);
    let strong = node.read_at(writer.store.id, &Consistency::FullyConsistent, Some(Duration::from_secs(5))).await;
    assert_eq!(strong.unwrap_err().code(), "DH-D031");
    node.close().await;

    // It dies; a file is made, and more is written while it is away.
    writer.node.create_snapshot(&writer.store, "tester").await.unwrap();
    let token = writer.write(50).await;
    let node = evaluator(&settings, folder.path()).await;
    follows(Arc::clone(&node), token).await;
    let point = until_fresh(&node, &writer.store).await;
    assert_eq!(
        (point.state.len(), point.state.recomputed_digest()),
        (51, *writer.node.applied(writer.store.id).await.unwrap().state.digest())
    );

    // The store is removed: the evaluator hears of it, though it has a file.
    writer.node.delete_store(writer.store.id).await.unwrap();
    let gone = async {
        while newest(&node, &writer.store).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the store is gone", gone).await;
    assert_eq!(newest(&node, &writer.store).await.unwrap_err().code(), "DH-D009");
    node.close().await;
    relay.stop().await;
}

/// Removes all messages that a topic has, as its retention does.
async fn forget_messages(settings: &Settings) {
    let admin: AdminClient<DefaultClientContext> = settings.admin().create().unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..3 {
        all.add_partition_offset(&settings.topic, partition, Offset::End).unwrap();
    }
    admin.delete_records(&all, &AdminOptions::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_topic_no_longer_has_is_a_gap_that_a_newer_file_heals() {
    let (settings, folder) = (settings(), tempfile::tempdir().unwrap());
    let (feed, datastore) = published(&settings).await;
    let relay = relay(&feed, &settings);
    let writer = Writer::new(datastore, folder.path()).await;
    writer.write(0).await;
    writer.node.create_snapshot(&writer.store, "tester").await.unwrap();
    let token = writer.write(1).await;
    let mut reader = Reader::default();
    reader.read_to(&mut follower(&settings).await, writer.store.id, token.revision).await;
    forget_messages(&settings).await;
    let last = writer.write(2).await;
    let node = evaluator(&settings, folder.path()).await;
    let gap = async {
        loop {
            match newest(&node, &writer.store).await {
                Err(error) if error.code() == "DH-D033" => return,
                // Until the last entry has come, nothing is known of the store at all.
                Err(error) => assert_eq!(error.code(), "DH-D032"),
                Ok(point) => panic!("{point:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within("the gap is met", gap).await;
    writer.node.create_snapshot(&writer.store, "tester").await.unwrap();
    let point = until_fresh(&node, &writer.store).await;
    assert_eq!((point.token, point.state.len()), (last, 3));
    node.close().await;
    relay.stop().await;
}

/// Acknowledgement on the server to visible on an evaluator that has Kafka alone. The figures are told, not asserted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_it_takes_to_an_evaluator() {
    use crate::clock::Clock as _;
    let (settings, folder) = (settings(), tempfile::tempdir().unwrap());
    let (feed, datastore) = published(&settings).await;
    let relay = relay(&feed, &settings);
    let writer = Writer::new(datastore, folder.path()).await;
    let node = evaluator(&settings, folder.path()).await;
    until_fresh(&node, &writer.store).await;
    let (clock, mut took) = (crate::clock::SystemClock::new(), Vec::new());
    for number in 0..300 {
        let token = writer.write(number).await;
        let acknowledged = clock.monotonic();
        at_least(&node, token).await.unwrap();
        took.push(clock.monotonic().saturating_sub(acknowledged));
    }
    took.sort_unstable();
    eprintln!("acknowledged to visible on an evaluator: p50 {:?}, p99 {:?}", took[took.len() / 2], took[took.len() * 99 / 100]);
    node.close().await;
    relay.stop().await;
}
