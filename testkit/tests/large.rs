//! Objects with so many edges that their headers are long, in a base of several segments.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test; clippy.toml lets off only the test functions themselves"
)]

use std::sync::Arc;

use dhow_engine::entry::{Body, Change};
use dhow_engine::eval::Evaluator;
use dhow_engine::history::{History, Window};
use dhow_engine::search::Prepared;
use dhow_engine::state::{Rebuild, State};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_schema::ir::Schema;
use dhow_schema::value::{Context, Value};
use dhow_testkit::engine::{STORE, state_of, stored};
use dhow_testkit::generate::Choices;
use dhow_testkit::plain::PlainView;

const SCHEMA: &str = "
    use expiration
    caveat inside(area string, here string) { area == here }
    definition user {}
    definition group {
      relation member: user | user:* | user with inside | user with expiration | group#member | group#member with inside
      relation banned: user | group#member
      permission present = member - banned
    }
    definition document {
      relation parent: document
      relation viewer: user | group#member | group#present
      permission view = viewer + parent->view
    }";

/// More edges than a short header counts, 2,047.
const HUB: usize = 2_600;
/// More nodes than a segment has, 65,536.
const USERS: usize = 70_000;
const GROUPS: usize = 3_000;
const DOCUMENTS: usize = 4_000;

struct Big {
    schema: Arc<Schema>,
    choices: Choices,
}

impl Big {
    fn tuple(&self, text: &str) -> Tuple {
        stored(&self.schema, text)
    }

