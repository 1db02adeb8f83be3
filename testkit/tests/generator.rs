//! The generator itself: what it makes is worth asking about, and is a schema.

use dhow_testkit::generate::{Choices, Profile, worlds};
use dhow_testkit::oracle::decide;
use dhow_testkit::runner::{Case, Run, run};
use proptest::prelude::*;

#[test]
fn questions_have_telling_answers() {
    let tally = run(Run { name: "generated questions", worlds: 3_400, questions: 3, profile: Profile::ALL }, |case, tally| {
        case.questions.iter().for_each(|question| tally.count(&decide(&case.world, question)));
        Ok(())
    });
    tally.assert_shares(20, 5, 1);
}

#[test]
fn a_seed_makes_the_same_case_each_time() {
    let text = |seed| {
        let case = Case::of_seed(seed, Profile::ALL, 2);
        format!("{}{:?}", case.world, case.questions)
    };
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}

#[test]
fn used_up_choices_make_the_simplest_world() {
    let world = dhow_testkit::generate::world(&mut Choices::recorded(Vec::new()), Profile::ALL);
    assert_eq!(world.model.definitions.len(), 2);
    assert!(world.tuples.is_empty());
}

#[test]
fn every_generated_schema_compiles() {
    run(Run { name: "generated schemas", worlds: 1_000, questions: 0, profile: Profile::ALL }, |case, _| {
        dhow_schema::compile_str(&case.world.model.to_string()).map(drop).map_err(|error| error.to_string())
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn proptest_makes_schemas_that_compile(world in worlds(Profile::WRITABLE)) {
        prop_assert!(dhow_schema::compile_str(&world.model.to_string()).is_ok());
        prop_assert!(world.tuples.iter().all(|tuple| world.model.allows(tuple)));
    }
}
