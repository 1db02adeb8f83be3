//! The index and the closure against a search that knows no lists, before and after changes.

mod differential;
mod shapes;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use super::build::MAX_EDGES;
use super::{Ancestors, Closure, Damaged, Group, GroupIndex, Limits, Nesting, Scratch, TooManyEdges};

type Edges = BTreeSet<(Group, Group)>;

/// No bound that a test of a few groups could meet.
const AMPLE: Limits = Limits { max_ancestors: 1_000, entries_per_edge: 1_000, entries_spare: 1_000 };

/// The group number `node`, of one kind.
fn group(node: u32) -> Group {
    [node, 1]
}

fn build(edges: impl IntoIterator<Item = (u32, u32)>, limits: &Limits) -> GroupIndex {
    GroupIndex::build(edges.into_iter().map(|(child, parent)| (group(child), group(parent))), &[], limits).unwrap()
}

fn entries(index: &GroupIndex) -> usize {
    index.lists().len() / 2
}

/// What `seeds` are nested in, themselves included, edge by edge.
fn reached(edges: &Edges, seeds: &[Group]) -> BTreeSet<Group> {
    let mut reached: BTreeSet<Group> = seeds.iter().copied().collect();
    let mut pending = seeds.to_vec();
    while let Some(group) = pending.pop() {
        for &(_, parent) in edges.range((group, [0, 0])..=(group, [u32::MAX, u32::MAX])) {
            if reached.insert(parent) {
                pending.push(parent);
            }
        }
    }
    reached
}

/// Nesting made of edges, which counts what it is asked.
#[derive(Default)]
struct Counted {
    parents: BTreeMap<Group, Vec<Group>>,
    changed: BTreeSet<Group>,
    asked_changed: Cell<usize>,
    asked_parents: usize,
    polled: Vec<u64>,
}

impl Counted {
    fn new(edges: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut nesting = Self::default();
        for (child, parent) in edges {
            nesting.parents.entry(group(child)).or_default().push(group(parent));
        }
        nesting
    }
}

impl Nesting for &mut Counted {
    type Error = Infallible;

    fn is_changed(&self, group: Group) -> bool {
        self.asked_changed.set(self.asked_changed.get() + 1);
        self.changed.contains(&group)
    }

    fn parents(&mut self, group: Group, parents: &mut Vec<Group>) -> Result<(), Infallible> {
        self.asked_parents += 1;
        parents.extend(self.parents.get(&group).into_iter().flatten());
        Ok(())
    }

    fn poll(&mut self, looked_at: u64) -> Result<(), Infallible> {
        self.polled.push(looked_at);
        Ok(())
    }
}

/// Whether `from` is nested in `to`.
fn is_nested(index: &GroupIndex, nesting: &mut Counted, from: u32, to: u32) -> bool {
    let mut scratch = Scratch::default();
    let mut closure = Closure::new(&mut scratch, index, nesting);
    closure.add(group(from));
    closure.contains(group(to)).unwrap()
}

#[test]
fn a_group_has_all_it_is_nested_in_and_a_top_group_has_nothing() {
    let index = build([(1, 2), (2, 3), (1, 4), (2, 3)], &AMPLE);
    assert_eq!(index.ancestors(group(1)), Ancestors::List(&[group(2), group(3), group(4)]));
    assert_eq!(index.ancestors(group(2)), Ancestors::List(&[group(3)]));
    assert_eq!(index.ancestors(group(3)), Ancestors::Top);
    assert_eq!(index.ancestors(group(9)), Ancestors::Top, "it was never heard of");
    assert_eq!(index.ancestors([1, 2]), Ancestors::Top, "another relation of the same object is another group");
    assert_eq!(GroupIndex::default().ancestors(group(1)), Ancestors::Top);
}

#[test]
fn groups_on_a_cycle_share_a_list_that_holds_them_all() {
    let index = build([(1, 2), (2, 3), (3, 1), (3, 4), (0, 2)], &AMPLE);
    let all = [group(1), group(2), group(3), group(4)];
    for node in 0..4 {
        assert_eq!(index.ancestors(group(node)), Ancestors::List(&all));
    }
    assert_eq!(entries(&index), 8, "one list for the cycle, one for the group below it");
}

#[test]
fn a_self_loop_nests_nothing() {
    assert_eq!(build([(1, 1)], &AMPLE).ancestors(group(1)), Ancestors::Top);
    assert_eq!(build([(1, 1), (1, 2)], &AMPLE).ancestors(group(1)), Ancestors::List(&[group(2)]));
}

