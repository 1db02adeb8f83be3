//! Building the index: from nesting edges in any order to lists of ancestors that keep to their bounds.
//!
//! Components come parents first, so a list is the union of finished lists. A list belongs to a set of parents, not to a group, so the
//! thousand teams of one department share one. A group below one that has no list gets none either: its list would be longer still.

use std::collections::{HashMap, HashSet};

use super::Group;
use super::components::{Components, Parents, narrow};
use super::table::{Found, GroupIndex, Span};

/// More nesting edges than this are not indexed: numbers of 32 bits then count everything with room to spare.
pub(super) const MAX_EDGES: usize = 1 << 30;

/// What the index may grow to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The longest list of ancestors.
    pub(crate) max_ancestors: usize,
    /// Entries of all lists together, for each nesting edge.
    pub(crate) entries_per_edge: usize,
    /// Entries of all lists together, beyond that.
    pub(crate) entries_spare: usize,
}

impl Limits {
    /// What serves real directories of groups whole and keeps hostile ones small; docs/decisions/0007 has the figures.
    pub(crate) const DEFAULT: Self = Self { max_ancestors: 4_096, entries_per_edge: 16, entries_spare: 1 << 16 };

    fn max_entries(&self, edges: usize) -> usize {
        edges.saturating_mul(self.entries_per_edge).saturating_add(self.entries_spare).min(MAX_EDGES)
    }
}

/// There are more nesting edges than can be indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{edges} nesting edges are more than the {MAX_EDGES} that can be indexed")]
pub(crate) struct TooManyEdges {
    edges: usize,
}

impl TooManyEdges {
    pub(super) const fn check(edges: usize) -> Result<(), Self> {
        if edges > MAX_EDGES { Err(Self { edges }) } else { Ok(()) }
    }

    /// The stable code of this error.
    pub(crate) const fn code(&self) -> &'static str {
        "too_many_nesting_edges"
    }

    /// What can be done about it.
    pub(crate) const fn help(&self) -> &'static str {
        "divide the store, or nest fewer groups"
    }
}

impl GroupIndex {
    /// The index of the nesting edges `(child, parent)`, in any order; repeated edges and self-loops do no harm.
    ///
    /// Where all lists together would grow past their bound, the bound on the length of each is lowered by a quarter until they do
    /// not: long lists give way to short ones, so a hostile chain costs the groups beside it nothing.
    ///
    /// The groups of `walked`, and those nested in them, get no list: more leads up from them than these edges say.
    ///
    /// O(edges · log edges) for the usual, shallow nesting; O(edges × `max_ancestors`) at worst.
    ///
    /// # Errors
    /// There are more than 2^30 edges.
    pub(crate) fn build(
        edges: impl IntoIterator<Item = (Group, Group)>,
        walked: &[Group],
        limits: &Limits,
    ) -> Result<Self, TooManyEdges> {
        let mut edges: Vec<(Group, Group)> = edges.into_iter().filter(|(child, parent)| child != parent).collect();
        edges.sort_unstable();
        edges.dedup();
        TooManyEdges::check(edges.len())?;
        let max_entries = limits.max_entries(edges.len());
        let (groups, graph) = number(edges, walked);
        let walked = walked.iter().filter_map(|group| groups.binary_search(group).ok()).map(narrow).collect();
        let components = Components::find(&graph);
        let mut lists = Lists { walked, ..Lists::new(&graph, &components, limits.max_ancestors, max_entries) };
        for component in 0..narrow(components.len()) {
            lists.add(component);
        }

        let mut entries = Vec::with_capacity(lists.entries.len() * 2);
        entries.extend(lists.entries.iter().filter_map(|&group| groups.get(group as usize)).flatten());
        let mut nested = Vec::new();
        for (&group, number) in groups.iter().zip(0..) {
            match lists.of(components.of(number)) {
                Found::Top => {}
                Found::List(span) => nested.push((group, Some(span))),
                Found::Walk => nested.push((group, None)),
            }
        }
        Ok(Self::lay_out(&nested, entries))
    }
}

/// Numbers the groups in their order, so that sorted numbers are sorted groups.
fn number(edges: Vec<(Group, Group)>, walked: &[Group]) -> (Vec<Group>, Parents) {
    let mut groups: Vec<Group> = edges.iter().flat_map(|&(child, parent)| [child, parent]).chain(walked.iter().copied()).collect();
    groups.sort_unstable();
    groups.dedup();
    let numbers: HashMap<Group, u32> = groups.iter().copied().zip(0..).collect();
    let mut starts = Vec::with_capacity(groups.len() + 1);
    let mut parents = Vec::with_capacity(edges.len());
    let mut edges = edges.into_iter().peekable();
    for &group in &groups {
        starts.push(narrow(parents.len()));
        while let Some((_, parent)) = edges.next_if(|(child, _)| *child == group) {
            parents.extend(numbers.get(&parent));
        }
    }
    starts.push(narrow(parents.len()));
    (groups, Parents { starts, parents })
}

