//! `dhow delete`: removes what matches a filter, after asking.

use std::process::ExitCode;

use clap::Args;
use dhow_proto::v1;
use serde_json::{Map, Value};

use super::client::Client;
use super::failure::Failure;
use super::input;
use super::options::Connection;
use super::output::{Output, insert_answered};
use super::progress::Progress;
use super::{filter, write};

/// Delete every tuple that matches a filter.
#[derive(Debug, Args)]
#[command(after_help = "\
More than 1,000 tuples become several revisions: the whole is not atomic, and what was deleted before an interruption stays deleted; \
run it again to go on. Single tuples are deleted atomically by `dhow write --delete`.

A filter is a tuple with parts left out: document, document:readme, document#viewer, @user:ada, document:readme#@user:ada.

JSON: {\"deleted\", \"dry_run\", \"token\", \"revision\", ...}.")]
pub(crate) struct DeleteArguments {
    /// What to delete
    filter: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Fail, and delete nothing, when more than this many match
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "COUNT")]
    max: u64,
    /// Fail unless a tuple matches this filter
    #[arg(long, value_name = "FILTER")]
    must_exist: Vec<String>,
    /// Fail if a tuple matches this filter
    #[arg(long, value_name = "FILTER")]
    must_not_exist: Vec<String>,
    /// Say how many would be deleted, and delete nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    connection: Connection,
}

impl DeleteArguments {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Runs `dhow delete`.
///
/// # Errors
/// When the arguments cannot be read, nobody confirms, or the server refuses.
pub(crate) async fn run(arguments: DeleteArguments, output: &Output) -> Result<ExitCode, Failure> {
    let mut request = v1::DeleteRequest {
        store: arguments.connection.store.clone(),
        filter: Some(filter::parse(&arguments.filter)?),
        preconditions: write::preconditions(&arguments.must_exist, &arguments.must_not_exist)?,
        max_tuples: arguments.max,
        dry_run: true,
    };
    let client = Client::connect(&arguments.connection).await?;
    let mut last = None;
    if arguments.dry_run || !arguments.yes {
        last = Some(delete(&client, request.clone(), output).await?);
    }
    if !arguments.dry_run {
        let count = last.as_ref().map_or(0, |last| last.deleted);
        if !arguments.yes && count > 0 && !input::confirm(&format!("delete {count} tuples that match `{}`?", arguments.filter)) {
            return Err(Failure::new("not_confirmed", "nothing was deleted").help("confirm with `y`, or give --yes"));
        }
        if arguments.yes || count > 0 {
            request.dry_run = false;
            last = Some(delete(&client, request, output).await?);
        }
    }
    let Some(last) = last else { return Ok(ExitCode::SUCCESS) };
    if output.is_json() {
        let mut object = Map::new();
        object.insert("deleted".to_owned(), last.deleted.into());
        object.insert("dry_run".to_owned(), arguments.dry_run.into());
        insert_answered(&mut object, last.answered_at.as_ref());
        output.json(&Value::Object(object))?;
    } else {
        let would = if arguments.dry_run { "would be " } else { "" };
        output.line(&format!("{} {would}deleted", last.deleted))?;
        output.answered(last.answered_at.as_ref());
    }
    Ok(ExitCode::SUCCESS)
}

async fn delete(client: &Client, request: v1::DeleteRequest, output: &Output) -> Result<v1::DeleteResponse, Failure> {
    let progress = Progress::counting(output, "deleted");
    // No deadline for the whole: each revision of the sequence is bounded by the server.
    let mut stream = client.relationships().delete(tonic::Request::new(request)).await?.into_inner();
    let mut last = None;
    while let Some(part) = stream.message().await? {
        progress.set(part.deleted);
        let done = part.done;
        last = Some(part);
        if done {
            break;
        }
    }
    progress.finish();
    last.ok_or_else(|| Failure::new("protocol", "the server ended the answer without saying that it is done"))
}
