//! Nodes without a database: what they serve from, what they wait for and refuse, and how old they say that their answers are.

use std::path::Path;

use tempfile::TempDir;

use super::carrying::{carried, entry};
use super::following::look;
use super::history::other_history;
use super::*;
use crate::carried::Carried;
use crate::changelog::follow::{Followed, Spot};
use crate::changelog::message::{Incoming, MessageError};
use crate::limits::CARRIED_MARGIN;
use crate::snapshots::{Retention, SnapshotOptions, Verification};

const MARGIN: Duration = Duration::from_millis(CARRIED_MARGIN.value);

fn folder(path: &Path) -> Arc<Snapshots> {
    let retention = Retention { keep: 9, max_age: None };
    Snapshots::open(SnapshotOptions { folder: path.to_owned(), verification: Verification::Full, retention, every: None }).unwrap()
}

/// An evaluator, and a server with a database that writes files into the folder that both have.
struct Stage {
    writer: Bench,
    snapshots: TempDir,
    node: Arc<Node>,
    carried: Arc<Carried>,
}

impl Stage {
    /// An evaluator that reads one partition from this place on.
    async fn new(writer: Bench, snapshots: TempDir, begins: i64) -> Self {
        let steady = SteadyClock::new(Arc::new(writer.clock.clone()), Limits::default().max_clock_skew);
        let files = folder(snapshots.path());
        let carried = Carried::new(Arc::clone(&files), steady.clone(), 1 << 20);
        carried.begin(&[Spot { partition: 0, offset: begins }]);
        let datastore = Arc::clone(&carried) as Arc<dyn Datastore>;
        let node = Node::open(datastore, steady, &Limits::default(), ForeignTokens::Answer, Some(files), Memory::default()).await.unwrap();
        Self { writer, snapshots, node, carried }
    }

    async fn begun(begins: i64) -> Self {
        Self::new(Bench::new().await, tempfile::tempdir().unwrap(), begins).await
    }

    /// Writes so many tuples, one after the other.
    async fn write(&self, count: usize) -> Token {
        let mut last = self.writer.newest().await.token;
        for _ in 0..count {
            last = self.writer.touch(&format!("doc:{}#viewer@user:ada", last.revision)).await;
        }
        last
    }

    /// Writes a file of the store where the writer is.
    async fn snapshot(&self) {
        let info = self.writer.node.resolve("main").await.unwrap();
        let server = booting(
            self.writer.faulty.inner(),
            &self.writer.clock,
            Limits::default(),
            ForeignTokens::Answer,
            Some(folder(self.snapshots.path())),
        );
        server.await.create_snapshot(&info, "tester").await.unwrap();
    }

    async fn take(&self, followed: Followed) {
        self.node.take_in(Some(&self.carried), followed).await;
    }

    async fn log(&self) -> Vec<Incoming> {
        carried(&self.writer.faulty.inner(), self.writer.store, 0).await
    }

    /// Carries the entries with these revisions.
    async fn carry(&self, revisions: impl IntoIterator<Item = u64>) {
        let log = self.log().await;
        for revision in revisions {
            self.take(entry(&log[usize::try_from(revision).unwrap() - 1])).await;
        }
    }

    /// A mark of the time that it is.
    async fn mark(&self) {
        let time = noon().plus_microseconds(i64::try_from(self.writer.clock_passed().as_micros()).unwrap());
        self.take(Followed::Mark { at: Spot { partition: 0, offset: 100 }, time }).await;
    }

    /// All that the topic had is read.
    async fn caught_up(&self) {
        self.mark().await;
        self.take(Followed::CaughtUp).await;
    }

    async fn read(&self, consistency: Consistency) -> Result<ReadPoint, ReadError> {
        self.node.read_at(self.writer.store, &consistency, Some(Duration::from_secs(20))).await
    }

    async fn newest(&self) -> ReadPoint {
        self.read(Consistency::MinimizeLatency).await.unwrap()
    }

    async fn code(&self, consistency: Consistency) -> &'static str {
        self.read(consistency).await.unwrap_err().code()
    }
}

