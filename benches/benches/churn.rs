//! Does memory stay what it is while a store is written to without end, and what does a new base cost while it is made?
//!
//! `cargo bench -p dhow-benches --bench churn -- 1000000` (the number of tuples; 300,000 unless said). An hour of 1,000 changes a second
//! goes by in minutes: objects and users that nobody had heard of come and go, tuples toggle, groups are nested and taken out again, schema
//! versions come, and bases are made beside it. The memory of the process is that of the system's accounts (Linux). The allocator is told
//! to give large pieces back at once: what it keeps for later is neither growth nor part of a peak.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench looks at its environment, and ends where its data is wrong"
)]

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::process::Command;

use dhow_benches::world::{SCHEMA, World};
use dhow_engine::digest::Digest;
use dhow_engine::entry::{Body, Change, SchemaSource, SchemaText, StoreId};
use dhow_engine::history::{History, Window};
use dhow_engine::schema_version::WrittenSchema;
use dhow_engine::state::{Accounts, Part, Position, Rebuild, State};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// An hour of 1,000 changes a second.
const CHANGES: usize = 3_600_000;

/// So many changes in one entry.
const ENTRY: usize = 1_000;

/// Entries between two steps of a rebuild: it takes as long beside a writer.
const ENTRIES_PER_STEP: usize = 3;

/// For how many entries a new object stays.
const STAYS: usize = 120;

/// How often memory is looked at.
const LOOKS: usize = 18;

/// A schema version comes after so many entries.
const ENTRIES_PER_SCHEMA: usize = 500;

const BIG_PIECES: [(&str, &str); 2] = [("MALLOC_MMAP_THRESHOLD_", "65536"), ("MALLOC_TRIM_THRESHOLD_", "65536")];

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        churn(5_000, 200_000);
        return;
    }
    let tuples = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(300_000);
    if std::env::var_os(BIG_PIECES[0].0).is_some() {
        churn(tuples, CHANGES);
        return;
    }
    // The allocator reads these when a process begins.
    let again = Command::new(std::env::current_exe().unwrap()).arg(tuples.to_string()).envs(BIG_PIECES).status().unwrap();
    assert!(again.success());
}

/// What comes and goes.
struct Churn {
    random: ChaCha8Rng,
    /// Tuples of the world, and whether each is there.
    toggled: Vec<(Tuple, bool)>,
    /// The nesting of groups that comes and goes, and whether each is there.
    nesting: Vec<(Tuple, bool)>,
    /// New tuples, by entry.
    passing: VecDeque<Vec<Tuple>>,
    made: usize,
}

impl Churn {
    fn of(world: &[Tuple]) -> Self {
        let toggled = world.iter().step_by(7).take(200_000).map(|tuple| (tuple.clone(), true)).collect();
        let groups = world.iter().map(|tuple| tuple.key.object()).filter(|object| &**object.object_type() == "group");
        let groups: BTreeSet<String> = groups.map(ToString::to_string).collect();
        let groups: Vec<String> = groups.into_iter().take(400).collect();
        let nesting = groups.windows(2).map(|pair| (format!("{}#member@{}#member", pair[0], pair[1]).parse().unwrap(), false));
        let mut nesting: Vec<(Tuple, bool)> = nesting.collect();
        let mut there: HashSet<TupleKey> = world.iter().map(|tuple| tuple.key.clone()).collect();
        nesting.retain(|(tuple, _)| there.insert(tuple.key.clone()));
        Self { random: ChaCha8Rng::seed_from_u64(5), toggled, nesting, passing: VecDeque::new(), made: 0 }
    }

    /// The changes of one entry: each tuple once.
    fn entry(&mut self) -> Vec<Change> {
        let mut changes = Vec::with_capacity(ENTRY);
        if self.passing.len() >= STAYS {
            changes.extend(self.passing.pop_front().unwrap_or_default().into_iter().map(Change::deleted));
        }
        let coming: Vec<Tuple> = (0..(ENTRY - 200) / 2).map(|_| self.coming()).collect();
        changes.extend(coming.iter().cloned().map(Change::created));
        self.passing.push_back(coming);
        let Self { random, toggled, nesting, .. } = self;
        let begin = random.random_range(0..toggled.len());
        let len = toggled.len();
        for place in (0..195).map(|place| (begin + place) % len) {
            changes.push(toggle(&mut toggled[place]));
        }
        let begin = random.random_range(0..nesting.len() - 5);
        changes.extend(nesting[begin..begin + 5].iter_mut().map(toggle));
        changes
    }

    /// A document that nobody has heard of, of somebody who has not been here before.
    fn coming(&mut self) -> Tuple {
        self.made += 1;
        let (number, shared) = (self.made, self.random.random_range(0..4));
        format!("document:new/{number:09}/of-the-hour#viewer@user:guest-{}@example.com", number / (shared + 1)).parse().unwrap()
    }
}

fn toggle((tuple, there): &mut (Tuple, bool)) -> Change {
    *there = !*there;
    if *there { Change::created(tuple.clone()) } else { Change::deleted(tuple.clone()) }
}

fn begun(tuples: Vec<Tuple>) -> State {
    let text = SchemaText { version: 1, source: SchemaSource::native(SCHEMA) };
    let digest = tuples.iter().fold(Digest::default().with_schema(&text), |digest, tuple| digest.with_tuple(tuple));
    let schema = WrittenSchema { text, revision: 1, time: Timestamp::MIN, actor: String::new() };
    let store = StoreId([3; 16]);
    State::load(store, Position { revision: 1, ..Position::genesis(store) }, digest, [schema], tuples).unwrap()
}

