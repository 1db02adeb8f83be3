use std::sync::Arc;
use std::time::Duration;

use dhow_engine::entry::{Body, Change, SchemaSource, SchemaText, StoreId};
use dhow_engine::state::State;

use super::*;
use crate::clock::{Clock, ManualClock};

const SCHEMA: &str = "definition user {}
    caveat weekday(day string) { day != 'sunday' }
    definition team { relation member: user | team#member | user with weekday }
    definition folder { relation viewer: user permission view = viewer }
    definition document {
        relation parent: folder
        relation viewer: user | user with weekday | team#member
        relation banned: user
        permission view = (viewer + parent->view) - banned
    }";

/// How many folders `document:wide` is in, and how many teams lead from `team:0` to `user:deep`.
const MANY: usize = 6_000;

fn state(tuples: &[String]) -> State {
    let mut state = State::genesis(StoreId([1; 16]));
    let schema = Body::Schema(SchemaText { version: 1, source: SchemaSource::native(SCHEMA) });
    state = state.apply(&state.next_entry(Timestamp::MIN, "", "", schema).unwrap()).unwrap();
    for part in tuples.chunks(1_000) {
        let changes = part.iter().map(|text| Change::created(text.parse().unwrap())).collect();
        state = state.apply(&state.next_entry(Timestamp::MIN, "", "", Body::Changes(changes)).unwrap()).unwrap();
    }
    state
}

fn decider(max_steps: u64) -> (ManualClock, Decider) {
    let mut tuples: Vec<String> = (0..MANY).map(|i| format!("document:wide#parent@folder:{i}")).collect();
    tuples.extend((0..MANY).map(|i| format!("team:{i}#member@team:{}#member", i + 1)));
    for more in [
        format!("team:{MANY}#member@user:deep"),
        format!("folder:{}#viewer@user:last", MANY - 1),
        "document:deep#viewer@team:0#member".to_owned(),
        "document:plain#viewer@user:ada".to_owned(),
        "document:plain#banned@user:eve".to_owned(),
        "document:week#viewer@user:ada[weekday]".to_owned(),
    ] {
        tuples.push(more);
    }
    let clock = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let deadline = Deadline::after(&shared, Duration::from_secs(1));
    let contextual = vec!["document:brought#viewer@user:bob".parse().unwrap()];
    let prepared = state(&tuples).prepare(None).unwrap();
    (clock, Decider { prepared, contextual, time: Timestamp::MIN, deadline, max_steps })
}

fn question(text: &str) -> Question {
    Ok(Item { key: text.parse().unwrap(), context: Context::new() })
}

/// Light ones, heavy ones, wrong ones, and those that only the circuit can answer.
fn questions() -> Vec<Question> {
    let mut questions: Vec<Question> = [
        "document:plain#view@user:ada",
        "document:plain#view@user:eve",
        "document:week#view@user:ada",
        "document:absent#view@user:ada",
        "document:plain#veiw@user:ada",
        "document:brought#view@user:bob",
        "document:wide#view@user:last",
        "document:wide#view@user:nobody",
        "document:deep#view@user:deep",
        "document:deep#view@user:nobody",
        "document:plain#view@user:ada",
    ]
    .map(question)
    .into();
    questions.insert(3, Err(RequestError::missing("object")));
    questions
}

fn told(answers: &[Decided]) -> Vec<String> {
    answers.iter().map(|answer| format!("{answer:?}")).collect()
}

#[test]
fn beginning_and_going_on_elsewhere_is_one_evaluation_with_the_whole_budget() {
    let questions = questions();
    for max_steps in [1, 3, 30, 1_999, 2_000, 2_001, 7_000, 4_000_000] {
        let (_clock, decider) = decider(max_steps);
        let expected = told(&decider.finish(&questions));
        for first in [0, 1, 9, 10, 11, 100, 1_999, 2_000, 2_001, 20_000, 4_000_000] {
            let mut left = first;
            let mut answers = decider.begin(&questions, &mut left);
            let begun = answers.len();
            answers.extend(decider.finish(questions.get(begun..).unwrap()));
            assert_eq!(told(&answers), expected, "{begun} with {first} of {max_steps} steps");
        }
    }
}

#[test]
fn light_questions_stay_and_the_first_heavy_one_goes_with_those_behind_it() {
    let (_clock, decider) = decider(4_000_000);
    let mut left = INLINE_STEPS.value;
    assert_eq!(decider.begin(&questions(), &mut left).len(), 7);
    assert_eq!(left, 0);
    // A level that is wide, and groups that nest deeply though each level is small: both are noticed.
    for heavy in ["document:wide#view@user:nobody", "document:deep#view@user:deep"] {
        let mut left = INLINE_STEPS.value;
        assert!(decider.begin(&[question(heavy)], &mut left).is_empty(), "{heavy}");
    }
    let many: Vec<Question> = (0..1_000).map(|_| question("document:plain#view@user:ada")).collect();
    let mut left = INLINE_STEPS.value;
    let most = usize::try_from(INLINE_STEPS.value / INLINE_CHECK_STEPS.value).unwrap();
    assert_eq!(decider.begin(&many, &mut left).len(), most);
}

#[test]
fn a_question_beyond_the_whole_budget_names_the_whole_budget() {
    let questions = [question("document:wide#view@user:nobody")];
    for (max_steps, first) in [(1_500, 20_000), (1_500, 2_000), (3_000, 2_000)] {
        let (_clock, decider) = decider(max_steps);
        let mut left = first;
        let mut answers = decider.begin(&questions, &mut left);
        // Where there are more steps than the whole budget, that is the end of it.
        assert_eq!(answers.len(), usize::from(first > 10_000));
        answers.extend(decider.finish(questions.get(answers.len()..).unwrap()));
        let told = answers.pop().unwrap().unwrap_err().to_string();
        assert_eq!(told, format!("the evaluation needs more than its budget of {max_steps} steps"));
    }
}

#[test]
fn a_passed_deadline_is_told_at_once_and_not_taken_for_a_heavy_question() {
    let (clock, decider) = decider(4_000_000);
    clock.pass(Duration::from_secs(2));
    let questions = [question("document:plain#view@user:ada"), question("document:wide#view@user:nobody")];
    let mut left = INLINE_STEPS.value;
    let answers = decider.begin(&questions, &mut left);
    assert_eq!(told(&answers), told(&decider.finish(&questions[..1])));
    assert!(answers[0].as_ref().unwrap_err().to_string().contains("deadline passed"));
    assert_eq!(left, 0, "what failed may have taken all steps");
}