impl Bench {
    fn clock_passed(&self) -> Duration {
        use crate::clock::Clock as _;
        Duration::from_micros(u64::try_from(self.clock.now().microseconds() - noon().microseconds()).unwrap())
    }
}

#[tokio::test]
async fn a_store_is_served_from_its_beginning_and_ages_when_the_relay_is_silent() {
    let stage = Stage::begun(0).await;
    let token = stage.write(4).await;
    stage.carry(1..=5).await;
    stage.caught_up().await;
    assert_eq!(stage.node.resolve("main").await.unwrap().id, stage.writer.store);
    let point = stage.newest().await;
    assert_eq!((point.token, point.vintage.age().age, point.vintage.age().degraded), (token, Duration::ZERO, false));
    assert_eq!(tuples(&point), tuples(&stage.writer.newest().await));
    // Looks find the same, and tell how old that is.
    stage.writer.clock.pass(Duration::from_secs(4));
    assert!(look(&stage.node).await);
    let point = stage.newest().await;
    assert_eq!((point.vintage.age().age, point.vintage.age().degraded), (Duration::from_secs(4), false));
    stage.mark().await;
    assert!(look(&stage.node).await);
    assert_eq!(stage.newest().await.vintage.age().age, Duration::ZERO);
    stage.writer.clock.pass(Duration::from_secs(6));
    assert!(look(&stage.node).await);
    assert!(stage.newest().await.vintage.age().degraded);
    let status = stage.node.status(|_| true).await;
    assert_eq!((status.role, status.stores[0].degraded, status.stores[0].lag.unwrap().revisions), (crate::role::Role::Evaluator, true, 0));
    stage.writer.clock.pass(Duration::from_secs(900));
    assert!(look(&stage.node).await);
    assert_eq!(stage.code(Consistency::MinimizeLatency).await, "DH-R017");
    stage.mark().await;
    assert!(look(&stage.node).await);
    assert!(!stage.newest().await.vintage.age().degraded);
}

#[tokio::test]
async fn what_needs_a_database_or_writes_is_refused() {
    let stage = Stage::begun(0).await;
    let token = stage.write(2).await;
    stage.carry(1..=3).await;
    stage.caught_up().await;
    assert_eq!(stage.code(Consistency::FullyConsistent).await, "DH-D031");
    let foreign = Token { chain: ChainPrefix(*b"anotherc"), ..token };
    assert_eq!(stage.code(Consistency::AtLeastAsFresh(foreign)).await, "DH-D031", "nobody says what is newest");
    assert_eq!(stage.read(Consistency::AtExactSnapshot(token)).await.unwrap().token, token);
    let written = stage.node.write(stage.writer.store, touch("doc:1#viewer@user:ada"), None).await.unwrap_err();
    assert_eq!(written.code(), "DH-D030");
    assert_eq!(stage.node.create_store("new").await.unwrap_err().code(), "DH-D030");
    assert_eq!(stage.node.delete_store(stage.writer.store).await.unwrap_err().code(), "DH-D030");
    assert!(!stage.node.contact().borrow().takes_writes());
    assert!(look(&stage.node).await);
    assert!(!stage.node.contact().borrow().takes_writes());
}

#[tokio::test]
async fn a_token_waits_until_its_revision_is_carried() {
    let stage = Stage::begun(0).await;
    stage.write(2).await;
    stage.carry(1..=3).await;
    stage.caught_up().await;
    stage.newest().await;
    let token = stage.write(1).await;
    let (node, store) = (Arc::clone(&stage.node), stage.writer.store);
    let reading =
        tokio::spawn(async move { node.read_at(store, &Consistency::AtLeastAsFresh(token), Some(Duration::from_secs(60))).await });
    while stage.node.host(store).await.unwrap().fold().nobody_waits() {
        tokio::task::yield_now().await;
    }
    stage.carry([4]).await;
    assert_eq!(reading.await.unwrap().unwrap().token, token);
    let next = Token { revision: 5, ..token };
    let late = stage.node.read_at(store, &Consistency::AtLeastAsFresh(next), Some(Duration::from_millis(50))).await.unwrap_err();
    assert_eq!(late.code(), "DH-D031");
}

