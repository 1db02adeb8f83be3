//! The state of a store at one revision: the fold of its entries, and nothing else.
//!
//! **Invariants.** A state is a value: [`State::apply`] makes the next one and leaves this one as it is; both share what did not
//! change. It takes an entry only if the entry continues it: revision, time, images before, schema numbers, digest and chain. So
//! two states with the same chain are equal, and a lost, repeated or misapplied entry is caught at that entry. A state does not know
//! the log it came from, and interns only the names of written tuples.
//!
//! Cost: a change O(log n), a copy O(1), a scan O(log n + found).

use std::fmt;
use std::sync::Arc;

use dhow_schema::ir::Name;
use imbl::{OrdMap, OrdSet};

use crate::digest::Digest;
use crate::entry::{Body, Chain, Change, Entry, StoreId};
use crate::schema_version::{SchemaVersion, WrittenSchema};
use crate::time::Timestamp;
use crate::tuple::{ObjectRef, Subject, Tuple, TupleCaveat, TupleKey};
use index::{ByObject, BySubject, Index};

pub use error::{FoldError, SchemaLookupError};
pub use shapes::{Shape, ShapeCounts};

mod error;
mod index;
mod scan;
mod shapes;

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

/// A store at one revision. Cheap to clone.
#[derive(Clone)]
pub struct State {
    store: StoreId,
    position: Position,
    digest: Digest,
    by_object: Index<ByObject>,
    by_subject: Index<BySubject>,
    shapes: ShapeCounts,
    schemas: OrdMap<u64, Arc<SchemaVersion>>,
    names: OrdSet<Name>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("store", &self.store)
            .field("position", &self.position)
            .field("digest", &self.digest)
            .field("tuples", &self.len())
            .field("schemas", &self.schemas.len())
            .finish_non_exhaustive()
    }
}

impl State {
    /// A store before its first entry.
    #[must_use]
    pub fn genesis(store: StoreId) -> Self {
        Self {
            store,
            position: Position::genesis(store),
            digest: Digest::default(),
            by_object: Index::default(),
            by_subject: Index::default(),
            shapes: ShapeCounts::default(),
            schemas: OrdMap::new(),
            names: OrdSet::new(),
        }
    }

