//! All groups that some groups are nested in, at any revision: from lists where they still hold, by walking where they do not.

use super::Group;
use super::set::{GroupSet, KEPT};
use super::table::{Found, GroupIndex, Span};

/// Groups looked at between two polls.
const BETWEEN_POLLS: u64 = 1_024;

/// Changed groups, the latest found, that a list is searched for before all of it is looked at.
const CHANGED_TRIED: usize = 8;

/// Nesting as it is at the revision that is asked about, edges of the request's own included.
pub(crate) trait Nesting {
    /// What can end an evaluation.
    type Error;

    /// Whether the group's own parents differ from those at the base of the index, or may: `true` is never wrong, only slower.
    fn is_changed(&self, group: Group) -> bool;

    /// A changed group among those of a list. Whoever knows a quicker way (nothing changed at all; this list was looked at before) says
    /// so here.
    fn find_changed(&self, list: &[Group]) -> Option<Group> {
        list.iter().copied().find(|&group| self.is_changed(group))
    }

    /// Adds the group's own parents to `parents`; in any order, repeated if need be.
    ///
    /// # Errors
    /// What ends the evaluation.
    fn parents(&mut self, group: Group, parents: &mut Vec<Group>) -> Result<(), Self::Error>;

    /// Called after every 1,024 groups that were looked at or so, with how many: the work done, which depends on what the index holds.
    ///
    /// # Errors
    /// What ends the evaluation, such as a deadline.
    fn poll(&mut self, looked_at: u64) -> Result<(), Self::Error>;
}

/// The memory of a [`Closure`], used again and again: a closure that finds few groups then allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Groups known to be in the closure: first those given, then walked ones and what lists held that were taken apart.
    groups: GroupSet,
    /// Those of `groups` whose parents were not yet looked for.
    pending: Vec<Group>,
    /// Lists that are in the closure.
    lists: GroupSet,
    /// How many of `lists` were taken apart into `groups`.
    taken_apart: usize,
    /// Entries of the lists that were not.
    entries: usize,
    /// Times that such a list was searched.
    searches: usize,
    /// Changed groups that were found in lists.
    changed: Vec<Group>,
    parents: Vec<Group>,
}

impl Scratch {
    fn clear(&mut self) {
        self.groups.clear();
        self.lists.clear();
        self.taken_apart = 0;
        self.entries = 0;
        self.searches = 0;
        for groups in [&mut self.pending, &mut self.changed, &mut self.parents] {
            groups.clear();
            groups.shrink_to(KEPT);
        }
    }
}

/// Some groups, and all that they are nested in, found as far as somebody asks.
///
/// A list holds if none of its groups, nor the one it belongs to, is changed: then every way up from there is as it was. A group whose
/// list does not hold is walked, one step, to parents that may have lists that do. So what a change costs its readers is the groups
/// between theirs and the changed one, not all that these are nested in.
pub(crate) struct Closure<'a, S, N> {
    scratch: &'a mut Scratch,
    index: &'a GroupIndex<S>,
    nesting: N,
    looked_at: u64,
}

impl<'a, S: AsRef<[u32]>, N: Nesting> Closure<'a, S, N> {
    /// The closure of nothing. What `scratch` held is forgotten.
    pub(crate) fn new(scratch: &'a mut Scratch, index: &'a GroupIndex<S>, nesting: N) -> Self {
        scratch.clear();
        Self { scratch, index, nesting, looked_at: 0 }
    }

    /// Adds a group. What it is nested in is looked for when somebody asks.
    pub(crate) fn add(&mut self, group: Group) {
        if self.scratch.groups.insert(group) {
            self.scratch.pending.push(group);
        }
    }

