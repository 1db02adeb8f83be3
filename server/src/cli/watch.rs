//! `dhow watch`: the log, read on.

use std::process::ExitCode;

use clap::Args;
use dhow_proto::v1;
use dhow_proto::v1::watch_response::Event;
use serde_json::{Value, json};

use super::client::Client;
use super::failure::Failure;
use super::filter;
use super::options::Connection;
use super::output::Output;
use super::wire;

/// Follow the changes of a store until Ctrl-C.
#[derive(Debug, Args)]
#[command(after_help = "\
Text: `+` a tuple that was made, `-` one that was removed, `~` one whose caveat, context or expiry changed, `=` one that was there \
already (--current). The line above them says revision, time, actor and token; watching on from that token misses nothing.

JSON, one object for each event: {\"event\": \"state|state_complete|changes|schema|heartbeat\", \"token\", \"revision\", \"time\", \"actor\", \
\"request_id\", \"tuples\": [tuple] | \"changes\": [{\"before\", \"after\"}] | \"schema_version\"}.

Exit code: 0 when it ends by Ctrl-C or --count, 2 when the server ends it.")]
pub(crate) struct WatchArguments {
    /// Go on behind this token [default: from now on]
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TOKEN", conflicts_with = "current")]
    after: String,
    /// Print what there is first
    #[arg(long)]
    current: bool,
    /// Only changes that match; may be given many times
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,
    /// Leave out schema changes
    #[arg(long)]
    no_schema: bool,
    /// Show heartbeats: events without changes whose tokens move on
    #[arg(long)]
    heartbeats: bool,
    /// End after so many revisions
    #[arg(long, value_name = "COUNT")]
    count: Option<u64>,
    #[command(flatten)]
    connection: Connection,
}

impl WatchArguments {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Runs `dhow watch`.
///
/// # Errors
/// When the arguments cannot be read, or the server refuses or ends the stream.
pub(crate) async fn run(arguments: WatchArguments, output: &Output) -> Result<ExitCode, Failure> {
    let filters = arguments.filter.iter().map(|text| filter::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let client = Client::connect(&arguments.connection).await?;
    let request = v1::WatchRequest {
        store: client.store.clone(),
        after_token: arguments.after,
        from_current_state: arguments.current,
        filters,
        without_schema_changes: arguments.no_schema,
        heartbeat_ms: 0,
    };
    let mut stream = client.relationships().watch(tonic::Request::new(request)).await?.into_inner();
    let mut seen = 0;
    loop {
        let event = tokio::select! {
            event = stream.message() => event?,
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        };
        let Some(event) = event else {
            return Err(Failure::new("watch_ended", "the server ended the stream").help("watch on with --after and the last token"));
        };
        if print(&event, arguments.heartbeats, output)? {
            seen += 1;
        }
        if arguments.count.is_some_and(|count| seen >= count) {
            return Ok(ExitCode::SUCCESS);
        }
    }
}

/// Prints an event; says whether it was a revision.
fn print(event: &v1::WatchResponse, heartbeats: bool, output: &Output) -> Result<bool, Failure> {
    if output.is_json() {
        if !matches!(event.event, Some(Event::Heartbeat(_))) || heartbeats {
            output.json(&event_json(event))?;
        }
    } else {
        for line in event_lines(event, "", heartbeats, output) {
            output.line(&line)?;
        }
    }
    Ok(matches!(event.event, Some(Event::Changes(_) | Event::Schema(_))))
}

/// An event as people read it; `of` stands before the revision.
pub(super) fn event_lines(event: &v1::WatchResponse, of: &str, heartbeats: bool, output: &Output) -> Vec<String> {
    let muted = output.styles().muted;
    let time = event.time.as_ref().map(|time| format!(" · {}", wire::time_text(time))).unwrap_or_default();
    let actor = if event.actor.is_empty() { String::new() } else { format!(" · {}", event.actor) };
    let head = |what: &str| format!("{muted}{of}revision {}{time}{actor}{what} · token {}{muted:#}", event.revision, event.token);
    match &event.event {
        Some(Event::State(state)) => {
            let mut lines: Vec<String> = state.tuples.iter().map(|tuple| format!("= {}", wire::tuple_text(tuple))).collect();
            if state.complete {
                lines.push(head(" · that is the current state"));
            }
            lines
        }
        Some(Event::Changes(changes)) => {
            let mut lines = vec![head("")];
            lines.extend(changes.changes.iter().map(|change| change_line(change, output)));
            lines
        }
        Some(Event::Schema(schema)) => vec![head(""), format!("schema version {}", schema.version)],
        Some(Event::Heartbeat(_)) if heartbeats => vec![head(" · nothing new")],
        Some(Event::Heartbeat(_)) | None => Vec::new(),
    }
}

fn change_line(change: &v1::TupleChange, output: &Output) -> String {
    let styles = output.styles();
    let (made, removed, changed) = (styles.allowed, styles.denied, styles.conditional);
    match (&change.before, &change.after) {
        (None, Some(after)) => format!("{made}+{made:#} {}", wire::tuple_text(after)),
        (Some(before), None) => format!("{removed}-{removed:#} {}", wire::tuple_text(before)),
        (Some(before), Some(after)) => {
            format!("{changed}~{changed:#} {}  (was {})", wire::tuple_text(after), wire::tuple_text(before))
        }
        (None, None) => String::new(),
    }
}

/// An event as programs read it.
pub(super) fn event_json(event: &v1::WatchResponse) -> Value {
    let mut json = json!({
        "token": event.token,
        "revision": event.revision,
        "time": event.time.as_ref().map(wire::time_text),
        "actor": event.actor,
        "request_id": event.request_id,
    });
    let kind = match &event.event {
        Some(Event::State(state)) => {
            wire::set(&mut json, "tuples", state.tuples.iter().map(wire::tuple_json).collect());
            if state.complete { "state_complete" } else { "state" }
        }
        Some(Event::Changes(changes)) => {
            let changes: Value = changes
                .changes
                .iter()
                .map(|change| json!({"before": change.before.as_ref().map(wire::tuple_json), "after": change.after.as_ref().map(wire::tuple_json)}))
                .collect();
            wire::set(&mut json, "changes", changes);
            "changes"
        }
        Some(Event::Schema(schema)) => {
            wire::set(&mut json, "schema_version", schema.version.into());
            "schema"
        }
        Some(Event::Heartbeat(_)) | None => "heartbeat",
    };
    wire::set(&mut json, "event", kind.into());
    json
}
