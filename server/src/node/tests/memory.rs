//! Which stores stay in memory when there is too much.

use std::sync::atomic::Ordering;

use futures_util::StreamExt;

use super::*;

#[tokio::test]
async fn stores_that_nobody_used_lately_are_given_up_and_come_back() {
    let clock = ManualClock::at(noon());
    let faulty = Arc::new(Faulty::new(database().await));
    let steady = SteadyClock::new(Arc::new(clock.clone()), Limits::default().max_clock_skew);
    let memory = Memory { limit_bytes: Some(1), pinned: ["pinned".to_owned()].into() };
    let datastore = Arc::clone(&faulty) as Arc<dyn Datastore>;
    let node = Node::open(datastore, steady, &Limits::default(), ForeignTokens::Answer, None, memory).await.unwrap();
    let mut stores = Vec::new();
    for name in ["idle", "pinned", "watched", "moved", "used"] {
        let store = node.create_store(name).await.unwrap().id;
        let bench = Bench { node: Arc::clone(&node), faulty: Arc::clone(&faulty), clock: clock.clone(), store };
        bench.schema(SCHEMA).await.unwrap();
        bench.touch("doc:1#viewer@user:ada").await;
        stores.push(bench);
    }
    let [idle, pinned, watched, moved, used] = stores.try_into().ok().unwrap();
    let loaded = |bench: &Bench| node.slots.get(&bench.store).is_some_and(|slot| slot.loaded().is_some());
    let all = [&idle, &pinned, &watched, &moved, &used];
    let watching = node.watch(watched.store, watched.newest().await.token).await.unwrap();
    node.advance_clock(moved.store, Duration::from_secs(1)).await.unwrap();
    node.give_up_what_is_too_much();
    assert!(all.iter().all(|bench| loaded(bench)), "all were used since the last but one round");
    used.newest().await;
    node.give_up_what_is_too_much();
    assert_eq!(all.map(loaded), [false, true, true, true, true]);
    node.give_up_what_is_too_much();
    assert_eq!(all.map(loaded), [false, true, true, true, false]);

    let loads = faulty.loads.load(Ordering::SeqCst);
    let token = idle.touch("doc:2#viewer@user:ada").await;
    assert_eq!((token.revision, faulty.loads.load(Ordering::SeqCst)), (3, loads + 1));
    assert_eq!(tuples(&idle.newest().await).len(), 2);
    // What is watched stays until nobody watches.
    let written = watched.touch("doc:2#viewer@user:ada").await;
    let mut watching = Box::pin(watching);
    assert_eq!(watching.next().await.unwrap().unwrap().token, written);
    drop(watching);
    for _ in 0..3 {
        node.give_up_what_is_too_much();
    }
    assert_eq!(all.map(loaded), [false, true, false, true, false]);
    node.close().await;
}
