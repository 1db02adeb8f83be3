//! The groups that the subject is in, for a glance: those that name it, and what the index has above them.

use super::super::members::{Group, Member, Members};
use super::super::world::{Looks, World};
use super::few::Few;
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
    direct: Few<Group>,
    /// What the first of them are nested in.
    lists: Few<&'a [[u32; 2]]>,
    /// For hard ones: members as the search finds them.
    others: Option<Box<(Members<'a>, Looks<'a>)>>,
}

impl<'a> Mine<'a> {
    /// Finds the groups that name the subject, whose record this is.
    #[inline]
    pub(in crate::search) fn begin(&mut self, world: &World<'a>, record: Option<Record<'_>>) {
        self.begun = true;
        self.is_hard = !world.has_groups() || world.may_be_nested_anew() || self.add_all(world, record).is_err() || self.direct.is_short();
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
    pub(super) fn has_any(&mut self, world: &World<'a>, limits: Limits<'a>, groups: &[Group]) -> Result<bool, GiveUp> {
        if groups.is_empty() {
            return Ok(false);
        }
        if !self.begun {
            if (limits.deadline)() {
                return Err(GiveUp);
            }
            self.begin(world, world.sight.record(world.asked.node));
        }
        self.fetch_lists(world);
        if self.is_hard {
            return self.has_any_hard(world, limits, groups);
        }
        let mut has = false;
        for group in groups {
            has |= self.direct.iter().fold(false, |has, direct| has | (direct == group));
            has |= self.lists.iter().fold(false, |has, list| has | holds(list, *group));
            if group.0.0 >= world.nodes {
                world.sight.missed(group.0);
            }
        }
        Ok(has)
    }

    /// The same for hard ones.
    #[inline(never)]
    fn has_any_hard(&mut self, world: &World<'a>, limits: Limits<'a>, groups: &[Group]) -> Result<bool, GiveUp> {
        let (members, looks) = &mut **self.others.get_or_insert_with(|| Box::new((Members::default(), Looks::new(limits))));
        for group in groups {
            match members.contains(world, looks, *group) {
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
            let changed = changed::of(&world.sight, Direction::Backward, node)?;
            if !changed.is_empty() {
                return classes.iter().try_for_each(|class| {
                    let is_plain = world.plans.rule(class.class).is_some_and(|rule| rule.plain);
                    changed::each(&changed, record, Direction::Backward, class.class, |object, standing| match standing {
                        Standing::Plain => {
                            self.direct.push_if((object, class.relation), is_plain);
                            Ok(())
                        }
                        Standing::Qualified => Err(GiveUp),
                    })
                });
            }
        }
        let Some(record) = record else { return Ok(()) };
        for run in record.runs(Direction::Backward) {
            let Some(class) = classes.iter().find(|class| class.class == run.class) else { continue };
            if run.qualified || run.ends.len() > FEW {
                return Err(GiveUp);
            }
            let is_plain = world.plans.rule(run.class).is_some_and(|rule| rule.plain);
            run.ends.iter().for_each(|object| self.direct.push_if((NodeId(*object), class.relation), is_plain));
        }
        Ok(())
    }
}

/// Whether a sorted list holds a group.
#[inline]
fn holds(list: &[[u32; 2]], (node, relation): Group) -> bool {
    let group = indexed(node, relation);
    if list.len() <= FEW { list.iter().fold(false, |has, other| has | (*other == group)) } else { list.binary_search(&group).is_ok() }
}
