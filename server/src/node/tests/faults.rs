//! Writes when the database fails, loses the connection, or the clock jumps.

use super::faulty::Fault;
use super::*;

#[tokio::test]
async fn a_batch_that_fails_is_tried_one_by_one() {
    let bench = Arc::new(Bench::new().await);
    // The first write occupies the committer, so that the others share a transaction, which fails.
    bench.faulty.next_writes([Fault::Fails, Fault::Fails]);
    let writers: Vec<_> = (0..10)
        .map(|number| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.try_touch(&format!("doc:{number}#viewer@user:ada")).await })
        })
        .collect();
    let mut failed = 0;
    for writer in writers {
        match writer.await.unwrap() {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.code(), "DH-D006", "{error}");
                failed += 1;
            }
        }
    }
    // At most two writes were alone in a transaction that failed; what was in a batch got in.
    assert!(failed <= 2, "{failed}");
    assert_eq!(tuples(&bench.newest().await).len(), 10 - failed);
}

#[tokio::test]
async fn a_connection_lost_at_commit_is_looked_up_and_nothing_is_written_twice() {
    let bench = Bench::new().await;
    bench.faulty.next_writes([Fault::LostAfterCommit]);
    let token = bench.touch("doc:1#viewer@user:ada").await;
    assert_eq!(token.revision, 2);
    assert_eq!(tuples(&bench.newest().await), ["doc:1#viewer@user:ada"]);

    bench.faulty.next_writes([Fault::LostBeforeCommit]);
    let error = bench.node.write(bench.store, touch_as("doc:2#viewer@user:ada", "again"), None).await.unwrap_err();
    // Its request id tells that it is not in, so this is no doubt any more.
    assert_eq!(error.code(), "DH-D006");
    let outcome = bench.node.write(bench.store, touch_as("doc:2#viewer@user:ada", "again"), None).await.unwrap();
    assert_eq!((outcome.token.revision, outcome.repeated), (3, false));
    let outcome = bench.node.write(bench.store, touch_as("doc:2#viewer@user:ada", "again"), None).await.unwrap();
    assert_eq!((outcome.token.revision, outcome.repeated), (3, true));
}

#[tokio::test]
async fn a_write_is_answered_after_this_node_has_applied_it() {
    let bench = Bench::new().await;
    bench.faulty.next_writes([Fault::Elsewhere]);
    let token = bench.touch("doc:1#viewer@user:ada").await;
    assert_eq!(bench.newest().await.token, token);
}

#[tokio::test]
async fn after_the_clock_jumped_ahead_nothing_is_written_with_its_time() {
    let bench = Bench::new().await;
    bench.clock.jump_microseconds(3_600_000_000);
    let error = bench.try_touch("doc:1#viewer@user:ada").await.unwrap_err();
    assert!(matches!(error, WriteError::ClockJumped { ahead_s: 3_600 }), "{error}");
    assert_eq!(bench.schema("definition user {}").await.unwrap_err().code(), "DH-W012");
    assert_eq!(bench.newest().await.time, noon());
    bench.clock.jump_microseconds(-3_600_000_000);
    bench.touch("doc:1#viewer@user:ada").await;
}

#[tokio::test]
async fn what_waits_when_the_node_closes_is_written_and_what_comes_later_refused() {
    let bench = Arc::new(Bench::new().await);
    let writers: Vec<_> = (0..50)
        .map(|number| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.try_touch(&format!("doc:{number}#viewer@user:ada")).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let inner = bench.faulty.inner();
    let head_before = inner.head(bench.store).await.unwrap().revision;
    bench.node.close().await;
    let mut written = 0;
    for writer in writers {
        match writer.await.unwrap() {
            Ok(_) => written += 1,
            Err(error) => assert!(matches!(error, WriteError::ShuttingDown), "{error}"),
        }
    }
    assert!(head_before <= 1 + written);
    assert_eq!(bench.try_touch("doc:x#viewer@user:ada").await.unwrap_err().code(), "DH-W017");
    assert_eq!(tuples(&bench.newest().await).len(), usize::try_from(written).unwrap());
}

#[tokio::test]
async fn many_writers_get_gapless_revisions_of_their_own() {
    let bench = Arc::new(Bench::new().await);
    let writers: Vec<_> = (0..100)
        .map(|number| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.touch(&format!("doc:{number}#viewer@user:ada")).await.revision })
        })
        .collect();
    let mut revisions = Vec::new();
    for writer in writers {
        revisions.push(writer.await.unwrap());
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..=101).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_write_that_hits_a_defect_is_not_the_last_one() {
    let bench = Bench::new().await;
    bench.faulty.next_writes([Fault::Panics]);
    let error = bench.node.write(bench.store, touch_as("doc:1#viewer@user:ada", "again"), None).await.unwrap_err();
    assert_eq!(error.code(), "DH-W015", "{error}");
    let outcome = bench.node.write(bench.store, touch_as("doc:1#viewer@user:ada", "again"), None).await.unwrap();
    assert_eq!((outcome.token.revision, outcome.repeated), (2, false));
    assert_eq!(tuples(&bench.newest().await), ["doc:1#viewer@user:ada"]);
}

#[tokio::test]
async fn a_store_made_or_removed_without_an_answer_is_looked_up() {
    let bench = Bench::new().await;
    bench.faulty.lose_stores.store(true, std::sync::atomic::Ordering::SeqCst);
    bench.node.create_store("other").await.unwrap();
    assert_eq!(bench.node.resolve("other").await.unwrap().name, "other");
    bench.node.delete_store(bench.store).await.unwrap();
    assert_eq!(bench.read(Consistency::MinimizeLatency).await.unwrap_err().code(), "DH-D009");
    assert_eq!(bench.node.resolve("main").await.unwrap_err().code(), "DH-R010");
}
