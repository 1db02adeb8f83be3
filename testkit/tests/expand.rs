//! A tree says what check says: the tree alone, decided by brute force, gives the answer.

use dhow_testkit::engine::EngineStore;
use dhow_testkit::generate::Profile;
use dhow_testkit::oracle::decide;
use dhow_testkit::runner::{Run, run};
use dhow_testkit::trees::read;

#[test]
fn the_tree_alone_gives_the_answer_of_check() {
    let tally = run(Run { name: "expand = check", worlds: 3_500, questions: 3, profile: Profile::ALL }, |case, tally| {
        let store = EngineStore::of_world(&case.world);
        case.questions.iter().try_for_each(|question| {
            let expected = decide(&case.world, question);
            tally.count(&expected);
            let object = question.object.to_string().parse().unwrap();
            let permission = question.permission.as_str().into();
            let expansion = store.asking(case.world.now, question, |evaluator| evaluator.expand(&object, &permission, None));
            let expansion = expansion.map_err(|error| error.to_string())?;
            let found = read(&store.schema, &expansion, question);
            if found == expected {
                Ok(())
            } else {
                Err(format!("{question}\n  check: {expected:?}\n  tree:  {found:?}\n{}", expansion.to_text(100)))
            }
        })
    });
    tally.assert_shares(20, 5, 1);
}
