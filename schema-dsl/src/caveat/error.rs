//! What goes wrong with a caveat: in its text ([`CaveatIssue`]), in context to be stored ([`ContextError`]), in an evaluation
//! ([`EvaluationError`]). Codes are stable; `DH-C0..` and `DH-C1..` are issues, `DH-C2..` evaluation, `DH-C3..` context.

use std::ops::Range;

use crate::ir::Name;
use crate::value::MAX_CONTEXT_BYTES;

use super::parameter::ParameterError;

/// Something wrong in a caveat's expression or parameters. All issues of one caveat are reported together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaveatIssue {
    /// The stable code, `DH-C…`.
    pub code: &'static str,
    /// What is wrong: lower case, the author's text in backticks.
    pub message: String,
    /// Bytes of the expression's text that it is about; empty and at 0 where it is about a parameter.
    pub range: Range<usize>,
    /// The parameter that it is about, where it is about a declaration and not the expression.
    pub parameter: Option<Name>,
    /// What to do about it.
    pub help: Option<String>,
}

impl CaveatIssue {
    pub(super) fn new(code: &'static str, range: Range<usize>, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), range, parameter: None, help: None }
    }

    pub(super) fn of_parameter(code: &'static str, parameter: &str, message: impl Into<String>) -> Self {
        Self { parameter: Some(Name::from(parameter)), ..Self::new(code, 0..0, message) }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The codes of [`CaveatIssue`]s.
pub(super) mod codes {
    pub(crate) const TOO_LONG: &str = "DH-C001";
    pub(crate) const TOO_MANY_TOKENS: &str = "DH-C002";
    pub(crate) const TOO_DEEP: &str = "DH-C003";
    pub(crate) const LEXICAL: &str = "DH-C004";
    pub(crate) const SYNTAX: &str = "DH-C005";
    pub(crate) const UNSUPPORTED: &str = "DH-C006";
    pub(crate) const EMPTY: &str = "DH-C007";
    pub(crate) const RESERVED_PARAMETER: &str = "DH-C008";
    pub(crate) const DUPLICATE_PARAMETER: &str = "DH-C009";
    pub(crate) const UNKNOWN_NAME: &str = "DH-C101";
    pub(crate) const UNKNOWN_FUNCTION: &str = "DH-C102";
    pub(crate) const OPERANDS: &str = "DH-C103";
    pub(crate) const TYPE: &str = "DH-C104";
    pub(crate) const FIELD: &str = "DH-C105";
    pub(crate) const ARGUMENTS: &str = "DH-C106";
    pub(crate) const NOT_BOOL: &str = "DH-C107";
    pub(crate) const PATTERN: &str = "DH-C108";
    pub(crate) const LITERAL: &str = "DH-C109";
}

/// A table of every code of this module with a few words, for documentation.
pub const CODES: &[(&str, &str)] = &[
    (codes::TOO_LONG, "caveat expression too long"),
    (codes::TOO_MANY_TOKENS, "caveat expression has too many words and signs"),
    (codes::TOO_DEEP, "caveat expression nested or chained too deeply"),
    (codes::LEXICAL, "text that is no CEL: an unknown character, an open string, a bad escape or number"),
    (codes::SYNTAX, "text that does not follow CEL's grammar"),
    (codes::UNSUPPORTED, "a part of CEL that caveats do not have: messages, optional values, macros of extensions"),
    (codes::EMPTY, "caveat without an expression"),
    (codes::RESERVED_PARAMETER, "parameter with a name that CEL keeps for itself"),
    (codes::DUPLICATE_PARAMETER, "caveat parameter declared twice"),
    (codes::UNKNOWN_NAME, "name that is no parameter of the caveat"),
    (codes::UNKNOWN_FUNCTION, "unknown function"),
    (codes::OPERANDS, "operator or function applied to types that it does not take"),
    (codes::TYPE, "value of another type than needed"),
    (codes::FIELD, "field of a value that has none"),
    (codes::ARGUMENTS, "function with the wrong number of arguments"),
    (codes::NOT_BOOL, "caveat expression that is not a bool"),
    (codes::PATTERN, "regular expression that does not compile"),
    (codes::LITERAL, "text that is no CIDR range, duration or timestamp where one is needed"),
    (EvaluationError::CEL, "caveat could not be evaluated"),
    (EvaluationError::COST, "evaluating the caveat could cost too much"),
    (EvaluationError::PARAMETER, "context given for a caveat has a value of the wrong type"),
    (ContextError::UNDECLARED, "context names a parameter that the caveat does not have"),
    (ContextError::TYPE, "context to be stored has a value of the wrong type"),
    (ContextError::SIZE, "context to be stored is too large"),
];

/// Why a caveat has no answer. A decision that rests on it fails.
///
/// `Ord` makes the choice between two errors independent of the order in which they were met.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum EvaluationError {
    /// CEL's own: division by zero, overflow, a missing key, text that is no number.
    #[error("caveat `{caveat}` cannot be evaluated: {message}")]
    Cel {
        /// The caveat's name.
        caveat: Name,
        /// What CEL says.
        message: String,
    },
    /// The values at hand could make the expression too expensive.
    #[error("caveat `{caveat}` could cost {cost} units with these values; the limit is {limit}")]
    Cost {
        /// The caveat's name.
        caveat: Name,
        /// The estimate for these values.
        cost: u64,
        /// The limit.
        limit: u64,
    },
    /// A value of context is not of the parameter's declared type.
    #[error("caveat `{caveat}`, {error}")]
    Parameter {
        /// The caveat's name.
        caveat: Name,
        /// The parameter, what is expected and what was found.
        error: ParameterError,
    },
}

impl EvaluationError {
    const CEL: &str = "DH-C201";
    const COST: &str = "DH-C202";
    const PARAMETER: &str = "DH-C203";

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Cel { .. } => Self::CEL,
            Self::Cost { .. } => Self::COST,
            Self::Parameter { .. } => Self::PARAMETER,
        }
    }
}

/// Why context cannot be stored with a tuple.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// A name that is no parameter of the caveat.
    #[error("caveat `{caveat}` has no parameter `{parameter}`")]
    Undeclared {
        /// The caveat's name.
        caveat: Name,
        /// The name that was given.
        parameter: Name,
        /// A declared parameter with a similar name.
        suggestion: Option<Name>,
    },
    /// A value that is not of its parameter's declared type.
    #[error("caveat `{caveat}`, {error}")]
    Type {
        /// The caveat's name.
        caveat: Name,
        /// The parameter, what is expected and what was found.
        error: ParameterError,
    },
    /// More than [`MAX_CONTEXT_BYTES`] canonical bytes.
    #[error("the context of caveat `{caveat}` has {bytes} bytes; the limit is {MAX_CONTEXT_BYTES}")]
    TooLarge {
        /// The caveat's name.
        caveat: Name,
        /// Its canonical size.
        bytes: usize,
    },
}

impl ContextError {
    const UNDECLARED: &str = "DH-C301";
    const TYPE: &str = "DH-C302";
    const SIZE: &str = "DH-C303";

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Undeclared { .. } => Self::UNDECLARED,
            Self::Type { .. } => Self::TYPE,
            Self::TooLarge { .. } => Self::SIZE,
        }
    }
}
