//! Expand: who is in a relation of an object, as the tree of its rewrite with the tuples at its leaves.
//!
//! The tree is kept flat: each relation of an object that is met on the way is expanded once and referred to by number, so a cycle is a
//! reference back, a diamond two references to one, and a chain of any length overflows nothing. Whether caveats hold is left open; they
//! stand beside their tuples. Expired tuples, and ones that the schema does not allow, are left out.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use dhow_schema::ir::{Name, Quantifier, Relation, Rewrite};

use super::build::Atom;
use super::check::{EvalError, Evaluator};
use super::meter::{Meter, Stopped};
use super::tree::{self, Line};
use crate::tuple::{ObjectRef, Tuple};
use crate::validate::find_relation;

/// The number of a userset in an [`Expansion`].
pub type UsersetIndex = usize;

/// A tree, flat. Number 0 is what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    /// Every userset met, in the order of meeting.
    pub usersets: Vec<ExpandedUserset>,
}

/// A relation of an object, and who is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpandedUserset {
    /// The object.
    pub object: ObjectRef,
    /// The relation or permission.
    pub relation: Name,
    /// How many tuples lie between this and what was asked for, on the shortest way.
    pub depth: u32,
    /// Its rewrite; `None`: beyond the depth asked for.
    pub rewrite: Option<Operand>,
}

/// A part of a rewrite, with what it finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// The tuples of the relation itself.
    Direct(Vec<ExpandedTuple>),
    /// Another relation of the same object.
    Computed(UsersetIndex),
    /// `tupleset->target`.
    Arrow {
        /// The relation whose tuples are followed.
        tupleset: Name,
        /// What is asked of each object found.
        target: Name,
        /// Whether one or every object must have it.
        quantifier: Quantifier,
        /// The tuples, with the target of each; without one, the tuple leads nowhere.
        steps: Vec<ExpandedTuple>,
    },
    /// At least one of them.
    Union(Vec<Operand>),
    /// All of them.
    Intersection(Vec<Operand>),
    /// The first without the second.
    Exclusion {
        /// Who is in,
        base: Box<Operand>,
        /// apart from these.
        subtract: Box<Operand>,
    },
    /// Nobody.
    Nil,
    /// The object itself.
    SelfObject,
}

/// A tuple in an expansion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpandedTuple {
    /// The tuple with subject, caveat, stored context and expiry.
    pub tuple: Arc<Tuple>,
    /// Where it leads: its subject's userset, or the target of the arrow.
    pub userset: Option<UsersetIndex>,
}

/// An expansion being made.
struct Expander<'e, 'a, 'm> {
    evaluator: &'e Evaluator<'a>,
    meter: &'m mut Meter<'a>,
    usersets: Vec<ExpandedUserset>,
    known: HashMap<Atom, UsersetIndex>,
    pending: VecDeque<UsersetIndex>,
}

impl<'a> Evaluator<'a> {
    /// Expands a relation of an object: all of it, or down to `depth` tuples away (0: what was asked for alone, with its own tuples).
    ///
    /// O(tuples in the tree).
    ///
    /// # Errors
    /// Names that the schema does not have, a used-up budget, a passed deadline, memory that cannot be read.
    pub fn expand(&self, object: &ObjectRef, relation: &Name, depth: Option<u32>) -> Result<Expansion, EvalError> {
        self.answered(self.expanded(object, relation, depth))
    }

    fn expanded(&self, object: &ObjectRef, relation: &Name, depth: Option<u32>) -> Result<Expansion, EvalError> {
        find_relation(self.world.schema, object.object_type(), relation)?;
        let mut meter = self.meter();
        let (usersets, known, pending) = (Vec::new(), HashMap::new(), VecDeque::new());
        let mut expander = Expander { evaluator: self, meter: &mut meter, usersets, known, pending };
        expander.userset(Atom { object: object.clone(), relation: relation.clone() }, 0, false)?;
        // A deque of distances 0 and 1: the nearest userset is always in front, so each is expanded at its shortest distance.
        while let Some(index) = expander.pending.pop_front() {
            expander.expand(index, depth.unwrap_or(u32::MAX))?;
        }
        Ok(Expansion { usersets: expander.usersets })
    }
}

