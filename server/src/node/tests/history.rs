//! Another history in the place of the one that was folded, and a log that is damaged.

use std::sync::atomic::Ordering;

use super::faulty::LogFault;
use super::*;

/// A database with the same store, whose history is another one.
pub(super) async fn other_history(bench: &Bench, tuples: &[&str]) -> Arc<dyn Datastore> {
    let other = database().await;
    let info = bench.node.resolve("main").await.unwrap();
    other.create_store(&info).await.unwrap();
    let command = SchemaCommand {
        source: SchemaSource::native(SCHEMA),
        expected_version: None,
        allow_orphans: false,
        actor: "other".into(),
        dry_run: false,
    };
    other.write_schema(info.id, noon(), &command).await.unwrap();
    for tuple in tuples {
        other.write(info.id, noon(), &[touch(tuple)]).await.unwrap();
    }
    other
}

#[tokio::test]
async fn a_restored_backup_is_noticed_and_tokens_of_the_lost_revisions_are_not_misread() {
    for restored in [&["doc:9#viewer@user:eve"][..], &["doc:9#viewer@user:eve", "doc:8#viewer@user:eve", "doc:7#viewer@user:eve"]] {
        let bench = Bench::new().await;
        bench.touch("doc:1#viewer@user:ada").await;
        let lost = bench.touch("doc:2#viewer@user:ada").await;
        bench.faulty.exchange(other_history(&bench, restored).await);
        let point = bench.read(Consistency::FullyConsistent).await.unwrap();
        assert_eq!(tuples(&point).len(), restored.len());
        assert!(tuples(&point).iter().all(|tuple| tuple.ends_with("user:eve")));
        let error = bench.read(Consistency::AtExactSnapshot(lost)).await.unwrap_err();
        assert!(matches!(error, ReadError::Foreign | ReadError::TooNew { .. }), "{error}");
        bench.touch("doc:3#viewer@user:ada").await;
        assert_eq!(tuples(&bench.newest().await).len(), restored.len() + 1);
    }
}

#[tokio::test]
async fn an_old_dump_of_the_same_history_is_noticed_by_its_head() {
    let bench = Bench::new().await;
    let dump = database().await;
    dump.create_store(&bench.node.resolve("main").await.unwrap()).await.unwrap();
    let command = SchemaCommand {
        source: SchemaSource::native(SCHEMA),
        expected_version: None,
        allow_orphans: false,
        actor: "tester".into(),
        dry_run: false,
    };
    dump.write_schema(bench.store, noon(), &command).await.unwrap();
    dump.write(bench.store, noon(), &[touch_as("doc:1#viewer@user:ada", "one")]).await.unwrap();
    let kept = bench.node.write(bench.store, touch_as("doc:1#viewer@user:ada", "one"), None).await.unwrap().token;
    let lost = bench.touch("doc:2#viewer@user:ada").await;
    bench.faulty.exchange(dump);
    let point = bench.read(Consistency::FullyConsistent).await.unwrap();
    assert_eq!((point.token, tuples(&point)), (kept, vec!["doc:1#viewer@user:ada".to_owned()]));
    assert_eq!(bench.read(Consistency::AtLeastAsFresh(kept)).await.unwrap().note, None);
    let error = bench.read(Consistency::AtLeastAsFresh(lost)).await.unwrap_err();
    assert!(matches!(error, ReadError::TooNew { revision: 3, head: 2 }), "{error}");
}

#[tokio::test]
async fn who_wrote_a_revision_is_told_of_the_own_history_alone() {
    let bench = Bench::new().await;
    let first = bench.touch("doc:1#viewer@user:ada").await;
    bench.touch("doc:2#viewer@user:ada").await;
    let points = [bench.newest().await, bench.read(Consistency::AtExactSnapshot(first)).await.unwrap()];
    let other = other_history(&bench, &["doc:9#viewer@user:eve", "doc:8#viewer@user:eve"]).await;
    for point in &points {
        let labels = bench.node.labels(point, [1, 2, 9].into()).await.unwrap();
        let told: Vec<_> = labels.values().map(|label| (label.revision, &*label.actor, label.time)).collect();
        assert_eq!(told, [(1, "tester", noon()), (2, "tester", noon())]);
        assert!(bench.node.labels(point, [].into()).await.unwrap().is_empty());
    }
    // Not noticed yet: its revisions have the same numbers.
    bench.faulty.exchange(other);
    for point in &points {
        assert!(bench.node.labels(point, [1, 2].into()).await.unwrap().is_empty());
    }
    bench.node.delete_store(bench.store).await.unwrap();
    assert_eq!(bench.node.labels(&points[0], [1].into()).await.unwrap_err().code(), "DH-D009");
}

