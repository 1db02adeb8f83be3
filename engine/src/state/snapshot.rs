//! A state as a snapshot file, and back.

use std::io;
use std::sync::Arc;

use super::{Position, ShapeCounts, State, Summary};
use crate::entry::StoreId;
use crate::graph::Graph;
use crate::snapshot::container::{Container, Summary as Written, WriteError, Writer};
use crate::snapshot::{HEAD, Head, Snapshot, SnapshotAbout, SnapshotError, SnapshotHead, StoredSchema, StoredShape};
use crate::words::Bytes;

impl State {
    /// Writes this state as a snapshot file. Hardly more memory is needed than the state has already: changes since the last rebuild are
    /// put in order a segment of 65,536 objects at a time. O(objects log objects + tuples).
    ///
    /// Give it a `BufWriter`. The file is whole only if this succeeds: write under another name, sync, then rename.
    ///
    /// # Errors
    /// When the output fails, or the state's memory cannot be read.
    pub fn write_snapshot(&self, about: &SnapshotAbout, to: &mut impl io::Write) -> Result<Written, WriteError> {
        let mut writer = Writer::new(to)?;
        let graph = self.graph.store(&mut writer)?;
        self.intact().map_err(|damaged| WriteError::Io(io::Error::new(io::ErrorKind::InvalidData, damaged)))?;
        let Position { revision, time, chain } = *self.position();
        let head = Head {
            about: about.clone(),
            store: self.store(),
            revision,
            time,
            chain,
            digest: *self.digest(),
            tuples: self.len() as u64,
            shapes: self.shapes().iter().map(|(shape, count)| StoredShape::of(shape, count)).collect(),
            schemas: self.schemas().map(|schema| StoredSchema::of(schema)).collect(),
            graph,
        };
        writer.section(HEAD, &head.encode().map_err(WriteError::Io)?)?;
        writer.finish()
    }

    /// Opens the state in the memory of a snapshot file: of `store`, if the caller knows whose it should be. The tuples stay where they
    /// are and are read when they are asked for, so a file may be larger than memory.
    ///
    /// Nothing but the file's frame and its head are verified here; the rest is up to the caller, now or later ([`Snapshot`]).
    /// O(schemas + objects that other objects can be members of or inherit from).
    ///
    /// # Errors
    /// When the memory is no snapshot, one of another store or of another version, cut, or damaged in frame or head.
    pub fn open_snapshot(memory: Arc<dyn Bytes>, store: Option<StoreId>) -> Result<Snapshot, SnapshotError> {
        let container = Container::open(memory)?;
        container.verify_section(HEAD)?;
        let head = Head::decode(container.section(HEAD)?)?;
        if let Some(expected) = store.filter(|store| *store != head.store) {
            return Err(SnapshotError::Store { expected, found: head.store });
        }
        let told = SnapshotHead {
            store: head.store,
            position: Position { revision: head.revision, time: head.time, chain: head.chain },
            digest: head.digest,
            tuples: head.tuples,
            nodes: u64::from(head.graph.nodes()),
            schemas: head.schemas.len() as u64,
            about: head.about.clone(),
            root: container.root(),
            bytes: container.bytes(),
        };
        let state = Self::of_head(head, &container)?;
        Ok(Snapshot { state, head: told, container })
    }

    fn of_head(head: Head, container: &Container) -> Result<Self, SnapshotError> {
        let wrong = |what| SnapshotError::Inconsistent { what };
        let position = Position { revision: head.revision, time: head.time, chain: head.chain };
        let mut summary = Summary { position, ..Summary::genesis(head.store) };
        let mut vocabulary = head.graph.vocabulary().ok_or_else(|| wrong("its names are none, or out of order"))?;
        for schema in head.schemas {
            let added = summary.add_schema(schema.written(), &mut vocabulary);
            added.map_err(|_| wrong("its schema versions are not numbered 1, 2, 3, or have names without end"))?;
        }
        summary.digest = head.digest;
        summary.tuples = usize::try_from(head.tuples).map_err(|_| wrong("it has more tuples than there can be"))?;
        summary.shapes = shapes_of(&head.shapes).ok_or_else(|| wrong("its shapes of tuples are none, or out of order"))?;
        let counted = head.shapes.iter().fold(0, |tuples: u64, shape| tuples.saturating_add(shape.count));
        if counted != head.tuples || head.graph.edges() != head.tuples {
            return Err(wrong("its counts of tuples differ"));
        }
        let graph = Graph::stored(container, &head.graph, vocabulary, head.revision)?;
        let mut state = Self { summary, graph };
        state.index_in_force();
        Ok(state)
    }

    /// Holds what a file says of this state, which was opened from it, against its tuples. O(tuples log tuples).
    pub(crate) fn check_snapshot(&self) -> Result<(), SnapshotError> {
        let mut found = Summary::genesis(self.store());
        found.digest = self.schemas().fold(found.digest, |digest, schema| digest.with_schema(&schema.text));
        self.tuples().for_each(|tuple| found.add(&tuple));
        if found.digest != self.summary.digest {
            return Err(SnapshotError::Digest { expected: self.summary.digest, found: found.digest });
        }
        if found.tuples != self.summary.tuples || found.shapes != self.summary.shapes {
            return Err(SnapshotError::Inconsistent { what: "its tuples are not as many as its head says" });
        }
        self.graph.check_base()
    }
}

/// The counts; `None`: a shape is none, has no tuples, or does not stand where it should.
fn shapes_of(stored: &[StoredShape]) -> Option<ShapeCounts> {
    let mut counts = ShapeCounts::default();
    for stored in stored {
        counts.push(stored.shape()?, stored.count)?;
    }
    Some(counts)
}
