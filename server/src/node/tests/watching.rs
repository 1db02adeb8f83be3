//! Watchers: every entry once, in order, from anywhere in the log.

use futures_util::{FutureExt, StreamExt};

use super::*;

#[tokio::test]
async fn a_watcher_sees_every_entry_once_and_in_order_whenever_it_began() {
    let bench = Arc::new(Bench::new().await);
    let mut tokens = vec![bench.newest().await.token];
    for number in 0..20 {
        tokens.push(bench.touch(&format!("doc:{number}#viewer@user:ada")).await);
    }
    // One node has the entries in memory, the other one has to read the log.
    let later = node(bench.faulty.inner(), &bench.clock, Limits::default(), ForeignTokens::Answer).await;
    for watched in [&bench.node, &later] {
        for (place, after) in tokens.iter().enumerate() {
            let entries = watched.watch(bench.store, *after).await.unwrap();
            let found: Vec<_> = entries.take(tokens.len() - 1 - place).map(|entry| entry.unwrap().token).collect().await;
            assert_eq!(found, tokens[place + 1..]);
        }
    }
    let newest = *tokens.last().unwrap();
    let mut entries = Box::pin(bench.node.watch(bench.store, newest).await.unwrap());
    let writer = Arc::clone(&bench);
    let written = tokio::spawn(async move { writer.touch("doc:late#viewer@user:ada").await });
    let seen = entries.next().await.unwrap().unwrap();
    assert_eq!(seen.token, written.await.unwrap());
    assert_eq!((seen.entry.actor.as_str(), seen.entry.revision), ("tester", newest.revision + 1));
}

#[tokio::test]
async fn a_watcher_is_told_when_its_store_or_history_goes() {
    let bench = Bench::new().await;
    let after = bench.newest().await.token;
    let mut entries = Box::pin(bench.node.watch(bench.store, after).await.unwrap());
    bench.node.delete_store(bench.store).await.unwrap();
    assert!(matches!(entries.next().await, Some(Err(ReadError::NoStore { .. }))));
    assert!(entries.next().await.is_none());
    assert_eq!(bench.read(Consistency::MinimizeLatency).await.unwrap_err().code(), "DH-D009");
    assert!(bench.try_touch("doc:1#viewer@user:ada").await.is_err());
    assert!(bench.node.delete_store(bench.store).await.is_err());
    assert_ne!(bench.node.create_store("main").await.unwrap().id, bench.store);
}

#[tokio::test]
async fn a_position_of_another_history_cannot_be_watched_from() {
    let bench = Bench::new().await;
    let ours = bench.newest().await.token;
    let foreign = Token { chain: ChainPrefix(*b"anotherc"), ..ours };
    assert!(matches!(bench.node.watch(bench.store, foreign).await.err(), Some(ReadError::Foreign)));
    let future = Token { revision: 99, ..ours };
    assert!(matches!(bench.node.watch(bench.store, future).await.err(), Some(ReadError::TooNew { .. })));
}

#[tokio::test]
async fn a_watcher_never_reads_on_in_a_history_that_was_put_in_place() {
    let bench = Bench::new().await;
    let after = bench.newest().await.token;
    for number in 0..5 {
        bench.touch(&format!("doc:{number}#viewer@user:ada")).await;
    }
    // This node has no entries in memory, so the watcher reads the database, which becomes another one.
    let faulty = Arc::new(Faulty::new(bench.faulty.inner()));
    let later = node(Arc::clone(&faulty) as Arc<dyn Datastore>, &bench.clock, Limits::default(), ForeignTokens::Answer).await;
    let mut entries = Box::pin(later.watch(bench.store, after).await.unwrap());
    faulty.exchange(super::history::other_history(&bench, &["doc:9#viewer@user:eve", "doc:8#viewer@user:eve"]).await);
    assert!(matches!(entries.next().await, Some(Err(ReadError::HistoryReplaced))));
}

#[tokio::test]
async fn a_store_that_is_removed_while_it_is_being_loaded_is_gone_for_its_watchers() {
    let bench = Bench::new().await;
    let after = bench.newest().await.token;
    let faulty = Arc::new(Faulty::new(bench.faulty.inner()));
    let later = node(Arc::clone(&faulty) as Arc<dyn Datastore>, &bench.clock, Limits::default(), ForeignTokens::Answer).await;
    faulty.hold_loads();
    let (watching, store) = (Arc::clone(&later), bench.store);
    let entries = tokio::spawn(async move { watching.watch(store, after).await.map(Box::pin) });
    while faulty.loads.load(std::sync::atomic::Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    later.delete_store(bench.store).await.unwrap();
    faulty.release_loads();
    let mut entries = entries.await.unwrap().unwrap();
    assert!(matches!(entries.next().now_or_never(), Some(Some(Err(ReadError::NoStore { .. })))));
}
