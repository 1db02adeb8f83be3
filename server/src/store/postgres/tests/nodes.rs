//! Nodes that share a database, as far as a read of the head takes them.

use std::time::Duration;

use futures_util::StreamExt;

use super::*;
use crate::clock::{Clock as _, ManualClock, SteadyClock, SystemClock, microseconds};
use crate::config::{ForeignTokens, Memory};
use crate::limits::Limits;
use crate::node::{Consistency, Node, ReadError, ReadPoint};
use crate::snapshots::{Place, Retention, SnapshotOptions, Snapshots, Verification};

pub(super) async fn node(scratch: &Scratch) -> Arc<Node> {
    let limits = Limits::default();
    let clock = SteadyClock::new(Arc::new(ManualClock::at(at(0))), limits.max_clock_skew);
    Node::open(Arc::new(scratch.open().await), clock, &limits, ForeignTokens::Answer, None, Memory::default()).await.unwrap()
}

/// A node that boots stores from the snapshots of a folder.
async fn booting(scratch: &Scratch, folder: &std::path::Path) -> Arc<Node> {
    let limits = Limits::default();
    let clock = SteadyClock::new(Arc::new(ManualClock::at(at(0))), limits.max_clock_skew);
    let options =
        SnapshotOptions { folder: folder.to_owned(), verification: Verification::Full, retention: Retention::default(), every: None };
    let snapshots = Some(Snapshots::open(options).unwrap());
    Node::open(Arc::new(scratch.open().await), clock, &limits, ForeignTokens::Answer, snapshots, Memory::default()).await.unwrap()
}

