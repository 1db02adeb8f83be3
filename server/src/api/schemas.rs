//! SchemaService: the schema versions of a store.

mod diagnostics;

use dhow_engine::entry::{SchemaLanguage, SchemaSource};
use dhow_engine::state::SchemaLookupError;
use dhow_proto::v1;
use dhow_proto::v1::diff_schema_request::To;
use dhow_schema::diff::diff;
use dhow_schema::ir::Schema;
use tonic::{Request, Response, Status};

use super::convert::timestamp_to_wire;
use super::request::{FieldProblem, RequestError};
use super::target::Session;
use super::{Api, Caller};
use crate::errors::ApiError;
use crate::identity::Right;
use crate::limits::{SCHEMA_BYTES, SCHEMA_FILES};
use crate::store::SchemaCommand;
pub(crate) use diagnostics::{SchemaWrong, field, sentence};

/// The schema service.
#[derive(Debug)]
pub(crate) struct Schemas(pub(crate) Api);

/// Who may read schemas: whoever reads relationships, and whoever writes schemas.
const READERS: &[Right] = &[Right::Read, Right::Schema];

/// The texts in field `source`.
fn source(source: Option<v1::SchemaSource>) -> Result<SchemaSource, RequestError> {
    let v1::SchemaSource { text, imports } = source.ok_or_else(|| RequestError::missing("source"))?;
    if imports.len() >= SCHEMA_FILES.count() {
        let problem = FieldProblem::TooMany { got: imports.len(), max: SCHEMA_FILES.value - 1 };
        return Err(RequestError::new("source.imports", problem));
    }
    let bytes = imports.iter().fold(text.len(), |sum, (path, text)| sum.saturating_add(path.len()).saturating_add(text.len()));
    if bytes > SCHEMA_BYTES.count() {
        return Err(RequestError::new("source", FieldProblem::TooLong { got: bytes, max: SCHEMA_BYTES.value }));
    }
    Ok(SchemaSource { language: SchemaLanguage::Native, text, imports })
}

/// What `after` changes against `before`, for the wire.
fn changes(before: &Schema, after: &Schema) -> Vec<v1::SchemaChange> {
    let to_wire = |change: &dhow_schema::diff::Change| v1::SchemaChange {
        kind: change.kind.as_str().to_owned(),
        subject: change.subject.clone(),
        summary: change.to_string(),
    };
    diff(before, after).iter().map(to_wire).collect()
}

impl Api {
    async fn write_schema(&self, caller: &Caller, request: v1::WriteSchemaRequest) -> Result<v1::WriteSchemaResponse, ApiError> {
        let source = source(request.source)?;
        let info = self.store(&caller.identity, &request.store).await?;
        let before = self.session(caller, &request.store, None, 0).await?;
        let text = source.clone();
        let compile = move || {
            let (schema, diagnostics) = diagnostics::compile(&text)?;
            let nothing = Schema::default();
            // What an older version is against cannot be told when this build cannot compile it.
            let old = before.compiled().unwrap_or(&nothing);
            Ok((changes(old, &schema), diagnostics))
        };
        let (changes, diagnostics) = self.heavy(&caller.deadline, compile).await?;
        let command = SchemaCommand {
            source,
            expected_version: request.expected_version,
            allow_orphans: request.allow_orphans,
            actor: caller.identity.name.to_string(),
            dry_run: request.dry_run,
        };
        let outcome = self.node.write_schema(info.id, command, Some(caller.deadline.left())).await?;
        Ok(v1::WriteSchemaResponse {
            answered_at: Some(self.written_at(&info, outcome.token).await?),
            version: outcome.version,
            diagnostics,
            changes,
            unchanged: outcome.unchanged,
        })
    }

