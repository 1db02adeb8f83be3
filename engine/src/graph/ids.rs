//! The small integers that stand for names and objects in a graph. Each is meaningless outside the graph that gave it.

use borsh::{BorshDeserialize, BorshSerialize};

/// An object, or the wildcard of a type (an object with the id `*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct NodeId(pub(crate) u32);

impl NodeId {
    /// Below every node.
    pub(crate) const MIN: Self = Self(0);
    /// Above every node.
    pub(crate) const MAX: Self = Self(u32::MAX);
    /// The first of the nodes that a request brings along; stored ones are below.
    pub(crate) const FIRST_OF_REQUEST: u32 = 0xC000_0000;

    /// What stands for an object of a question that nothing names.
    pub(crate) const NOBODY: Self = Self(u32::MAX);
    /// The same for a question's other object.
    pub(crate) const NOBODY_ELSE: Self = Self(u32::MAX - 1);

    /// Whether this node exists for one request only.
    pub(crate) const fn is_of_request(self) -> bool {
        self.0 >= Self::FIRST_OF_REQUEST
    }
}

/// An object type: below [`crate::limits::MAX_TYPES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct TypeId(pub(crate) u32);

/// The name of a relation, whatever the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct RelationId(pub(crate) u32);

/// A class of edges ([`super::vocabulary::Class`]): below [`crate::limits::MAX_CLASSES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClassId(pub(crate) u32);

/// Which end of an edge is asked for its other ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Direction {
    /// From an object to subjects.
    Forward,
    /// From a subject's object to the objects whose tuples name it.
    Backward,
}
