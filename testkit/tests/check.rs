//! Laws of check, on generated worlds.

use dhow_testkit::engine::{EngineStore, agrees};
use dhow_testkit::generate::Profile;
use dhow_testkit::oracle::decide;
use dhow_testkit::runner::{Run, run};

#[test]
fn check_is_what_brute_force_finds() {
    let tally = run(Run { name: "check = oracle", worlds: 3_000, questions: 4, profile: Profile::ALL }, |case, tally| {
        let store = EngineStore::of_world(&case.world);
        let (based, mixed) = (store.in_base(), store.half_in_base());
        for question in &case.questions {
            let expected = decide(&case.world, question);
            let found = store.check(case.world.now, question);
            tally.count(&expected);
            // What was just written, what was written long ago, and some of each are looked for in different ways.
            for store in [&store, &based, &mixed] {
                let by_search = store.check_by_search(case.world.now, question);
                if !agrees(&found, &expected) || !agrees(&by_search, &expected) {
                    return Err(format!("{question}\n  oracle: {expected:?}\n  circuit: {found:?}\n  search: {by_search:?}"));
                }
            }
        }
        Ok(())
    });
    tally.assert_shares(20, 5, 1);
}