#[tokio::test]
async fn a_store_boots_from_a_file_that_the_changelog_goes_on_from() {
    for begins in [3, 4] {
        let stage = Stage::begun(7).await;
        stage.write(2).await;
        stage.snapshot().await;
        let token = stage.write(3).await;
        // Either an entry at the file's revision, or the next one, tells that it is in the history.
        stage.carry(begins..=6).await;
        stage.caught_up().await;
        let point = stage.newest().await;
        assert_eq!((point.token, tuples(&point)), (token, tuples(&stage.writer.newest().await)));
        assert_eq!(point.state.recomputed_digest(), *point.state.digest());
    }
}

#[tokio::test]
async fn before_the_topic_is_read_nothing_is_served() {
    let stage = Stage::begun(0).await;
    stage.write(2).await;
    stage.carry(1..=3).await;
    // Its name is in the topic.
    stage.node.refresh_stores().await.unwrap();
    let read = stage.node.read_at(stage.writer.store, &Consistency::MinimizeLatency, Some(Duration::from_millis(50))).await;
    assert_eq!(read.unwrap_err().code(), "DH-R015");
    stage.caught_up().await;
    stage.newest().await;
}

#[tokio::test]
async fn a_file_of_which_nothing_was_carried_is_taken_only_if_the_topic_was_read_from_before_it() {
    let writer = Bench::new().await;
    writer.clock.pass(2 * MARGIN);
    let stage = Stage::new(writer, tempfile::tempdir().unwrap(), 7).await;
    stage.write(2).await;
    stage.snapshot().await;
    // The folder is looked at now and then.
    stage.writer.clock.pass(Duration::from_secs(6));
    stage.node.refresh_stores().await.unwrap();
    stage.caught_up().await;
    assert_eq!(stage.code(Consistency::MinimizeLatency).await, "DH-D032", "what came before the first mark is not known");
    let Stage { writer, snapshots, .. } = stage;
    let stage = Stage::new(writer, snapshots, 7).await;
    let early = noon().plus_microseconds(i64::try_from(MARGIN.as_micros()).unwrap());
    stage.take(Followed::Mark { at: Spot { partition: 0, offset: 8 }, time: early }).await;
    stage.caught_up().await;
    assert_eq!(stage.newest().await.token.revision, 3);
}

#[tokio::test]
async fn a_file_ahead_of_the_changelog_waits_for_it_and_an_older_one_is_taken() {
    let stage = Stage::begun(7).await;
    stage.write(2).await;
    stage.snapshot().await;
    stage.write(2).await;
    stage.carry([2, 3, 4]).await;
    stage.caught_up().await;
    stage.snapshot().await;
    assert_eq!(stage.newest().await.token.revision, 4, "out of the older file");
    let Stage { writer, snapshots, .. } = stage;
    let stage = Stage::new(writer, snapshots, 7).await;
    stage.node.refresh_stores().await.unwrap();
    let old = std::fs::read_dir(stage.snapshots.path()).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    std::fs::remove_file(old).unwrap();
    stage.carry([4]).await;
    stage.caught_up().await;
    assert_eq!(stage.code(Consistency::MinimizeLatency).await, "DH-D032");
    stage.carry([5]).await;
    assert_eq!(stage.newest().await.token.revision, 5);
}

#[tokio::test]
async fn a_gap_keeps_the_store_from_being_loaded_until_there_is_a_newer_file() {
    let stage = Stage::begun(7).await;
    stage.write(1).await;
    stage.snapshot().await;
    stage.write(4).await;
    stage.carry([5, 6]).await;
    stage.caught_up().await;
    assert_eq!(stage.code(Consistency::MinimizeLatency).await, "DH-D033");
    stage.snapshot().await;
    assert_eq!(stage.newest().await.token.revision, 6);
}

