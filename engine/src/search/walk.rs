//! Walking a graph from an object along plans, level by level.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use smallvec::SmallVec;

use super::glance::{Mine, glance};
use super::members::{Member, Members};
use super::world::{Edges, Looks, Standing, Tri, World};
use crate::eval::{Limits, Stopped};
use crate::graph::ids::{ClassId, Direction, NodeId, RelationId};
use crate::graph::qualifier::Qualifier;
use crate::graph::vocabulary::Kind;
use crate::plan::{Expr, Op, PlanId};

/// A plan to try at a node.
pub(super) type Atom = (PlanId, NodeId);

/// Up to this many atoms are compared one by one.
const FEW: usize = 24;

/// So many edges are followed between two looks at the deadline.
const LOOKS: usize = 256;

/// An edge with a caveat, to be looked at when there is no other way.
struct Deferred {
    qualifier: Arc<Qualifier>,
    /// Where it leads; `None`: to the subject.
    then: Option<Atom>,
}

/// What a search has before it and behind it.
#[derive(Default)]
struct Front {
    /// All that was met, each once, in the order of meeting.
    atoms: SmallVec<[Atom; FEW]>,
    /// The same as a set, when there are many.
    many: Option<Box<hashbrown::HashSet<Atom, foldhash::fast::FixedState>>>,
    deferred: Vec<Deferred>,
    unknown: bool,
    spent: u64,
}

impl Front {
    fn push(&mut self, atom: Atom) {
        if let Some(many) = &mut self.many {
            if many.insert(atom) {
                self.atoms.push(atom);
            }
            return;
        }
        if self.atoms.contains(&atom) {
            return;
        }
        self.atoms.push(atom);
        if self.atoms.len() == FEW {
            self.many = Some(Box::new(self.atoms.iter().copied().collect()));
        }
    }
}