#[test]
fn groups_with_the_same_parents_share_a_list() {
    let edges = (10..1_000).flat_map(|child| [(child, 1), (child, 2)]).chain([(1, 3), (2, 4)]);
    let index = build(edges, &AMPLE);
    assert_eq!(index.ancestors(group(999)), Ancestors::List(&[group(1), group(2), group(3), group(4)]));
    assert_eq!(entries(&index), 4 + 1 + 1);
}

#[test]
fn a_group_past_the_bound_is_walked_and_so_is_all_below_it() {
    let index = build([(1, 2), (2, 3), (3, 4), (4, 5), (9, 5)], &Limits { max_ancestors: 2, ..AMPLE });
    assert_eq!(index.ancestors(group(1)), Ancestors::Walk);
    assert_eq!(index.ancestors(group(2)), Ancestors::Walk);
    assert_eq!(index.ancestors(group(3)), Ancestors::List(&[group(4), group(5)]));
    assert_eq!(index.ancestors(group(9)), Ancestors::List(&[group(5)]));
}

#[test]
fn where_all_lists_together_are_too_long_the_longest_give_way() {
    let chain = (0..100).map(|node| (node, node + 1));
    let team = [(200, 201), (201, 202)];
    let index = build(chain.chain(team), &Limits { max_ancestors: 1_000, entries_per_edge: 0, entries_spare: 60 });
    assert!(entries(&index) <= 60);
    assert_eq!(index.ancestors(group(0)), Ancestors::Walk);
    assert_eq!(index.ancestors(group(99)), Ancestors::List(&[group(100)]));
    assert_eq!(index.ancestors(group(200)), Ancestors::List(&[group(201), group(202)]), "it does not pay for the chain");
    let none = build([(1, 2)], &Limits { max_ancestors: 1_000, entries_per_edge: 0, entries_spare: 0 });
    assert_eq!((none.ancestors(group(1)), entries(&none)), (Ancestors::Walk, 0));
}

#[test]
fn the_rows_of_an_index_make_the_same_index() {
    let index = build([(1, 2), (2, 3), (3, 4), (4, 5)], &Limits { max_ancestors: 2, ..AMPLE });
    let again = GroupIndex::from_parts(index.table(), index.lists()).unwrap();
    for node in 0..7 {
        assert_eq!(again.ancestors(group(node)), index.ancestors(group(node)));
    }
    assert!(GroupIndex::<&[u32]>::from_parts(&[], &[]).is_ok());
}

#[test]
fn damaged_rows_are_refused_or_can_be_asked_without_harm() {
    let index = build((0..20).flat_map(|node| [(node, node + 1), (node, node + 3)]), &AMPLE);
    let (table, lists) = (index.table().to_vec(), index.lists().to_vec());
    let refused = |table: Vec<u32>, lists: Vec<u32>| GroupIndex::from_parts(table, lists).unwrap_err();
    assert_eq!(refused(table[1..].to_vec(), lists.clone()), Damaged::Shape);
    assert_eq!(refused(table.clone(), lists[1..].to_vec()), Damaged::Shape);
    assert_eq!(refused(vec![1, 1, 0, u32::MAX], Vec::new()), Damaged::Shape, "a table without a free slot");
    assert!(matches!(refused(table.clone(), lists[..lists.len() - 2].to_vec()), Damaged::Slot { .. }), "the lists end too soon");
    assert!(matches!(refused(table.clone(), vec![7; lists.len()]), Damaged::List { .. }));
    let cut = refused(table[4..].to_vec(), lists.clone());
    assert_eq!((cut.code(), cut.help()), ("group_index_damaged", "build the index again from the nesting edges"));
    for at in 0..table.len() {
        for bit in [0, 7, 31] {
            let mut table = table.clone();
            table[at] ^= 1 << bit;
            if let Ok(index) = GroupIndex::from_parts(table, lists.clone()) {
                for node in 0..25 {
                    index.ancestors(group(node));
                }
            }
        }
    }
}

#[test]
fn more_edges_than_can_be_counted_are_refused() {
    assert_eq!(TooManyEdges::check(MAX_EDGES), Ok(()));
    let refused = TooManyEdges::check(MAX_EDGES + 1).unwrap_err();
    assert_eq!((refused.code(), refused.help()), ("too_many_nesting_edges", "divide the store, or nest fewer groups"));
}
