//! Which revision an answer comes from, and what each token gets.

use std::sync::atomic::Ordering;

use super::*;

/// A process that was stopped between taking a state and answering knows it by the clock.
#[tokio::test]
async fn what_was_taken_before_a_long_sleep_is_not_answered_after_it() {
    let bench = Bench::new().await;
    let Limits { max_staleness, stale_serve_max, .. } = Limits::default();
    let point = bench.newest().await;
    let aged = |age| Age { age, degraded: age > max_staleness };
    for (passes, age) in
        [(Duration::ZERO, Duration::ZERO), (max_staleness, max_staleness), (Duration::from_secs(1), max_staleness + Duration::from_secs(1))]
    {
        bench.clock.pass(passes);
        assert_eq!(point.vintage.servable().unwrap(), aged(age));
    }
    bench.clock.pass(stale_serve_max);
    assert_eq!(point.vintage.servable().unwrap_err().code(), "DH-R017");
    assert!(point.vintage.age().degraded);
}

#[tokio::test]
async fn a_writer_reads_its_own_write_in_every_mode() {
    let bench = Bench::new().await;
    for number in 2..20_u64 {
        let token = bench.touch(&format!("doc:{number}#viewer@user:ada")).await;
        assert_eq!(token.revision, number);
        for consistency in [
            Consistency::MinimizeLatency,
            Consistency::AtLeastAsFresh(token),
            Consistency::AtExactSnapshot(token),
            Consistency::FullyConsistent,
        ] {
            let point = bench.read(consistency).await.unwrap();
            assert_eq!((point.token, point.vintage.age().degraded, point.note), (token, false, None));
        }
    }
}

#[tokio::test]
async fn an_exact_snapshot_is_that_revision_and_no_other() {
    let bench = Bench::new().await;
    let first = bench.touch("doc:1#viewer@user:ada").await;
    bench.touch("doc:2#viewer@user:ada").await;
    let point = bench.read(Consistency::AtExactSnapshot(first)).await.unwrap();
    assert_eq!((point.token, tuples(&point)), (first, vec!["doc:1#viewer@user:ada".to_owned()]));
    assert_eq!(tuples(&bench.newest().await).len(), 2);
}

#[tokio::test]
async fn what_another_server_wrote_is_seen_as_the_mode_promises() {
    let bench = Bench::new().await;
    bench.newest().await;
    let written = bench.faulty.inner().write(bench.store, noon(), &[touch("doc:1#viewer@user:ada")]).await.unwrap();
    let written = written.into_iter().next().unwrap().unwrap().written;
    let token = Token::new(bench.store, written.revision, &written.chain);
    assert_eq!(bench.newest().await.token.revision, 1);
    assert_eq!(bench.read(Consistency::AtLeastAsFresh(token)).await.unwrap().token, token);

    bench.faulty.inner().write(bench.store, noon(), &[touch("doc:2#viewer@user:ada")]).await.unwrap();
    assert_eq!(bench.read(Consistency::FullyConsistent).await.unwrap().token.revision, 3);
}

#[tokio::test]
async fn a_token_beyond_the_head_is_refused_after_one_read_of_it() {
    let bench = Bench::new().await;
    let newest = bench.newest().await.token;
    let future = Token { revision: newest.revision + 1, ..newest };
    for consistency in [Consistency::AtLeastAsFresh(future), Consistency::AtExactSnapshot(future)] {
        let read = bench.faulty.heads_read.load(Ordering::SeqCst);
        let error = bench.read(consistency).await.unwrap_err();
        assert!(matches!(error, ReadError::TooNew { revision: 2, head: 1 }), "{error}");
        assert_eq!(bench.faulty.heads_read.load(Ordering::SeqCst), read + 1);
    }
}

#[tokio::test]
async fn a_token_of_another_history_is_never_misread() {
    let bench = Bench::new().await;
    let ours = bench.touch("doc:1#viewer@user:ada").await;
    let other_store = Token { store: StoreId([9; 16]), ..ours };
    let other_chain = Token { chain: ChainPrefix(*b"anotherc"), ..ours };
    let before_all = Token { revision: 0, ..other_chain };
    for foreign in [other_store, other_chain, before_all] {
        let exact = bench.read(Consistency::AtExactSnapshot(foreign)).await.unwrap_err();
        assert!(matches!(exact, ReadError::Foreign), "{exact}");
        let heads = bench.faulty.heads_read.load(Ordering::SeqCst);
        let fresh = bench.read(Consistency::AtLeastAsFresh(foreign)).await.unwrap();
        assert_eq!(fresh.token, ours);
        assert!(fresh.note.is_some());
        assert_eq!(bench.faulty.heads_read.load(Ordering::SeqCst), heads + 1, "a foreign token gets a fully consistent answer");
    }
}

#[tokio::test]
async fn foreign_tokens_can_be_refused_by_configuration() {
    let bench = Bench::with(Limits::default(), ForeignTokens::Refuse).await;
    let foreign = Token { chain: ChainPrefix(*b"anotherc"), ..bench.newest().await.token };
    assert!(matches!(bench.read(Consistency::AtLeastAsFresh(foreign)).await, Err(ReadError::Foreign)));
}

#[tokio::test]
async fn an_old_token_is_recognised_by_the_log_once_and_then_from_memory() {
    let limits = Limits { hot_window_revisions: 2, ..Limits::default() };
    let bench = Bench::with(limits, ForeignTokens::Answer).await;
    let old = bench.touch("doc:1#viewer@user:ada").await;
    for number in 0..crate::limits::TAIL_ENTRIES.count() + 2 {
        bench.touch(&format!("doc:{number}#viewer@user:bob")).await;
    }
    for _ in 0..2 {
        let point = bench.read(Consistency::AtLeastAsFresh(old)).await.unwrap();
        assert_eq!(point.note, None);
    }
    let forged = Token { chain: ChainPrefix(*b"anotherc"), ..old };
    assert!(bench.read(Consistency::AtLeastAsFresh(forged)).await.unwrap().note.is_some());
    let error = bench.read(Consistency::AtExactSnapshot(old)).await.unwrap_err();
    assert!(matches!(error, ReadError::TooOld { revision: 2, .. }), "{error}");
}

