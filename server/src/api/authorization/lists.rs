//! ListObjects, ListSubjects and ListPermissions: streamed, paged, evaluated away from the network threads.

use std::sync::Arc;

use dhow_engine::eval::{EvalError, Exclusion, ListedObject, ListedPermission, ListedSubject, Page as EnginePage, PageRequest};
use dhow_engine::search::Evaluator;
use dhow_engine::tuple::{Subject, Tuple};
use dhow_proto::v1;
use dhow_schema::ir::{Name, RelationKind};
use dhow_schema::value::Context;
use tonic::codegen::BoxStream;

use crate::api::paging::{Fetched, Page, check_size, hash};
use crate::api::question::decision_to_wire;
use crate::api::target::{Paged, Session};
use crate::api::{Api, Caller, convert};
use crate::errors::ApiError;
use crate::limits;
use crate::node::cursor::CursorError;

/// What all pages of a list share.
struct List {
    session: Session,
    contextual: Vec<Tuple>,
    context: Context,
    steps: u64,
}

/// A page of a list, ready to be streamed.
struct Ready {
    list: Arc<List>,
    page: Page,
    answered_at: v1::AnsweredAt,
}

/// What the three requests have in common; the rest is in the question.
struct Common<'r> {
    store: &'r str,
    consistency: Option<v1::Consistency>,
    schema_version: u64,
    page_size: u32,
    paged: Paged<'r>,
    contextual: Vec<Tuple>,
    context: Context,
}

impl Api {
    async fn ready(&self, caller: &Caller, common: Common<'_>) -> Result<Ready, ApiError> {
        let size = check_size(common.page_size)?;
        let request = common.paged.request;
        let (session, cursor) = self.paged_session(caller, common.store, common.consistency, common.schema_version, common.paged).await?;
        let contextual = session.admit(common.contextual)?;
        let page = match cursor {
            Some(cursor) => Page::behind(size, cursor),
            None => Page::first(size, session.cursor(request)),
        };
        let answered_at = session.answered_at()?;
        let list = Arc::new(List { session, contextual, context: common.context, steps: self.limits.evaluation_steps });
        Ok(Ready { list, page, answered_at })
    }

    /// Streams a page: `ask` asks the engine for a part of it, `message` puts a part on the wire.
    fn stream_list<T, M>(
        &self,
        ready: Ready,
        ask: impl Fn(&Evaluator<'_>, PageRequest<'_>) -> Result<EnginePage<T>, EvalError> + Clone + Send + Sync + 'static,
        message: impl Fn(v1::AnsweredAt, Vec<T>, String) -> M + Send + 'static,
    ) -> BoxStream<M>
    where
        T: Send + 'static,
        M: Send + 'static,
    {
        let api = self.clone();
        let Ready { list, page, answered_at } = ready;
        let fetch = move |behind: Option<Vec<u8>>, limit: usize| {
            let (api, list, ask) = (api.clone(), Arc::clone(&list), ask.clone());
            async move {
                let behind = behind.map(String::from_utf8).transpose().map_err(|_| CursorError::Malformed)?;
                let deadline = list.session.deadline.clone();
                let part = api.heavy(&deadline, move || {
                    let wanted = PageRequest { after: behind.as_deref(), limit };
                    list.session.search(&list.contextual, &list.context, list.steps, |evaluator| ask(evaluator, wanted))
                });
                let EnginePage { items, next } = part.await?;
                Ok(Fetched { items, next: next.map(|key| key.as_bytes().to_vec()) })
            }
        };
        page.stream(fetch, move |items, next| message(answered_at.clone(), items, next))
    }

