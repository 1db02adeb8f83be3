//! One writer, a rebuild and readers at once: at every revision each subject is in exactly one of two groups, however it is asked.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test; clippy.toml lets off only the test functions themselves"
)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::thread;

use dhow_engine::entry::{Body, Change};
use dhow_engine::eval::Decision;
use dhow_engine::history::{History, Window};
use dhow_engine::search::Prepared;
use dhow_engine::state::{Rebuild, State};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_schema::ir::Schema;
use dhow_schema::value::Context;
use dhow_testkit::engine::state_of;
use dhow_testkit::generate::Choices;

/// A team is on the left or on the right, by nesting; so is each user, alone or as one of a team.
const SCHEMA: &str = "
    definition user {}
    definition team {
      relation member: user | team#member
    }
    definition side {
      relation member: user | team#member
    }
    definition place {
      relation left: side#member
      relation right: side#member
      permission some = left + right
      permission both = left & right
      permission only_left = left - right
      permission only_right = right - left
      permission one = only_left + only_right
      permission nowhere = some - one
    }";

const ENTRIES: usize = 12_000;
/// Users and teams that move in one entry: two changes each.
const MOVES: usize = 5;
const USERS: usize = 400;
const TEAMS: usize = 40;
/// Users who are in a team of a team.
const PER_TEAM: usize = 5;
const SIDES: [&str; 2] = ["left", "right"];

/// What readers see, as a server's fold has it.
struct Shared {
    /// Guards the window: held for moments only.
    history: RwLock<History>,
    /// Guards whose turn it is to change the head.
    turn: Mutex<()>,
    schema: Arc<Schema>,
    /// The revision that it begins with.
    begin: u64,
    /// Who is where, by revision from `begin` on: ahead of what is published.
    past: RwLock<Vec<Arc<Sides>>>,
    done: AtomicBool,
    checks: AtomicU64,
}

impl Shared {
    fn head(&self) -> State {
        self.history.read().unwrap().head().clone()
    }
}

/// Who is on which side at one revision: users, and teams of which each has a team with members.
#[derive(Clone)]
struct Sides {
    users: Vec<usize>,
    teams: Vec<usize>,
}

fn tuple(text: &str) -> Tuple {
    text.parse().unwrap()
}

fn user_on(side: usize, user: usize) -> Tuple {
    tuple(&format!("side:{}#member@user:{user}", SIDES[side]))
}

fn team_on(side: usize, team: usize) -> Tuple {
    tuple(&format!("side:{}#member@team:outer-{team}#member", SIDES[side]))
}

impl Sides {
    fn new() -> Self {
        Self { users: (0..USERS).map(|user| user % 2).collect(), teams: (0..TEAMS).map(|team| team % 2).collect() }
    }

    fn tuples(&self) -> Vec<Tuple> {
        let mut tuples = vec![tuple("place:here#left@side:left#member"), tuple("place:here#right@side:right#member")];
        tuples.extend(self.users.iter().enumerate().map(|(user, side)| user_on(*side, user)));
        for (team, side) in self.teams.iter().enumerate() {
            tuples.push(team_on(*side, team));
            tuples.push(tuple(&format!("team:outer-{team}#member@team:inner-{team}#member")));
            tuples.extend((0..PER_TEAM).map(|user| tuple(&format!("team:inner-{team}#member@user:of-{team}-{user}"))));
        }
        tuples
    }

    /// A subject, and its side.
    fn any(&self, choices: &mut Choices) -> (String, usize) {
        let (team, user) = (choices.below(TEAMS), choices.below(USERS));
        match choices.below(3) {
            0 => (format!("user:of-{team}-{}", choices.below(PER_TEAM)), self.teams[team]),
            1 => (format!("team:inner-{team}#member"), self.teams[team]),
            _ => (format!("user:{user}"), self.users[user]),
        }
    }

    fn move_some(&mut self, choices: &mut Choices) -> Vec<Change> {
        let mut moved = Vec::new();
        for _ in 0..MOVES {
            let (team, number) = if choices.chance(20) { (true, choices.below(TEAMS)) } else { (false, choices.below(USERS)) };
            if !moved.contains(&(team, number)) {
                moved.push((team, number));
            }
        }
        let mut changes = Vec::new();
        for (team, number) in moved {
            let (side, on): (&mut usize, fn(usize, usize) -> Tuple) =
                if team { (&mut self.teams[number], team_on) } else { (&mut self.users[number], user_on) };
            changes.push(Change::deleted(on(*side, number)));
            *side = 1 - *side;
            changes.push(Change::created(on(*side, number)));
        }
        changes
    }
}

