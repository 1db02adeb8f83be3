//! Findings of the schema compiler, on the wire: as warnings of an answer, or as the details of a refusal.

use dhow_engine::entry::SchemaSource;
use dhow_proto::v1;
use dhow_schema::ir::Schema;
use dhow_schema::source::SINGLE_FILE;
use dhow_schema::{Compilation, Diagnostic, Severity};

use crate::errors::ApiError;

/// A schema that does not compile.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SchemaWrong {
    /// What was found, errors and warnings.
    pub(crate) findings: Vec<v1::SchemaDiagnostic>,
}

impl std::error::Error for SchemaWrong {}

impl std::fmt::Display for SchemaWrong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut errors = self.errors();
        let Some(first) = errors.next() else { return f.write_str("the schema does not compile") };
        f.write_str("the schema does not compile: ")?;
        f.write_str(&sentence(first))?;
        match errors.count() {
            0 => Ok(()),
            more => write!(f, " (and {more} more)"),
        }
    }
}

impl SchemaWrong {
    /// The errors among the findings.
    pub(crate) fn errors(&self) -> impl Iterator<Item = &v1::SchemaDiagnostic> {
        self.findings.iter().filter(|finding| finding.severity == "error")
    }

    /// The code of the first error.
    pub(crate) fn code(&self) -> String {
        self.errors().next().map(|finding| finding.code.clone()).unwrap_or_default()
    }
}

/// A finding as a sentence with its place.
pub(crate) fn sentence(finding: &v1::SchemaDiagnostic) -> String {
    let v1::SchemaDiagnostic { code, message, file, line, column, help, .. } = finding;
    let place = if file.is_empty() { format!("line {line}, column {column}") } else { format!("{file}, line {line}, column {column}") };
    let help = if help.is_empty() { String::new() } else { format!("; {help}") };
    format!("{place}: {message} [{code}]{help}")
}

/// The path of the field that a finding is in.
pub(crate) fn field(finding: &v1::SchemaDiagnostic) -> String {
    if finding.file.is_empty() { "source.text".to_owned() } else { format!("source.imports[{:?}]", finding.file) }
}

/// Compiles a schema: what it means, and the warnings.
///
/// # Errors
/// [`SchemaWrong`] when it does not compile.
pub(super) fn compile(source: &SchemaSource) -> Result<(Schema, Vec<v1::SchemaDiagnostic>), ApiError> {
    let Compilation { schema, diagnostics, .. } = source.compile();
    let findings = diagnostics.iter().map(|diagnostic| to_wire(source, diagnostic)).collect();
    match schema {
        Some(schema) => Ok((schema, findings)),
        None => Err(SchemaWrong { findings }.into()),
    }
}

fn to_wire(source: &SchemaSource, diagnostic: &Diagnostic) -> v1::SchemaDiagnostic {
    let label = diagnostic.labels.first();
    let file = label.map(|label| &*label.file).filter(|file| *file != SINGLE_FILE).unwrap_or_default();
    let text = if file.is_empty() { Some(&source.text) } else { source.imports.get(file) };
    let range = label.map_or(0..0, |label| label.range.clone());
    let before = text.and_then(|text| text.get(..range.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    v1::SchemaDiagnostic {
        code: diagnostic.code.to_owned(),
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
        .to_owned(),
        message: diagnostic.message.clone(),
        file: file.to_owned(),
        start: number(range.start),
        end: number(range.end),
        line: number(line),
        column: number(column),
        help: diagnostic.help.clone().unwrap_or_default(),
    }
}
