//! Objects, subjects and relationship tuples, with their text and byte forms.
//!
//! Whatever exists of these types is valid: text, the wire and stored bytes all come in through the same checks
//! ([`check_id`], [`check_name`]). Nothing here knows a schema; whether a tuple makes sense is for [`crate::validate`].
//!
//! Text: `type:id#relation@type:id#relation[caveat:{"json":1}][expiration:2030-01-01T00:00:00Z]`. The first `:` ends a type; an id may
//! contain `:` and `@` (`user:ada@example.com`); a subject relation `...` means none. Names cannot contain any character that
//! separates here, so they are written as they are; backticks around a name are read, too.

use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use dhow_schema::ir::{Name, SubjectShape};
use dhow_schema::value::Context;

pub use crate::time::{Timestamp, TimestampError};
pub use identifier::{IdentifierError, check_id, check_name};
pub use text::{TupleTextError, TupleTextProblem};

mod identifier;
mod text;

/// An object id: 1 to 1,024 bytes of UTF-8. Cheap to clone.
pub type Id = Arc<str>;

/// One object: `document:readme`. Ordered by type, then id, as bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct ObjectRef {
    object_type: Name,
    id: Id,
}

impl ObjectRef {
    /// The object `object_type:id`.
    ///
    /// # Errors
    /// When the type is no name ([`check_name`]) or the id no id ([`check_id`]).
    pub fn new(object_type: impl Into<Name>, id: impl Into<Id>) -> Result<Self, IdentifierError> {
        let (object_type, id) = (object_type.into(), id.into());
        check_name(&object_type)?;
        check_id(&id)?;
        Ok(Self { object_type, id })
    }

    /// An object of parts that are known to be valid.
    pub(crate) const fn from_valid(object_type: Name, id: Id) -> Self {
        Self { object_type, id }
    }

    /// Its type.
    #[must_use]
    pub const fn object_type(&self) -> &Name {
        &self.object_type
    }

    /// Its id within the type.
    #[must_use]
    pub const fn id(&self) -> &Id {
        &self.id
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.object_type, self.id)
    }
}

/// Who a tuple is about: one object (`user:ada`), every object of a type (`user:*`) or a userset (`team:core#member`).
///
/// Ordered by type, id (a wildcard's is `*`) and relation (none first), as bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct Subject {
    object_type: Name,
    id: Id,
    relation: Option<Name>,
}

impl Subject {
    /// The object itself.
    #[must_use]
    pub fn object(object: ObjectRef) -> Self {
        Self { object_type: object.object_type, id: object.id, relation: None }
    }

    /// Whoever is in `relation` of the object.
    ///
    /// # Errors
    /// When the relation is no name ([`check_name`]).
    pub fn userset(object: ObjectRef, relation: impl Into<Name>) -> Result<Self, IdentifierError> {
        let relation = relation.into();
        check_name(&relation)?;
        Ok(Self { object_type: object.object_type, id: object.id, relation: Some(relation) })
    }

    /// A userset of a relation whose name is known to be valid.
    pub(crate) fn userset_of_valid(object: ObjectRef, relation: Name) -> Self {
        Self { object_type: object.object_type, id: object.id, relation: Some(relation) }
    }

    /// Every object of the type.
    ///
    /// # Errors
    /// When the type is no name ([`check_name`]).
    pub fn wildcard(object_type: impl Into<Name>) -> Result<Self, IdentifierError> {
        let object_type = object_type.into();
        check_name(&object_type)?;
        Ok(Self::wildcard_of_valid(object_type))
    }

    /// The wildcard of a type whose name is known to be valid.
    pub(crate) fn wildcard_of_valid(object_type: Name) -> Self {
        Self { object_type, id: Id::from("*"), relation: None }
    }

    /// A subject of its three parts, as the wire has them: the id `*` means every object, the relation `""` or `...` none.
    ///
    /// # Errors
    /// When a part is not valid, or a wildcard has a relation.
    pub fn from_parts(object_type: impl Into<Name>, id: impl Into<Id>, relation: &str) -> Result<Self, IdentifierError> {
        let id = id.into();
        let bare = relation.is_empty() || relation == "...";
        match (&*id == "*", bare) {
            (true, true) => Self::wildcard(object_type),
            (true, false) => Err(IdentifierError::WildcardRelation),
            (false, true) => Ok(Self::object(ObjectRef::new(object_type, id)?)),
            (false, false) => Self::userset(ObjectRef::new(object_type, id)?, relation),
        }
    }

    /// The type of the subject's object or objects.
    #[must_use]
    pub const fn object_type(&self) -> &Name {
        &self.object_type
    }

    /// The id of the subject's object; `*` for a wildcard.
    #[must_use]
    pub const fn id(&self) -> &Id {
        &self.id
    }

    /// The relation, for a userset.
    #[must_use]
    pub const fn relation(&self) -> Option<&Name> {
        self.relation.as_ref()
    }

    /// Whether this is `type:*`.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        &*self.id == "*"
    }

    /// Whether this is one object without relation.
    #[must_use]
    pub fn is_object(&self) -> bool {
        self.relation.is_none() && !self.is_wildcard()
    }

    /// The object of an object or a userset; `None` for a wildcard.
    #[must_use]
    pub fn object_ref(&self) -> Option<ObjectRef> {
        if self.is_wildcard() { None } else { Some(ObjectRef::from_valid(self.object_type.clone(), self.id.clone())) }
    }

    /// Object, wildcard or userset of which relation.
    #[must_use]
    pub fn shape(&self) -> SubjectShape {
        match &self.relation {
            Some(relation) => SubjectShape::Userset(relation.clone()),
            None if self.is_wildcard() => SubjectShape::Wildcard,
            None => SubjectShape::Object,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.object_type, self.id)?;
        match &self.relation {
            Some(relation) => write!(f, "#{relation}"),
            None => Ok(()),
        }
    }
}

