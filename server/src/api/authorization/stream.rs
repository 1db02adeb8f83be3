//! CheckStream: checks pipelined on one stream, answered as they are decided.

use std::future::ready;

use dhow_proto::v1;
use dhow_proto::v1::check_stream_response::Outcome;
use futures_util::{Stream, StreamExt, stream};
use tonic::Status;
use tonic::codegen::BoxStream;

use crate::api::deadline::Deadline;
use crate::api::request::RequestError;
use crate::api::{Api, Caller};
use crate::errors::{ApiError, to_rpc_status};
use crate::limits::CHECK_DEADLINE;

impl Api {
    /// Answers what comes in, at most so many at a time as the limit allows; beyond that nothing more is read. A check that fails is an
    /// answer, too; only a broken stream or a stopping server ends the stream.
    pub(super) fn check_stream(
        &self,
        caller: &Caller,
        requests: impl Stream<Item = Result<v1::CheckStreamRequest, Status>> + Send + 'static,
    ) -> BoxStream<v1::CheckStreamResponse> {
        let (api, caller) = (self.clone(), caller.clone());
        let answers = requests.map(move |request| {
            let api = api.clone();
            let caller = Caller { identity: caller.identity.clone(), deadline: Deadline::after(&api.clock, CHECK_DEADLINE.duration()) };
            async move {
                let v1::CheckStreamRequest { id, request } = request?;
                let answer = match request {
                    Some(request) => api.check(&caller, request).await,
                    None => Err(RequestError::missing("request").into()),
                };
                let outcome = match answer {
                    Ok(response) => Outcome::Response(response),
                    Err(error) => Outcome::Error(to_rpc_status(error)),
                };
                Ok(v1::CheckStreamResponse { id, outcome: Some(outcome) })
            }
        });
        self.until_stopped(answers.buffer_unordered(self.limits.stream_outstanding))
    }

    /// The stream, ended with an error when the server stops.
    pub(in crate::api) fn until_stopped<T: Send + 'static>(
        &self,
        stream: impl Stream<Item = Result<T, Status>> + Send + 'static,
    ) -> BoxStream<T> {
        let mut stopping = self.stopping.clone();
        let stopped = self.stopping.clone();
        let stop = async move {
            // An error means that nobody is left who could stop the server.
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        let notice = stream::once(async move { stopped.borrow().then(|| Err(ApiError::Stopping.into())) });
        Box::pin(stream.take_until(Box::pin(stop)).chain(notice.filter_map(ready)))
    }
}