#[tokio::test]
async fn a_node_that_booted_later_serves_the_hot_window_all_the_same() {
    let bench = Bench::new().await;
    let mut tokens = Vec::new();
    for number in 0..250 {
        tokens.push((bench.touch(&format!("doc:{number}#viewer@user:ada")).await, number + 1));
    }
    let later = node(bench.faulty.inner(), &bench.clock, Limits::default(), ForeignTokens::Answer).await;
    for (token, count) in tokens.iter().rev().step_by(37).chain(&tokens[..1]) {
        let point = later.read_at(bench.store, &Consistency::AtExactSnapshot(*token), None).await.unwrap();
        assert_eq!((point.token, tuples(&point).len()), (*token, *count));
    }
    let before_all = Token::new(bench.store, 0, &dhow_engine::entry::Chain::genesis(bench.store));
    let point = later.read_at(bench.store, &Consistency::AtExactSnapshot(before_all), None).await.unwrap();
    assert!(point.state.is_empty() && point.state.latest_schema().is_none());
}

#[tokio::test]
async fn the_window_ends_by_time_as_it_does_by_number() {
    let limits = Limits { hot_window: Duration::from_secs(60), ..Limits::default() };
    let bench = Bench::with(limits, ForeignTokens::Answer).await;
    let first = bench.touch("doc:1#viewer@user:ada").await;
    bench.touch("doc:2#viewer@user:ada").await;
    bench.clock.pass(Duration::from_secs(61));
    bench.touch("doc:3#viewer@user:ada").await;
    assert!(matches!(bench.read(Consistency::AtExactSnapshot(first)).await, Err(ReadError::TooOld { .. })));
    let later = node(bench.faulty.inner(), &bench.clock, limits, ForeignTokens::Answer).await;
    let error = later.read_at(bench.store, &Consistency::AtExactSnapshot(first), None).await.unwrap_err();
    assert!(matches!(error, ReadError::TooOld { revision: 2, oldest: 3 }), "{error}");
}

#[tokio::test]
async fn requests_share_reads_of_the_head() {
    let bench = Arc::new(Bench::new().await);
    bench.newest().await;
    let before = bench.faulty.heads_read.load(Ordering::SeqCst);
    let readers: Vec<_> = (0..200)
        .map(|_| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.read(Consistency::FullyConsistent).await.unwrap() })
        })
        .collect();
    for reader in readers {
        reader.await.unwrap();
    }
    let reads = bench.faulty.heads_read.load(Ordering::SeqCst) - before;
    assert!(reads < 200, "{reads}");
}

#[tokio::test]
async fn a_request_has_one_time_which_is_never_before_its_newest_entry() {
    let bench = Bench::new().await;
    bench.clock.pass(Duration::from_secs(10));
    bench.touch("doc:1#viewer@user:ada").await;
    // The wall clock is set back by a little, which a node follows.
    bench.clock.jump_microseconds(-5_000_000);
    assert_eq!(bench.newest().await.time, noon().plus_microseconds(10_000_000));
    let token = bench.touch("doc:2#viewer@user:ada").await;
    let point = bench.read(Consistency::AtExactSnapshot(token)).await.unwrap();
    assert_eq!(point.state.position().time, noon().plus_microseconds(10_000_000), "an entry's time never goes back");
}

#[tokio::test]
async fn age_is_the_time_since_the_head_was_last_seen() {
    let bench = Bench::new().await;
    bench.read(Consistency::FullyConsistent).await.unwrap();
    bench.clock.pass(Duration::from_secs(4));
    assert_eq!(bench.newest().await.vintage.age().age, Duration::from_secs(4));
    assert_eq!(bench.read(Consistency::FullyConsistent).await.unwrap().vintage.age().age, Duration::ZERO);
    // Nobody else writes an SQLite file: what was committed is the head at any moment.
    let alone = node(bench.faulty.inner(), &bench.clock, Limits::default(), ForeignTokens::Answer).await;
    alone.read_at(bench.store, &Consistency::MinimizeLatency, None).await.unwrap();
    bench.clock.pass(Duration::from_secs(7));
    assert_eq!(alone.read_at(bench.store, &Consistency::MinimizeLatency, None).await.unwrap().vintage.age().age, Duration::ZERO);
}

#[tokio::test]
async fn a_tests_clock_moves_one_store_alone() {
    let bench = Bench::new().await;
    let other = bench.node.create_store("other").await.unwrap().id;
    let moved = bench.node.advance_clock(bench.store, Duration::from_secs(3_600)).await.unwrap();
    assert_eq!(moved, noon().plus_microseconds(3_600_000_000));
    assert_eq!(bench.newest().await.time, moved);
    assert_eq!(bench.node.read_at(other, &Consistency::MinimizeLatency, None).await.unwrap().time, noon());
}

#[tokio::test]
async fn an_unknown_store_leaves_nothing_behind() {
    let bench = Bench::new().await;
    let slots = bench.node.slots.len();
    assert!(matches!(bench.node.resolve("nobody").await, Err(ReadError::NoStore { .. })));
    let unknown = StoreId([3; 16]);
    let error = bench.node.read_at(unknown, &Consistency::MinimizeLatency, None).await.unwrap_err();
    assert_eq!(error.code(), "DH-D009");
    assert_eq!(bench.node.slots.len(), slots);
}
