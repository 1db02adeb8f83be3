//! What is wrong with a validation file, and where.

use std::borrow::Cow;
use std::fmt;

/// A place in a file; both numbers count from 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// One thing that is wrong: a stable code, a sentence, a place, and how to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) code: &'static str,
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Problem {
    pub(super) fn new(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { code, place, message: message.into(), help: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A text of a file, short enough for a message.
pub(super) fn abridged(text: &str) -> Cow<'_, str> {
    const MAX_CHARACTERS: usize = 120;
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}

/// Problems of one file that are printed; the rest is counted.
const MAX_SHOWN: usize = 100;

/// Why a validation file cannot be used: everything that is wrong with it, in the order of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problems {
    /// The file as the caller named it.
    pub(crate) path: String,
    pub(crate) problems: Vec<Problem>,
    /// Diagnostics of the schema with their carets, ready to print; empty where the schema is not to blame.
    pub(crate) rendered_schema: String,
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for problem in self.problems.iter().take(MAX_SHOWN) {
            if !first {
                writeln!(out)?;
            }
            first = false;
            let Place { line, column } = problem.place;
            write!(out, "{}:{line}:{column}: [{}] {}", self.path, problem.code, problem.message)?;
            if let Some(help) = &problem.help {
                write!(out, "\n  help: {help}")?;
            }
        }
        if let Some(hidden) = self.problems.len().checked_sub(MAX_SHOWN).filter(|hidden| *hidden > 0) {
            write!(out, "\n{}: and {hidden} more", self.path)?;
        }
        if !self.rendered_schema.is_empty() {
            if !first {
                writeln!(out)?;
            }
            write!(out, "{}", self.rendered_schema)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
