//! Read and Export: tuples that match a filter, at one revision.

use std::sync::Arc;

use dhow_engine::eval::EvalError;
use dhow_engine::filter::TupleFilter;
use dhow_engine::state::State;
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_proto::v1;
use tonic::codegen::BoxStream;

use crate::api::deadline::Deadline;
use crate::api::paging::{Fetched, Page, check_size, hash};
use crate::api::target::Paged;
use crate::api::{Api, Caller, convert};
use crate::errors::ApiError;
use crate::limits::MESSAGE_TUPLE_BYTES;
use crate::node::ReadError;
use crate::node::cursor::CursorError;

/// How many tuples a read looks at before it lets others work.
const SCAN_PART: usize = 20_000;

/// What a scan goes over.
pub(super) struct Scan {
    pub(super) state: State,
    pub(super) filter: TupleFilter,
    /// Leave out what has expired by then.
    pub(super) unexpired_at: Option<Timestamp>,
    /// Until when, if it is to end.
    pub(super) deadline: Option<Deadline>,
}

impl Scan {
    /// At most `limit` tuples behind a key, in key order; looks at no more than a part of the store.
    fn part(&self, behind: Option<Vec<u8>>, limit: usize) -> Result<Fetched<Arc<Tuple>>, ApiError> {
        let behind: Option<TupleKey> = match behind {
            None => None,
            Some(bytes) => Some(borsh::from_slice(&bytes).map_err(|_| CursorError::Malformed)?),
        };
        if let Some(deadline) = self.deadline.as_ref().filter(|deadline| deadline.passed()) {
            return Err(ReadError::Deadline { allowed: deadline.allowed() }.into());
        }
        let (mut items, mut last, mut looked_at, mut bytes) = (Vec::new(), None, 0_usize, 0_usize);
        let mut found = self.state.scan(&self.filter, behind.as_ref());
        while items.len() < limit && looked_at < SCAN_PART && bytes < MESSAGE_TUPLE_BYTES.count() {
            let Some(tuple) = found.next() else {
                self.state.intact().map_err(EvalError::from)?;
                return Ok(Fetched { items, next: None });
            };
            looked_at += 1;
            last = Some(tuple.key.clone());
            if self.unexpired_at.is_none_or(|time| !tuple.is_expired(time)) {
                bytes = bytes.saturating_add(tuple.canonical_bytes().len());
                items.push(tuple);
            }
        }
        let more = found.next().is_some();
        self.state.intact().map_err(EvalError::from)?;
        let next = last.filter(|_| more).map(|key| borsh::to_vec(&key)).transpose().map_err(|_| CursorError::Malformed)?;
        Ok(Fetched { items, next })
    }

    /// The messages of a page.
    pub(super) fn stream<M: Send + 'static>(
        self,
        page: Page,
        message: impl Fn(Vec<v1::Tuple>, String) -> M + Send + 'static,
    ) -> BoxStream<M> {
        let scan = Arc::new(self);
        let fetch = move |behind, limit| {
            let scan = Arc::clone(&scan);
            async move {
                tokio::task::yield_now().await;
                scan.part(behind, limit)
            }
        };
        page.stream(fetch, move |items: Vec<Arc<Tuple>>, next| {
            message(items.iter().map(|tuple| convert::tuple_to_wire(tuple)).collect(), next)
        })
    }
}

impl Api {
    /// Tuples that match a filter.
    pub(super) async fn read(&self, caller: &Caller, mut request: v1::ReadRequest) -> Result<BoxStream<v1::ReadResponse>, ApiError> {
        let (page_size, cursor) = (std::mem::take(&mut request.page_size), std::mem::take(&mut request.cursor));
        let request_hash = hash("Read", &request);
        let size = check_size(page_size)?;
        let filter = convert::filter(request.filter).map_err(|error| error.within("filter"))?;
        let paged = Paged { cursor: &cursor, request: request_hash };
        let (session, cursor) = self.paged_session(caller, &request.store, request.consistency, 0, paged).await?;
        let page = match cursor {
            Some(cursor) => Page::behind(size, cursor),
            None => Page::first(size, session.cursor(request_hash)),
        };
        let answered_at = session.answered_at()?;
        let unexpired_at = (!request.include_expired).then_some(session.point.time);
        let scan = Scan { state: session.point.state, filter, unexpired_at, deadline: Some(session.deadline) };
        Ok(scan.stream(page, move |tuples, next_cursor| v1::ReadResponse { answered_at: Some(answered_at.clone()), tuples, next_cursor }))
    }

    /// All tuples that match a filter, expired ones included: what goes in again by Import makes the same store.
    pub(super) async fn export(&self, caller: &Caller, request: v1::ExportRequest) -> Result<BoxStream<v1::ExportResponse>, ApiError> {
        let request_hash = hash("Export", &request);
        let filter = convert::filter(request.filter).map_err(|error| error.within("filter"))?;
        let session = self.session(caller, &request.store, request.consistency, 0).await?;
        let page = Page::first(None, session.cursor(request_hash));
        let answered_at = session.answered_at()?;
        let scan = Scan { state: session.point.state, filter, unexpired_at: None, deadline: None };
        let export = scan.stream(page, move |tuples, _| v1::ExportResponse { answered_at: Some(answered_at.clone()), tuples });
        Ok(self.until_stopped(export))
    }
}
