//! The memory of a fold is put in order beside readers and writers, and nobody can tell.

use dhow_engine::eval::Decision;
use dhow_engine::snapshot::SnapshotAbout;
use dhow_engine::snapshot::container::Container;
use dhow_engine::state::{Rebuild, State};
use dhow_engine::words::AlignedBytes;
use dhow_schema::value::Context;

use super::history::other_history;
use super::*;

/// One write of a thousand tuples, `doc:N-0` to `doc:N-999`.
async fn write_a_thousand(bench: &Bench, number: usize) -> Token {
    let change = |place| ChangeRequest::Touch(format!("doc:{number}-{place}#viewer@user:{number}").parse().unwrap());
    let command = WriteCommand { changes: (0..1_000).map(change).collect(), ..touch("doc:1#viewer@user:1") };
    bench.node.write(bench.store, command, None).await.unwrap().token
}

/// A base that was made anew has the edges; a fold that began with nothing has all of them in its overlay.
async fn rebuilt(bench: &Bench) {
    while bench.newest().await.state.accounts().forward_bytes == 0 {
        tokio::task::yield_now().await;
    }
}

fn allows(point: &ReadPoint, question: &str) -> bool {
    let context = Context::new();
    let prepared = point.state.prepare(None).unwrap();
    match prepared.evaluator(point.time, &context).check(&question.parse().unwrap()).unwrap() {
        Decision::Allowed => true,
        Decision::Denied => false,
        Decision::Conditional { missing } => panic!("{missing:?}"),
    }
}

#[tokio::test]
async fn a_base_is_made_anew_and_every_revision_of_the_window_stays_what_it_was() {
    let bench = Bench::new().await;
    let mut tokens = Vec::new();
    for number in 0..6 {
        tokens.push(write_a_thousand(&bench, number).await);
    }
    rebuilt(&bench).await;
    // On the new base as on the old one.
    tokens.push(write_a_thousand(&bench, 6).await);
    for (number, token) in tokens.iter().enumerate() {
        let point = bench.read(Consistency::AtExactSnapshot(*token)).await.unwrap();
        assert_eq!((point.token, point.state.len(), tuples(&point).len()), (*token, (number + 1) * 1_000, (number + 1) * 1_000));
        assert_eq!(point.state.recomputed_digest(), *point.state.digest());
        assert!(allows(&point, &format!("doc:{number}-999#view@user:{number}")));
        assert!(!allows(&point, &format!("doc:{}-0#view@user:{}", number + 1, number + 1)));
    }
    // A node that has a base from the start, and un-applies what is older.
    let later = node(bench.faulty.inner(), &bench.clock, Limits::default(), ForeignTokens::Answer).await;
    for (number, token) in tokens.iter().enumerate().rev() {
        let point = later.read_at(bench.store, &Consistency::AtExactSnapshot(*token), None).await.unwrap();
        assert_eq!(point.state.len(), (number + 1) * 1_000);
        assert!(allows(&point, &format!("doc:{number}-0#view@user:{number}")));
        assert!(!allows(&point, &format!("doc:{}-0#view@user:{}", number + 1, number + 1)));
    }
}

#[tokio::test]
async fn what_is_behind_the_window_leaves_memory_with_the_next_base() {
    let limits = Limits { hot_window_revisions: 2, ..Limits::default() };
    let bench = Bench::with(limits, ForeignTokens::Answer).await;
    let mut most = 0;
    for number in 0..6 {
        write_a_thousand(&bench, number).await;
        most = most.max(bench.newest().await.state.accounts().overlay_bytes);
    }
    rebuilt(&bench).await;
    let accounts = bench.newest().await.state.accounts();
    assert!(accounts.overlay_bytes < most, "{accounts:?} after {most}");
    assert_eq!(bench.newest().await.state.len(), 6_000);
}

#[tokio::test]
async fn no_part_of_a_replaced_history_is_put_in_place() {
    let bench = Bench::new().await;
    bench.touch("doc:1#viewer@user:ada").await;
    let fold = Arc::clone(bench.node.host(bench.store).await.unwrap().fold());
    let (newest, history) = fold.newest_state();
    let mut rebuild = Rebuild::begin_now(&newest);
    let part = fold.make_part(&mut rebuild, history).await.unwrap();
    // Another history of the same length: its head has the number of the one that the part was made from.
    bench.faulty.exchange(other_history(&bench, &["doc:9#viewer@user:eve"]).await);
    let point = bench.read(Consistency::FullyConsistent).await.unwrap();
    assert_eq!(point.state.revision(), newest.revision());
    assert!(!fold.install(part, history).await);
    assert!(fold.make_part(&mut Rebuild::begin_now(&newest), history).await.is_none());
    let point = bench.newest().await;
    assert_eq!(tuples(&point), ["doc:9#viewer@user:eve"]);
    assert_eq!(point.state.recomputed_digest(), *point.state.digest());
    // The history that is there now is tended as the first one was.
    let (newest, history) = fold.newest_state();
    let mut rebuild = Rebuild::begin_now(&newest);
    while let Some(part) = fold.make_part(&mut rebuild, history).await {
        assert!(fold.install(part, history).await);
    }
    assert_eq!(tuples(&bench.newest().await), ["doc:9#viewer@user:eve"]);
}

/// A state in the memory of a snapshot file all of whose caveats and expiries are gone.
fn damaged(state: &State) -> State {
    let about = SnapshotAbout { time: noon(), actor: "tester".into(), store_name: String::new(), program: String::new() };
    let mut file = Vec::new();
    state.write_snapshot(&about, &mut file).unwrap();
    let container = Container::open(Arc::new(AlignedBytes::copy_of(&file))).unwrap();
    let rotten = container.section("seg.0.qualifiers").unwrap();
    let begin = file.windows(rotten.len()).position(|bytes| bytes == rotten).unwrap();
    let end = begin + rotten.len();
    file[begin..end].fill(0xFF);
    State::open_snapshot(Arc::new(AlignedBytes::copy_of(&file)), Some(state.store())).unwrap().into_state()
}

#[tokio::test]
async fn memory_that_cannot_be_read_answers_nothing_until_the_store_is_loaded_anew() {
    let bench = Bench::new().await;
    bench
        .schema("use expiration definition user {} definition doc { relation viewer: user with expiration permission view = viewer }")
        .await
        .unwrap();
    bench.touch("doc:1#viewer@user:ada[expiration:2100-01-01T00:00:00Z]").await;
    let fold = Arc::clone(bench.node.host(bench.store).await.unwrap().fold());
    let whole = bench.newest().await.state;
    fold.put(damaged(&whole));
    let point = bench.newest().await;
    let (context, question) = (Context::new(), "doc:1#view@user:ada".parse().unwrap());
    let answer = point.state.prepare(None).unwrap().evaluator(point.time, &context).check(&question);
    assert_eq!(answer.unwrap_err().code(), "memory_damaged");
    // Whoever asks next has the store as the database has it.
    assert!(allows(&bench.newest().await, "doc:1#view@user:ada"));
    assert_eq!(fold.progress().replaced, 1);
    // A write that finds it does the same, and goes through.
    bench.touch("doc:2#viewer@user:bob[expiration:2100-01-01T00:00:00Z]").await;
    let whole = bench.newest().await.state;
    fold.put(damaged(&whole));
    bench.touch("doc:1#viewer@user:ada[expiration:2101-01-01T00:00:00Z]").await;
    assert!(allows(&bench.newest().await, "doc:1#view@user:ada"));
}
