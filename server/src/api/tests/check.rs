//! Check, BatchCheck, CheckStream, Expand.

use std::collections::BTreeMap;

use dhow_proto::v1::Decision;
use dhow_proto::v1::check_stream_response::Outcome;
use dhow_schema::value::{Context, Value};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::*;
use crate::api::convert::context_to_wire;

const TUPLES: &[&str] = &[
    "document:plan#viewer@user:ada",
    "document:plan#viewer@team:core#member",
    "document:plan#parent@folder:all",
    "document:plan#banned@user:eve",
    "document:plan#viewer@user:eve",
    "document:week#viewer@user:ada[weekday]",
    "document:old#viewer@user:ada[expiration:2020-01-01T00:00:00Z]",
    "document:open#viewer@user:*",
    "folder:all#viewer@user:fred",
    "team:core#member@team:inner#member",
    "team:inner#member@user:bob",
];

fn day(day: &str) -> Option<v1::Context> {
    let context: Context = [("day".into(), Value::String(day.into()))].into();
    Some(context_to_wire(&context))
}

#[tokio::test]
async fn each_of_three_answers() {
    let bench = Bench::with(TUPLES).await;
    for (question, decision) in [
        ("document:plan#view@user:ada", Decision::Allowed),
        ("document:plan#view@user:bob", Decision::Allowed),
        ("document:plan#view@user:fred", Decision::Allowed),
        ("document:plan#view@user:eve", Decision::Denied),
        ("document:plan#view@user:zoe", Decision::Denied),
        ("document:plan#view@team:core#member", Decision::Allowed),
        ("document:open#view@user:zoe", Decision::Allowed),
        ("document:old#view@user:ada", Decision::Denied),
        ("document:week#view@user:ada", Decision::Conditional),
        ("document:absent#view@user:ada", Decision::Denied),
    ] {
        let answer = bench.ask(question).await.unwrap();
        assert_eq!(answer.decision(), decision, "{question}");
        let missing: &[&str] = if decision == Decision::Conditional { &["day"] } else { &[] };
        assert_eq!(answer.missing_parameters, missing, "{question}");
        let at = answer.answered_at.unwrap();
        assert_eq!((at.revision, at.schema_version, at.degraded), (2, 1, false));
        assert!(!at.token.is_empty() && at.token.len() < 60);
    }
}

#[tokio::test]
async fn context_and_contextual_tuples_count_for_their_request_alone() {
    let bench = Bench::with(TUPLES).await;
    for (given, decision) in [("monday", Decision::Allowed), ("sunday", Decision::Denied)] {
        let check = v1::CheckItem { context: day(given), ..item("document:week#view@user:ada") };
        let answer = bench.check(v1::CheckRequest { check: Some(check), ..Default::default() }).await.unwrap();
        assert_eq!(answer.decision(), decision);
    }
    let with = v1::CheckRequest {
        check: Some(item("document:new#view@user:zoe")),
        contextual_tuples: vec![tuple_of("document:new#viewer@user:zoe")],
        ..Default::default()
    };
    assert_eq!(bench.check(with).await.unwrap().decision(), Decision::Allowed);
    assert_eq!(bench.ask("document:new#view@user:zoe").await.unwrap().decision(), Decision::Denied);
}

