//! The form of a line, and the hash table that lines stand in.
//!
//! Sixteen words: node, number of the plan (0: the line is free), what a search is charged, how many of each part there are (8 bits for
//! nodes, subjects and groups; the highest bit: the parts are spilled), and the parts: nodes, subjects, groups, and a byte for
//! each group that says its relation. Of a spilled line the fifth word says where in the spilled words its parts begin.

use super::Inherited;
use crate::graph::ids::RelationId;
use crate::words::fetch as fetch_line;

/// Words of a line.
pub(super) const LINE: usize = 16;

/// Words of a line that have the parts.
const ROOM: usize = 12;

const SPILLED: u32 = 1 << 31;

/// What has a line: a node and the number of a plan.
pub(super) type Key = [u32; 2];

/// The number of a plan in a line, where 0 is none.
#[inline]
pub(super) const fn key_of(plan: u32) -> u32 {
    plan.wrapping_add(1)
}

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a>(&'a [u32; LINE]);

/// The line of a key.
#[inline]
pub(super) fn find(lines: &[u32], key: Key) -> Option<Line<'_>> {
    let (lines, _) = lines.as_chunks::<LINE>();
    let first = place(key, lines.len());
    let (before, after) = lines.split_at_checked(first)?;
    for line in after.iter().chain(before) {
        let [node, plan, ..] = line;
        if *plan == 0 {
            return None;
        }
        if [*node, *plan] == key {
            return Some(Line(line));
        }
    }
    None
}

/// Begins to fetch the line of a key.
#[inline]
pub(super) fn fetch(lines: &[u32], key: Key) {
    let (lines, _) = lines.as_chunks::<LINE>();
    if let Some(line) = lines.get(place(key, lines.len())) {
        fetch_line(line);
    }
}

/// Where a key is looked for first.
#[inline]
fn place([node, plan]: Key, lines: usize) -> usize {
    let hash = (u64::from(plan) << 32 | u64::from(node)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let hash = (hash ^ hash >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (((hash >> 32) * lines as u64) >> 32) as usize
}

impl<'a> Line<'a> {
    /// What it says.
    #[inline]
    pub(super) fn read(self, spilled: &'a [u32], relations: &'a [RelationId]) -> Option<Inherited<'a>> {
        let [_, _, cost, counts, parts @ ..] = self.0;
        let [nodes, subjects, groups, _] = counts.to_le_bytes().map(usize::from);
        let parts = if counts & SPILLED == 0 {
            parts.as_slice()
        } else {
            let [begin, ..] = parts;
            spilled.get(*begin as usize..)?
        };
        let (nodes, parts) = parts.split_at_checked(nodes)?;
        let (subjects, parts) = parts.split_at_checked(subjects)?;
        let (groups, kinds) = parts.split_at_checked(groups)?;
        Some(Inherited { cost: u64::from(*cost), subjects, groups, kinds, relations, nodes })
    }
}

/// What a line is to say.
#[derive(Debug, Clone, Default)]
pub(super) struct Parts {
    pub(super) cost: u32,
    pub(super) nodes: Vec<u32>,
    pub(super) subjects: Vec<u32>,
    pub(super) groups: Vec<(u32, u8)>,
}

impl Parts {
    /// Words of all parts.
    pub(super) fn len(&self) -> usize {
        self.nodes.len() + self.subjects.len() + self.groups.len() + self.groups.len().div_ceil(4)
    }

    /// The line, whose parts are put behind `spilled` if they do not fit.
    pub(super) fn line(&self, [node, plan]: Key, spilled: &mut Vec<u32>) -> [u32; LINE] {
        let count = |len: usize| u8::try_from(len).unwrap_or(u8::MAX);
        let mut counts = u32::from_le_bytes([count(self.nodes.len()), count(self.subjects.len()), count(self.groups.len()), 0]);
        let groups = self.groups.iter().map(|(group, _)| *group);
        let kinds = self.groups.chunks(4).map(|four| {
            let mut bytes = [0; 4];
            bytes.iter_mut().zip(four).for_each(|(byte, (_, kind))| *byte = *kind);
            u32::from_ne_bytes(bytes)
        });
        let parts = self.nodes.iter().chain(&self.subjects).copied().chain(groups).chain(kinds);
        let mut room = [0; ROOM];
        if self.len() <= ROOM {
            room.iter_mut().zip(parts).for_each(|(word, part)| *word = part);
        } else {
            counts |= SPILLED;
            if let Some(begin) = room.first_mut() {
                *begin = u32::try_from(spilled.len()).unwrap_or(u32::MAX);
            }
            spilled.extend(parts);
        }
        let mut line = [0; LINE];
        let head = [node, plan, self.cost, counts];
        line.iter_mut().zip(head.into_iter().chain(room)).for_each(|(word, part)| *word = part);
        line
    }
}

/// A table of lines, half of which stay free: so a key is found, or not, in the first place or the next, nearly always.
pub(super) fn lay_out(lines: &[[u32; LINE]]) -> Vec<u32> {
    let places = 2 * lines.len();
    let mut table = vec![[0; LINE]; places];
    for line in lines {
        let [node, plan, ..] = *line;
        let first = place([node, plan], places);
        let free = (first..places).chain(0..first).find(|place| table.get(*place).is_some_and(|[_, plan, ..]| *plan == 0));
        if let Some(free) = free.and_then(|free| table.get_mut(free)) {
            *free = *line;
        }
    }
    table.into_flattened()
}
