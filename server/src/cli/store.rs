//! `dhow store`: the stores of a server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use dhow_proto::v1;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::Failure;
use super::input;
use super::options::{Connection, OutputOptions};
use super::output::{Output, columns};
use super::wire;
use crate::store::moving::{Moved, move_store};
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Datastore as _, DatastoreError};

/// Stores in one request for a list.
const PAGE: u32 = 100;

/// Create, show, list, delete and move stores.
#[derive(Debug, Subcommand)]
#[command(
    after_help = "JSON: {\"name\", \"id\", \"revision\", \"tuple_count\", \"schema_version\", \"created_at\", \"token\"}, one object for each store."
)]
pub(crate) enum StoreCommand {
    /// Create a store
    Create(Named),
    /// Show a store
    Get(MaybeNamed),
    /// List the stores that the key opens
    List(Nothing),
    /// Delete a store with its schema, its tuples and all its history
    Delete(DeleteStore),
    /// Move a store from a file to Postgres, with its history: its tokens stay good
    #[command(after_help = MOVE_HELP)]
    Move(MoveStore),
}

const MOVE_HELP: &str = "\
No server may have the file open; those on Postgres go on, and serve the store from then on. The store is in Postgres, whole and read back, \
before it is taken from the file. Cut off at any time, the same command goes on.

JSON: {\"name\", \"id\", \"revision\", \"tuple_count\", \"was_there\"}; `was_there`: an earlier move had brought it there.";

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// 1 to 64 of a-z, 0-9, `-`, `_`, `.`
    name: String,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct MaybeNamed {
    /// Its name or id [default: the store that other commands would use]
    name: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct Nothing {
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct DeleteStore {
    /// Its name
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct MoveStore {
    /// Its name or id
    name: String,
    /// The file that has it
    #[arg(long, env = "DHOW_DATA", value_name = "FILE")]
    data: PathBuf,
    /// The Postgres database that is to have it: postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, env = "DHOW_DATABASE", hide_env_values = true, value_name = "URL")]
    database: String,
    /// What it is to be called there [default: as it is called now]
    #[arg(long = "as", value_name = "NAME")]
    as_name: Option<String>,
    #[command(flatten)]
    output: OutputOptions,
}

impl StoreCommand {
    pub(crate) fn output(&self) -> &OutputOptions {
        match self {
            Self::Create(arguments) => &arguments.connection.output,
            Self::Get(arguments) => &arguments.connection.output,
            Self::List(arguments) => &arguments.connection.output,
            Self::Delete(arguments) => &arguments.connection.output,
            Self::Move(arguments) => &arguments.output,
        }
    }
}

/// Runs `dhow store …`.
///
/// # Errors
/// When the server refuses, or nobody confirms a deletion.
pub(crate) async fn run(command: StoreCommand, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        StoreCommand::Create(arguments) => {
            let client = Client::connect(&arguments.connection).await?;
            let request = v1::CreateStoreRequest { name: arguments.name };
            let response = client.stores().create(client.request(request)).await?.into_inner();
            print(response.store.as_slice(), output)?;
        }
        StoreCommand::Get(arguments) => {
            let client = Client::connect(&arguments.connection).await?;
            let request = v1::GetStoreRequest { store: arguments.name.unwrap_or_else(|| client.store.clone()) };
            let response = client.stores().get(client.request(request)).await?.into_inner();
            print(response.store.as_slice(), output)?;
        }
        StoreCommand::List(arguments) => list(&Client::connect(&arguments.connection).await?, output).await?,
        StoreCommand::Delete(arguments) => {
            let client = Client::connect(&arguments.connection).await?;
            let question = format!("delete the store `{}` with its schema, its tuples and all its history?", arguments.name);
            if !arguments.yes && !input::confirm(&question) {
                return Err(Failure::new("not_confirmed", "nothing was deleted").help("confirm with `y`, or give --yes"));
            }
            let request = v1::DeleteStoreRequest { store: arguments.name.clone(), confirm_name: arguments.name.clone() };
            client.stores().delete(client.request(request)).await?;
            if output.is_json() {
                output.json(&json!({"deleted": arguments.name}))?;
            } else {
                output.line(&format!("deleted {}", arguments.name))?;
            }
        }
        StoreCommand::Move(arguments) => move_to_postgres(&arguments, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn move_to_postgres(arguments: &MoveStore, output: &Output) -> Result<(), Failure> {
    if !arguments.data.exists() {
        // Opening it would make it.
        return Err(Failure::file(&arguments.data.display().to_string(), &std::io::ErrorKind::NotFound.into()));
    }
    let failed = |error: DatastoreError| Failure::told(error.code(), &error, error.help());
    let from = SqliteStore::open(&arguments.data).await.map_err(failed)?;
    let to = PostgresStore::open(&arguments.database.clone().into()).await.map_err(failed)?;
    let moved = move_store(&from, &to, &arguments.name, arguments.as_name.as_deref()).await;
    to.close().await;
    from.close().await;
    let Moved { info, head, was_there } = moved.map_err(|error| Failure::told(error.code(), &error, error.help()))?;
    if output.is_json() {
        let (name, id) = (info.name, info.id.to_string());
        let told = json!({"name": name, "id": id, "revision": head.revision, "tuple_count": head.tuples, "was_there": was_there});
        return Ok(output.json(&told)?);
    }
    let (revision, tuples) = (head.revision, head.tuples);
    let how = if was_there { "was in Postgres already, and is taken from the file" } else { "moved to Postgres" };
    Ok(output.line(&format!("{} {how}: revision {revision}, {tuples} tuples; its tokens stay good", info.name))?)
}

async fn list(client: &Client, output: &Output) -> Result<(), Failure> {
    let mut stores = Vec::new();
    let mut cursor = String::new();
    loop {
        let request = v1::ListStoresRequest { page_size: PAGE, cursor };
        let response = client.stores().list(client.request(request)).await?.into_inner();
        stores.extend(response.stores);
        if response.next_cursor.is_empty() {
            break;
        }
        cursor = response.next_cursor;
    }
    if stores.is_empty() && !output.is_json() {
        output.remark("there are no stores; make one with `dhow store create NAME`");
    }
    print(&stores, output)
}

fn print(stores: &[v1::Store], output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        for store in stores {
            output.json(&store_json(store))?;
        }
        return Ok(());
    }
    if stores.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<Vec<String>> = vec![["NAME", "REVISION", "TUPLES", "SCHEMA", "CREATED", "ID"].map(str::to_owned).to_vec()];
    rows.extend(stores.iter().map(|store| {
        let schema = if store.schema_version == 0 { "none".to_owned() } else { format!("version {}", store.schema_version) };
        let created = store.created_at.as_ref().map(wire::time_text).unwrap_or_default();
        let created = created.split('.').next().unwrap_or_default().trim_end_matches('Z').replace('T', " ");
        vec![store.name.clone(), store.revision.to_string(), store.tuple_count.to_string(), schema, created, store.id.clone()]
    }));
    let muted = output.styles().muted;
    for (index, line) in columns(&rows).into_iter().enumerate() {
        output.line(&if index == 0 { format!("{muted}{line}{muted:#}") } else { line })?;
    }
    Ok(())
}

fn store_json(store: &v1::Store) -> Value {
    json!({
        "name": store.name,
        "id": store.id,
        "revision": store.revision,
        "tuple_count": store.tuple_count,
        "schema_version": store.schema_version,
        "created_at": store.created_at.as_ref().map(wire::time_text),
        "token": store.token,
    })
}
