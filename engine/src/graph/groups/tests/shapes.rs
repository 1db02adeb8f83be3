//! Shapes that are made to hurt: how much they may cost is counted, never timed.

use super::*;

fn chain(groups: u32) -> impl Iterator<Item = (u32, u32)> + Clone {
    (0..groups - 1).map(|node| (node, node + 1))
}

#[test]
fn a_chain_of_any_length_keeps_to_the_bounds_and_answers() {
    for (groups, most) in [(10_000, 16 * 10_000 + 65_536), (100_000, 16 * 100_000 + 65_536)] {
        let index = build(chain(groups), &Limits::DEFAULT);
        assert!(entries(&index) <= most, "{} entries", entries(&index));
        let mut nesting = Counted::new(chain(groups));
        assert!(is_nested(&index, &mut nesting, 0, groups - 1));
        assert!(nesting.asked_parents < groups as usize - 500, "the upper end has lists");
        assert!(!is_nested(&index, &mut nesting, groups - 1, 0));
        assert!(!is_nested(&index, &mut nesting, 0, groups));
    }
}

#[test]
fn a_cycle_of_ten_thousand_answers_and_goes_round_once() {
    let cycle = chain(10_000).chain([(9_999, 0)]);
    let index = build(cycle.clone(), &Limits::DEFAULT);
    assert_eq!(entries(&index), 0);
    let mut nesting = Counted::new(cycle.clone());
    assert!(is_nested(&index, &mut nesting, 5, 4));
    assert!(!is_nested(&index, &mut nesting, 5, 10_000));
    assert!(nesting.asked_parents <= 20_000);

    let index = build(cycle, &Limits { max_ancestors: 10_000, ..Limits::DEFAULT });
    assert_eq!(entries(&index), 10_000, "one list for all of it");
    let mut nesting = Counted::default();
    assert!(is_nested(&index, &mut nesting, 5, 4));
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
fn a_lattice_is_walked_group_by_group_not_path_by_path() {
    let lattice = (0..58).flat_map(|node| {
        let above = node - node % 2 + 2;
        [(node, above), (node, above + 1)]
    });
    let index = build(lattice.clone(), &Limits { max_ancestors: 0, ..AMPLE });
    let mut nesting = Counted::new(lattice.clone());
    assert!(!is_nested(&index, &mut nesting, 0, 1));
    assert_eq!(nesting.asked_parents, 57, "each once that is reached and has parents");

    let index = build(lattice.clone(), &AMPLE);
    let mut nesting = Counted::new(lattice);
    assert!(is_nested(&index, &mut nesting, 0, 59));
    assert_eq!(nesting.asked_parents, 0);
}

#[test]
fn a_change_far_up_a_chain_is_not_looked_for_again_at_every_step() {
    let index = build(chain(1_000), &Limits { max_ancestors: 1_000, entries_per_edge: 1_000, entries_spare: 0 });
    let mut nesting = Counted::new(chain(1_000));
    nesting.changed.insert(group(990));
    assert!(!is_nested(&index, &mut nesting, 0, 1_000));
    assert_eq!(nesting.asked_parents, 991, "to the changed group, and no further");
    assert!(nesting.asked_changed.get() < 3_000, "asked {} times", nesting.asked_changed.get());
}

#[test]
fn a_scratch_that_is_used_again_knows_nothing_of_what_was_changed_for_the_last() {
    let index = build(chain(10), &AMPLE);
    let mut scratch = Scratch::default();
    for (changed, walked) in [(Some(group(5)), 6), (None, 0)] {
        let mut nesting = Counted::new(chain(10));
        nesting.changed.extend(changed);
        let mut closure = Closure::new(&mut scratch, &index, &mut nesting);
        closure.add(group(0));
        assert!(closure.contains(group(9)).unwrap());
        assert_eq!(nesting.asked_parents, walked);
    }
}

#[test]
fn a_group_moved_away_is_a_member_where_it_is_now_and_no_longer_where_it_was() {
    let index = build([(1, 2), (2, 3), (4, 5)], &AMPLE);
    let mut nesting = Counted::new([(1, 2), (2, 4), (4, 5)]);
    nesting.changed.insert(group(2));
    assert!(!is_nested(&index, &mut nesting, 1, 3));
    assert!(is_nested(&index, &mut nesting, 1, 5));
    assert!(!is_nested(&index, &mut nesting, 4, 3));
    assert_eq!(nesting.asked_parents, 4, "1 and 2 are walked in both questions about 1; 4 has a list that holds");
}

#[test]
fn the_deadline_is_looked_at_while_walking() {
    let index = build(chain(10_000), &Limits { max_ancestors: 0, ..AMPLE });
    let mut nesting = Counted::new(chain(10_000));
    assert!(!is_nested(&index, &mut nesting, 0, 10_000));
    assert_eq!(nesting.polled, [1_024; 9]);
}

#[test]
fn a_question_ends_where_its_answer_is_found_and_the_next_goes_on() {
    let index = build(chain(100), &Limits { max_ancestors: 0, ..AMPLE });
    let mut nesting = Counted::new(chain(100));
    let mut scratch = Scratch::default();
    let mut closure = Closure::new(&mut scratch, &index, &mut nesting);
    closure.add(group(0));
    assert!(closure.contains(group(10)).unwrap());
    assert!(closure.contains(group(5)).unwrap());
    assert!(closure.contains(group(20)).unwrap());
    assert_eq!(nesting.asked_parents, 20);
}

#[test]
fn many_lists_asked_for_many_groups_are_taken_apart() {
    let index = build((0..500).map(|node| (node, 1_000 + node)), &AMPLE);
    let mut nesting = Counted::default();
    let mut scratch = Scratch::default();
    let mut closure = Closure::new(&mut scratch, &index, &mut nesting);
    for node in 0..500 {
        closure.add(group(node));
    }
    for node in 1_000..2_000 {
        assert_eq!(closure.contains(group(node)).unwrap(), node < 1_500, "{node}");
    }
    assert_eq!(closure.all().unwrap().len(), 1_000);
}
