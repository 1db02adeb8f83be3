//! Where schema text comes from: a table of files that is handed in, because this crate does no I/O.
//!
//! Paths are relative to one root, written with `/`. An import is resolved against the folder of the file that imports, and never
//! leaves the root.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

/// The name that the text of [`MemorySources::single`] goes by.
pub const SINGLE_FILE: &str = "schema";

/// A path of a schema file below the root, normalised: no `.`, no `..`, no empty parts. Cheap to clone.
pub type FileName = Arc<str>;

/// A reader of schema files.
pub trait Sources {
    /// The text of the file at `path` (normalised, relative to the root).
    ///
    /// # Errors
    /// Where there is no such file, or where it cannot be read as UTF-8.
    fn text(&self, path: &str) -> Result<Arc<str>, SourceError>;
}

/// Why a file's text cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// The file is not text.
    #[error("it is not UTF-8 (the first wrong byte is number {valid_up_to}, counted from 0)")]
    NotUtf8 {
        /// How many bytes before the first wrong one.
        valid_up_to: usize,
    },
    /// The file exists, but reading it failed.
    #[error("it cannot be read: {reason}")]
    Unreadable {
        /// What the reader says.
        reason: String,
    },
}

/// Files held in memory.
#[derive(Debug, Clone, Default)]
pub struct MemorySources {
    files: BTreeMap<String, Result<Arc<str>, SourceError>>,
}

impl MemorySources {
    /// No files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One text, under the name [`SINGLE_FILE`].
    #[must_use]
    pub fn single(text: &str) -> Self {
        let mut sources = Self::new();
        sources.insert(SINGLE_FILE, text);
        sources
    }

    /// Adds or replaces a file.
    pub fn insert(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), Ok(text.into()));
    }

    /// Adds or replaces a file given as bytes, which may turn out not to be text.
    pub fn insert_bytes(&mut self, path: &str, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).map(Arc::from).map_err(|error| SourceError::NotUtf8 { valid_up_to: error.valid_up_to() });
        self.files.insert(path.to_owned(), text);
    }
}

impl Sources for MemorySources {
    fn text(&self, path: &str) -> Result<Arc<str>, SourceError> {
        self.files.get(path).cloned().unwrap_or(Err(SourceError::NotFound))
    }
}

/// Why an import's path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathProblem {
    Empty,
    Absolute,
    Escapes,
    Backslash,
}

/// The normalised path of `import`, as seen from the file `from`.
pub(crate) fn resolve_import(from: &str, import: &str) -> Result<String, PathProblem> {
    if import.is_empty() {
        return Err(PathProblem::Empty);
    }
    if import.contains('\\') || import.contains('\0') {
        return Err(PathProblem::Backslash);
    }
    let has_scheme = import.split('/').next().is_some_and(|first| first.contains(':'));
    if import.starts_with('/') || has_scheme {
        return Err(PathProblem::Absolute);
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in import.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(PathProblem::Escapes),
            part => parts.push(part),
        }
    }
    if parts.is_empty() || import.ends_with('/') { Err(PathProblem::Empty) } else { Ok(parts.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_stays_below_the_root() {
        assert_eq!(resolve_import("main.zed", "a.zed"), Ok("a.zed".to_owned()));
        assert_eq!(resolve_import("x/main.zed", "./y/a.zed"), Ok("x/y/a.zed".to_owned()));
        assert_eq!(resolve_import("x/main.zed", "../a.zed"), Err(PathProblem::Escapes));
        assert_eq!(resolve_import("main.zed", "a/../../b"), Err(PathProblem::Escapes));
        assert_eq!(resolve_import("main.zed", "/etc/passwd"), Err(PathProblem::Absolute));
        assert_eq!(resolve_import("main.zed", "file:///etc/passwd"), Err(PathProblem::Absolute));
        assert_eq!(resolve_import("main.zed", "C:\\x"), Err(PathProblem::Backslash));
        assert_eq!(resolve_import("main.zed", ""), Err(PathProblem::Empty));
        assert_eq!(resolve_import("main.zed", "./"), Err(PathProblem::Empty));
    }

    #[test]
    fn bytes_that_are_not_text_are_told_apart_from_a_missing_file() {
        let mut sources = MemorySources::new();
        sources.insert_bytes("a", b"ab\xffc");
        assert_eq!(sources.text("a"), Err(SourceError::NotUtf8 { valid_up_to: 2 }));
        assert_eq!(sources.text("b"), Err(SourceError::NotFound));
    }
}
