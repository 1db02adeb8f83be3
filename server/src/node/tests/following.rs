//! What a look at all heads brings, how old answers get without one, and what is found to have been replaced.

use std::sync::atomic::Ordering;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::history::other_history;
use super::*;
use crate::node::follow::{self, Pace, Pause};

/// Looks once and waits until every store that moved is where it was seen.
pub(super) async fn look(node: &Arc<Node>) -> bool {
    let look = node.look().await;
    for store in look.catching_up {
        store.await.unwrap();
    }
    look.answered
}

async fn write_elsewhere(bench: &Bench, tuple: &str) -> Token {
    let written = bench.faulty.inner().write(bench.store, noon(), &[touch(tuple)]).await.unwrap();
    let written = written.into_iter().next().unwrap().unwrap().written;
    Token::new(bench.store, written.revision, &written.chain)
}

fn code<T>(outcome: Result<T, ReadError>) -> &'static str {
    outcome.map(|_| ()).unwrap_err().code()
}

#[tokio::test]
async fn a_look_brings_what_others_wrote_and_tells_how_old_answers_are() {
    let bench = Bench::new().await;
    let token = write_elsewhere(&bench, "doc:1#viewer@user:ada").await;
    assert_eq!(bench.newest().await.token.revision, 1);
    bench.clock.pass(Duration::from_secs(3));
    assert_eq!(bench.newest().await.vintage.age().age, Duration::from_secs(3));
    assert!(look(&bench.node).await);
    let point = bench.newest().await;
    assert_eq!((point.token, point.vintage.age().age, point.vintage.age().degraded), (token, Duration::ZERO, false));
    // One that finds nothing is one, too.
    bench.clock.pass(Duration::from_secs(4));
    assert!(look(&bench.node).await);
    bench.clock.pass(Duration::from_secs(2));
    assert_eq!(bench.newest().await.vintage.age().age, Duration::from_secs(2));
    assert_eq!(bench.faulty.heads_read.load(Ordering::SeqCst), 0, "nobody asked for the head of this store alone");
}

#[tokio::test]
async fn without_the_database_reads_go_on_and_say_so_until_they_are_too_old() {
    let limits = Limits { stale_serve_max: Duration::from_secs(60), ..Limits::default() };
    let bench = Bench::with(limits, ForeignTokens::Answer).await;
    let token = bench.touch("doc:1#viewer@user:ada").await;
    let contact = bench.node.contact();
    assert!(look(&bench.node).await && contact.borrow().takes_writes());
    bench.faulty.silent.store(true, Ordering::SeqCst);
    assert!(!look(&bench.node).await && !contact.borrow().takes_writes());
    bench.clock.pass(Duration::from_secs(4));
    assert!(!bench.newest().await.vintage.age().degraded);
    bench.clock.pass(Duration::from_secs(4));
    let old = Duration::from_secs(8);
    for consistency in [Consistency::MinimizeLatency, Consistency::AtLeastAsFresh(token), Consistency::AtExactSnapshot(token)] {
        let point = bench.read(consistency).await.unwrap();
        assert_eq!((point.token, point.vintage.age().age, point.vintage.age().degraded), (token, old, true));
    }
    assert_eq!(code(bench.read(Consistency::FullyConsistent).await), "DH-D020");
    let future = Token { revision: token.revision + 1, ..token };
    assert_eq!(code(bench.read(Consistency::AtLeastAsFresh(future)).await), "DH-D020");
    assert_eq!(bench.try_touch("doc:2#viewer@user:ada").await.unwrap_err().code(), "DH-D020");
    assert_eq!(bench.schema(SCHEMA).await.unwrap_err().code(), "DH-D020");
    bench.clock.pass(Duration::from_secs(53));
    for consistency in [Consistency::MinimizeLatency, Consistency::AtLeastAsFresh(token), Consistency::AtExactSnapshot(token)] {
        assert_eq!(code(bench.read(consistency).await), "DH-R017");
    }
    bench.faulty.silent.store(false, Ordering::SeqCst);
    assert!(look(&bench.node).await && contact.borrow().takes_writes());
    assert!(!bench.newest().await.vintage.age().degraded);
    bench.touch("doc:2#viewer@user:ada").await;
}

#[tokio::test]
async fn a_node_that_slept_asks_before_it_answers() {
    let bench = Bench::new().await;
    bench.newest().await;
    write_elsewhere(&bench, "doc:1#viewer@user:ada").await;
    bench.clock.pass(Duration::from_secs(3_600));
    let point = bench.newest().await;
    assert_eq!((point.token.revision, point.vintage.age().age, point.vintage.age().degraded), (2, Duration::ZERO, false));
}

#[tokio::test]
async fn a_read_by_a_token_is_woken_by_whatever_brings_its_revision() {
    let bench = Arc::new(Bench::new().await);
    bench.newest().await;
    bench.faulty.hide_heads.store(true, Ordering::SeqCst);
    let tokens = [write_elsewhere(&bench, "doc:1#viewer@user:ada").await, write_elsewhere(&bench, "doc:2#viewer@user:ada").await];
    let readers: Vec<_> = tokens
        .into_iter()
        .rev()
        .map(|token| {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move { bench.read(Consistency::AtLeastAsFresh(token)).await.unwrap().token })
        })
        .collect();
    let fold = Arc::clone(bench.node.host(bench.store).await.unwrap().fold());
    while bench.faulty.heads_read.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    look(&bench.node).await;
    for reader in readers {
        assert_eq!(reader.await.unwrap(), tokens[1]);
    }
    // Nobody is left in the queue, and its room is bounded.
    let room = crate::limits::READS_WAITING.count();
    let places: Vec<_> = (0..room).map(|_| fold.queue_for(9).unwrap()).collect();
    let beyond = Token { revision: 9, ..tokens[1] };
    assert_eq!(code(bench.read(Consistency::AtLeastAsFresh(beyond)).await), "DH-R018");
    drop(places);
    assert!(fold.queue_for(9).is_some());
}