impl<'a> Expander<'_, 'a, '_> {
    /// The number of a userset that is met `depth` tuples away, over a tuple or not.
    fn userset(&mut self, atom: Atom, depth: u32, over_tuple: bool) -> Result<UsersetIndex, Stopped> {
        self.meter.charge(1)?;
        let (index, nearer) = match self.known.get(&atom) {
            Some(index) => (*index, self.usersets.get(*index).is_some_and(|known| known.rewrite.is_none() && depth < known.depth)),
            None => {
                let index = self.usersets.len();
                let (object, relation) = (atom.object.clone(), atom.relation.clone());
                self.usersets.push(ExpandedUserset { object, relation, depth, rewrite: None });
                self.known.insert(atom, index);
                (index, true)
            }
        };
        if nearer {
            if let Some(userset) = self.usersets.get_mut(index) {
                userset.depth = depth;
            }
            if over_tuple { self.pending.push_back(index) } else { self.pending.push_front(index) }
        }
        Ok(index)
    }

    fn expand(&mut self, index: UsersetIndex, max_depth: u32) -> Result<(), Stopped> {
        let Some(userset) = self.usersets.get(index) else { return Ok(()) };
        if userset.rewrite.is_some() || userset.depth > max_depth {
            return Ok(());
        }
        let depth = userset.depth;
        let atom = Atom { object: userset.object.clone(), relation: userset.relation.clone() };
        let Some(relation) = self.evaluator.world.relation(&atom) else { return Ok(()) };
        let rewrite = self.operand(&atom, relation, &relation.rewrite, depth)?;
        if let Some(userset) = self.usersets.get_mut(index) {
            userset.rewrite = Some(rewrite);
        }
        Ok(())
    }

    fn operand(&mut self, atom: &Atom, relation: &'a Relation, rewrite: &'a Rewrite, depth: u32) -> Result<Operand, Stopped> {
        self.meter.charge(1)?;
        Ok(match rewrite {
            Rewrite::Direct => Operand::Direct(self.direct(atom, relation, depth)?),
            Rewrite::Computed(name) => {
                let target = Atom { object: atom.object.clone(), relation: name.clone() };
                match self.evaluator.world.relation(&target) {
                    Some(_) => Operand::Computed(self.userset(target, depth, false)?),
                    None => Operand::Nil,
                }
            }
            Rewrite::Arrow { tupleset, target, quantifier } => {
                let mut steps = Vec::new();
                for tuple in self.evaluator.world.arrow_tuples(&atom.object, tupleset, self.meter)? {
                    let userset = match self.evaluator.world.arrow_target(&tuple, target) {
                        Some(target) => Some(self.userset(target, depth.saturating_add(1), true)?),
                        None => None,
                    };
                    steps.push(ExpandedTuple { tuple, userset });
                }
                Operand::Arrow { tupleset: tupleset.clone(), target: target.clone(), quantifier: *quantifier, steps }
            }
            Rewrite::Union(operands) => Operand::Union(self.operands(atom, relation, operands, depth)?),
            Rewrite::Intersection(operands) => Operand::Intersection(self.operands(atom, relation, operands, depth)?),
            Rewrite::Exclusion { base, subtract } => Operand::Exclusion {
                base: Box::new(self.operand(atom, relation, base, depth)?),
                subtract: Box::new(self.operand(atom, relation, subtract, depth)?),
            },
            Rewrite::Nil => Operand::Nil,
            Rewrite::SelfObject => Operand::SelfObject,
        })
    }

    fn operands(&mut self, atom: &Atom, relation: &'a Relation, all: &'a [Rewrite], depth: u32) -> Result<Vec<Operand>, Stopped> {
        all.iter().map(|operand| self.operand(atom, relation, operand, depth)).collect()
    }

    fn direct(&mut self, atom: &Atom, relation: &Relation, depth: u32) -> Result<Vec<ExpandedTuple>, Stopped> {
        let world = self.evaluator.world;
        let mut found = Vec::new();
        for tuple in world.view.tuples(&atom.object, &atom.relation, None) {
            self.meter.charge(1)?;
            if !world.counts(&tuple, relation) {
                continue;
            }
            let subject = tuple.key.subject();
            let target = match (subject.relation(), subject.object_ref()) {
                (Some(relation), Some(object)) => Some(Atom { object, relation: relation.clone() }),
                (None, _) | (Some(_), None) => None,
            };
            let userset = match target.filter(|target| world.relation(target).is_some()) {
                Some(target) => Some(self.userset(target, depth.saturating_add(1), true)?),
                None => None,
            };
            found.push(ExpandedTuple { tuple, userset });
        }
        Ok(found)
    }
}