#[tokio::test]
async fn each_wrong_question_is_told_with_code_and_field() {
    let bench = Bench::with(TUPLES).await;
    let of = |check: v1::CheckItem| v1::CheckRequest { check: Some(check), ..Default::default() };
    let good = || item("document:plan#view@user:ada");
    let object = |id: &str| Some(v1::ObjectRef { r#type: "document".into(), id: id.into() });
    let too_many = (0..101).map(|i| tuple_of(&format!("document:{i}#viewer@user:ada"))).collect();
    let not_allowed = vec![tuple_of("document:1#viewer@user:ada"), tuple_of("document:1#viewer@folder:1")];
    let cases = vec![
        (v1::CheckRequest::default(), Code::InvalidArgument, "DH-A010", "check"),
        (of(v1::CheckItem { object: None, ..good() }), Code::InvalidArgument, "DH-A010", "check.object"),
        (of(v1::CheckItem { object: object("a b"), ..good() }), Code::InvalidArgument, "id_character", "check.object.id"),
        (of(v1::CheckItem { object: object(""), ..good() }), Code::InvalidArgument, "id_empty", "check.object.id"),
        (of(v1::CheckItem { permission: String::new(), ..good() }), Code::InvalidArgument, "DH-A010", "check.permission"),
        (v1::CheckRequest { contextual_tuples: too_many, ..of(good()) }, Code::InvalidArgument, "DH-A012", "contextual_tuples"),
        (v1::CheckRequest { store: "absent".into(), ..of(good()) }, Code::NotFound, NO_STORE, "store"),
        (v1::CheckRequest { schema_version: 9, ..of(good()) }, Code::NotFound, "schema_version_unknown", "schema_version"),
        (v1::CheckRequest { consistency: at_least("no token"), ..of(good()) }, Code::InvalidArgument, "DH-R001", "consistency"),
    ];
    for (request, code, reason, field) in cases {
        assert_told(&bench.check(request).await.unwrap_err(), code, reason, field);
    }
    let refused = bench.check(v1::CheckRequest { contextual_tuples: not_allowed, ..of(good()) }).await.unwrap_err();
    assert_eq!(told(&refused).2, ["contextual_tuples[1]"]);
    for unknown in ["documnt:plan#view@user:ada", "document:plan#veiw@user:ada", "document:plan#view@usr:ada"] {
        let refused = bench.ask(unknown).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains("did you mean"), "{}", refused.message());
    }
}

#[tokio::test]
async fn a_store_without_schema_says_so() {
    let bench = Bench::empty().await;
    bench.stores().create(bench.request(v1::CreateStoreRequest { name: "main".into() })).await.unwrap();
    assert_told(&bench.ask("document:plan#view@user:ada").await.unwrap_err(), Code::FailedPrecondition, "schema_missing", "");
}

#[tokio::test]
async fn a_batch_answers_each_question_in_its_place_at_one_revision() {
    let bench = Bench::with(TUPLES).await;
    for copies in [1_usize, 40] {
        let questions = ["document:plan#view@user:ada", "document:plan#view@user:zoe", "document:plan#nothing@user:ada"];
        let mut checks: Vec<_> = (0..copies).flat_map(|_| questions).map(item).collect();
        checks.push(v1::CheckItem { object: None, ..item(questions[0]) });
        checks.push(item("document:week#view@user:ada"));
        checks.push(v1::CheckItem { context: day("sunday"), ..item("document:week#view@user:ada") });
        let request = v1::BatchCheckRequest { checks, context: day("monday"), ..Default::default() };
        let answer = bench.authorization().batch_check(bench.request(request)).await.unwrap().into_inner();
        assert_eq!(answer.results.len(), copies * 3 + 3);
        for three in answer.results.chunks(3).take(copies) {
            assert_eq!(
                three.iter().map(v1::CheckResult::decision).collect::<Vec<_>>(),
                [Decision::Allowed, Decision::Denied, Decision::Unspecified]
            );
            assert_eq!(three[2].error.as_ref().unwrap().code, i32::from(Code::InvalidArgument));
        }
        let last = &answer.results[copies * 3..];
        assert!(last[0].error.as_ref().unwrap().message.contains(&format!("checks[{}].object", copies * 3)));
        assert_eq!((last[1].decision(), last[2].decision()), (Decision::Allowed, Decision::Denied));
    }
    let checks = vec![item("document:plan#view@user:ada"); 1_001];
    let refused = bench.authorization().batch_check(bench.request(v1::BatchCheckRequest { checks, ..Default::default() })).await;
    assert_told(&refused.unwrap_err(), Code::InvalidArgument, "DH-A012", "checks");
}

#[tokio::test]
async fn checks_on_a_stream_are_matched_by_id_and_one_failure_ends_nothing() {
    let bench = Bench::with(TUPLES).await;
    let (send, requests) = mpsc::channel(8);
    let mut answers = bench.authorization().check_stream(bench.request(ReceiverStream::new(requests))).await.unwrap().into_inner();
    let ask = |id: u64| {
        let question = match id % 4 {
            0 => "document:plan#view@user:ada",
            1 => "document:plan#view@user:zoe",
            2 => "document:plan#nothing@user:ada",
            _ => return v1::CheckStreamRequest { id, request: None },
        };
        v1::CheckStreamRequest { id, request: Some(v1::CheckRequest { check: Some(item(question)), ..Default::default() }) }
    };
    let sender = tokio::spawn(async move {
        for id in 0..3_000 {
            send.send(ask(id)).await.unwrap();
        }
    });
    let mut seen = BTreeMap::new();
    while let Some(answer) = answers.next().await {
        let answer = answer.unwrap();
        let summary = match answer.outcome.unwrap() {
            Outcome::Response(response) => response.decision().as_str_name(),
            Outcome::Error(error) if error.message.contains("nothing") => "unknown",
            Outcome::Error(_) => "missing",
        };
        assert!(seen.insert(answer.id, summary).is_none());
    }
    sender.await.unwrap();
    assert_eq!(seen.len(), 3_000);
    for (id, summary) in seen {
        let expected = ["DECISION_ALLOWED", "DECISION_DENIED", "unknown", "missing"];
        assert_eq!(summary, expected[usize::try_from(id % 4).unwrap()]);
    }
}

#[tokio::test]
async fn a_stream_answers_before_it_is_closed_and_ends_when_the_server_stops() {
    let bench = Bench::with(TUPLES).await;
    let (send, requests) = mpsc::channel(8);
    let mut answers = bench.authorization().check_stream(bench.request(ReceiverStream::new(requests))).await.unwrap().into_inner();
    let check = Some(v1::CheckRequest { check: Some(item("document:plan#view@user:ada")), ..Default::default() });
    send.send(v1::CheckStreamRequest { id: 7, request: check }).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().id, 7);
    bench.server.shutdown().await.unwrap();
    assert_told(&answers.next().await.unwrap().unwrap_err(), Code::Unavailable, "DH-A032", "");
}

