//! The index of nested groups held against the edges that it was built of.
//!
//! The edges of the moment at which it was built are those of now without what has come since and with what has gone, as the differences
//! say. From these the index is built once more, which has to come to the same words; and from some groups the edges are
//! walked one by one, which shares nothing with the building. What a difference does not tell of is passed over, with all that
//! is nested in it: readers walk there, too.

use std::collections::BTreeSet;

use super::{Graph, Group, GroupIndex, Limits};
use crate::graph::groups::Ancestors;

/// What a look at the whole index came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Groups whose place in the index was looked at.
    pub(crate) groups: u64,
    /// Groups of which the index cannot be told right or wrong, because more has changed around them than is remembered.
    pub(crate) passed_over: u64,
    /// Groups from which the edges were walked.
    pub(crate) walked: u64,
    /// The first group of which the index says something else than the edges.
    pub(crate) wrong: Option<Group>,
}

impl Graph {
    /// Holds the index against the edges; from `walks` groups, which `seed` chooses, by walking. This has to be the newest graph of its
    /// history. O(nesting edges log nesting edges + walks × the groups above).
    pub(crate) fn check_nesting(&self, seed: u64, walks: usize) -> Checked {
        let nesting = &*self.core.nesting;
        let (mut edges, walked) = self.nesting_edges(&nesting.classes);
        let unknown = self.back_to_the_index(&mut edges);
        edges.sort_unstable();
        edges.dedup();
        let mut checked = Checked::default();
        // There are no more edges than when it was built: past 2^30 it has no classes.
        let Ok(expected) = GroupIndex::build(edges.iter().copied(), &walked, &Limits::DEFAULT) else { return checked };
        let same = expected.table() == nesting.index.table() && expected.lists() == nesting.index.lists();
        if same && unknown.is_empty() {
            checked.groups = expected.groups().count() as u64;
        } else {
            compare(&expected, &nesting.index, &unknown, &mut checked);
            if unknown.is_empty() && checked.wrong.is_none() {
                // The same lists, laid out as nobody would: no reader can tell today, and it is not what was built.
                checked.wrong = nesting.index.groups().next();
            }
        }
        if checked.wrong.is_none() {
            walk(&edges, &nesting.index, &unknown, seed, walks, &mut checked);
        }
        checked
    }

    /// Makes of the nesting edges of now those of the moment at which the index was built; gives the nodes whose edges then are not known.
    fn back_to_the_index(&self, edges: &mut Vec<(Group, Group)>) -> BTreeSet<u32> {
        let built = self.core.nesting.revision;
        let (mut came, mut unknown) = (BTreeSet::new(), BTreeSet::new());
        for (node, changed) in self.core.nested_anew.iter().filter(|(_, changed)| changed.revision > built) {
            let Some(difference) = &changed.difference else {
                unknown.insert(node.0);
                continue;
            };
            let (added, gone) = difference.changes();
            came.extend(added.iter().map(|(of, above)| ([node.0, of.0], *above)));
            edges.extend(gone.iter().map(|(of, above)| ([node.0, of.0], *above)));
        }
        edges.retain(|edge| !came.contains(edge));
        unknown
    }
}

/// Compares what two indexes say of each group.
fn compare(expected: &GroupIndex, index: &GroupIndex, unknown: &BTreeSet<u32>, checked: &mut Checked) {
    let groups: BTreeSet<Group> = expected.groups().chain(index.groups()).collect();
    for group in groups {
        let lists = match (expected.ancestors(group), index.ancestors(group)) {
            // Where the index has no list readers walk, which is right whatever the edges are.
            (_, Ancestors::Walk) => [&[][..], &[]],
            (Ancestors::Walk, _) if !unknown.is_empty() => {
                checked.passed_over += 1;
                continue;
            }
            (expected, index) => [listed(expected), listed(index)],
        };
        let [should, is] = lists;
        checked.groups += 1;
        let is_known = |group: &Group| !unknown.contains(&group[0]);
        if should != is {
            if is_known(&group) && should.iter().chain(is).all(is_known) {
                checked.wrong = Some(group);
                return;
            }
            checked.passed_over += 1;
        }
    }
}

fn listed(ancestors: Ancestors<'_>) -> &[Group] {
    match ancestors {
        Ancestors::Top | Ancestors::Walk => &[],
        Ancestors::List(list) => list,
    }
}

/// Walks from some groups edge by edge, and compares what is reached with what the index lists.
fn walk(edges: &[(Group, Group)], index: &GroupIndex, unknown: &BTreeSet<u32>, seed: u64, walks: usize, checked: &mut Checked) {
    let mut random = seed;
    for _ in 0..walks.min(edges.len()) {
        let place = usize::try_from(next(&mut random) % edges.len() as u64).unwrap_or_default();
        let Some((group, _)) = edges.get(place).copied() else { return };
        let list = match index.ancestors(group) {
            Ancestors::Walk => continue,
            found @ (Ancestors::Top | Ancestors::List(_)) => listed(found),
        };
        checked.walked += 1;
        let reached = reached(edges, group, list.len());
        if !reached.iter().eq(list) && !reached.iter().chain(list).chain([&group]).any(|group| unknown.contains(&group[0])) {
            checked.wrong = Some(group);
            return;
        }
    }
}

/// The groups above one, in order; the walk ends when there are more than `most`.
fn reached(edges: &[(Group, Group)], group: Group, most: usize) -> BTreeSet<Group> {
    let (mut reached, mut pending) = (BTreeSet::new(), vec![group]);
    while let Some(group) = pending.pop() {
        let begin = edges.partition_point(|(child, _)| *child < group);
        for (_, parent) in edges.iter().skip(begin).take_while(|(child, _)| *child == group).filter(|(child, parent)| child != parent) {
            if reached.insert(*parent) {
                pending.push(*parent);
            }
        }
        if reached.len() > most {
            break;
        }
    }
    reached
}

/// The next number of a row that a seed begins (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
