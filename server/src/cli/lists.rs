//! `dhow list-objects`, `list-subjects`, `list-permissions`.

use std::process::ExitCode;

use clap::Args;
use dhow_proto::v1;
use serde_json::{Value, json};

use super::check::known_decision;
use super::client::Client;
use super::expand::userset;
use super::failure::Failure;
use super::input;
use super::options::{Connection, PageOptions, ReadOptions, SchemaOption};
use super::output::{Output, decision_word};
use super::wire;

const JSON_HELP: &str = "\
JSON: one object for each item with \"decision\": \"allowed|conditional\" and \"missing_parameters\": [name], then one with \"token\", \
\"revision\", \"next_cursor\" (empty on the last page), \"age_ms\", \"degraded\", \"schema_version\". In text, conditional items name \
the parameters that they hang on.";

/// What all three have in common.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Caveat parameters, as a JSON object
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// A tuple that this request alone sees; may be given many times
    #[arg(long = "with", value_name = "TUPLE")]
    with: Vec<String>,
    #[command(flatten)]
    page: PageOptions,
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten)]
    schema: SchemaOption,
    #[command(flatten)]
    pub(crate) connection: Connection,
}

impl ListOptions {
    fn context(&self) -> Result<Option<v1::Context>, Failure> {
        let Some(json) = &self.context else { return Ok(None) };
        let context = input::context(json)?;
        Ok(wire::context_to_wire(&context))
    }
}

/// List the objects of a type that a subject has a permission on, in order of their ids.
#[derive(Debug, Args)]
#[command(after_help = JSON_HELP)]
pub(crate) struct ListObjectsArguments {
    /// `type#permission@subject`, such as `document#view@user:ada`
    question: String,
    #[command(flatten)]
    pub(crate) options: ListOptions,
}

/// List the subjects of a type that have a permission on an object, in order of their ids. `user:*` is everybody but those excluded.
#[derive(Debug, Args)]
#[command(after_help = JSON_HELP)]
pub(crate) struct ListSubjectsArguments {
    /// `object#permission`, such as `document:readme#view`
    userset: String,
    /// The subjects to list: a type, or the usersets `type#relation`
    #[arg(value_name = "TYPE")]
    subject_type: String,
    #[command(flatten)]
    pub(crate) options: ListOptions,
}

/// List the relations and permissions that a subject has on an object.
#[derive(Debug, Args)]
#[command(after_help = JSON_HELP)]
pub(crate) struct ListPermissionsArguments {
    /// The object, such as `document:readme`
    object: String,
    /// The subject, such as `user:ada`
    subject: String,
    #[command(flatten)]
    pub(crate) options: ListOptions,
}

/// Runs `dhow list-objects`.
///
/// # Errors
/// When the arguments cannot be read, or the server refuses the request.
pub(crate) async fn objects(arguments: ListObjectsArguments, output: &Output) -> Result<ExitCode, Failure> {
    let refused = || {
        Failure::new("question", format!("`{}` names no type, permission and subject", arguments.question))
            .help("write it as document#view@user:ada")
    };
    let (object_type, rest) = arguments.question.split_once('#').ok_or_else(refused)?;
    let (permission, subject) = rest.split_once('@').ok_or_else(refused)?;
    let options = &arguments.options;
    let client = Client::connect(&options.connection).await?;
    let request = v1::ListObjectsRequest {
        store: client.store.clone(),
        consistency: Some(options.read.consistency.to_wire()),
        object_type: object_type.to_owned(),
        permission: permission.to_owned(),
        subject: Some(wire::subject(subject)?),
        context: options.context()?,
        contextual_tuples: wire::tuples(&options.with)?,
        schema_version: options.schema.schema_version,
        page_size: options.page.limit,
        cursor: options.page.cursor.clone(),
    };
    let mut stream = client.authorization().list_objects(client.request(request)).await?.into_inner();
    let mut end = End::default();
    while let Some(part) = stream.message().await? {
        for item in &part.objects {
            let object = format!("{object_type}:{}", item.object_id);
            let decision = known_decision(item.decision())?;
            if output.is_json() {
                output
                    .json(&json!({"object": object, "decision": decision_word(decision), "missing_parameters": item.missing_parameters}))?;
            } else {
                output.line(&(object + &condition(decision, &item.missing_parameters)))?;
            }
        }
        end.take(part.answered_at, part.next_cursor);
    }
    end.print(output)
}