    /// The objects that a subject has a permission on.
    pub(super) async fn list_objects(
        &self,
        caller: &Caller,
        mut request: v1::ListObjectsRequest,
    ) -> Result<BoxStream<v1::ListObjectsResponse>, ApiError> {
        let (page_size, cursor) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.cursor));
        let paged = Paged { cursor: &cursor, request: hash("ListObjects", &request) };
        convert::name("object_type", &request.object_type)?;
        convert::name("permission", &request.permission)?;
        let subject = convert::subject("subject", request.subject)?;
        let common = Common {
            store: &request.store,
            consistency: request.consistency,
            schema_version: request.schema_version,
            page_size,
            paged,
            contextual: convert::contextual_tuples(request.contextual_tuples)?,
            context: convert::context("context", request.context, &limits::REQUEST_CONTEXT_BYTES)?,
        };
        let ready = self.ready(caller, common).await?;
        let (object_type, permission): (Name, Name) = (request.object_type.into(), request.permission.into());
        Ok(self.stream_list(
            ready,
            move |evaluator, page| evaluator.list_objects(&object_type, &permission, &subject, page),
            |answered_at, items, next_cursor| v1::ListObjectsResponse {
                answered_at: Some(answered_at),
                objects: items.iter().map(object_to_wire).collect(),
                next_cursor,
            },
        ))
    }

    /// The subjects that have a permission on an object.
    pub(super) async fn list_subjects(
        &self,
        caller: &Caller,
        mut request: v1::ListSubjectsRequest,
    ) -> Result<BoxStream<v1::ListSubjectsResponse>, ApiError> {
        let (page_size, cursor) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.cursor));
        let paged = Paged { cursor: &cursor, request: hash("ListSubjects", &request) };
        let object = convert::object("object", request.object)?;
        convert::name("permission", &request.permission)?;
        convert::name("subject_type", &request.subject_type)?;
        let subject_relation: Option<Name> = match request.subject_relation.as_str() {
            "" | "..." => None,
            relation => {
                convert::name("subject_relation", relation)?;
                Some(relation.into())
            }
        };
        let common = Common {
            store: &request.store,
            consistency: request.consistency,
            schema_version: request.schema_version,
            page_size,
            paged,
            contextual: convert::contextual_tuples(request.contextual_tuples)?,
            context: convert::context("context", request.context, &limits::REQUEST_CONTEXT_BYTES)?,
        };
        let ready = self.ready(caller, common).await?;
        let (permission, subject_type): (Name, Name) = (request.permission.into(), request.subject_type.into());
        Ok(self.stream_list(
            ready,
            move |evaluator, page| evaluator.list_subjects(&object, &permission, &subject_type, subject_relation.as_ref(), page),
            |answered_at, items, next_cursor| v1::ListSubjectsResponse {
                answered_at: Some(answered_at),
                subjects: items.iter().map(subject_to_wire).collect(),
                next_cursor,
            },
        ))
    }

    /// The relations and permissions that a subject has on an object.
    pub(super) async fn list_permissions(
        &self,
        caller: &Caller,
        mut request: v1::ListPermissionsRequest,
    ) -> Result<BoxStream<v1::ListPermissionsResponse>, ApiError> {
        let (page_size, cursor) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.cursor));
        let paged = Paged { cursor: &cursor, request: hash("ListPermissions", &request) };
        let object = convert::object("object", request.object)?;
        let subject: Subject = convert::subject("subject", request.subject)?;
        let common = Common {
            store: &request.store,
            consistency: request.consistency,
            schema_version: request.schema_version,
            page_size,
            paged,
            contextual: convert::contextual_tuples(request.contextual_tuples)?,
            context: convert::context("context", request.context, &limits::REQUEST_CONTEXT_BYTES)?,
        };
        let ready = self.ready(caller, common).await?;
        Ok(self.stream_list(
            ready,
            move |evaluator, page| evaluator.list_permissions(&object, &subject, page),
            |answered_at, items, next_cursor| v1::ListPermissionsResponse {
                answered_at: Some(answered_at),
                permissions: items.iter().map(permission_to_wire).collect(),
                next_cursor,
            },
        ))
    }
}

fn object_to_wire(item: &ListedObject) -> v1::ListedObject {
    let (decision, missing_parameters) = decision_to_wire(&item.decision);
    v1::ListedObject { object_id: item.object.id().to_string(), decision: decision.into(), missing_parameters }
}

fn subject_to_wire(item: &ListedSubject) -> v1::ListedSubject {
    let (decision, missing_parameters) = decision_to_wire(&item.decision);
    let excluded = item.exclusions.iter().map(exclusion_to_wire).collect();
    v1::ListedSubject { subject_id: item.subject.id().to_string(), decision: decision.into(), missing_parameters, excluded }
}

fn exclusion_to_wire(exclusion: &Exclusion) -> v1::ExcludedSubject {
    let (decision, missing_parameters) = decision_to_wire(&exclusion.decision);
    v1::ExcludedSubject { subject_id: exclusion.subject.id().to_string(), decision: decision.into(), missing_parameters }
}

fn permission_to_wire(item: &ListedPermission) -> v1::ListedPermission {
    let (decision, missing_parameters) = decision_to_wire(&item.decision);
    v1::ListedPermission {
        permission: item.name.to_string(),
        is_relation: item.kind == RelationKind::Relation,
        decision: decision.into(),
        missing_parameters,
    }
}
