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
use crate::graph::segment::Record;
use crate::graph::vocabulary::Kind;
use crate::plan::simple::{Simple, Step};
use changed::{Changed, Standing};
use few::Few;
pub(super) use mine::Mine;

mod changed;
mod few;
mod mine;

/// So many nodes are looked at, and so many groups and nodes that each leads to.
const FEW: usize = 8;

/// What a glance has seen.
#[derive(Default)]
pub(super) struct Glance {
    /// All nodes to look at, each once.
    atoms: ArrayVec<Atom, FEW>,
    /// How many were looked at.
    looked_at: usize,
    /// Groups that the last one leads to.
    groups: Few<Group>,
    /// Nodes that they lead on to.
    on: Few<Atom>,
    /// Whether anything names the subject, or everybody.
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

impl Glance {
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
    pub(super) fn finish<'a>(&mut self, world: &World<'a>, mine: &mut Mine<'a>, limits: Limits<'a>) -> Result<(bool, u64), GiveUp> {
        while !self.holds {
            self.go_on(world)?;
            self.holds = self.holds || mine.has_any(world, limits, &self.groups)?;
            if self.looked_at == self.atoms.len() {
                break;
            }
            if self.holds {
                // What is nearer was not looked at, and the charge for it would be missing.
                return Err(GiveUp);
            }
            let Some(atom) = self.atoms.get(self.looked_at).copied() else { break };
            let (_, node) = atom;
            self.groups.clear();
            self.look_at(world, atom, world.sight.record(node))?;
        }
        Ok((self.holds, self.cost))
    }

    /// Whether an edge of a node names the subject; where its other edges lead is noted.
    #[inline]
    fn look_at(&mut self, world: &World<'_>, (plan, node): Atom, record: Option<Record<'_>>) -> Result<(), GiveUp> {
        let simple = world.plans.simple(plan, world.asked.kind_id).ok_or(GiveUp)?;
        self.looked_at += 1;
        self.cost += 1 + simple.operations;
        if world.sight.is_touched(Direction::Forward, node) {
            let changed = changed::of(&world.sight, Direction::Forward, node)?;
            if !changed.is_empty() {
                return self.look_at_changed(world, simple, record, &changed);
            }
        }
        let Some(record) = record else { return Ok(()) };
        let (mut steps, mut names) = (simple.steps.as_ref(), false);
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
                if run.ends.len() <= FEW {
                    run.ends.iter().for_each(|end| names |= self.visit(world, step, NodeId(*end)));
                } else if step.is_to_group || step.is_on {
                    return Err(GiveUp);
                } else {
                    names |= step.plain && step.is_to_subject && run.find(world.asked.node).is_some();
                    let has = |wildcard: NodeId| run.find(wildcard).is_some();
                    self.holds |= step.plain && step.is_to_everybody && world.asked.wildcard.is_some_and(has);
                }
            }
        }
        self.holds |= names;
        // No stored edge has a node of the request's.
        let is_odd = names && world.asked.node.is_of_request();
        if is_odd || self.groups.is_short() || self.on.is_short() { Err(GiveUp) } else { Ok(()) }
    }

    /// The same for a node whose edges are otherwise than its record has them.
    #[inline(never)]
    fn look_at_changed(&mut self, world: &World<'_>, simple: &Simple, record: Option<Record<'_>>, changed: &Changed) -> Result<(), GiveUp> {
        for step in &simple.steps {
            changed::each(changed, record, Direction::Forward, step.class, |end, standing| match standing {
                Standing::Plain => {
                    self.holds |= self.visit(world, step, end);
                    Ok(())
                }
                Standing::Qualified => Err(GiveUp),
            })?;
        }
        if self.groups.is_short() || self.on.is_short() { Err(GiveUp) } else { Ok(()) }
    }

    /// Notes where an edge leads: whether to the subject.
    #[inline]
    fn visit(&mut self, world: &World<'_>, step: &Step, end: NodeId) -> bool {
        self.holds |= step.plain & step.is_to_everybody & (Some(end) == world.asked.wildcard);
        let (to_group, on) = (step.plain & step.is_to_group, step.plain & step.is_on);
        self.groups.push_if((end, step.relation), to_group);
        self.on.push_if((step.plan, end), on);
        self.cost += u64::from(to_group | on);
        step.plain & step.is_to_subject & (end == world.asked.node)
    }

    /// Looks at what the nodes to go on to inherit, or notes to look at them.
    #[inline]
    fn go_on(&mut self, world: &World<'_>) -> Result<(), GiveUp> {
        let (asked, mut names) = (world.asked, false);
        for atom in &*self.on {
            if let Some(found) = world.inherited(*atom) {
                self.cost += found.cost;
                found.each_group(|group| self.groups.push(group));
                let has = |node: NodeId| found.subjects.iter().fold(false, |has, subject| has | (*subject == node.0));
                names |= has(asked.node);
                self.holds |= asked.wildcard.is_some_and(has);
            } else if !self.atoms.contains(atom) {
                self.atoms.try_push(*atom).map_err(|_| GiveUp)?;
            }
        }
        self.on.clear();
        self.holds |= names;
        // No stored edge has a node of the request's.
        if self.groups.is_short() || names && asked.node.is_of_request() { Err(GiveUp) } else { Ok(()) }
    }
}
