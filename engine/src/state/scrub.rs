//! Scrubbing: a state's memory, looked at whole and held against the digest that the log recorded.
//!
//! Corruption that can be told while reading is found by whoever reads ([`State::intact`]). A bit that makes one valid number another is
//! not: it makes an edge that nobody wrote. So every now and then all of a state is gone through, a slice at a time: each tuple goes
//! into the digest and the counts, each edge is known to both of its ends, each name leads where it should, and the indexes say
//! what the edges say. A state is a value, so the pass is about one moment whatever is written meanwhile.
//!
//! **Invariant:** nothing is changed, and a pass over memory that is right finds nothing.

use super::{MemoryDamaged, State, Summary};
use crate::digest::Digest;
use crate::graph::ids::NodeId;
use crate::graph::scrub::Wrong;
use crate::tuple::ObjectRef;

/// How the index of nested groups is sampled, besides being compared whole: from so many groups the edges are walked one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Chooses the groups: another one for each pass, so that passes come to all of them.
    pub seed: u64,
    /// How many.
    pub walks: usize,
}

/// A pass that is under way.
#[derive(Debug)]
pub struct Scrub {
    state: State,
    sample: Sample,
    step: Step,
    found: Summary,
    /// Edges as their subjects know them.
    backward: u64,
    ranked: u64,
    scrubbed: Scrubbed,
}

/// Where a pass goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nodes(u32),
    Groups,
    Lines(usize),
    Done,
}

/// What a pass came to so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// Tuples whose digest was computed anew.
    pub tuples: u64,
    /// Groups whose place in the index of nested groups was compared.
    pub groups: u64,
    /// Of these, how many were walked from besides.
    pub walked: u64,
    /// Lines of what objects inherit that were compared.
    pub lines: u64,
    /// Groups and lines that no reader uses as they are indexed, because their edges have changed since.
    pub passed_over: u64,
    /// What is wrong, if anything is: the first thing of each kind.
    pub wrong: Vec<ScrubError>,
}

/// Memory that does not say what was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScrubError {
    /// The tuples and schema versions are not those of the digest.
    #[error("the tuples in memory have the digest {found}, the log has recorded {expected}")]
    Digest {
        /// What was recorded.
        expected: Digest,
        /// What came out.
        found: Digest,
    },
    /// The counts are not those of the tuples.
    #[error("there are {found} tuples in memory, or of some shape not as many as was counted; {expected} were counted in all")]
    Counts {
        /// What was counted.
        expected: u64,
        /// What came out.
        found: u64,
    },
    /// An object is not found, or not where it should be.
    #[error("{}: its name does not lead to it", .object.as_ref().map_or_else(|| "an object".to_owned(), |object| format!("`{object}`")))]
    Name {
        /// Which.
        object: Option<ObjectRef>,
    },
    /// An edge is known to one of its ends alone, or is out of order.
    #[error("{}: one of its tuples is not known at both of its ends", .object.as_ref().map_or_else(|| "an object".to_owned(), |object| format!("`{object}`")))]
    Edge {
        /// At which object.
        object: Option<ObjectRef>,
    },
    /// The index of nested groups says something else than the edges.
    #[error("{}: the index of nested groups is not what its tuples say", .object.as_ref().map_or_else(|| "a group".to_owned(), |object| format!("`{object}`")))]
    Group {
        /// Of which group.
        object: Option<ObjectRef>,
    },
    /// The index of what objects inherit says something else than the edges.
    #[error("{}: the index of what it inherits is not what its tuples say", .object.as_ref().map_or_else(|| "an object".to_owned(), |object| format!("`{object}`")))]
    Inherited {
        /// Of which object.
        object: Option<ObjectRef>,
    },
    /// Something cannot be read at all.
    #[error(transparent)]
    Damaged(#[from] MemoryDamaged),
}

impl ScrubError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Digest { .. } => "scrub_digest",
            Self::Counts { .. } => "scrub_counts",
            Self::Name { .. } => "scrub_name",
            Self::Edge { .. } => "scrub_edge",
            Self::Group { .. } => "scrub_group",
            Self::Inherited { .. } => "scrub_inherited",
            Self::Damaged(damaged) => damaged.code(),
        }
    }
}

