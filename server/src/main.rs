//! dhow: the authorization server and its command line, in one binary.
//!
//! This file reads the command line and hands over; it decides nothing itself. `serve` and `keys` live in this half of the crate,
//! everything that talks to a running server in [`cli`].

mod api;
mod carried;
mod changelog;
mod cli;
mod clock;
mod config;
mod demo;
mod errors;
mod identity;
mod keys;
mod limits;
mod migrate;
mod node;
mod role;
mod serve;
mod snapshots;
mod store;
mod tls;
mod validation;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "dhow", version, about = "A Zanzibar-style, relationship-based authorization engine", long_about = None)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(Box<serve::ServeArguments>),
    /// Make keys for the server's configuration file.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Bring the tables of a Postgres database up to date.
    #[command(subcommand)]
    Migrate(migrate::Command),
    /// Print the page of limits and defaults.
    #[command(hide = true)]
    Limits,
    #[command(flatten)]
    Client(Box<cli::Command>),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(arguments) => serve::main(*arguments),
        Command::Keys(command) => keys::main(&command),
        Command::Migrate(command) => migrate::main(command),
        Command::Limits => limits::main(),
        Command::Client(command) => cli::main(*command),
    }
}
