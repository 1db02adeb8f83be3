//! Who may do what: keys, rights, scopes, default stores; test mode.

use std::sync::Arc;

use dhow_proto::v1::test_service_client::TestServiceClient;

use super::*;
use crate::identity::{Identity, KeyDigest, KeyRing, Right, Scope};

const KEY: &str = "a-key-of-the-tests";

/// A request under the key with this name.
pub(super) fn by<T>(name: &str, message: T) -> Request<T> {
    request(Some(&format!("{KEY}-{name}")), message)
}

pub(super) fn ring(identities: Vec<Identity>) -> Access {
    let mut ring = KeyRing::default();
    for identity in identities {
        let key = format!("{KEY}-{}", identity.name);
        assert!(ring.add(KeyDigest::of(&key), identity));
    }
    Access::Keys(ring)
}

pub(super) fn identity(name: &str, scope: Scope, rights: &[Right], default_store: Option<&str>) -> Identity {
    Identity { name: Arc::from(name), scope, rights: rights.iter().copied().collect(), default_store: default_store.map(str::to_owned) }
}

pub(super) fn only(stores: &[&str]) -> Scope {
    Scope::Only(stores.iter().map(|store| (*store).to_owned()).collect())
}

/// A server with two stores and keys that open one, the other, or both.
async fn guarded() -> Bench {
    let keys = vec![
        identity("root", Scope::All, &Right::ALL, None),
        identity("reader", only(&["shop"]), &[Right::Read], None),
        identity("writer", only(&["shop"]), &[Right::Write], None),
        identity("author", only(&["shop"]), &[Right::Schema], None),
        identity("admin", only(&["shop", "new"]), &[Right::Admin], None),
        identity("both", Scope::All, &Right::ALL, Some("bank")),
    ];
    let bench = Bench::of(options(ring(keys))).await;
    for store in ["shop", "bank"] {
        bench.stores().create(by("root", v1::CreateStoreRequest { name: store.into() })).await.unwrap();
        bench.schemas().write(by("root", v1::WriteSchemaRequest { store: store.into(), ..write_schema(SCHEMA) })).await.unwrap();
    }
    bench
}

/// `""` for what goes through, else the code.
fn code<T>(outcome: Result<T, Status>) -> String {
    outcome.map_or_else(|status| told(&status).1, |_| String::new())
}

/// The requests that need the right to read, and what each comes to for a key.
async fn reads(bench: &Bench, key: &str, store: &str) -> Vec<(&'static str, String)> {
    let store = || store.to_owned();
    let question = item("document:1#view@user:ada");
    let (object, subject) = (question.object.clone(), question.subject.clone());
    let check = v1::CheckRequest { store: store(), check: Some(question.clone()), ..Default::default() };
    let batch = v1::BatchCheckRequest { store: store(), checks: vec![question], ..Default::default() };
    let expand = v1::ExpandRequest { store: store(), object: object.clone(), permission: "view".into(), ..Default::default() };
    let objects = v1::ListObjectsRequest {
        store: store(),
        object_type: "document".into(),
        permission: "view".into(),
        subject: subject.clone(),
        ..Default::default()
    };
    let subjects = v1::ListSubjectsRequest {
        store: store(),
        object: object.clone(),
        permission: "view".into(),
        subject_type: "user".into(),
        ..Default::default()
    };
    let permissions = v1::ListPermissionsRequest { store: store(), object, subject, ..Default::default() };
    let (mut asks, mut reads) = (bench.authorization(), bench.relationships());
    vec![
        ("check stream", code(streamed_check(bench, key, check.clone()).await)),
        ("check", code(asks.check(by(key, check)).await)),
        ("batch check", code(asks.batch_check(by(key, batch)).await)),
        ("expand", code(asks.expand(by(key, expand)).await)),
        ("list objects", code(asks.list_objects(by(key, objects)).await)),
        ("list subjects", code(asks.list_subjects(by(key, subjects)).await)),
        ("list permissions", code(asks.list_permissions(by(key, permissions)).await)),
        ("read", code(reads.read(by(key, v1::ReadRequest { store: store(), ..Default::default() })).await)),
        ("export", code(reads.export(by(key, v1::ExportRequest { store: store(), ..Default::default() })).await)),
        ("watch", code(reads.watch(by(key, v1::WatchRequest { store: store(), ..Default::default() })).await)),
    ]
}