fn write(shared: &Shared) {
    let (mut sides, mut choices) = (Sides::new(), Choices::seeded(3));
    for _ in 0..ENTRIES {
        let changes = sides.move_some(&mut choices);
        let count = changes.len();
        let turn = shared.turn.lock().unwrap();
        let head = shared.head();
        let entry = head.next_entry(head.position().time.plus_microseconds(1), "", "", Body::Changes(changes)).unwrap();
        let next = head.apply(&entry).unwrap();
        shared.past.write().unwrap().push(Arc::new(sides.clone()));
        shared.history.write().unwrap().push(next, count).unwrap();
        drop(turn);
    }
}

/// Makes the base anew without end; says how many times.
fn rebuild(shared: &Shared) -> u64 {
    let mut made = 0;
    while !shared.done.load(Ordering::Acquire) {
        let mut rebuild = Rebuild::begin_now(&shared.head());
        while let Some(part) = rebuild.work(&shared.head()) {
            let _turn = shared.turn.lock().unwrap();
            let (newest, oldest) = {
                let history = shared.history.read().unwrap();
                (history.head().clone(), history.oldest())
            };
            let head = part.install(&newest, oldest);
            shared.history.write().unwrap().replace_head(head).unwrap();
        }
        made += 1;
    }
    made
}

/// Reads one revision after the other, each at several moments.
fn read(shared: &Shared, seed: u64) {
    let mut choices = Choices::seeded(seed);
    let context = Context::default();
    loop {
        let last = shared.done.load(Ordering::Acquire);
        let state = {
            let history = shared.history.read().unwrap();
            let depth = usize::try_from(history.head().revision() - history.oldest()).unwrap();
            let back = if choices.chance(50) { choices.below(depth + 1) } else { 0 };
            history.at(history.head().revision() - u64::try_from(back).unwrap()).unwrap()
        };
        let prepared = Prepared::new(&state, Arc::clone(&shared.schema)).unwrap();
        let evaluator = prepared.evaluator(Timestamp::MIN, &context);
        let place = usize::try_from(state.revision() - shared.begin).unwrap();
        let sides = Arc::clone(&shared.past.read().unwrap()[place]);
        for _ in 0..10 {
            let (subject, side) = sides.any(&mut choices);
            let check = |what: &str| {
                let key: TupleKey = format!("{what}@{subject}").parse().unwrap();
                shared.checks.fetch_add(1, Ordering::Relaxed);
                evaluator.check(&key).unwrap() == Decision::Allowed
            };
            let told = || format!("{subject} at revision {} of a window up to {}", state.revision(), shared.head().revision());
            let (left, right) = (check("side:left#member"), check("side:right#member"));
            assert!(left == (side == 0) && right == (side == 1), "left: {left}, right: {right}, not {}: {}", SIDES[side], told());
            assert_eq!((check("place:here#only_left"), check("place:here#only_right")), (left, right), "{}", told());
            assert!(check("place:here#some") && check("place:here#one"), "{}", told());
            assert!(!check("place:here#both") && !check("place:here#nowhere"), "{}", told());
        }
        if last {
            break;
        }
    }
}

#[test]
fn a_subject_is_in_exactly_one_of_two_groups_at_every_revision_while_it_moves() {
    let first = Sides::new();
    let state = state_of(first.tuples());
    let shared = Shared {
        begin: state.revision(),
        history: RwLock::new(History::new(state, Window { max_states: 300, ..Window::default() })),
        turn: Mutex::new(()),
        schema: Arc::new(dhow_schema::compile_str(SCHEMA).unwrap()),
        past: RwLock::new(vec![Arc::new(first)]),
        done: AtomicBool::new(false),
        checks: AtomicU64::new(0),
    };
    let rebuilt = thread::scope(|scope| {
        let shared = &shared;
        let rebuilding = scope.spawn(move || rebuild(shared));
        let readers: Vec<_> = (0..2).map(|seed| scope.spawn(move || read(shared, seed))).collect();
        let written = scope.spawn(move || write(shared)).join();
        // The others stop in any case: what went wrong is to be told.
        shared.done.store(true, Ordering::Release);
        written.unwrap();
        readers.into_iter().for_each(|reader| reader.join().unwrap());
        rebuilding.join().unwrap()
    });
    let checks = shared.checks.load(Ordering::Relaxed);
    eprintln!("stress: {ENTRIES} entries, {checks} checks, {rebuilt} rebuilds");
    assert!(rebuilt > 0 && checks > 0);
    assert_eq!(shared.head().recomputed_digest(), *shared.head().digest());
}
