//! Random graphs, bounds so tight that lists are rare: the index against the search.

use proptest::prelude::*;

use super::*;

/// Edges among a few groups of two relations: cycles, self-loops and diamonds all the time.
fn edges(most: usize) -> impl Strategy<Value = Edges> {
    let group = || (0_u32..14, 0_u32..2).prop_map(|(node, kind)| [node, kind]);
    prop::collection::btree_set((group(), group()), 0..most)
}

fn limits() -> impl Strategy<Value = Limits> {
    let tight = (0_usize..10, 0_usize..3, 0_usize..30);
    let tight =
        tight.prop_map(|(max_ancestors, entries_per_edge, entries_spare)| Limits { max_ancestors, entries_per_edge, entries_spare });
    prop_oneof![3 => tight, 1 => Just(AMPLE), 1 => Just(Limits { max_ancestors: 10, ..AMPLE })]
}

fn groups() -> impl Iterator<Item = Group> {
    (0..15).flat_map(|node| [[node, 0], [node, 1], [node, 2]])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn lists_are_what_a_search_finds_and_keep_to_their_bounds(edges in edges(40), limits in limits()) {
        let index = GroupIndex::build(edges.iter().copied().chain(edges.iter().rev().copied()), &[], &limits).unwrap();
        let real = edges.iter().filter(|(child, parent)| child != parent).count();
        prop_assert!(entries(&index) <= real * limits.entries_per_edge + limits.entries_spare);
        for group in groups() {
            let parents = edges.range((group, [0, 0])..=(group, [u32::MAX; 2])).map(|&(_, parent)| parent);
            let parents: Vec<Group> = parents.filter(|&parent| parent != group).collect();
            let above = reached(&edges, &parents);
            match index.ancestors(group) {
                Ancestors::Top => prop_assert!(above.is_empty()),
                Ancestors::List(list) => {
                    prop_assert!(list.len() <= limits.max_ancestors);
                    prop_assert!(list.iter().eq(above.iter()), "{group:?}: {list:?}, but {above:?}");
                }
                Ancestors::Walk => {
                    prop_assert!(!above.is_empty());
                    prop_assert!(limits != AMPLE, "{group:?} is walked");
                }
            }
        }
    }
}
