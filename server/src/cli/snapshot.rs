//! `dhow snapshot`: stores as files.

pub(super) mod print;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use dhow_engine::snapshot::Snapshot;
use dhow_proto::v1;
use dhow_proto::v1::verify_snapshot_request::What;

use super::client::Client;
use super::failure::Failure;
use super::options::{Connection, DEFAULT_ENDPOINT, OutputOptions, parse_duration};
use super::output::Output;
use crate::snapshots::{Place, head_to_wire, map};

/// Make, list, show and verify snapshots: stores as files.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Have a server write a store, at the revision it has applied, as a file in its folder
    #[command(
        after_help = "JSON: {\"file\", and the fields of `snapshot inspect`}. It takes as long as it takes; --timeout is for other commands."
    )]
    Create(OfStore),
    /// List the files in a server's folder, by store, the newest first
    #[command(
        after_help = "JSON: {\"file\", \"store_id\", \"store_name\", \"revision\", \"made_at\", \"bytes\"}, one object for each file."
    )]
    List(OfStore),
    /// Show what a file says of itself; needs no server
    #[command(after_help = "\
JSON: {\"file\", \"store_id\", \"store_name\", \"revision\", \"chain\", \"digest\", \"time\", \"token\", \"schema_version\", \"schema_hash\", \
\"tuple_count\", \"counts\": [{\"object_type\", \"relation\", \"tuples\"}], \"made_at\", \"made_by\", \"program\", \"bytes\", \"root\"}")]
    Inspect(OfFile),
    /// Verify a file, and against the live store where an endpoint is named
    #[command(after_help = "\
The file alone: every byte against the checksum of its section, the digest computed anew from its tuples, the counts, and both directions of \
its edges. With --endpoint also that the store's log has its revision, in the same history and with the same digest.

JSON: {\"file\", \"verified\": true, \"store_id\", \"store_name\", \"revision\", \"chain\", \"digest\", \"tuple_count\", \"endpoint\", \"head_revision\"}; the \
last two are null where no server was asked.

Exit code: 0 all is as it should be, 2 it is not, or cannot be verified; the code of the error says which.")]
    Verify(OfFile),
}

#[derive(Debug, Args)]
pub(crate) struct OfStore {
    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Args)]
pub(crate) struct OfFile {
    /// The file; with --on-server its name in `snapshot list`
    file: String,
    /// The file is in the server's folder, and the server does the work
    #[arg(long)]
    on_server: bool,
    /// A server that has the store: `host:port`, or `https://host:port`
    #[arg(long, help_heading = "Connection")]
    endpoint: Option<String>,
    /// Where --on-server goes without --endpoint. A file alone is never taken to a server because the environment names one.
    #[arg(long, env = "DHOW_ENDPOINT", default_value = DEFAULT_ENDPOINT, hide = true)]
    usual_endpoint: String,
    /// The bearer key to show to the server; better given as DHOW_KEY
    #[arg(long, env = "DHOW_KEY", hide_env_values = true, help_heading = "Connection")]
    key: Option<String>,
    /// A PEM file with the authority that signed the server's certificate [default: those the system trusts]
    #[arg(long, env = "DHOW_TLS_CA", value_name = "FILE", help_heading = "Connection")]
    tls_ca: Option<PathBuf>,
    /// How long to wait for a connection, such as `500ms`, `10s` or `2m`
    #[arg(long, env = "DHOW_TIMEOUT", default_value = "10s", value_parser = parse_duration, help_heading = "Connection")]
    timeout: Duration,
    #[command(flatten)]
    output: OutputOptions,
}

impl OfFile {
    /// The server to ask; `None`: none.
    fn connection(&self) -> Option<Connection> {
        let endpoint = self.endpoint.as_ref().or(self.on_server.then_some(&self.usual_endpoint))?.clone();
        Some(Connection {
            endpoint,
            key: self.key.clone(),
            store: String::new(),
            tls_ca: self.tls_ca.clone(),
            timeout: self.timeout,
            output: self.output.clone(),
        })
    }
}

