//! What can be wrong with a request before anything is asked of a store: a field, its path, and what to do.

use std::fmt::Display;

use dhow_engine::tuple::IdentifierError;

use crate::limits::Limit;

/// A field of a request that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", if .field.is_empty() { String::new() } else { format!("field `{field}`: ") })]
pub(crate) struct RequestError {
    field: String,
    problem: FieldProblem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FieldProblem {
    /// Not set.
    #[error("is missing")]
    Missing,
    /// Not a number that the enumeration has.
    #[error("{number} is none of the values that it may have")]
    Enumeration {
        /// The number sent.
        number: i32,
    },
    /// Too many elements.
    #[error("has {got} elements, at most {max} are allowed")]
    TooMany {
        /// How many there are.
        got: usize,
        /// How many there may be.
        max: u64,
    },
    /// Too long a text.
    #[error("has {got} bytes, at most {max} are allowed")]
    TooLong {
        /// How many there are.
        got: usize,
        /// How many there may be.
        max: u64,
    },
    /// Too much context.
    #[error("has a context of {got} bytes, at most {max} are allowed")]
    ContextTooLarge {
        /// How many there are.
        got: usize,
        /// How many there may be.
        max: u64,
    },
    /// Lists and maps too deep inside each other.
    #[error("nests lists and maps more than {max} deep")]
    ContextTooDeep {
        /// How deep they may be.
        max: u64,
    },
    /// A value that no caveat parameter can have.
    #[error("{0}")]
    Value(ValueProblem),
    /// A page that is too large.
    #[error("asks for {got}, a page has at most {max}")]
    PageTooLarge {
        /// The size asked for.
        got: u32,
        /// The largest.
        max: u64,
    },
    /// A name or id that is none.
    #[error("{0}")]
    Identifier(#[from] IdentifierError),
    /// A time before year 1 or after year 9999.
    #[error("is no time of the years 1 to 9999")]
    Time,
    /// A token or cursor that is none goes by its own error; this is a combination of fields that excludes itself.
    #[error("cannot be used together with `{other}`")]
    Conflict {
        /// The other field.
        other: &'static str,
    },
    /// The first message of a stream lacks what the others build on, or a later one changes it.
    #[error("may be set in the first message of the stream only")]
    NotFirst,
    /// A confirmation that does not match.
    #[error("does not repeat the store's name")]
    Confirmation,
    /// A duration that would turn a clock back, or that is too long.
    #[error("must be a duration of 0 to 100 years")]
    Duration,
    /// A store id, chain or digest that is none.
    #[error("is not as a snapshot's head has it: hexadecimal digits, 32 of an id, 64 of a hash")]
    Hexadecimal,
}

/// A wire value that is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueProblem {
    /// No kind is set.
    #[error("has no value; for a null value set `null`")]
    Unset,
    /// Not a number.
    #[error("is not a number (NaN), which no caveat can be given")]
    NaN,
    /// Outside the years 1 to 9999, or nanoseconds out of range.
    #[error("is no timestamp of the years 1 to 9999")]
    Timestamp,
}

impl RequestError {
    /// A problem of the field at `field`, a path such as `checks[3].object`.
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<FieldProblem>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }

    /// The field is not set.
    pub(crate) fn missing(field: impl Into<String>) -> Self {
        Self::new(field, FieldProblem::Missing)
    }

    /// The same problem, seen from the message that holds the field's message in `outer`.
    #[must_use]
    pub(crate) fn within(self, outer: impl Display) -> Self {
        let field = match self.field.as_str() {
            "" => outer.to_string(),
            inner if inner.starts_with('[') => format!("{outer}{inner}"),
            inner => format!("{outer}.{inner}"),
        };
        Self { field, problem: self.problem }
    }

    /// The path of the field.
    pub(crate) fn field(&self) -> &str {
        &self.field
    }

    /// What is wrong with it.
    pub(crate) const fn problem(&self) -> &FieldProblem {
        &self.problem
    }
}

impl FieldProblem {
    /// The stable code of this problem.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Missing => "DH-A010",
            Self::Enumeration { .. } => "DH-A011",
            Self::TooMany { .. } => "DH-A012",
            Self::TooLong { .. } => "DH-A013",
            Self::ContextTooLarge { .. } => "DH-A014",
            Self::ContextTooDeep { .. } => "DH-A015",
            Self::Value(_) => "DH-A016",
            Self::PageTooLarge { .. } => "DH-A017",
            Self::Identifier(error) => error.code(),
            Self::Time => "DH-A018",
            Self::Conflict { .. } => "DH-A019",
            Self::NotFirst => "DH-A023",
            Self::Confirmation => "DH-A024",
            Self::Duration => "DH-A025",
            Self::Hexadecimal => "DH-A026",
        }
    }

    /// What to do about it.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Missing => "set it",
            Self::Enumeration { .. } => "use a value of the published interface; an older server may not know a newer one",
            Self::TooMany { .. } => "send several requests",
            Self::TooLong { .. } => "shorten it",
            Self::ContextTooLarge { .. } => "send only the parameters that the caveats declare",
            Self::ContextTooDeep { .. } => "flatten it",
            Self::Value(_) => "send a value of the parameter's type, or leave the parameter out",
            Self::PageTooLarge { .. } => "ask for less, or for 0: everything as one stream",
            Self::Identifier(error) => error.help(),
            Self::Time => "leave it out for a tuple that does not expire",
            Self::Conflict { .. } => "leave one of them out",
            Self::NotFirst => "leave it out of the later messages",
            Self::Confirmation => "repeat the name of the store that is to be deleted with all its history",
            Self::Hexadecimal => "copy it from `dhow snapshot inspect`",
            Self::Duration => "a clock only moves forward; send a shorter positive duration",
        }
    }
}

/// Checks how many elements a field has.
///
/// # Errors
/// [`FieldProblem::TooMany`] past the limit.
pub(crate) fn at_most(limit: &Limit, field: &str, got: usize) -> Result<(), RequestError> {
    if got <= limit.count() {
        return Ok(());
    }
    Err(RequestError::new(field, FieldProblem::TooMany { got, max: limit.value }))
}

/// Checks how long a text is.
///
/// # Errors
/// [`FieldProblem::TooLong`] past the limit.
pub(crate) fn no_longer_than(limit: &Limit, field: &str, text: &str) -> Result<(), RequestError> {
    if text.len() <= limit.count() {
        return Ok(());
    }
    Err(RequestError::new(field, FieldProblem::TooLong { got: text.len(), max: limit.value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_grow_from_the_inside() {
        let error = RequestError::missing("id").within("object").within("checks[3]");
        assert_eq!(error.field(), "checks[3].object.id");
        assert_eq!(error.to_string(), "field `checks[3].object.id`: is missing");
        assert_eq!(RequestError::missing("[2]").within("tuples").field(), "tuples[2]");
        assert_eq!(RequestError::missing("").within("check").field(), "check");
    }
}
