//! Checks that are decided together, in a batch and on a stream: their answers are those of single checks.

use std::collections::BTreeMap;

use dhow_proto::v1::check_stream_response::Outcome;
use dhow_schema::value::{Context, Value};

use super::*;
use crate::api::convert::context_to_wire;

/// `document:wide` is in so many folders, more than a check may look at on a network thread.
const FOLDERS: usize = 3_000;

async fn bench(limits: Limits) -> Bench {
    with_data(ServeOptions { limits, ..options(Access::Open) }).await
}

async fn with_data(options: ServeOptions) -> Bench {
    let bench = Bench::of(options).await;
    bench.stores().create(bench.request(v1::CreateStoreRequest { name: "main".into() })).await.unwrap();
    for schema in [SCHEMA.to_owned(), format!("{SCHEMA} definition more {{}}")] {
        bench.schemas().write(bench.request(v1::WriteSchemaRequest { store: "main".into(), ..write_schema(&schema) })).await.unwrap();
    }
    let mut tuples: Vec<String> = (0..FOLDERS).map(|folder| format!("document:wide#parent@folder:{folder}")).collect();
    tuples.push(format!("folder:{}#viewer@user:last", FOLDERS - 1));
    tuples.push("document:plan#viewer@user:ada".to_owned());
    tuples.push("document:week#viewer@user:ada[weekday]".to_owned());
    tuples.push("document:old#viewer@user:ada[expiration:2020-01-01T00:00:00Z]".to_owned());
    tuples.push("document:new#viewer@user:ada[expiration:2100-01-01T00:00:00Z]".to_owned());
    for part in tuples.chunks(1_000) {
        bench.touch(&part.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    bench
}

fn ask(question: &str) -> v1::CheckRequest {
    v1::CheckRequest { check: Some(item(question)), ..Default::default() }
}

fn on(question: &str, day: Value) -> v1::CheckRequest {
    let context: Context = [("day".into(), day)].into();
    let check = v1::CheckItem { context: Some(context_to_wire(&context)), ..item(question) };
    v1::CheckRequest { check: Some(check), ..Default::default() }
}

/// Each kind of check, heavy ones among the light ones.
fn requests(older: &str) -> Vec<v1::CheckRequest> {
    let brought = |tuple: &str| v1::CheckRequest { contextual_tuples: vec![tuple_of(tuple)], ..ask("document:brought#view@user:bob") };
    vec![
        ask("document:plan#view@user:ada"),
        ask("document:plan#view@user:zoe"),
        ask("document:week#view@user:ada"),
        on("document:week#view@user:ada", Value::String("monday".into())),
        on("document:week#view@user:ada", Value::String("sunday".into())),
        on("document:week#view@user:ada", Value::Int(7)),
        ask("document:wide#view@user:zoe"),
        ask("document:old#view@user:ada"),
        ask("document:new#view@user:ada"),
        ask("document:nowhere#view@user:nobody"),
        ask("document:plan#veiw@user:ada"),
        ask("document:plan#view@usr:ada"),
        brought("document:brought#viewer@user:bob"),
        brought("document:brought#viewer@user:bob"),
        brought("document:brought#viewer@user:zoe"),
        brought("document:brought#viewer@folder:no"),
        v1::CheckRequest::default(),
        v1::CheckRequest { store: "absent".into(), ..ask("document:plan#view@user:ada") },
        v1::CheckRequest { store: "main".into(), ..ask("document:plan#view@user:ada") },
        v1::CheckRequest { schema_version: 1, ..ask("document:plan#view@user:ada") },
        v1::CheckRequest { schema_version: 9, ..ask("document:plan#view@user:ada") },
        v1::CheckRequest { consistency: exactly(older), ..ask("document:later#view@user:ada") },
        v1::CheckRequest { consistency: at_least(older), ..ask("document:later#view@user:ada") },
        v1::CheckRequest { consistency: newest(), ..ask("document:later#view@user:ada") },
        v1::CheckRequest { explain: true, ..ask("document:plan#view@user:ada") },
        ask("document:wide#view@user:last"),
        ask("document:plan#view@user:ada"),
    ]
}

fn error_text(error: &dhow_proto::rpc::Status) -> String {
    format!("{} {}", error.code, error.message)
}

fn status_text(status: &Status) -> String {
    format!("{} {}", i32::from(status.code()), status.message())
}

/// Everything that an answer says.
fn said(response: &v1::CheckResponse) -> String {
    format!("{response:?}")
}

#[tokio::test]
async fn checks_on_a_stream_are_answered_like_single_ones() {
    for (evaluation_steps, stream_outstanding) in [(4_000_000, 1_024), (4_000_000, 3), (1_000, 1_024)] {
        let bench = bench(Limits { evaluation_steps, stream_outstanding, ..Limits::default() }).await;
        let older = bench.touch(&["document:even#viewer@user:ada"]).await;
        bench.touch(&["document:later#viewer@user:ada"]).await;
        let requests = requests(&older);
        let mut expected = Vec::new();
        for request in &requests {
            expected.push(bench.check(request.clone()).await.map_or_else(|status| status_text(&status), |response| said(&response)));
        }
        let count = requests.len() * 20;
        let all =
            (0..).zip(requests.into_iter().cycle().take(count)).map(|(id, request)| v1::CheckStreamRequest { id, request: Some(request) });
        let all: Vec<_> = all.collect();
        let answers = bench.authorization().check_stream(bench.request(tokio_stream::iter(all))).await.unwrap().into_inner();
        let mut found = BTreeMap::new();
        for answer in collect(answers).await.unwrap() {
            let text = match answer.outcome.unwrap() {
                Outcome::Response(response) => said(&response),
                Outcome::Error(error) => error_text(&error),
            };
            assert_eq!(found.insert(answer.id, text), None, "{} was answered twice", answer.id);
        }
        assert_eq!(found.len(), count);
        for ((id, found), expected) in found.into_iter().zip(expected.iter().cycle()) {
            assert_eq!(&found, expected, "{id}, {evaluation_steps} steps");
        }
    }
}

#[tokio::test]
async fn checks_of_a_batch_are_answered_like_single_ones() {
    for evaluation_steps in [4_000_000, 1_000] {
        let bench = bench(Limits { evaluation_steps, ..Limits::default() }).await;
        for contextual in [&[] as &[&str], &["document:plan#viewer@user:zoe", "document:week#viewer@user:bob[weekday]"]] {
            let contextual_tuples: Vec<_> = contextual.iter().map(|text| tuple_of(text)).collect();
            let plain = |request: &v1::CheckRequest| {
                let v1::CheckRequest { check, .. } = request.clone();
                (request == &v1::CheckRequest { check: check.clone(), ..Default::default() }).then_some(check).flatten()
            };
            let mut checks: Vec<v1::CheckItem> = requests("").iter().filter_map(plain).collect();
            checks.insert(4, v1::CheckItem { permission: String::new(), ..item("document:plan#view@user:ada") });
            let mut expected = Vec::new();
            for check in &checks {
                let alone =
                    v1::CheckRequest { check: Some(check.clone()), contextual_tuples: contextual_tuples.clone(), ..Default::default() };
                expected.push(bench.check(alone).await.map_or_else(
                    |status| status_text(&status),
                    |response| format!("{:?} {:?}", response.decision(), response.missing_parameters),
                ));
            }
            let checks: Vec<_> = checks.iter().cycle().take(checks.len() * 20).cloned().collect();
            let request = v1::BatchCheckRequest { checks, contextual_tuples, ..Default::default() };
            let answer = bench.authorization().batch_check(bench.request(request)).await.unwrap().into_inner();
            assert_eq!(answer.results.len(), expected.len() * 20);
            for ((place, result), expected) in (0_usize..).zip(answer.results).zip(expected.iter().cycle()) {
                let found = match &result.error {
                    // A wrong field is named by its place.
                    Some(error) => error_text(error).replace(&format!("checks[{place}]."), "check."),
                    None => format!("{:?} {:?}", result.decision(), result.missing_parameters),
                };
                assert_eq!(&found, expected, "{place}, {evaluation_steps} steps");
            }
        }
    }
}

#[tokio::test]
async fn a_heavy_check_on_a_stream_keeps_no_other_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let options = || ServeOptions { data: Data::File(folder.path().join("dhow.db")), ..options(Access::Open) };
    with_data(options()).await.server.shutdown().await.unwrap();
    // There is no room for heavy work at all.
    let bench = Bench::of(ServeOptions { limits: Limits { heavy_requests: 0, ..Limits::default() }, ..options() }).await;
    let questions =
        ["document:wide#view@user:zoe", "document:plan#view@user:ada", "document:wide#view@user:zoe", "document:plan#view@user:zoe"];
    let request = |(id, question)| v1::CheckStreamRequest { id, request: Some(ask(question)) };
    let all: Vec<_> = (0..100).zip(questions.into_iter().cycle()).map(request).collect();
    let mut answers = bench.authorization().check_stream(bench.request(tokio_stream::iter(all))).await.unwrap().into_inner();
    let mut light = Vec::new();
    while light.len() < 50 {
        light.push(answers.next().await.unwrap().unwrap().id);
    }
    light.sort_unstable();
    assert!(light.into_iter().eq((1..100).step_by(2)));
}