    /// Whether `target` is one of the groups or one that they are nested in. Goes on from where the last question ended, and no
    /// further than it must.
    ///
    /// # Errors
    /// What [`Nesting`] failed with. The closure can be asked again and goes on.
    pub(crate) fn contains(&mut self, target: Group) -> Result<bool, N::Error> {
        if self.is_found(target) {
            return Ok(true);
        }
        while let Some(&group) = self.scratch.pending.last() {
            if self.visit(group, Some(target))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All of the closure, each group once, those that were added first.
    ///
    /// # Errors
    /// As [`Self::contains`].
    pub(crate) fn all(&mut self) -> Result<&[Group], N::Error> {
        while let Some(&group) = self.scratch.pending.last() {
            self.visit(group, None)?;
        }
        self.take_lists_apart();
        Ok(self.scratch.groups.as_slice())
    }

    /// Whether `target` was found already. Lists are searched one by one until that has cost as much as to take them apart would.
    fn is_found(&mut self, target: Group) -> bool {
        if self.scratch.groups.contains(target) {
            return true;
        }
        let lists = self.scratch.lists.as_slice().get(self.scratch.taken_apart..).unwrap_or(&[]);
        if lists.iter().any(|&span| holds(self.index.list(span), target)) {
            return true;
        }
        self.scratch.searches += lists.len();
        if self.scratch.searches > self.scratch.entries {
            self.take_lists_apart();
        }
        false
    }

    fn take_lists_apart(&mut self) {
        let lists = self.scratch.lists.as_slice().get(self.scratch.taken_apart..).unwrap_or(&[]);
        for &span in lists {
            for &group in self.index.list(span) {
                self.scratch.groups.insert(group);
            }
        }
        self.scratch.taken_apart = self.scratch.lists.len();
        self.scratch.entries = 0;
        self.scratch.searches = 0;
    }

    /// Finds what the last of the pending groups is nested in; says whether `target` is among it.
    fn visit(&mut self, group: Group, target: Option<Group>) -> Result<bool, N::Error> {
        self.look_at(1)?;
        if !self.nesting.is_changed(group) {
            match self.index.find(group) {
                Found::Top => {
                    self.scratch.pending.pop();
                    return Ok(false);
                }
                Found::List(span) => {
                    if let Some(found) = self.take_list(span, target)? {
                        self.scratch.pending.pop();
                        return Ok(found);
                    }
                }
                Found::Walk => {}
            }
        }
        self.scratch.parents.clear();
        self.nesting.parents(group, &mut self.scratch.parents)?;
        self.scratch.pending.pop();
        let mut found = false;
        for &parent in &self.scratch.parents {
            found |= Some(parent) == target;
            if self.scratch.groups.insert(parent) {
                self.scratch.pending.push(parent);
            }
        }
        Ok(found)
    }

    /// Takes a list whole, if it holds; says whether `target` is in it.
    fn take_list(&mut self, span: Span, target: Option<Group>) -> Result<Option<bool>, N::Error> {
        if self.scratch.lists.contains(span) {
            return Ok(Some(false));
        }
        let list = self.index.list(span);
        // On the way up to a changed group every list holds it: to look at all of each would cost the square of the way.
        if self.scratch.changed.iter().rev().take(CHANGED_TRIED).any(|&changed| holds(list, changed)) {
            return Ok(None);
        }
        self.look_at(list.len() as u64)?;
        if let Some(changed) = self.nesting.find_changed(list) {
            self.scratch.changed.push(changed);
            return Ok(None);
        }
        self.scratch.lists.insert(span);
        self.scratch.entries += list.len();
        Ok(Some(target.is_some_and(|target| holds(list, target))))
    }

    fn look_at(&mut self, groups: u64) -> Result<(), N::Error> {
        self.looked_at += groups;
        if self.looked_at >= BETWEEN_POLLS {
            self.nesting.poll(self.looked_at)?;
            self.looked_at = 0;
        }
        Ok(())
    }
}

/// Whether a sorted list holds `target`.
fn holds(list: &[Group], target: Group) -> bool {
    if list.len() <= 16 { list.contains(&target) } else { list.binary_search(&target).is_ok() }
}
