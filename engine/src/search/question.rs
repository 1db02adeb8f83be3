//! A question as it comes: names and ids that somebody else owns.

use crate::tuple::{IdentifierError, ObjectRef, Subject, TupleKey};

/// May this subject do this to that object? Borrows its strings, so that asking allocates nothing.
///
/// Made from a [`TupleKey`], or from parts as the wire has them; ids are compared as they are, so one that is not valid is one that
/// nothing names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Question<'q> {
    /// The type of the object.
    pub object_type: &'q str,
    /// The id of the object.
    pub object_id: &'q str,
    /// The relation or permission.
    pub relation: &'q str,
    /// The type of the subject.
    pub subject_type: &'q str,
    /// The id of the subject; `*`: the wildcard of the type.
    pub subject_id: &'q str,
    /// The relation of a userset; `""`: none.
    pub subject_relation: &'q str,
}

impl<'q> From<&'q TupleKey> for Question<'q> {
    fn from(key: &'q TupleKey) -> Self {
        let (object, subject) = (key.object(), key.subject());
        Self {
            object_type: object.object_type(),
            object_id: object.id(),
            relation: key.relation(),
            subject_type: subject.object_type(),
            subject_id: subject.id(),
            subject_relation: subject.relation().map_or("", |relation| relation),
        }
    }
}

impl Question<'_> {
    /// What [`crate::plan::Plans::find_kind`] calls the kind of the subject.
    #[inline]
    pub(crate) fn kind_name(&self) -> &str {
        if self.subject_relation.is_empty() && self.subject_id == "*" { "*" } else { self.subject_relation }
    }

    /// The question with strings of its own.
    ///
    /// # Errors
    /// When a part is not valid.
    pub fn to_key(&self) -> Result<TupleKey, IdentifierError> {
        let object = ObjectRef::new(self.object_type, self.object_id)?;
        TupleKey::new(object, self.relation, Subject::from_parts(self.subject_type, self.subject_id, self.subject_relation)?)
    }
}
