//! Walking a graph along plans.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use dhow_schema::caveat::{COST_LIMIT, Outcome};
use dhow_schema::ir::Schema;
use dhow_schema::value::Context;
use smallvec::SmallVec;

use super::members::{Member, Members};
use super::sight::{Found, Sight};
use crate::eval::{Limits, Stopped};
use crate::graph::ids::{ClassId, Direction, NodeId, RelationId, TypeId};
use crate::graph::qualifier::Qualifier;
use crate::graph::read::Image;
use crate::graph::vocabulary::Kind;
use crate::limits::{CAVEAT_UNITS_PER_STEP, STEPS_BETWEEN_DEADLINE_POLLS};
use crate::plan::{Expr, KindId, Op, PlanId, Plans};
use crate::time::Timestamp;

/// What a search finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tri {
    Yes,
    No,
    /// Only the circuit can tell.
    NotHere,
}

/// The subject of a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) node: NodeId,
    pub(super) type_id: TypeId,
    pub(super) kind: Kind,
    pub(super) kind_id: KindId,
    /// The wildcard of an object's type, if anything names it.
    pub(super) wildcard: Option<NodeId>,
}

/// Whether an edge counts.
pub(super) enum Standing {
    Counts,
    Not,
    /// If this caveat holds.
    If(Arc<Qualifier>),
}

/// A plan to try at a node.
type Atom = (PlanId, NodeId);

/// An edge with a caveat, to be looked at when there is no other way.
struct Deferred {
    qualifier: Arc<Qualifier>,
    /// Where it leads; `None`: to the subject.
    then: Option<Atom>,
}

/// What a search has before it and behind it.
#[derive(Default)]
struct Front {
    next: SmallVec<[Atom; 16]>,
    seen: Seen,
    deferred: Vec<Deferred>,
    unknown: bool,
    spent: u64,
}

impl Front {
    fn push(&mut self, atom: Atom) {
        if self.seen.insert(atom) {
            self.next.push(atom);
        }
    }
}

/// A set that is a list as long as it is small.
#[derive(Default)]
struct Seen {
    few: SmallVec<[Atom; 24]>,
    many: Option<Box<hashbrown::HashSet<Atom, foldhash::fast::FixedState>>>,
}

impl Seen {
    fn insert(&mut self, atom: Atom) -> bool {
        if let Some(many) = &mut self.many {
            return many.insert(atom);
        }
        if self.few.contains(&atom) {
            return false;
        }
        if self.few.len() < 24 {
            self.few.push(atom);
            return true;
        }
        let mut many = Box::new(hashbrown::HashSet::with_hasher(foldhash::fast::FixedState::default()));
        many.extend(self.few.drain(..));
        let new = many.insert(atom);
        self.many = Some(many);
        new
    }
}

