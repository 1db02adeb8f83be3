//! `dhow schema diff`: what one schema changes against another, be they files or versions of a store.

use std::process::ExitCode;

use clap::Args;
use dhow_proto::v1;

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::options::{Connection, ReadOptions};
use super::super::output::Output;
use super::stored::{change_json, source};

#[derive(Debug, Args)]
#[command(after_help = "\
A number is a version of the store, `latest` the one in force; everything else is a file. Two files need no server.

Exit code: 0 the same, 1 different, 2 error.

JSON: one object for each change, {\"kind\", \"subject\", \"summary\"}.

Examples:
  dhow schema diff old.zed new.zed
  dhow schema diff 3 latest
  dhow schema diff latest new.zed")]
pub(crate) struct DiffSchema {
    /// The schema before
    from: String,
    /// The schema after
    to: String,
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// A side of the comparison.
enum Side {
    /// 0: the one in force.
    Version(u64),
    File(String),
}

impl Side {
    fn read(text: &str) -> Self {
        if text == "latest" {
            return Self::Version(0);
        }
        text.parse().map_or_else(|_| Self::File(text.to_owned()), Self::Version)
    }
}

/// Runs `dhow schema diff`.
///
/// # Errors
/// When a file does not compile, or the server refuses.
pub(super) async fn run(arguments: DiffSchema, output: &Output) -> Result<ExitCode, Failure> {
    let changes = match (Side::read(&arguments.from), Side::read(&arguments.to)) {
        (Side::File(from), Side::File(to)) => files(&from, &to, output)?,
        (Side::File(_), Side::Version(_)) => {
            return Err(Failure::new("diff", "a file can be compared with a version only as what comes after").help("swap the two"));
        }
        (Side::Version(from), Side::Version(to)) => versions(&arguments, from, v1::diff_schema_request::To::ToVersion(to)).await?,
        (Side::Version(from), Side::File(to)) => {
            let source = source(&to, output)?;
            versions(&arguments, from, v1::diff_schema_request::To::ToSource(source)).await?
        }
    };
    for change in &changes {
        if output.is_json() {
            output.json(&change_json(change))?;
        } else {
            output.line(&change.summary)?;
        }
    }
    if changes.is_empty() && !output.is_json() {
        output.remark("they mean the same");
    }
    Ok(ExitCode::from(u8::from(!changes.is_empty())))
}

fn files(from: &str, to: &str, output: &Output) -> Result<Vec<v1::SchemaChange>, Failure> {
    let compile = |path: &str| {
        let sources = super::open(path)?;
        let compilation = dhow_schema::compile(sources.main_name(), &sources);
        let errors: Vec<_> = compilation.diagnostics.into_iter().filter(dhow_schema::Diagnostic::is_error).collect();
        super::print_diagnostics(&errors, &sources, output)?;
        compilation.schema.ok_or_else(|| Failure::new("schema_invalid", format!("`{path}` does not compile")))
    };
    let (from, to) = (compile(from)?, compile(to)?);
    let changes = dhow_schema::diff(&from, &to);
    Ok(changes
        .into_iter()
        .map(|change| v1::SchemaChange { kind: change.kind.as_str().to_owned(), summary: change.to_string(), subject: change.subject })
        .collect())
}

async fn versions(arguments: &DiffSchema, from: u64, to: v1::diff_schema_request::To) -> Result<Vec<v1::SchemaChange>, Failure> {
    let client = Client::connect(&arguments.connection).await?;
    let request = v1::DiffSchemaRequest {
        store: client.store.clone(),
        consistency: Some(arguments.read.consistency.to_wire()),
        from_version: from,
        to: Some(to),
    };
    Ok(client.schemas().diff(client.request(request)).await?.into_inner().changes)
}
