//! `dhow serve`: builds the server from its options and runs it until it is told to stop.
//!
//! [`run`] is the one way to start a server: the command, the demo and the tests use it. Options that would open a store to people who
//! were not meant are refused before anything listens, with a sentence that says how to go on.

mod arguments;
mod log;
mod options;
mod running;
mod seed;

use std::process::ExitCode;

pub(crate) use arguments::ServeArguments;
pub(crate) use options::{Data, ServeOptions};
use running::run_with;
pub(crate) use running::{RunningServer, ServeError, run};

/// Where the server listens unless it is told otherwise.
pub(crate) const DEFAULT_ADDRESS: &str = "127.0.0.1:7171";

/// Where the data is unless told otherwise.
pub(crate) const DEFAULT_DATA: &str = "dhow.db";

/// Runs `dhow serve` to its exit code: 0 after an orderly stop, 2 when it could not start or ended by itself.
pub(crate) fn main(arguments: ServeArguments) -> ExitCode {
    match command(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("{}", told(&error));
            ExitCode::from(2)
        }
    }
}

/// Why the server did not start, or ended, as the other commands tell it: `error[CODE]`, the whole chain of causes, help.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    let serve = error.downcast_ref::<ServeError>();
    let code = serve.map(ServeError::code).or_else(|| error.downcast_ref().map(options::OptionsError::code));
    let code = code.map(|code| format!("[{code}]")).unwrap_or_default();
    let help = serve.and_then(ServeError::help).map(|help| format!("\n  help: {help}")).unwrap_or_default();
    format!("error{code}: {text}{help}")
}

fn command(arguments: ServeArguments) -> anyhow::Result<()> {
    let port_file = arguments.port_file.clone();
    let (options, changelog, log) = arguments.into_options()?;
    log::start(&log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = run_with(options, changelog).await?;
        // Whoever finds the port file or the greeting may end the server: it must listen for that already.
        let stop = StopSignals::listen()?;
        if let Some(path) = port_file {
            options::write_port_file(&path, server.address())?;
        }
        tracing::info!("{}", server.greeting());
        tokio::select! {
            name = stop.wait() => {
                let name = name?;
                tracing::info!("{name} received, finishing what runs");
                server.shutdown().await?;
            }
            ended = server.ended() => ended?,
        }
        tracing::info!("stopped");
        Ok(())
    })
}

/// SIGINT and SIGTERM, caught from when this is made: before, they kill.
struct StopSignals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
        }
        #[cfg(not(unix))]
        {
            Ok(Self {})
        }
    }

    /// Waits for either, and gives its name.
    async fn wait(self) -> std::io::Result<&'static str> {
        #[cfg(unix)]
        {
            let Self { mut terminate, mut interrupt } = self;
            tokio::select! {
                _ = terminate.recv() => Ok("SIGTERM"),
                _ = interrupt.recv() => Ok("SIGINT"),
            }
        }
        #[cfg(not(unix))]
        {
            tokio::signal::ctrl_c().await?;
            Ok("Ctrl-C")
        }
    }
}

#[cfg(test)]
mod tests;
