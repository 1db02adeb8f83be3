//! Watch while others write: the state and the changes behind it are one history, without a gap and without a repetition.

use std::collections::BTreeMap;
use std::sync::Arc;

use v1::change::Operation;
use v1::watch_response::Event;

use super::*;

/// The identity of a tuple, and all of it.
fn keyed(tuple: v1::Tuple) -> (String, String) {
    let tuple = crate::api::convert::tuple(tuple).unwrap();
    (tuple.key.to_string(), tuple.to_string())
}

/// What a watcher that began with the current state has seen when it has got to a revision.
async fn watched(bench: &Bench, until: u64) -> Vec<String> {
    let request = v1::WatchRequest { from_current_state: true, ..Default::default() };
    let mut stream = bench.relationships().watch(bench.request(request)).await.unwrap().into_inner();
    let (mut seen, mut revision) = (BTreeMap::new(), None);
    while revision.is_none_or(|revision| revision < until) {
        let message = stream.next().await.unwrap().unwrap();
        match message.event.unwrap() {
            Event::State(state) => {
                seen.extend(state.tuples.into_iter().map(keyed));
                revision = state.complete.then_some(message.revision);
            }
            Event::Changes(changes) => {
                assert_eq!(revision.replace(message.revision).map(|before| before + 1), Some(message.revision));
                for change in changes.changes {
                    let (before, after) = (change.before.map(keyed), change.after.map(keyed));
                    let (key, _) = before.clone().or_else(|| after.clone()).unwrap();
                    assert_eq!(seen.remove(&key), before.map(|(_, tuple)| tuple), "{key} at {}", message.revision);
                    seen.extend(after);
                }
            }
            Event::Schema(_) => panic!("no schema is written meanwhile"),
            Event::Heartbeat(_) => {}
        }
    }
    seen.into_values().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn state_and_changes_are_one_history_whenever_a_watch_begins() {
    let bench = Arc::new(Bench::with(&["document:0#viewer@user:ada"]).await);
    let (first, writes) = (bench.revision().await, 150_u64);
    let writing = Arc::clone(&bench);
    let writer = tokio::spawn(async move {
        for number in 0..writes {
            let place = number * 7 % 11;
            let plain = format!("document:{place}#viewer@user:bob");
            let changes = match number % 3 {
                0 => vec![change(Operation::Touch, &plain), change(Operation::Touch, &format!("document:n{number}#viewer@user:ada"))],
                1 => vec![
                    change(Operation::Touch, &format!("{plain}[weekday]")),
                    change(Operation::Touch, &format!("folder:{number}#viewer@user:ada")),
                ],
                _ => vec![
                    change(Operation::Delete, &plain),
                    change(Operation::Delete, &format!("document:n{}#viewer@user:ada", number - 2)),
                    change(Operation::Touch, &format!("team:{number}#member@user:ada")),
                ],
            };
            writing.write(changes).await.unwrap();
        }
    });
    let mut watchers = Vec::new();
    for begun in 0..8 {
        while bench.revision().await < first + begun * writes / 8 {
            tokio::task::yield_now().await;
        }
        let bench = Arc::clone(&bench);
        watchers.push(tokio::spawn(async move { watched(&bench, first + writes).await }));
    }
    writer.await.unwrap();
    let tuples = bench.tuples().await;
    for watcher in watchers {
        assert_eq!(watcher.await.unwrap(), tuples);
    }
}