    async fn read_schema(&self, caller: &Caller, request: v1::ReadSchemaRequest) -> Result<v1::ReadSchemaResponse, ApiError> {
        let session = self.session(caller, &request.store, request.consistency, request.version).await?;
        let version = session.schema.as_ref().ok_or(SchemaLookupError::NoSchema)?;
        let SchemaSource { text, imports, language: SchemaLanguage::Native } = version.text.source.clone();
        Ok(v1::ReadSchemaResponse {
            answered_at: Some(session.answered_at()?),
            version: version.version(),
            source: Some(v1::SchemaSource { text, imports }),
            written_at: Some(timestamp_to_wire(version.time)),
            actor: version.actor.clone(),
        })
    }

    async fn list_versions(
        &self,
        caller: &Caller,
        request: v1::ListSchemaVersionsRequest,
    ) -> Result<v1::ListSchemaVersionsResponse, ApiError> {
        let session = self.session(caller, &request.store, request.consistency, 0).await?;
        let versions = session.point.state.schemas().rev().map(|version| v1::SchemaVersion {
            version: version.version(),
            revision: version.revision,
            written_at: Some(timestamp_to_wire(version.time)),
            actor: version.actor.clone(),
        });
        Ok(v1::ListSchemaVersionsResponse { answered_at: Some(session.answered_at()?), versions: versions.collect() })
    }

    async fn diff_schema(&self, caller: &Caller, request: v1::DiffSchemaRequest) -> Result<v1::DiffSchemaResponse, ApiError> {
        let to = request.to.ok_or_else(|| RequestError::missing("to_version"))?;
        let session = self.session(caller, &request.store, request.consistency, request.from_version).await?;
        let answered_at = Some(session.answered_at()?);
        let to = match to {
            To::ToVersion(version) => Compared::Version(Box::new(with_version(&session, version)?)),
            To::ToSource(text) => Compared::Text(source(Some(text)).map_err(|error| ApiError::from(rename(&error)))?),
        };
        let compare = move || match to {
            Compared::Version(other) => Ok(changes(session.compiled()?, other.compiled()?)),
            Compared::Text(text) => Ok(changes(session.compiled()?, &diagnostics::compile(&text)?.0)),
        };
        let changes = self.heavy(&caller.deadline, compare).await?;
        Ok(v1::DiffSchemaResponse { answered_at, changes })
    }
}

/// What a diff is made with.
enum Compared {
    Version(Box<Session>),
    Text(SchemaSource),
}

/// The same moment under another schema version.
fn with_version(session: &Session, version: u64) -> Result<Session, ApiError> {
    let schema = session.point.state.schema((version != 0).then_some(version))?.clone();
    Ok(Session { schema: Some(schema), ..session.clone() })
}

/// In a diff the field is called otherwise.
fn rename(error: &RequestError) -> RequestError {
    RequestError::new(error.field().replacen("source", "to_source", 1), error.problem().clone())
}

#[tonic::async_trait]
impl v1::schema_service_server::SchemaService for Schemas {
    async fn write(&self, request: Request<v1::WriteSchemaRequest>) -> Result<Response<v1::WriteSchemaResponse>, Status> {
        let caller = self.0.caller(&request, &[Right::Schema])?;
        Ok(Response::new(self.0.write_schema(&caller, request.into_inner()).await?))
    }

    async fn read(&self, request: Request<v1::ReadSchemaRequest>) -> Result<Response<v1::ReadSchemaResponse>, Status> {
        let caller = self.0.caller(&request, READERS)?;
        Ok(Response::new(self.0.read_schema(&caller, request.into_inner()).await?))
    }

    async fn list_versions(
        &self,
        request: Request<v1::ListSchemaVersionsRequest>,
    ) -> Result<Response<v1::ListSchemaVersionsResponse>, Status> {
        let caller = self.0.caller(&request, READERS)?;
        Ok(Response::new(self.0.list_versions(&caller, request.into_inner()).await?))
    }

    async fn diff(&self, request: Request<v1::DiffSchemaRequest>) -> Result<Response<v1::DiffSchemaResponse>, Status> {
        let caller = self.0.caller(&request, READERS)?;
        Ok(Response::new(self.0.diff_schema(&caller, request.into_inner()).await?))
    }
}
