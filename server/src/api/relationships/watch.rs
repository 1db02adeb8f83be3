//! Watch: the log, read on; perhaps beginning with the current state.

use std::sync::Arc;
use std::time::Duration;

use dhow_engine::entry::{Body, Change};
use dhow_engine::filter::TupleFilter;
use dhow_proto::v1;
use dhow_proto::v1::watch_response::Event;
use futures_util::{StreamExt, stream};
use tonic::Status;
use tonic::codegen::BoxStream;

use super::read::Scan;
use crate::api::paging::{Page, hash};
use crate::api::request::at_most;
use crate::api::target::conflict;
use crate::api::{Api, Caller, convert};
use crate::errors::ApiError;
use crate::limits::{WATCH_FILTERS, WATCH_HEARTBEAT_DEFAULT, WATCH_HEARTBEAT_MAX, WATCH_HEARTBEAT_MIN};
use crate::node::token::Token;
use crate::node::{Consistency, ReadPoint, Watched};

/// What a watcher wants to see.
#[derive(Debug, Clone)]
struct Wanted {
    filters: Arc<[TupleFilter]>,
    schemas: bool,
}

impl Api {
    /// Entries as they come, those that matter to the watcher; heartbeats where nothing comes.
    pub(super) async fn watch(&self, caller: &Caller, request: v1::WatchRequest) -> Result<BoxStream<v1::WatchResponse>, ApiError> {
        if request.from_current_state && !request.after_token.is_empty() {
            return Err(conflict("from_current_state", "after_token").into());
        }
        at_most(&WATCH_FILTERS, "filters", request.filters.len())?;
        let filters = request.filters.into_iter().enumerate();
        let filters = filters.map(|(i, filter)| convert::filter(Some(filter)).map_err(|error| error.within(format!("filters[{i}]"))));
        let wanted = Wanted { filters: filters.collect::<Result<_, _>>()?, schemas: !request.without_schema_changes };
        let info = self.store(&caller.identity, &request.store).await?;
        let point = self.node.read_at(info.id, &Consistency::FullyConsistent, Some(caller.deadline.left())).await?;
        let after: Token = if request.after_token.is_empty() { point.token } else { request.after_token.parse()? };
        let entries = self.node.watch(info.id, after).await?;
        let state = request.from_current_state.then(|| state(&point, &wanted));
        let entries = with_heartbeats(entries, after, heartbeat(request.heartbeat_ms), wanted);
        match state {
            Some(state) => Ok(self.until_stopped(state.chain(entries))),
            None => Ok(self.until_stopped(entries)),
        }
    }
}

fn heartbeat(ms: u32) -> Duration {
    match ms {
        0 => WATCH_HEARTBEAT_DEFAULT.duration(),
        ms => Duration::from_millis(u64::from(ms)).clamp(WATCH_HEARTBEAT_MIN.duration(), WATCH_HEARTBEAT_MAX.duration()),
    }
}

/// The tuples that there are, in parts; the last part says that it is the last.
fn state(point: &ReadPoint, wanted: &Wanted) -> BoxStream<v1::WatchResponse> {
    let (token, revision, time) = (point.token.to_string(), point.token.revision, point.state.position().time);
    let respond = move |tuples, complete| v1::WatchResponse {
        token: token.clone(),
        revision,
        time: Some(convert::timestamp_to_wire(time)),
        event: Some(Event::State(v1::WatchState { tuples, complete })),
        ..v1::WatchResponse::default()
    };
    let request = hash("Watch", &v1::WatchRequest::default());
    let cursor = crate::node::cursor::Cursor { at: point.token, schema_version: 0, request, time, last_key: Vec::new() };
    // One filter narrows the scan; several are looked at tuple by tuple.
    let filter = match &*wanted.filters {
        [only] => only.clone(),
        [] | [_, ..] => TupleFilter::default(),
    };
    let scan = Scan { state: point.state.clone(), filter, unexpired_at: None, deadline: None };
    let (several, respond_last) = (Arc::clone(&wanted.filters), respond.clone());
    let parts = scan.stream(Page::first(None, cursor), move |tuples, _| tuples);
    let parts = parts.map(move |tuples: Result<Vec<v1::Tuple>, Status>| {
        let mut tuples = tuples?;
        tuples.retain(|tuple| several.len() < 2 || convert::tuple(tuple.clone()).is_ok_and(|tuple| matches_any(&several, &tuple.key)));
        Ok(respond(tuples, false))
    });
    Box::pin(parts.chain(stream::once(async move { Ok(respond_last(Vec::new(), true)) })))
}