#[tokio::test]
async fn a_write_onto_another_history_is_not_folded_onto_the_old_one() {
    let bench = Bench::new().await;
    bench.touch("doc:1#viewer@user:ada").await;
    bench.faulty.exchange(other_history(&bench, &["doc:9#viewer@user:eve"]).await);
    bench.touch("doc:2#viewer@user:ada").await;
    assert_eq!(tuples(&bench.newest().await), ["doc:2#viewer@user:ada", "doc:9#viewer@user:eve"]);
}

#[tokio::test]
async fn a_skipped_repeated_exchanged_or_altered_entry_is_caught_and_healed_once() {
    for fault in [LogFault::Skips, LogFault::Repeats, LogFault::Reorders, LogFault::Alters] {
        let bench = Bench::new().await;
        bench.newest().await;
        for number in 0..5 {
            let batch = [touch(&format!("doc:{number}#viewer@user:ada"))];
            bench.faulty.inner().write(bench.store, noon(), &batch).await.unwrap();
        }
        let loads = bench.faulty.loads.load(Ordering::SeqCst);
        bench.faulty.log_faults.lock().unwrap().push_back(fault);
        let point = bench.read(Consistency::FullyConsistent).await.unwrap();
        assert_eq!(tuples(&point).len(), 5, "{fault:?}");
        assert_eq!(bench.faulty.loads.load(Ordering::SeqCst), loads + 1, "{fault:?}");
        assert_eq!(point.state.recomputed_digest(), *point.state.digest());
        bench.touch("doc:x#viewer@user:ada").await;
    }
}

#[tokio::test]
async fn a_store_whose_log_never_folds_is_set_aside_without_a_reload_loop() {
    let bench = Bench::new().await;
    let other = bench.node.create_store("other").await.unwrap().id;
    bench.newest().await;
    let altered = std::iter::repeat_n(LogFault::Alters, 100);
    bench.faulty.log_faults.lock().unwrap().extend(altered);
    let mut set_aside = None;
    for round in 0..10 {
        for number in 0..2 {
            let batch = [touch(&format!("doc:{round}-{number}#viewer@user:ada"))];
            bench.faulty.inner().write(bench.store, noon(), &batch).await.unwrap();
        }
        if let Err(error) = bench.read(Consistency::FullyConsistent).await {
            set_aside = Some(error);
            break;
        }
    }
    assert_eq!(set_aside.unwrap().code(), "DH-D010");
    let loads = bench.faulty.loads.load(Ordering::SeqCst);
    for consistency in [Consistency::MinimizeLatency, Consistency::FullyConsistent] {
        assert_eq!(bench.read(consistency).await.unwrap_err().code(), "DH-D010");
    }
    assert!(bench.try_touch("doc:x#viewer@user:ada").await.is_err());
    assert_eq!(bench.faulty.loads.load(Ordering::SeqCst), loads);
    bench.node.read_at(other, &Consistency::FullyConsistent, None).await.unwrap();
}

#[tokio::test]
async fn a_fold_is_mended_once_even_if_nobody_waits_for_so_long() {
    let bench = Bench::new().await;
    bench.touch("doc:1#viewer@user:ada").await;
    bench.faulty.exchange(other_history(&bench, &[]).await);
    let loads = bench.faulty.loads.load(Ordering::SeqCst);
    bench.faulty.hold_loads();
    for _ in 0..3 {
        let allowed = Some(Duration::from_millis(1));
        let error = bench.node.read_at(bench.store, &Consistency::FullyConsistent, allowed).await.unwrap_err();
        assert!(matches!(error, ReadError::Unanswered { .. }), "{error}");
    }
    bench.faulty.release_loads();
    assert_eq!(tuples(&bench.read(Consistency::FullyConsistent).await.unwrap()), Vec::<String>::new());
    assert_eq!(bench.faulty.loads.load(Ordering::SeqCst), loads + 1);
}

#[tokio::test]
async fn a_shorter_history_put_in_place_after_the_head_was_read_is_no_second_divergence() {
    let bench = Bench::new().await;
    for number in 0..4 {
        bench.faulty.inner().write(bench.store, noon(), &[touch(&format!("doc:{number}#viewer@user:ada"))]).await.unwrap();
    }
    let fold = Arc::clone(bench.node.host(bench.store).await.unwrap().fold());
    let (head, before) = (bench.faulty.inner().head(bench.store).await.unwrap(), fold.progress());
    bench.faulty.exchange(other_history(&bench, &[]).await);
    fold.observe(head, fold.monotonic(), before).await.unwrap();
    assert_eq!(tuples(&bench.newest().await), Vec::<String>::new());
}
