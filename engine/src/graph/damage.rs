//! What of a graph's memory turned out to be unreadable: noted where it is met, asked for where an answer is given.
//!
//! The memory of a mapped file may rot, or have been opened without being verified. What cannot be read there must never pass for an edge
//! that is not there, since an edge may be one that takes something away. To hand that on from every read would cost every read a branch;
//! so a read that fails goes on with nothing, notes that it failed, and whoever gives an answer looks at the note first. All graphs of a
//! history share it: of memory that is known to be damaged nothing is answered any more, until the store is loaded anew.
//!
//! Cost: nothing for a read that succeeds, one load for an answer.

use std::sync::{Arc, OnceLock};

use super::ids::{ClassId, NodeId};

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Damage(Arc<OnceLock<Damaged>>);

/// What was found first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damaged {
    pub(crate) part: DamagedPart,
    /// The node whose memory it is, where that is known.
    pub(crate) node: Option<NodeId>,
    /// The class of the edge, where it is one.
    pub(crate) class: Option<ClassId>,
}

/// A part of a store's memory that can be found to be unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamagedPart {
    /// All that is known of an object.
    Record,
    /// The tuples of an object.
    Edges,
    /// The caveat or expiry of a tuple.
    Qualifier,
    /// The id of an object.
    Name,
    /// The object or subject that a tuple names.
    Object,
    /// The relation that tuples are of.
    Relation,
}

impl std::fmt::Display for DamagedPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Record => "what is known of an object",
            Self::Edges => "the tuples of an object",
            Self::Qualifier => "the caveat or expiry of a tuple",
            Self::Name => "the id of an object",
            Self::Object => "the object or subject that a tuple names",
            Self::Relation => "the relation of a tuple",
        })
    }
}

impl Damage {
    /// What was found first, if anything was.
    #[inline]
    pub(crate) fn found(&self) -> Option<Damaged> {
        self.0.get().copied()
    }

    /// Notes that something cannot be read. Apart from what reads, which it must not slow down.
    #[cold]
    #[inline(never)]
    pub(crate) fn note(&self, part: DamagedPart, node: Option<NodeId>, class: Option<ClassId>) {
        // What was found first stays.
        let _ = self.0.set(Damaged { part, node, class });
    }
}
