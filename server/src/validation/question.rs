//! A question as people write it: `document:readme#view@user:ada`, perhaps followed by ` with {"now": "2030-01-01T00:00:00Z"}`.

use dhow_engine::tuple::{Tuple, TupleKey, TupleTextError};
use dhow_schema::value::{self, Context};

/// One check: the object, the permission and the subject stand in `key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) key: TupleKey,
    /// Caveat parameters given with the question.
    pub(crate) context: Context,
}

/// Why a text is no question.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuestionError {
    #[error("{0}")]
    Text(TupleTextError),
    #[error("a question has no caveat and no expiry; give context behind it: ` with {{\"name\": value}}`")]
    TupleExtras,
    #[error("behind the question, `with` and a JSON object may stand, and nothing else")]
    Trailing,
    #[error("the context is not a JSON object: {0}")]
    Context(String),
}

impl QuestionError {
    /// What to do about it.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Text(error) => error.help(),
            Self::TupleExtras | Self::Trailing | Self::Context(_) => {
                "write `document:readme#view@user:ada`, perhaps followed by ` with {\"name\": value}`"
            }
        }
    }
}

impl Question {
    /// Reads a question with or without context.
    ///
    /// # Errors
    /// See [`QuestionError`].
    pub(crate) fn parse(text: &str) -> Result<Self, QuestionError> {
        let text = text.trim();
        let (key, rest) = match text.split_once(char::is_whitespace) {
            Some((key, rest)) => (key, rest.trim_start()),
            None => (text, ""),
        };
        let context = match rest.strip_prefix("with") {
            Some(json) => parse_context(json)?,
            None if rest.is_empty() => Context::new(),
            None => return Err(QuestionError::Trailing),
        };
        let tuple: Tuple = key.parse().map_err(QuestionError::Text)?;
        if tuple.caveat.is_some() || tuple.expires_at.is_some() {
            return Err(QuestionError::TupleExtras);
        }
        Ok(Self { key: tuple.key, context })
    }
}

/// Reads a JSON object as the context of a question.
///
/// # Errors
/// [`QuestionError::Context`] where it is not JSON, not an object, or holds what no parameter can be.
pub(crate) fn parse_context(json: &str) -> Result<Context, QuestionError> {
    let parsed: serde_json::Value = serde_json::from_str(json.trim()).map_err(|error| QuestionError::Context(error.to_string()))?;
    value::context_from_json_object(&parsed).map_err(|error| QuestionError::Context(error.to_string()))
}
