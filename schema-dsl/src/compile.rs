//! Syntax trees to the compiled schema: names resolved, rules checked, all findings of all files in one pass.
//!
//! The stages, each in a module of its own: `load` reads the first file and what it imports, `collect` turns trees into
//! declarations, `tables` finds declarations by name, `expand` puts partials into definitions, `resolve` and
//! `expression` make the compiled form, `caveats` the caveats, `types` checks annotations. A stage goes on after an error, so
//! that one run reports them all; the result has a schema only if there was none.

mod caveats;
mod collect;
mod declaration;
mod expand;
mod expression;
mod load;
mod resolve;
mod tables;
mod types;

use std::collections::BTreeMap;

use thiserror::Error;

use crate::diagnostic::{Diagnostic, Sink};
use crate::ir::Schema;
use crate::lint;
use crate::source::{FileName, MemorySources, SINGLE_FILE, Sources};

pub(crate) use declaration::{Expression, ExpressionKind, Operator};
pub(crate) use resolve::Resolved;

/// What compiling gives: a schema, unless there are errors, and all findings.
#[derive(Debug)]
pub struct Compilation {
    /// The compiled schema; `None` exactly when a diagnostic is an error.
    pub schema: Option<Schema>,
    /// Errors and warnings, in the order of files and text.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that were read, the first one first.
    pub files: Vec<FileName>,
}

/// Compiles the file `main` of `sources` and what it imports.
///
/// Linear in the text, apart from searches in ordered maps; [`crate::limits`] bounds what hostile text can cost.
#[must_use]
pub fn compile(main: &str, sources: &dyn Sources) -> Compilation {
    let mut sink = Sink::default();
    let loaded = load::load(main, sources, &mut sink);
    let resolved = resolve::resolve(&loaded.modules, &mut sink);
    if !sink.has_errors() {
        lint::lint(&resolved, &mut sink);
    }
    let schema = (!sink.has_errors()).then_some(resolved.schema);
    let diagnostics = sink.into_sorted(&loaded.files);
    Compilation { schema, diagnostics, files: loaded.files }
}

/// A schema that does not compile: its findings.
#[derive(Debug, Clone, Error)]
pub struct CompileError {
    /// Errors and warnings, in the order of files and text; at least one error.
    pub diagnostics: Vec<Diagnostic>,
}

/// The first line of each error.
impl std::fmt::Display for CompileError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{diagnostic}")?;
        }
        Ok(())
    }
}

/// Compiles one text that imports nothing.
///
/// # Errors
/// When the text has errors; warnings alone do not keep it from compiling.
///
/// ```
/// let schema = dhow_schema::compile_str("definition user {}").unwrap();
/// assert!(schema.definitions.contains_key("user"));
/// ```
pub fn compile_str(text: &str) -> Result<Schema, CompileError> {
    into_result(compile(SINGLE_FILE, &MemorySources::single(text)))
}

/// Compiles the file `main` of a table of files.
///
/// # Errors
/// When a file has errors or cannot be found.
pub fn compile_str_with_imports(main: &str, files: &BTreeMap<String, String>) -> Result<Schema, CompileError> {
    let mut sources = MemorySources::new();
    for (path, text) in files {
        sources.insert(path, text);
    }
    into_result(compile(main, &sources))
}

fn into_result(compilation: Compilation) -> Result<Schema, CompileError> {
    compilation.schema.ok_or(CompileError { diagnostics: compilation.diagnostics })
}

#[cfg(test)]
mod tests;