impl Scrub {
    /// Begins a pass over the newest state of a history.
    ///
    /// It keeps the state's memory for as long as it lasts: a base that is replaced meanwhile is given back at its end.
    #[must_use]
    pub fn begin(newest: &State, sample: Sample) -> Self {
        let mut found = Summary::genesis(newest.store());
        found.digest = newest.schemas().fold(found.digest, |digest, schema| digest.with_schema(&schema.text));
        let (state, step) = (newest.clone(), Step::Nodes(0));
        Self { state, sample, step, found, backward: 0, ranked: 0, scrubbed: Scrubbed::default() }
    }

    /// The state that is looked at.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// Looks at about `most` more objects, tuples and lines; whether there is more to look at. An object is looked at whole, and so is the
    /// index of nested groups: that one slice takes what building that index takes.
    pub fn work(&mut self, most: usize) -> bool {
        self.step = match self.step {
            Step::Nodes(from) => self.nodes(from, most),
            Step::Groups => self.groups(),
            Step::Lines(from) => self.lines(from, most),
            Step::Done => Step::Done,
        };
        if self.step == Step::Done
            && let Err(damaged) = self.state.intact()
            && !self.scrubbed.wrong.iter().any(|wrong| matches!(wrong, ScrubError::Damaged(_)))
        {
            self.scrubbed.wrong.push(damaged.into());
        }
        self.step != Step::Done
    }

    /// What the pass came to so far.
    #[must_use]
    pub const fn scrubbed(&self) -> &Scrubbed {
        &self.scrubbed
    }

    fn nodes(&mut self, from: u32, most: usize) -> Step {
        let Self { state, found, .. } = self;
        let looked = state.graph().look_at(from, most as u64, |tuple| found.add(tuple));
        self.backward += looked.edges[1];
        self.ranked += looked.ranked;
        self.scrubbed.tuples = self.found.tuples as u64;
        if let Some((wrong, node)) = looked.wrong {
            let object = self.object(node);
            self.scrubbed.wrong.push(match wrong {
                Wrong::Name | Wrong::Rank => ScrubError::Name { object },
                Wrong::Order | Wrong::Subject => ScrubError::Edge { object },
            });
            // What is behind it need not be looked at for the memory to be given up.
            return Step::Done;
        }
        if looked.next < self.state.graph().nodes() {
            return Step::Nodes(looked.next);
        }
        self.sums();
        if self.scrubbed.wrong.is_empty() { Step::Groups } else { Step::Done }
    }

    /// Holds what all nodes came to against what was recorded.
    fn sums(&mut self) {
        let (found, recorded) = (&self.found, self.state.summary());
        if found.digest != recorded.digest {
            self.scrubbed.wrong.push(ScrubError::Digest { expected: recorded.digest, found: found.digest });
        }
        if found.tuples != recorded.tuples || found.shapes != recorded.shapes {
            let (expected, found) = (recorded.tuples as u64, found.tuples as u64);
            self.scrubbed.wrong.push(ScrubError::Counts { expected, found });
        }
        if self.backward != found.tuples as u64 {
            self.scrubbed.wrong.push(ScrubError::Edge { object: None });
        }
        if self.ranked != self.state.graph().ranked() {
            self.scrubbed.wrong.push(ScrubError::Name { object: None });
        }
    }

    fn groups(&mut self) -> Step {
        let checked = self.state.graph().check_nesting(self.sample.seed, self.sample.walks);
        self.scrubbed.groups += checked.groups;
        self.scrubbed.walked += checked.walked;
        self.scrubbed.passed_over += checked.passed_over;
        if let Some([node, _]) = checked.wrong {
            let object = self.object(NodeId(node));
            self.scrubbed.wrong.push(ScrubError::Group { object });
        }
        Step::Lines(0)
    }

    fn lines(&mut self, from: usize, most: usize) -> Step {
        let checked = self.state.graph().check_inherited(from, most);
        self.scrubbed.lines += checked.lines;
        self.scrubbed.passed_over += checked.passed_over;
        if let Some(node) = checked.wrong {
            let object = self.object(node);
            self.scrubbed.wrong.push(ScrubError::Inherited { object });
            return Step::Done;
        }
        let next = from.saturating_add(most);
        if next < self.state.graph().line_places() { Step::Lines(next) } else { Step::Done }
    }

    /// The object of a node, if it is one: wrong memory may have any number in it.
    fn object(&self, node: NodeId) -> Option<ObjectRef> {
        let graph = self.state.graph();
        if node.0 < graph.nodes() { graph.object(node) } else { None }
    }
}
