//! Memory that is not what was written is found within one pass, loaded anew once, and set aside if that does not help.

use std::sync::atomic::Ordering;

use dhow_engine::entry::{Body, Change};
use dhow_engine::state::{Rebuild, State};

use super::faulty::LogFault;
use super::*;
use crate::config::{Divergence, OnDivergence};
use crate::verify::{Check, Subject};

const NESTED: &str = "definition user {} definition group { relation member: user | group#member }
    definition doc { relation parent: doc relation viewer: user | group#member permission view = viewer + parent->view }";

const TUPLES: [&str; 5] = [
    "doc:1#viewer@group:1#member",
    "doc:2#parent@doc:1",
    "doc:3#parent@doc:2",
    "group:1#member@group:2#member",
    "group:2#member@group:3#member",
];

/// As many, of the same objects.
const OTHERS: [&str; 5] = [
    "doc:1#viewer@group:1#member",
    "doc:2#parent@doc:1",
    "doc:3#parent@doc:1",
    "group:1#member@group:2#member",
    "group:1#member@group:3#member",
];

/// A part of what a rebuild makes.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Edges,
    Groups,
    Lines,
}

/// A store with tuples, and the same state with one part of the memory of another.
async fn with_wrong(policy: OnDivergence) -> (Bench, impl Fn(&State, Wrong) -> State) {
    let divergence = Divergence { on_divergence: policy, ..Divergence::default() };
    let bench = Bench::with(Limits { divergence, ..Limits::default() }, ForeignTokens::Answer).await;
    bench.schema(NESTED).await.unwrap();
    let before = bench.newest().await.state;
    for tuple in TUPLES {
        bench.touch(tuple).await;
    }
    let wrong = move |state: &State, wrong: Wrong| {
        let changes = OTHERS.iter().map(|text| Change::created(text.parse().unwrap())).collect();
        let entry = before.next_entry(before.position().time, "", "", Body::Changes(changes)).unwrap();
        let others = before.apply(&entry).unwrap();
        let (mut working, mut rebuild) = (others.clone(), Rebuild::begin_now(&others));
        let mut again = Rebuild::begin_now(&others);
        for part in [Wrong::Edges, Wrong::Groups, Wrong::Lines] {
            let made = again.work(&working).unwrap();
            if std::mem::discriminant(&part) == std::mem::discriminant(&wrong) {
                return made.install(&in_order(state), state.revision());
            }
            working = rebuild.work(&working).unwrap().install(&working, working.revision());
        }
        unreachable!("one of them is wanted");
    };
    (bench, wrong)
}

fn in_order(state: &State) -> State {
    let (mut state, mut rebuild) = (state.clone(), Rebuild::begin_now(state));
    while let Some(part) = rebuild.work(&state) {
        state = part.install(&state, state.revision());
    }
    state
}

async fn verify(bench: &Bench) -> Vec<Check> {
    let info = bench.node.resolve("main").await.unwrap();
    bench.node.verify_store(&info, false).await.unwrap().unwrap().checks
}

fn found(checks: &[Check]) -> Vec<Subject> {
    checks.iter().filter(|check| !check.is_clean()).map(|check| check.subject).collect()
}

async fn corrupt(bench: &Bench, wrong: &impl Fn(&State, Wrong) -> State, part: Wrong) {
    let fold = Arc::clone(bench.node.host(bench.store).await.unwrap().fold());
    fold.put(wrong(&fold.newest_state().0, part));
}

fn loads(bench: &Bench) -> usize {
    bench.faulty.loads.load(Ordering::SeqCst)
}

#[tokio::test]
async fn one_wrong_edge_or_entry_of_an_index_is_found_in_one_pass_and_loaded_anew() {
    for (part, subject) in [(Wrong::Edges, Subject::Memory), (Wrong::Groups, Subject::Groups), (Wrong::Lines, Subject::Inherited)] {
        let (bench, wrong) = with_wrong(OnDivergence::Refuse).await;
        assert_eq!(found(&verify(&bench).await), []);
        corrupt(&bench, &wrong, part).await;
        // Nobody who only reads can tell.
        bench.newest().await.state.intact().unwrap();
        let before = loads(&bench);
        assert_eq!(found(&verify(&bench).await), [subject], "{part:?}");
        assert_eq!(loads(&bench), before + 1, "{part:?}");
        let status = bench.node.status(|_| true).await;
        assert_eq!(status.stores[0].scrub.as_ref().unwrap().found.len(), 1);
        // What was loaded is right, and so is the next pass.
        assert_eq!(found(&verify(&bench).await), []);
        assert_eq!(tuples(&bench.newest().await), TUPLES);
        assert!(bench.node.status(|_| true).await.stores[0].scrub.as_ref().unwrap().found.is_empty());
    }
}

