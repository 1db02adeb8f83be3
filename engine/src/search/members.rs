//! Which groups the subject is in, found by going up from it (Leopard, Zanzibar §3.2.4): once for all groups that a question meets.

use std::ops::ControlFlow;

use smallvec::SmallVec;

use super::world::{Looks, Standing, World};
use crate::eval::Stopped;
use crate::graph::groups::Ancestors;
use crate::graph::ids::{Direction, NodeId, RelationId};
use crate::graph::nesting::{Anew, Nested, group as indexed};
use crate::graph::vocabulary::Kind;

/// A relation of an object all of whose members are found from below.
pub(super) type Group = (NodeId, RelationId);

/// Up to this many groups are compared one by one.
const FEW: usize = 24;

/// So many lists are searched one by one.
const LISTS: usize = 8;

/// Whether the subject is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Yes,
    No,
    /// A membership or nesting on the way hangs on a caveat: the group must be walked.
    Unsure,
}

/// See the module.
#[derive(Default)]
pub(super) struct Members<'a> {
    begun: bool,
    /// All groups found, in the order of finding.
    found: SmallVec<[Group; FEW]>,
    /// The same as a set, when there are many.
    many: Option<Box<hashbrown::HashSet<Group, foldhash::fast::FixedState>>>,
    /// Lists of further groups, all that one of the groups found is nested in.
    lists: SmallVec<[&'a [[u32; 2]]; LISTS]>,
    /// Groups that were found in lists and are no longer nested in all that they were nested in.
    anew: SmallVec<[[u32; 2]; LISTS]>,
    /// How many of them were gone up from.
    climbed: usize,
    unsure: bool,
}

impl<'a> Members<'a> {
    /// Whether the subject is in a group. Goes on from where the last question stopped. O(groups not yet looked at).
    pub(super) fn contains(&mut self, world: &World<'a>, looks: &mut Looks<'_>, group: Group) -> Result<Member, Stopped> {
        if !self.begun {
            self.begun = true;
            self.begin(world, looks)?;
        }
        if self.has(group) {
            return Ok(Member::Yes);
        }
        while let Some((node, relation)) = self.found.get(self.climbed).copied() {
            looks.take(1)?;
            self.climbed += 1;
            if node.0 >= world.nodes {
                world.sight.missed(node);
            }
            if !self.look_up(world, looks, (node, relation))? {
                self.up(world, looks, node, Kind::Userset(relation))?;
            }
            if self.has(group) {
                return Ok(Member::Yes);
            }
        }
        if group.0.0 >= world.nodes {
            world.sight.missed(group.0);
        }
        Ok(if self.unsure { Member::Unsure } else { Member::No })
    }

    /// The groups that name the subject, or the wildcard of its type; a userset is in itself.
    fn begin(&mut self, world: &World<'_>, looks: &mut Looks<'_>) -> Result<(), Stopped> {
        let asked = world.asked;
        if let Kind::Userset(relation) = asked.kind {
            self.insert((asked.node, relation));
            return Ok(());
        }
        if !self.begin_plain(world, looks)? {
            self.up(world, looks, asked.node, asked.kind)?;
        }
        asked.wildcard.map_or(Ok(()), |wildcard| self.up(world, looks, wildcard, Kind::Wildcard))
    }

    /// Takes the groups that name the subject, if that is all plain to see: whether it was. Each is met once.
    #[inline]
    fn begin_plain(&mut self, world: &World<'_>, looks: &mut Looks<'_>) -> Result<bool, Stopped> {
        let asked = world.asked;
        let classes = world.plans.groups_of_kind((asked.type_id, asked.kind, asked.kind_id));
        if classes.is_empty() {
            return Ok(true);
        }
        if world.sight.is_touched(Direction::Backward, asked.node) {
            return Ok(false);
        }
        let Some(record) = world.sight.record(asked.node) else { return Ok(true) };
        for run in record.runs(Direction::Backward) {
            let Some(group) = classes.iter().find(|group| group.class == run.class) else { continue };
            if run.qualified || self.found.len() + run.ends.len() >= FEW {
                self.found.clear();
                return Ok(false);
            }
            if world.plans.rule(run.class).is_some_and(|rule| rule.plain) {
                looks.take(run.ends.len() as u64)?;
                self.found.extend(run.ends.iter().map(|object| (NodeId(*object), group.relation)));
            }
        }
        Ok(true)
    }

    /// Takes all that a group is nested in, as far as one can tell without walking: whether one can.
    fn look_up(&mut self, world: &World<'a>, looks: &mut Looks<'_>, (node, relation): Group) -> Result<bool, Stopped> {
        if !world.has_groups() {
            return Ok(false);
        }
        let group = indexed(node, relation);
        let own = match world.nested(group) {
            Nested::AsIndexed => None,
            Nested::Anew(anew) if anew.only_adds() => Some(anew),
            Nested::Anew(anew) => return self.step(looks, Some(anew)),
            Nested::Unknown => return Ok(false),
        };
        match world.sight.graph.nesting().ancestors(group) {
            Ancestors::Top => {}
            Ancestors::Walk => return self.step(looks, own),
            Ancestors::List(list) if self.take(world, looks, list)? => {}
            Ancestors::List(_) => return self.step(looks, own),
        }
        own.map_or(Ok(()), |anew| self.insert_all(looks, anew.added()))?;
        Ok(true)
    }