/// A store, and the base that is being made for it.
struct Store {
    history: History,
    rebuild: Option<Rebuild>,
    waiting: Option<Part>,
    rebuilds: usize,
}

impl Store {
    fn push(&mut self, body: Body) {
        let head = self.history.head();
        let changes = if let Body::Changes(changes) = &body { changes.len() } else { 1 };
        let entry = head.next_entry(head.position().time.plus_microseconds(1_000_000), "bench", "", body).unwrap();
        let next = head.apply(&entry).unwrap();
        self.history.push(next, changes).unwrap();
    }

    /// One step: a part is made, or put in place.
    fn tend(&mut self) {
        if let Some(part) = self.waiting.take() {
            let head = part.install(self.history.head(), self.history.oldest());
            self.history.replace_head(head).unwrap();
            return;
        }
        self.rebuild = self.rebuild.take().or_else(|| Rebuild::begin(self.history.head()));
        if let Some(rebuild) = &mut self.rebuild {
            self.waiting = rebuild.work(self.history.head());
            if self.waiting.is_none() {
                self.rebuild = None;
                self.rebuilds += 1;
            }
        }
    }

    fn is_tended(&self) -> bool {
        self.rebuild.is_none() && self.waiting.is_none()
    }
}

fn churn(tuples: usize, changes: usize) {
    let world = World::of(tuples).tuples();
    let mut churn = Churn::of(&world);
    let mut store = Store { history: History::new(begun(world), Window::default()), rebuild: None, waiting: None, rebuilds: 0 };
    println!(
        "| changes | tuples | bases | names | to subjects | from objects | revisions | groups | inherited | overlay | all, MB | process, MB |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let entries = changes / ENTRY;
    let mut version = 1;
    // The most of each part of the run: the overlay grows until the next base, so one look says little.
    let (mut most, mut thirds) = (0, [0_usize; 3]);
    for entry in 0..entries {
        let body = churn.entry();
        store.push(Body::Changes(body));
        if entry % ENTRIES_PER_SCHEMA == ENTRIES_PER_SCHEMA - 1 {
            version += 1;
            store.push(Body::Schema(SchemaText { version, source: SchemaSource::native(format!("{SCHEMA}\n// {version}\n")) }));
        }
        if entry % ENTRIES_PER_STEP == 0 {
            store.tend();
        }
        if entry % (entries / 90).max(1) == 0 {
            most = most.max(store.history.head().accounts().total());
        }
        if (entry + 1) % (entries / LOOKS).max(1) == 0 {
            row(&store, (entry + 1) * ENTRY);
            let third = &mut thirds[(entry * 3 / entries).min(2)];
            *third = (*third).max(std::mem::take(&mut most));
        }
    }
    let [first, second, last] = thirds;
    println!(
        "\nmost accounted in each third, MB: {}, {}, {} ({:.2} of the first)",
        mb(first),
        mb(second),
        mb(last),
        last as f64 / first as f64
    );
    let head = store.history.head();
    assert_eq!(head.recomputed_digest(), *head.digest());
    head.intact().unwrap();
    peak(store);
}

fn row(store: &Store, changes: usize) {
    let head = store.history.head();
    let accounts = head.accounts();
    let Accounts { names_bytes, forward_bytes, backward_bytes, revisions_bytes, groups_bytes, inherited_bytes, overlay_bytes } = accounts;
    let parts =
        [names_bytes, forward_bytes, backward_bytes, revisions_bytes, groups_bytes, inherited_bytes, overlay_bytes, accounts.total()];
    let parts: Vec<String> = parts.into_iter().map(mb).collect();
    let process = status("VmRSS").map_or_else(|| "–".to_owned(), mb);
    println!("| {changes} | {} | {} | {} | {process} |", head.len(), store.rebuilds, parts.join(" | "));
}

/// What a whole new base takes while it is made, nobody writing, beside what the store takes.
fn peak(mut store: Store) {
    while !store.is_tended() {
        store.tend();
    }
    // Once to have all of it in the form in which it stays.
    let mut ratios = Vec::new();
    for _ in 0..4 {
        let before = status("VmRSS");
        // The system begins a new record of the most.
        let begun = std::fs::write("/proc/self/clear_refs", "5").is_ok();
        let mut rebuild = Rebuild::begin_now(store.history.head());
        while let Some(part) = rebuild.work(store.history.head()) {
            let head = part.install(store.history.head(), store.history.oldest());
            store.history.replace_head(head).unwrap();
        }
        if let (Some(before), true, Some(most)) = (before, begun, status("VmHWM")) {
            // The process has the bench's own data as well, which must not make the store's share look smaller.
            let (steady, more) = (store.history.head().accounts().total(), most.saturating_sub(before));
            ratios.push(format!("{} MB more than {} MB ({:.2} ×)", mb(more), mb(steady), (steady + more) as f64 / steady as f64));
        }
    }
    let ratios = if ratios.is_empty() { "not to be had here".to_owned() } else { ratios.join(", ") };
    println!("peak while a base is made, of what the store takes (≤ 1.5 ×): {ratios}");
}

fn mb(bytes: usize) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

/// A line of the system's account of this process, in bytes.
fn status(of: &str) -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(of)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok().map(|kb| kb * 1_024)
}
