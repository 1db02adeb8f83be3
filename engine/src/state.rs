//! The state of a store at one revision: the fold of its entries, and nothing else.
//!
//! **Invariants.** A state is a value: [`State::apply`] makes the next one and leaves this one as it is; both share what did not
//! change. It takes an entry only if the entry continues it: revision, time, images before, schema numbers, digest and chain. So
//! two states with the same chain are equal, and a lost, repeated or misapplied entry is caught at that entry. A state does not know
//! the log it came from.
//!
//! The tuples are in a graph of small integers; here they are tuples again.
//!
//! Cost: a change O(log n), a copy O(1), a scan O(log n + found).

use std::fmt;
use std::sync::Arc;

use dhow_schema::ir::Schema;
use imbl::OrdMap;

use crate::digest::Digest;
use crate::entry::{Body, Chain, Change, Entry, StoreId};
use crate::graph::build::GraphBuilder;
use crate::graph::{ChangeError, Graph};
use crate::plan::Plans;
use crate::schema_version::{SchemaVersion, WrittenSchema};
use crate::time::Timestamp;
use crate::tuple::{Tuple, TupleKey};

pub use accounts::Accounts;
pub use damaged::{DamagedPart, MemoryDamaged};
pub use error::{FoldError, PrepareError, SchemaLookupError};
pub use rebuild::{Part, Rebuild};
use schemas::KeptSchema;
pub use scrub::{Sample, Scrub, ScrubError, Scrubbed};
pub use shapes::{Shape, ShapeCounts};

mod accounts;
mod damaged;
mod error;
mod rebuild;
mod scan;
mod schemas;
mod scrub;
mod shapes;
mod snapshot;

/// Where in a history a state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The number of the last entry; 0: none yet.
    pub revision: u64,
    /// The time of the last entry.
    pub time: Timestamp,
    /// The chain after the last entry.
    pub chain: Chain,
}

impl Position {
    /// Where a store begins.
    #[must_use]
    pub fn genesis(store: StoreId) -> Self {
        Self { revision: 0, time: Timestamp::MIN, chain: Chain::genesis(store) }
    }
}

/// What a state is besides its tuples.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    store: StoreId,
    position: Position,
    digest: Digest,
    tuples: usize,
    shapes: ShapeCounts,
    schemas: OrdMap<u64, KeptSchema>,
}

impl Summary {
    fn genesis(store: StoreId) -> Self {
        Self {
            store,
            position: Position::genesis(store),
            digest: Digest::default(),
            tuples: 0,
            shapes: ShapeCounts::default(),
            schemas: OrdMap::new(),
        }
    }

    /// Where in the history this is.
    pub(crate) const fn position(&self) -> &Position {
        &self.position
    }

    fn add(&mut self, tuple: &Tuple) {
        self.digest = self.digest.with_tuple(tuple);
        self.shapes.add(tuple);
        self.tuples += 1;
    }

    fn take(&mut self, tuple: &Tuple) {
        self.digest = self.digest.without_tuple(tuple);
        self.shapes.take(tuple);
        // Memory of a file that was not verified may have an edge that nobody counted; the digest tells.
        self.tuples = self.tuples.saturating_sub(1);
    }

    fn expect_digest(&self, expected: &Digest) -> Result<(), FoldError> {
        if self.digest == *expected { Ok(()) } else { Err(FoldError::Digest { expected: *expected, found: self.digest }) }
    }
}

/// What the hashes of a store's names begin with: others cannot know it beforehand.
fn seed(store: StoreId) -> u64 {
    let Chain([a, b, c, d, e, f, g, h, ..]) = Chain::genesis(store);
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// A store at one revision. Cheap to clone.
#[derive(Clone)]
pub struct State {
    summary: Summary,
    graph: Graph,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("store", &self.summary.store)
            .field("position", &self.summary.position)
            .field("digest", &self.summary.digest)
            .field("tuples", &self.len())
            .field("schemas", &self.summary.schemas.len())
            .finish_non_exhaustive()
    }
}

impl State {
    /// A store before its first entry.
    #[must_use]
    pub fn genesis(store: StoreId) -> Self {
        Self { summary: Summary::genesis(store), graph: Graph::empty(seed(store)) }
    }

