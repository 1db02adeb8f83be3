//! `dhow import`: many tuples as a sequence of revisions, resumable.

use std::io::BufRead;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use dhow_proto::v1;
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::client::Client;
use super::failure::Failure;
use super::input;
use super::options::Connection;
use super::output::{Output, insert_answered};
use super::progress::Progress;
use super::wire;
use crate::validation;

/// Tuples in one message. The server cuts its own entries.
const PART: usize = 500;
/// Messages read ahead of the server.
const AHEAD: usize = 4;

/// Touch many tuples, as a sequence of revisions.
#[derive(Debug, Args)]
#[command(after_help = "\
The file has one tuple a line; blank lines and // comments are passed over. A file that ends in .yaml or .yml is read as a validation \
file, and its `relationships` are imported.

The import is not atomic. An interrupted one is resumed by running it again with the id that it printed at first, or was given, and \
the same file: the parts that are in already are passed over. With --output json, give it an id.

JSON: {\"imported\", \"import_id\", \"token\", \"revision\", ...}.")]
pub(crate) struct ImportArguments {
    /// The file; `-` is stdin
    file: String,
    /// Names this import, so that it can be resumed [default: a new id]
    #[arg(long, value_name = "ID")]
    import_id: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl ImportArguments {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Runs `dhow import`.
///
/// # Errors
/// When the file cannot be read, a line is no tuple, or the server refuses; the message says how to resume.
pub(crate) async fn run(arguments: ImportArguments, output: &Output) -> Result<ExitCode, Failure> {
    let import_id = arguments.import_id.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let source = Source::open(&arguments.file)?;
    let client = Client::connect(&arguments.connection).await?;
    if arguments.import_id.is_none() && !output.is_json() {
        // Said first: whoever kills the import cannot be told afterwards.
        output.remark(&format!("import id {import_id}"));
    }
    let progress = Progress::bytes(output, source.bytes());
    let (sender, receiver) = mpsc::channel(AHEAD);
    let position = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let first = v1::ImportRequest { store: client.store.clone(), import_id: import_id.clone(), tuples: Vec::new() };
    let reader = {
        let position = std::sync::Arc::clone(&position);
        tokio::task::spawn_blocking(move || source.send(first, &sender, &position))
    };
    let received = receive(&client, ReceiverStream::new(receiver), &progress, &position).await;
    let read = reader.await.map_err(|_| Failure::new("import", "reading the file was interrupted"))?;
    progress.finish();
    let resume = |failure: Failure| failure.help(format!("what is in stays in; resume with --import-id {import_id}"));
    // A line that is no tuple ends the stream early, so it is the cause of whatever the server said.
    read.map_err(resume)?;
    let last = received.map_err(resume)?;
    if output.is_json() {
        let mut object = Map::new();
        object.insert("imported".to_owned(), last.imported.into());
        object.insert("import_id".to_owned(), import_id.into());
        insert_answered(&mut object, last.answered_at.as_ref());
        output.json(&Value::Object(object))?;
    } else {
        output.line(&format!("{} imported", last.imported))?;
        output.answered(last.answered_at.as_ref());
    }
    Ok(ExitCode::SUCCESS)
}

async fn receive(
    client: &Client,
    parts: ReceiverStream<v1::ImportRequest>,
    progress: &Progress,
    position: &std::sync::atomic::AtomicU64,
) -> Result<v1::ImportResponse, Failure> {
    let mut stream = client.relationships().import(tonic::Request::new(parts)).await?.into_inner();
    let mut last = None;
    while let Some(part) = stream.message().await? {
        progress.set(position.load(std::sync::atomic::Ordering::Relaxed));
        progress.message(format!("{} tuples in", part.imported));
        last = Some(part);
    }
    match last {
        Some(last) if last.done => Ok(last),
        Some(_) | None => Err(Failure::new("protocol", "the server ended the import without saying that it is done")),
    }
}

/// Where the tuples come from.
enum Source {
    Lines { reader: Box<dyn BufRead + Send>, bytes: Option<u64>, name: String },
    Tuples(Vec<v1::Tuple>),
}

impl Source {
    fn open(path: &str) -> Result<Self, Failure> {
        let yaml = Path::new(path).extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml {
            let file = validation::load(Path::new(path)).map_err(|problems| Failure::new("validation_file", problems.to_string()))?;
            return Ok(Self::Tuples(file.tuples.iter().map(|located| wire::tuple_to_wire(&located.tuple)).collect()));
        }
        let bytes = if path == "-" { None } else { std::fs::metadata(path).ok().map(|metadata| metadata.len()) };
        Ok(Self::Lines { reader: input::open_lines(path)?, bytes, name: path.to_owned() })
    }

    fn bytes(&self) -> Option<u64> {
        match self {
            Self::Lines { bytes, .. } => *bytes,
            Self::Tuples(_) => None,
        }
    }

    /// Sends everything in parts; gives up quietly when the server has hung up, because it says why itself.
    fn send(
        self,
        first: v1::ImportRequest,
        sender: &mpsc::Sender<v1::ImportRequest>,
        position: &std::sync::atomic::AtomicU64,
    ) -> Result<(), Failure> {
        let mut part = first;
        match self {
            Self::Tuples(tuples) => {
                for tuple in tuples {
                    part.tuples.push(tuple);
                    if part.tuples.len() >= PART && sender.blocking_send(std::mem::take(&mut part)).is_err() {
                        return Ok(());
                    }
                }
            }
            Self::Lines { mut reader, name, .. } => {
                let (mut line, mut number) = (String::new(), 0_u64);
                loop {
                    line.clear();
                    let read = reader.read_line(&mut line).map_err(|error| Failure::file(&name, &error))?;
                    if read == 0 {
                        break;
                    }
                    number += 1;
                    position.fetch_add(u64::try_from(read).unwrap_or(0), std::sync::atomic::Ordering::Relaxed);
                    let Some(text) = input::meaning(&line) else { continue };
                    let tuple = wire::tuple(text).map_err(|mut failure| {
                        failure.message = format!("{name}, line {number}: {}", failure.message);
                        failure
                    })?;
                    part.tuples.push(tuple);
                    if part.tuples.len() >= PART && sender.blocking_send(std::mem::take(&mut part)).is_err() {
                        return Ok(());
                    }
                }
            }
        }
        // The last part, or the only one of an empty file: the server has to hear of the import.
        drop(sender.blocking_send(part));
        Ok(())
    }
}
