//! The compiled schema: the one form that the evaluator knows.
//!
//! Every front end (the native language today, others later) compiles to this; nothing in it remembers the text it came from,
//! apart from documentation comments and the text of caveat expressions. All maps are ordered, so that whatever is derived from a
//! schema is the same on every node.

mod display;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use display::written_name;

use crate::caveat::Caveat;

/// A name of a type, relation, permission, caveat or parameter. Cheap to clone.
pub type Name = Arc<str>;

/// A compiled schema: every name in it is resolved, every caveat is type-checked.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// Object types by name.
    pub definitions: BTreeMap<Name, Definition>,
    /// Caveats by name.
    pub caveats: BTreeMap<Name, Arc<Caveat>>,
}

impl Schema {
    /// The relation or permission `relation` of type `object_type`, if the schema has it.
    #[must_use]
    pub fn relation(&self, object_type: &str, relation: &str) -> Option<&Relation> {
        self.definitions.get(object_type)?.relations.get(relation)
    }
}

/// One object type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name, prefixes included (`acme/document`).
    pub name: Name,
    /// Its relations and permissions by name.
    pub relations: BTreeMap<Name, Relation>,
    /// The names of `relations` as the author wrote them down, for people.
    pub source_order: Vec<Name>,
    /// The documentation comment, without its comment marks.
    pub doc: Option<String>,
}

/// What a relation or permission of a definition means.
///
/// A native `relation` has direct types and the rewrite [`Rewrite::Direct`]; a native `permission` has no direct types. Other
/// languages have relations with both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Its name.
    pub name: Name,
    /// Whether the author called it a relation or a permission.
    pub kind: RelationKind,
    /// Which subjects a tuple of this relation may have; empty: no tuple may be written.
    pub direct: Vec<SubjectType>,
    /// Who is in it.
    pub rewrite: Rewrite,
    /// Subject types that the author says this permission can have (`permission view: user | team`); empty: not said.
    pub annotations: Vec<Name>,
    /// The documentation comment, without its comment marks.
    pub doc: Option<String>,
}

/// How a [`Relation`] was declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RelationKind {
    /// Holds tuples.
    Relation,
    /// Is computed.
    Permission,
}

/// One alternative of a relation's direct types: `user`, `user:*`, `team#member`, each perhaps `with caveat and expiration`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectType {
    /// The subject's type.
    pub object_type: Name,
    /// An object, all objects, or a userset of that type.
    pub shape: SubjectShape,
    /// The caveat that such a tuple must name; `None`: it must name none.
    pub caveat: Option<Name>,
    /// Whether such a tuple must have an expiry; `false`: it must have none.
    pub expiration: bool,
}

/// What kind of subject a [`SubjectType`] allows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SubjectShape {
    /// `user`: one object.
    Object,
    /// `user:*`: every object of the type.
    Wildcard,
    /// `team#member`: the subjects of that relation or permission of an object of the type.
    Userset(Name),
}

/// A userset rewrite (Zanzibar §2.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rewrite {
    /// The tuples of this very relation (`_this`).
    Direct,
    /// Another relation or permission of the same object.
    Computed(Name),
    /// `tupleset->target`, `tupleset.any(target)`, `tupleset.all(target)`.
    Arrow {
        /// The relation of this object whose tuples are followed; it has direct types.
        tupleset: Name,
        /// The relation or permission asked of each object found.
        target: Name,
        /// Whether one or every object must have it.
        quantifier: Quantifier,
    },
    /// `a + b + c`: at least two operands.
    Union(Vec<Rewrite>),
    /// `a & b & c`: at least two operands.
    Intersection(Vec<Rewrite>),
    /// `base - subtract`.
    Exclusion {
        /// Who is in,
        base: Box<Rewrite>,
        /// apart from these.
        subtract: Box<Rewrite>,
    },
    /// `nil`: nobody.
    Nil,
    /// `self`: the object itself as a subject without relation.
    SelfObject,
}

/// How many of the objects an arrow finds must have its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quantifier {
    /// At least one.
    Any,
    /// At least one, and every one.
    All,
}
