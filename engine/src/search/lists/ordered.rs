//! Candidates of a list in the order of their ids, sorted as far as they are asked for.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::super::sight::Sight;
use super::waves::Found;
use crate::graph::ids::{NodeId, TypeId};

/// Nodes that nothing names, by the numbers that a question gave them.
pub(super) type Unnamed<'a> = SmallVec<[(NodeId, &'a str); 2]>;

/// The fewest candidates that are sorted at once.
const LEAST: usize = 256;

/// How many records are looked at ahead.
const AHEAD: usize = 32;

/// A candidate, its id, and whether it is known to be an item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub(super) node: NodeId,
    pub(super) id: &'a str,
    pub(super) sure: bool,
}

#[derive(Debug, Clone, Copy)]
struct Ranked {
    rank: u64,
    node: NodeId,
    unsure: bool,
}

/// What the names of nodes are.
#[derive(Clone)]
struct Names<'a> {
    sight: Sight<'a>,
    type_id: TypeId,
    unnamed: Unnamed<'a>,
}

/// See the module: an iterator over candidates, each once.
pub(super) struct Ordered<'a> {
    names: Names<'a>,
    ranked: Vec<Ranked>,
    next: usize,
    /// Up to where they are in order; none beyond comes before these.
    sorted: usize,
    /// How many are to be sorted next.
    portion: usize,
    /// Up to where records were looked at.
    touched: usize,
}

impl<'a> Ordered<'a> {
    /// The candidates whose ids come after `after`; about so many are wanted. O(found), and O(n log n) of those that are taken.
    pub(super) fn new(sight: Sight<'a>, type_id: TypeId, unnamed: Unnamed<'a>, found: &Found, after: Option<&str>, wanted: usize) -> Self {
        let names = Names { sight, type_id, unnamed };
        let after = after.map(|after| (sight.graph.rank_of_name(type_id, after), after));
        let comes_after = |ranked: &Ranked| {
            after.is_none_or(|(rank, after)| match ranked.rank.cmp(&rank) {
                Ordering::Less => false,
                // Equal ranks, and the node of the base that has this rank's place or the very name.
                Ordering::Equal => names.of(ranked.node) > Some(after),
                Ordering::Greater => ranked.rank > rank + 1 || names.of(ranked.node) > Some(after),
            })
        };
        let ranked = found.iter().map(|(node, sure)| Ranked { rank: names.rank(*node), node: *node, unsure: !sure });
        let ranked = ranked.filter(comes_after).collect();
        Self { names, ranked, next: 0, sorted: 0, portion: wanted.max(LEAST), touched: 0 }
    }

    fn sort(&mut self) {
        let Some(rest) = self.ranked.get_mut(self.sorted..) else { return };
        let names = &self.names;
        let order = |a: &Ranked, b: &Ranked| a.rank.cmp(&b.rank).then_with(|| names.order(a, b));
        let mut portion = rest.len();
        if portion / 2 > self.portion {
            portion = self.portion;
            rest.select_nth_unstable_by(portion, order);
        }
        if let Some(portion) = rest.get_mut(..portion) {
            portion.sort_unstable_by(order);
        }
        self.sorted += portion;
        self.portion = self.portion.saturating_mul(2);
    }
}

impl Ordered<'_> {
    /// Looks at the next records, so that they are at hand when their names are needed: they lie all over memory, and looks that do not
    /// wait for each other take little more time than one.
    fn touch(&mut self) {
        let end = self.sorted.min(self.next + AHEAD);
        let records = self.ranked.get(self.next..end).unwrap_or_default().iter();
        let lengths = records.filter_map(|ranked| self.names.sight.graph.record(ranked.node)).map(|record| record.name().len());
        std::hint::black_box(lengths.sum::<usize>());
        self.touched = end;
    }
}

impl<'a> Names<'a> {
    fn of(&self, node: NodeId) -> Option<&'a str> {
        let unnamed = self.unnamed.iter().find(|(unnamed, _)| *unnamed == node).map(|(_, id)| *id);
        unnamed.or_else(|| self.sight.name_of(node).map(|(_, id)| id))
    }

    fn rank(&self, node: NodeId) -> u64 {
        match self.unnamed.iter().find(|(unnamed, _)| *unnamed == node) {
            Some((_, id)) => self.sight.graph.rank_of_name(self.type_id, id),
            None => self.sight.rank(node),
        }
    }

    /// The order of two with the same rank; of the same node, the certain one comes first.
    fn order(&self, a: &Ranked, b: &Ranked) -> Ordering {
        if a.node == b.node { a.unsure.cmp(&b.unsure) } else { self.of(a.node).cmp(&self.of(b.node)) }
    }
}

impl<'a> Iterator for Ordered<'a> {
    type Item = Candidate<'a>;

    fn next(&mut self) -> Option<Candidate<'a>> {
        loop {
            if self.next == self.sorted {
                self.sort();
            }
            if self.next == self.touched {
                self.touch();
            }
            let Ranked { node, unsure, .. } = *self.ranked.get(self.next)?;
            let again = self.next.checked_sub(1).and_then(|before| self.ranked.get(before)).is_some_and(|before| before.node == node);
            self.next += 1;
            if !again && let Some(id) = self.names.of(node) {
                return Some(Candidate { node, id, sure: !unsure });
            }
        }
    }
}
