//! Whether a tuple, a question or a new schema makes sense: stored data against a schema version.
//!
//! A tuple is allowed when one of its relation's direct types is exactly its shape: subject type and shape, caveat, and whether it
//! expires ([`Shape`]). So whole states can be judged by their counts of shapes, without looking at tuples.

use dhow_schema::caveat::ContextError;
use dhow_schema::ir::{Name, Relation, Schema, SubjectType};

use crate::state::Shape;
use crate::suggest::closest;
use crate::tuple::{Subject, Tuple, TupleCaveat, TupleKey};

pub use orphans::{ContextOrphans, OrphanReason, Orphans, ShapeVerdict, allows, judge_shape, orphans};

mod orphans;

/// A name that a schema does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownName {
    /// No such type.
    #[error("the schema has no type `{object_type}`")]
    Type {
        /// The type.
        object_type: Name,
        /// A type with a similar name.
        suggestion: Option<Name>,
    },
    /// The type has no such relation or permission.
    #[error("type `{object_type}` has no relation or permission `{relation}`")]
    Relation {
        /// The type.
        object_type: Name,
        /// The relation.
        relation: Name,
        /// A relation or permission of the type with a similar name.
        suggestion: Option<Name>,
    },
    /// No such caveat.
    #[error("the schema has no caveat `{caveat}`")]
    Caveat {
        /// The caveat.
        caveat: Name,
        /// A caveat with a similar name.
        suggestion: Option<Name>,
    },
}

impl UnknownName {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Type { .. } => "unknown_type",
            Self::Relation { .. } => "unknown_relation",
            Self::Caveat { .. } => "unknown_caveat",
        }
    }

    /// A name that may have been meant.
    #[must_use]
    pub const fn suggestion(&self) -> Option<&Name> {
        match self {
            Self::Type { suggestion, .. } | Self::Relation { suggestion, .. } | Self::Caveat { suggestion, .. } => suggestion.as_ref(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        self.suggestion().map(|name| format!("did you mean `{name}`?"))
    }
}

/// Why a schema does not allow a tuple.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TupleRefused {
    /// A name that the schema does not have.
    #[error("{0}")]
    Unknown(UnknownName),
    /// A tuple of what is computed.
    #[error("`{relation}` of type `{object_type}` is computed, it holds no tuples")]
    Computed {
        /// The type.
        object_type: Name,
        /// The permission.
        relation: Name,
    },
    /// A subject that the relation does not take.
    #[error("`{object_type}#{relation}` does not take the subject `{found}`")]
    Subject {
        /// The type of the object.
        object_type: Name,
        /// The relation.
        relation: Name,
        /// The subject's type and shape, as a schema writes it.
        found: String,
        /// What the relation takes, as a schema writes it.
        allowed: Vec<String>,
    },
    /// A subject that the relation takes with another caveat or expiry, or without.
    #[error("`{object_type}#{relation}` does not take `{found}`")]
    Qualifier {
        /// The type of the object.
        object_type: Name,
        /// The relation.
        relation: Name,
        /// Subject, caveat and expiration, as a schema writes it.
        found: String,
        /// How the relation takes this subject, as a schema writes it.
        allowed: Vec<String>,
    },
    /// Context that the caveat does not take.
    #[error("{0}")]
    Context(ContextError),
}

impl TupleRefused {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown(error) => error.code(),
            Self::Computed { .. } => "relation_is_computed",
            Self::Subject { .. } => "subject_not_allowed",
            Self::Qualifier { .. } => "qualifier_not_allowed",
            Self::Context(error) => error.code(),
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown(error) => error.help(),
            Self::Computed { .. } => Some("write a tuple of a relation that it is computed from".to_owned()),
            Self::Subject { allowed, .. } | Self::Qualifier { allowed, .. } => Some(format!("allowed: `{}`", allowed.join(" | "))),
            Self::Context(ContextError::Undeclared { suggestion, .. }) => suggestion.as_ref().map(|name| format!("did you mean `{name}`?")),
            Self::Context(ContextError::Type { .. } | ContextError::TooLarge { .. }) => None,
        }
    }
}

