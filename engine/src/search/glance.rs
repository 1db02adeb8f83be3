//! Most questions are unions of plain edges: they are answered here, by a walk that can do nothing else.
//!
//! A glance says yes or no, or gives up, and then the search begins from the start. It charges no less than the search would, so a question
//! that it answers within its budget is one that the search answers as well, whatever is indexed. It begins with the object's edges
//! ([`Glance::begin`]); what those lead to, a batch has fetched meanwhile.
//!
//! **Invariant:** a glance knows nothing of caveats and expiries, expressions and usersets as subjects: where it meets one it gives up.

use arrayvec::ArrayVec;

use super::members::Group;
use super::walk::Atom;
use super::world::World;
use crate::eval::Limits;
use crate::graph::ids::{Direction, NodeId};
use crate::graph::inherited::Inherited;
use crate::graph::segment::Record;
use crate::graph::vocabulary::Kind;
use crate::plan::simple::{Simple, Step, Way};
use changed::{Changed, Standing};
pub(super) use mine::Mine;

mod changed;
mod mine;

/// So many nodes are looked at, and so many groups and nodes that the edges of each lead to.
const FEW: usize = 16;

/// So many lines of what is inherited are looked at for each node.
const ABOVE: usize = 4;

/// What a glance has seen.
#[derive(Default)]
pub(super) struct Glance<'a> {
    /// All nodes to look at, each once.
    atoms: ArrayVec<Atom, FEW>,
    /// How many were looked at.
    looked_at: usize,
    /// Groups that the last one's edges lead to.
    groups: ArrayVec<Group, FEW>,
    /// Nodes that they lead on to.
    on: ArrayVec<Atom, FEW>,
    /// What those inherit.
    above: ArrayVec<Inherited<'a>, ABOVE>,
    /// Whether one of them names the subject.
    holds: bool,
    cost: u64,
}

/// It is not easily said.
#[derive(Debug, Clone, Copy)]
pub(super) struct GiveUp;

/// Whether a plan holds at a node, if that is easily said, and what the search is to be charged, to which so much was charged before.
#[inline]
pub(super) fn glance<'a>(world: &World<'a>, mine: &mut Mine<'a>, limits: Limits<'a>, atom: Atom, base: u64) -> Option<(bool, u64)> {
    let mut glance = Glance::default();
    let (_, node) = atom;
    glance.begin(world, atom, world.sight.record(node)).ok()?;
    if !glance.holds() {
        glance.fetch(world);
        if !mine.has_begun() {
            mine.begin(world, world.sight.record(world.asked.node));
            mine.fetch(world);
            mine.fetch_lists(world);
        }
    }
    glance.finish(world, mine, limits).ok().filter(|(_, cost)| base + cost <= limits.max_steps)
}

impl<'a> Glance<'a> {
    /// Looks at the edges of a node with this record.
    #[inline]
    pub(super) fn begin(&mut self, world: &World<'_>, atom: Atom, record: Option<Record<'_>>) -> Result<(), GiveUp> {
        if world.asked.kind != Kind::Object {
            return Err(GiveUp);
        }
        self.atoms.push(atom);
        self.look_at(world, atom, record)
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        self.atoms.clear();
        self.groups.clear();
        self.on.clear();
        self.above.clear();
        (self.looked_at, self.holds, self.cost) = (0, false, 0);
    }

    /// Begins to fetch what the nodes inherit that the edges of the last node lead on to.
    pub(super) fn fetch(&self, world: &World<'_>) {
        self.on.iter().for_each(|(plan, node)| world.sight.graph.fetch_inherited(plan.0, *node));
    }

    /// Whether nothing else has to be looked at.
    pub(super) const fn holds(&self) -> bool {
        self.holds
    }

    /// Goes on from where [`Glance::begin`] stopped.
    #[inline]
    pub(super) fn finish(&mut self, world: &World<'a>, mine: &mut Mine<'a>, limits: Limits<'a>) -> Result<(bool, u64), GiveUp> {
        loop {
            if self.holds || mine.has_any(world, limits, self.groups.iter().copied())? {
                return Ok((true, self.cost));
            }
            self.go_on(world)?;
            if !self.above.is_empty() {
                if inherits(world, mine, limits, &self.above)? {
                    // What is nearer was not looked at, and the charge for it would be missing.
                    return if self.looked_at < self.atoms.len() { Err(GiveUp) } else { Ok((true, self.cost)) };
                }
                self.above.clear();
            }
            let Some(atom) = self.atoms.get(self.looked_at).copied() else { return Ok((false, self.cost)) };
            let (_, node) = atom;
            self.groups.clear();
            self.look_at(world, atom, world.sight.record(node))?;
        }
    }