/// One check by a stream: each message names a store of its own.
async fn streamed_check(bench: &Bench, key: &str, check: v1::CheckRequest) -> Result<v1::CheckResponse, Status> {
    let request = v1::CheckStreamRequest { id: 7, request: Some(check) };
    let answers = bench.authorization().check_stream(by(key, tokio_stream::iter([request]))).await?.into_inner();
    match collect(answers).await?.remove(0).outcome.unwrap() {
        v1::check_stream_response::Outcome::Response(response) => Ok(response),
        v1::check_stream_response::Outcome::Error(error) => {
            let details = prost::Message::encode_to_vec(&error);
            Err(Status::with_details(Code::from_i32(error.code), error.message, details.into()))
        }
    }
}

/// What each kind of request comes to for a key.
async fn outcomes(bench: &Bench, key: &str, store: &str) -> Vec<(&'static str, String)> {
    let mut outcomes = reads(bench, key, store).await;
    let store = || store.to_owned();
    let write = v1::WriteRequest {
        store: store(),
        changes: vec![change(v1::change::Operation::Touch, "document:1#viewer@user:ada")],
        ..Default::default()
    };
    let delete = v1::DeleteRequest { store: store(), dry_run: true, filter: Some(v1::TupleFilter::default()), ..Default::default() };
    let import = tokio_stream::iter([v1::ImportRequest { store: store(), ..Default::default() }]);
    let schema = v1::WriteSchemaRequest { store: store(), ..write_schema(SCHEMA) };
    let (mut relationships, mut schemas) = (bench.relationships(), bench.schemas());
    let versions = v1::ListSchemaVersionsRequest { store: store(), ..Default::default() };
    let diff = v1::DiffSchemaRequest { store: store(), to: Some(v1::diff_schema_request::To::ToVersion(1)), ..Default::default() };
    outcomes.extend([
        ("write", code(relationships.write(by(key, write)).await)),
        ("delete", code(relationships.delete(by(key, delete)).await)),
        ("import", code(relationships.import(by(key, import)).await)),
        ("read schema", code(schemas.read(by(key, v1::ReadSchemaRequest { store: store(), ..Default::default() })).await)),
        ("list schemas", code(schemas.list_versions(by(key, versions)).await)),
        ("diff schemas", code(schemas.diff(by(key, diff)).await)),
        ("write schema", code(schemas.write(by(key, schema)).await)),
        ("get store", code(bench.stores().get(by(key, v1::GetStoreRequest { store: store() })).await)),
    ]);
    outcomes
}

/// The requests of [`reads`].
const READS: &[&str] =
    &["check stream", "check", "batch check", "expand", "list objects", "list subjects", "list permissions", "read", "export", "watch"];
const SCHEMA_READS: &[&str] = &["read schema", "list schemas", "diff schemas"];

#[tokio::test]
async fn each_right_opens_its_own_requests_and_no_others() {
    let bench = guarded().await;
    let all: Vec<_> = outcomes(&bench, "root", "shop").await.into_iter().map(|(request, _)| request).collect();
    for (key, allowed) in [
        ("reader", [READS, SCHEMA_READS, &["get store"]].concat()),
        ("writer", vec!["write", "delete", "import", "get store"]),
        ("author", [SCHEMA_READS, &["write schema", "get store"]].concat()),
        ("admin", vec!["get store"]),
        ("root", all),
    ] {
        for (request, refused) in outcomes(&bench, key, "shop").await {
            let expected = if allowed.contains(&request) { "" } else { "DH-A004" };
            assert_eq!(refused, expected, "{key}: {request}");
        }
    }
}

#[tokio::test]
async fn a_key_opens_its_stores_alone_and_learns_nothing_of_others() {
    let bench = guarded().await;
    for store in ["bank", "nowhere"] {
        for (key, requests) in [("reader", READS), ("writer", &["write", "delete", "import"]), ("author", SCHEMA_READS)] {
            let refused = outcomes(&bench, key, store).await;
            for request in requests.iter().chain(&["get store"]) {
                let (_, code) = refused.iter().find(|(name, _)| name == request).unwrap();
                assert_eq!(code, "DH-A005", "{request} of {store}");
            }
        }
    }
    let listed = bench.stores().list(by("reader", v1::ListStoresRequest::default())).await.unwrap().into_inner();
    assert_eq!(listed.stores.iter().map(|store| store.name.as_str()).collect::<Vec<_>>(), ["shop"]);
    bench.stores().create(by("admin", v1::CreateStoreRequest { name: "new".into() })).await.unwrap();
    let refused = bench.stores().create(by("admin", v1::CreateStoreRequest { name: "other".into() })).await.unwrap_err();
    assert_told(&refused, Code::PermissionDenied, "DH-A005", "");
}

