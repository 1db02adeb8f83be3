//! Data for dhow's benches: made from a seed, the same on every machine and in every run.
//!
//! What is measured stands in `benches/`: one file, one question, one axis. Nothing here is part of the measured time.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "the data is ours: where it is wrong, the bench must end"
)]

pub mod world;
pub mod yardstick;

use dhow_engine::digest::Digest;
use dhow_engine::entry::{Body, Change, Entry, StoreId};
use dhow_engine::eval::{Decision, Evaluator};
use dhow_engine::state::{Position, State};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_schema::ir::Schema;
use dhow_schema::value::Context;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The seed of all data.
pub const SEED: u64 = 3;

/// Documents that teams in teams may view.
const SCHEMA: &str = "definition user {}

definition team {
  relation member: user | team#member
}

definition document {
  relation viewer: user | team#member
  permission view = viewer
}
";

/// A schema and a state that can be asked.
#[derive(Debug, Clone)]
pub struct Data {
    schema: Schema,
    state: State,
    context: Context,
}

impl Data {
    fn of(tuples: &[Tuple]) -> Self {
        let schema = dhow_schema::compile_str(SCHEMA).expect("the schema compiles");
        let state = fold(&entries(tuples, 500));
        Self { schema, state, context: Context::new() }
    }

    /// One check by the plain evaluator.
    ///
    /// # Panics
    /// When the question is no question of the schema.
    #[must_use]
    pub fn check(&self, question: &TupleKey) -> Decision {
        let evaluator = Evaluator::new(&self.schema, &self.state, Timestamp::MIN, &self.context);
        evaluator.check(question).expect("a question of the schema")
    }
}

/// A document that a user may view through `depth` teams in each other; every team has ten further members. The second question is
/// that of a user who is in none of them.
#[must_use]
pub fn nested_teams(depth: usize) -> (Data, TupleKey, TupleKey) {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut tuples = vec![tuple("document:plan#viewer@team:t0#member")];
    for level in 0..depth {
        tuples.extend((0..10).map(|_| tuple(&format!("team:t{level}#member@user:u{}", random.random_range(0..1_000_000)))));
        if level + 1 < depth {
            tuples.push(tuple(&format!("team:t{level}#member@team:t{}#member", level + 1)));
        }
    }
    tuples.push(tuple(&format!("team:t{}#member@user:ada", depth.saturating_sub(1))));
    (Data::of(&tuples), key("document:plan#view@user:ada"), key("document:plan#view@user:nobody"))
}

/// A document that a team of `members` users may view, with the questions of one of them and of somebody else.
#[must_use]
pub fn one_team(members: usize) -> (Data, TupleKey, TupleKey) {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut tuples: Vec<Tuple> = (0..members).map(|member| tuple(&format!("team:all#member@user:u{member}"))).collect();
    tuples.shuffle(&mut random);
    tuples.push(tuple("document:plan#viewer@team:all#member"));
    let member = random.random_range(0..members.max(1));
    (Data::of(&tuples), key(&format!("document:plan#view@user:u{member}")), key("document:plan#view@user:nobody"))
}

/// Tuples that nobody has seen before, in an order without meaning.
#[must_use]
pub fn scattered_tuples(count: usize) -> Vec<Tuple> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let mut tuples: Vec<Tuple> =
        (0..count).map(|number| tuple(&format!("document:d{}#viewer@user:u{}", number / 4, number % 4 + number / 16))).collect();
    tuples.shuffle(&mut random);
    tuples
}

/// The entries of a history that makes these tuples, each once, so many changes in each.
///
/// # Panics
/// When an entry does not follow the one before.
#[must_use]
pub fn entries(tuples: &[Tuple], changes: usize) -> Vec<Entry> {
    let mut state = State::genesis(StoreId([3; 16]));
    let mut entries = Vec::new();
    for part in tuples.chunks(changes.max(1)) {
        let body = Body::Changes(part.iter().cloned().map(Change::created).collect());
        let entry = state.next_entry(Timestamp::MIN, "bench", "", body).expect("changes of new keys");
        state = state.apply(&entry).expect("an entry made for this state");
        entries.push(entry);
    }
    entries
}

/// A state with these tuples, as it is loaded from where they were kept.
///
/// # Panics
/// When there are more than a state holds.
#[must_use]
pub fn load(tuples: Vec<Tuple>) -> State {
    let store = StoreId([3; 16]);
    let digest = tuples.iter().fold(Digest::default(), |digest, tuple| digest.with_tuple(tuple));
    State::load(store, Position::genesis(store), digest, [], tuples).expect("few tuples")
}

/// The state that the entries come to.
///
/// # Panics
/// When an entry does not follow the one before.
#[must_use]
pub fn fold(entries: &[Entry]) -> State {
    entries.iter().fold(State::genesis(StoreId([3; 16])), |state, entry| state.apply(entry).expect("entries of one history"))
}

/// The text of a schema with so many definitions besides `user`, each with three relations and four permissions.
#[must_use]
pub fn schema_text(definitions: usize) -> String {
    let mut text = String::from("definition user {}\n");
    for number in 0..definitions {
        let parent = number / 2;
        text.push_str(&format!(
            "\n/** The {number}th kind of folder. */\ndefinition folder{number} {{\n  relation parent: folder{parent}\n  \
             relation owner: user\n  relation viewer: user | user:* | folder{parent}#viewer\n  permission edit = owner + parent->edit\n  \
             permission view = viewer + edit\n  permission share = edit & view\n  permission hide = edit - viewer\n}}\n"
        ));
    }
    text
}

fn tuple(text: &str) -> Tuple {
    text.parse().expect("a tuple")
}

fn key(text: &str) -> TupleKey {
    text.parse().expect("a question")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_what_is_meant() {
        for (data, allowed, denied) in [nested_teams(1), nested_teams(30), one_team(1), one_team(1_000)] {
            assert_eq!(data.check(&allowed), Decision::Allowed);
            assert_eq!(data.check(&denied), Decision::Denied);
        }
        assert_eq!(fold(&entries(&scattered_tuples(1_000), 7)).len(), 1_000);
        assert!(dhow_schema::compile_str(&schema_text(20)).is_ok());
    }
}
