//! `dhow changelog`: what was published to Kafka.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use dhow_engine::entry::Body;
use dhow_engine::time::Timestamp;
use dhow_proto::v1;

use super::failure::Failure;
use super::options::OutputOptions;
use super::output::Output;
use super::{interrupted, watch, wire};
use crate::api::convert;
use crate::changelog::follow::{Followed, Follower, Spot, Start};
use crate::changelog::message::Incoming;
use crate::changelog::{ChangelogError, Settings};
use crate::clock::{Clock, SystemClock};
use crate::config;
use crate::node::token::Token;

/// Read the topic that a server publishes to
#[derive(Debug, Subcommand)]
pub(crate) enum ChangelogCommand {
    Tail(TailArguments),
}

impl ChangelogCommand {
    /// How to print.
    pub(crate) fn output(&self) -> &OutputOptions {
        match self {
            Self::Tail(arguments) => &arguments.output,
        }
    }
}

/// Print the entries of all stores as they come, until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
Text is that of `dhow watch`, with the store's name. Entries of one store come in order; those of several are mixed. An entry may come \
twice, after the relay was restarted. What cannot be read is skipped and told on stderr.

JSON, one object for each entry: {\"event\": \"changes|schema\", \"store\", \"store_id\", \"token\", \"revision\", \"time\", \"actor\", \
\"request_id\", \"changes\": [{\"before\", \"after\"}] | \"schema_version\", \"chain\", \"epoch\", \"partition\", \"offset\"}.

Exit code: 0 when it ends by Ctrl-C or --count, 2 when the topic cannot be read.")]
pub(crate) struct TailArguments {
    /// Where to begin: `beginning`, `end`, or a time such as 2030-01-01T00:00:00Z
    #[arg(long, default_value = "end", value_name = "WHERE", value_parser = parse_start)]
    from: Start,
    /// Only this store, by name or id; may be given many times
    #[arg(long, value_name = "STORE")]
    store: Vec<String>,
    /// End after so many entries
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
    /// Kafka: `host:port`, several with commas between them [default: `brokers` of the configuration file]
    #[arg(long, env = "KAFKA_BOOTSTRAP_SERVERS", value_name = "BROKERS", help_heading = "Kafka")]
    kafka: Option<String>,
    /// The topic [default: dhow.changelog]
    #[arg(long, value_name = "TOPIC", help_heading = "Kafka")]
    topic: Option<String>,
    /// Read `[changelog]` of this configuration file of a server: TLS and SASL are there
    #[arg(long, env = "DHOW_CONFIG", value_name = "FILE", help_heading = "Kafka")]
    config: Option<PathBuf>,
    #[command(flatten)]
    output: OutputOptions,
}

fn parse_start(text: &str) -> Result<Start, String> {
    match text {
        "beginning" => Ok(Start::Beginning),
        "end" => Ok(Start::End),
        time => {
            time.parse::<Timestamp>().map(Start::At).map_err(|_| "write beginning, end or a time such as 2030-01-01T00:00:00Z".to_owned())
        }
    }
}

/// Runs `dhow changelog`.
///
/// # Errors
/// When the topic cannot be read.
pub(crate) async fn run(command: ChangelogCommand, output: &Output) -> Result<ExitCode, Failure> {
    match command {
        ChangelogCommand::Tail(arguments) => tail(arguments, output).await,
    }
}

async fn tail(arguments: TailArguments, output: &Output) -> Result<ExitCode, Failure> {
    let settings = settings(&arguments)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let end = interrupted();
    tokio::pin!(end);
    let opened = Follower::open(&settings, arguments.from, &clock);
    let mut follower = tokio::select! {
        opened = opened => opened?,
        () = &mut end => return Ok(ExitCode::SUCCESS),
    };
    let (mut seen, mut in_trouble) = (0, false);
    loop {
        let followed = tokio::select! {
            followed = follower.next() => followed,
            () = &mut end => return Ok(ExitCode::SUCCESS),
        };
        match followed {
            Followed::Entry { at, incoming } => {
                in_trouble = false;
                if is_wanted(&arguments.store, &incoming) {
                    print(at, &incoming, output)?;
                    seen += 1;
                }
            }
            Followed::Mark { .. } | Followed::Gone { .. } | Followed::CaughtUp => in_trouble = false,
            Followed::Unreadable { at, error, .. } => {
                let why = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
                remark(output, at, &format!("[{}]: {error}{why}", error.code()));
            }
            Followed::Stale { at, epoch } => remark(output, at, &format!(": published by a relay whose term {epoch} was over")),
            Followed::Trouble(error) if !in_trouble => {
                in_trouble = true;
                output.remark(&format!("Kafka is in trouble, and is being tried again: {error}"));
            }
            Followed::Trouble(_) => {}
        }
        if arguments.count.is_some_and(|count| seen >= count) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn settings(arguments: &TailArguments) -> Result<Settings, Failure> {
    let file = match &arguments.config {
        Some(path) => config::read(path).map_err(|error| Failure::new(error.code(), error.to_string()))?.changelog,
        None => None,
    };
    let mut settings = Settings::of(arguments.kafka.clone(), file).ok_or_else(|| {
        Failure::new("kafka_missing", "no Kafka is named")
            .help("name it by `--kafka host:port`, KAFKA_BOOTSTRAP_SERVERS or `--config FILE`")
    })?;
    if let Some(topic) = &arguments.topic {
        settings.topic.clone_from(topic);
    }
    settings.check()?;
    Ok(settings)
}

impl From<ChangelogError> for Failure {
    fn from(error: ChangelogError) -> Self {
        let mut message = error.to_string();
        if let Some(cause) = std::error::Error::source(&error) {
            message.push_str(&format!(": {cause}"));
        }
        Self::new(error.code(), message).help(error.help())
    }
}

fn is_wanted(stores: &[String], incoming: &Incoming) -> bool {
    let id = incoming.record.entry.store;
    stores.is_empty() || stores.iter().any(|store| *store == incoming.store_name || store.parse() == Ok(id))
}

fn remark(output: &Output, at: Spot, what: &str) {
    let conditional = output.styles().conditional;
    output.remark(&format!("{conditional}skipped{conditional:#} partition {} offset {}{what}", at.partition, at.offset));
}

fn print(at: Spot, incoming: &Incoming, output: &Output) -> Result<(), Failure> {
    let event = event(incoming);
    if output.is_json() {
        let mut json = watch::event_json(&event);
        for (field, value) in [
            ("store", incoming.store_name.as_str().into()),
            ("store_id", incoming.record.entry.store.to_string().into()),
            ("chain", incoming.record.chain.to_string().into()),
            ("epoch", incoming.epoch.into()),
            ("partition", at.partition.into()),
            ("offset", at.offset.into()),
        ] {
            wire::set(&mut json, field, value);
        }
        output.json(&json)?;
    } else {
        for line in watch::event_lines(&event, &format!("{} · ", incoming.store_name), false, output) {
            output.line(&line)?;
        }
    }
    Ok(())
}

/// As `watch` has it, made of the entry itself.
fn event(incoming: &Incoming) -> v1::WatchResponse {
    use v1::watch_response::Event;
    let entry = &incoming.record.entry;
    let event = match &entry.body {
        Body::Changes(changes) => {
            let change = |change: &dhow_engine::entry::Change| v1::TupleChange {
                before: change.before().map(convert::tuple_to_wire),
                after: change.after().map(convert::tuple_to_wire),
            };
            Event::Changes(v1::WatchChanges { changes: changes.iter().map(change).collect() })
        }
        Body::Schema(schema) => Event::Schema(v1::WatchSchema { version: schema.version }),
    };
    v1::WatchResponse {
        token: Token::new(entry.store, entry.revision, &incoming.record.chain).to_string(),
        revision: entry.revision,
        time: Some(convert::timestamp_to_wire(entry.time)),
        actor: entry.actor.clone(),
        request_id: entry.request_id.clone(),
        event: Some(event),
    }
}