/// See the module.
pub(super) struct Walk<'a> {
    pub(super) sight: Sight<'a>,
    pub(super) plans: &'a Plans,
    schema: &'a Schema,
    pub(super) asked: Asked,
    time: Timestamp,
    context: &'a Context,
    limits: Limits<'a>,
    members: Members,
    /// What expressions came to, by place in their plan.
    known: HashMap<(PlanId, usize, NodeId), Tri, foldhash::fast::FixedState>,
    /// Looks taken, whatever they are charged: says when to look at the deadline.
    looks: u64,
    next_poll: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        sight: Sight<'a>,
        plans: &'a Plans,
        schema: &'a Schema,
        asked: Asked,
        time: Timestamp,
        context: &'a Context,
        limits: Limits<'a>,
    ) -> Self {
        let (members, known) = (Members::default(), HashMap::default());
        Self { sight, plans, schema, asked, time, context, limits, members, known, looks: 0, next_poll: 0 }
    }

    /// Whether a plan holds at a node, and the steps that it took, `base` having been taken before. O(what is reached).
    pub(super) fn search(&mut self, plan: PlanId, node: NodeId, base: u64) -> Result<(Tri, u64), Stopped> {
        let mut front = Front::default();
        front.push((plan, node));
        let mut cost = 0;
        loop {
            self.look()?;
            let level = std::mem::take(&mut front.next);
            for atom in &level {
                if self.atom(*atom, &mut front, base + cost)? {
                    return Ok((Tri::Yes, cost));
                }
            }
            cost += std::mem::take(&mut front.spent);
            if base + cost > self.limits.max_steps {
                return Err(Stopped::Budget { max_steps: self.limits.max_steps });
            }
            if !front.next.is_empty() {
                continue;
            }
            if front.deferred.is_empty() {
                return Ok((if front.unknown { Tri::NotHere } else { Tri::No }, cost));
            }
            let mut holds = false;
            for Deferred { qualifier, then } in std::mem::take(&mut front.deferred) {
                match (self.caveat(&qualifier, &mut front.spent)?, then) {
                    (Tri::Yes, Some(atom)) => front.push(atom),
                    (Tri::Yes, None) => holds = true,
                    (Tri::No, _) => {}
                    (Tri::NotHere, _) => front.unknown = true,
                }
            }
            if holds {
                return Ok((Tri::Yes, cost));
            }
        }
    }

    /// Tries one plan at one node: whether it holds by itself. What it leads to goes to the front.
    fn atom(&mut self, (id, node): Atom, front: &mut Front, base: u64) -> Result<bool, Stopped> {
        front.spent += 1;
        let plans = self.plans;
        let Some(plan) = plans.plan(id).filter(|plan| plan.reach.has(self.asked.kind_id)) else { return Ok(false) };
        if plan.tangled {
            front.unknown = true;
            return Ok(false);
        }
        let touched = self.sight.is_touched(Direction::Forward, node);
        for (place, (op, reach)) in plan.ops.iter().enumerate() {
            if !reach.has(self.asked.kind_id) {
                continue;
            }
            front.spent += 1;
            let holds = match op {
                Op::Itself(relation) => self.asked.kind == Kind::Userset(*relation) && self.asked.node == node,
                Op::Object => self.asked.kind == Kind::Object && self.asked.node == node,
                Op::Named(class) => self.named(node, *class, self.asked.node, front),
                Op::Wildcard(class) => self.asked.wildcard.is_some_and(|wildcard| self.named(node, *class, wildcard, front)),
                Op::Group { class, relation, plan } => self.groups((node, *class), *relation, *plan, touched, front)?,
                Op::Follow { class, plan } => self.follow((node, *class), *plan, touched, front)?,
                Op::Same(plan) => {
                    front.push((*plan, node));
                    false
                }
                Op::Expr(expr) => {
                    let (found, cost) = self.expression((id, place, node), expr, base)?;
                    front.spent += cost;
                    front.unknown |= found == Tri::NotHere;
                    found == Tri::Yes
                }
            };
            if holds {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether an edge to the subject counts; a caveat on it goes to the front.
    fn named(&self, node: NodeId, class: ClassId, subject: NodeId, front: &mut Front) -> bool {
        let Some(found) = self.sight.edge(node, class, subject) else { return false };
        match self.standing(node, class, subject, found) {
            Standing::Counts => true,
            Standing::Not => false,
            Standing::If(qualifier) => {
                front.deferred.push(Deferred { qualifier, then: None });
                false
            }
        }
    }

    /// Visits the ends of a node's edges of a class that count; those with a caveat go to the front.
    fn each(
        &mut self,
        (node, class): (NodeId, ClassId),
        plan: PlanId,
        touched: bool,
        front: &mut Front,
        mut visit: impl FnMut(&mut Self, NodeId, &mut Front) -> Result<bool, Stopped>,
    ) -> Result<bool, Stopped> {
        let sight = self.sight;
        let mut outcome = Ok(false);
        let mut on_end = |other: NodeId, found: Found<'a>| {
            front.spent += 1;
            outcome = match self.standing(node, class, other, found) {
                Standing::Counts => self.look().and_then(|()| visit(self, other, front)),
                Standing::Not => Ok(false),
                Standing::If(qualifier) => {
                    front.deferred.push(Deferred { qualifier, then: Some((plan, other)) });
                    Ok(false)
                }
            };
            if outcome == Ok(false) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        if touched {
            let _ = sight.each_end(Direction::Forward, node, class, on_end);
            return outcome;
        }
        for run in sight.graph.record(node).into_iter().flat_map(|record| record.runs(Direction::Forward)) {
            if run.class < class {
                continue;
            }
            if run.class > class {
                break;
            }
            for (at, other) in run.ends.iter().enumerate() {
                let image =
                    if run.qualified { run.places.get(at).map_or(Image::AtObject, |place| Image::InSegment(*place)) } else { Image::Plain };
                if on_end(NodeId(*other), Found::Stored(image)).is_break() {
                    return outcome;
                }
            }
        }
        outcome
    }

    fn follow(&mut self, from: (NodeId, ClassId), plan: PlanId, touched: bool, front: &mut Front) -> Result<bool, Stopped> {
        self.each(from, plan, touched, front, |_, other, front| {
            front.push((plan, other));
            Ok(false)
        })
    }

    fn groups(
        &mut self,
        from: (NodeId, ClassId),
        relation: RelationId,
        plan: PlanId,
        touched: bool,
        front: &mut Front,
    ) -> Result<bool, Stopped> {
        self.each(from, plan, touched, front, |walk, group, front| {
            let mut members = std::mem::take(&mut walk.members);
            let member = members.contains(walk, (group, relation));
            walk.members = members;
            Ok(match member? {
                Member::Yes => true,
                Member::No => false,
                Member::Unsure => {
                    front.push((plan, group));
                    false
                }
            })
        })
    }

    fn expression(&mut self, key: (PlanId, usize, NodeId), expr: &'a Expr, base: u64) -> Result<(Tri, u64), Stopped> {
        if let Some(known) = self.known.get(&key) {
            return Ok((*known, 1));
        }
        let (_, _, node) = key;
        let (found, cost) = match expr {
            Expr::And(plans) => self.all_of(plans.iter().map(|plan| (*plan, node)), base)?,
            Expr::Minus(keep, take) => match self.search(*keep, node, base)? {
                (Tri::No, cost) => (Tri::No, cost),
                (kept, cost) => {
                    let (taken, more) = self.search(*take, node, base + cost)?;
                    let found = match (kept, taken) {
                        (_, Tri::Yes) => Tri::No,
                        (Tri::Yes, Tri::No) => Tri::Yes,
                        (Tri::Yes | Tri::No | Tri::NotHere, Tri::No | Tri::NotHere) => Tri::NotHere,
                    };
                    (found, cost + more)
                }
            },
            Expr::All(classes) => self.every(classes, node, base)?,
        };
        self.known.insert(key, found);
        Ok((found, cost))
    }

    fn all_of(&mut self, atoms: impl Iterator<Item = Atom>, base: u64) -> Result<(Tri, u64), Stopped> {
        let (mut found, mut cost) = (Tri::Yes, 0);
        for (plan, node) in atoms {
            let (part, more) = self.search(plan, node, base + cost)?;
            cost += more;
            match part {
                Tri::Yes => {}
                Tri::No => return Ok((Tri::No, cost)),
                Tri::NotHere => found = Tri::NotHere,
            }
        }
        Ok((found, cost))
    }

    fn every(&mut self, classes: &[(ClassId, Option<PlanId>)], node: NodeId, base: u64) -> Result<(Tri, u64), Stopped> {
        let (mut atoms, mut cost, mut fails, mut waits) = (Vec::new(), 1, false, false);
        let mut caveats = Vec::new();
        for (class, plan) in classes {
            let _ = self.sight.each_end(Direction::Forward, node, *class, |other, found| {
                cost += 1;
                match self.standing(node, *class, other, found) {
                    Standing::Not => return ControlFlow::Continue(()),
                    Standing::Counts => {}
                    Standing::If(qualifier) => caveats.push(qualifier),
                }
                match plan {
                    Some(plan) => atoms.push((*plan, other)),
                    None => fails = true,
                }
                ControlFlow::Continue(())
            });
        }
        if fails || atoms.is_empty() {
            return Ok((Tri::No, cost));
        }
        for qualifier in caveats {
            match self.caveat(&qualifier, &mut cost)? {
                Tri::Yes => {}
                Tri::No => return Ok((Tri::No, cost)),
                Tri::NotHere => waits = true,
            }
        }
        // In an order that does not depend on numbers nothing could stop early: all are asked, unless one says no.
        let (found, more) = self.all_of(atoms.into_iter(), base + cost)?;
        let found = if found == Tri::Yes && waits { Tri::NotHere } else { found };
        Ok((found, cost + more))
    }

    /// Whether an edge counts at this time under this schema.
    pub(super) fn standing(&self, object: NodeId, class: ClassId, subject: NodeId, found: Found<'_>) -> Standing {
        let Some(rule) = self.plans.rule(class) else { return Standing::Not };
        if matches!(found, Found::Stored(Image::Plain) | Found::Brought(None)) {
            return if rule.plain { Standing::Counts } else { Standing::Not };
        }
        // An edge whose qualifier cannot be read does not count.
        let Some(qualifier) = self.sight.qualifier(object, class, subject, found) else { return Standing::Not };
        let name = qualifier.caveat.as_ref().map(|caveat| caveat.name());
        let allowed = |(caveat, expires): &(Option<_>, bool)| caveat.as_ref() == name && *expires == qualifier.expires_at.is_some();
        if !rule.qualified.iter().any(allowed) || qualifier.expires_at.is_some_and(|expiry| expiry <= self.time) {
            Standing::Not
        } else if qualifier.caveat.is_some() {
            Standing::If(qualifier)
        } else {
            Standing::Counts
        }
    }

    pub(super) fn caveat(&mut self, qualifier: &Qualifier, spent: &mut u64) -> Result<Tri, Stopped> {
        self.look()?;
        *spent += 1;
        let Some(caveat) = &qualifier.caveat else { return Ok(Tri::Yes) };
        let Some(compiled) = self.schema.caveats.get(caveat.name()) else { return Ok(Tri::No) };
        let mut left = COST_LIMIT;
        let outcome = compiled.evaluate_within(caveat.context(), self.context, &mut left);
        *spent += (COST_LIMIT - left) / CAVEAT_UNITS_PER_STEP;
        Ok(match outcome {
            Outcome::True => Tri::Yes,
            Outcome::False => Tri::No,
            Outcome::Missing(_) | Outcome::Error(_) => Tri::NotHere,
        })
    }

    /// Looks at the deadline now and then, first of all at the start.
    #[inline]
    pub(super) fn look(&mut self) -> Result<(), Stopped> {
        self.looks += 1;
        if self.looks < self.next_poll {
            return Ok(());
        }
        self.next_poll = self.looks + STEPS_BETWEEN_DEADLINE_POLLS;
        if (self.limits.deadline)() { Err(Stopped::Deadline { steps: self.looks }) } else { Ok(()) }
    }
}
