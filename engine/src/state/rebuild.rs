//! A store's memory put in order again: a new base for the graph, made in the background.
//!
//! Whoever folds a store asks now and then whether one is due ([`Rebuild::begin`]), and calls [`Rebuild::work`] with the newest state
//! until it is done: the work takes no lock and changes nothing. Each [`Part`] is put in place while nobody folds ([`Part::install`]),
//! which takes moments.

use std::ops::Range;

use super::State;
use crate::graph::base::Base;
use crate::graph::inherited::Inheritance;
use crate::graph::nesting::Nesting;
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
    step: Step,
}

/// What a rebuild does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Segments,
    Groups,
    Inheritance,
    Done,
}

/// What one step of a [`Rebuild`] has made.
#[derive(Debug)]
pub struct Part(Made);

#[derive(Debug)]
enum Made {
    Segments { first: usize, segments: Vec<Segment> },
    Base(Box<Base>),
    Groups(Nesting),
    Inheritance(Inheritance),
}

impl Rebuild {
    /// Begins a rebuild, if enough has changed since the last one; of an index alone, if only what it is
    /// about has.
    #[must_use]
    pub fn begin(state: &State) -> Option<Self> {
        if state.graph.is_rebuild_due() {
            return Some(Self::begin_now(state));
        }
        if state.graph.is_nesting_due() {
            return Some(Self { step: Step::Groups, ..Self::begin_now(state) });
        }
        state.graph.is_inheritance_due().then(|| Self { step: Step::Inheritance, ..Self::begin_now(state) })
    }

    /// Begins a rebuild, whatever has changed.
    #[must_use]
    pub fn begin_now(state: &State) -> Self {
        Self { revision: state.revision(), segments: state.graph.segments(), next: 0, step: Step::Segments }
    }

    /// Makes the next part from the newest state, which has all parts before; `None`: all is done, or the state's memory cannot be read
    /// ([`State::intact`]), and what cannot be read is not written down as if it were not there. O(tuples / parts).
    pub fn work(&mut self, newest: &State) -> Option<Part> {
        let part = self.part(newest)?;
        if newest.intact().is_err() {
            self.step = Step::Done;
            return None;
        }
        Some(part)
    }

    fn part(&mut self, newest: &State) -> Option<Part> {
        Some(Part(match self.step {
            Step::Done => return None,
            Step::Segments if self.next < self.segments => {
                let part: Range<usize> = self.next..(self.next + self.segments.div_ceil(PARTS)).min(self.segments);
                self.next = part.end;
                Made::Segments { first: part.start, segments: newest.graph.rebuilt(part) }
            }
            Step::Segments => {
                self.step = Step::Groups;
                Made::Base(Box::new(newest.graph.completed_base(self.revision)))
            }
            Step::Groups => {
                self.step = Step::Inheritance;
                Made::Groups(newest.graph.nesting_now())
            }
            Step::Inheritance => {
                self.step = Step::Done;
                Made::Inheritance(newest.graph.inheritance_now())
            }
        }))
    }
}

impl Part {
    /// The newest state with this part in place, for a window that begins at `oldest`. The state says what it said. O(changes remembered).
    #[must_use]
    pub fn install(self, newest: &State, oldest: u64) -> State {
        let graph = match self.0 {
            Made::Segments { first, segments } => newest.graph.with_segments(first, segments),
            Made::Base(base) => newest.graph.rebased(*base, oldest),
            // A schema that came meanwhile brought indexes of its own.
            Made::Groups(nesting) if nesting.classes() != newest.graph.nesting().classes() => newest.graph.clone(),
            Made::Inheritance(inheritance) if inheritance.links() != newest.graph.links() => newest.graph.clone(),
            Made::Groups(nesting) => {
                let mut graph = newest.graph.clone();
                graph.take_nesting(nesting, oldest);
                graph
            }
            Made::Inheritance(inheritance) => {
                let mut graph = newest.graph.clone();
                graph.take_inheritance(inheritance, oldest);
                graph
            }
        };
        State { graph, summary: newest.summary.clone() }
    }
}