#[tokio::test]
async fn a_look_finds_another_history_whatever_its_length() {
    let eve = ["doc:9#viewer@user:eve", "doc:8#viewer@user:eve", "doc:7#viewer@user:eve"];
    for length in 0..=3 {
        let bench = Bench::new().await;
        bench.touch("doc:1#viewer@user:ada").await;
        let lost = bench.touch("doc:2#viewer@user:ada").await;
        bench.faulty.exchange(other_history(&bench, &eve[..length]).await);
        look(&bench.node).await;
        let point = bench.newest().await;
        assert_eq!(tuples(&point).len(), length);
        assert!(tuples(&point).iter().all(|tuple| tuple.ends_with("user:eve")));
        assert!(["DH-R011", "DH-R012"].contains(&code(bench.read(Consistency::AtExactSnapshot(lost)).await)));
        // Another one after that is found as well, once the first was seen to be in place.
        look(&bench.node).await;
        bench.faulty.exchange(other_history(&bench, &["doc:5#viewer@user:bob"]).await);
        look(&bench.node).await;
        assert_eq!(tuples(&bench.newest().await), ["doc:5#viewer@user:bob"]);
    }
}

#[tokio::test]
async fn a_head_that_was_seen_before_the_history_was_replaced_tells_nothing_about_the_new_one() {
    let bench = Bench::new().await;
    let fold = Arc::clone(bench.node.host(bench.store).await.unwrap().fold());
    write_elsewhere(&bench, "doc:1#viewer@user:ada").await;
    let (head, before) = (bench.faulty.inner().head(bench.store).await.unwrap(), fold.progress());
    bench.faulty.exchange(other_history(&bench, &["doc:9#viewer@user:eve", "doc:8#viewer@user:eve"]).await);
    look(&bench.node).await;
    assert_eq!(fold.progress().replaced, 1);
    fold.observe(head, fold.monotonic(), before).await.unwrap();
    assert_eq!((fold.progress().replaced, tuples(&bench.newest().await).len()), (1, 2));
}

#[tokio::test]
async fn stores_that_go_and_come_elsewhere_are_noticed() {
    let bench = Bench::new().await;
    bench.touch("doc:1#viewer@user:ada").await;
    let (old, other) = (bench.faulty.inner(), database().await);
    bench.faulty.exchange(Arc::clone(&other));
    look(&bench.node).await;
    assert_eq!(code(bench.read(Consistency::MinimizeLatency).await), "DH-D009");
    assert_eq!(code(bench.node.resolve("main").await), "DH-R010");
    bench.faulty.exchange(old);
    assert_eq!(bench.node.resolve("main").await.unwrap().id, bench.store);
    assert_eq!(tuples(&bench.newest().await), ["doc:1#viewer@user:ada"]);
}

#[tokio::test]
async fn a_store_that_loads_for_long_is_unavailable_for_now_and_delays_no_other() {
    let bench = Bench::new().await;
    let other = bench.node.create_store("other").await.unwrap().id;
    bench.faulty.hold_loads();
    let allowed = Some(Duration::from_millis(20));
    assert_eq!(code(bench.node.read_at(other, &Consistency::MinimizeLatency, allowed).await), "DH-R015");
    // That one is still being loaded.
    bench.newest().await;
    bench.faulty.release_loads();
    assert_eq!(bench.node.read_at(other, &Consistency::MinimizeLatency, None).await.unwrap().token.revision, 0);
    assert_eq!(bench.faulty.loads.load(Ordering::SeqCst), 2);
}

/// Tells how long each pause would be, and waits until the test ends it.
struct Told {
    pauses: mpsc::UnboundedSender<Duration>,
    ends: tokio::sync::Mutex<mpsc::UnboundedReceiver<()>>,
}

#[async_trait]
impl Pause for Told {
    async fn pause(&self, at_most: Duration) {
        self.pauses.send(at_most).unwrap();
        self.ends.lock().await.recv().await;
    }
}

#[tokio::test]
async fn a_follower_looks_after_each_pause_until_the_node_closes() {
    let bench = Bench::new().await;
    bench.newest().await;
    let ((pauses, mut paused), (end, ends)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let told = Told { pauses, ends: tokio::sync::Mutex::new(ends) };
    let pace = Pace::new(Duration::from_millis(50));
    let following = tokio::spawn(follow::follow(Arc::downgrade(&bench.node), told, pace, bench.node.closing.subscribe()));
    assert_eq!(paused.recv().await, Some(Duration::from_millis(50)));
    bench.faulty.silent.store(true, Ordering::SeqCst);
    for expected in [100, 200, 400] {
        end.send(()).unwrap();
        assert_eq!(paused.recv().await, Some(Duration::from_millis(expected)));
    }
    bench.faulty.silent.store(false, Ordering::SeqCst);
    let token = write_elsewhere(&bench, "doc:1#viewer@user:ada").await;
    end.send(()).unwrap();
    assert_eq!(paused.recv().await, Some(Duration::from_millis(50)));
    assert_eq!(bench.read(Consistency::AtLeastAsFresh(token)).await.unwrap().token, token);
    bench.node.closing.send_replace(true);
    following.await.unwrap();
}
