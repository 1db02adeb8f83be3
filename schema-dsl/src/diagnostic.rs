//! What is wrong, or doubtful, in a schema: a stable code, a sentence, places in files, and what to do.
//!
//! Messages are lower case without a full stop, with the user's text in backticks: the message says what is wrong, the help what to
//! do. [`CODES`] lists every code there is; [`render()`] draws diagnostics with the lines they point at.

mod codes;
mod render;

use std::fmt;
use std::ops::Range;

pub use codes::{CODES, CodeInfo, explain};
pub use render::render;

use crate::limits::MAX_DIAGNOSTICS;
use crate::source::FileName;

/// How much a diagnostic matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// There is no compiled schema.
    Error,
    /// The schema compiles, but probably does not do what its author wants.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// A place in a file that a diagnostic points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The file, as it was asked for from the sources.
    pub file: FileName,
    /// Bytes of the file's text.
    pub range: Range<usize>,
    /// What is to be said about the place; may be empty for the first label.
    pub text: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable: scripts and documentation may rely on it. One of [`CODES`], or a caveat's code.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where: the first label is the place itself, the others give its context. Empty only where no text is to blame.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error at one place.
    pub(crate) fn error(code: &'static str, at: &Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, at, message.into())
    }

    /// A warning at one place.
    pub(crate) fn warning(code: &'static str, at: &Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, at, message.into())
    }

    fn new(code: &'static str, severity: Severity, at: &Span, message: String) -> Self {
        let label = Label { file: at.file.clone(), range: at.range.clone(), text: String::new() };
        Self { code, severity, message: bounded(message), labels: vec![label], help: None }
    }

    /// Says something at the first label.
    #[must_use]
    pub(crate) fn saying(mut self, text: impl Into<String>) -> Self {
        if let Some(label) = self.labels.first_mut() {
            label.text = text.into();
        }
        self
    }

    /// Adds a further place.
    #[must_use]
    pub(crate) fn also(mut self, at: &Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { file: at.file.clone(), range: at.range.clone(), text: text.into() });
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(bounded(help.into()));
        self
    }

    /// Adds what to do about it, where there is something to say.
    #[must_use]
    pub(crate) fn help_if(mut self, help: Option<String>) -> Self {
        if help.is_some() {
            self.help = help.map(bounded);
        }
        self
    }

    /// Whether it keeps the schema from compiling.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The most bytes of a message or a help: some of them quote names, and a file may have names of any length.
const MAX_TEXT_BYTES: usize = 1_500;

/// A text, cut where it is too long to be read.
fn bounded(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        text.push('…');
    }
    text
}

/// `error[DH-S103]: unknown type `usr``.
impl fmt::Display for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}[{}]: {}", self.severity, self.code, self.message)
    }
}

/// A place in a file, before it has anything to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) file: FileName,
    pub(crate) range: Range<usize>,
}

impl Span {
    pub(crate) fn new(file: &FileName, range: Range<usize>) -> Self {
        Self { file: file.clone(), range }
    }
}

/// Collects diagnostics up to [`MAX_DIAGNOSTICS`], each once.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    found: Vec<Diagnostic>,
    seen: std::collections::BTreeSet<(&'static str, FileName, usize, usize, String)>,
    errors: usize,
    hidden: usize,
}

impl Sink {
    /// Adds one finding, unless the same place has it already.
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if let Some(label) = diagnostic.labels.first()
            && !self.seen.insert((diagnostic.code, label.file.clone(), label.range.start, label.range.end, diagnostic.message.clone()))
        {
            return;
        }
        if diagnostic.is_error() {
            self.errors += 1;
        }
        if self.found.len() >= MAX_DIAGNOSTICS {
            self.hidden += 1;
        } else {
            self.found.push(diagnostic);
        }
    }

    /// Adds the findings that another sink gave out; its count of hidden ones gives way to this sink's own.
    pub(crate) fn absorb(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in diagnostics {
            if diagnostic.code == codes::TOO_MANY_FINDINGS { self.hidden += 1 } else { self.push(diagnostic) }
        }
    }

    /// Whether the limit is reached: what is found from here on is only counted, so costly help need not be made.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= MAX_DIAGNOSTICS
    }

    /// Counts a warning that is not worth making any more.
    pub(crate) fn skip(&mut self) {
        self.hidden += 1;
    }

    /// Whether there is an error, shown or not.
    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Everything found, in the order of files and text, the count of what was left out at the end.
    pub(crate) fn into_sorted(self, files: &[FileName]) -> Vec<Diagnostic> {
        let mut found = self.found;
        let place = |diagnostic: &Diagnostic| {
            diagnostic.labels.first().map(|label| {
                let file = files.iter().position(|file| *file == label.file).unwrap_or(files.len());
                (file, label.range.start, label.range.end)
            })
        };
        found.sort_by(|a, b| place(a).cmp(&place(b)).then(a.code.cmp(b.code)));
        if self.hidden > 0 {
            let severity = if found.iter().any(Diagnostic::is_error) || self.errors == 0 { Severity::Warning } else { Severity::Error };
            found.push(Diagnostic {
                code: codes::TOO_MANY_FINDINGS,
                severity,
                message: format!("more than {MAX_DIAGNOSTICS} findings, {} or more are not shown", self.hidden),
                labels: Vec::new(),
                help: Some("mend the ones above first".to_owned()),
            });
        }
        found
    }
}

pub(crate) use codes::*;
