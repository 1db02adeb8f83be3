//! `dhow serve`: builds the server from its options and runs it until it is told to stop.

use std::process::ExitCode;

/// The options of `dhow serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArguments {}

/// Runs `dhow serve` to its exit code.
pub(crate) fn main(_arguments: ServeArguments) -> ExitCode {
    ExitCode::FAILURE
}