#[tokio::test]
async fn a_pass_in_the_background_finds_it_as_well() {
    let (bench, wrong) = with_wrong(OnDivergence::Refuse).await;
    corrupt(&bench, &wrong, Wrong::Groups).await;
    let before = loads(&bench);
    let fold = Arc::clone(bench.node.host(bench.store).await.unwrap().fold());
    bench.node.scrub(bench.store, Some(&fold), true).await;
    assert_eq!(loads(&bench), before + 1);
    assert_eq!(bench.node.status(|_| true).await.stores[0].scrub.as_ref().unwrap().found.len(), 1);
}

#[tokio::test]
async fn memory_that_is_wrong_in_two_passes_is_set_aside_whatever_was_folded_between() {
    // What was folded is not known to be right: it is not served, whatever policy says.
    for policy in [OnDivergence::Refuse, OnDivergence::Serve] {
        let (bench, wrong) = with_wrong(policy).await;
        corrupt(&bench, &wrong, Wrong::Edges).await;
        verify(&bench).await;
        bench.touch("doc:9#viewer@user:ada").await;
        corrupt(&bench, &wrong, Wrong::Edges).await;
        let before = loads(&bench);
        verify(&bench).await;
        for consistency in [Consistency::MinimizeLatency, Consistency::FullyConsistent] {
            assert_eq!(bench.read(consistency).await.unwrap_err().code(), "DH-D010");
        }
        assert_eq!(bench.try_touch("doc:10#viewer@user:ada").await.unwrap_err().code(), "DH-D010");
        verify(&bench).await;
        assert_eq!(loads(&bench), before, "it is not loaded again and again");
    }
}

#[tokio::test]
async fn while_wrong_memory_cannot_be_loaded_anew_nothing_is_answered_from_it() {
    let (bench, wrong) = with_wrong(OnDivergence::Serve).await;
    corrupt(&bench, &wrong, Wrong::Edges).await;
    let fold = Arc::clone(bench.node.host(bench.store).await.unwrap().fold());
    bench.faulty.fail_loads.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        bench.node.scrub(bench.store, Some(&fold), false).await;
        assert_eq!(bench.read(Consistency::MinimizeLatency).await.unwrap_err().code(), "DH-D015");
    }
    bench.faulty.fail_loads.store(false, Ordering::SeqCst);
    assert_eq!(tuples(&bench.newest().await), TUPLES);
    assert_eq!(found(&verify(&bench).await), []);
}

#[tokio::test]
async fn a_pass_that_finds_nothing_forgives() {
    let (bench, wrong) = with_wrong(OnDivergence::Refuse).await;
    for _ in 0..3 {
        corrupt(&bench, &wrong, Wrong::Edges).await;
        assert_eq!(found(&verify(&bench).await), [Subject::Memory]);
        assert_eq!(found(&verify(&bench).await), []);
        // An entry that folds, so that the next divergence is not the one after a reload.
        bench.touch(&format!("doc:9#viewer@user:{}", loads(&bench))).await;
    }
    bench.newest().await;
}

/// A store whose log does not fold twice, while its memory is right.
async fn set_aside(bench: &Bench) {
    bench.faulty.log_faults.lock().unwrap().extend(std::iter::repeat_n(LogFault::Alters, 100));
    for round in 0..10 {
        for number in 0..2 {
            let batch = [touch(&format!("doc:{round}-{number}#viewer@user:ada"))];
            bench.faulty.inner().write(bench.store, noon(), &batch).await.unwrap();
        }
        if bench.read(Consistency::FullyConsistent).await.is_err() {
            return;
        }
    }
    panic!("it was not set aside");
}

