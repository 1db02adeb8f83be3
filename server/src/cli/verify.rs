//! `dhow verify`: whether what a server, or a database alone, has of a store is what was written; and putting rows right.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use dhow_engine::entry::StoreId;
use dhow_proto::v1;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::Failure;
use super::options::{Connection, OutputOptions};
use super::output::{Output, columns};
use crate::api::verify::{check_to_wire, rows};
use crate::snapshots::{Retention, SnapshotOptions, Snapshots, Verification};
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Datastore, StoreInfo};
use crate::verify;

/// The exit code where something is wrong.
const EXIT_WRONG: u8 = 1;

/// Verify that what a server has of a store, in memory and in its database, is what was written; or a database alone.
#[derive(Debug, Args)]
#[command(after_help = "\
Of a server: memory, groups, inherited (tuples in memory against the digest that the log recorded, the indexes against the tuples), table, head, \
counts, schemas (rows against the log and each other), log (entries against the chain). Of a database alone: the rows and the log, and fold (the log \
folded from its beginning against the rows), of every store or of the one named by --store; a data file must not be in use.

JSON, one object for each store: {\"store_id\", \"store_name\", \"revision\", \"checks\": [{\"name\", \"compared\", \"unit\", \"found\", \"note\"}], \
\"repaired_rows\", \"repaired_count\"}; revision is null of a database alone.

Exit code: 0 nothing is wrong, 1 something is, 2 it could not be verified or put right.")]
pub(crate) struct VerifyArguments {
    /// Verify this Postgres database, without a server: postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    database: Option<String>,
    /// Verify this SQLite file, without a server
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// With --database or --data: where snapshots are, to repair from if the log does not go back to its beginning
    #[arg(long, value_name = "FOLDER")]
    snapshots: Option<PathBuf>,
    /// Put rows right that are wrong, in one transaction, by the log or by a verified snapshot and the log behind it
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    connection: Connection,
}

impl VerifyArguments {
    pub(crate) fn output(&self) -> &OutputOptions {
        &self.connection.output
    }
}

/// Runs `dhow verify`.
///
/// # Errors
/// When the server or the database cannot be asked, or rows cannot be put right.
pub(crate) async fn run(arguments: VerifyArguments, output: &Output) -> Result<ExitCode, Failure> {
    let database: Option<Box<dyn Datastore>> = match (&arguments.database, &arguments.data) {
        (Some(url), _) => Some(Box::new(PostgresStore::open(&url.clone().into()).await?)),
        (None, Some(file)) => {
            // Opening one that is not there would make it.
            std::fs::metadata(file).map_err(|error| Failure::file(&file.display().to_string(), &error))?;
            Some(Box::new(SqliteStore::open(file).await?))
        }
        (None, None) => None,
    };
    let Some(database) = database else { return of_server(&arguments, output).await };
    let verified = alone(&arguments, &*database, output).await;
    database.close().await;
    verified
}

async fn of_server(arguments: &VerifyArguments, output: &Output) -> Result<ExitCode, Failure> {
    let client = Client::connect(&arguments.connection).await?;
    let request = v1::VerifyStoreRequest { store: client.store.clone(), repair: arguments.repair };
    // Without a deadline: a large store takes as long as it takes.
    let verified = client.operator().verify_store(tonic::Request::new(request)).await?.into_inner();
    print(&verified, Some(verified.revision), output)?;
    Ok(code(&[verified]))
}

async fn alone(arguments: &VerifyArguments, database: &dyn Datastore, output: &Output) -> Result<ExitCode, Failure> {
    let named = &arguments.connection.store;
    let is_named = |info: &StoreInfo| named.is_empty() || info.name == *named || named.parse() == Ok::<StoreId, _>(info.id);
    let stores: Vec<_> = database.list_stores().await?.into_iter().filter(is_named).collect();
    if stores.is_empty() && !named.is_empty() {
        return Err(Failure::new("DH-R010", format!("there is no store `{named}`")).help("leave out --store to verify all"));
    }
    let open = |folder: &PathBuf| {
        let (verification, retention) = (Verification::Full, Retention::default());
        Snapshots::open(SnapshotOptions { folder: folder.clone(), verification, retention, every: None })
            .map_err(|error| Failure::told(error.code(), &error, error.help()))
    };
    let snapshots = arguments.snapshots.as_ref().map(open).transpose()?;
    let mut all = Vec::new();
    for info in stores {
        let mut checks = verify::database(database, info.id).await?;
        let mut repaired = (Vec::new(), 0);
        if arguments.repair && !checks.iter().all(verify::Check::is_clean) {
            let made = verify::repair(database, info.id, &snapshots).await;
            repaired = rows(made.map_err(|error| Failure::told(error.code(), &error, error.help()))?);
            checks = verify::database(database, info.id).await?;
        }
        let verified = v1::VerifyStoreResponse {
            store_id: info.id.to_string(),
            store_name: info.name,
            revision: 0,
            checks: checks.into_iter().map(check_to_wire).collect(),
            repaired_rows: repaired.0,
            repaired_count: repaired.1,
        };
        print(&verified, None, output)?;
        all.push(verified);
    }
    Ok(code(&all))
}

fn code(verified: &[v1::VerifyStoreResponse]) -> ExitCode {
    let clean = verified.iter().flat_map(|verified| &verified.checks).all(|check| check.found.is_empty());
    if clean { ExitCode::SUCCESS } else { ExitCode::from(EXIT_WRONG) }
}

fn print(verified: &v1::VerifyStoreResponse, revision: Option<u64>, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return Ok(output.json(&to_json(verified, revision))?);
    }
    let styles = output.styles();
    let (strong, error, muted) = (styles.strong, styles.error, styles.muted);
    let at = revision.map(|revision| format!(" at revision {revision}")).unwrap_or_default();
    output.line(&format!("{strong}{}{strong:#} ({}){at}", verified.store_name, verified.store_id))?;
    let row = |check: &v1::StoreCheck| {
        let word = match (check.found.len(), check.compared) {
            (0, 0) if !check.note.is_empty() => "not compared",
            (0, _) => "right",
            _ => "WRONG",
        };
        vec![check.name.clone(), format!("{} {}", check.compared, check.unit), word.to_owned(), check.note.clone()]
    };
    let table: Vec<_> = verified.checks.iter().map(row).collect();
    for (line, check) in columns(&table).iter().zip(&verified.checks) {
        let style = if check.found.is_empty() { muted } else { error };
        output.line(&format!("  {style}{line}{style:#}"))?;
        for found in &check.found {
            output.line(&format!("    {found}"))?;
        }
    }
    for row in &verified.repaired_rows {
        output.line(&format!("  put right: {row}"))?;
    }
    let told = verified.repaired_rows.len() as u64;
    if verified.repaired_count > told {
        output.line(&format!("  put right: {} rows more", verified.repaired_count - told))?;
    }
    Ok(())
}

fn to_json(verified: &v1::VerifyStoreResponse, revision: Option<u64>) -> Value {
    let check = |check: &v1::StoreCheck| json!({"name": check.name, "compared": check.compared, "unit": check.unit, "found": check.found, "note": check.note});
    json!({
        "store_id": verified.store_id,
        "store_name": verified.store_name,
        "revision": revision,
        "checks": verified.checks.iter().map(check).collect::<Vec<_>>(),
        "repaired_rows": verified.repaired_rows,
        "repaired_count": verified.repaired_count,
    })
}
