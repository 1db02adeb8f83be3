//! A store's memory put in order again: a new base for the graph, made in the background.
//!
//! Whoever folds a store asks now and then whether one is due ([`Rebuild::begin`]), and calls [`Rebuild::work`] with the newest state
//! until it is done: the work takes no lock and changes nothing. Each [`Part`] is put in place while nobody folds ([`Part::install`]),
//! which takes moments.

use std::ops::Range;

use super::State;
use crate::graph::base::Base;
use crate::graph::segment::Segment;

/// How many parts the old segments are made anew in: so much of a base is in memory twice at most.
const PARTS: usize = 8;

/// A rebuild that is under way.
#[derive(Debug)]
pub struct Rebuild {
    /// Changes up to this revision will be in the base.
    revision: u64,
    segments: usize,
    next: usize,
    done: bool,
}

/// What one step of a [`Rebuild`] has made.
#[derive(Debug)]
pub struct Part(Made);

#[derive(Debug)]
enum Made {
    Segments { first: usize, segments: Vec<Segment> },
    Base(Box<Base>),
}

impl Rebuild {
    /// Begins a rebuild, if enough has changed since the last one.
    #[must_use]
    pub fn begin(state: &State) -> Option<Self> {
        state.graph.is_rebuild_due().then(|| Self::begin_now(state))
    }

    /// Begins a rebuild, whatever has changed.
    #[must_use]
    pub fn begin_now(state: &State) -> Self {
        Self { revision: state.revision(), segments: state.graph.segments(), next: 0, done: false }
    }

    /// Makes the next part from the newest state, which has all parts before; `None`: all is done. O(tuples / parts).
    pub fn work(&mut self, newest: &State) -> Option<Part> {
        if self.done {
            return None;
        }
        if self.next < self.segments {
            let part: Range<usize> = self.next..(self.next + self.segments.div_ceil(PARTS)).min(self.segments);
            self.next = part.end;
            return Some(Part(Made::Segments { first: part.start, segments: newest.graph.rebuilt(part) }));
        }
        self.done = true;
        Some(Part(Made::Base(Box::new(newest.graph.completed_base(self.revision)))))
    }
}

impl Part {
    /// The newest state with this part in place, for a window that begins at `oldest`. The state says what it said. O(changes remembered).
    #[must_use]
    pub fn install(self, newest: &State, oldest: u64) -> State {
        let graph = match self.0 {
            Made::Segments { first, segments } => newest.graph.with_segments(first, segments),
            Made::Base(base) => newest.graph.rebased(*base, oldest),
        };
        State { graph, summary: newest.summary.clone() }
    }
}
