//! `dhow write`: a batch of changes as one revision, or none of it.

use std::process::ExitCode;

use clap::Args;
use dhow_proto::v1;
use serde_json::{Map, Value};

use super::client::Client;
use super::failure::Failure;
use super::filter;
use super::input;
use super::options::Connection;
use super::output::{Output, insert_answered};
use super::wire;

/// Write tuples: all changes become one revision, or none is made.
#[derive(Debug, Args)]
#[command(after_help = "\
A line of --file is `TUPLE` (touch), `create TUPLE`, `touch TUPLE` or `delete TUPLE`; blank lines and // comments are passed over. \
At most 1,000 changes; more is for `dhow import`.

A filter is a tuple with parts left out: document, document:readme, document#viewer, @user:ada, document:readme#@user:ada.

JSON: {\"created\", \"replaced\", \"deleted\", \"request_id\", \"repeated\", \"dry_run\", \"token\", \"revision\", \"age_ms\", \"degraded\", \
\"schema_version\"}.

Examples:
  dhow write document:readme#viewer@user:ada
  dhow write 'document:readme#viewer@user:eve[expiration:2030-01-01T00:00:00Z]'
  dhow write --create team:core#member@user:ada --must-not-exist team:core#member@user:eve
  dhow write --delete document:readme#viewer@user:ada --dry-run")]
pub(crate) struct WriteArguments {
    /// Tuples to touch: made, or their caveat, context and expiry replaced
    #[arg(value_name = "TUPLE")]
    touch: Vec<String>,
    /// A tuple to make; fails if it exists
    #[arg(long, value_name = "TUPLE")]
    create: Vec<String>,
    /// A tuple to remove if it is there
    #[arg(long, value_name = "TUPLE")]
    delete: Vec<String>,
    /// Changes from a file, one a line; `-` is stdin
    #[arg(long, short, value_name = "FILE")]
    file: Option<String>,
    /// Fail unless a tuple matches this filter
    #[arg(long, value_name = "FILTER")]
    must_exist: Vec<String>,
    /// Fail if a tuple matches this filter
    #[arg(long, value_name = "FILTER")]
    must_not_exist: Vec<String>,
    /// Makes a retry safe for 24 hours: the same id gets the first answer [default: the server makes one]
    #[arg(long, default_value = "", hide_default_value = true, value_name = "ID")]
    request_id: String,
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

impl WriteArguments {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Preconditions from filters.
///
/// # Errors
/// At the first filter that cannot be read.
pub(super) fn preconditions(must_exist: &[String], must_not_exist: &[String]) -> Result<Vec<v1::Precondition>, Failure> {
    use v1::precondition::Expectation;
    let expectations = must_exist
        .iter()
        .map(|text| (Expectation::MustExist, text))
        .chain(must_not_exist.iter().map(|text| (Expectation::MustNotExist, text)));
    expectations
        .map(|(expectation, text)| Ok(v1::Precondition { expectation: expectation.into(), filter: Some(filter::parse(text)?) }))
        .collect()
}

fn change(operation: v1::change::Operation, text: &str) -> Result<v1::Change, Failure> {
    Ok(v1::Change { operation: operation.into(), tuple: Some(wire::tuple(text)?) })
}

/// One line of a file of changes.
fn line(text: &str) -> Result<v1::Change, Failure> {
    use v1::change::Operation;
    for (word, operation) in [("create", Operation::Create), ("touch", Operation::Touch), ("delete", Operation::Delete)] {
        if let Some(tuple) = text.strip_prefix(word).filter(|rest| rest.starts_with(char::is_whitespace)) {
            return change(operation, tuple.trim_start());
        }
    }
    change(Operation::Touch, text)
}

fn changes(arguments: &WriteArguments) -> Result<Vec<v1::Change>, Failure> {
    use v1::change::Operation;
    let mut changes = Vec::new();
    for (operation, texts) in
        [(Operation::Touch, &arguments.touch), (Operation::Create, &arguments.create), (Operation::Delete, &arguments.delete)]
    {
        for text in texts {
            changes.push(change(operation, text)?);
        }
    }
    if let Some(path) = &arguments.file {
        for (index, text) in input::read_text(path)?.lines().enumerate() {
            if let Some(text) = input::meaning(text) {
                changes.push(line(text).map_err(|mut failure| {
                    failure.message = format!("line {}: {}", index + 1, failure.message);
                    failure
                })?);
            }
        }
    }
    if changes.is_empty() {
        return Err(Failure::new("changes", "there is nothing to write").help("give tuples, --create, --delete or --file"));
    }
    Ok(changes)
}

/// Runs `dhow write`.
///
/// # Errors
/// When the arguments cannot be read, or the server refuses the write; then nothing was changed.
pub(crate) async fn run(arguments: WriteArguments, output: &Output) -> Result<ExitCode, Failure> {
    let changes = changes(&arguments)?;
    let preconditions = preconditions(&arguments.must_exist, &arguments.must_not_exist)?;
    let client = Client::connect(&arguments.connection).await?;
    let request = v1::WriteRequest {
        store: client.store.clone(),
        changes,
        preconditions,
        request_id: arguments.request_id,
        dry_run: arguments.dry_run,
    };
    let response = client.relationships().write(client.request(request)).await?.into_inner();
    let at = response.answered_at.as_ref();
    if output.is_json() {
        let mut object = Map::new();
        object.insert("created".to_owned(), response.created.into());
        object.insert("replaced".to_owned(), response.replaced.into());
        object.insert("deleted".to_owned(), response.deleted.into());
        object.insert("request_id".to_owned(), response.request_id.into());
        object.insert("repeated".to_owned(), response.repeated.into());
        object.insert("dry_run".to_owned(), arguments.dry_run.into());
        insert_answered(&mut object, at);
        output.json(&Value::Object(object))?;
    } else {
        let would = if arguments.dry_run { "would be " } else { "" };
        let repeated = if response.repeated { " (an earlier request's answer)" } else { "" };
        let counts: Vec<String> = [(response.created, "created"), (response.replaced, "replaced"), (response.deleted, "deleted")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {would}{what}"))
            .collect();
        let counts = if counts.is_empty() { "everything is already as asked".to_owned() } else { counts.join(", ") };
        output.line(&(counts + repeated))?;
        output.answered(at);
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use v1::change::Operation;

    #[test]
    fn a_line_may_name_its_operation() {
        for (text, operation) in [
            ("a:b#c@d:e", Operation::Touch),
            ("touch a:b#c@d:e", Operation::Touch),
            ("create  a:b#c@d:e", Operation::Create),
            ("delete\ta:b#c@d:e", Operation::Delete),
            // A type may be called like an operation.
            ("create:b#c@d:e", Operation::Touch),
        ] {
            assert_eq!(line(text).unwrap().operation(), operation, "{text}");
        }
    }
}
