//! The server's log: lines on standard error, for people or as JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// What is logged, and how.
#[derive(Debug, Clone)]
pub(crate) struct LogOptions {
    /// A level, or a filter such as `info,dhow=debug`.
    pub(crate) filter: String,
    /// How lines look.
    pub(crate) format: LogFormat,
}

/// A log filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("`{filter}` is no log level; write `error`, `warn`, `info`, `debug` or `trace`, or a filter such as `info,dhow=debug`")]
pub(crate) struct LogError {
    filter: String,
}

/// Starts logging.
///
/// # Errors
/// [`LogError`] when the filter cannot be read.
pub(crate) fn start(options: &LogOptions) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(directives(&options.filter)).map_err(|_| LogError { filter: options.filter.clone() })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second call (tests run several servers in one process) keeps the first subscriber.
    let _ = match options.format {
        LogFormat::Json => lines.json().try_init(),
        LogFormat::Text => lines.with_target(false).with_ansi(colours()).try_init(),
    };
    Ok(())
}

/// A bare level is dhow's own. Below `info` the libraries tell every frame of every connection, which hides what was asked for.
fn directives(filter: &str) -> String {
    match filter.trim() {
        level if level.eq_ignore_ascii_case("debug") || level.eq_ignore_ascii_case("trace") => format!("info,dhow={level}"),
        other => other.to_owned(),
    }
}

/// Whether standard error takes colours (NO_COLOR and the like are honoured).
fn colours() -> bool {
    std::io::stderr().is_terminal() && anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}