#[tokio::test]
async fn policy_says_whether_a_store_that_was_set_aside_is_read() {
    let (bench, _) = with_wrong(OnDivergence::Refuse).await;
    set_aside(&bench).await;
    assert_eq!(bench.read(Consistency::MinimizeLatency).await.unwrap_err().code(), "DH-D010");

    let (bench, _) = with_wrong(OnDivergence::Serve).await;
    set_aside(&bench).await;
    let stale_serve_max = Limits::default().stale_serve_max;
    let point = bench.newest().await;
    assert!(point.vintage.age().degraded && point.state.recomputed_digest() == *point.state.digest());
    for consistency in [Consistency::AtLeastAsFresh(point.token), Consistency::AtExactSnapshot(point.token)] {
        assert!(bench.read(consistency).await.unwrap().vintage.age().degraded);
    }
    assert_eq!(bench.read(Consistency::FullyConsistent).await.unwrap_err().code(), "DH-D010");
    assert_eq!(bench.try_touch("doc:x#viewer@user:ada").await.unwrap_err().code(), "DH-D010");
    assert_eq!(bench.schema(SCHEMA).await.unwrap_err().code(), "DH-D010");
    assert!(bench.node.status(|_| true).await.stores[0].set_aside.is_some());
    bench.clock.pass(stale_serve_max / 2);
    assert_eq!(bench.newest().await.vintage.age().age, stale_serve_max / 2);
    bench.clock.pass(stale_serve_max);
    assert_eq!(bench.read(Consistency::MinimizeLatency).await.unwrap_err().code(), "DH-R017");
}

#[tokio::test]
async fn passes_are_made_on_schedule_until_the_node_closes() {
    let divergence = Divergence { scrub_every: Some(Duration::from_millis(5)), ..Divergence::default() };
    let bench = Bench::with(Limits { divergence, ..Limits::default() }, ForeignTokens::Answer).await;
    bench.touch("doc:1#viewer@user:ada").await;
    bench.node.scrub_on_schedule();
    while bench.node.status(|_| true).await.stores[0].scrub.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    bench.node.close().await;
}

/// How long a pass takes: `DHOW_SCRUB_TUPLES=1000000 cargo test -p dhow --profile quick how_long_a_pass_takes -- --nocapture`. The figures
/// are told, not asserted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn how_long_a_pass_takes() {
    let tuples = std::env::var_os("DHOW_SCRUB_TUPLES").and_then(|count| count.to_str()?.parse().ok()).unwrap_or(2_000_usize);
    let bench = Bench::new().await;
    bench.schema(NESTED).await.unwrap();
    for from in (0..tuples).step_by(1_000) {
        let change = |number: usize| {
            let (user, above) = (number * 7_919 % 50_000, number / 10);
            let text = match number % 10 {
                0 => format!("group:{number}#member@group:{}#member", above * 10 + 11),
                1 => format!("doc:{number}#parent@doc:{above}"),
                2 => format!("doc:{number}#viewer@group:{}#member", above * 10),
                _ => format!("doc:{above}#viewer@user:{user}"),
            };
            ChangeRequest::Touch(text.parse().unwrap())
        };
        let command = WriteCommand { changes: (from..from + 1_000).map(change).collect(), ..touch("doc:1#viewer@user:1") };
        bench.node.write(bench.store, command, None).await.unwrap();
    }
    let clock = crate::clock::SystemClock::new();
    let fold = Arc::clone(bench.node.host(bench.store).await.unwrap().fold());
    let began = crate::clock::Clock::monotonic(&clock);
    let memory = bench.node.scrub_memory_now(&fold).await;
    let between = crate::clock::Clock::monotonic(&clock);
    let rows = verify(&bench).await;
    let ended = crate::clock::Clock::monotonic(&clock);
    let told = |checks: &[Check]| checks.iter().map(|check| format!("{} {}", check.compared, check.subject)).collect::<Vec<_>>().join(", ");
    println!("memory in {} ms: {}", (between - began).as_millis(), told(&memory));
    println!("memory, rows and log of a database in memory in {} ms: {}", (ended - between).as_millis(), told(&rows));
    assert_eq!(found(&rows), []);
}