    /// A state that was kept elsewhere as tuples and schema versions (in order), instead of a fold. O(n log n).
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
            loading.add(&tuple);
        }
        loading.finish(&digest)
    }

    /// Whose state this is.
    #[must_use]
    pub const fn store(&self) -> StoreId {
        self.store
    }

    /// Revision, time and chain.
    #[must_use]
    pub const fn position(&self) -> &Position {
        &self.position
    }

    /// The number of the last entry; 0: none yet.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.position.revision
    }

    /// The digest of all tuples and schema versions.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The digest, computed anew from every tuple and schema version. O(n): for scrubbing.
    #[must_use]
    pub fn recomputed_digest(&self) -> Digest {
        let schemas = self.schemas.values().fold(Digest::default(), |digest, schema| digest.with_schema(&schema.text));
        self.by_object.scan([]).fold(schemas, |digest, tuple| digest.with_tuple(tuple))
    }

    /// How many tuples there are, expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_object.len()
    }

    /// Whether there is no tuple.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tuples there are of each shape.
    #[must_use]
    pub const fn shapes(&self) -> &ShapeCounts {
        &self.shapes
    }

    /// The schema versions, oldest first.
    pub fn schemas(&self) -> impl DoubleEndedIterator<Item = &Arc<SchemaVersion>> {
        self.schemas.values()
    }

    /// The schema version in force: the latest, if there is any.
    #[must_use]
    pub fn latest_schema(&self) -> Option<&Arc<SchemaVersion>> {
        self.schemas.get_max().map(|(_, schema)| schema)
    }

    /// The schema version with this number, or the one in force.
    ///
    /// # Errors
    /// When the store has none, or not this one.
    pub fn schema(&self, version: Option<u64>) -> Result<&Arc<SchemaVersion>, SchemaLookupError> {
        let latest = self.latest_schema().ok_or(SchemaLookupError::NoSchema)?;
        let Some(version) = version else { return Ok(latest) };
        self.schemas.get(&version).ok_or(SchemaLookupError::Unknown { version, latest: latest.version() })
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
        let revision = self.position.revision + 1;
        let digest = self.with_body(&body, revision, time, actor)?.digest;
        Ok(Entry { store: self.store, revision, time, actor: actor.to_owned(), request_id: request_id.to_owned(), body, digest })
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
        if entry.revision == self.position.revision + 1 && self.position.chain.after(encoded) != *chain {
            return Err(FoldError::Chain { revision: entry.revision });
        }
        Ok((self.apply_encoded(&entry, encoded)?, entry))
    }

    fn apply_encoded(&self, entry: &Entry, encoded: &[u8]) -> Result<Self, FoldError> {
        if entry.store != self.store {
            return Err(FoldError::Store { expected: self.store, found: entry.store });
        }
        let revision = self.position.revision + 1;
        if entry.revision != revision {
            return Err(FoldError::Revision { expected: revision, found: entry.revision });
        }
        if entry.time < self.position.time {
            return Err(FoldError::Time { revision, before: self.position.time, found: entry.time });
        }
        let mut next = self.with_body(&entry.body, revision, entry.time, &entry.actor)?;
        next.expect_digest(&entry.digest)?;
        next.position = Position { revision, time: entry.time, chain: self.position.chain.after(encoded) };
        Ok(next)
    }

    /// The state before `entry`, which must be the last one applied; `before` says where that state was. O(changes log n).
    ///
    /// # Errors
    /// When `entry` is not the last one of this history, or `before` not the position it followed.
    pub fn unapply(&self, entry: &Entry, before: &Position) -> Result<Self, FoldError> {
        let found = entry.revision;
        if found != self.position.revision || before.revision.checked_add(1) != Some(found) {
            return Err(FoldError::Revision { expected: self.position.revision, found });
        }
        let encoded = entry.encode().map_err(FoldError::Entry)?;
        if before.chain.after(&encoded) != self.position.chain {
            return Err(FoldError::Chain { revision: found });
        }
        let mut previous = Self { position: *before, ..self.clone() };
        match &entry.body {
            Body::Changes(changes) => {
                for change in changes {
                    previous.change(found, change, change.after(), change.before())?;
                }
            }
            Body::Schema(text) => {
                previous.schemas.remove(&text.version);
                previous.digest = previous.digest.without_schema(text);
            }
        }
        Ok(previous)
    }

    /// This state with a body applied; position as before.
    fn with_body(&self, body: &Body, revision: u64, time: Timestamp, actor: &str) -> Result<Self, FoldError> {
        let mut next = self.clone();
        match body {
            Body::Changes(changes) => {
                for change in changes {
                    next.change(revision, change, change.before(), change.after())?;
                }
            }
            Body::Schema(text) => next.add_schema(WrittenSchema { text: text.clone(), revision, time, actor: actor.to_owned() })?,
        }
        Ok(next)
    }

    fn add_schema(&mut self, schema: WrittenSchema) -> Result<(), FoldError> {
        let expected = self.latest_schema().map_or(0, |schema| schema.version()) + 1;
        let found = schema.text.version;
        if found != expected {
            return Err(FoldError::SchemaVersion { revision: schema.revision, expected, found });
        }
        self.digest = self.digest.with_schema(&schema.text);
        self.schemas.insert(found, Arc::new(SchemaVersion::new(schema)));
        Ok(())
    }

    /// Replaces the image `old` of a key, which must be there, by `new`.
    fn change(&mut self, revision: u64, change: &Change, old: Option<&Tuple>, new: Option<&Tuple>) -> Result<(), FoldError> {
        let Some(key) = change.key() else { return Ok(()) };
        if self.get(key).map(|tuple| &**tuple) != old {
            return Err(FoldError::Image { revision, key: Box::new(key.clone()) });
        }
        self.replace(key, new);
        Ok(())
    }

    fn replace(&mut self, key: &TupleKey, new: Option<&Tuple>) {
        if let Some(old) = self.by_object.get(key).cloned() {
            self.digest = self.digest.without_tuple(&old);
            self.shapes.take(&old);
        }
        match new {
            Some(tuple) => {
                let tuple = Arc::new(self.interned(tuple));
                self.digest = self.digest.with_tuple(&tuple);
                self.shapes.add(&tuple);
                self.by_object.insert(Arc::clone(&tuple));
                self.by_subject.insert(tuple);
            }
            None => {
                self.by_object.remove(key);
                self.by_subject.remove(key);
            }
        }
    }

    fn expect_digest(&self, expected: &Digest) -> Result<(), FoldError> {
        if self.digest == *expected { Ok(()) } else { Err(FoldError::Digest { expected: *expected, found: self.digest }) }
    }

    /// The tuple with its names shared with those of other tuples.
    fn interned(&mut self, tuple: &Tuple) -> Tuple {
        let (object, subject) = (tuple.key.object(), tuple.key.subject());
        let object = ObjectRef::from_valid(self.name(object.object_type()), object.id().clone());
        let subject_type = self.name(subject.object_type());
        let subject = match (subject.relation(), subject.is_wildcard()) {
            (Some(relation), _) => {
                Subject::userset_of_valid(ObjectRef::from_valid(subject_type, subject.id().clone()), self.name(relation))
            }
            (None, true) => Subject::wildcard_of_valid(subject_type),
            (None, false) => Subject::object(ObjectRef::from_valid(subject_type, subject.id().clone())),
        };
        let caveat = tuple.caveat.as_ref().map(|c| TupleCaveat::from_valid(self.name(c.name()), c.context().clone()));
        let key = TupleKey::from_valid(object, self.name(tuple.key.relation()), subject);
        Tuple { key, caveat, expires_at: tuple.expires_at }
    }

    fn name(&mut self, name: &Name) -> Name {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        self.names.insert(name.clone());
        name.clone()
    }
}

/// A state that is being read from where it was kept, a tuple at a time ([`State::load`] in pieces).
#[derive(Debug)]
pub struct Loading(State);

impl Loading {
    /// Begins with the schema versions.
    ///
    /// # Errors
    /// When they are not numbered 1, 2, 3 ….
    pub fn begin(store: StoreId, position: Position, schemas: impl IntoIterator<Item = WrittenSchema>) -> Result<Self, FoldError> {
        let mut state = State { position, ..State::genesis(store) };
        for schema in schemas {
            state.add_schema(schema)?;
        }
        Ok(Self(state))
    }

    /// Takes one more tuple. O(log n).
    pub fn add(&mut self, tuple: &Tuple) {
        self.0.replace(&tuple.key, Some(tuple));
    }

    /// The state, if it has the digest that it should have.
    ///
    /// # Errors
    /// When it has another one: something is missing, changed or too much.
    pub fn finish(self, digest: &Digest) -> Result<State, FoldError> {
        self.0.expect_digest(digest)?;
        Ok(self.0)
    }
}

#[cfg(test)]
mod tests;
