//! Expected subjects of the `validation` map: `[user:tom] is <document:readme#viewer>`.
//!
//! `[user:tom[...]]` is a subject that is in only under a condition; `[user:* - {user:a, user:b}]` is everybody but two; several
//! paths are joined by `/`.

use dhow_engine::tuple::{ObjectRef, Subject};
use dhow_schema::ir::Name;

use super::problem::abridged;

/// Who is expected, and through which relations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExpectedSubject {
    pub(crate) subject: Subject,
    /// `[...]`: only under a condition.
    pub(crate) conditional: bool,
    /// For a wildcard: who is not in, each perhaps only under a condition.
    pub(crate) excluded: Vec<ExcludedSubject>,
    /// The relations that name the subject.
    pub(crate) paths: Vec<(ObjectRef, Name)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExcludedSubject {
    pub(crate) subject: Subject,
    pub(crate) conditional: bool,
}

/// Why a text is no expected subject.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExpectError {
    #[error("it does not have the form `[subject] is <relation of an object>`")]
    Shape,
    #[error("`{}` is no subject: {reason}", abridged(text))]
    Subject { text: String, reason: String },
    #[error("`{}` is no relation of an object", abridged(text))]
    Path { text: String },
    #[error("only a wildcard can have exceptions")]
    ExceptionsOfObject,
}

impl ExpectError {
    /// How to write it.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Shape => {
                "write `[user:ada] is <document:readme#viewer>`, `[user:ada[...]] is …` for a conditional subject, \
                 `[user:* - {user:eve}] is …` for everybody but some"
            }
            Self::Subject { .. } => "write `type:id`, `type:id#relation` or `type:*`, and `[...]` behind it where it is conditional",
            Self::Path { .. } => "write `<document:readme#viewer>`, and `/` between several",
            Self::ExceptionsOfObject => "write `[user:* - {user:eve}]`",
        }
    }
}

impl ExpectedSubject {
    /// Reads one line of the `validation` map.
    ///
    /// # Errors
    /// See [`ExpectError`].
    pub(crate) fn parse(text: &str) -> Result<Self, ExpectError> {
        let inner = text.trim().strip_prefix('[').ok_or(ExpectError::Shape)?;
        // A subject's id holds no `[` and no white space, so the first `] is <` is the one meant.
        let (who, paths) = inner.split_once("] is <").ok_or(ExpectError::Shape)?;
        let (subject, excluded) = match who.split_once(" - {") {
            Some((subject, rest)) => (subject, Some(rest.strip_suffix('}').ok_or(ExpectError::Shape)?)),
            None => (who, None),
        };
        let ExcludedSubject { subject, conditional } = marked_subject(subject)?;
        let excluded = match excluded {
            Some(list) => list.split(',').map(marked_subject).collect::<Result<Vec<_>, _>>()?,
            None => Vec::new(),
        };
        if !excluded.is_empty() && !subject.is_wildcard() {
            return Err(ExpectError::ExceptionsOfObject);
        }
        let paths = paths.strip_suffix('>').ok_or(ExpectError::Shape)?;
        let paths = paths.split(">/<").map(path).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { subject, conditional, excluded, paths })
    }
}

/// `user:tom` or `user:tom[...]`.
fn marked_subject(text: &str) -> Result<ExcludedSubject, ExpectError> {
    let text = text.trim();
    let (plain, conditional) = text.strip_suffix("[...]").map_or((text, false), |plain| (plain, true));
    match plain.parse::<Subject>() {
        Ok(subject) => Ok(ExcludedSubject { subject, conditional }),
        Err(error) => Err(ExpectError::Subject { text: plain.to_owned(), reason: error.to_string() }),
    }
}

fn path(text: &str) -> Result<(ObjectRef, Name), ExpectError> {
    parse_userset(text).ok_or_else(|| ExpectError::Path { text: text.to_owned() })
}

/// `document:readme#viewer`.
pub(super) fn parse_userset(text: &str) -> Option<(ObjectRef, Name)> {
    let (object, relation) = text.trim().rsplit_once('#')?;
    if relation.is_empty() || relation.contains(char::is_whitespace) {
        return None;
    }
    Some((object.parse().ok()?, relation.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_documented_form_is_read() {
        let plain = ExpectedSubject::parse("[user:tom] is <a/doc:x#viewer>/<a/doc:x#editor>").unwrap();
        assert_eq!(plain.subject.to_string(), "user:tom");
        assert_eq!(
            plain.paths.iter().map(|(object, relation)| format!("{object}#{relation}")).collect::<Vec<_>>(),
            ["a/doc:x#viewer", "a/doc:x#editor"]
        );
        assert!(!plain.conditional && plain.excluded.is_empty());

        let conditional = ExpectedSubject::parse("[team:core#member[...]] is <doc:x#viewer>").unwrap();
        assert!(conditional.conditional);
        assert_eq!(conditional.subject.to_string(), "team:core#member");

        let wildcard = ExpectedSubject::parse("[user:*[...] - {user:a, user:b[...]}] is <doc:x#viewer>").unwrap();
        assert!(wildcard.conditional);
        let excluded: Vec<_> = wildcard.excluded.iter().map(|one| (one.subject.to_string(), one.conditional)).collect();
        assert_eq!(excluded, [("user:a".to_owned(), false), ("user:b".to_owned(), true)]);
    }

    #[test]
    fn what_is_not_an_expected_subject_is_refused() {
        assert!(matches!(ExpectedSubject::parse("user:tom is <doc:x#viewer>"), Err(ExpectError::Shape)));
        assert!(matches!(ExpectedSubject::parse("[user:tom] is <doc:x#viewer"), Err(ExpectError::Shape)));
        assert!(matches!(ExpectedSubject::parse("[user] is <doc:x#viewer>"), Err(ExpectError::Subject { .. })));
        assert!(matches!(ExpectedSubject::parse("[user:a] is <doc:x>"), Err(ExpectError::Path { .. })));
        assert!(matches!(ExpectedSubject::parse("[user:a - {user:b}] is <doc:x#viewer>"), Err(ExpectError::ExceptionsOfObject)));
    }
}