    /// Takes what the index has above a group, and what its groups are nested in besides by now: whether that is all.
    fn take(&mut self, world: &World<'a>, looks: &mut Looks<'_>, list: &'a [[u32; 2]]) -> Result<bool, Stopped> {
        // On the way up to a changed group every list holds it: to look at all of each would cost the square of the way.
        if self.anew.iter().any(|group| list.binary_search(group).is_ok()) {
            return Ok(false);
        }
        let mut adds = false;
        if world.may_be_nested_anew() {
            looks.take(list.len() as u64)?;
            for group in list {
                match world.nested(*group) {
                    Nested::AsIndexed => {}
                    Nested::Anew(anew) if anew.only_adds() => adds = true,
                    Nested::Anew(_) | Nested::Unknown => {
                        if self.anew.len() < LISTS {
                            self.anew.push(*group);
                        }
                        return Ok(false);
                    }
                }
            }
        }
        if self.lists.len() < LISTS {
            self.lists.push(list);
        } else {
            // So many that it costs less to have them as one set.
            let lists = std::mem::take(&mut self.lists);
            for [node, relation] in lists.into_iter().chain([list]).flatten() {
                self.note((NodeId(*node), RelationId(*relation)));
            }
        }
        // Nothing is gone from any of them, so what leads up from them is the list and what leads up from what was added.
        for group in list.iter().filter(|_| adds) {
            if let Nested::Anew(anew) = world.nested(*group) {
                self.insert_all(looks, anew.added())?;
            }
        }
        Ok(true)
    }

    /// Goes up from a group that is nested otherwise than it was, if it is known how: whether it is.
    fn step(&mut self, looks: &mut Looks<'_>, own: Option<Anew<'_>>) -> Result<bool, Stopped> {
        let Some(parents) = own.and_then(Anew::parents) else { return Ok(false) };
        self.insert_all(looks, parents)?;
        Ok(true)
    }

    fn insert_all(&mut self, looks: &mut Looks<'_>, groups: impl Iterator<Item = [u32; 2]>) -> Result<(), Stopped> {
        for [node, relation] in groups {
            looks.take(1)?;
            self.insert((NodeId(node), RelationId(relation)));
        }
        Ok(())
    }

    fn up(&mut self, world: &World<'_>, looks: &mut Looks<'_>, node: NodeId, kind: Kind) -> Result<(), Stopped> {
        let (plans, asked) = (world.plans, world.asked);
        let classes = match kind {
            kind if kind == asked.kind && node == asked.node => plans.groups_of_kind((asked.type_id, kind, asked.kind_id)),
            Kind::Userset(_) if node != asked.node => world.sight.type_of(node).map_or(&[][..], |type_id| plans.groups_of(type_id, kind)),
            Kind::Userset(_) | Kind::Object | Kind::Wildcard => plans.groups_of(asked.type_id, kind),
        };
        if classes.is_empty() {
            return Ok(());
        }
        let (edges, mut outcome) = (world.edges(Direction::Backward, node), Ok(()));
        for group in classes {
            world.each(&edges, group.class, |object, standing| {
                match standing {
                    Standing::Counts => self.insert((object, group.relation)),
                    Standing::Not => {}
                    Standing::If(_) => self.unsure = true,
                }
                // One subject can be in very many groups.
                outcome = looks.take(1);
                if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            outcome?;
        }
        Ok(())
    }

    fn has(&self, group: Group) -> bool {
        let found = match &self.many {
            Some(many) => many.contains(&group),
            None => self.found.contains(&group),
        };
        let (node, relation) = group;
        found || self.lists.iter().any(|list| holds(list, indexed(node, relation)))
    }

    /// Adds a group that nothing more leads up from.
    fn note(&mut self, group: Group) {
        let many = self.many.get_or_insert_with(|| Box::new(self.found.iter().copied().collect()));
        many.insert(group);
    }

    fn insert(&mut self, group: Group) {
        if self.has(group) {
            return;
        }
        self.found.push(group);
        match &mut self.many {
            Some(many) => {
                many.insert(group);
            }
            None if self.found.len() == FEW => self.many = Some(Box::new(self.found.iter().copied().collect())),
            None => {}
        }
    }
}

/// Whether a sorted list holds a group.
#[inline]
fn holds(list: &[[u32; 2]], group: [u32; 2]) -> bool {
    if list.len() <= 16 { list.contains(&group) } else { list.binary_search(&group).is_ok() }
}
