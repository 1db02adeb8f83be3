//! The text form of objects, subjects, tuples and check questions. Linear in the length of the text; never panics.

use std::ops::Range;

use dhow_schema::ir::Name;
use dhow_schema::value::{Context, context_from_json_object, context_to_json};

use super::{IdentifierError, ObjectRef, Subject, Tuple, TupleCaveat, TupleKey, check_id, check_name};
use crate::limits::MAX_TUPLE_TEXT_BYTES;
use crate::time::{Timestamp, TimestampError};

/// A text that is no object, subject, tuple or question: what is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct TupleTextError {
    range: Range<usize>,
    problem: TupleTextProblem,
}

/// What is wrong with a [`TupleTextError`]'s text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TupleTextProblem {
    /// Longer than [`MAX_TUPLE_TEXT_BYTES`].
    #[error("the text has {bytes} bytes, at most {MAX_TUPLE_TEXT_BYTES} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// No `:` after a type.
    #[error("expected `:` between type and id")]
    NoColon,
    /// No `#` after the object.
    #[error("expected `#` and a relation after the object")]
    NoRelation,
    /// No `@` after the relation.
    #[error("expected `@` and a subject after the relation")]
    NoSubject,
    /// A backtick without its counterpart.
    #[error("this backtick is not closed")]
    OpenBacktick,
    /// A part that is no id or name.
    #[error("{0}")]
    Identifier(IdentifierError),
    /// Something after the end.
    #[error("expected the end here")]
    Trailing,
    /// A `[` without its `]`.
    #[error("expected `]`")]
    OpenBracket,
    /// A second caveat or a second expiration.
    #[error("a tuple has at most one caveat and one expiration")]
    Repeated,
    /// A caveat's context that is no JSON object of values that a caveat can have.
    #[error("the caveat's context cannot be read: {0}")]
    Context(String),
    /// An expiration that is no time.
    #[error("{0}")]
    Time(TimestampError),
}

impl TupleTextError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match &self.problem {
            TupleTextProblem::TooLong { .. } => "tuple_text_too_long",
            TupleTextProblem::NoColon => "tuple_text_colon",
            TupleTextProblem::NoRelation => "tuple_text_relation",
            TupleTextProblem::NoSubject => "tuple_text_subject",
            TupleTextProblem::OpenBacktick => "tuple_text_backtick",
            TupleTextProblem::Identifier(error) => error.code(),
            TupleTextProblem::Trailing => "tuple_text_trailing",
            TupleTextProblem::OpenBracket => "tuple_text_bracket",
            TupleTextProblem::Repeated => "tuple_text_repeated",
            TupleTextProblem::Context(_) => "tuple_text_context",
            TupleTextProblem::Time(error) => error.code(),
        }
    }

    /// Which bytes of the text are wrong; at a place where something is missing, an empty range.
    #[must_use]
    pub const fn range(&self) -> &Range<usize> {
        &self.range
    }

    /// What is wrong.
    #[must_use]
    pub const fn problem(&self) -> &TupleTextProblem {
        &self.problem
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match &self.problem {
            TupleTextProblem::TooLong { .. } => "write one tuple a line",
            TupleTextProblem::NoColon => "write an object as `type:id`, such as `document:readme`",
            TupleTextProblem::NoRelation | TupleTextProblem::NoSubject => {
                "write `object#relation@subject`, such as `document:readme#viewer@user:ada`"
            }
            TupleTextProblem::OpenBacktick => "close the name with a second backtick",
            TupleTextProblem::Identifier(error) => error.help(),
            TupleTextProblem::Trailing => "only `[caveat:{...}]` and `[expiration:TIME]` may follow a tuple",
            TupleTextProblem::OpenBracket => "write `[caveat]`, `[caveat:{\"parameter\": 1}]` or `[expiration:TIME]`",
            TupleTextProblem::Repeated => "leave one of them out",
            TupleTextProblem::Context(_) => "write a JSON object, such as `{\"parameter\": 1}`",
            TupleTextProblem::Time(error) => error.help(),
        }
    }
}