    /// Numbers all names of a schema; `None`: there are no more numbers.
    pub(crate) fn learn(&mut self, schema: &Schema) -> Option<()> {
        self.graph.learn(|vocabulary| vocabulary.learn(schema))
    }

    /// Indexes nested groups and what objects inherit for these plans, unless that is what is indexed. O(nodes + nesting edges).
    pub(crate) fn index(&mut self, plans: &Plans) {
        if self.graph.nesting().classes() != plans.nesting() {
            self.graph.index_nesting(plans.nesting().to_vec(), 0);
        }
        if self.graph.links() != plans.links() {
            self.graph.index_inheritance(Arc::clone(plans.links()), 0);
        }
    }

    /// What it is besides its tuples.
    pub(crate) const fn summary(&self) -> &Summary {
        &self.summary
    }

    /// What it is besides its tuples, without them.
    pub(crate) fn into_summary(self) -> Summary {
        self.summary
    }

    /// Its tuples.
    pub(crate) const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The state of a summary, whose graph is that of a newer state of the same history, within the window of that one's.
    pub(crate) fn earlier(&self, summary: Summary) -> Self {
        Self { graph: self.graph.at(summary.position.revision), summary }
    }

    /// Bytes of memory by part: of everything that this state shares with others of its history.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        self.graph.accounts()
    }

    /// A state that was kept elsewhere as tuples and schema versions (in order), instead of a fold. O(n log n).
    ///
    /// Of which revision its tuples are is not known then; [`Loading`] takes that, too.
    ///
    /// # Errors
    /// When what is given does not have `digest`, or the schema versions are not numbered 1, 2, 3 ….
    pub fn load(
        store: StoreId,
        position: Position,
        digest: Digest,
        schemas: impl IntoIterator<Item = WrittenSchema>,
        tuples: impl IntoIterator<Item = Tuple>,
    ) -> Result<Self, FoldError> {
        let mut loading = Loading::begin(store, position, schemas)?;
        for tuple in tuples {
            loading.add(&tuple, None)?;
        }
        loading.finish(&digest)
    }

    /// Whose state this is.
    #[must_use]
    pub const fn store(&self) -> StoreId {
        self.summary.store
    }

    /// Revision, time and chain.
    #[must_use]
    pub const fn position(&self) -> &Position {
        &self.summary.position
    }

    /// The number of the last entry; 0: none yet.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.summary.position.revision
    }

    /// The digest of all tuples and schema versions.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.summary.digest
    }

    /// The digest, computed anew from every tuple and schema version that can be read ([`State::intact`]). O(n): for scrubbing.
    #[must_use]
    pub fn recomputed_digest(&self) -> Digest {
        let schemas = self.schemas().fold(Digest::default(), |digest, schema| digest.with_schema(&schema.text));
        self.tuples().fold(schemas, |digest, tuple| digest.with_tuple(&tuple))
    }

    /// How many tuples there are, expired ones included.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.summary.tuples
    }

    /// Whether there is no tuple.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tuples there are of each shape.
    #[must_use]
    pub const fn shapes(&self) -> &ShapeCounts {
        &self.summary.shapes
    }

    /// The schema versions, oldest first.
    pub fn schemas(&self) -> impl DoubleEndedIterator<Item = &Arc<SchemaVersion>> {
        self.summary.schemas.values().map(|kept| &kept.version)
    }

    /// The schema version in force: the latest, if there is any.
    #[must_use]
    pub fn latest_schema(&self) -> Option<&Arc<SchemaVersion>> {
        self.summary.latest_schema()
    }

    /// The schema version with this number, or the one in force.
    ///
    /// # Errors
    /// When the store has none, or not this one.
    pub fn schema(&self, version: Option<u64>) -> Result<&Arc<SchemaVersion>, SchemaLookupError> {
        self.summary.schema(version).map(|kept| &kept.version)
    }

    /// The entry that would come next with this body: changes put in order, digest computed. O(changes log n).
    ///
    /// # Errors
    /// When the body does not fit this state (an image before that is not what is there, a schema number out of order).
    pub fn next_entry(&self, time: Timestamp, actor: &str, request_id: &str, body: Body) -> Result<Entry, FoldError> {
        let body = match body {
            Body::Changes(mut changes) => {
                changes.sort_by(|a, b| a.key().cmp(&b.key()));
                Body::Changes(changes)
            }
            Body::Schema(text) => Body::Schema(text),
        };
        let revision = self.revision() + 1;
        let digest = self.digest_after(&body, revision)?;
        Ok(Entry { store: self.store(), revision, time, actor: actor.to_owned(), request_id: request_id.to_owned(), body, digest })
    }

    /// The state after `entry`. O(changes log n).
    ///
    /// # Errors
    /// When the entry is not what comes next; this state stays what it is.
    pub fn apply(&self, entry: &Entry) -> Result<Self, FoldError> {
        let encoded = entry.encode().map_err(FoldError::Entry)?;
        self.apply_encoded(entry, &encoded)
    }

    /// The state after the entry with these bytes, which the log recorded with this chain; and the entry.
    ///
    /// # Errors
    /// When the bytes are no entry, the entry is not what comes next, or the chain does not continue this state's: then the log is
    /// another history.
    pub fn apply_record(&self, encoded: &[u8], chain: &Chain) -> Result<(Self, Entry), FoldError> {
        let entry = Entry::decode(encoded).map_err(FoldError::Entry)?;
        // The chain first: in another history anything else may be wrong as well, and this is what says why.
        if entry.revision == self.revision() + 1 && self.position().chain.after(encoded) != *chain {
            return Err(FoldError::Chain { revision: entry.revision });
        }
        Ok((self.apply_encoded(&entry, encoded)?, entry))
    }

    fn apply_encoded(&self, entry: &Entry, encoded: &[u8]) -> Result<Self, FoldError> {
        if entry.store != self.store() {
            return Err(FoldError::Store { expected: self.store(), found: entry.store });
        }
        let revision = self.revision() + 1;
        if entry.revision != revision {
            return Err(FoldError::Revision { expected: revision, found: entry.revision });
        }
        if entry.time < self.position().time {
            return Err(FoldError::Time { revision, before: self.position().time, found: entry.time });
        }
        let mut next = self.clone();
        match &entry.body {
            Body::Changes(changes) => changes.iter().try_for_each(|change| next.change(revision, change))?,
            Body::Schema(text) => {
                let written = WrittenSchema { text: text.clone(), revision, time: entry.time, actor: entry.actor.clone() };
                let Self { summary, graph } = &mut next;
                graph.learn(|vocabulary| summary.add_schema(written, vocabulary))?;
            }
        }
        next.expect_intact(revision)?;
        next.summary.expect_digest(&entry.digest)?;
        next.graph.advance(revision);
        if matches!(entry.body, Body::Schema(_)) {
            next.index_in_force();
        }
        next.summary.position = Position { revision, time: entry.time, chain: self.position().chain.after(encoded) };
        Ok(next)
    }

    /// The state before `entry`, which must be the last one applied; `before` says where that state was. O(changes log n).
    ///
    /// # Errors
    /// When `entry` is not the last one of this history, or `before` not the position it followed.
    pub fn unapply(&self, entry: &Entry, before: &Position) -> Result<Self, FoldError> {
        let found = entry.revision;
        if found != self.revision() || before.revision.checked_add(1) != Some(found) {
            return Err(FoldError::Revision { expected: self.revision(), found });
        }
        let encoded = entry.encode().map_err(FoldError::Entry)?;
        if before.chain.after(&encoded) != self.position().chain {
            return Err(FoldError::Chain { revision: found });
        }
        let mut previous = self.clone();
        previous.summary.position = *before;
        match &entry.body {
            Body::Changes(changes) => {
                for change in changes {
                    let Some(key) = change.key() else { continue };
                    let changed = previous.graph.change_before(key, change.before(), change.after(), found);
                    changed.map_err(|error| previous.fold_error(error, found, key))?;
                    change.after().into_iter().for_each(|tuple| previous.summary.take(tuple));
                    change.before().into_iter().for_each(|tuple| previous.summary.add(tuple));
                }
            }
            Body::Schema(text) => {
                previous.summary.schemas.remove(&text.version);
                previous.summary.digest = previous.summary.digest.without_schema(text);
            }
        }
        previous.expect_intact(found)?;
        previous.graph.advance(before.revision);
        Ok(previous)
    }

    /// Whether an entry was folded with memory that can be read.
    fn expect_intact(&self, revision: u64) -> Result<(), FoldError> {
        self.intact().map_err(|damaged| FoldError::Damaged { revision, damaged })
    }

    /// The digest after a body.
    fn digest_after(&self, body: &Body, revision: u64) -> Result<Digest, FoldError> {
        let changes = match body {
            Body::Changes(changes) => changes,
            Body::Schema(text) => {
                self.summary.expect_schema(text, revision)?;
                return Ok(self.summary.digest.with_schema(text));
            }
        };
        let mut digest = self.summary.digest;
        let mut last: Option<&TupleKey> = None;
        for change in changes {
            let Some(key) = change.key() else { continue };
            let found = self.graph.tuple(key);
            self.expect_intact(revision)?;
            if last == Some(key) || found.as_ref() != change.before() {
                return Err(FoldError::Image { revision, key: Box::new(key.clone()) });
            }
            last = Some(key);
            digest = change.before().into_iter().fold(digest, Digest::without_tuple);
            digest = change.after().into_iter().fold(digest, Digest::with_tuple);
        }
        Ok(digest)
    }

    /// Makes a change, whose image before must be there.
    fn change(&mut self, revision: u64, change: &Change) -> Result<(), FoldError> {
        let Some(key) = change.key() else { return Ok(()) };
        let changed = self.graph.change(key, change.before(), change.after(), revision);
        changed.map_err(|error| self.fold_error(error, revision, key))?;
        change.before().into_iter().for_each(|tuple| self.summary.take(tuple));
        change.after().into_iter().for_each(|tuple| self.summary.add(tuple));
        Ok(())
    }

    fn fold_error(&self, error: ChangeError, revision: u64, key: &TupleKey) -> FoldError {
        match (self.intact(), error) {
            (Err(damaged), _) => FoldError::Damaged { revision, damaged },
            (Ok(()), ChangeError::Image) => FoldError::Image { revision, key: Box::new(key.clone()) },
            (Ok(()), ChangeError::OutOfNumbers) => FoldError::TooManyNames { revision },
        }
    }
}

