//! Who puts waiting writes into one transaction: one committer for each store that this server writes.
//!
//! A transaction costs a sync of the disk, so writes that wait while one is under way share the next one (group commit). Each keeps a
//! revision of its own, sees the ones before it, and succeeds or fails alone. A writer is answered after its transaction is durable
//! *and* this node has applied it.
//!
//! The committer knows the database as a [`Datastore`] and the node as a [`Follower`]; it decides nothing about a write.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use dhow_engine::entry::StoreId;
use dhow_engine::time::Timestamp;
use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::{
    Committed, Datastore, DatastoreError, LogRecord, RequestOutcome, SchemaCommand, SchemaCommitted, SchemaWriteError, WriteCommand,
    WriteError,
};
use crate::clock::Reading;
use crate::limits::{BATCH_CHANGES, BATCH_WRITES, WRITES_WAITING};

/// The node's fold of the store.
#[async_trait]
pub(crate) trait Follower: Send + Sync {
    /// The store's time, and whether the clock can be believed.
    fn read_clock(&self) -> Reading;

    /// Applies what was committed, so that this node answers at `revision` or later. `record` is the entry with that revision, where
    /// it is at hand.
    ///
    /// # Errors
    /// When this node cannot serve the store's history.
    async fn follow(&self, revision: u64, record: Option<&LogRecord>) -> Result<(), DatastoreError>;
}

/// A write that waits, and who waits for its outcome.
#[derive(Debug)]
struct Waiting<C, O, E> {
    command: C,
    reply: oneshot::Sender<Result<O, E>>,
}

type WaitingWrite = Waiting<WriteCommand, Committed, WriteError>;
type WaitingSchema = Waiting<SchemaCommand, SchemaCommitted, SchemaWriteError>;

#[derive(Debug)]
enum Job {
    Write(WaitingWrite),
    Schema(WaitingSchema),
}

/// The way to a store's committer. Dropping it ends the committer once it has done what waits.
#[derive(Debug)]
pub(crate) struct Committer {
    jobs: mpsc::Sender<Job>,
}

impl Committer {
    /// Starts the committer of a store. It ends after `closing` has turned true and what waited is done.
    pub(crate) fn start(
        store: StoreId,
        datastore: Arc<dyn Datastore>,
        follower: Arc<dyn Follower>,
        closing: watch::Receiver<bool>,
    ) -> (Self, JoinHandle<()>) {
        let (jobs, waiting) = mpsc::channel(WRITES_WAITING.count());
        let worker = Worker { store, datastore, follower };
        (Self { jobs }, tokio::spawn(worker.run(waiting, closing)))
    }

    /// Writes, and waits until the write is durable and applied. One that nobody waits for any more is carried out all the same.
    ///
    /// # Errors
    /// When it is refused, or its outcome is not known.
    pub(crate) async fn write(&self, command: WriteCommand) -> Result<Committed, WriteError> {
        let request_id = command.request_id.clone();
        let (reply, outcome) = oneshot::channel();
        self.enqueue(Job::Write(Waiting { command, reply })).map_err(|refused| match refused {
            NotQueued::Full => WriteError::Overloaded { waiting: WRITES_WAITING.count() },
            NotQueued::Closed => WriteError::ShuttingDown,
        })?;
        outcome.await.unwrap_or_else(|_| Err(WriteError::Unknown { request_id, source: DatastoreError::Closed }))
    }

    /// Writes a schema version, and waits until it is durable and applied.
    ///
    /// # Errors
    /// When it is refused, or its outcome is not known.
    pub(crate) async fn write_schema(&self, command: SchemaCommand) -> Result<SchemaCommitted, SchemaWriteError> {
        let (reply, outcome) = oneshot::channel();
        self.enqueue(Job::Schema(Waiting { command, reply })).map_err(|refused| match refused {
            NotQueued::Full => SchemaWriteError::Overloaded { waiting: WRITES_WAITING.count() },
            NotQueued::Closed => SchemaWriteError::ShuttingDown,
        })?;
        outcome.await.unwrap_or(Err(SchemaWriteError::Datastore(DatastoreError::Closed)))
    }

