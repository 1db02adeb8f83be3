//! `dhow schema write`, `read` and `versions`: the schema versions of a store.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use dhow_proto::v1;
use serde_json::{Map, Value, json};

use super::super::client::Client;
use super::super::failure::Failure;
use super::super::options::{Connection, ReadOptions};
use super::super::output::{Output, columns, insert_answered};
use super::super::wire;
use crate::validation::{self, FolderSources};

#[derive(Debug, Args)]
#[command(after_help = "\
The file is compiled here first, so that its findings are shown with their lines; the files it imports are sent along. \
A .yaml or .yml file is read as a validation file, and its schema is written.

JSON: {\"version\", \"unchanged\", \"dry_run\", \"changes\": [{\"kind\", \"subject\", \"summary\"}], \"token\", \"revision\", ...}.")]
pub(crate) struct WriteSchema {
    /// The schema file; `-` is stdin
    file: String,
    /// Fail unless this is the version to be replaced; 0: there must be none
    #[arg(long, value_name = "VERSION")]
    expect_version: Option<u64>,
    /// Keep tuples that the new schema gives no meaning to, and ignore them
    #[arg(long)]
    allow_orphans: bool,
    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// A schema file as the wire has it: compiled here for its findings, with what it imports.
///
/// # Errors
/// When it cannot be read or does not compile; the findings have been printed then.
pub(super) fn source(path: &str, output: &Output) -> Result<v1::SchemaSource, Failure> {
    let (sources, text) = if path.ends_with(".yaml") || path.ends_with(".yml") {
        let file = validation::load(Path::new(path)).map_err(|problems| Failure::new("validation_file", problems.to_string()))?;
        (file.schema.sources(), file.schema.text)
    } else {
        let sources = super::open(path)?;
        let text = sources.main_text().to_owned();
        (sources, text)
    };
    compile(path, &sources, output)?;
    Ok(v1::SchemaSource { text, imports: sources.imported().into_iter().collect() })
}

fn compile(path: &str, sources: &FolderSources, output: &Output) -> Result<(), Failure> {
    let compilation = dhow_schema::compile(sources.main_name(), sources);
    super::print_diagnostics(&compilation.diagnostics, sources, output)?;
    if compilation.schema.is_none() {
        return Err(Failure::new("schema_invalid", format!("`{path}` does not compile; nothing was sent")));
    }
    Ok(())
}

/// Runs `dhow schema write`.
///
/// # Errors
/// When the file does not compile, or the server refuses.
pub(super) async fn write(arguments: WriteSchema, output: &Output) -> Result<ExitCode, Failure> {
    let source = source(&arguments.file, output)?;
    let client = Client::connect(&arguments.connection).await?;
    let request = v1::WriteSchemaRequest {
        store: client.store.clone(),
        source: Some(source),
        expected_version: arguments.expect_version,
        allow_orphans: arguments.allow_orphans,
        dry_run: arguments.dry_run,
    };
    let response = client.schemas().write(client.request(request)).await?.into_inner();
    let at = response.answered_at.as_ref();
    if output.is_json() {
        let mut object = Map::new();
        object.insert("version".to_owned(), response.version.into());
        object.insert("unchanged".to_owned(), response.unchanged.into());
        object.insert("dry_run".to_owned(), arguments.dry_run.into());
        object.insert("changes".to_owned(), response.changes.iter().map(change_json).collect());
        insert_answered(&mut object, at);
        output.json(&Value::Object(object))?;
        return Ok(ExitCode::SUCCESS);
    }
    let version = response.version;
    output.line(&match (response.unchanged, arguments.dry_run) {
        (true, _) => format!("version {version} is this schema already; nothing was written"),
        (false, true) => format!("would become version {version}"),
        (false, false) => format!("version {version}"),
    })?;
    for change in &response.changes {
        output.line(&format!("  {}", change.summary))?;
    }
    output.answered(at);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn change_json(change: &v1::SchemaChange) -> Value {
    json!({"kind": change.kind, "subject": change.subject, "summary": change.summary})
}

#[derive(Debug, Args)]
#[command(
    after_help = "JSON: {\"version\", \"text\", \"imports\": {path: text}, \"written_at\", \"actor\", \"token\", \"revision\", ...}."
)]
pub(crate) struct ReadSchema {
    /// Which version [default: the one in force]
    #[arg(default_value_t = 0, hide_default_value = true)]
    version: u64,
    /// Write the schema and the files that it imports into this folder, the schema itself as `schema.zed`
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Runs `dhow schema read`.
///
/// # Errors
/// When the server refuses, or a file cannot be written.
pub(super) async fn read(arguments: ReadSchema, output: &Output) -> Result<ExitCode, Failure> {
    let client = Client::connect(&arguments.connection).await?;
    let request = v1::ReadSchemaRequest {
        store: client.store.clone(),
        consistency: Some(arguments.read.consistency.to_wire()),
        version: arguments.version,
    };
    let response = client.schemas().read(client.request(request)).await?.into_inner();
    let at = response.answered_at.as_ref();
    let source = response.source.unwrap_or_default();
    let imports: std::collections::BTreeMap<String, String> = source.imports.into_iter().collect();
    if let Some(folder) = &arguments.out {
        write_file(folder, "schema.zed", &source.text)?;
        for (path, text) in &imports {
            write_file(folder, path, text)?;
        }
    }
    if output.is_json() {
        let mut object = Map::new();
        object.insert("version".to_owned(), response.version.into());
        object.insert("text".to_owned(), source.text.into());
        object.insert("imports".to_owned(), json!(imports));
        object.insert("written_at".to_owned(), json!(response.written_at.as_ref().map(wire::time_text)));
        object.insert("actor".to_owned(), response.actor.into());
        insert_answered(&mut object, at);
        output.json(&Value::Object(object))?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.out.is_none() {
        output.line(source.text.trim_end())?;
        if !imports.is_empty() {
            let files: Vec<&str> = imports.keys().map(String::as_str).collect();
            output.remark(&format!("it imports {}; --out FOLDER writes them, too", files.join(", ")));
        }
    }
    let muted = output.styles().muted;
    output.remark(&format!("{muted}version {}{muted:#}", response.version));
    output.answered(at);
    Ok(ExitCode::SUCCESS)
}

/// Writes a file below `folder`. The server has refused paths that leave it; this does not rely on that.
fn write_file(folder: &Path, path: &str, text: &str) -> Result<(), Failure> {
    let below = Path::new(path);
    if !below.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
        return Err(Failure::new("file", format!("`{path}` would lie outside of the folder and was not written")));
    }
    let full = folder.join(below);
    let name = full.display().to_string();
    if let Some(parent) = full.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Failure::file(&name, &error))?;
    }
    std::fs::write(&full, text).map_err(|error| Failure::file(&name, &error))
}

