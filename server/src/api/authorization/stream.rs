//! CheckStream: checks pipelined on one stream, answered as they are decided.
//!
//! A check is read as soon as there is room for it, and goes on once it is known where it is answered. Those that are so far at the same
//! moment are decided together ([`arrived`]); what waits, for a revision or for a thread for heavy work, waits beside the stream.

mod arrived;

use std::future::ready;
use std::sync::Arc;

use dhow_proto::v1;
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::codegen::BoxStream;

use crate::api::deadline::Deadline;
use crate::api::request::RequestError;
use crate::api::{Api, Caller};
use crate::errors::ApiError;
use crate::limits::{CHECK_DEADLINE, CHECKS_TOGETHER};
use arrived::Arrived;

impl Api {
    /// Answers what comes in, at most so many at a time as the limit allows; beyond that nothing more is read. A check that fails is an
    /// answer, too; only a broken stream or a stopping server ends the stream.
    pub(super) fn check_stream(
        &self,
        caller: &Caller,
        requests: impl Stream<Item = Result<v1::CheckStreamRequest, Status>> + Send + 'static,
    ) -> BoxStream<v1::CheckStreamResponse> {
        let most = self.limits.stream_outstanding;
        let (reader, api, identity) = (self.clone(), self.clone(), Arc::clone(&caller.identity));
        let read = move |(request, room)| {
            let deadline = Deadline::after(&reader.clock, CHECK_DEADLINE.duration());
            reader.clone().arrive(Caller { identity: Arc::clone(&identity), deadline }, request, room)
        };
        let answers = as_there_is_room(requests, most)
            .map(read)
            .buffer_unordered(most)
            .ready_chunks(CHECKS_TOGETHER.count())
            .flat_map(move |arrived| arrived::answer_all(&api, arrived))
            .buffer_unordered(most)
            .map(|(answer, _room)| answer);
        self.until_stopped(answers)
    }

    /// Reads a check and finds where it is answered.
    async fn arrive(self, caller: Caller, request: Result<v1::CheckStreamRequest, Status>, room: OwnedSemaphorePermit) -> Arrived {
        let check = match request {
            Err(broken) => Err(broken),
            Ok(v1::CheckStreamRequest { id, request: None }) => Ok((id, Err(RequestError::missing("request").into()))),
            Ok(v1::CheckStreamRequest { id, request: Some(request) }) => Ok((id, self.pose(&caller, request).await)),
        };
        Arrived { check: Box::new(check), room }
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

/// Takes the next one only when fewer than `most` are under way: each has its room until that is dropped.
fn as_there_is_room<T>(stream: impl Stream<Item = T> + Send, most: usize) -> impl Stream<Item = (T, OwnedSemaphorePermit)> + Send {
    let room = Arc::new(Semaphore::new(most));
    stream::unfold(Box::pin(stream), move |mut stream| {
        let room = Arc::clone(&room);
        async move {
            // It is never closed.
            let room = room.acquire_owned().await.ok()?;
            let next = stream.next().await?;
            Some(((next, room), stream))
        }
    })
}

#[cfg(test)]
mod tests;
