//! A snapshot file answers as the state that was written, on generated worlds. (Whole histories go through files in `histories.rs`.)
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail a test; clippy.toml lets off only the test functions themselves")]

use std::sync::Arc;

use dhow_engine::snapshot::SnapshotAbout;
use dhow_engine::state::State;
use dhow_engine::time::Timestamp;
use dhow_engine::words::AlignedBytes;
use dhow_testkit::engine::{EngineStore, STORE, agrees};
use dhow_testkit::generate::Profile;
use dhow_testkit::oracle::decide;
use dhow_testkit::runner::{Run, run};

/// The same store, in the memory of a file.
fn through_a_file(store: &EngineStore) -> EngineStore {
    let mut file = Vec::new();
    store
        .state
        .write_snapshot(
            &SnapshotAbout { time: Timestamp::MIN, actor: String::new(), store_name: String::new(), program: String::new() },
            &mut file,
        )
        .unwrap();
    let snapshot = State::open_snapshot(Arc::new(AlignedBytes::copy_of(&file)), Some(STORE)).unwrap();
    snapshot.verify().unwrap();
    EngineStore { state: snapshot.into_state(), ..store.clone() }
}

#[test]
fn a_file_answers_as_the_state_did_and_as_brute_force_does() {
    let tally = run(Run { name: "snapshot = state", worlds: 1_100, questions: 10, profile: Profile::ALL }, |case, tally| {
        let store = EngineStore::of_world(&case.world);
        let opened = through_a_file(&store);
        if !opened.state.tuples().eq(store.state.tuples()) {
            return Err("the file has other tuples, or has them in another order".to_owned());
        }
        for question in &case.questions {
            let expected = decide(&case.world, question);
            let (was, found) = (store.check_by_search(case.world.now, question), opened.check_by_search(case.world.now, question));
            tally.count(&expected);
            if found != was || !agrees(&found, &expected) {
                return Err(format!("{question}\n  oracle: {expected:?}\n  state: {was:?}\n  file: {found:?}"));
            }
        }
        Ok(())
    });
    tally.assert_shares(20, 5, 1);
}