/// The tuple as it is to be stored: allowed by the schema, its context in canonical form. O(log schema + context).
///
/// # Errors
/// When the schema does not allow it.
pub fn admit(schema: &Schema, tuple: &Tuple) -> Result<Tuple, TupleRefused> {
    let key = &tuple.key;
    let relation = find_writable(schema, key.object().object_type(), key.relation()).map_err(TupleRefused::Unknown)?;
    find_subject(schema, key.subject()).map_err(TupleRefused::Unknown)?;
    if relation.direct.is_empty() {
        let (object_type, relation) = (key.object().object_type().clone(), key.relation().clone());
        return Err(TupleRefused::Computed { object_type, relation });
    }
    let caveat = match &tuple.caveat {
        None => None,
        Some(given) => Some((given, schema.caveats.get(given.name()).ok_or_else(|| unknown_caveat(schema, given.name()))?)),
    };
    let shape = Shape::of(tuple);
    if !relation.direct.contains(&shape.subject) {
        return Err(refused_shape(shape, relation));
    }
    let caveat = match caveat {
        None => None,
        Some((given, caveat)) => {
            let context = caveat.admit(given.context()).map_err(TupleRefused::Context)?;
            Some(TupleCaveat::from_valid(given.name().clone(), context))
        }
    };
    Ok(Tuple { key: key.clone(), caveat, expires_at: tuple.expires_at })
}

/// Whether the schema knows the names of a question: the relation or permission of the object's type, and the subject's.
///
/// # Errors
/// The first name that it does not have.
pub fn check_question(schema: &Schema, question: &TupleKey) -> Result<(), UnknownName> {
    find_relation(schema, question.object().object_type(), question.relation())?;
    find_subject(schema, question.subject())
}

/// The relation or permission of a type.
///
/// # Errors
/// When the schema has no such type, or the type no such relation.
pub fn find_relation<'s>(schema: &'s Schema, object_type: &Name, relation: &Name) -> Result<&'s Relation, UnknownName> {
    let definition = schema.definitions.get(object_type).ok_or_else(|| unknown_type(schema, object_type))?;
    definition.relations.get(relation).ok_or_else(|| UnknownName::Relation {
        object_type: object_type.clone(),
        relation: relation.clone(),
        suggestion: closest(relation, definition.relations.keys().map(|name| &**name)).map(Name::from),
    })
}

/// As [`find_relation`], where a tuple is to be written: only a name that takes tuples can have been meant.
fn find_writable<'s>(schema: &'s Schema, object_type: &Name, relation: &Name) -> Result<&'s Relation, UnknownName> {
    find_relation(schema, object_type, relation).map_err(|unknown| match unknown {
        UnknownName::Relation { object_type, relation, .. } => {
            let relations = schema.definitions.get(&object_type).into_iter().flat_map(|definition| &definition.relations);
            let takes_tuples = relations.filter(|(_, relation)| !relation.direct.is_empty()).map(|(name, _)| &**name);
            let suggestion = closest(&relation, takes_tuples).map(Name::from);
            UnknownName::Relation { object_type, relation, suggestion }
        }
        UnknownName::Type { .. } | UnknownName::Caveat { .. } => unknown,
    })
}

/// Whether the schema knows a type.
///
/// # Errors
/// When it does not.
pub fn find_type(schema: &Schema, object_type: &Name) -> Result<(), UnknownName> {
    if schema.definitions.contains_key(object_type) { Ok(()) } else { Err(unknown_type(schema, object_type)) }
}

/// Whether the schema knows the names of a subject.
pub(crate) fn find_subject(schema: &Schema, subject: &Subject) -> Result<(), UnknownName> {
    match subject.relation() {
        Some(relation) => find_relation(schema, subject.object_type(), relation).map(|_| ()),
        None => find_type(schema, subject.object_type()),
    }
}

fn unknown_type(schema: &Schema, object_type: &Name) -> UnknownName {
    let suggestion = closest(object_type, schema.definitions.keys().map(|name| &**name)).map(Name::from);
    UnknownName::Type { object_type: object_type.clone(), suggestion }
}

fn unknown_caveat(schema: &Schema, caveat: &Name) -> TupleRefused {
    let suggestion = closest(caveat, schema.caveats.keys().map(|name| &**name)).map(Name::from);
    TupleRefused::Unknown(UnknownName::Caveat { caveat: caveat.clone(), suggestion })
}

fn refused_shape(shape: Shape, relation: &Relation) -> TupleRefused {
    let Shape { object_type, relation: name, subject } = shape;
    let same_subject = |allowed: &&SubjectType| allowed.object_type == subject.object_type && allowed.shape == subject.shape;
    let alike: Vec<String> = relation.direct.iter().filter(same_subject).map(ToString::to_string).collect();
    if alike.is_empty() {
        let found = SubjectType { caveat: None, expiration: false, ..subject }.to_string();
        let allowed = relation.direct.iter().map(ToString::to_string).collect();
        return TupleRefused::Subject { object_type, relation: name, found, allowed };
    }
    let plain = subject.caveat.is_none() && !subject.expiration;
    let found = if plain { format!("{subject} without caveat and expiration") } else { subject.to_string() };
    TupleRefused::Qualifier { object_type, relation: name, found, allowed: alike }
}

#[cfg(test)]
mod tests;