impl SnapshotCommand {
    pub(crate) fn output(&self) -> &OutputOptions {
        match self {
            Self::Create(arguments) | Self::List(arguments) => &arguments.connection.output,
            Self::Inspect(arguments) | Self::Verify(arguments) => &arguments.output,
        }
    }
}

/// Runs `dhow snapshot …`.
///
/// # Errors
/// When the server refuses, or the file is not as it should be.
pub(crate) async fn run(command: SnapshotCommand, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        SnapshotCommand::Create(arguments) => create(&arguments.connection, output).await?,
        SnapshotCommand::List(arguments) => list(&arguments.connection, output).await?,
        SnapshotCommand::Inspect(arguments) => inspect(&arguments, output).await?,
        SnapshotCommand::Verify(arguments) => verify(&arguments, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(connection: &Connection, output: &Output) -> Result<(), Failure> {
    let client = Client::connect(connection).await?;
    let request = v1::CreateSnapshotRequest { store: client.store.clone() };
    // Without a deadline: a large store takes as long as it takes.
    let made = client.operator().create_snapshot(tonic::Request::new(request)).await?.into_inner();
    print::head(&made.file, &expected(made.head)?, output)
}

async fn list(connection: &Connection, output: &Output) -> Result<(), Failure> {
    let client = Client::connect(connection).await?;
    let request = v1::ListSnapshotsRequest { store: client.store.clone() };
    let listed = client.operator().list_snapshots(client.request(request)).await?.into_inner();
    print::files(&listed, output)
}

async fn inspect(arguments: &OfFile, output: &Output) -> Result<(), Failure> {
    let head = match arguments.connection().filter(|_| arguments.on_server) {
        None => head_to_wire(&open(&arguments.file)?),
        Some(connection) => {
            let client = Client::connect(&connection).await?;
            let request = v1::InspectSnapshotRequest { file: arguments.file.clone() };
            expected(client.operator().inspect_snapshot(client.request(request)).await?.into_inner().head)?
        }
    };
    print::head(&arguments.file, &head, output)
}

async fn verify(arguments: &OfFile, output: &Output) -> Result<(), Failure> {
    let Some(connection) = arguments.connection() else {
        let snapshot = whole(&arguments.file)?;
        return print::verified(&arguments.file, &head_to_wire(&snapshot), None, output);
    };
    let (head, what) = if arguments.on_server {
        (None, What::File(arguments.file.clone()))
    } else {
        // The file first: what is damaged is not worth a question.
        let snapshot = whole(&arguments.file)?;
        let place = Place::from(snapshot.head());
        let place = v1::SnapshotPlace {
            store_id: place.store.to_string(),
            revision: place.revision,
            chain: place.chain.to_string(),
            digest: place.digest.to_string(),
        };
        (Some(head_to_wire(&snapshot)), What::Place(place))
    };
    let client = Client::connect(&connection).await?;
    let request = v1::VerifySnapshotRequest { what: Some(what) };
    let answer = client.operator().verify_snapshot(tonic::Request::new(request)).await?.into_inner();
    let head = expected(head.or(answer.head))?;
    print::verified(&arguments.file, &head, Some((&connection.endpoint, answer.head_revision)), output)
}

fn open(file: &str) -> Result<Snapshot, Failure> {
    map(Path::new(file)).map_err(|error| Failure::told(error.code(), &error, error.help()))
}

fn whole(file: &str) -> Result<Snapshot, Failure> {
    let snapshot = open(file)?;
    match snapshot.verify() {
        Ok(()) => Ok(snapshot),
        Err(error) => Err(Failure::new(error.code(), format!("`{file}`: {error}")).help(error.help())),
    }
}

fn expected(head: Option<v1::SnapshotHead>) -> Result<v1::SnapshotHead, Failure> {
    head.ok_or_else(|| Failure::new("protocol", "the server's answer has no head"))
}