#[tokio::test]
async fn a_gap_while_following_ages_the_answers_until_a_newer_file_heals_it() {
    let stage = Stage::begun(0).await;
    stage.write(5).await;
    stage.carry(1..=3).await;
    stage.caught_up().await;
    assert_eq!(stage.newest().await.token.revision, 3);
    stage.carry([5, 6]).await;
    stage.writer.clock.pass(Duration::from_secs(7));
    stage.mark().await;
    assert!(look(&stage.node).await);
    let point = stage.newest().await;
    assert_eq!((point.token.revision, point.vintage.age().age, point.vintage.age().degraded), (3, Duration::from_secs(7), true));
    stage.snapshot().await;
    assert!(look(&stage.node).await);
    let point = stage.newest().await;
    assert_eq!((point.token.revision, point.vintage.age().age, point.vintage.age().degraded), (6, Duration::ZERO, false));
}

#[tokio::test]
async fn a_history_that_is_published_anew_takes_the_place_of_a_lost_one() {
    let stage = Stage::begun(0).await;
    let lost = stage.write(3).await;
    stage.carry(1..=4).await;
    stage.caught_up().await;
    assert_eq!(stage.newest().await.token, lost);
    stage.writer.faulty.exchange(other_history(&stage.writer, &["doc:9#viewer@user:eve"]).await);
    let mut log = stage.log().await;
    log[0].anew = true;
    for incoming in &log {
        stage.take(entry(incoming)).await;
    }
    stage.mark().await;
    assert!(look(&stage.node).await);
    let point = stage.newest().await;
    assert_eq!((point.token.revision, tuples(&point)), (2, vec!["doc:9#viewer@user:eve".to_owned()]));
    let late = stage.node.read_at(stage.writer.store, &Consistency::AtExactSnapshot(lost), Some(Duration::from_millis(50))).await;
    assert_eq!(late.unwrap_err().code(), "DH-D031", "it is never taken for one of the new history");
}

#[tokio::test]
async fn a_file_of_a_lost_history_is_not_taken() {
    let writer = Bench::new().await;
    let stage = Stage::new(writer, tempfile::tempdir().unwrap(), 7).await;
    stage.write(2).await;
    stage.snapshot().await;
    let others = ["doc:9#viewer@user:eve", "doc:8#viewer@user:eve", "doc:7#viewer@user:eve"];
    stage.writer.faulty.exchange(other_history(&stage.writer, &others).await);
    stage.node.refresh_stores().await.unwrap();
    stage.carry([3, 4]).await;
    stage.caught_up().await;
    assert_eq!(stage.code(Consistency::MinimizeLatency).await, "DH-D032");
    stage.snapshot().await;
    assert_eq!(tuples(&stage.newest().await).len(), 3);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_leaves_answers_undated_until_the_next_entry() {
    let stage = Stage::begun(0).await;
    stage.write(3).await;
    stage.carry(1..=3).await;
    stage.caught_up().await;
    stage.newest().await;
    let (at, store) = (Spot { partition: 0, offset: 9 }, Some(stage.writer.store));
    stage.take(Followed::Unreadable { at, store, error: MessageError::Format { found: 2 } }).await;
    stage.writer.clock.pass(Duration::from_secs(3));
    stage.mark().await;
    assert!(look(&stage.node).await);
    assert_eq!(stage.newest().await.vintage.age().age, Duration::from_secs(3));
    stage.carry([4]).await;
    assert!(look(&stage.node).await);
    let point = stage.newest().await;
    assert_eq!((point.token.revision, point.vintage.age().age), (4, Duration::ZERO));
}

#[tokio::test]
async fn a_removed_store_is_forgotten_and_its_files_bring_it_back_not() {
    let stage = Stage::begun(0).await;
    stage.write(1).await;
    stage.snapshot().await;
    stage.carry(1..=2).await;
    stage.caught_up().await;
    stage.newest().await;
    stage.take(Followed::Gone { at: Spot { partition: 0, offset: 9 }, store: stage.writer.store }).await;
    assert_eq!(stage.code(Consistency::MinimizeLatency).await, "DH-D009");
    assert!(matches!(stage.node.resolve("main").await, Err(ReadError::NoStore { .. })));
    stage.node.refresh_stores().await.unwrap();
    assert_eq!(stage.node.stores(10, |_| true), []);
}
