//! The case files of `testdata/cases`: their loader, and the one [`check_case`] that every implementation runs.
//!
//! A file's form is described in `testdata/README.md`; keys that are not in it are errors. Questions, tuples and schemas stay
//! text here: reading them is a part of what is tested.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

pub use decider::{Ask, Decided, Decider, Failure, Leaf, ListedItem, Setup};
pub use run::{Report, check_case};

mod decider;
mod run;

/// The request time of a file that names none.
pub const DEFAULT_TIME: &str = "2030-01-01T00:00:00Z";

/// A file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub about: String,
    /// The schema, in the native language.
    pub schema: String,
    /// Texts of imported files by their names.
    #[serde(default)]
    pub imports: BTreeMap<String, String>,
    /// The request time of every question that names none of its own.
    #[serde(default = "default_time")]
    pub at: String,
    /// Stored tuples, one a line; blank lines and `//` comments are skipped.
    #[serde(default)]
    pub tuples: String,
    /// Codes of the schema's warnings, in the order of its text; absent: they are not looked at.
    pub schema_warnings: Option<Vec<String>>,
    /// Other schemas, which must not compile.
    #[serde(default)]
    pub wrong_schemas: Vec<WrongSchema>,
    /// Tuples that must not be written.
    #[serde(default)]
    pub refused: Vec<Refused>,
    /// Checks.
    #[serde(default)]
    pub checks: Vec<Check>,
    /// Which objects.
    #[serde(default)]
    pub list_objects: Vec<List>,
    /// Which subjects.
    #[serde(default)]
    pub list_subjects: Vec<List>,
    /// Which permissions.
    #[serde(default)]
    pub list_permissions: Vec<List>,
    /// Who stands in a tree.
    #[serde(default)]
    pub expand: Vec<Expand>,
}

/// A schema that must not compile.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrongSchema {
    /// Its text.
    pub schema: String,
    /// Texts of imported files by their names.
    #[serde(default)]
    pub imports: BTreeMap<String, String>,
    /// The codes of all its errors, in the order of the text.
    pub errors: Vec<String>,
}

/// A tuple that must not be written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Its text.
    pub tuple: String,
    /// The code of the refusal.
    pub error: String,
}

/// One check and its answer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// `object#permission@subject`.
    pub ask: String,
    /// Caveat parameters of the request.
    #[serde(default)]
    pub context: Map<String, Value>,
    /// Contextual tuples.
    #[serde(default)]
    pub with: Vec<String>,
    /// The request time.
    pub at: Option<String>,
    /// The decision; none if the check fails.
    pub expect: Option<Expected>,
    /// For a conditional answer: the missing parameters, sorted.
    #[serde(default)]
    pub missing: Vec<String>,
    /// The code of the error.
    pub error: Option<String>,
}

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected {
    /// Yes.
    Allowed,
    /// No.
    Denied,
    /// It depends.
    Conditional,
}

/// A list and what must be in it, in its order.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Objects: `type#permission@subject`. Subjects: `object#permission`. Permissions: `object@subject`.
    pub ask: String,
    /// Subjects only: their type, or `type#relation`.
    #[serde(rename = "type")]
    pub subject_type: Option<String>,
    /// Caveat parameters of the request.
    #[serde(default)]
    pub context: Map<String, Value>,
    /// Contextual tuples.
    #[serde(default)]
    pub with: Vec<String>,
    /// The request time.
    pub at: Option<String>,
    /// The items; none if the request fails.
    pub expect: Option<Vec<Item>>,
    /// The code of the error.
    pub error: Option<String>,
}

/// An item of a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Item {
    /// Certain: an object's id, a subject, a permission.
    Certain(String),
    /// Conditional, or a wildcard with exceptions.
    Detailed(Detailed),
}

/// An item with its conditions and exceptions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detailed {
    /// An object's id, a subject, a permission.
    pub item: String,
    /// The parameters it depends on; none: certain.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Of a wildcard: who is not in, or only under a condition.
    #[serde(default)]
    pub except: Vec<Item>,
}

/// The direct tuples in a tree.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expand {
    /// `object#permission`.
    pub ask: String,
    /// Down to so many tuples away; 0: what was asked for alone, with its own tuples. Absent: the whole tree.
    pub depth: Option<u32>,
    /// Contextual tuples.
    #[serde(default)]
    pub with: Vec<String>,
    /// The request time.
    pub at: Option<String>,
    /// `object#relation` of each relation in the tree that has tuples, to their subjects; a caveat's name stands behind in brackets.
    pub leaves: Option<BTreeMap<String, Vec<String>>>,
    /// The code of the error.
    pub error: Option<String>,
}

fn default_time() -> String {
    DEFAULT_TIME.to_owned()
}

/// Why a case file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaseError {
    /// It cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It has not the documented form.
    #[error("{}: {error}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        error: serde_norway::Error,
    },
    /// It has the form, but says nothing or contradicts itself.
    #[error("{}: {reason}", path.display())]
    Sense {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Case {
    /// Reads a case file.
    ///
    /// # Errors
    /// When it cannot be read, has a key that is not documented, or asks for nothing.
    pub fn load(path: &Path) -> Result<Self, CaseError> {
        let text = std::fs::read_to_string(path).map_err(|error| CaseError::Read { path: path.to_owned(), error })?;
        Self::parse(path, &text)
    }

    /// Reads the text of a case file.
    ///
    /// # Errors
    /// As [`Case::load`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, CaseError> {
        let case: Self = serde_norway::from_str(text).map_err(|error| CaseError::Form { path: path.to_owned(), error })?;
        match case.nonsense() {
            None => Ok(case),
            Some(reason) => Err(CaseError::Sense { path: path.to_owned(), reason }),
        }
    }

    /// What is expected in all.
    #[must_use]
    pub fn expectations(&self) -> usize {
        let lists = self.list_objects.len() + self.list_subjects.len() + self.list_permissions.len();
        self.wrong_schemas.len() + self.refused.len() + self.checks.len() + lists + self.expand.len()
    }

    fn nonsense(&self) -> Option<String> {
        if self.expectations() == 0 && self.schema_warnings.is_none() {
            return Some("nothing is expected".to_owned());
        }
        if self.wrong_schemas.iter().any(|wrong| wrong.errors.is_empty()) {
            return Some("a wrong schema needs the codes of its errors".to_owned());
        }
        let lists = || self.list_objects.iter().chain(&self.list_subjects).chain(&self.list_permissions);
        let check = self.checks.iter().find(|check| {
            let conditional = check.expect == Some(Expected::Conditional);
            check.expect.is_some() == check.error.is_some() || conditional == check.missing.is_empty()
        });
        if let Some(check) = check {
            return Some(format!("`{}` needs either `error`, or `expect` (with `missing` if it is conditional)", check.ask));
        }
        let list = lists().find(|list| list.expect.is_some() == list.error.is_some());
        if let Some(list) = list {
            return Some(format!("the list `{}` needs either `expect` or `error`", list.ask));
        }
        let untyped = self.list_subjects.iter().find(|list| list.subject_type.is_none());
        if let Some(list) = untyped {
            return Some(format!("the list of subjects `{}` needs a `type`", list.ask));
        }
        let expand = self.expand.iter().find(|expand| expand.leaves.is_some() == expand.error.is_some());
        expand.map(|expand| format!("the tree of `{}` needs either `leaves` or `error`", expand.ask))
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Conditional => "conditional",
        })
    }
}

/// The case files of a folder, by name.
///
/// # Errors
/// When the folder cannot be read.
pub fn case_files(folder: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let read = |error| CaseError::Read { path: folder.to_owned(), error };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests;