fn matches_any(filters: &[TupleFilter], key: &dhow_engine::tuple::TupleKey) -> bool {
    filters.is_empty() || filters.iter().any(|filter| filter.matches(key))
}

/// The entries that matter, and heartbeats that carry the newest token in between.
fn with_heartbeats(
    entries: impl futures_util::Stream<Item = Result<Watched, crate::node::ReadError>> + Send + 'static,
    after: Token,
    every: Duration,
    wanted: Wanted,
) -> BoxStream<v1::WatchResponse> {
    let state = (Box::pin(entries), after, wanted);
    Box::pin(stream::try_unfold(state, move |(mut entries, mut seen, wanted)| async move {
        let beat = tokio::time::sleep(every);
        tokio::pin!(beat);
        loop {
            tokio::select! {
                // The heartbeat comes first: many entries that do not matter to the watcher must not put it off.
                biased;
                () = &mut beat => {
                    let heartbeat = v1::WatchResponse {
                        token: seen.to_string(),
                        revision: seen.revision,
                        event: Some(Event::Heartbeat(v1::WatchHeartbeat {})),
                        ..v1::WatchResponse::default()
                    };
                    return Ok(Some((heartbeat, (entries, seen, wanted))));
                }
                next = entries.next() => match next {
                    None => return Ok(None),
                    Some(watched) => {
                        let watched = watched.map_err(ApiError::from)?;
                        seen = watched.token;
                        if let Some(event) = event(&watched, &wanted) {
                            return Ok::<_, Status>(Some((response(&watched, event), (entries, seen, wanted))));
                        }
                    }
                },
            }
        }
    }))
}

fn response(watched: &Watched, event: Event) -> v1::WatchResponse {
    v1::WatchResponse {
        token: watched.token.to_string(),
        revision: watched.entry.revision,
        time: Some(convert::timestamp_to_wire(watched.entry.time)),
        actor: watched.entry.actor.clone(),
        request_id: watched.entry.request_id.clone(),
        event: Some(event),
    }
}

/// What a watcher gets of an entry, if anything.
fn event(watched: &Watched, wanted: &Wanted) -> Option<Event> {
    match &watched.entry.body {
        Body::Schema(schema) => wanted.schemas.then_some(Event::Schema(v1::WatchSchema { version: schema.version })),
        Body::Changes(changes) => {
            let matching = |change: &&Change| change.key().is_some_and(|key| matches_any(&wanted.filters, key));
            let changes: Vec<_> = changes.iter().filter(matching).map(change_to_wire).collect();
            (!changes.is_empty()).then_some(Event::Changes(v1::WatchChanges { changes }))
        }
    }
}

fn change_to_wire(change: &Change) -> v1::TupleChange {
    v1::TupleChange { before: change.before().map(convert::tuple_to_wire), after: change.after().map(convert::tuple_to_wire) }
}

#[cfg(test)]
mod tests {
    use dhow_engine::digest::Digest;
    use dhow_engine::entry::{Chain, Entry, StoreId};
    use dhow_engine::time::Timestamp;

    use super::*;

    #[tokio::test]
    async fn entries_that_do_not_matter_do_not_put_off_a_heartbeat() {
        let store = StoreId([7; 16]);
        let watched = move |revision| {
            let body = Body::Changes(Vec::new());
            let (time, actor, digest) = (Timestamp::MIN, String::new(), Digest::default());
            let entry = Arc::new(Entry { store, revision, time, actor, request_id: String::new(), body, digest });
            Watched { entry, token: Token::new(store, revision, &Chain::genesis(store)) }
        };
        // There is always a next entry, and time passes between them.
        let entries = stream::unfold(1, move |revision| async move {
            tokio::task::yield_now().await;
            Some((Ok(watched(revision)), revision + 1))
        });
        let wanted = Wanted { filters: Arc::new([]), schemas: false };
        let after = Token::new(store, 0, &Chain::genesis(store));
        let mut watch = with_heartbeats(entries, after, Duration::from_millis(1), wanted);
        let mut seen = 0;
        for _ in 0..3 {
            let heartbeat = watch.next().await.unwrap().unwrap();
            assert!(matches!(heartbeat.event, Some(Event::Heartbeat(_))));
            assert!(heartbeat.revision > seen, "a heartbeat carries the newest token");
            seen = heartbeat.revision;
        }
    }
}
