//! `dhow schema check`: all findings of a file, with carets.

use std::process::ExitCode;

use clap::Args;

use super::super::failure::Failure;
use super::super::options::OutputOptions;
use super::super::output::Output;
use crate::validation;

#[derive(Debug, Args)]
#[command(after_help = "\
A .yaml or .yml file is read as a validation file, and its schema is checked.

Exit code: 0 no errors (and no warnings with --deny-warnings), 1 otherwise, 2 when a file cannot be read.

JSON: one object for each finding, {\"code\", \"severity\": \"error|warning\", \"message\", \"file\", \"line\", \"column\", \"start\", \"end\" (bytes), \
\"help\"}.")]
pub(crate) struct CheckSchema {
    /// Schema files; `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Let warnings fail, too
    #[arg(long)]
    deny_warnings: bool,
    #[command(flatten)]
    pub(super) output: OutputOptions,
}

/// Runs `dhow schema check`.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn run(arguments: &CheckSchema, output: &Output) -> Result<ExitCode, Failure> {
    let (mut errors, mut warnings) = (0_usize, 0_usize);
    for path in &arguments.files {
        let sources = if path.ends_with(".yaml") || path.ends_with(".yml") {
            let file = validation::load(path.as_ref()).map_err(|problems| Failure::new("validation_file", problems.to_string()))?;
            file.schema.sources()
        } else {
            super::open(path)?
        };
        let compilation = dhow_schema::compile(sources.main_name(), &sources);
        super::print_diagnostics(&compilation.diagnostics, &sources, output)?;
        let wrong = compilation.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
        errors += wrong;
        warnings += compilation.diagnostics.len() - wrong;
    }
    if !output.is_json() {
        let files = arguments.files.len();
        let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
        output.line(&format!("{}: {}, {}", count(files, "file"), count(errors, "error"), count(warnings, "warning")))?;
    }
    let failed = errors > 0 || (arguments.deny_warnings && warnings > 0);
    Ok(ExitCode::from(u8::from(failed)))
}
