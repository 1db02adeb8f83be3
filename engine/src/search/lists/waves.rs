//! What a walk has before it, in two waves: first all that is certain, then what may be.
//!
//! What the first wave reaches is not gone into again by the second, so whatever can be certain is known as such.

use super::super::walk::Walk;
use crate::eval::Stopped;
use crate::graph::ids::NodeId;

/// A plan at a node; how the walk numbers its plans is its own affair.
pub(super) type Atom = (u32, NodeId);

/// Nodes that were found, and whether for certain; one may be there more than once.
pub(super) type Found = Vec<(NodeId, bool)>;

type Atoms = hashbrown::HashSet<Atom, foldhash::fast::FixedState>;

/// See the module.
pub(super) struct Waves {
    /// Those of the first wave.
    certain: Atoms,
    /// Those that only the second wave has come to.
    possible: Atoms,
    open: Vec<Atom>,
    later: Vec<Atom>,
    sure: bool,
    steps: u64,
    max_steps: u64,
}

impl Waves {
    /// A walk that may take so many steps.
    pub(super) fn within(max_steps: u64) -> Self {
        Self { certain: Atoms::default(), possible: Atoms::default(), open: Vec::new(), later: Vec::new(), sure: true, steps: 0, max_steps }
    }

    /// Whether what is reached now is certain.
    pub(super) const fn is_sure(&self) -> bool {
        self.sure
    }

    /// Puts an atom before the walk, unless it was there; whether it is new in this wave.
    pub(super) fn push(&mut self, atom: Atom, sure: bool) -> bool {
        if self.sure && !sure {
            self.later.push(atom);
            return false;
        }
        let new = self.insert(atom);
        if new {
            self.open.push(atom);
        }
        new
    }

    fn insert(&mut self, atom: Atom) -> bool {
        if self.sure { self.certain.insert(atom) } else { !self.certain.contains(&atom) && self.possible.insert(atom) }
    }

    /// Of an atom that the walk puts before itself when it comes to it: whether it holds; `None`: it may.
    pub(super) fn holds(&self, atom: Atom) -> Option<bool> {
        if self.certain.contains(&atom) {
            return Some(true);
        }
        if self.possible.contains(&atom) { None } else { Some(false) }
    }

    /// The steps taken.
    pub(super) const fn steps(&self) -> u64 {
        self.steps
    }

    /// The next atom; the second wave begins when the first has none.
    pub(super) fn next(&mut self) -> Option<Atom> {
        if let Some(atom) = self.open.pop() {
            return Some(atom);
        }
        self.sure = false;
        while let Some(atom) = self.later.pop() {
            if self.insert(atom) {
                return Some(atom);
            }
        }
        None
    }

    /// Charges steps. All that can be reached is gone to, whatever the order, so the sum does not depend on it.
    pub(super) fn charge(&mut self, walk: &mut Walk<'_>, steps: u64) -> Result<(), Stopped> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.max_steps {
            return Err(Stopped::Budget { max_steps: self.max_steps });
        }
        walk.look()
    }
}