pub(super) async fn read(node: &Node, store: StoreId, consistency: Consistency) -> Result<ReadPoint, ReadError> {
    node.read_at(store, &consistency, None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_writes_another_answers_by_the_token_and_at_the_head() {
    let scratch = Scratch::migrated().await;
    let (one, two) = (node(&scratch).await, node(&scratch).await);
    let store = one.create_store("main").await.unwrap().id;
    assert_eq!(two.resolve("main").await.unwrap().id, store);
    two.write_schema(store, schema_command(SCHEMA), None).await.unwrap();
    for round in 0..5 {
        for (writer, reader, n) in [(&one, &two, 0), (&two, &one, 1)] {
            let write = command(&format!("{round}-{n}"), [create(&format!("doc:{round}#viewer@user:{n}"))]);
            let token = writer.write(store, write, None).await.unwrap().token;
            assert_eq!(token.revision, 2 + 2 * round + n);
            for consistency in [Consistency::AtLeastAsFresh(token), Consistency::AtExactSnapshot(token), Consistency::FullyConsistent] {
                assert_eq!(read(reader, store, consistency).await.unwrap().token, token);
            }
        }
    }
    let (here, there) =
        (read(&one, store, Consistency::FullyConsistent).await.unwrap(), read(&two, store, Consistency::FullyConsistent).await.unwrap());
    assert_eq!((here.state.position(), here.state.digest()), (there.state.position(), there.state.digest()));
}

/// Their machines' clocks are years apart; what one writes to end in an hour ends in an hour everywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_have_the_databases_time_whatever_their_machines_say() {
    let scratch = Scratch::migrated().await;
    let system = SystemClock::new();
    let hour = Duration::from_secs(3_600);
    let limits = Limits::default();
    let (mut nodes, mut manuals) = (Vec::new(), Vec::new());
    for wall in [at(0), system.now(), system.now().plus_microseconds(10 * microseconds(hour))] {
        let manual = ManualClock::at(wall);
        let clock = SteadyClock::new(Arc::new(manual.clone()), limits.max_clock_skew);
        let database = Arc::new(scratch.open().await);
        let node = Node::open(database, clock.clone(), &limits, ForeignTokens::Answer, None, Memory::default()).await.unwrap();
        nodes.push((node, clock));
        manuals.push(manual);
    }
    let store = nodes[0].0.create_store("main").await.unwrap().id;
    let schema = "use expiration definition user {} definition doc { relation viewer: user with expiration permission view = viewer }";
    nodes[0].0.write_schema(store, schema_command(schema), None).await.unwrap();
    let expires = system.now().plus_microseconds(microseconds(hour));
    let mut times = Vec::new();
    for (number, (node, _)) in nodes.iter().enumerate() {
        assert_eq!(node.resolve("main").await.unwrap().id, store);
        let write = command(&number.to_string(), [create(&format!("doc:{number}#viewer@user:ada[expiration:{expires}]"))]);
        node.write(store, write, None).await.unwrap();
        times.push(read(node, store, Consistency::FullyConsistent).await.unwrap().state.position().time);
    }
    for time in times {
        let off = time.microseconds() - system.now().microseconds();
        assert!(off.abs() < microseconds(Duration::from_secs(60)), "{off}");
    }
    for (node, _) in &nodes {
        let point = read(node, store, Consistency::FullyConsistent).await.unwrap();
        assert!(point.time < expires, "{}", point.time);
    }
    // Two of three machines are told that their clock is wrong, and only as long as it is.
    let wrong = || nodes.iter().map(|(_, clock)| clock.skew_us().is_some()).collect::<Vec<_>>();
    assert_eq!(wrong(), [true, false, true]);
    manuals[2].jump_microseconds(-10 * microseconds(hour));
    nodes[2].0.start();
    while wrong()[2] {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(wrong(), [true, false, false]);
    nodes[2].0.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_another_node_removed_is_forgotten_where_that_is_found() {
    let scratch = Scratch::migrated().await;
    let (one, two) = (node(&scratch).await, node(&scratch).await);
    let old = one.create_store("main").await.unwrap().id;
    assert_eq!(two.resolve("main").await.unwrap().id, old);
    read(&two, old, Consistency::FullyConsistent).await.unwrap();
    one.delete_store(old).await.unwrap();
    let new = one.create_store("main").await.unwrap().id;
    let gone = read(&two, old, Consistency::FullyConsistent).await.unwrap_err();
    assert_eq!(gone.code(), "DH-D009", "{gone}");
    assert_eq!(two.resolve("main").await.unwrap().id, new);
    two.refresh_stores().await.unwrap();
    assert_eq!(two.stores(10, |_| true).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_booted_from_a_file_and_the_log_is_the_one_of_the_table() {
    let (scratch, folder) = (Scratch::migrated().await, tempfile::tempdir().unwrap());
    let one = booting(&scratch, folder.path()).await;
    let info = one.create_store("main").await.unwrap();
    one.write_schema(info.id, schema_command(SCHEMA), None).await.unwrap();
    let write = async |number: u32| {
        let tuple = create(&format!("doc:{}#viewer@user:{}", number * 17 % 61, number % 5));
        one.write(info.id, command(&number.to_string(), [tuple]), None).await.unwrap().token
    };
    for number in 0..30 {
        write(number).await;
    }
    let (file, snapshot) = one.create_snapshot(&info, "tester").await.unwrap();
    assert_eq!(one.verify_place(&Place::from(snapshot.head())).await.unwrap(), file.revision);
    for number in 30..60 {
        write(number).await;
    }
    let newest = Consistency::MinimizeLatency;
    let (file, table) = (booting(&scratch, folder.path()).await, node(&scratch).await);
    let (file, table) = (read(&file, info.id, newest).await.unwrap(), read(&table, info.id, newest).await.unwrap());
    assert_eq!((file.token, file.state.digest()), (table.token, table.state.digest()));
    assert_eq!(file.state.recomputed_digest(), *table.state.digest());
    let filter = dhow_engine::filter::TupleFilter::default();
    assert!(file.state.scan(&filter, None).eq(table.state.scan(&filter, None)));
    // Mapped: what the table gave is in memory of its own.
    let bytes = |point: &ReadPoint| point.state.accounts().overlay_bytes;
    assert!(bytes(&file) > bytes(&table), "{} {}", bytes(&file), bytes(&table));
}

/// Acknowledgement on one node to visible on the other, as somebody who watches there sees it. The figures are told, not asserted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_follows_shows_each_write_of_another() {
    let scratch = Scratch::migrated().await;
    let (one, two) = (node(&scratch).await, node(&scratch).await);
    one.start();
    two.start();
    let store = one.create_store("main").await.unwrap().id;
    one.write_schema(store, schema_command(SCHEMA), None).await.unwrap();
    let begin = read(&two, one.resolve("main").await.unwrap().id, Consistency::FullyConsistent).await;
    // The other node has not heard of the store yet: whoever names it makes it ask.
    assert_eq!(begin.unwrap_err().code(), "DH-D009");
    assert_eq!(two.resolve("main").await.unwrap().id, store);
    let begin = read(&two, store, Consistency::FullyConsistent).await.unwrap().token;
    let mut seen = Box::pin(two.watch(store, begin).await.unwrap());
    let clock = SystemClock::new();
    let mut took = Vec::new();
    for n in 0..200 {
        let token = one.write(store, command(&format!("r{n}"), [create(&format!("doc:{n}#viewer@user:1"))]), None).await.unwrap().token;
        let acknowledged = clock.monotonic();
        assert_eq!(seen.next().await.unwrap().unwrap().token, token);
        took.push(clock.monotonic().saturating_sub(acknowledged));
        assert_eq!(read(&two, store, Consistency::MinimizeLatency).await.unwrap().token, token);
    }
    took.sort_unstable();
    eprintln!("acknowledged to visible on the other node: p50 {:?}, p99 {:?}", took[took.len() / 2], took[took.len() * 99 / 100]);
    for node in [one, two] {
        node.close().await;
    }
}
