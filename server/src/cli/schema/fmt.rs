//! `dhow schema fmt`: the one layout that schemas have.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::super::failure::Failure;
use super::super::options::OutputOptions;
use super::super::output::Output;

#[derive(Debug, Args)]
#[command(after_help = "\
Files are rewritten in place; `-` reads stdin and writes stdout. Exit code: 0, or with --check 1 when a file is not formatted; 2 when a \
file cannot be read or has syntax errors.

JSON: one object for each file, {\"file\", \"changed\"}.")]
pub(crate) struct FormatSchema {
    /// Schema files; `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Change nothing; name the files that are not formatted
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    pub(super) output: OutputOptions,
}

/// Runs `dhow schema fmt`.
///
/// # Errors
/// When a file cannot be read or written, or has syntax errors.
pub(super) fn run(arguments: &FormatSchema, output: &Output) -> Result<ExitCode, Failure> {
    let mut unformatted = 0_usize;
    let mut broken = None;
    for path in &arguments.files {
        let sources = super::open(path)?;
        let formatted = match dhow_schema::format(sources.main_text()) {
            Ok(formatted) => formatted,
            Err(mut diagnostics) => {
                for label in diagnostics.iter_mut().flat_map(|diagnostic| &mut diagnostic.labels) {
                    label.file = sources.main_name().into();
                }
                super::print_diagnostics(&diagnostics, &sources, output)?;
                broken = Some(path);
                continue;
            }
        };
        let changed = formatted != sources.main_text();
        unformatted += usize::from(changed);
        if path == "-" && !arguments.check {
            std::io::stdout().lock().write_all(formatted.as_bytes())?;
            continue;
        }
        if changed && !arguments.check {
            std::fs::write(path, formatted).map_err(|error| Failure::file(path, &error))?;
        }
        if output.is_json() {
            output.json(&serde_json::json!({"file": path, "changed": changed}))?;
        } else if changed {
            output.line(&if arguments.check { format!("{path} is not formatted") } else { format!("formatted {path}") })?;
        }
    }
    if let Some(path) = broken {
        return Err(Failure::new("syntax", format!("`{path}` has syntax errors and was left as it is")).help("mend them first"));
    }
    Ok(ExitCode::from(u8::from(arguments.check && unformatted > 0)))
}
