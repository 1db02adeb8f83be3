//! `dhow schema …`: schemas in files (check, fmt, test, diff) and schemas of a store (write, read, versions, diff).

mod check;
mod diff;
mod fmt;
mod stored;
mod test;

use std::process::ExitCode;

use clap::Subcommand;
use dhow_schema::diagnostic::Diagnostic;

use super::failure::Failure;
use super::options::OutputOptions;
use super::output::Output;
use crate::validation::FolderSources;

/// Work on schemas: check, format and test files; write, read and compare versions of a store.
#[derive(Debug, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Compile schema files and show everything that is wrong or doubtful in them
    Check(check::CheckSchema),
    /// Format schema files
    Fmt(fmt::FormatSchema),
    /// Run the assertions and expectations of validation files
    Test(test::TestSchema),
    /// Store a schema as the next version
    Write(stored::WriteSchema),
    /// Print a stored version
    Read(stored::ReadSchema),
    /// List the stored versions, newest first
    Versions(stored::ListVersions),
    /// Say what one schema changes against another
    Diff(diff::DiffSchema),
}

impl SchemaCommand {
    pub(crate) fn output(&self) -> &OutputOptions {
        match self {
            Self::Check(arguments) => &arguments.output,
            Self::Fmt(arguments) => &arguments.output,
            Self::Test(arguments) => &arguments.output,
            Self::Write(arguments) => &arguments.connection.output,
            Self::Read(arguments) => &arguments.connection.output,
            Self::Versions(arguments) => &arguments.connection.output,
            Self::Diff(arguments) => &arguments.connection.output,
        }
    }
}

/// Runs `dhow schema …`.
///
/// # Errors
/// What each command says.
pub(crate) async fn run(command: SchemaCommand, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        SchemaCommand::Check(arguments) => check::run(&arguments, output),
        SchemaCommand::Fmt(arguments) => fmt::run(&arguments, output),
        SchemaCommand::Test(arguments) => test::run(&arguments, output),
        SchemaCommand::Write(arguments) => stored::write(arguments, output).await,
        SchemaCommand::Read(arguments) => stored::read(arguments, output).await,
        SchemaCommand::Versions(arguments) => stored::versions(arguments, output).await,
        SchemaCommand::Diff(arguments) => diff::run(arguments, output).await,
    }
}

/// A schema file, or stdin for `-`, with imports from its folder.
///
/// # Errors
/// When it cannot be read.
fn open(path: &str) -> Result<FolderSources, Failure> {
    if path == "-" {
        return Ok(FolderSources::new(".".into(), "stdin".to_owned(), super::input::read_text("-")?));
    }
    FolderSources::open(std::path::Path::new(path)).map_err(|error| Failure::file(path, &error))
}

/// Prints diagnostics: drawn with carets on stderr, or one JSON object each on stdout.
///
/// # Errors
/// When stdout cannot be written.
fn print_diagnostics(diagnostics: &[Diagnostic], sources: &FolderSources, output: &Output) -> Result<(), Failure> {
    if !output.is_json() {
        if !diagnostics.is_empty() {
            output.remark(sources.render(diagnostics, true).trim_end());
        }
        return Ok(());
    }
    for diagnostic in diagnostics {
        let label = diagnostic.labels.first();
        let place = label.and_then(|label| {
            let text = dhow_schema::Sources::text(sources, &label.file).ok()?;
            Some(line_and_column(&text, label.range.start))
        });
        output.json(&serde_json::json!({
            "code": diagnostic.code,
            "severity": diagnostic.severity.to_string(),
            "message": diagnostic.message,
            "file": label.map(|label| sources.display(&label.file)),
            "line": place.map(|(line, _)| line),
            "column": place.map(|(_, column)| column),
            "start": label.map(|label| label.range.start),
            "end": label.map(|label| label.range.end),
            "help": diagnostic.help,
        }))?;
    }
    Ok(())
}

/// Line and column of a byte, both from 1; columns count characters.
fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
