//! The serving path's evaluator over whole histories: writes, removals, schema versions, rebuilds and restarts, and at any time any revision
//! of the window, by checks, batches, lists and trees.

use dhow_testkit::history::{Histories, run_histories};

#[test]
fn every_revision_answers_as_a_plain_map_of_its_tuples_does() {
    run_histories(Histories { count: 720 }).assert_forms(200_000);
}

#[test]
fn a_seed_makes_the_same_history_each_time() {
    let histories = Histories { count: 3 };
    assert_eq!(run_histories(histories), run_histories(histories));
}