    /// Whether an edge of a node names the subject; where its other edges lead is noted.
    #[inline]
    fn look_at(&mut self, world: &World<'_>, (plan, node): Atom, record: Option<Record<'_>>) -> Result<(), GiveUp> {
        let simple = world.plans.simple(plan, world.asked.kind_id).ok_or(GiveUp)?;
        self.looked_at += 1;
        self.cost += 1 + simple.operations;
        if world.sight.is_touched(Direction::Forward, node) {
            let changed = changed::of(&world.sight, Direction::Forward, node);
            if !changed.is_empty() {
                return self.look_at_changed(world, simple, record, &changed);
            }
        }
        let Some(record) = record else { return Ok(()) };
        let mut steps = simple.steps.as_ref();
        for run in record.runs(Direction::Forward) {
            while let Some((first, rest)) = steps.split_first()
                && first.class < run.class
            {
                steps = rest;
            }
            for step in steps.iter().take_while(|step| step.class == run.class) {
                if run.qualified {
                    return Err(GiveUp);
                }
                if !step.plain {
                    continue;
                }
                match step.way {
                    Way::Subject if run.find(world.asked.node).is_none() => {}
                    // No stored edge has such a node.
                    Way::Subject if world.asked.node.is_of_request() => return Err(GiveUp),
                    Way::Subject => self.holds = true,
                    Way::Everybody => self.holds |= world.asked.wildcard.is_some_and(|wildcard| run.find(wildcard).is_some()),
                    Way::Group(_) | Way::On(_) if run.ends.len() > FEW => return Err(GiveUp),
                    Way::Group(_) | Way::On(_) => run.ends.iter().try_for_each(|end| self.visit(world, step, NodeId(*end)))?,
                }
            }
        }
        Ok(())
    }

    /// The same for a node whose edges are otherwise than its record has them.
    #[inline(never)]
    fn look_at_changed(&mut self, world: &World<'_>, simple: &Simple, record: Option<Record<'_>>, changed: &Changed) -> Result<(), GiveUp> {
        for step in &simple.steps {
            changed::each(changed, record, Direction::Forward, step.class, |end, standing| match standing {
                Standing::Plain if step.plain => self.visit(world, step, end),
                Standing::Plain => Ok(()),
                Standing::Qualified => Err(GiveUp),
            })?;
        }
        Ok(())
    }

    /// Notes where an edge leads.
    #[inline]
    fn visit(&mut self, world: &World<'_>, step: &Step, end: NodeId) -> Result<(), GiveUp> {
        match step.way {
            Way::Subject => self.holds |= end == world.asked.node,
            Way::Everybody => self.holds |= Some(end) == world.asked.wildcard,
            Way::Group(relation) => {
                self.cost += 1;
                self.groups.try_push((end, relation)).map_err(|_| GiveUp)?;
            }
            Way::On(plan) => {
                self.cost += 1;
                self.on.try_push((plan, end)).map_err(|_| GiveUp)?;
            }
        }
        Ok(())
    }

    /// Finds what the nodes to go on to inherit, or notes to look at them.
    #[inline]
    pub(super) fn go_on(&mut self, world: &World<'a>) -> Result<(), GiveUp> {
        for atom in self.on.take() {
            let found = if self.above.is_full() { None } else { world.inherited(atom) };
            if let Some(found) = found {
                self.cost += found.cost;
                self.above.push(found);
            } else if !self.atoms.contains(&atom) {
                self.atoms.try_push(atom).map_err(|_| GiveUp)?;
            }
        }
        Ok(())
    }
}

/// Whether what is inherited names the subject, or a group that it is in.
#[inline]
fn inherits<'a>(world: &World<'a>, mine: &mut Mine<'a>, limits: Limits<'a>, above: &[Inherited<'a>]) -> Result<bool, GiveUp> {
    let asked = world.asked;
    let names = |node: NodeId| above.iter().any(|above| above.subjects.contains(&node.0));
    if asked.wildcard.is_some_and(names) {
        return Ok(true);
    }
    if names(asked.node) {
        // No stored edge has a node of the request's.
        return if asked.node.is_of_request() { Err(GiveUp) } else { Ok(true) };
    }
    for above in above {
        if mine.has_any(world, limits, (0..above.groups()).filter_map(|at| above.group(at)))? {
            return Ok(true);
        }
    }
    Ok(false)
}
