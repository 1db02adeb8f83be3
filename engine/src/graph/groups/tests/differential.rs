//! Random graphs, random changes, bounds so tight that lists are rare: index and closure against the search.

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

/// Nesting at a later revision that gives up every so often, as a deadline would.
struct Later<'a> {
    edges: &'a Edges,
    changed: &'a BTreeSet<Group>,
    calls: usize,
    fails_every: usize,
}

impl Nesting for Later<'_> {
    type Error = ();

    fn is_changed(&self, group: Group) -> bool {
        self.changed.contains(&group)
    }

    fn parents(&mut self, group: Group, parents: &mut Vec<Group>) -> Result<(), ()> {
        self.calls += 1;
        for &(child, parent) in self.edges {
            if child == group {
                parents.push(parent);
                parents.push(parent);
            }
        }
        if self.calls.is_multiple_of(self.fails_every) { Err(()) } else { Ok(()) }
    }

    fn poll(&mut self, _: u64) -> Result<(), ()> {
        Ok(())
    }
}

fn again<T>(mut ask: impl FnMut() -> Result<T, ()>) -> T {
    loop {
        if let Ok(answer) = ask() {
            return answer;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn lists_are_what_a_search_finds_and_keep_to_their_bounds(edges in edges(40), limits in limits()) {
        let index = GroupIndex::build(edges.iter().copied().chain(edges.iter().rev().copied()), &[], &limits).unwrap();
        let real = edges.iter().filter(|(child, parent)| child != parent).count();
        prop_assert!(entries(&index) <= real * limits.entries_per_edge + limits.entries_spare);
        prop_assert!(GroupIndex::from_parts(index.table(), index.lists()).is_ok());
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

    #[test]
    fn the_closure_is_what_a_search_finds_whatever_changed(
        base in edges(40),
        limits in limits(),
        flipped in edges(12),
        removed in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        suspects in prop::collection::btree_set((0_u32..14, 0_u32..2), 0..3),
        seeds in prop::collection::vec((0_u32..14, 0_u32..2), 0..6),
        asked in prop::collection::vec((0_u32..15, 0_u32..2), 0..20),
        fails_every in 2_usize..9,
    ) {
        let index = GroupIndex::build(base.iter().copied(), &[], &limits).unwrap();
        let mut later = base.clone();
        let mut changed: BTreeSet<Group> = suspects.into_iter().map(|(node, kind)| [node, kind]).collect();
        let removed = removed.iter().filter(|_| !base.is_empty()).map(|at| *base.iter().nth(at.index(base.len())).unwrap());
        for edge in flipped.iter().copied().chain(removed) {
            if !later.remove(&edge) {
                later.insert(edge);
            }
            changed.insert(edge.0);
        }
        let seeds: Vec<Group> = seeds.into_iter().map(|(node, kind)| [node, kind]).collect();
        let truth = reached(&later, &seeds);

        let mut scratch = Scratch::default();
        for _ in 0..2 {
            let nesting = Later { edges: &later, changed: &changed, calls: 0, fails_every };
            let mut closure = Closure::new(&mut scratch, &index, nesting);
            for &seed in &seeds {
                closure.add(seed);
            }
            for &(node, kind) in &asked {
                prop_assert_eq!(again(|| closure.contains([node, kind])), truth.contains(&[node, kind]));
            }
            let all = again(|| closure.all().map(<[Group]>::to_vec));
            prop_assert_eq!(all.len(), truth.len(), "each once");
            prop_assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), truth.clone());
            for group in groups() {
                prop_assert_eq!(again(|| closure.contains(group)), truth.contains(&group));
            }
        }
    }

    #[test]
    fn groups_may_be_added_between_questions(
        base in edges(30),
        limits in limits(),
        seeds in prop::collection::vec((0_u32..14, 0_u32..2), 1..6),
    ) {
        let index = GroupIndex::build(base.iter().copied(), &[], &limits).unwrap();
        let nesting = Later { edges: &base, changed: &BTreeSet::new(), calls: 0, fails_every: usize::MAX };
        let mut scratch = Scratch::default();
        let mut closure = Closure::new(&mut scratch, &index, nesting);
        let mut added = Vec::new();
        for (node, kind) in seeds {
            closure.add([node, kind]);
            added.push([node, kind]);
            let truth = reached(&base, &added);
            for group in groups() {
                prop_assert_eq!(closure.contains(group), Ok(truth.contains(&group)));
            }
        }
    }
}
