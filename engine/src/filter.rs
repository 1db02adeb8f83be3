//! Which tuples are meant: any combination of the fields of a key.

use std::fmt;

use borsh::BorshSerialize;
use dhow_schema::ir::Name;

use crate::tuple::{Id, TupleKey};

/// A condition on tuples. Every field that is `Some` must hold; the default holds for every tuple.
///
/// ```
/// use dhow_engine::filter::{IdMatch, TupleFilter};
///
/// let filter = TupleFilter { object_id: Some(IdMatch::Prefix("2026-".into())), ..TupleFilter::default() };
/// assert!(filter.matches(&"invoice:2026-1#payer@user:ada".parse()?));
/// assert!(!filter.matches(&"invoice:2025-1#payer@user:ada".parse()?));
/// # Ok::<(), dhow_engine::tuple::TupleTextError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize)]
pub struct TupleFilter {
    /// The type of the object.
    pub object_type: Option<Name>,
    /// The id of the object.
    pub object_id: Option<IdMatch>,
    /// The relation.
    pub relation: Option<Name>,
    /// The type of the subject's object.
    pub subject_type: Option<Name>,
    /// The id of the subject's object; `*` for a wildcard.
    pub subject_id: Option<Id>,
    /// The relation of the subject.
    pub subject_relation: Option<SubjectRelationMatch>,
}

/// A condition on an id.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub enum IdMatch {
    /// This very id.
    Is(Id),
    /// Every id that begins with these bytes.
    Prefix(String),
}

impl IdMatch {
    /// Whether `id` is meant.
    #[must_use]
    pub fn matches(&self, id: &str) -> bool {
        match self {
            Self::Is(wanted) => **wanted == *id,
            Self::Prefix(prefix) => id.starts_with(prefix.as_str()),
        }
    }
}

/// A condition on a subject's relation.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub enum SubjectRelationMatch {
    /// Objects and wildcards.
    None,
    /// Usersets of this relation.
    Is(Name),
}

impl TupleFilter {
    /// Whether the tuple with this key is meant. O(length of the fields).
    #[must_use]
    pub fn matches(&self, key: &TupleKey) -> bool {
        let same = |wanted: &Option<Name>, actual: &str| wanted.as_ref().is_none_or(|wanted| **wanted == *actual);
        let (object, subject) = (key.object(), key.subject());
        same(&self.object_type, object.object_type())
            && self.object_id.as_ref().is_none_or(|id| id.matches(object.id()))
            && same(&self.relation, key.relation())
            && same(&self.subject_type, subject.object_type())
            && same(&self.subject_id, subject.id())
            && match (&self.subject_relation, subject.relation()) {
                (None, _) | (Some(SubjectRelationMatch::None), None) => true,
                (Some(SubjectRelationMatch::Is(wanted)), Some(actual)) => wanted == actual,
                (Some(SubjectRelationMatch::None), Some(_)) | (Some(SubjectRelationMatch::Is(_)), None) => false,
            }
    }

    /// Whether no field says anything, so that every tuple is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for TupleFilter {
    /// What must hold, field by field: `object_type doc, subject_id ada`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = |id: &IdMatch| match id {
            IdMatch::Is(id) => id.to_string(),
            IdMatch::Prefix(prefix) => format!("{prefix}..."),
        };
        let subject_relation = |relation: &SubjectRelationMatch| match relation {
            SubjectRelationMatch::None => "none".to_owned(),
            SubjectRelationMatch::Is(relation) => relation.to_string(),
        };
        let fields = [
            ("object_type", self.object_type.as_ref().map(ToString::to_string)),
            ("object_id", self.object_id.as_ref().map(id)),
            ("relation", self.relation.as_ref().map(ToString::to_string)),
            ("subject_type", self.subject_type.as_ref().map(ToString::to_string)),
            ("subject_id", self.subject_id.as_ref().map(ToString::to_string)),
            ("subject_relation", self.subject_relation.as_ref().map(subject_relation)),
        ];
        let said: Vec<String> = fields.into_iter().filter_map(|(name, value)| Some(format!("{name} {}", value?))).collect();
        if said.is_empty() { f.write_str("every tuple") } else { f.write_str(&said.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching(filter: &TupleFilter) -> Vec<&'static str> {
        ["doc:1#viewer@user:ada", "doc:12#editor@user:*", "doc:2#viewer@team:core#member", "team:core#member@user:ada"]
            .into_iter()
            .filter(|text| filter.matches(&text.parse().unwrap()))
            .collect()
    }

    #[test]
    fn text_says_what_must_hold() {
        assert_eq!(TupleFilter::default().to_string(), "every tuple");
        let filter = TupleFilter {
            object_type: Some("doc".into()),
            object_id: Some(IdMatch::Prefix("2026".into())),
            subject_relation: Some(SubjectRelationMatch::None),
            ..TupleFilter::default()
        };
        assert_eq!(filter.to_string(), "object_type doc, object_id 2026..., subject_relation none");
    }

    #[test]
    fn every_field_narrows() {
        let any = TupleFilter::default;
        assert_eq!(matching(&any()).len(), 4);
        assert!(any().is_empty());
        let cases = [
            (TupleFilter { object_type: Some("team".into()), ..any() }, vec!["team:core#member@user:ada"]),
            (TupleFilter { object_id: Some(IdMatch::Is("1".into())), ..any() }, vec!["doc:1#viewer@user:ada"]),
            (TupleFilter { object_id: Some(IdMatch::Prefix("1".into())), ..any() }, vec!["doc:1#viewer@user:ada", "doc:12#editor@user:*"]),
            (TupleFilter { relation: Some("editor".into()), ..any() }, vec!["doc:12#editor@user:*"]),
            (TupleFilter { subject_type: Some("team".into()), ..any() }, vec!["doc:2#viewer@team:core#member"]),
            (TupleFilter { subject_id: Some("ada".into()), ..any() }, vec!["doc:1#viewer@user:ada", "team:core#member@user:ada"]),
            (TupleFilter { subject_id: Some("*".into()), ..any() }, vec!["doc:12#editor@user:*"]),
            (
                TupleFilter { subject_relation: Some(SubjectRelationMatch::Is("member".into())), ..any() },
                vec!["doc:2#viewer@team:core#member"],
            ),
            (
                TupleFilter { subject_relation: Some(SubjectRelationMatch::None), object_type: Some("doc".into()), ..any() },
                vec!["doc:1#viewer@user:ada", "doc:12#editor@user:*"],
            ),
        ];
        for (filter, expected) in cases {
            assert_eq!(matching(&filter), expected, "{filter:?}");
        }
    }
}
