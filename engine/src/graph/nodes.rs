//! Nodes that came after a base: their names in the order of numbers, and by name.

use std::cmp::Ordering;

use equivalent::{Comparable, Equivalent};

use super::ids::TypeId;
use crate::tuple::Id;

/// The name of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NodeName {
    pub(crate) type_id: TypeId,
    pub(crate) id: Id,
}

/// A name that is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) type_id: TypeId,
    pub(crate) id: &'a str,
}

impl Equivalent<NodeName> for Place<'_> {
    fn equivalent(&self, name: &NodeName) -> bool {
        self.compare(name) == Ordering::Equal
    }
}

impl Comparable<NodeName> for Place<'_> {
    fn compare(&self, name: &NodeName) -> Ordering {
        (self.type_id, self.id).cmp(&(name.type_id, &name.id))
    }
}
