//! `dhow migrate`: brings the tables of a Postgres database to this build's form, or says what they lack. It needs no server.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::config;
use crate::serve::{ServeError, told};
use crate::store::DatastoreError;
use crate::store::postgres::{DatabaseUrl, migrate};

/// The exit code of a database that lacks migrations.
const EXIT_MISSING: u8 = 1;

/// The commands of `dhow migrate`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Apply the migrations that a database lacks, all of them or none; safe beside running servers and from several places at once.
    Up(Target),
    /// List the migrations of this build; exit code 1 if the database lacks any.
    Status(Target),
}

/// Which database.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// The Postgres database: postgres://USER:PASSWORD@HOST:PORT/DATABASE.
    #[arg(long, env = "DHOW_DATABASE", hide_env_values = true, value_name = "URL")]
    database: Option<String>,
    /// Where `database` is found if it is not named here: the configuration file of `dhow serve`.
    #[arg(long, env = "DHOW_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Target {
    fn url(self) -> anyhow::Result<DatabaseUrl> {
        let in_file = || anyhow::Ok(self.config.as_deref().map(config::read).transpose()?.and_then(|file| file.database));
        match self.database {
            Some(url) => Ok(url.into()),
            None => Ok(in_file()?.ok_or(ServeError::Datastore(DatastoreError::Url))?),
        }
    }
}

/// Runs a command to its exit code.
pub(crate) fn main(command: Command) -> ExitCode {
    match run(command, &mut std::io::stdout().lock()) {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("{}", told(&error));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match command {
        Command::Up(target) => {
            let done = runtime.block_on(migrate::up(&target.url()?)).map_err(ServeError::Datastore)?;
            for migration in &done {
                writeln!(out, "{:04} {}: applied", migration.version, migration.description)?;
            }
            if done.is_empty() {
                writeln!(out, "nothing to do")?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Status(target) => {
            let all = runtime.block_on(migrate::status(&target.url()?)).map_err(ServeError::Datastore)?;
            for migration in &all {
                let word = if migration.applied { "applied" } else { "missing" };
                writeln!(out, "{:04} {}: {word}", migration.version, migration.description)?;
            }
            let complete = all.iter().all(|migration| migration.applied);
            Ok(if complete { ExitCode::SUCCESS } else { ExitCode::from(EXIT_MISSING) })
        }
    }
}