/// What the text of an expansion still has to show: a userset, or an operand, behind a label.
enum Part<'x> {
    Userset(UsersetIndex, String),
    Operand(&'x Operand, String),
    Tuple(&'x ExpandedTuple),
}

impl Expansion {
    /// The tuples at the leaves, each as often as the rewrites name its relation; those that arrows follow are not among them.
    pub fn direct_tuples(&self) -> impl Iterator<Item = &Arc<Tuple>> {
        let mut open: Vec<&Operand> = self.usersets.iter().rev().filter_map(|userset| userset.rewrite.as_ref()).collect();
        let next = move || {
            while let Some(operand) = open.pop() {
                match operand {
                    Operand::Direct(found) => return Some(found),
                    Operand::Union(operands) | Operand::Intersection(operands) => open.extend(operands.iter().rev()),
                    Operand::Exclusion { base, subtract } => open.extend([&**subtract, &**base]),
                    Operand::Computed(_) | Operand::Arrow { .. } | Operand::Nil | Operand::SelfObject => {}
                }
            }
            None
        };
        std::iter::from_fn(next).flatten().map(|found| &found.tuple)
    }

    /// The tree as plain text for people, at most `max_lines` long: what comes again is named, not repeated.
    #[must_use]
    pub fn to_text(&self, max_lines: usize) -> String {
        let mut shown = vec![false; self.usersets.len()];
        let mut lines = Vec::new();
        let mut open = vec![(0_usize, Part::Userset(0, String::new()))];
        while let Some((depth, part)) = open.pop() {
            if lines.len() > max_lines {
                break;
            }
            let (text, below) = match part {
                Part::Userset(index, label) => self.userset_line(index, &label, &mut shown),
                Part::Operand(operand, label) => self.operand_line(operand, &label, &mut shown),
                Part::Tuple(tuple) => self.tuple_line(tuple, &mut shown),
            };
            lines.push(Line { depth, text });
            open.extend(below.into_iter().rev().map(|part| (depth + 1, part)));
        }
        tree::render(&lines, max_lines)
    }

    fn userset_line<'x>(&'x self, index: UsersetIndex, label: &str, shown: &mut [bool]) -> (String, Vec<Part<'x>>) {
        let Some(userset) = self.usersets.get(index) else { return (String::new(), Vec::new()) };
        let name = format!("{label}{}#{}", userset.object, userset.relation);
        match (&userset.rewrite, shown.get_mut(index)) {
            (None, _) => (format!("{name} (not expanded)"), Vec::new()),
            (Some(_), Some(true)) => (format!("{name} (as above)"), Vec::new()),
            (Some(rewrite), seen) => {
                if let Some(seen) = seen {
                    *seen = true;
                }
                (name, vec![Part::Operand(rewrite, String::new())])
            }
        }
    }

    fn operand_line<'x>(&'x self, operand: &'x Operand, label: &str, shown: &mut [bool]) -> (String, Vec<Part<'x>>) {
        let parts = |operands: &'x [Operand]| operands.iter().map(|operand| Part::Operand(operand, String::new())).collect();
        let tuples = |tuples: &'x [ExpandedTuple]| tuples.iter().map(Part::Tuple).collect::<Vec<_>>();
        match operand {
            Operand::Direct(found) if found.is_empty() => (format!("{label}no tuples"), Vec::new()),
            Operand::Direct(found) => (format!("{label}tuples"), tuples(found)),
            Operand::Computed(index) => self.userset_line(*index, label, shown),
            Operand::Arrow { tupleset, target, quantifier, steps } => {
                let text = match quantifier {
                    Quantifier::Any => format!("{label}{tupleset}->{target}"),
                    Quantifier::All => format!("{label}{tupleset}.all({target})"),
                };
                (text, tuples(steps))
            }
            Operand::Union(operands) => (format!("{label}any of"), parts(operands)),
            Operand::Intersection(operands) => (format!("{label}all of"), parts(operands)),
            Operand::Exclusion { base, subtract } => {
                (format!("{label}exclusion"), vec![Part::Operand(base, String::new()), Part::Operand(subtract, "without ".to_owned())])
            }
            Operand::Nil => (format!("{label}nobody"), Vec::new()),
            Operand::SelfObject => (format!("{label}the object itself"), Vec::new()),
        }
    }

    fn tuple_line<'x>(&'x self, step: &'x ExpandedTuple, shown: &mut [bool]) -> (String, Vec<Part<'x>>) {
        let target = step.userset.and_then(|index| Some((index, self.usersets.get(index)?)));
        let Some((index, _)) = target else { return (step.tuple.to_string(), Vec::new()) };
        let repeated = shown.get(index).copied().unwrap_or(false);
        let label = format!("{} leads to ", step.tuple);
        let (text, below) = self.userset_line(index, &label, shown);
        (text, if repeated { Vec::new() } else { below })
    }
}
