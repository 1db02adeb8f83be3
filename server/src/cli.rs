//! The commands that talk to a running server, and the ones that need none.

use std::process::ExitCode;

use clap::{CommandFactory, Subcommand};

/// Every command but `serve` and `keys`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Runs one command to its exit code.
pub(crate) fn main(command: Command) -> ExitCode {
    match command {
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut crate::Arguments::command(), "dhow", &mut std::io::stdout());
            ExitCode::SUCCESS
        }
    }
}
