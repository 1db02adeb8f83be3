//! A store of its own for a file, and the calls that decide checks.

use std::collections::BTreeMap;

use dhow_engine::eval::Decision;
use dhow_engine::tuple::Tuple;
use dhow_proto::v1;
use dhow_proto::v1::check_stream_response::Outcome;
use tokio_stream::wrappers::ReceiverStream;

use super::super::{Bench, collect, item, write_schema};
use super::Asked;
use crate::api::convert::{context_to_wire, tuple_to_wire};

/// The most checks of one batch.
const BATCH: usize = 1_000;

/// A store that holds what a file says.
pub(super) struct Store<'b> {
    pub(super) bench: &'b Bench,
    pub(super) name: String,
}

impl<'b> Store<'b> {
    pub(super) async fn create(bench: &'b Bench, name: String, schema: &str, tuples: &[Tuple]) -> Self {
        bench.stores().create(bench.request(v1::CreateStoreRequest { name: name.clone() })).await.unwrap();
        bench.schemas().write(bench.request(v1::WriteSchemaRequest { store: name.clone(), ..write_schema(schema) })).await.unwrap();
        let change = |tuple| v1::Change { operation: v1::change::Operation::Touch.into(), tuple: Some(tuple_to_wire(tuple)) };
        if !tuples.is_empty() {
            let changes = tuples.iter().map(change).collect();
            let write = v1::WriteRequest { store: name.clone(), changes, ..Default::default() };
            bench.relationships().write(bench.request(write)).await.unwrap();
        }
        Self { bench, name }
    }

    /// All questions in batches as large as they may be.
    pub(super) async fn batch(&self, asked: &[Asked]) -> Vec<Decision> {
        let mut answers = Vec::new();
        for part in asked.chunks(BATCH) {
            let request =
                v1::BatchCheckRequest { store: self.name.clone(), checks: part.iter().map(to_wire).collect(), ..Default::default() };
            let answer = self.bench.authorization().batch_check(self.bench.request(request)).await.unwrap().into_inner();
            for (asked, result) in part.iter().zip(&answer.results) {
                assert_eq!(result.error, None, "{}", asked.text());
            }
            answers.extend(answer.results.into_iter().map(|result| decision(result.decision(), &result.missing_parameters)));
        }
        answers
    }

    /// All questions on one stream, all of them sent before an answer is looked at.
    pub(super) async fn stream(&self, asked: &[Asked]) -> Vec<Decision> {
        let (send, receive) = tokio::sync::mpsc::channel(asked.len().max(1));
        for (id, asked) in (0..).zip(asked) {
            let check = v1::CheckRequest { store: self.name.clone(), check: Some(to_wire(asked)), ..Default::default() };
            send.send(v1::CheckStreamRequest { id, request: Some(check) }).await.unwrap();
        }
        drop(send);
        let stream = self.bench.authorization().check_stream(self.bench.request(ReceiverStream::new(receive))).await.unwrap();
        let mut answers = BTreeMap::new();
        for message in collect(stream.into_inner()).await.unwrap() {
            let Some(Outcome::Response(response)) = message.outcome else { panic!("{message:?}") };
            let twice = answers.insert(message.id, decision(response.decision(), &response.missing_parameters));
            assert_eq!(twice, None, "{} was answered twice", message.id);
        }
        assert!(answers.keys().copied().eq(0..asked.len() as u64), "an answer is missing");
        answers.into_values().collect()
    }
}

fn to_wire(asked: &Asked) -> v1::CheckItem {
    let context = (!asked.context.is_empty()).then(|| context_to_wire(&asked.context));
    v1::CheckItem { context, ..item(&asked.key.to_string()) }
}

/// A decision as the engine says it.
pub(super) fn decision(decision: v1::Decision, missing: &[String]) -> Decision {
    let missing = missing.iter().map(|name| name.as_str().into()).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(missing.is_empty(), decision != v1::Decision::Conditional);
    match decision {
        v1::Decision::Allowed => Decision::Allowed,
        v1::Decision::Denied => Decision::Denied,
        v1::Decision::Conditional => Decision::Conditional { missing },
        v1::Decision::Unspecified => panic!("it is never sent"),
    }
}
