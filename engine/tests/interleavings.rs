//! Every order in which a writer and readers of one overlay can meet, tried by loom (Norris and Demsky, "CDSChecker").
//!
//! An overlay is a value that a lock hands on, save for its filter: whose bits a writer sets while readers of older overlays look at them.
//! The modules under test are compiled once more here, with loom's atomics in the place of the standard library's: so what is shipped
//! knows nothing of the checker. Loom knows what a relaxed order lets a reader see; a scheduler of sequentially consistent steps does not.
#![allow(dead_code, reason = "the modules under test have more than is tested here")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail a test; clippy.toml lets off only the test functions themselves")]

use std::sync::Arc as StdArc;

use loom::sync::{Arc, RwLock};
use loom::thread;

use ids::{ClassId, Direction, NodeId};
use overlay::{Edge, Overlay};
use versions::Code;

#[path = "../src/graph/filter.rs"]
mod filter;
#[path = "../src/graph/ids.rs"]
mod ids;
#[path = "../src/graph/overlay.rs"]
mod overlay;
#[path = "../src/graph/versions.rs"]
mod versions;

/// What the overlay keeps of an edge that has a qualifier; here none has.
mod qualifier {
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(crate) struct Qualifier;
}

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

/// What the lock hands on: the newest revision and its overlay.
type Published = Arc<RwLock<(u64, StdArc<Overlay>)>>;

/// The edge that comes with a revision.
fn edge(revision: u64) -> Edge {
    let node = u32::try_from(revision).unwrap();
    Edge { node: NodeId(node), class: ClassId(0), other: NodeId(1_000_000 + node) }
}

fn after(overlay: &Overlay, revision: u64) -> Overlay {
    let mut next = overlay.clone();
    next.change(edge(revision), Code::ABSENT, revision, Code::PLAIN);
    next
}

/// An overlay after so many revisions.
fn overlay(revisions: u64) -> Overlay {
    (1..=revisions).fold(Overlay::default(), |overlay, revision| after(&overlay, revision))
}

/// The last edges that were there at a revision are found, from both ends, and later ones are not there yet.
fn look(revision: u64, overlay: &Overlay, newest: u64) {
    for changed in newest.saturating_sub(2)..=newest {
        for (direction, seen) in [(Direction::Forward, edge(changed)), (Direction::Backward, edge(changed).turned())] {
            let found = overlay.may_touch(direction, seen.node, false);
            let there = overlay.edge(direction, seen, revision, false).is_some_and(|(code, _)| code == Code::PLAIN);
            assert_eq!(there, changed <= revision, "the edge of {changed} at revision {revision}");
            assert!(found || !there, "the filter of revision {revision} misses the edge of {changed} {direction:?}");
        }
    }
}

fn read(published: &Published, newest: u64) {
    let (revision, overlay) = {
        let published = published.read().unwrap();
        (published.0, StdArc::clone(&published.1))
    };
    look(revision, &overlay, newest);
}

fn write(published: &Published, revision: u64) {
    let before = StdArc::clone(&published.read().unwrap().1);
    let next = StdArc::new(after(&before, revision));
    *published.write().unwrap() = (revision, next);
}

/// How many times a thread is stopped for another where it could go on: two find nearly all (Musuvathi and Qadeer, "Iterative Context
/// Bounding"); `DHOW_SWITCHES` says otherwise.
#[expect(clippy::disallowed_methods, reason = "how long to test is said from outside; nothing else reads the environment")]
fn switches() -> usize {
    std::env::var("DHOW_SWITCHES").map_or(2, |text| text.parse().unwrap())
}

/// Tries a writer that makes two changes after `begin`, and two readers.
fn two_changes_after(begin: u64) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(switches());
    model.max_branches = 100_000;
    model.check(move || {
        let published: Published = Arc::new(RwLock::new((begin, StdArc::new(overlay(begin)))));
        let newest = begin + 2;
        let reader = {
            let published = Arc::clone(&published);
            thread::spawn(move || read(&published, newest))
        };
        let writer = {
            let published = Arc::clone(&published);
            thread::spawn(move || (begin + 1..=newest).for_each(|revision| write(&published, revision)))
        };
        read(&published, newest);
        reader.join().unwrap();
        writer.join().unwrap();
        look(newest, &published.read().unwrap().1, newest);
    });
}

#[test]
fn a_reader_never_misses_an_edge_of_the_overlay_that_it_took() {
    two_changes_after(3);
}

#[test]
fn a_reader_never_misses_an_edge_while_a_larger_filter_takes_the_place_of_a_full_one() {
    // What the filter of a new overlay is made for, less one: the second change is one too many.
    two_changes_after(31);
}
