//! What each store of a test server begins with: the schema and relationships of a validation file, checked before anything listens.

use std::path::Path;

use dhow_engine::entry::{SchemaLanguage, SchemaSource};
use dhow_engine::validate::admit;
use dhow_schema::Compilation;

use crate::api::test_stores::Seed;
use crate::validation::{self, Place};

/// A file that no store can begin with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    /// It cannot be read, or has mistakes.
    #[error("the file of --load cannot be used\n{problems}")]
    File {
        /// All of them, with their places.
        problems: String,
    },
    /// Its schema does not allow one of its relationships.
    #[error("{path}:{line}:{column}: the schema does not allow `{tuple}`: {reason}")]
    Tuple {
        /// The file.
        path: String,
        /// Where in it.
        line: usize,
        /// Where in the line.
        column: usize,
        /// The relationship.
        tuple: String,
        /// Why, and what to do.
        reason: String,
    },
}

impl SeedError {
    /// The stable code of this error.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "DH-K044",
            Self::Tuple { .. } => "DH-K045",
        }
    }
}

/// Reads the file at `path`.
///
/// # Errors
/// [`SeedError`] with everything that is wrong.
pub(super) fn load(path: &Path) -> Result<Seed, SeedError> {
    let file = validation::load(path).map_err(|problems| SeedError::File { problems: problems.to_string() })?;
    let sources = file.schema.sources();
    let Compilation { schema, diagnostics, .. } = dhow_schema::compile(sources.main_name(), &sources);
    let schema = schema.ok_or_else(|| SeedError::File { problems: sources.render(&diagnostics, false) })?;
    for located in &file.tuples {
        let Place { line, column } = located.place;
        admit(&schema, &located.tuple).map_err(|refused| SeedError::Tuple {
            path: path.display().to_string(),
            line,
            column,
            tuple: located.tuple.to_string(),
            reason: match refused.help() {
                Some(help) => format!("{refused}; {help}"),
                None => refused.to_string(),
            },
        })?;
    }
    let source = SchemaSource { language: SchemaLanguage::Native, text: file.schema.text, imports: sources.imported() };
    Ok(Seed { schema: Some(source), tuples: file.tuples.into_iter().map(|located| located.tuple).collect() })
}