/// Runs `dhow list-subjects`.
///
/// # Errors
/// When the arguments cannot be read, or the server refuses the request.
pub(crate) async fn subjects(arguments: ListSubjectsArguments, output: &Output) -> Result<ExitCode, Failure> {
    let (object, permission) = userset(&arguments.userset)?;
    let (subject_type, subject_relation) = arguments.subject_type.split_once('#').unwrap_or((&arguments.subject_type, ""));
    let options = &arguments.options;
    let client = Client::connect(&options.connection).await?;
    let request = v1::ListSubjectsRequest {
        store: client.store.clone(),
        consistency: Some(options.read.consistency.to_wire()),
        object: Some(object),
        permission,
        subject_type: subject_type.to_owned(),
        subject_relation: subject_relation.to_owned(),
        context: options.context()?,
        contextual_tuples: wire::tuples(&options.with)?,
        schema_version: options.schema.schema_version,
        page_size: options.page.limit,
        cursor: options.page.cursor.clone(),
    };
    let mut stream = client.authorization().list_subjects(client.request(request)).await?.into_inner();
    let mut end = End::default();
    while let Some(part) = stream.message().await? {
        for item in &part.subjects {
            print_subject(item, subject_type, subject_relation, output)?;
        }
        end.take(part.answered_at, part.next_cursor);
    }
    end.print(output)
}

fn print_subject(item: &v1::ListedSubject, subject_type: &str, relation: &str, output: &Output) -> Result<(), Failure> {
    let name = |id: &str| match relation {
        "" => format!("{subject_type}:{id}"),
        relation => format!("{subject_type}:{id}#{relation}"),
    };
    let decision = known_decision(item.decision())?;
    if output.is_json() {
        let excluded: Vec<Value> = item
            .excluded
            .iter()
            .map(|one| {
                json!({
                    "subject": name(&one.subject_id),
                    "decision": decision_word(one.decision()),
                    "missing_parameters": one.missing_parameters,
                })
            })
            .collect();
        output.json(&json!({
            "subject": name(&item.subject_id),
            "decision": decision_word(decision),
            "missing_parameters": item.missing_parameters,
            "excluded": excluded,
        }))?;
        return Ok(());
    }
    let mut line = name(&item.subject_id) + &condition(decision, &item.missing_parameters);
    if !item.excluded.is_empty() {
        let excluded: Vec<String> =
            item.excluded.iter().map(|one| name(&one.subject_id) + &condition(one.decision(), &one.missing_parameters)).collect();
        line.push_str(&format!(", but not {}", excluded.join(", ")));
    }
    output.line(&line)?;
    Ok(())
}

/// Runs `dhow list-permissions`.
///
/// # Errors
/// When the arguments cannot be read, or the server refuses the request.
pub(crate) async fn permissions(arguments: ListPermissionsArguments, output: &Output) -> Result<ExitCode, Failure> {
    let options = &arguments.options;
    let (object, subject) = (wire::object(&arguments.object)?, wire::subject(&arguments.subject)?);
    let client = Client::connect(&options.connection).await?;
    let request = v1::ListPermissionsRequest {
        store: client.store.clone(),
        consistency: Some(options.read.consistency.to_wire()),
        object: Some(object),
        subject: Some(subject),
        context: options.context()?,
        contextual_tuples: wire::tuples(&options.with)?,
        schema_version: options.schema.schema_version,
        page_size: options.page.limit,
        cursor: options.page.cursor.clone(),
    };
    let mut stream = client.authorization().list_permissions(client.request(request)).await?.into_inner();
    let mut end = End::default();
    while let Some(part) = stream.message().await? {
        for item in &part.permissions {
            let decision = known_decision(item.decision())?;
            if output.is_json() {
                output.json(&json!({
                    "permission": item.permission,
                    "is_relation": item.is_relation,
                    "decision": decision_word(decision),
                    "missing_parameters": item.missing_parameters,
                }))?;
            } else {
                let kind = if item.is_relation { "  (relation)" } else { "" };
                output.line(&format!("{}{kind}{}", item.permission, condition(decision, &item.missing_parameters)))?;
            }
        }
        end.take(part.answered_at, part.next_cursor);
    }
    end.print(output)
}

/// What stands behind a conditional item.
fn condition(decision: v1::Decision, missing: &[String]) -> String {
    match decision {
        v1::Decision::Conditional => format!("  (if: {})", missing.join(", ")),
        v1::Decision::Allowed | v1::Decision::Denied | v1::Decision::Unspecified => String::new(),
    }
}

/// What the last part of a list says.
#[derive(Default)]
pub(super) struct End {
    answered_at: Option<v1::AnsweredAt>,
    next_cursor: String,
}

impl End {
    pub(super) fn take(&mut self, answered_at: Option<v1::AnsweredAt>, next_cursor: String) {
        self.answered_at = answered_at.or(self.answered_at.take());
        self.next_cursor = next_cursor;
    }

    /// The muted lines below a list, or the last JSON object.
    pub(super) fn print(self, output: &Output) -> Result<ExitCode, Failure> {
        let at = self.answered_at.as_ref();
        if output.is_json() {
            let mut object = serde_json::Map::new();
            super::output::insert_answered(&mut object, at);
            object.insert("next_cursor".to_owned(), self.next_cursor.into());
            output.json(&Value::Object(object))?;
        } else {
            output.answered(at);
            if !self.next_cursor.is_empty() {
                output.remark(&format!("there is more: go on with --cursor {}", self.next_cursor));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