/// JSON of a context.
pub(super) fn context_text(context: &Context) -> String {
    context_to_json(context).to_string()
}

pub(super) fn object(text: &str) -> Result<ObjectRef, TupleTextError> {
    let mut cursor = Cursor::over(text)?;
    let object = cursor.object(&[])?;
    cursor.end(object)
}

pub(super) fn subject(text: &str) -> Result<Subject, TupleTextError> {
    let mut cursor = Cursor::over(text)?;
    let subject = cursor.subject()?;
    cursor.end(subject)
}

pub(super) fn key(text: &str) -> Result<TupleKey, TupleTextError> {
    let mut cursor = Cursor::over(text)?;
    let key = cursor.key()?;
    cursor.end(key)
}

pub(super) fn tuple(text: &str) -> Result<Tuple, TupleTextError> {
    let mut cursor = Cursor::over(text)?;
    let mut tuple = Tuple::plain(cursor.key()?);
    while cursor.rest().starts_with('[') {
        cursor.bracket(&mut tuple)?;
    }
    cursor.end(tuple)
}

fn error_at(range: Range<usize>, problem: TupleTextProblem) -> TupleTextError {
    TupleTextError { range, problem }
}

/// A place in a text.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn over(text: &'a str) -> Result<Self, TupleTextError> {
        let cursor = Self { text, at: 0 };
        if text.len() > MAX_TUPLE_TEXT_BYTES {
            return Err(error_at(0..text.len(), TupleTextProblem::TooLong { bytes: text.len() }));
        }
        Ok(cursor)
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// An error at this place, where something is missing.
    fn missing(&self, problem: TupleTextProblem) -> TupleTextError {
        error_at(self.at..self.at, problem)
    }

    fn identifier(&self, start: usize, part: &str, error: IdentifierError) -> TupleTextError {
        let range = match error.at() {
            Some((at, character)) => start + at..start + at + character.len_utf8(),
            None => start..start + part.len(),
        };
        error_at(range, TupleTextProblem::Identifier(error))
    }

    /// Takes what stands before the first of `stops`, or all.
    fn until(&mut self, stops: &[char]) -> &'a str {
        let rest = self.rest();
        let part = rest.find(stops).and_then(|end| rest.get(..end)).unwrap_or(rest);
        self.at += part.len();
        part
    }

    /// Takes `expected` if it comes next.
    fn take(&mut self, expected: char) -> bool {
        let found = self.rest().starts_with(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    /// A name, in backticks or up to one of `stops`.
    fn name(&mut self, stops: &[char]) -> Result<Name, TupleTextError> {
        let start = self.at;
        if self.take('`') {
            let inner = self.at;
            let name = self.until(&['`']);
            if !self.take('`') {
                return Err(error_at(start..start + 1, TupleTextProblem::OpenBacktick));
            }
            check_name(name).map_err(|error| self.identifier(inner, name, error))?;
            return Ok(name.into());
        }
        let name = self.until(stops);
        check_name(name).map_err(|error| self.identifier(start, name, error))?;
        Ok(name.into())
    }

    /// `type:`; what ends a type elsewhere shows that its `:` is missing.
    fn object_type(&mut self) -> Result<Name, TupleTextError> {
        let start = self.at;
        if !self.rest().starts_with('`') {
            let rest = self.rest();
            match rest.find([':', '#', '@', '[']) {
                Some(end) if rest.get(end..).is_some_and(|r| r.starts_with(':')) => {}
                Some(end) => return Err(error_at(start..start + end, TupleTextProblem::NoColon)),
                None => return Err(error_at(start..self.text.len(), TupleTextProblem::NoColon)),
            }
        }
        let name = self.name(&[':'])?;
        if self.take(':') { Ok(name) } else { Err(self.missing(TupleTextProblem::NoColon)) }
    }

    fn id(&mut self, stops: &[char], wildcard: bool) -> Result<&'a str, TupleTextError> {
        let start = self.at;
        let id = self.until(stops);
        if !(wildcard && id == "*") {
            check_id(id).map_err(|error| self.identifier(start, id, error))?;
        }
        Ok(id)
    }

    fn object(&mut self, stops: &[char]) -> Result<ObjectRef, TupleTextError> {
        let object_type = self.object_type()?;
        let id = self.id(stops, false)?;
        Ok(ObjectRef::from_valid(object_type, id.into()))
    }

    fn subject(&mut self) -> Result<Subject, TupleTextError> {
        let object_type = self.object_type()?;
        let id = self.id(&['#', '['], true)?;
        let relation = if self.take('#') { self.subject_relation()? } else { None };
        match (id, relation) {
            ("*", None) => Ok(Subject::wildcard_of_valid(object_type)),
            ("*", Some((start, name))) => Err(self.identifier(start, &name, IdentifierError::WildcardRelation)),
            (_, None) => Ok(Subject::object(ObjectRef::from_valid(object_type, id.into()))),
            (_, Some((_, name))) => Ok(Subject::userset_of_valid(ObjectRef::from_valid(object_type, id.into()), name)),
        }
    }

    /// A relation and where it starts; `...` is none.
    fn subject_relation(&mut self) -> Result<Option<(usize, Name)>, TupleTextError> {
        let start = self.at;
        let none = self.rest().strip_prefix("...").is_some_and(|after| after.is_empty() || after.starts_with('['));
        if none {
            self.at += 3;
            return Ok(None);
        }
        Ok(Some((start, self.name(&['['])?)))
    }

    fn key(&mut self) -> Result<TupleKey, TupleTextError> {
        let object = self.object(&['#'])?;
        if !self.take('#') {
            return Err(self.missing(TupleTextProblem::NoRelation));
        }
        let relation = self.name(&['@'])?;
        if !self.take('@') {
            return Err(self.missing(TupleTextProblem::NoSubject));
        }
        Ok(TupleKey::from_valid(object, relation, self.subject()?))
    }

    /// `[caveat]`, `[caveat:{...}]` or `[expiration:TIME]`. A caveat that is called `expiration` is told by its `{` or by having no `:`.
    fn bracket(&mut self, tuple: &mut Tuple) -> Result<(), TupleTextError> {
        let start = self.at;
        self.take('[');
        let name = self.name(&[':', ']'])?;
        let valued = self.take(':');
        let repeated = if &*name == "expiration" && valued && !self.rest().trim_start().starts_with('{') {
            let time = self.time()?;
            tuple.expires_at.replace(time).is_some()
        } else {
            let context = if valued { self.context()? } else { Context::new() };
            let caveat = TupleCaveat::new(name, context).map_err(|error| self.identifier(start, "", error))?;
            tuple.caveat.replace(caveat).is_some()
        };
        if !self.take(']') {
            return Err(self.missing(TupleTextProblem::OpenBracket));
        }
        if repeated { Err(error_at(start..self.at, TupleTextProblem::Repeated)) } else { Ok(()) }
    }

    fn time(&mut self) -> Result<Timestamp, TupleTextError> {
        let start = self.at;
        let text = self.until(&[']']);
        text.parse().map_err(|error| error_at(start..start + text.len(), TupleTextProblem::Time(error)))
    }

    /// One JSON object; the JSON reader finds its end.
    fn context(&mut self) -> Result<Context, TupleTextError> {
        let start = self.at;
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<serde_json::Value>();
        let object = match values.next() {
            Some(Ok(object)) => object,
            Some(Err(error)) => {
                let at = start + (error.column().saturating_sub(1)).min(self.rest().len());
                return Err(error_at(start..at.max(start), TupleTextProblem::Context(error.to_string())));
            }
            None => return Err(self.missing(TupleTextProblem::Context("it is empty".to_owned()))),
        };
        self.at = start + values.byte_offset();
        context_from_json_object(&object).map_err(|error| error_at(start..self.at, TupleTextProblem::Context(error.to_string())))
    }

    fn end<T>(&self, value: T) -> Result<T, TupleTextError> {
        if self.at == self.text.len() { Ok(value) } else { Err(error_at(self.at..self.text.len(), TupleTextProblem::Trailing)) }
    }
}
