//! Laws of check, on generated worlds.

use dhow_engine::eval::{Decision, EvalError};
use dhow_testkit::engine::EngineStore;
use dhow_testkit::generate::Profile;
use dhow_testkit::oracle::{Answer, decide};
use dhow_testkit::runner::{Run, run};

/// The engine's answer in the oracle's words; the engine does not tell a paradox from another denial.
fn agrees(found: &Result<Decision, EvalError>, expected: &Answer) -> bool {
    match (found, expected) {
        (Ok(Decision::Allowed), Answer::Allowed)
        | (Ok(Decision::Denied), Answer::Denied { .. })
        | (Err(EvalError::Caveat(_)), Answer::Error) => true,
        (Ok(Decision::Conditional { missing }), Answer::Conditional(names)) => {
            missing.iter().map(|name| &**name).eq(names.iter().map(String::as_str))
        }
        _ => false,
    }
}

#[test]
fn check_is_what_brute_force_finds() {
    let tally = run(Run { name: "check = oracle", worlds: 3_000, questions: 4, profile: Profile::ALL }, |case, tally| {
        let store = EngineStore::of_world(&case.world);
        for question in &case.questions {
            let expected = decide(&case.world, question);
            let found = store.check(case.world.now, question);
            let by_search = store.check_by_search(case.world.now, question);
            tally.count(&expected);
            if !agrees(&found, &expected) || !agrees(&by_search, &expected) {
                return Err(format!("{question}\n  oracle: {expected:?}\n  circuit: {found:?}\n  search: {by_search:?}"));
            }
        }
        Ok(())
    });
    tally.assert_shares(20, 5, 1);
}
