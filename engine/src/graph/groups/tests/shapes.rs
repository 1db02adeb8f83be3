//! Shapes that are made to hurt: how much they may cost is counted, never timed.

use super::*;

fn chain(groups: u32) -> impl Iterator<Item = (u32, u32)> + Clone {
    (0..groups - 1).map(|node| (node, node + 1))
}

#[test]
fn a_chain_of_any_length_keeps_to_the_bounds() {
    for (groups, most) in [(10_000, 16 * 10_000 + 65_536), (100_000, 16 * 100_000 + 65_536)] {
        let index = build(chain(groups), &Limits::DEFAULT);
        assert!(entries(&index) <= most, "{} entries", entries(&index));
        assert_eq!(index.ancestors(group(0)), Ancestors::Walk);
        assert!(matches!(index.ancestors(group(groups - 500)), Ancestors::List(list) if list.len() == 499), "the upper end has lists");
    }
}

#[test]
fn a_cycle_has_one_list_for_all_of_it_or_none() {
    let cycle = chain(10_000).chain([(9_999, 0)]);
    let index = build(cycle.clone(), &Limits::DEFAULT);
    assert_eq!(entries(&index), 0);
    let index = build(cycle, &Limits { max_ancestors: 10_000, ..Limits::DEFAULT });
    assert_eq!(entries(&index), 10_000);
}

#[test]
fn a_hostile_chain_takes_no_list_from_the_groups_beside_it() {
    let teams = (0..1_000).map(|team| (200_000 + team, 300_000 + team / 10)).chain((0..100).map(|unit| (300_000 + unit, 400_000)));
    let index = build(chain(100_000).chain(teams), &Limits::DEFAULT);
    for team in 0..1_000 {
        assert_eq!(index.ancestors(group(200_000 + team)), Ancestors::List(&[group(300_000 + team / 10), group(400_000)]));
    }
}

#[test]
fn what_is_to_be_walked_is_and_so_is_all_below_it() {
    let edges = [(1, 2), (2, 3), (4, 3)].map(|(child, parent)| (group(child), group(parent)));
    let index = GroupIndex::build(edges, &[group(2), group(9)], &Limits::DEFAULT).unwrap();
    assert_eq!([1, 2, 9].map(|node| index.ancestors(group(node))), [Ancestors::Walk; 3]);
    assert_eq!(index.ancestors(group(4)), Ancestors::List(&[group(3)]));
    assert_eq!(index.ancestors(group(3)), Ancestors::Top);
}
