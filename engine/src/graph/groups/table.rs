//! The form of the index: a hash table of groups, and the lists of ancestors it points to.

use super::set::GroupSet;
use super::{Group, first_slot};

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

/// The table or the lists are not what [`GroupIndex::build`] makes: they are cut, damaged or something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damaged {
    /// The rows are not made of whole slots and whole groups, or the table has no free slot.
    #[error("the group index is not made of whole slots and lists")]
    Shape,
    /// A slot points outside of the lists, or a group is where it would not be found.
    #[error("slot {slot} of the group index is wrong")]
    Slot {
        /// The slot, from 0.
        slot: usize,
    },
    /// A list is not sorted.
    #[error("the list of slot {slot} of the group index is not sorted")]
    List {
        /// The slot, from 0.
        slot: usize,
    },
}

impl Damaged {
    /// The stable code of this error.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Shape | Self::Slot { .. } | Self::List { .. } => "group_index_damaged",
        }
    }

    /// What can be done about it.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Shape | Self::Slot { .. } | Self::List { .. } => "build the index again from the nesting edges",
        }
    }
}

/// Group → ancestors at one moment, in two flat rows held by `S`: a vector, or a view of a mapped file. See the module's head.
///
/// 32 bytes for a group that has parents, and 8 for each entry of a list.
#[derive(Debug, Clone)]
pub(crate) struct GroupIndex<S = Vec<u32>> {
    table: S,
    lists: S,
}

impl<S: AsRef<[u32]>> GroupIndex<S> {
    /// Takes the two rows, as [`Self::table`] and [`Self::lists`] gave them, after a look at all of them: O(table + lists).
    ///
    /// # Errors
    /// The rows are not an index. What passes can be asked without harm; that it is the right index, only a checksum can say.
    pub(crate) fn from_parts(table: S, lists: S) -> Result<Self, Damaged> {
        let index = Self { table, lists };
        if !index.table().len().is_multiple_of(4) || !index.lists().len().is_multiple_of(2) {
            return Err(Damaged::Shape);
        }
        let slots = index.slots();
        if !slots.is_empty() && slots.iter().all(|[.., length]| *length != FREE) {
            return Err(Damaged::Shape);
        }
        let mut looked_at = GroupSet::default();
        for (slot, &[node, kind, start, length]) in slots.iter().enumerate() {
            if length == FREE {
                continue;
            }
            let found = index.find([node, kind]);
            if found != (if length == WALK { Found::Walk } else { Found::List([start, length]) }) {
                return Err(Damaged::Slot { slot });
            }
            if length != WALK && looked_at.insert([start, length]) {
                let list = index.list([start, length]);
                if list.len() != length as usize {
                    return Err(Damaged::Slot { slot });
                }
                if !list.is_sorted_by(|one, next| one < next) {
                    return Err(Damaged::List { slot });
                }
            }
        }
        Ok(index)
    }

    /// The hash table, to be written down.
    pub(crate) fn table(&self) -> &[u32] {
        self.table.as_ref()
    }

    /// The lists, to be written down.
    pub(crate) fn lists(&self) -> &[u32] {
        self.lists.as_ref()
    }

    /// What the group was nested in at the base. O(1), one cache line most of the time.
    pub(crate) fn ancestors(&self, group: Group) -> Ancestors<'_> {
        match self.find(group) {
            Found::Top => Ancestors::Top,
            Found::List(span) => Ancestors::List(self.list(span)),
            Found::Walk => Ancestors::Walk,
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
}

impl GroupIndex {
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
        Self { table: table.into_flattened(), lists }
    }
}

impl Default for GroupIndex {
    /// The index of a graph in which nothing is nested.
    fn default() -> Self {
        Self { table: Vec::new(), lists: Vec::new() }
    }
}
