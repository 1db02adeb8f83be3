//! `dhow status`: how servers are.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use dhow_proto::v1;
use serde_json::{Value, json};

use super::EXIT_ERROR;
use super::client::Client;
use super::failure::Failure;
use super::options::{Connection, DEFAULT_ENDPOINT, OutputOptions, parse_duration};
use super::output::{Output, columns};
use super::snapshot::print::file_json;

/// Show how servers are: version, stores in memory, how far behind they are, snapshots.
#[derive(Debug, Args)]
#[command(after_help = "\
JSON, one object for each server: {\"endpoint\", \"node_id\", \"version\", \"uptime_ms\", \"stores_known\", \"snapshot_folder\", \"stores\": [{\"id\", \"name\", \
\"applied_revision\", \"tuple_count\", \"head_revision\", \"lag_revisions\", \"lag_ms\", \"staleness_ms\", \"set_aside\", \"divergence\", \"scrubbed_at\", \"newest_snapshot\"}]}; null is what \
is not known. A server that does not answer is {\"endpoint\", \"error\": {\"code\", \"message\", \"help\"}}.

Exit code: 0 every server answered, 2 one did not.")]
pub(crate) struct StatusArguments {
    /// A server: `host:port`, or `https://host:port`; may be given many times, or with commas
    #[arg(long, env = "DHOW_ENDPOINT", value_delimiter = ',', default_value = DEFAULT_ENDPOINT, help_heading = "Connection")]
    endpoint: Vec<String>,
    /// The bearer key to show to the servers; better given as DHOW_KEY
    #[arg(long, env = "DHOW_KEY", hide_env_values = true, help_heading = "Connection")]
    key: Option<String>,
    /// A PEM file with the authority that signed the servers' certificates [default: those the system trusts]
    #[arg(long, env = "DHOW_TLS_CA", value_name = "FILE", help_heading = "Connection")]
    tls_ca: Option<PathBuf>,
    /// How long to wait for each answer, such as `500ms`, `10s` or `2m`
    #[arg(long, env = "DHOW_TIMEOUT", default_value = "10s", value_parser = parse_duration, help_heading = "Connection")]
    timeout: Duration,
    #[command(flatten)]
    output: OutputOptions,
}

impl StatusArguments {
    pub(crate) fn output(&self) -> &OutputOptions {
        &self.output
    }

    fn connection(&self, endpoint: &str) -> Connection {
        Connection {
            endpoint: endpoint.to_owned(),
            key: self.key.clone(),
            store: String::new(),
            tls_ca: self.tls_ca.clone(),
            timeout: self.timeout,
            output: self.output.clone(),
        }
    }
}

/// Runs `dhow status`.
///
/// # Errors
/// When stdout cannot be written; a server that does not answer is told, and is no reason not to ask the others.
pub(crate) async fn run(arguments: StatusArguments, output: &Output) -> Result<ExitCode, Failure> {
    let asked = arguments.endpoint.iter().map(|endpoint| ask(&arguments, endpoint));
    let answers = futures_util::future::join_all(asked).await;
    let mut code = ExitCode::SUCCESS;
    for (endpoint, answer) in arguments.endpoint.iter().zip(answers) {
        match answer {
            Ok(status) if output.is_json() => output.json(&status_json(endpoint, &status))?,
            Ok(status) => print(endpoint, &status, output)?,
            Err(failure) => {
                code = ExitCode::from(EXIT_ERROR);
                if output.is_json() {
                    output.json(&json!({"endpoint": endpoint, "error": failure.to_json()}))?;
                } else {
                    output.line(&format!("{endpoint}  no answer"))?;
                    failure.print(output);
                }
            }
        }
    }
    Ok(code)
}

async fn ask(arguments: &StatusArguments, endpoint: &str) -> Result<v1::StatusResponse, Failure> {
    let client = Client::connect(&arguments.connection(endpoint)).await?;
    Ok(client.operator().status(client.request(v1::StatusRequest {})).await?.into_inner())
}

fn print(endpoint: &str, status: &v1::StatusResponse, output: &Output) -> Result<(), Failure> {
    let strong = output.styles().strong;
    let (version, node, known) = (&status.version, &status.node_id, status.stores_known);
    let up = status.uptime.as_ref().map(span).unwrap_or_default();
    let line =
        format!("{strong}{endpoint}{strong:#}  dhow {version}, up {up}, node {node}, {} of {known} stores in memory", status.stores.len());
    output.line(&line)?;
    if status.stores.is_empty() {
        return Ok(());
    }
    let heads = ["STORE", "APPLIED", "HEAD", "BEHIND", "STALENESS", "TUPLES", "SNAPSHOT"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(status.stores.iter().map(row));
    let muted = output.styles().muted;
    for (index, line) in columns(&rows).into_iter().enumerate() {
        output.line(&if index == 0 { format!("  {muted}{line}{muted:#}") } else { format!("  {line}") })?;
    }
    let error = output.styles().error;
    for store in status.stores.iter().filter(|store| !store.set_aside.is_empty()) {
        output.line(&format!("  {error}set aside{error:#} {}: {}", store.name, store.set_aside))?;
    }
    for store in &status.stores {
        for found in &store.divergence {
            output.line(&format!("  {error}diverges{error:#} {}: {found}; run `dhow verify --store {}`", store.name, store.name))?;
        }
    }
    Ok(())
}

fn row(store: &v1::StoreStatus) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    let behind = match (store.lag_revisions, &store.lag) {
        (Some(0), _) => "0".to_owned(),
        (Some(revisions), Some(lag)) => format!("{revisions}, {}", span(lag)),
        (Some(revisions), None) => revisions.to_string(),
        (None, _) => "?".to_owned(),
    };
    let snapshot = store.newest_snapshot.as_ref().map_or_else(|| "none".to_owned(), |file| format!("revision {}", file.revision));
    vec![
        store.name.clone(),
        store.applied_revision.to_string(),
        number(store.head_revision),
        behind,
        store.staleness.as_ref().map_or_else(|| "?".to_owned(), span),
        store.tuple_count.to_string(),
        snapshot,
    ]
}

fn status_json(endpoint: &str, status: &v1::StatusResponse) -> Value {
    let store = |store: &v1::StoreStatus| {
        json!({
            "id": store.id,
            "name": store.name,
            "applied_revision": store.applied_revision,
            "tuple_count": store.tuple_count,
            "head_revision": store.head_revision,
            "lag_revisions": store.lag_revisions,
            "lag_ms": store.lag.as_ref().map(milliseconds),
            "staleness_ms": store.staleness.as_ref().map(milliseconds),
            "set_aside": (!store.set_aside.is_empty()).then_some(&store.set_aside),
            "divergence": store.divergence,
            "scrubbed_at": store.scrubbed_at.as_ref().map(super::wire::time_text),
            "newest_snapshot": store.newest_snapshot.as_ref().map(file_json),
        })
    };
    json!({
        "endpoint": endpoint,
        "node_id": status.node_id,
        "version": status.version,
        "uptime_ms": status.uptime.as_ref().map(milliseconds),
        "stores_known": status.stores_known,
        "snapshot_folder": (!status.snapshot_folder.is_empty()).then_some(&status.snapshot_folder),
        "stores": status.stores.iter().map(store).collect::<Vec<_>>(),
    })
}

fn milliseconds(duration: &prost_types::Duration) -> i64 {
    duration.seconds.saturating_mul(1_000).saturating_add(i64::from(duration.nanos / 1_000_000))
}

/// A duration for people: its two largest units.
fn span(duration: &prost_types::Duration) -> String {
    let milliseconds = milliseconds(duration);
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
    let mut rest = milliseconds;
    let mut parts = Vec::new();
    for (unit, size) in units {
        if rest >= size {
            parts.push(format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_two_units() {
        let told = |seconds, nanos| span(&prost_types::Duration { seconds, nanos });
        assert_eq!(told(0, 0), "0");
        assert_eq!(told(0, 5_000_000), "5ms");
        assert_eq!(told(61, 2_000_000), "1m 1s");
        assert_eq!(told(90_061, 0), "1d 1h");
    }
}
