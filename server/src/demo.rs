//! `dhow demo`: a real server with a model that somebody could have, a few questions asked of it, and commands to try.
//!
//! Everything goes the way that a user goes: the server is the one of `dhow serve`, on a new SQLite file, and the questions are asked
//! by the commands that are printed. The model is part of the program.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use dhow_proto::v1;
use tokio_stream::iter;

use crate::api::door::Access;
use crate::cli::{self, Client, Failure, Output, OutputOptions};
use crate::limits::Limits;
use crate::serve::{self, Data, RunningServer, ServeError, ServeOptions};
use crate::validation::{self, ValidationFile};

/// The model: a container registry.
const MODEL: &str = include_str!("../../testdata/registry/registry.yaml");
const SCHEMA: &str = include_str!("../../testdata/registry/registry.zed");

/// The store that it is loaded into.
const STORE: &str = "registry";

/// Questions that are asked and printed, with a line about each.
const QUESTIONS: [(&str, &[&str]); 6] = [
    (
        "giulia is on call for postgres, three teams deep. May she push?",
        &["check", "repository:acme/postgres-backup#push@user:giulia", "--explain"],
    ),
    (
        "katya may push to repositories of her team, but this one is archived. Why not?",
        &["check", "repository:acme/shop-2019#push@user:katya", "--explain"],
    ),
    ("noor pays the bills. What is missing for a pull?", &["check", "repository:acme/payments-api#pull@user:noor", "--explain"]),
    ("ulrike may pull from the office's network; nobody said where she is.", &["check", "repository:acme/shop-frontend#pull@user:ulrike"]),
    ("Now somebody says.", &["check", "repository:acme/shop-frontend#pull@user:ulrike", "--context", r#"{"client_ip": "198.51.100.20"}"#]),
    ("Everything that giulia may push to.", &["list-objects", "repository#push@user:giulia"]),
];

/// Commands that are printed for the reader to try.
const TO_TRY: [&[&str]; 8] = [
    &["check", "repository:acme/payments-api#pull@user:zoe", "--explain"],
    &["list-subjects", "repository:acme/payments-api#pull", "user"],
    &["list-permissions", "repository:acme/postgres", "user:giulia"],
    &["expand", "team:acme/platform#member"],
    &["write", "repository:acme/payments-api#puller@user:noor"],
    &["read", "@user:noor"],
    &["schema", "read"],
    &["watch", "--current"],
];

/// Start a server with an example, ask it a few questions, and stay up for more.
#[derive(Debug, Args)]
#[command(after_help = "\
The server is a real one on a new SQLite file; nothing outside of its folder is touched. It listens on this machine only, on port 7171 \
if that is free. Exit code: 0, or 2 when something failed.")]
pub(crate) struct DemoArguments {
    /// End after the questions
    #[arg(long)]
    exit: bool,
    /// Keep the data in this folder, which must be empty or new [default: a temporary one, removed at the end]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// Runs `dhow demo`.
///
/// # Errors
/// When the server does not start, or a question fails.
pub(crate) async fn run(arguments: DemoArguments, output: &Output) -> Result<ExitCode, Failure> {
    let temporary;
    let folder: &Path = match &arguments.dir {
        Some(folder) => {
            prepare(folder)?;
            folder
        }
        None => {
            temporary = tempfile::Builder::new().prefix("dhow-demo-").tempdir()?;
            temporary.path()
        }
    };
    let server = start(&folder.join("dhow.db")).await?;
    let outcome = show(&server, folder, &arguments, output).await;
    let stopped = server.shutdown().await;
    outcome?;
    stopped.map_err(|error| Failure::new("server", error.to_string()))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the folder, or finds it empty: an older demo's data is not written over.
fn prepare(folder: &Path) -> Result<(), Failure> {
    let name = folder.display().to_string();
    std::fs::create_dir_all(folder).map_err(|error| Failure::file(&name, &error))?;
    if std::fs::read_dir(folder).map_err(|error| Failure::file(&name, &error))?.next().is_some() {
        return Err(Failure::new("folder_not_empty", format!("`{name}` is not empty")).help("name a new folder, or leave out --dir"));
    }
    Ok(())
}

/// A server on the default port, or on a free one where that is taken.
async fn start(data: &Path) -> Result<RunningServer, Failure> {
    let options = |address| ServeOptions {
        role: crate::role::Role::All,
        address,
        data: Data::File(data.to_path_buf()),
        tls: None,
        access: Access::Open,
        insecure: false,
        limits: Limits::default(),
        foreign_tokens: crate::config::ForeignTokens::Answer,
        snapshots: None,
        memory: crate::config::Memory::default(),
        load: None,
    };
    let default: SocketAddr = serve::DEFAULT_ADDRESS.parse().map_err(|_| Failure::new("address", "the default address cannot be read"))?;
    let failed = |error: ServeError| Failure::new("server", error.to_string());
    match serve::run(options(default)).await {
        Err(ServeError::Listen { .. }) => serve::run(options(SocketAddr::new(default.ip(), 0))).await.map_err(failed),
        started => started.map_err(failed),
    }
}

async fn show(server: &RunningServer, folder: &Path, arguments: &DemoArguments, output: &Output) -> Result<(), Failure> {
    let endpoint = format!("http://{}", server.address());
    let (strong, muted) = (output.styles().strong, output.styles().muted);
    output.remark(&format!("{muted}a server listens on {endpoint}, its data is in {}{muted:#}", folder.display()));
    let file = validation::embedded(Path::new("registry.yaml"), MODEL, SCHEMA)
        .map_err(|problems| Failure::new("validation_file", problems.to_string()))?;
    let client = Client::local(&endpoint, STORE).await?;
    load(&client, &file).await?;
    output.remark(&format!("{muted}loaded: a container registry, {} tuples in the store `{STORE}`{muted:#}", file.tuples.len()));
    for (about, command) in QUESTIONS {
        output.remark(&format!("\n{muted}{about}{muted:#}\n{strong}$ dhow {}{strong:#}", shell(command)));
        let connected = ["--endpoint", &endpoint, "--store", STORE];
        cli::run_words(command.iter().copied().chain(connected), output).await?;
    }
    if arguments.exit {
        return Ok(());
    }
    output.remark(&format!("\n{strong}Now you, in another terminal:{strong:#}\n"));
    output.remark(&format!("  export DHOW_ENDPOINT={endpoint} DHOW_STORE={STORE}"));
    for command in TO_TRY {
        output.remark(&format!("  dhow {}", shell(command)));
    }
    output.remark(&format!("\n{muted}Built by cargo, `dhow` is {}. Ctrl-C ends this server.{muted:#}", program()));
    cli::interrupted().await;
    Ok(())
}

/// Store, schema and tuples, as a client writes them.
async fn load(client: &Client, file: &ValidationFile) -> Result<(), Failure> {
    client.stores().create(client.request(v1::CreateStoreRequest { name: STORE.to_owned() })).await?;
    let source = Some(v1::SchemaSource { text: file.schema.text.clone(), ..Default::default() });
    let request = v1::WriteSchemaRequest { store: STORE.to_owned(), source, ..Default::default() };
    client.schemas().write(client.request(request)).await?;
    let tuples = file.tuples.iter().map(|located| cli::tuple_to_wire(&located.tuple)).collect();
    let parts = iter([v1::ImportRequest { store: STORE.to_owned(), import_id: "demo".to_owned(), tuples }]);
    let mut answers = client.relationships().import(parts).await?.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

/// A command as one types it: words that a shell would change are quoted.
fn shell(words: &[&str]) -> String {
    let quoted = words.iter().map(|word| {
        let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:#@=,".contains(character);
        if word.chars().all(plain) { (*word).to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// Where this program is, for readers who do not have it in their path.
fn program() -> String {
    std::env::current_exe().map_or_else(|_| "dhow".to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_model_reads_and_holds() {
        let file = validation::embedded(Path::new("registry.yaml"), MODEL, SCHEMA).unwrap();
        assert!(file.tuples.len() >= 200, "{}", file.tuples.len());
        assert_eq!(file.schema.text, SCHEMA);
    }

    #[test]
    fn a_printed_command_survives_the_shell() {
        assert_eq!(shell(&["check", "a:b#c@d:e", "--explain"]), "check a:b#c@d:e --explain");
        assert_eq!(shell(&["check", r#"{"it's": 1}"#]), r#"check '{"it'\''s": 1}'"#);
    }
}