#[derive(Debug, Args)]
#[command(after_help = "JSON: one object for each version, {\"version\", \"revision\", \"written_at\", \"actor\"}.")]
pub(crate) struct ListVersions {
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten)]
    pub(super) connection: Connection,
}

/// Runs `dhow schema versions`.
///
/// # Errors
/// When the server refuses.
pub(super) async fn versions(arguments: ListVersions, output: &Output) -> Result<ExitCode, Failure> {
    let client = Client::connect(&arguments.connection).await?;
    let request = v1::ListSchemaVersionsRequest { store: client.store.clone(), consistency: Some(arguments.read.consistency.to_wire()) };
    let response = client.schemas().list_versions(client.request(request)).await?.into_inner();
    let time = |version: &v1::SchemaVersion| version.written_at.as_ref().map(wire::time_text).unwrap_or_default();
    if output.is_json() {
        for version in &response.versions {
            output.json(&json!({
                "version": version.version, "revision": version.revision, "written_at": time(version), "actor": version.actor,
            }))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if response.versions.is_empty() {
        output.remark("there is no schema yet; write one with `dhow schema write FILE`");
    } else {
        let mut rows = vec![["VERSION", "REVISION", "WRITTEN", "BY"].map(str::to_owned).to_vec()];
        rows.extend(
            response.versions.iter().map(|one| vec![one.version.to_string(), one.revision.to_string(), time(one), one.actor.clone()]),
        );
        let muted = output.styles().muted;
        for (index, line) in columns(&rows).into_iter().enumerate() {
            output.line(&if index == 0 { format!("{muted}{line}{muted:#}") } else { line })?;
        }
    }
    output.answered(response.answered_at.as_ref());
    Ok(ExitCode::SUCCESS)
}
