//! A set of groups that is mostly tiny: searched from one end to the other while it is, hashed from then on.

use super::{Group, first_slot};

/// Up to this many are compared one by one: two cache lines.
const LINEAR: usize = 16;

/// What is kept for the next use at most, in groups, so that one large request does not hold its memory for ever.
pub(super) const KEPT: usize = 4_096;

/// Groups in the order in which they came. Adding and looking up cost O(1), and no allocation when the set is used again.
#[derive(Debug, Default)]
pub(super) struct GroupSet {
    order: Vec<Group>,
    /// Places in `order`, plus one; 0 is free. Empty while the set is tiny, and never more than half full.
    slots: Vec<u32>,
}

impl GroupSet {
    pub(super) fn contains(&self, group: Group) -> bool {
        if self.slots.is_empty() { self.order.contains(&group) } else { self.probe(group).is_err() }
    }

    /// Adds `group`; says whether it is new.
    pub(super) fn insert(&mut self, group: Group) -> bool {
        if self.slots.is_empty() {
            if self.order.contains(&group) {
                return false;
            }
            self.order.push(group);
            if self.order.len() > LINEAR {
                self.rehash();
            }
            return true;
        }
        let Ok(slot) = self.probe(group) else { return false };
        self.order.push(group);
        if self.order.len() * 2 > self.slots.len() {
            self.rehash();
        } else {
            self.take(slot, self.order.len());
        }
        true
    }

    pub(super) fn as_slice(&self) -> &[Group] {
        &self.order
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn clear(&mut self) {
        self.order.clear();
        self.slots.clear();
        if self.order.capacity() > KEPT {
            self.order.shrink_to(KEPT);
            self.slots.shrink_to(4 * KEPT);
        }
    }

    /// The free slot for a group that is not in; `Err` if it is.
    fn probe(&self, group: Group) -> Result<usize, ()> {
        let mut slot = first_slot(group, self.slots.len());
        loop {
            let Some(place) = self.slots.get(slot) else {
                slot = 0;
                continue;
            };
            let Some(before) = place.checked_sub(1) else { return Ok(slot) };
            if self.order.get(before as usize) == Some(&group) {
                return Err(());
            }
            slot += 1;
        }
    }

    fn rehash(&mut self) {
        self.slots.clear();
        self.slots.resize(self.order.len() * 4, 0);
        for at in 0..self.order.len() {
            if let Some(&group) = self.order.get(at)
                && let Ok(slot) = self.probe(group)
            {
                self.take(slot, at + 1);
            }
        }
    }

    fn take(&mut self, slot: usize, place: usize) {
        if let (Some(free), Ok(place)) = (self.slots.get_mut(slot), u32::try_from(place)) {
            *free = place;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_once_and_in_order_however_large_it_grows() {
        let mut set = GroupSet::default();
        for round in 0..3 {
            for size in [3_u32, 16, 17, 5_000] {
                for node in 0..size {
                    assert!(set.insert([node, round]), "{node} is new");
                    assert!(!set.insert([node, round]), "{node} is in");
                    assert!(!set.contains([node, round + 1]));
                }
                assert_eq!(set.len(), size as usize);
                assert!((0..size).all(|node| set.contains([node, round])));
                assert!(set.as_slice().iter().map(|[node, _]| *node).eq(0..size));
                set.clear();
                assert!(!set.contains([0, round]));
            }
        }
    }

    #[test]
    fn no_group_is_reserved() {
        let mut set = GroupSet::default();
        for node in 0..40 {
            set.insert([node, 0]);
        }
        for group in [[u32::MAX, u32::MAX], [0, u32::MAX], [u32::MAX, 0]] {
            assert!(!set.contains(group));
            assert!(set.insert(group));
            assert!(set.contains(group));
        }
    }
}
