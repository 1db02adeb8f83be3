//! The groups that the subject is in, for a glance: those that name it, and what the index has above them.

use arrayvec::ArrayVec;

use super::super::members::{Group, Member, Members, holds};
use super::super::world::{Looks, World};
use super::{FEW, GiveUp, Standing, changed};
use crate::eval::Limits;
use crate::graph::groups::Ancestors;
use crate::graph::ids::{Direction, NodeId};
use crate::graph::nesting::group as indexed;
use crate::graph::segment::Record;
use crate::graph::vocabulary::Kind;
use crate::plan::GroupClass;
use crate::words::fetch;

/// See the module. Found out when somebody asks, once for all questions about one subject.
#[derive(Default)]
pub(in crate::search) struct Mine<'a> {
    begun: bool,
    /// Whether the groups are more or others than can be seen at a glance.
    is_hard: bool,
    /// The groups that name the subject.
    direct: ArrayVec<Group, FEW>,
    /// What the first of them are nested in.
    lists: ArrayVec<&'a [[u32; 2]], FEW>,
    /// For hard ones: members as the search finds them.
    others: Option<Box<(Members<'a>, Looks<'a>)>>,
}

impl<'a> Mine<'a> {
    /// Finds the groups that name the subject, whose record this is.
    #[inline]
    pub(in crate::search) fn begin(&mut self, world: &World<'a>, record: Option<Record<'_>>) {
        self.begun = true;
        self.is_hard = !world.has_groups() || world.may_be_nested_anew() || self.add_all(world, record).is_err();
    }

    #[inline]
    fn add_all(&mut self, world: &World<'a>, record: Option<Record<'_>>) -> Result<(), GiveUp> {
        let asked = world.asked;
        self.add(world, asked.node, record, world.plans.groups_of_kind((asked.type_id, asked.kind, asked.kind_id)))?;
        let Some(wildcard) = asked.wildcard else { return Ok(()) };
        let classes = world.plans.groups_of(asked.type_id, Kind::Wildcard);
        if classes.is_empty() { Ok(()) } else { self.add(world, wildcard, world.sight.record(wildcard), classes) }
    }

    pub(in crate::search) fn has_begun(&self) -> bool {
        self.begun
    }

    /// Begins anew, for another subject.
    pub(in crate::search) fn clear(&mut self) {
        self.direct.clear();
        self.lists.clear();
        (self.begun, self.is_hard, self.others) = (false, false, None);
    }

    /// Begins to fetch where the index has what the groups are nested in that name the subject.
    pub(in crate::search) fn fetch(&self, world: &World<'_>) {
        self.direct.iter().for_each(|(node, relation)| world.sight.graph.nesting().fetch(indexed(*node, *relation)));
    }

    /// Finds what they are nested in, and begins to fetch it.
    pub(in crate::search) fn fetch_lists(&mut self, world: &World<'a>) {
        while !self.is_hard
            && let Some(list) = self.climb(world)
        {
            if let Some(first) = list.first() {
                fetch(first);
            }
        }
    }

    /// Goes up from the next group that names the subject, if there is one more.
    #[inline]
    fn climb(&mut self, world: &World<'a>) -> Option<&'a [[u32; 2]]> {
        let (node, relation) = self.direct.get(self.lists.len()).copied()?;
        if node.0 >= world.nodes {
            world.sight.missed(node);
        }
        let list = match world.sight.graph.nesting().ancestors(indexed(node, relation)) {
            Ancestors::Top => &[],
            Ancestors::List(list) => list,
            Ancestors::Walk => {
                self.is_hard = true;
                return None;
            }
        };
        self.lists.push(list);
        Some(list)
    }

    /// Whether the subject is in one of some groups.
    #[inline]
    pub(super) fn has_any(
        &mut self,
        world: &World<'a>,
        limits: Limits<'a>,
        groups: impl Iterator<Item = Group> + Clone,
    ) -> Result<bool, GiveUp> {
        if groups.clone().next().is_none() {
            return Ok(false);
        }
        if !self.begun {
            if (limits.deadline)() {
                return Err(GiveUp);
            }
            self.begin(world, world.sight.record(world.asked.node));
        }
        if self.is_hard {
            return self.has_any_hard(world, limits, groups);
        }
        if groups.clone().any(|group| self.direct.contains(&group) || self.is_listed(group)) {
            return Ok(true);
        }
        while let Some(list) = self.climb(world) {
            if groups.clone().any(|(node, relation)| holds(list, indexed(node, relation))) {
                return Ok(true);
            }
        }
        if self.is_hard {
            return self.has_any_hard(world, limits, groups);
        }
        groups.filter(|(node, _)| node.0 >= world.nodes).for_each(|(node, _)| world.sight.missed(node));
        Ok(false)
    }

    #[inline]
    fn is_listed(&self, (node, relation): Group) -> bool {
        self.lists.iter().any(|list| holds(list, indexed(node, relation)))
    }

    /// The same for hard ones.
    #[inline(never)]
    fn has_any_hard(&mut self, world: &World<'a>, limits: Limits<'a>, groups: impl Iterator<Item = Group>) -> Result<bool, GiveUp> {
        let (members, looks) = &mut **self.others.get_or_insert_with(|| Box::new((Members::default(), Looks::new(limits))));
        for group in groups {
            match members.contains(world, looks, group) {
                Ok(Member::Yes) => return Ok(true),
                Ok(Member::No) => {}
                Ok(Member::Unsure) | Err(_) => return Err(GiveUp),
            }
        }
        Ok(false)
    }

    /// Adds the groups that name a node.
    #[inline]
    fn add(&mut self, world: &World<'a>, node: NodeId, record: Option<Record<'_>>, classes: &[GroupClass]) -> Result<(), GiveUp> {
        if classes.is_empty() {
            return Ok(());
        }
        if world.sight.is_touched(Direction::Backward, node) {
            let changed = changed::of(&world.sight, Direction::Backward, node);
            if !changed.is_empty() {
                return classes.iter().try_for_each(|class| {
                    let is_plain = world.plans.rule(class.class).is_some_and(|rule| rule.plain);
                    changed::each(&changed, record, Direction::Backward, class.class, |object, standing| match standing {
                        Standing::Plain if is_plain => self.direct.try_push((object, class.relation)).map_err(|_| GiveUp),
                        Standing::Plain => Ok(()),
                        Standing::Qualified => Err(GiveUp),
                    })
                });
            }
        }
        let Some(record) = record else { return Ok(()) };
        for run in record.runs(Direction::Backward) {
            let Some(class) = classes.iter().find(|class| class.class == run.class) else { continue };
            if run.qualified || run.ends.len() > self.direct.remaining_capacity() {
                return Err(GiveUp);
            }
            if world.plans.rule(run.class).is_some_and(|rule| rule.plain) {
                self.direct.extend(run.ends.iter().map(|object| (NodeId(*object), class.relation)));
            }
        }
        Ok(())
    }
}
