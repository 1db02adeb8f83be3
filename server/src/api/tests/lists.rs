//! ListObjects, ListSubjects, ListPermissions: what is listed, in which order, and how pages hang together.

use super::*;

const TUPLES: &[&str] = &[
    "document:plan#viewer@user:ada",
    "document:plan#viewer@team:core#member",
    "document:plan#banned@user:eve",
    "document:open#viewer@user:*",
    "document:open#banned@user:eve",
    "document:week#viewer@user:ada[weekday]",
    "document:old#viewer@user:ada[expiration:2020-01-01T00:00:00Z]",
    "team:core#member@user:bob",
    "team:core#member@user:eve",
];

async fn objects(bench: &Bench, request: v1::ListObjectsRequest) -> Result<Vec<v1::ListObjectsResponse>, Status> {
    let request = v1::ListObjectsRequest {
        object_type: "document".into(),
        permission: "view".into(),
        subject: Some(subject_to_wire(&dhow_engine::tuple::Subject::object("user:ada".parse().unwrap()))),
        ..request
    };
    collect(bench.authorization().list_objects(bench.request(request)).await?.into_inner()).await
}

fn ids(messages: &[v1::ListObjectsResponse]) -> Vec<String> {
    messages.iter().flat_map(|message| &message.objects).map(|object| object.object_id.clone()).collect()
}

#[tokio::test]
async fn objects_come_in_order_with_what_is_missing() {
    let bench = Bench::with(TUPLES).await;
    let listed = objects(&bench, v1::ListObjectsRequest::default()).await.unwrap();
    let found: Vec<_> = listed
        .iter()
        .flat_map(|message| &message.objects)
        .map(|object| (object.object_id.as_str(), object.decision(), object.missing_parameters.join(",")))
        .collect();
    assert_eq!(
        found,
        [
            ("open", v1::Decision::Allowed, String::new()),
            ("plan", v1::Decision::Allowed, String::new()),
            ("week", v1::Decision::Conditional, "day".to_owned()),
        ]
    );
}

#[tokio::test]
async fn subjects_come_with_wildcards_and_whom_they_leave_out() {
    let bench = Bench::with(TUPLES).await;
    let list = async |object: &str, subject_relation: &str, subject_type: &str| {
        let object: dhow_engine::tuple::ObjectRef = object.parse().unwrap();
        let request = v1::ListSubjectsRequest {
            object: Some(object_to_wire(&object)),
            permission: "view".into(),
            subject_type: subject_type.into(),
            subject_relation: subject_relation.into(),
            ..Default::default()
        };
        let stream = bench.authorization().list_subjects(bench.request(request)).await.unwrap().into_inner();
        collect(stream).await.unwrap().into_iter().flat_map(|message| message.subjects).collect::<Vec<_>>()
    };
    let plan = list("document:plan", "", "user").await;
    assert_eq!(plan.iter().map(|subject| subject.subject_id.as_str()).collect::<Vec<_>>(), ["ada", "bob"]);
    let open = list("document:open", "", "user").await;
    assert_eq!(open[0].subject_id, "*");
    assert_eq!(open[0].excluded.iter().map(|subject| subject.subject_id.as_str()).collect::<Vec<_>>(), ["eve"]);
    let week = list("document:week", "", "user").await;
    assert_eq!((week[0].decision(), week[0].missing_parameters.as_slice()), (v1::Decision::Conditional, &["day".to_owned()][..]));
    let usersets = list("document:plan", "member", "team").await;
    assert_eq!(usersets.iter().map(|subject| subject.subject_id.as_str()).collect::<Vec<_>>(), ["core"]);
}

#[tokio::test]
async fn permissions_of_a_subject_on_an_object() {
    let bench = Bench::with(TUPLES).await;
    let list = async |subject: &str| {
        let request = v1::ListPermissionsRequest {
            object: Some(object_to_wire(&"document:plan".parse().unwrap())),
            subject: Some(subject_to_wire(&dhow_engine::tuple::Subject::object(subject.parse().unwrap()))),
            ..Default::default()
        };
        let stream = bench.authorization().list_permissions(bench.request(request)).await.unwrap().into_inner();
        let listed = collect(stream).await.unwrap().into_iter().flat_map(|message| message.permissions);
        listed.map(|permission| (permission.permission, permission.is_relation)).collect::<Vec<_>>()
    };
    assert_eq!(list("user:ada").await, [("view".to_owned(), false), ("viewer".to_owned(), true)]);
    assert_eq!(list("user:eve").await, [("banned".to_owned(), true), ("viewer".to_owned(), true)]);
    assert!(list("user:zoe").await.is_empty());
}