/// What identifies a tuple, and what a check asks: `object#relation@subject`. Ordered by object, relation, subject, as bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct TupleKey {
    object: ObjectRef,
    relation: Name,
    subject: Subject,
}

impl TupleKey {
    /// The key `object#relation@subject`.
    ///
    /// # Errors
    /// When the relation is no name ([`check_name`]).
    pub fn new(object: ObjectRef, relation: impl Into<Name>, subject: Subject) -> Result<Self, IdentifierError> {
        let relation = relation.into();
        check_name(&relation)?;
        Ok(Self { object, relation, subject })
    }

    /// A key of a relation whose name is known to be valid.
    pub(crate) const fn from_valid(object: ObjectRef, relation: Name, subject: Subject) -> Self {
        Self { object, relation, subject }
    }

    /// The object.
    #[must_use]
    pub const fn object(&self) -> &ObjectRef {
        &self.object
    }

    /// The relation, or in a question the relation or permission.
    #[must_use]
    pub const fn relation(&self) -> &Name {
        &self.relation
    }

    /// The subject.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
}

impl fmt::Display for TupleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}@{}", self.object, self.relation, self.subject)
    }
}

/// The caveat that a tuple's membership hangs on, with the parameters stored beside it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct TupleCaveat {
    name: Name,
    context: Context,
}

impl TupleCaveat {
    /// The caveat `name` with stored parameters.
    ///
    /// # Errors
    /// When the name is none ([`check_name`]).
    pub fn new(name: impl Into<Name>, context: Context) -> Result<Self, IdentifierError> {
        let name = name.into();
        check_name(&name)?;
        Ok(Self { name, context })
    }

    /// A caveat whose name is known to be valid.
    pub(crate) const fn from_valid(name: Name, context: Context) -> Self {
        Self { name, context }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The stored parameters.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }
}

/// A relationship tuple: its key, and what qualifies it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct Tuple {
    /// What identifies it.
    pub key: TupleKey,
    /// The caveat it hangs on.
    pub caveat: Option<TupleCaveat>,
    /// From when on it counts as absent.
    pub expires_at: Option<Timestamp>,
}

impl Tuple {
    /// A tuple without caveat and expiry.
    #[must_use]
    pub const fn plain(key: TupleKey) -> Self {
        Self { key, caveat: None, expires_at: None }
    }

    /// Whether it counts as absent at `time`: expiry at or before it.
    #[must_use]
    pub fn is_expired(&self, time: Timestamp) -> bool {
        self.expires_at.is_some_and(|expiry| expiry <= time)
    }

    /// The one byte form of this tuple: what the digest is made of. Two tuples are equal when their bytes are.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        // Writing to a vector cannot fail, and no part of a tuple is longer than the 4 GiB that borsh refuses.
        let _ = self.serialize(&mut bytes);
        bytes
    }
}

impl fmt::Display for Tuple {
    /// The text form. Parameters are written as JSON, which has fewer types than caveats: a timestamp, for one, is read back as a
    /// string until the schema's caveat admits it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.key, f)?;
        if let Some(caveat) = &self.caveat {
            if caveat.context.is_empty() {
                write!(f, "[{}]", caveat.name)?;
            } else {
                write!(f, "[{}:{}]", caveat.name, text::context_text(&caveat.context))?;
            }
        }
        match self.expires_at {
            Some(time) => write!(f, "[expiration:{time}]"),
            None => Ok(()),
        }
    }
}

impl FromStr for ObjectRef {
    type Err = TupleTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text::object(text)
    }
}

impl FromStr for Subject {
    type Err = TupleTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text::subject(text)
    }
}

impl FromStr for TupleKey {
    type Err = TupleTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text::key(text)
    }
}

impl FromStr for Tuple {
    type Err = TupleTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text::tuple(text)
    }
}

/// Turns a broken rule into the error that borsh knows.
fn invalid(error: IdentifierError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl BorshDeserialize for ObjectRef {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Self::new(String::deserialize_reader(reader)?, String::deserialize_reader(reader)?).map_err(invalid)
    }
}

impl BorshDeserialize for Subject {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let (object_type, id) = (String::deserialize_reader(reader)?, String::deserialize_reader(reader)?);
        match Option::<String>::deserialize_reader(reader)? {
            None => Self::from_parts(object_type, id, ""),
            Some(relation) if relation.is_empty() => Err(IdentifierError::NameEmpty),
            Some(relation) if relation == "..." => Err(IdentifierError::NameEllipsis),
            Some(relation) => Self::from_parts(object_type, id, &relation),
        }
        .map_err(invalid)
    }
}

impl BorshDeserialize for TupleKey {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let object = ObjectRef::deserialize_reader(reader)?;
        let relation = String::deserialize_reader(reader)?;
        Self::new(object, relation, Subject::deserialize_reader(reader)?).map_err(invalid)
    }
}

impl BorshDeserialize for TupleCaveat {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let name = String::deserialize_reader(reader)?;
        Self::new(name, Context::deserialize_reader(reader)?).map_err(invalid)
    }
}

impl BorshDeserialize for Tuple {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Ok(Self {
            key: TupleKey::deserialize_reader(reader)?,
            caveat: Option::deserialize_reader(reader)?,
            expires_at: Option::deserialize_reader(reader)?,
        })
    }
}

#[cfg(test)]
mod tests;
