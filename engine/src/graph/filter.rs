//! Which nodes an overlay says anything about: no, or perhaps.
//!
//! Two bits of one word for each node and direction. Bits are only ever set, before the overlay that they speak of is published; a
//! reader of an older overlay may find bits of a newer one, and looks in vain.

use std::fmt;

use super::ids::{Direction, NodeId};
use super::sync::{AtomicU64, Ordering};

/// See the module.
#[derive(Default)]
pub(crate) struct Filter {
    words: Box<[AtomicU64]>,
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Filter({} words)", self.words.len())
    }
}

/// How many edges changed make a filter of so many words too full: 16 bits for each, which has two ends.
const EDGES_PER_WORD: usize = 2;

impl Filter {
    /// An empty filter for so many edges.
    pub(crate) fn for_edges(edges: usize) -> Self {
        let words = edges.div_ceil(EDGES_PER_WORD).next_power_of_two().max(16);
        Self { words: (0..words).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Whether it was made for so many edges.
    pub(crate) const fn takes(&self, edges: usize) -> bool {
        edges <= self.words.len() * EDGES_PER_WORD
    }

    /// How many bytes it takes.
    pub(crate) const fn bytes(&self) -> usize {
        self.words.len() * 8
    }

    pub(crate) fn set(&self, direction: Direction, node: NodeId) {
        let (place, bits) = self.place(direction, node);
        if let Some(word) = self.words.get(place) {
            word.fetch_or(bits, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn has(&self, direction: Direction, node: NodeId) -> bool {
        let (place, bits) = self.place(direction, node);
        self.words.get(place).is_some_and(|word| word.load(Ordering::Relaxed) & bits == bits)
    }

    #[inline]
    fn place(&self, direction: Direction, node: NodeId) -> (usize, u64) {
        let side = match direction {
            Direction::Forward => 0,
            Direction::Backward => 1,
        };
        let hash = (u64::from(node.0) << 1 | side).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let bits = 1 << (hash >> 58) | 1 << (hash >> 52 & 63);
        ((hash >> 20) as usize & self.words.len().wrapping_sub(1), bits)
    }
}
