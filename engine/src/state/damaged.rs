//! Memory that cannot be read.

use crate::entry::StoreId;
pub use crate::graph::damage::DamagedPart;
use crate::tuple::ObjectRef;
use dhow_schema::ir::Name;

use super::State;

/// A store's memory cannot be read: a mapped file has rotted or was opened without being verified, or memory itself failed. Nothing is
/// answered from it any more, so what cannot be read never passes for what is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the memory of store {} is damaged: {} cannot be read{}", .0.store, .0.part, .0)]
pub struct MemoryDamaged(Box<Found>);

/// What was found first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    store: StoreId,
    part: DamagedPart,
    object: Option<ObjectRef>,
    relation: Option<Name>,
}

impl std::fmt::Display for Found {
    /// Where, as far as that is known.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.object, &self.relation) {
            (Some(object), Some(relation)) => write!(f, ", at `{object}#{relation}`"),
            (Some(object), None) => write!(f, ", at `{object}`"),
            (None, Some(relation)) => write!(f, ", at relation `{relation}`"),
            (None, None) => Ok(()),
        }
    }
}

impl MemoryDamaged {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "memory_damaged"
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        "load the store again from its log or its tables; a snapshot file only after `Snapshot::verify` has passed it"
    }

    /// Whose memory it is.
    #[must_use]
    pub fn store(&self) -> StoreId {
        self.0.store
    }

    /// What cannot be read.
    #[must_use]
    pub fn part(&self) -> DamagedPart {
        self.0.part
    }
}

impl State {
    /// Whether all that was read of this state's memory so far could be read. The memory is shared by all states of a history.
    ///
    /// Evaluators ask this for every answer. Whoever reads tuples ([`State::tuples`], [`State::scan`], [`State::get`] and their like)
    /// asks it afterwards: what cannot be read is left out of those. O(1).
    ///
    /// # Errors
    /// What could not be read first.
    #[inline]
    pub fn intact(&self) -> Result<(), MemoryDamaged> {
        if self.graph.damaged().is_none() { Ok(()) } else { self.told_damaged() }
    }

    #[cold]
    fn told_damaged(&self) -> Result<(), MemoryDamaged> {
        let Some(damaged) = self.graph.damaged() else { return Ok(()) };
        let vocabulary = self.graph.vocabulary();
        let relation = damaged.class.and_then(|class| vocabulary.relation_name(vocabulary.class(class)?.relation)).cloned();
        let object = damaged.node.and_then(|node| self.graph.object(node));
        Err(MemoryDamaged(Box::new(Found { store: self.store(), part: damaged.part, object, relation })))
    }
}