/// A page at a time, each cursor taken from the page before; a write in between must not be seen.
#[tokio::test]
async fn all_pages_are_one_list_at_one_moment_whatever_is_written_in_between() {
    let many: Vec<String> = (0..1_203).map(|number| format!("document:{number:05}#viewer@user:ada")).collect();
    let bench = Bench::with(&[]).await;
    for part in many.chunks(1_000) {
        bench.touch(&part.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    let whole = ids(&objects(&bench, v1::ListObjectsRequest::default()).await.unwrap());
    assert_eq!(whole.len(), many.len());
    for page_size in [1_000, 500, 499] {
        let (mut paged, mut cursor, mut heads) = (Vec::new(), String::new(), Vec::new());
        loop {
            let request = v1::ListObjectsRequest { page_size, cursor, ..Default::default() };
            let messages = objects(&bench, request).await.unwrap();
            let page = ids(&messages);
            assert!(page.len() <= page_size as usize);
            paged.extend(page);
            heads.extend(messages.iter().map(|message| message.answered_at.clone().unwrap().token));
            cursor = messages.last().unwrap().next_cursor.clone();
            if cursor.is_empty() {
                break;
            }
            bench.touch(&[&format!("document:99999-{page_size}-{}#viewer@user:ada", paged.len())]).await;
        }
        heads.dedup();
        assert_eq!(heads.len(), 1, "pages of {page_size} were read at several revisions");
        assert_eq!(&paged[..whole.len()], whole, "pages of {page_size}");
    }
}

#[tokio::test]
async fn a_cursor_goes_on_with_its_own_request_alone() {
    let bench = Bench::with(TUPLES).await;
    let first = objects(&bench, v1::ListObjectsRequest { page_size: 1, ..Default::default() }).await.unwrap();
    let cursor = first[0].next_cursor.clone();
    let ask = async |request: v1::ListObjectsRequest| objects(&bench, request).await.unwrap_err();
    let damaged = format!("A{cursor}");
    let wrong = ask(v1::ListObjectsRequest { cursor: damaged, ..Default::default() }).await;
    assert_told(&wrong, Code::InvalidArgument, "DH-R020", "cursor");
    let other = ask(v1::ListObjectsRequest { cursor: cursor.clone(), schema_version: 1, ..Default::default() }).await;
    assert_told(&other, Code::InvalidArgument, "DH-R021", "cursor");
    bench.stores().create(bench.request(v1::CreateStoreRequest { name: "other".into() })).await.unwrap();
    let elsewhere = ask(v1::ListObjectsRequest { cursor: cursor.clone(), store: "other".into(), ..Default::default() }).await;
    assert_told(&elsewhere, Code::InvalidArgument, "DH-R022", "cursor");
    let too_large = ask(v1::ListObjectsRequest { page_size: 10_001, ..Default::default() }).await;
    assert_told(&too_large, Code::InvalidArgument, "DH-A017", "page_size");
}

#[tokio::test]
async fn a_page_keeps_the_time_of_the_first_one() {
    let bench = Bench::of(options(Access::Ephemeral)).await;
    bench.schemas().write(bench.request(write_schema(SCHEMA))).await.unwrap();
    let soon = "[expiration:2090-01-01T00:00:00Z]";
    bench.touch(&["document:a#viewer@user:ada", &format!("document:b#viewer@user:ada{soon}")]).await;
    let first = objects(&bench, v1::ListObjectsRequest { page_size: 1, ..Default::default() }).await.unwrap();
    let century = prost_types::Duration { seconds: 100 * 365 * 86_400, nanos: 0 };
    let advance = v1::AdvanceClockRequest { by: Some(century), ..Default::default() };
    v1::test_service_client::TestServiceClient::new(bench.channel.clone()).advance_clock(bench.request(advance)).await.unwrap();
    let second = v1::ListObjectsRequest { page_size: 1, cursor: first[0].next_cursor.clone(), ..Default::default() };
    assert_eq!(ids(&objects(&bench, second).await.unwrap()), ["b"]);
    assert_eq!(ids(&objects(&bench, v1::ListObjectsRequest::default()).await.unwrap()), ["a"]);
}
