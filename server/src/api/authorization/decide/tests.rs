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

/// A decider with the deadline of its questions.
struct Deciding {
    decider: Decider,
    deadline: Deadline,
}

impl Deciding {
    fn begin(&self, questions: &[Question], left: &mut u64) -> Vec<Decided> {
        self.decider.begin(questions.iter().map(|question| Asked { question, deadline: &self.deadline }), left)
    }

    fn finish(&self, questions: &[Question]) -> Vec<Decided> {
        self.decider.finish(questions.iter().map(|question| Asked { question, deadline: &self.deadline }))
    }
}

fn decider(max_steps: u64) -> (ManualClock, Deciding) {
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
    let decider = Decider { prepared, contextual, time: Timestamp::MIN, max_steps };
    (clock, Deciding { decider, deadline })
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

#[test]
fn questions_that_wait_together_are_answered_like_each_alone() {
    let (_clock, deciding) = decider(4_000_000);
    let light: Vec<Question> = questions().into_iter().filter(|question| !format!("{question:?}").contains("wide")).collect();
    let many: Vec<Question> = light.iter().cycle().take(3 * CHECKS_TOGETHER.count() + 7).cloned().collect();
    let expected: Vec<String> = many.iter().flat_map(|question| told(&deciding.finish(std::slice::from_ref(question)))).collect();
    assert_eq!(told(&deciding.finish(&many)), expected);
    for first in [15, 985, 2_000, u64::MAX] {
        let mut left = first;
        let answers = told(&deciding.begin(&many, &mut left));
        assert_eq!(answers, expected[..answers.len()], "{first} steps");
        // A caveat that has no answer ends it, for it does not say how many steps it took.
        assert!(!answers.is_empty());
    }
}

#[test]
fn each_question_has_its_own_deadline() {
    let (clock, deciding) = decider(4_000_000);
    clock.pass(Duration::from_secs(2));
    let shared: Arc<dyn Clock> = Arc::new(clock);
    let later = Deadline::after(&shared, Duration::from_secs(1));
    let question = question("document:plain#view@user:ada");
    let asked = [&later, &deciding.deadline, &later].map(|deadline| Asked { question: &question, deadline });
    for answers in [deciding.decider.begin(asked.into_iter(), &mut 2_000), deciding.decider.finish(asked.into_iter())] {
        assert!(matches!(answers[0], Ok(Decision::Allowed)));
        assert!(answers[1].as_ref().unwrap_err().to_string().contains("deadline passed"));
    }
    assert!(matches!(deciding.decider.finish(asked.into_iter())[2], Ok(Decision::Allowed)));
}

#[test]
fn those_who_join_are_decided_at_the_time_of_the_latest() {
    let (_clock, Deciding { mut decider, .. }) = decider(4_000_000);
    for (joins, time) in [(7, 7), (3, 7), (9, 9)] {
        decider.join(Timestamp::from_microseconds(joins));
        assert_eq!(decider.time, Timestamp::from_microseconds(time));
    }
}
