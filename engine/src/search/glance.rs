//! Most questions are unions of plain edges that nobody has just changed: they are answered here, by a walk that can do nothing else.
//!
//! A glance says yes or no, or gives up, and then the search begins from the start. It charges no less than the search would, so a question
//! that it answers within its budget is one that the search answers as well, whatever is indexed.

use smallvec::SmallVec;

use super::members::{Group, Member};
use super::walk::{Atom, Walk};
use super::world::Tri;
use crate::eval::Stopped;
use crate::graph::ids::{Direction, NodeId};
use crate::graph::inherited::Inherited;
use crate::graph::vocabulary::Kind;
use crate::plan::PlanId;
use crate::plan::simple::Way;

/// So many nodes are looked at, and so many groups of each.
const FEW: usize = 16;

/// So many lines of what is inherited are looked at for each node.
const ABOVE: usize = 4;

/// What a glance has seen.
struct Seen<'a> {
    /// All nodes to look at, each once.
    atoms: SmallVec<[Atom; FEW]>,
    /// Groups that the node's edges lead to.
    groups: SmallVec<[Group; FEW]>,
    /// What the node inherits.
    above: SmallVec<[Inherited<'a>; ABOVE]>,
    cost: u64,
}

/// It is not easily said.
struct GiveUp;

impl<'a> Walk<'a> {
    /// Whether a plan holds at a node, if that is easily said, and what the search is to be charged.
    pub(super) fn glance(&mut self, plan: PlanId, node: NodeId, base: u64) -> Result<Option<(Tri, u64)>, Stopped> {
        if self.world.asked.kind != Kind::Object {
            return Ok(None);
        }
        let mut seen = Seen { atoms: SmallVec::new(), groups: SmallVec::new(), above: SmallVec::new(), cost: 0 };
        seen.atoms.push((plan, node));
        let (mut place, mut holds) = (0, false);
        while let Some(atom) = seen.atoms.get(place).copied()
            && !holds
        {
            place += 1;
            holds = match self.look_at(atom, &mut seen) {
                Ok(true) => true,
                Ok(false) => match self.is_member(seen.groups.iter().copied())? {
                    Member::Yes => true,
                    Member::No => match self.inherits(&seen.above)? {
                        // What is nearer was not looked at, and the charge for it would be missing.
                        Member::Yes if place < seen.atoms.len() => return Ok(None),
                        Member::Yes => true,
                        Member::No => false,
                        Member::Unsure => return Ok(None),
                    },
                    Member::Unsure => return Ok(None),
                },
                Err(GiveUp) => return Ok(None),
            };
        }
        if self.afford(base + seen.cost).is_err() {
            return Ok(None);
        }
        Ok(Some((if holds { Tri::Yes } else { Tri::No }, seen.cost)))
    }

    /// Whether an edge of a node names the subject; where its other edges lead is noted.
    #[inline]
    fn look_at(&self, (plan, node): Atom, seen: &mut Seen<'a>) -> Result<bool, GiveUp> {
        let (asked, sight) = (self.world.asked, self.world.sight);
        let simple = self.world.plans.simple(plan, asked.kind_id).ok_or(GiveUp)?;
        if sight.is_touched(Direction::Forward, node) {
            return Err(GiveUp);
        }
        seen.groups.clear();
        seen.above.clear();
        seen.cost += 1 + simple.operations;
        let Some(record) = sight.record(node) else { return Ok(false) };
        let (mut steps, mut holds) = (simple.steps.as_ref(), false);
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
                    Way::Subject if run.find(asked.node).is_none() => {}
                    // No stored edge has such a node.
                    Way::Subject if asked.node.is_of_request() => return Err(GiveUp),
                    Way::Subject => holds = true,
                    Way::Everybody => holds |= asked.wildcard.is_some_and(|wildcard| run.find(wildcard).is_some()),
                    Way::Group(relation) => {
                        let groups = run.ends.get(..run.ends.len().min(FEW)).filter(|groups| groups.len() == run.ends.len());
                        seen.groups.extend(groups.ok_or(GiveUp)?.iter().map(|group| (NodeId(*group), relation)));
                        seen.cost += run.ends.len() as u64;
                    }
                    Way::On(plan) => {
                        seen.cost += run.ends.len() as u64;
                        run.ends.iter().try_for_each(|other| self.note((plan, NodeId(*other)), seen))?;
                    }
                }
            }
        }
        Ok(holds)
    }

    /// Notes a node that an arrow leads to: what it inherits, or to look at it.
    #[inline]
    fn note(&self, atom: Atom, seen: &mut Seen<'a>) -> Result<(), GiveUp> {
        if seen.above.len() < ABOVE
            && let Some(found) = self.world.inherited(atom)
        {
            seen.cost += found.cost;
            seen.above.push(found);
        } else if !seen.atoms.contains(&atom) {
            if seen.atoms.len() == FEW {
                return Err(GiveUp);
            }
            seen.atoms.push(atom);
        }
        Ok(())
    }

    /// Whether the subject is in one of these groups.
    #[inline]
    fn is_member(&mut self, groups: impl Iterator<Item = Group>) -> Result<Member, Stopped> {
        for group in groups {
            match self.contains(group)? {
                Member::No => {}
                found @ (Member::Yes | Member::Unsure) => return Ok(found),
            }
        }
        Ok(Member::No)
    }

    /// Whether what is inherited names the subject, or a group that it is in.
    #[inline]
    fn inherits(&mut self, above: &[Inherited<'a>]) -> Result<Member, Stopped> {
        let asked = self.world.asked;
        let names = |node: NodeId| above.iter().any(|above| above.subjects.contains(&node.0));
        if asked.wildcard.is_some_and(names) {
            return Ok(Member::Yes);
        }
        if names(asked.node) {
            // No stored edge has a node of the request's.
            return Ok(if asked.node.is_of_request() { Member::Unsure } else { Member::Yes });
        }
        for above in above {
            match self.is_member((0..above.groups()).filter_map(|at| above.group(at)))? {
                Member::No => {}
                found @ (Member::Yes | Member::Unsure) => return Ok(found),
            }
        }
        Ok(Member::No)
    }
}
