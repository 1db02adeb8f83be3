//! SpiceDB validation files: a schema, relationships, and what must come out.
//!
//! [`load`] reads a file to the last key (unknown ones are errors) and reports everything that is wrong with it in one pass, each
//! with line and column. [`run()`] asks every question of it against the engine itself, in memory and without a server. Knows
//! nothing of gRPC and SQL. Cost of reading: linear in the file.
//!
//! The format: `schema` (text) or `schemaFile` (a path beside the file); `relationships`, one a line, with blank lines and `//`
//! comments; `assertions.assertTrue | assertFalse | assertCaveated`, lists of questions; `validation`, a map from
//! `object#permission` to the subjects that have it.

mod expect;
mod problem;
mod question;
mod read;
mod run;
mod sources;
mod yaml;

use std::path::{Path, PathBuf};

use dhow_engine::tuple::{ObjectRef, Tuple};
use dhow_schema::ir::Name;

pub(crate) use expect::ExpectedSubject;
pub(crate) use problem::{Place, Problem, Problems};
pub(crate) use question::{Question, parse_context};
pub(crate) use run::{Failed, Run, run};
pub(crate) use sources::{FolderSources, folder_of};

/// A validation file, read.
#[derive(Debug)]
pub(crate) struct ValidationFile {
    /// As the caller named it.
    pub(crate) path: PathBuf,
    pub(crate) schema: SchemaText,
    /// In the order of the file.
    pub(crate) tuples: Vec<LocatedTuple>,
    pub(crate) assertions: Vec<Assertion>,
    pub(crate) expectations: Vec<Expectation>,
}

/// The schema of a validation file.
#[derive(Debug)]
pub(crate) struct SchemaText {
    /// The text itself.
    pub(crate) text: String,
    /// The same text with the white space that puts each line where it stands in the file, so that diagnostics point there.
    pub(crate) located: String,
    /// The file that the lines of `located` are those of: the validation file, or its `schemaFile`.
    pub(crate) file: PathBuf,
}

impl SchemaText {
    /// Sources for the compiler in which diagnostics show the lines of the file.
    pub(crate) fn sources(&self) -> FolderSources {
        let name = self.file.file_name().map_or_else(|| "schema".to_owned(), |name| name.to_string_lossy().into_owned());
        FolderSources::new(folder_of(&self.file), name, self.located.as_str())
    }
}

/// A relationship and the line that it stands in.
#[derive(Debug, Clone)]
pub(crate) struct LocatedTuple {
    pub(crate) tuple: Tuple,
    pub(crate) place: Place,
}

/// What an assertion expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    /// `assertTrue`.
    Allowed,
    /// `assertFalse`.
    Denied,
    /// `assertCaveated`.
    Conditional,
}

/// A question and its expected answer.
#[derive(Debug, Clone)]
pub(crate) struct Assertion {
    pub(crate) expected: Expected,
    pub(crate) question: Question,
    /// As it stands in the file.
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// Everybody who is expected to have a permission.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    pub(crate) object: ObjectRef,
    pub(crate) permission: Name,
    pub(crate) place: Place,
    pub(crate) subjects: Vec<LocatedSubject>,
}

/// An expected subject and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct LocatedSubject {
    pub(crate) expected: ExpectedSubject,
    /// As it stands in the file.
    pub(crate) text: String,
    pub(crate) place: Place,
}

/// Reads the validation file at `path`, and its `schemaFile` if it names one. Compiles nothing and asks nothing.
///
/// # Errors
/// Everything that is wrong with the file, in the order of its lines.
pub(crate) fn load(path: &Path) -> Result<ValidationFile, Problems> {
    let text = std::fs::read_to_string(path).map_err(|error| Problems {
        path: path.display().to_string(),
        problems: vec![Problem::new("file", Place { line: 1, column: 1 }, format!("this file cannot be read: {error}"))],
        rendered_schema: String::new(),
    })?;
    read::file(path, &text, &|path| std::fs::read_to_string(path))
}

/// Reads a validation file that is built into the program, with the text of its `schemaFile`.
///
/// # Errors
/// As [`load`].
pub(crate) fn embedded(path: &Path, text: &str, schema: &str) -> Result<ValidationFile, Problems> {
    read::file(path, text, &|_| Ok(schema.to_owned()))
}
