//! Checks that take more than a network thread gives: as Check, in a batch and on a stream.

use std::collections::BTreeMap;

use dhow_proto::v1::Decision;
use dhow_proto::v1::check_stream_response::Outcome;

use super::*;

/// `document:wide` is in so many folders, more than a check may look at on a network thread.
const FOLDERS: usize = 3_000;

async fn bench(evaluation_steps: u64) -> Bench {
    let limits = Limits { evaluation_steps, ..Limits::default() };
    let bench = Bench::of(ServeOptions { limits, ..options(Access::Open) }).await;
    bench.stores().create(bench.request(v1::CreateStoreRequest { name: "main".into() })).await.unwrap();
    bench.schemas().write(bench.request(write_schema(SCHEMA))).await.unwrap();
    let mut tuples: Vec<String> = (0..FOLDERS).map(|folder| format!("document:wide#parent@folder:{folder}")).collect();
    tuples.push(format!("folder:{}#viewer@user:last", FOLDERS - 1));
    tuples.push("document:plan#viewer@user:ada".to_owned());
    for part in tuples.chunks(1_000) {
        bench.touch(&part.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    bench
}

/// What each way of asking says, as a decision or the code of an error.
async fn answers(bench: &Bench, questions: &[&str]) -> [Vec<String>; 3] {
    let code = |status: &Status| told(status).1;
    let of_rpc = |error: &dhow_proto::rpc::Status| {
        let details = prost::Message::encode_to_vec(error);
        code(&Status::with_details(Code::from(error.code), error.message.clone(), details.into()))
    };
    let mut alone = Vec::new();
    for question in questions {
        alone.push(bench.ask(question).await.map_or_else(|error| code(&error), |answer| answer.decision().as_str_name().to_owned()));
    }
    let request = v1::BatchCheckRequest { checks: questions.iter().copied().map(item).collect(), ..Default::default() };
    let batch = bench.authorization().batch_check(bench.request(request)).await.unwrap().into_inner();
    let of_batch = |result: v1::CheckResult| result.error.as_ref().map_or_else(|| result.decision().as_str_name().to_owned(), of_rpc);
    let batch = batch.results.into_iter().map(of_batch).collect();

    let ask = |(id, question): (usize, &&str)| {
        let request = v1::CheckRequest { check: Some(item(question)), ..Default::default() };
        v1::CheckStreamRequest { id: id as u64, request: Some(request) }
    };
    let requests: Vec<_> = questions.iter().enumerate().map(ask).collect();
    let stream = bench.authorization().check_stream(bench.request(tokio_stream::iter(requests))).await.unwrap().into_inner();
    let of_stream = |answer: v1::CheckStreamResponse| {
        let said = match answer.outcome.unwrap() {
            Outcome::Response(response) => response.decision().as_str_name().to_owned(),
            Outcome::Error(error) => of_rpc(&error),
        };
        (answer.id, said)
    };
    let streamed: BTreeMap<u64, String> = collect(stream).await.unwrap().into_iter().map(of_stream).collect();
    [alone, batch, streamed.into_values().collect()]
}

#[tokio::test]
async fn heavy_questions_are_answered_like_light_ones_or_refused_by_the_whole_budget() {
    let questions = [
        "document:plan#view@user:ada",
        "document:wide#view@user:last",
        "document:plan#view@user:zoe",
        "document:wide#view@user:zoe",
        "document:plan#view@user:ada",
    ];
    let (allowed, denied) = (Decision::Allowed.as_str_name(), Decision::Denied.as_str_name());
    for (steps, expected) in [
        (4_000_000, [allowed, allowed, denied, denied, allowed]),
        // Folders that have the answer are free, to look into all of them is not.
        (3_500, [allowed, allowed, denied, "budget_exceeded", allowed]),
        (1_000, [allowed, "budget_exceeded", denied, "budget_exceeded", allowed]),
    ] {
        let bench = bench(steps).await;
        for found in answers(&bench, &questions).await {
            assert_eq!(found, expected, "{steps} steps");
        }
    }
}
