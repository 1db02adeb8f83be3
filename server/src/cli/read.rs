//! `dhow read` and `dhow export`: stored tuples.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::Args;
use dhow_proto::v1;

use super::client::Client;
use super::failure::Failure;
use super::filter;
use super::lists::End;
use super::options::{Connection, PageOptions, ReadOptions};
use super::output::Output;
use super::progress::Progress;
use super::wire;

/// Read stored tuples, in order of object, relation and subject.
#[derive(Debug, Args)]
#[command(after_help = "\
A filter is a tuple with parts left out: document, document:readme, document#viewer, @user:ada, document:readme#@user:ada. A subject \
without relation matches subjects of every relation; @user:ada#... only the object itself.

JSON: one object for each tuple, {\"tuple\", \"object\", \"relation\", \"subject\", \"caveat\": {\"name\", \"context\"}, \"expires_at\"} (the \
last two where there is one), then one with \"token\", \"revision\", \"next_cursor\", ...")]
pub(crate) struct ReadArguments {
    /// What to read [default: everything]
    filter: Option<String>,
    /// Show expired tuples, too
    #[arg(long)]
    include_expired: bool,
    #[command(flatten)]
    page: PageOptions,
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten)]
    connection: Connection,
}

impl ReadArguments {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

fn optional_filter(text: Option<&String>) -> Result<Option<v1::TupleFilter>, Failure> {
    text.map(|text| filter::parse(text)).transpose()
}

/// Runs `dhow read`.
///
/// # Errors
/// When the filter cannot be read, or the server refuses.
pub(crate) async fn read(arguments: ReadArguments, output: &Output) -> Result<ExitCode, Failure> {
    let filter = optional_filter(arguments.filter.as_ref())?;
    let client = Client::connect(&arguments.connection).await?;
    let request = v1::ReadRequest {
        store: client.store.clone(),
        consistency: Some(arguments.read.consistency.to_wire()),
        filter,
        page_size: arguments.page.limit,
        cursor: arguments.page.cursor,
        include_expired: arguments.include_expired,
    };
    let mut stream = client.relationships().read(client.request(request)).await?.into_inner();
    let mut end = End::default();
    while let Some(part) = stream.message().await? {
        for tuple in &part.tuples {
            if output.is_json() {
                output.json(&wire::tuple_json(tuple))?;
            } else {
                output.line(&wire::tuple_text(tuple))?;
            }
        }
        end.take(part.answered_at, part.next_cursor);
    }
    end.print(output)
}

/// Write all tuples of one revision to a file that `dhow import` reads.
#[derive(Debug, Args)]
#[command(after_help = "\
The file has one tuple a line, in order of object, relation and subject; expired tuples are among them. With --output json each line is \
an object as `dhow read` prints it.")]
pub(crate) struct ExportArguments {
    /// Where to [default: stdout]
    #[arg(value_name = "FILE")]
    file: Option<String>,
    /// Only tuples that match
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten)]
    connection: Connection,
}

impl ExportArguments {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Runs `dhow export`.
///
/// # Errors
/// When the file cannot be written, or the server refuses.
pub(crate) async fn export(arguments: ExportArguments, output: &Output) -> Result<ExitCode, Failure> {
    let filter = optional_filter(arguments.filter.as_ref())?;
    let client = Client::connect(&arguments.connection).await?;
    let request = v1::ExportRequest { store: client.store.clone(), consistency: Some(arguments.read.consistency.to_wire()), filter };
    // No deadline for the whole: an export is as long as the store is large.
    let mut stream = client.relationships().export(tonic::Request::new(request)).await?.into_inner();
    let name = arguments.file.unwrap_or_else(|| "-".to_owned());
    let mut sink: Box<dyn Write + Send> = if name == "-" {
        Box::new(BufWriter::new(io::stdout()))
    } else {
        Box::new(BufWriter::new(std::fs::File::create(&name).map_err(|error| Failure::file(&name, &error))?))
    };
    let broken = |error: io::Error| if name == "-" { Failure::from(error) } else { Failure::file(&name, &error) };
    let progress = Progress::counting(output, "tuples");
    let (mut count, mut answered_at) = (0_u64, None);
    while let Some(part) = stream.message().await? {
        for tuple in &part.tuples {
            let line = if output.is_json() { wire::tuple_json(tuple).to_string() } else { wire::tuple_text(tuple) };
            writeln!(sink, "{line}").map_err(&broken)?;
            count += 1;
        }
        progress.set(count);
        answered_at = part.answered_at.or(answered_at);
    }
    sink.flush().map_err(&broken)?;
    progress.finish();
    if !output.is_json() {
        output.remark(&format!("{count} tuples"));
        output.answered(answered_at.as_ref());
    }
    Ok(ExitCode::SUCCESS)
}