    fn enqueue(&self, job: Job) -> Result<(), NotQueued> {
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotQueued::Full,
            mpsc::error::TrySendError::Closed(_) => NotQueued::Closed,
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum NotQueued {
    Full,
    Closed,
}

struct Worker {
    store: StoreId,
    datastore: Arc<dyn Datastore>,
    follower: Arc<dyn Follower>,
}

impl Worker {
    async fn run(self, mut waiting: mpsc::Receiver<Job>, mut closing: watch::Receiver<bool>) {
        let mut held = None;
        loop {
            let job = match held.take() {
                Some(job) => Some(job),
                None => next(&mut waiting, &mut closing).await,
            };
            match job {
                None => return,
                Some(Job::Schema(schema)) => self.outlive(self.commit_schema(schema)).await,
                Some(Job::Write(first)) => {
                    let batch;
                    (batch, held) = gather(first, &mut waiting);
                    self.outlive(self.commit(batch)).await;
                }
            }
        }
    }

    /// Does some work, and goes on if it panics: one write that hits a defect must not end all later ones. Its writers are told that
    /// the outcome is not known; the database rolls back what was under way.
    async fn outlive(&self, work: impl Future<Output = ()>) {
        // What a panic can leave half done is guarded: transactions end with their connection, the fold is a function of the log.
        if AssertUnwindSafe(work).catch_unwind().await.is_err() {
            tracing::error!(store = %self.store, "the committer of a store panicked and goes on");
        }
    }

    async fn commit(&self, batch: Vec<WaitingWrite>) {
        let now = match self.believable_time() {
            Ok(now) => now,
            Err(ahead_s) => return batch.into_iter().for_each(|one| answer(one.reply, Err(WriteError::ClockJumped { ahead_s }))),
        };
        let (commands, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|one| (one.command, one.reply)).unzip();
        match self.datastore.write(self.store, now, &commands).await {
            Ok(outcomes) => self.answer_all(&commands, outcomes, replies).await,
            Err(error @ (DatastoreError::Sql { .. } | DatastoreError::Corrupt { .. })) if commands.len() > 1 => {
                tracing::warn!(store = %self.store, writes = commands.len(), "a batch of writes failed and is tried one by one: {error}");
                for (command, reply) in commands.into_iter().zip(replies) {
                    self.commit_alone(now, command, reply).await;
                }
            }
            Err(error) => {
                for (command, reply) in commands.into_iter().zip(replies) {
                    answer(reply, self.after_failure(&command, now, error.clone()).await);
                }
            }
        }
    }

    async fn commit_alone(&self, now: Timestamp, command: WriteCommand, reply: oneshot::Sender<Result<Committed, WriteError>>) {
        let commands = [command];
        match self.datastore.write(self.store, now, &commands).await {
            Ok(outcomes) => self.answer_all(&commands, outcomes, vec![reply]).await,
            Err(error) => {
                let [command] = commands;
                answer(reply, self.after_failure(&command, now, error).await);
            }
        }
    }

    /// Applies what was committed, in order, and answers.
    async fn answer_all(
        &self,
        commands: &[WriteCommand],
        outcomes: Vec<Result<Committed, WriteError>>,
        replies: Vec<oneshot::Sender<Result<Committed, WriteError>>>,
    ) {
        for ((command, outcome), reply) in commands.iter().zip(outcomes).zip(replies) {
            let outcome = match outcome {
                Ok(committed) => self.applied(command, committed).await,
                Err(refused) => Err(refused),
            };
            answer(reply, outcome);
        }
    }

    async fn applied(&self, command: &WriteCommand, committed: Committed) -> Result<Committed, WriteError> {
        let revision = committed.written.revision;
        match self.follower.follow(revision, committed.record.as_ref()).await {
            Ok(()) => Ok(committed),
            Err(source) => Err(WriteError::NotApplied { request_id: command.request_id.clone(), revision, source: shared(source) }),
        }
    }

    /// What became of a write whose transaction failed: mostly nothing; where the database did not say, its request id tells.
    async fn after_failure(&self, command: &WriteCommand, now: Timestamp, error: DatastoreError) -> Result<Committed, WriteError> {
        let DatastoreError::CommitUnknown { source } = &error else { return Err(WriteError::Datastore(error)) };
        let request_id = command.request_id.clone();
        match self.datastore.request(self.store, &request_id, now).await {
            Ok(Some(RequestOutcome { payload, written, .. })) if payload == command.payload() => {
                self.applied(command, Committed { written, record: None, repeated: false }).await
            }
            // Nothing is kept for a dry run, and nothing was written by it. So this is known now: nothing is in, and why.
            Ok(Some(_) | None) => {
                Err(WriteError::Datastore(DatastoreError::Sql { doing: "commit a transaction", source: Arc::clone(source) }))
            }
            Err(source) => Err(WriteError::Unknown { request_id, source }),
        }
    }

    async fn commit_schema(&self, waiting: WaitingSchema) {
        let Waiting { command, reply } = waiting;
        let outcome = match self.believable_time() {
            Ok(now) => self.datastore.write_schema(self.store, now, &command).await,
            Err(ahead_s) => Err(SchemaWriteError::ClockJumped { ahead_s }),
        };
        let outcome = match outcome {
            Ok(committed) => match self.follower.follow(committed.revision, committed.record.as_ref()).await {
                Ok(()) => Ok(committed),
                Err(source) => Err(SchemaWriteError::NotApplied { revision: committed.revision, source: shared(source) }),
            },
            Err(error) => Err(error),
        };
        answer(reply, outcome);
    }

    /// The time for new entries; or by how many seconds the clock has jumped ahead.
    fn believable_time(&self) -> Result<Timestamp, i64> {
        let Reading { now, jumped_ahead_us } = self.follower.read_clock();
        jumped_ahead_us.map_or(Ok(now), |ahead_us| Err(ahead_us / 1_000_000))
    }
}

/// The next job; `None` when there will be no more.
async fn next(waiting: &mut mpsc::Receiver<Job>, closing: &mut watch::Receiver<bool>) -> Option<Job> {
    if !waiting.is_closed() {
        tokio::select! {
            // Closing comes first: writers who never pause must not put it off.
            biased;
            // An error means that whoever could say so is gone, which is a way of closing.
            _ = closing.wait_for(|closing| *closing) => waiting.close(),
            job = waiting.recv() => return job,
        }
    }
    waiting.recv().await
}

/// The writes that wait and fit into one transaction; and the job after them, if it is of another kind.
fn gather(first: WaitingWrite, waiting: &mut mpsc::Receiver<Job>) -> (Vec<WaitingWrite>, Option<Job>) {
    let mut changes = first.command.changes.len();
    let mut batch = vec![first];
    while batch.len() < BATCH_WRITES.count() && changes < BATCH_CHANGES.count() {
        match waiting.try_recv() {
            Ok(Job::Write(next)) => {
                changes += next.command.changes.len();
                batch.push(next);
            }
            Ok(job @ Job::Schema(_)) => return (batch, Some(job)),
            Err(_) => break,
        }
    }
    (batch, None)
}

fn answer<T>(reply: oneshot::Sender<T>, outcome: T) {
    // Nobody waits any more: what was written is written.
    let _ = reply.send(outcome);
}

fn shared(error: DatastoreError) -> Arc<dyn Error + Send + Sync> {
    Arc::new(error)
}