/// What is known about a component, with the number of the list in place of its span, which changes when lists are given up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Noted {
    Top,
    List(usize),
    Walk,
}

struct Lists<'a> {
    graph: &'a Parents,
    components: &'a Components,
    max_ancestors: usize,
    max_entries: usize,
    walked: HashSet<u32>,
    of_component: Vec<Noted>,
    /// The list of those whose parents are exactly these components.
    of_parents: HashMap<Box<[u32]>, Noted>,
    /// Where each list is; `None` for one that was given up.
    spans: Vec<Option<Span>>,
    entries: Vec<u32>,
    /// The list under way, and for each group the last list that it got into.
    union: Vec<u32>,
    marks: Vec<u32>,
    mark: u32,
    parents: Vec<u32>,
}

impl<'a> Lists<'a> {
    fn new(graph: &'a Parents, components: &'a Components, max_ancestors: usize, max_entries: usize) -> Self {
        Self {
            graph,
            components,
            max_ancestors,
            max_entries,
            walked: HashSet::new(),
            of_component: Vec::with_capacity(components.len()),
            of_parents: HashMap::new(),
            spans: Vec::new(),
            entries: Vec::new(),
            union: Vec::new(),
            marks: vec![0; graph.len()],
            mark: 0,
            parents: Vec::new(),
        }
    }

    fn of(&self, component: u32) -> Found {
        match self.of_component.get(component as usize) {
            Some(Noted::Top) => Found::Top,
            Some(&Noted::List(list)) => self.spans.get(list).copied().flatten().map_or(Found::Walk, Found::List),
            Some(Noted::Walk) | None => Found::Walk,
        }
    }

    /// Finds out about the next component; its parents are known.
    fn add(&mut self, component: u32) {
        let components = self.components;
        let members = components.members(component);
        self.parents.clear();
        for &member in members {
            let parents = self.graph.of(member).iter().map(|&parent| components.of(parent));
            self.parents.extend(parents.filter(|&parent| parent != component));
        }
        // Children first: what one of them is nested in need not be looked at again.
        self.parents.sort_unstable_by(|one, other| other.cmp(one));
        self.parents.dedup();

        let noted = if !self.walked.is_empty() && members.iter().any(|member| self.walked.contains(member)) {
            Noted::Walk
        } else if members.len() > 1 {
            self.unite(members)
        } else if self.parents.is_empty() {
            Noted::Top
        } else if let Some(&noted) = self.of_parents.get(self.parents.as_slice()) {
            noted
        } else {
            let noted = self.unite(&[]);
            self.of_parents.insert(self.parents.as_slice().into(), noted);
            noted
        };
        self.of_component.push(noted);
    }

    /// A list of `members`, of the groups of `self.parents`, and of all that those are nested in.
    fn unite(&mut self, members: &[u32]) -> Noted {
        self.union.clear();
        self.mark += 1;
        self.take(members);
        for at in 0..self.parents.len() {
            let Some(&parent) = self.parents.get(at) else { break };
            let groups = self.components.members(parent);
            if groups.first().is_some_and(|&group| self.is_marked(group)) {
                continue;
            }
            match self.of(parent) {
                Found::Top => self.take(groups),
                Found::Walk => return Noted::Walk,
                Found::List([start, length]) => {
                    self.take(groups);
                    for at in start..start + length {
                        if let Some(&group) = self.entries.get(at as usize) {
                            self.take(&[group]);
                        }
                    }
                }
            }
            if self.union.len() > self.max_ancestors {
                return Noted::Walk;
            }
        }
        if self.union.len() > self.max_ancestors {
            return Noted::Walk;
        }
        self.union.sort_unstable();
        self.spans.push(Some([narrow(self.entries.len()), narrow(self.union.len())]));
        self.entries.extend_from_slice(&self.union);
        self.give_up_long_lists();
        Noted::List(self.spans.len() - 1)
    }

    fn is_marked(&self, group: u32) -> bool {
        self.marks.get(group as usize) == Some(&self.mark)
    }

    fn take(&mut self, groups: &[u32]) {
        for &group in groups {
            if let Some(mark) = self.marks.get_mut(group as usize)
                && *mark != self.mark
            {
                *mark = self.mark;
                self.union.push(group);
            }
        }
    }

    fn give_up_long_lists(&mut self) {
        while self.entries.len() > self.max_entries {
            self.max_ancestors -= self.max_ancestors.div_ceil(4);
            let mut kept = 0;
            for span in &mut self.spans {
                let Some([start, length]) = *span else { continue };
                if length as usize > self.max_ancestors {
                    *span = None;
                    continue;
                }
                self.entries.copy_within(start as usize..(start + length) as usize, kept);
                *span = Some([narrow(kept), length]);
                kept += length as usize;
            }
            self.entries.truncate(kept);
        }
    }
}