    fn tuples(&mut self) -> Vec<Tuple> {
        let mut texts = Vec::new();
        for user in 0..USERS {
            texts.push(format!("group:{}#member@user:{user}", 10 + self.choices.below(GROUPS - 10)));
        }
        for other in 0..HUB {
            let (group, user) = (10 + other % (GROUPS - 10), other * 7 % USERS);
            // Forward: plain, qualified and nested; backward: one user in very many groups, in many of them under a caveat.
            texts.push(format!("group:hub#member@user:{user}"));
            texts.push(format!(r#"group:hub#member@user:{}[inside:{{"area":"{}"}}]"#, user + 1, other % 3));
            texts.push(format!("group:hub#banned@user:{}", other * 11 % USERS));
            texts.push(format!("group:over#member@group:{group}#member"));
            texts.push(format!("group:{group}#member@user:known"));
            texts.push(format!(r#"group:{group}#member@user:guarded[inside:{{"area":"{}"}}]"#, other % 3));
            texts.push(format!(
                "group:{group}#member@user:late[expiration:{}]",
                if other % 2 == 0 { "2030-01-01T00:00:00Z" } else { "2031-01-01T00:00:00Z" }
            ));
        }
        for document in 0..DOCUMENTS {
            let viewer = match self.choices.below(6) {
                0 => "group:hub#member".to_owned(),
                1 => "group:hub#present".to_owned(),
                2 => "group:over#member".to_owned(),
                3 => format!("group:{}#present", 10 + self.choices.below(GROUPS - 10)),
                _ => format!("user:{}", self.choices.below(USERS)),
            };
            texts.push(format!("document:{document}#viewer@{viewer}"));
            texts.push(format!("document:{document}#parent@document:{}", self.choices.below(DOCUMENTS)));
        }
        texts.iter().map(|text| self.tuple(text)).collect()
    }

    fn user(&mut self) -> String {
        match self.choices.below(8) {
            0 => "known".to_owned(),
            1 => "guarded".to_owned(),
            2 => "late".to_owned(),
            3 => (self.choices.below(HUB) * 7 % USERS).to_string(),
            4 => (self.choices.below(HUB) * 7 % USERS + 1).to_string(),
            _ => self.choices.below(USERS).to_string(),
        }
    }

    fn group(&mut self) -> String {
        match self.choices.below(5) {
            0 => "hub".to_owned(),
            1 => "over".to_owned(),
            _ => (10 + self.choices.below(GROUPS - 10)).to_string(),
        }
    }

    fn question(&mut self) -> TupleKey {
        let (user, group) = (self.user(), self.group());
        let text = match self.choices.below(6) {
            0 => format!("group:{group}#member@user:{user}"),
            1 => format!("group:{group}#present@user:{user}"),
            2 => format!("group:over#member@group:{group}#member"),
            _ => format!("document:{}#view@user:{user}", self.choices.below(DOCUMENTS)),
        };
        text.parse().unwrap()
    }

    /// What is there and goes, or is not there and comes.
    fn changes(&mut self, view: &mut PlainView) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for _ in 0..12 {
            let (user, group, other) = (self.user(), self.group(), self.group());
            let wanted = match self.choices.below(4) {
                0 => format!("group:{group}#member@group:{other}#member"),
                1 => format!("group:{group}#banned@user:{user}"),
                2 => format!("group:{group}#member@user:new-{user}"),
                _ => format!("group:{group}#member@user:{user}"),
            };
            let wanted = self.tuple(&wanted);
            if changes.iter().any(|change| change.key() == Some(&wanted.key)) {
                continue;
            }
            changes.push(match view.remove(&wanted.key) {
                Some(before) => Change::deleted((*before).clone()),
                None => {
                    view.insert(Arc::new(wanted.clone()));
                    Change::created(wanted)
                }
            });
        }
        changes
    }

    /// Asks all of the states, which are of the same revision; the circuit, which looks at every edge, decides each question once.
    fn compare(&mut self, states: &[State], view: &PlainView, questions: usize) -> [usize; 3] {
        let prepared: Vec<Prepared> = states.iter().map(|state| Prepared::new(state, Arc::clone(&self.schema)).unwrap()).collect();
        let time: Timestamp = "2030-06-01T00:00:00Z".parse().unwrap();
        let context = Context::from([("here".into(), Value::String("1".into()))]);
        let mut counts = [0; 3];
        for number in 0..questions {
            let question = self.question();
            let context = if number % 2 == 0 { context.clone() } else { Context::default() };
            let expected = Evaluator::new(&self.schema, view, time, &context).check(&question).unwrap();
            for prepared in &prepared {
                let found = prepared.evaluator(time, &context).check(&question).unwrap();
                assert_eq!(found, expected, "{question} with {context:?} at revision {}", prepared.state().revision());
            }
            let kind = if expected.is_denied() { 0 } else { 1 + usize::from(expected != dhow_engine::eval::Decision::Allowed) };
            counts[kind] += 1;
        }
        counts
    }
}

fn history_of(state: &State, tuples: Vec<Tuple>) -> History {
    let loaded = State::load(STORE, *state.position(), *state.digest(), [], tuples).unwrap();
    History::new(loaded, Window::default())
}

#[test]
fn large_objects_in_several_segments_answer_as_a_plain_map_does_while_they_change() {
    let mut big = Big { schema: Arc::new(dhow_schema::compile_str(SCHEMA).unwrap()), choices: Choices::seeded(1) };
    let tuples = big.tuples();
    let mut view = PlainView::new(tuples.iter().cloned().map(Arc::new));
    let folded = state_of(tuples);
    // One history begins with all in the overlay, the other as after a restart.
    let all: Vec<Tuple> = view.iter().map(|tuple| (**tuple).clone()).collect();
    let mut histories = [History::new(folded.clone(), Window::default()), history_of(&folded, all)];
    let mut rebuilds: [Option<Rebuild>; 2] = [None, None];
    let mut views = vec![(histories[0].head().revision(), view.clone())];
    let mut counts = [0; 3];
    for round in 0..14 {
        let changes = big.changes(&mut view);
        let head = histories[0].head();
        let entry = head.next_entry(head.position().time.plus_microseconds(1), "", "", Body::Changes(changes)).unwrap();
        for (history, rebuild) in histories.iter_mut().zip(&mut rebuilds) {
            // A part made before the entry, and put in place after it.
            let work = rebuild.get_or_insert_with(|| Rebuild::begin_now(history.head()));
            let part = work.work(history.head());
            history.push(history.head().apply(&entry).unwrap(), 1).unwrap();
            match part {
                Some(part) => history.replace_head(part.install(history.head(), history.oldest())).unwrap(),
                None => *rebuild = None,
            }
        }
        if round % 4 == 0 {
            views.push((entry.revision, view.clone()));
        }
        for (revision, view) in views.iter().rev().take(2) {
            let states: Vec<State> = histories.iter().map(|history| history.at(*revision).unwrap()).collect();
            let found = big.compare(&states, view, 16);
            counts.iter_mut().zip(found).for_each(|(count, more)| *count += more);
        }
    }
    eprintln!("large: {} no, {} yes, {} conditional", counts[0], counts[1], counts[2]);
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
}