/// A state that is being read from where it was kept, a tuple at a time ([`State::load`] in pieces).
#[derive(Debug)]
pub struct Loading {
    summary: Summary,
    builder: GraphBuilder,
}

impl Loading {
    /// Begins with the schema versions.
    ///
    /// # Errors
    /// When they are not numbered 1, 2, 3 ….
    pub fn begin(store: StoreId, position: Position, schemas: impl IntoIterator<Item = WrittenSchema>) -> Result<Self, FoldError> {
        let mut summary = Summary { position, ..Summary::genesis(store) };
        let mut builder = GraphBuilder::default();
        for schema in schemas {
            summary.add_schema(schema, builder.vocabulary_mut())?;
        }
        Ok(Self { summary, builder })
    }

    /// Takes one more tuple, with the revision that it came with or was last replaced with ([`State::revision_of`]); `None`: not known.
    /// O(1).
    ///
    /// No digest covers these revisions: they are shown, no decision rests on them.
    ///
    /// # Errors
    /// When there are more objects than a graph can number.
    pub fn add(&mut self, tuple: &Tuple, revision: Option<u64>) -> Result<(), FoldError> {
        self.summary.add(tuple);
        self.builder.add(tuple, revision.unwrap_or(0)).map_err(|_| FoldError::TooManyNames { revision: self.summary.position.revision })
    }

    /// The state, if it has the digest that it should have. O(n log n).
    ///
    /// # Errors
    /// When it has another one: something is missing, changed or too much.
    pub fn finish(self, digest: &Digest) -> Result<State, FoldError> {
        let Self { summary, builder } = self;
        summary.expect_digest(digest)?;
        let graph = builder.finish(summary.position.revision, seed(summary.store));
        let mut state = State { summary, graph };
        state.index_in_force();
        Ok(state)
    }
}

#[cfg(test)]
mod tests;
