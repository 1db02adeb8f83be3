//! The services as their clients see them: a real server in this process, real clients over TCP.

mod access;
mod budget;
mod check;
mod explain;
mod lists;
mod messages;
mod operator;
mod relationships;
mod schemas;
mod stores;
mod suites;
mod together;
mod watching;

use dhow_proto::v1;
use dhow_proto::v1::authorization_service_client::AuthorizationServiceClient;
use dhow_proto::v1::relationship_service_client::RelationshipServiceClient;
use dhow_proto::v1::schema_service_client::SchemaServiceClient;
use dhow_proto::v1::store_service_client::StoreServiceClient;
use tokio_stream::StreamExt;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt;

use crate::api::convert::{object_to_wire, subject_to_wire, tuple_to_wire};
use crate::api::door::Access;
use crate::limits::Limits;
use crate::serve::{Data, RunningServer, ServeOptions, run};

/// Documents in folders, groups, a caveat, an expiry, everybody, an exclusion.
const SCHEMA: &str = "use expiration
definition user {}
definition team { relation member: user | team#member }
definition folder { relation viewer: user permission view = viewer }
caveat weekday(day string) { day != 'sunday' }
definition document {
    relation parent: folder
    relation viewer: user | user:* | team#member | user with weekday | user with expiration
    relation banned: user
    permission view = (viewer + parent->view) - banned
}";

/// A server with one store, `main`, and the schema above.
struct Bench {
    server: RunningServer,
    channel: Channel,
}

fn options(access: Access) -> ServeOptions {
    ServeOptions {
        role: crate::role::Role::All,
        address: "127.0.0.1:0".parse().unwrap(),
        data: Data::Memory,
        tls: None,
        access,
        insecure: false,
        limits: Limits::default(),
        foreign_tokens: crate::config::ForeignTokens::Answer,
        snapshots: None,
        memory: crate::config::Memory::default(),
        load: None,
    }
}

impl Bench {
    /// A server without keys and without a store.
    async fn empty() -> Self {
        Self::of(options(Access::Open)).await
    }

    async fn of(options: ServeOptions) -> Self {
        let server = run(options).await.unwrap();
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address())).unwrap();
        Self { channel: endpoint.connect().await.unwrap(), server }
    }

    /// A server with store `main`, the schema, and these tuples.
    async fn with(tuples: &[&str]) -> Self {
        let bench = Self::empty().await;
        bench.stores().create(bench.request(v1::CreateStoreRequest { name: "main".into() })).await.unwrap();
        bench.schemas().write(bench.request(write_schema(SCHEMA))).await.unwrap();
        bench.touch(tuples).await;
        bench
    }

    fn request<T>(&self, message: T) -> Request<T> {
        request(None, message)
    }

    fn authorization(&self) -> AuthorizationServiceClient<Channel> {
        AuthorizationServiceClient::new(self.channel.clone())
    }

    fn relationships(&self) -> RelationshipServiceClient<Channel> {
        RelationshipServiceClient::new(self.channel.clone())
    }

    fn schemas(&self) -> SchemaServiceClient<Channel> {
        SchemaServiceClient::new(self.channel.clone())
    }

    fn stores(&self) -> StoreServiceClient<Channel> {
        StoreServiceClient::new(self.channel.clone())
    }

    /// Touches tuples; gives the token.
    async fn touch(&self, tuples: &[&str]) -> String {
        let changes = tuples.iter().map(|text| change(v1::change::Operation::Touch, text)).collect();
        let written = self.write(changes).await.unwrap();
        written.answered_at.unwrap().token
    }

    async fn write(&self, changes: Vec<v1::Change>) -> Result<v1::WriteResponse, Status> {
        let request = v1::WriteRequest { changes, ..Default::default() };
        self.relationships().write(self.request(request)).await.map(tonic::Response::into_inner)
    }

    async fn ask(&self, question: &str) -> Result<v1::CheckResponse, Status> {
        self.check(v1::CheckRequest { check: Some(item(question)), ..Default::default() }).await
    }

    async fn check(&self, request: v1::CheckRequest) -> Result<v1::CheckResponse, Status> {
        self.authorization().check(self.request(request)).await.map(tonic::Response::into_inner)
    }

    /// All tuples, as text.
    async fn tuples(&self) -> Vec<String> {
        let request = v1::ExportRequest { consistency: newest(), ..Default::default() };
        let stream = self.relationships().export(self.request(request)).await.unwrap().into_inner();
        let messages = collect(stream).await.unwrap();
        messages.into_iter().flat_map(|message| message.tuples).map(tuple_text).collect()
    }

    async fn revision(&self) -> u64 {
        self.stores().get(self.request(v1::GetStoreRequest::default())).await.unwrap().into_inner().store.unwrap().revision
    }
}

fn request<T>(key: Option<&str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(key) = key {
        let value: MetadataValue<_> = format!("Bearer {key}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    request
}

fn write_schema(text: &str) -> v1::WriteSchemaRequest {
    let source = Some(v1::SchemaSource { text: text.to_owned(), ..Default::default() });
    v1::WriteSchemaRequest { source, ..Default::default() }
}

fn change(operation: v1::change::Operation, tuple: &str) -> v1::Change {
    v1::Change { operation: operation.into(), tuple: Some(tuple_of(tuple)) }
}

fn tuple_of(text: &str) -> v1::Tuple {
    tuple_to_wire(&text.parse().unwrap())
}

fn tuple_text(tuple: v1::Tuple) -> String {
    super::convert::tuple(tuple).unwrap().to_string()
}

/// `object#permission@subject`.
fn item(question: &str) -> v1::CheckItem {
    let key: dhow_engine::tuple::TupleKey = question.parse().unwrap();
    v1::CheckItem {
        object: Some(object_to_wire(key.object())),
        permission: key.relation().to_string(),
        subject: Some(subject_to_wire(key.subject())),
        context: None,
    }
}

fn newest() -> Option<v1::Consistency> {
    Some(v1::Consistency { requirement: Some(v1::consistency::Requirement::FullyConsistent(true)) })
}

fn at_least(token: &str) -> Option<v1::Consistency> {
    Some(v1::Consistency { requirement: Some(v1::consistency::Requirement::AtLeastAsFresh(token.to_owned())) })
}

fn exactly(token: &str) -> Option<v1::Consistency> {
    Some(v1::Consistency { requirement: Some(v1::consistency::Requirement::AtExactSnapshot(token.to_owned())) })
}

async fn collect<T>(stream: Streaming<T>) -> Result<Vec<T>, Status> {
    stream.collect::<Vec<_>>().await.into_iter().collect()
}

/// The status, the code and the fields of a refusal.
fn told(status: &Status) -> (Code, String, Vec<String>) {
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no details: {status:?}"));
    let fields = status.get_details_bad_request().map(|bad| bad.field_violations.into_iter().map(|violation| violation.field).collect());
    assert_eq!(info.domain, "dhow");
    (status.code(), info.reason, fields.unwrap_or_default())
}

#[track_caller]
fn assert_told(status: &Status, code: Code, reason: &str, field: &str) {
    let (found, found_reason, fields) = told(status);
    assert_eq!((found, found_reason.as_str()), (code, reason), "{status:?}");
    assert_eq!(fields.first().map_or("", String::as_str), field, "{status:?}");
}
