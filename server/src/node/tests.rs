//! The node on a real database: freshness, tokens, forks, faults, watchers, shutting down.

mod carrying;
mod evaluating;
mod faults;
mod faulty;
mod following;
mod freshness;
mod history;
mod memory;
mod scrub;
mod simulation;
mod snapshots;
mod tending;
mod watching;

use std::sync::Arc;
use std::time::Duration;

use dhow_engine::entry::SchemaSource;
use dhow_engine::time::Timestamp;

use super::token::{ChainPrefix, Token};
use super::*;
use crate::clock::ManualClock;
use crate::store::sqlite::SqliteStore;
use crate::store::{ChangeRequest, SchemaCommand, WriteCommand, WriteError};
use faulty::Faulty;

const SCHEMA: &str = "definition user {} definition doc { relation viewer: user permission view = viewer }";

/// A node on a database in memory, its clock, and one store with a schema (revision 1).
struct Bench {
    node: Arc<Node>,
    faulty: Arc<Faulty>,
    clock: ManualClock,
    store: StoreId,
}

fn noon() -> Timestamp {
    "2030-01-01T12:00:00Z".parse().unwrap()
}

async fn database() -> Arc<dyn Datastore> {
    Arc::new(SqliteStore::in_memory().await.unwrap())
}

async fn node(datastore: Arc<dyn Datastore>, clock: &ManualClock, limits: Limits, foreign: ForeignTokens) -> Arc<Node> {
    booting(datastore, clock, limits, foreign, None).await
}

/// A node that boots stores from snapshots, if it has some.
async fn booting(
    datastore: Arc<dyn Datastore>,
    clock: &ManualClock,
    limits: Limits,
    foreign: ForeignTokens,
    snapshots: Option<Arc<Snapshots>>,
) -> Arc<Node> {
    let steady = SteadyClock::new(Arc::new(clock.clone()), limits.max_clock_skew);
    Node::open(datastore, steady, &limits, foreign, snapshots, Memory::default()).await.unwrap()
}

impl Bench {
    async fn new() -> Self {
        Self::with(Limits::default(), ForeignTokens::Answer).await
    }

    async fn with(limits: Limits, foreign: ForeignTokens) -> Self {
        let clock = ManualClock::at(noon());
        let faulty = Arc::new(Faulty::new(database().await));
        let node = node(Arc::clone(&faulty) as Arc<dyn Datastore>, &clock, limits, foreign).await;
        let store = node.create_store("main").await.unwrap().id;
        let bench = Self { node, faulty, clock, store };
        bench.schema(SCHEMA).await.unwrap();
        bench
    }

    async fn schema(&self, text: &str) -> Result<Token, crate::store::SchemaWriteError> {
        let command = SchemaCommand {
            source: SchemaSource::native(text),
            expected_version: None,
            allow_orphans: false,
            actor: "tester".into(),
            dry_run: false,
        };
        self.node.write_schema(self.store, command, None).await.map(|outcome| outcome.token)
    }

    async fn touch(&self, tuple: &str) -> Token {
        self.try_touch(tuple).await.unwrap()
    }

    async fn try_touch(&self, tuple: &str) -> Result<Token, WriteError> {
        self.node.write(self.store, touch(tuple), None).await.map(|outcome| outcome.token)
    }

    async fn read(&self, consistency: Consistency) -> Result<ReadPoint, ReadError> {
        self.node.read_at(self.store, &consistency, Some(Duration::from_secs(20))).await
    }

    async fn newest(&self) -> ReadPoint {
        self.read(Consistency::MinimizeLatency).await.unwrap()
    }
}

fn touch(tuple: &str) -> WriteCommand {
    touch_as(tuple, &uuid::Uuid::now_v7().to_string())
}

fn touch_as(tuple: &str, request_id: &str) -> WriteCommand {
    WriteCommand {
        changes: vec![ChangeRequest::Touch(tuple.parse().unwrap())],
        preconditions: Vec::new(),
        request_id: request_id.to_owned(),
        actor: "tester".into(),
        dry_run: false,
    }
}

/// The tuples of a state, as text.
fn tuples(point: &ReadPoint) -> Vec<String> {
    point.state.scan(&dhow_engine::filter::TupleFilter::default(), None).map(|tuple| tuple.to_string()).collect()
}
