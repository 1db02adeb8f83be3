//! The form of the index: a hash table of groups, and the lists of ancestors it points to.

use super::{Group, first_slot};
use crate::words::{Words, fetch};

/// A slot of the table: node, kind, where the group's list begins in the lists (counted in groups), and its length.
type Slot = [u32; 4];

/// The length that marks a free slot: a group without parents is not in the table at all, so no list is empty.
const FREE: u32 = 0;
/// The length that marks a group that has parents but no list.
const WALK: u32 = u32::MAX;

/// What the index knows about a group, as things were at the base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ancestors<'a> {
    /// It is nested in nothing.
    Top,
    /// It is nested, directly or through others, in exactly these. Sorted; the group itself is among them only if it is on a cycle.
    List(&'a [Group]),
    /// It is nested in something, but past the bounds of the index: ask for its parents.
    Walk,
}

/// As [`Ancestors`], with the place of the list in place of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Top,
    List(Span),
    Walk,
}

/// Where a list is: where it begins, and its length. Groups that are nested in the same groups share one.
pub(super) type Span = [u32; 2];

/// Group → ancestors at one moment, in two flat rows. See the module's head.
///
/// 32 bytes for a group that has parents, and 8 for each entry of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct GroupIndex {
    table: Words,
    lists: Words,
}

impl GroupIndex {
    /// The hash table.
    pub(crate) fn table(&self) -> &[u32] {
        self.table.as_slice()
    }

    /// The lists.
    pub(crate) fn lists(&self) -> &[u32] {
        self.lists.as_slice()
    }

    /// What the group was nested in at the base. O(1), one cache line most of the time.
    pub(crate) fn ancestors(&self, group: Group) -> Ancestors<'_> {
        match self.find(group) {
            Found::Top => Ancestors::Top,
            Found::List(span) => Ancestors::List(self.list(span)),
            Found::Walk => Ancestors::Walk,
        }
    }

    /// The groups that have parents. O(slots).
    pub(crate) fn groups(&self) -> impl Iterator<Item = Group> {
        self.slots().iter().filter(|[.., length]| *length != FREE).map(|[node, kind, ..]| [*node, *kind])
    }

    /// Begins to fetch the place of a group.
    #[inline]
    pub(crate) fn fetch(&self, group: Group) {
        let slots = self.slots();
        if let Some(slot) = slots.get(first_slot(group, slots.len())) {
            fetch(slot);
        }
    }

    /// As [`Self::ancestors`], without looking at the list.
    pub(super) fn find(&self, group: Group) -> Found {
        let slots = self.slots();
        let first = first_slot(group, slots.len());
        let (before, after) = slots.split_at_checked(first).unwrap_or((slots, &[]));
        for &[node, kind, start, length] in after.iter().chain(before) {
            if length == FREE {
                break;
            }
            if [node, kind] == group {
                return if length == WALK { Found::Walk } else { Found::List([start, length]) };
            }
        }
        Found::Top
    }

    /// The list at `span`; nothing if the lists end before.
    pub(super) fn list(&self, [start, length]: Span) -> &[Group] {
        let (lists, _) = self.lists().as_chunks();
        let start = start as usize;
        start.checked_add(length as usize).and_then(|end| lists.get(start..end)).unwrap_or(&[])
    }

    fn slots(&self) -> &[Slot] {
        self.table().as_chunks().0
    }

    /// Lays out the groups that have parents, each once, with where their lists are (`None`: walked).
    pub(super) fn lay_out(groups: &[(Group, Option<Span>)], lists: Vec<u32>) -> Self {
        let slots = groups.len() * 2;
        let mut table = vec![[FREE; 4]; slots];
        for &([node, kind], span) in groups {
            let [start, length] = span.unwrap_or([0, WALK]);
            let first = first_slot([node, kind], slots);
            // Half of the slots stay free, so there is one.
            let free = (first..slots).chain(0..first).find(|&slot| table.get(slot).is_some_and(|[.., length]| *length == FREE));
            if let Some(slot) = free.and_then(|slot| table.get_mut(slot)) {
                *slot = [node, kind, start, length];
            }
        }
        Self { table: Words::settled(table.into_flattened()), lists: Words::settled(lists) }
    }
}