/// Every subject that a tree names, with the relation it stands in.
fn leaves(node: &v1::ExpandNode, found: &mut Vec<String>) {
    use v1::expand_node::Kind;
    match node.kind.as_ref().unwrap() {
        Kind::Leaf(leaf) => found.extend(leaf.subjects.iter().map(|subject| {
            let subject = subject.subject.clone().unwrap();
            format!("{}:{}", subject.r#type, subject.id)
        })),
        Kind::Union(below) | Kind::Intersection(below) | Kind::Exclusion(below) | Kind::All(below) => {
            below.children.iter().for_each(|child| leaves(child, found));
        }
        Kind::Reference(_) => found.push(format!("{}#{}...", node.object.as_ref().unwrap().id, node.relation)),
    }
}

#[tokio::test]
async fn expand_shows_who_is_in_however_deep() {
    let bench = Bench::with(TUPLES).await;
    let expand = async |object: &str, depth: u32| {
        let object: dhow_engine::tuple::ObjectRef = object.parse().unwrap();
        let request = v1::ExpandRequest {
            object: Some(object_to_wire(&object)),
            permission: if &**object.object_type() == "team" { "member" } else { "view" }.into(),
            max_depth: depth,
            ..Default::default()
        };
        bench.authorization().expand(bench.request(request)).await.unwrap().into_inner()
    };
    let whole = expand("document:plan", 0).await;
    let mut found = Vec::new();
    leaves(whole.root.as_ref().unwrap(), &mut found);
    found.sort();
    assert_eq!(found, ["user:ada", "user:bob", "user:eve", "user:eve", "user:fred"]);
    let mut shallow = Vec::new();
    leaves(expand("document:plan", 1).await.root.as_ref().unwrap(), &mut shallow);
    assert!(shallow.contains(&"inner#member...".to_owned()), "{shallow:?}");

    // A chain far deeper than messages may nest, closed to a cycle.
    let mut chain: Vec<String> = (0..500).map(|i| format!("team:{i}#member@team:{}#member", i + 1)).collect();
    chain.push("team:500#member@team:0#member".to_owned());
    chain.push("team:500#member@user:last".to_owned());
    bench.touch(&chain.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let deep = expand("team:0", 0).await;
    let mut found = Vec::new();
    deep.root.iter().chain(&deep.more).for_each(|tree| leaves(tree, &mut found));
    assert!(found.contains(&"user:last".to_owned()));
    assert!(deep.more.len() > 5);
}

/// The code of a store that does not exist.
const NO_STORE: &str = "DH-R010";
