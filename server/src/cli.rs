//! The commands that talk to a running server or to Kafka, and the ones that need neither.
//!
//! Each command family has a file below `cli/`; this one knows only which there are. Answers go to stdout, remarks to stderr; a
//! failure is a code, a sentence and a way to go on, and ends with exit code 2.

mod changelog;
mod check;
mod client;
mod delete;
mod expand;
mod explain;
mod failure;
mod filter;
mod import;
mod input;
mod lists;
mod options;
mod output;
mod progress;
mod read;
mod schema;
mod snapshot;
mod status;
mod store;
mod verify;
mod watch;
mod wire;
mod write;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub(crate) use client::Client;
pub(crate) use failure::Failure;
pub(crate) use options::OutputOptions;
pub(crate) use output::Output;
pub(crate) use wire::tuple_to_wire;

/// The exit code of every failure.
pub(crate) const EXIT_ERROR: u8 = 2;

/// Every command but `serve` and `keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(crate::demo::DemoArguments),
    Check(check::CheckArguments),
    Expand(expand::ExpandArguments),
    ListObjects(lists::ListObjectsArguments),
    ListSubjects(lists::ListSubjectsArguments),
    ListPermissions(lists::ListPermissionsArguments),
    Write(write::WriteArguments),
    Delete(delete::DeleteArguments),
    Read(read::ReadArguments),
    Import(import::ImportArguments),
    Export(read::ExportArguments),
    Watch(watch::WatchArguments),
    #[command(subcommand)]
    Changelog(changelog::ChangelogCommand),
    #[command(subcommand)]
    Schema(schema::SchemaCommand),
    #[command(subcommand)]
    Store(store::StoreCommand),
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotCommand),
    Status(status::StatusArguments),
    Verify(Box<verify::VerifyArguments>),
    /// Print a completion script for a shell
    #[command(after_help = "Example, for bash:\n  source <(dhow completions bash)")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// How to print; `None` for what prints no answer.
    fn output(&self) -> Option<&OutputOptions> {
        Some(match self {
            Self::Demo(arguments) => &arguments.output,
            Self::Check(arguments) => &arguments.connection().output,
            Self::Expand(arguments) => &arguments.connection().output,
            Self::ListObjects(arguments) => &arguments.options.connection.output,
            Self::ListSubjects(arguments) => &arguments.options.connection.output,
            Self::ListPermissions(arguments) => &arguments.options.connection.output,
            Self::Write(arguments) => &arguments.connection().output,
            Self::Delete(arguments) => &arguments.connection().output,
            Self::Read(arguments) => &arguments.connection().output,
            Self::Import(arguments) => &arguments.connection().output,
            Self::Export(arguments) => &arguments.connection().output,
            Self::Watch(arguments) => &arguments.connection().output,
            Self::Changelog(command) => command.output(),
            Self::Schema(command) => command.output(),
            Self::Store(command) => command.output(),
            Self::Snapshot(command) => command.output(),
            Self::Status(arguments) => arguments.output(),
            Self::Verify(arguments) => arguments.output(),
            Self::Completions { .. } => return None,
        })
    }
}

/// Runs one command to its exit code.
pub(crate) fn main(command: Command) -> ExitCode {
    let output = command.output().map_or_else(|| Output::with_format(options::Format::Text), Output::new);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            Failure::from(error).print(&output);
            return ExitCode::from(EXIT_ERROR);
        }
    };
    match runtime.block_on(run(command, &output)) {
        Ok(code) => code,
        Err(failure) => {
            failure.print(&output);
            ExitCode::from(EXIT_ERROR)
        }
    }
}

async fn run(command: Command, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo(arguments) => Box::pin(crate::demo::run(arguments, output)).await,
        Command::Check(arguments) => check::run(arguments, output).await,
        Command::Expand(arguments) => expand::run(arguments, output).await,
        Command::ListObjects(arguments) => lists::objects(arguments, output).await,
        Command::ListSubjects(arguments) => lists::subjects(arguments, output).await,
        Command::ListPermissions(arguments) => lists::permissions(arguments, output).await,
        Command::Write(arguments) => write::run(arguments, output).await,
        Command::Delete(arguments) => delete::run(arguments, output).await,
        Command::Read(arguments) => read::read(arguments, output).await,
        Command::Import(arguments) => import::run(arguments, output).await,
        Command::Export(arguments) => read::export(arguments, output).await,
        Command::Watch(arguments) => watch::run(arguments, output).await,
        Command::Changelog(command) => changelog::run(command, output).await,
        Command::Schema(command) => schema::run(command, output).await,
        Command::Store(command) => store::run(command, output).await,
        Command::Snapshot(command) => snapshot::run(command, output).await,
        Command::Status(arguments) => status::run(arguments, output).await,
        Command::Verify(arguments) => verify::run(*arguments, output).await,
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut crate::Arguments::command(), "dhow", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The words of one command, without the program's name.
#[derive(Debug, Parser)]
#[command(name = "dhow")]
struct Words {
    #[command(subcommand)]
    command: Command,
}

/// Runs a command from its words, as if they had been typed.
///
/// # Errors
/// When the words are no command, or the command fails.
pub(crate) async fn run_words<'a>(words: impl Iterator<Item = &'a str>, output: &Output) -> Result<ExitCode, Failure> {
    let words = Words::try_parse_from(std::iter::once("dhow").chain(words)).map_err(|error| Failure::new("usage", error.to_string()))?;
    run(words.command, output).await
}

/// Waits for Ctrl-C, or for whoever asks the process to end.
pub(crate) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}