/// See the module.
pub(super) struct Walk<'a> {
    pub(super) world: World<'a>,
    looks: Looks<'a>,
    members: Members<'a>,
    /// The same for glances.
    mine: Mine<'a>,
    /// What expressions came to, by place in their plan.
    known: HashMap<(PlanId, usize, NodeId), Tri, foldhash::fast::FixedState>,
    /// Whether what is easily said is said at a glance, and charged more than it costs.
    glances: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(world: World<'a>, limits: Limits<'a>) -> Self {
        let (members, mine, known) = (Members::default(), Mine::default(), HashMap::default());
        Self { world, looks: Looks::new(limits), members, mine, known, glances: false }
    }

    /// One that glances. What ends within its budget so ends within it without glances.
    pub(super) fn glancing(world: World<'a>, limits: Limits<'a>) -> Self {
        Self { glances: true, ..Self::new(world, limits) }
    }

    /// One that begins again, without glances.
    #[cold]
    pub(super) fn again(&self) -> Self {
        Self::new(self.world, self.looks.limits())
    }

    /// Whether a plan holds at a node, and the steps that it took, `base` having been taken before. O(what is reached).
    #[inline]
    pub(super) fn search(&mut self, plan: PlanId, node: NodeId, base: u64) -> Result<(Tri, u64), Stopped> {
        if self.glances
            && let Some((holds, cost)) = glance(&self.world, &mut self.mine, self.looks.limits(), (plan, node), base)
        {
            return Ok((if holds { Tri::Yes } else { Tri::No }, cost));
        }
        self.go(plan, node, base)
    }

    /// The search without a glance before it.
    #[inline(never)]
    pub(super) fn go(&mut self, plan: PlanId, node: NodeId, base: u64) -> Result<(Tri, u64), Stopped> {
        let mut front = Front::default();
        front.push((plan, node));
        let (mut cost, mut begin) = (0, 0);
        loop {
            let end = front.atoms.len();
            self.looks.take((end - begin) as u64)?;
            let level = front.atoms.get_mut(begin..end).unwrap_or_default();
            if level.len() > 1 && level.iter().any(|(plan, _)| self.world.plans.has_expressions(*plan)) {
                self.put_in_order(level)?;
            }
            for place in begin..end {
                let Some(atom) = front.atoms.get(place).copied() else { break };
                if self.atom(atom, &mut front, base + cost)? {
                    return Ok((Tri::Yes, cost));
                }
            }
            begin = end;
            cost += std::mem::take(&mut front.spent);
            self.looks.afford(base + cost)?;
            if front.atoms.len() > begin {
                continue;
            }
            if front.deferred.is_empty() {
                return Ok((if front.unknown { Tri::NotHere } else { Tri::No }, cost));
            }
            if self.deferred(&mut front)? {
                return Ok((Tri::Yes, cost));
            }
        }
    }

    /// Puts atoms in an order that does not depend on how nodes are numbered. The parts of an expression are charged as they are searched,
    /// so that which of many is the first to be too much, or to make the others needless, must be the same everywhere.
    fn put_in_order(&mut self, atoms: &mut [Atom]) -> Result<(), Stopped> {
        let Self { world: World { sight, .. }, looks, .. } = self;
        let mut ranked = Vec::with_capacity(atoms.len());
        for (plan, node) in atoms.iter() {
            looks.take(1)?;
            ranked.push((*plan, sight.rank(*node), *node));
        }
        ranked.sort_unstable_by(|(plan, rank, node), (other_plan, other_rank, other)| {
            (plan, rank).cmp(&(other_plan, other_rank)).then_with(|| sight.name_of(*node).cmp(&sight.name_of(*other)))
        });
        atoms.iter_mut().zip(ranked).for_each(|(atom, (plan, _, node))| *atom = (plan, node));
        Ok(())
    }

    /// Looks at the caveats that were put off: whether one leads to the subject.
    fn deferred(&mut self, front: &mut Front) -> Result<bool, Stopped> {
        let mut holds = false;
        for Deferred { qualifier, then } in std::mem::take(&mut front.deferred) {
            match (self.caveat(&qualifier, &mut front.spent)?, then) {
                (Tri::Yes, Some(atom)) => front.push(atom),
                (Tri::Yes, None) => holds = true,
                (Tri::No, _) => {}
                (Tri::NotHere, _) => front.unknown = true,
            }
        }
        Ok(holds)
    }

    /// Tries one plan at one node: whether it holds by itself. What it leads to goes to the front.
    fn atom(&mut self, (id, node): Atom, front: &mut Front, base: u64) -> Result<bool, Stopped> {
        front.spent += 1;
        let World { plans, asked, .. } = self.world;
        let Some(plan) = plans.plan(id).filter(|plan| plan.reach.has(asked.kind_id)) else { return Ok(false) };
        if plan.tangled {
            front.unknown = true;
            return Ok(false);
        }
        let edges = self.world.edges(Direction::Forward, node);
        for (place, op) in plan.ops(asked.kind_id) {
            front.spent += 1;
            let holds = match op {
                Op::Itself(relation) => asked.kind == Kind::Userset(*relation) && asked.node == node,
                Op::Object => asked.kind == Kind::Object && asked.node == node,
                // Kinds can share a number.
                Op::Named(class) => plans.names(*class, asked.kind) && self.named(&edges, *class, asked.node, front),
                Op::Wildcard(class) => asked.wildcard.is_some_and(|wildcard| self.named(&edges, *class, wildcard, front)),
                Op::Group { class, relation, plan } => self.groups(&edges, *class, (*relation, *plan), front)?,
                Op::Same(plan) => {
                    front.push((*plan, node));
                    false
                }
                Op::Follow { class, plan } => {
                    self.follow(&edges, *class, *plan, front)?;
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
    fn named(&self, edges: &Edges<'a>, class: ClassId, subject: NodeId, front: &mut Front) -> bool {
        match self.world.one(edges, class, subject) {
            Standing::Counts => true,
            Standing::Not => false,
            Standing::If(qualifier) => {
                front.deferred.push(Deferred { qualifier, then: None });
                false
            }
        }
    }

    fn follow(&mut self, edges: &Edges<'a>, class: ClassId, plan: PlanId, front: &mut Front) -> Result<(), Stopped> {
        let Self { world, looks, .. } = self;
        let (plain, more) = world.plain(edges, class);
        front.spent += plain.len() as u64;
        // One node can have very many edges.
        for part in plain.chunks(LOOKS) {
            looks.take(part.len() as u64)?;
            for other in part {
                front.push((plan, NodeId(*other)));
            }
        }
        if !more {
            return Ok(());
        }
        let mut outcome = Ok(());
        world.each_more(edges, class, &mut |other, standing| {
            front.spent += 1;
            match standing {
                Standing::Counts => front.push((plan, other)),
                Standing::Not => {}
                Standing::If(qualifier) => front.deferred.push(Deferred { qualifier, then: Some((plan, other)) }),
            }
            outcome = looks.take(1);
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        outcome
    }

    /// Whether the subject is in one of the groups that edges lead to.
    fn groups(
        &mut self,
        edges: &Edges<'a>,
        class: ClassId,
        (relation, plan): (RelationId, PlanId),
        front: &mut Front,
    ) -> Result<bool, Stopped> {
        let mut outcome = Ok(false);
        let Self { world, looks, members, .. } = self;
        world.each(edges, class, |group, standing| {
            front.spent += 1;
            match standing {
                Standing::Counts => match looks.take(1).and_then(|()| members.contains(world, looks, (group, relation))) {
                    Ok(Member::Yes) => outcome = Ok(true),
                    Ok(Member::No) => {}
                    Ok(Member::Unsure) => front.push((plan, group)),
                    Err(stopped) => outcome = Err(stopped),
                },
                Standing::Not => {}
                Standing::If(qualifier) => front.deferred.push(Deferred { qualifier, then: Some((plan, group)) }),
            }
            if outcome == Ok(false) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        outcome
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
                    (kept.without(taken), cost + more)
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
        let (mut atoms, mut caveats, mut cost, mut fails) = (Vec::new(), Vec::new(), 1, false);
        let Self { world, looks, .. } = self;
        let (edges, mut outcome) = (world.edges(Direction::Forward, node), Ok(()));
        for (class, plan) in classes {
            world.each(&edges, *class, |other, standing| {
                cost += 1;
                if let Standing::If(qualifier) = standing {
                    caveats.push(qualifier);
                }
                match plan {
                    Some(plan) => atoms.push((*plan, other)),
                    None => fails = true,
                }
                outcome = looks.take(1);
                if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            outcome?;
        }
        if fails || atoms.is_empty() {
            return Ok((Tri::No, cost));
        }
        let mut waits = false;
        for qualifier in caveats {
            match self.caveat(&qualifier, &mut cost)? {
                Tri::Yes => {}
                Tri::No => return Ok((Tri::No, cost)),
                Tri::NotHere => waits = true,
            }
        }
        self.put_in_order(&mut atoms)?;
        let (found, more) = self.all_of(atoms.into_iter(), base + cost)?;
        let found = if found == Tri::Yes && waits { Tri::NotHere } else { found };
        Ok((found, cost + more))
    }

    /// Whether a caveat holds; adds the steps that it took to find out.
    pub(super) fn caveat(&mut self, qualifier: &Qualifier, spent: &mut u64) -> Result<Tri, Stopped> {
        self.look()?;
        let (found, steps) = self.world.caveat(qualifier);
        *spent += steps;
        Ok(found)
    }

    /// Looks at the deadline now and then, first of all at the start.
    pub(super) fn look(&mut self) -> Result<(), Stopped> {
        self.looks.take(1)
    }
}