#[tokio::test]
async fn without_a_known_key_nothing_is_answered_but_health() {
    let bench = guarded().await;
    for (header, code) in [(None, "DH-A001"), (Some("Basic abc"), "DH-A002"), (Some("Bearer wrong-key-of-the-tests"), "DH-A003")] {
        let mut request = Request::new(v1::ListStoresRequest::default());
        if let Some(header) = header {
            request.metadata_mut().insert("authorization", header.parse().unwrap());
        }
        assert_told(&bench.stores().list(request).await.unwrap_err(), Code::Unauthenticated, code, "");
    }
    let mut health = tonic_health::pb::health_client::HealthClient::new(bench.channel.clone());
    for service in ["", "dhow.v1.AuthorizationService", "dhow.v1.write"] {
        let request = tonic_health::pb::HealthCheckRequest { service: service.into() };
        let status = health.check(request).await.unwrap().into_inner().status();
        assert_eq!(status, tonic_health::pb::health_check_response::ServingStatus::Serving, "{service}");
    }
}

#[tokio::test]
async fn an_empty_store_is_the_keys_default_or_the_only_one_it_opens() {
    let bench = guarded().await;
    for (key, store) in [("both", "bank"), ("reader", "shop")] {
        let store_got = bench.stores().get(by(key, v1::GetStoreRequest::default())).await.unwrap().into_inner().store.unwrap();
        assert_eq!(store_got.name, store);
    }
    let refused = bench.stores().get(by("root", v1::GetStoreRequest::default())).await.unwrap_err();
    assert_told(&refused, Code::InvalidArgument, "DH-A020", "store");
    let empty = Bench::empty().await;
    let refused = empty.stores().get(empty.request(v1::GetStoreRequest::default())).await.unwrap_err();
    assert_told(&refused, Code::InvalidArgument, "DH-A021", "store");
}

#[tokio::test]
async fn in_test_mode_each_token_has_a_store_and_a_clock_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let seed = folder.path().join("seed.yaml");
    let schema = SCHEMA.replace('\n', "\n  ");
    let tuples = "document:1#viewer@user:ada\n  document:1#viewer@user:tim[expiration:2090-01-01T00:00:00Z]";
    std::fs::write(&seed, format!("schema: |-\n  {schema}\nrelationships: |-\n  {tuples}\n")).unwrap();
    let bench = Bench::of(ServeOptions { load: Some(seed), ..options(Access::Ephemeral) }).await;
    let ask = async |key: &str, question: &str| {
        let check = v1::CheckRequest { check: Some(item(question)), ..Default::default() };
        bench.authorization().check(request(Some(key), check)).await.unwrap().into_inner().decision()
    };
    use v1::Decision::{Allowed, Denied};
    assert_eq!(ask("one", "document:1#view@user:ada").await, Allowed);
    assert_eq!(ask("one", "document:2#view@user:ada").await, Denied);
    let write =
        v1::WriteRequest { changes: vec![change(v1::change::Operation::Touch, "document:2#viewer@user:ada")], ..Default::default() };
    bench.relationships().write(request(Some("one"), write)).await.unwrap();
    assert_eq!((ask("one", "document:2#view@user:ada").await, ask("two", "document:2#view@user:ada").await), (Allowed, Denied));

    let century = prost_types::Duration { seconds: 100 * 365 * 86_400, nanos: 0 };
    let advance = v1::AdvanceClockRequest { by: Some(century), ..Default::default() };
    TestServiceClient::new(bench.channel.clone()).advance_clock(request(Some("one"), advance)).await.unwrap();
    assert_eq!((ask("one", "document:1#view@user:tim").await, ask("two", "document:1#view@user:tim").await), (Denied, Allowed));
    let back = v1::AdvanceClockRequest { by: Some(prost_types::Duration { seconds: -1, nanos: 0 }), ..Default::default() };
    let refused = TestServiceClient::new(bench.channel.clone()).advance_clock(request(Some("one"), back)).await.unwrap_err();
    assert_told(&refused, Code::InvalidArgument, "DH-A025", "by");
}

#[tokio::test]
async fn only_a_test_server_moves_clocks() {
    let bench = Bench::empty().await;
    let advance = v1::AdvanceClockRequest::default();
    let refused = TestServiceClient::new(bench.channel.clone()).advance_clock(request(None, advance)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
}
