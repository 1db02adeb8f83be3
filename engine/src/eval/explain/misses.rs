//! What came closest to an allowed answer: one tuple, one caveat or one part of a rule away.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use dhow_schema::ir::{Name, Rewrite, SubjectShape};

use super::{CaveatStep, Verdict};
use crate::eval::build::{Atom, Build, Origin, Solved, World};
use crate::eval::circuit::GateId;
use crate::eval::meter::{Meter, Stopped};
use crate::eval::provenance::Evidence;
use crate::state::Shape;
use crate::tuple::{ObjectRef, Subject, Tuple, TupleKey};

/// Most misses that are looked for.
const MAX_MISSES: usize = 20;

/// Expired tuples of one relation that are tried out.
const MAX_TRIED: usize = 8;

/// What would have been enough, had it been otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NearMiss {
    /// A tuple that has expired.
    Expired(Evidence),
    /// A tuple that the schema does not allow, and that is ignored.
    Ignored(Evidence),
    /// A tuple whose caveat does not hold.
    Caveat {
        /// The tuple.
        tuple: Evidence,
        /// Its caveat.
        caveat: CaveatStep,
    },
    /// The subject has the base of an exclusion, and was taken out.
    Excluded {
        /// The object.
        object: ObjectRef,
        /// Its relation.
        relation: Name,
        /// What took the subject out, as the schema writes it.
        by: String,
    },
    /// The subject has some sides of an intersection, but not all.
    Lacking {
        /// The object.
        object: ObjectRef,
        /// Its relation.
        relation: Name,
        /// The sides that it lacks, as the schema writes them.
        sides: Vec<String>,
    },
    /// The subject has the target of some tuples of an `.all`, but not that of this one.
    NotAll(Evidence),
}

impl NearMiss {
    /// The tuple that is in the way, if it is one.
    #[must_use]
    pub const fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::Expired(evidence) | Self::Ignored(evidence) | Self::NotAll(evidence) => Some(evidence),
            Self::Caveat { tuple, .. } => Some(tuple),
            Self::Excluded { .. } | Self::Lacking { .. } => None,
        }
    }
}

struct Search<'s, 'a, 'm, 'd> {
    world: &'s World<'a>,
    subject: &'s Subject,
    solved: &'s Solved<'a>,
    meter: &'m mut Meter<'d>,
    found: Vec<NearMiss>,
}

/// The misses nearest to the question, in the order of distance. O(circuit), and a check for each expired tuple that is tried.
pub(super) fn nearest(
    world: &World<'_>,
    subject: &Subject,
    solved: &Solved<'_>,
    (root, atom): (GateId, Arc<Atom>),
    meter: &mut Meter<'_>,
) -> Result<Vec<NearMiss>, Stopped> {
    let mut search = Search { world, subject, solved, meter, found: Vec::new() };
    let (mut seen, mut open) = (HashSet::from([root]), VecDeque::from([(root, atom)]));
    while let Some((gate, atom)) = open.pop_front() {
        search.meter.charge(1)?;
        let atom = match solved.origin(gate) {
            Some(Origin::Atom(atom)) => Arc::clone(atom),
            Some(Origin::Rewrite(_) | Origin::Negation | Origin::Tuple(_) | Origin::Caveat(_)) | None => atom,
        };
        search.look_at(gate, &atom)?;
        if search.found.len() >= MAX_MISSES {
            break;
        }
        for input in solved.solution.inputs(gate) {
            let failing = matches!(solved.verdict(input), Verdict::Fails | Verdict::Paradox);
            // The far side of a negation is about who is taken out: no miss lies there.
            let negation = matches!(solved.origin(input), Some(Origin::Negation));
            if failing && !negation && seen.insert(input) {
                open.push_back((input, Arc::clone(&atom)));
            }
        }
    }
    let mut found = search.found;
    found.truncate(MAX_MISSES);
    Ok(found)
}

impl Search<'_, '_, '_, '_> {
    fn fails(&self, gate: GateId) -> bool {
        matches!(self.solved.verdict(gate), Verdict::Fails | Verdict::Paradox)
    }

    fn look_at(&mut self, gate: GateId, atom: &Atom) -> Result<(), Stopped> {
        let inputs: Vec<GateId> = self.solved.solution.inputs(gate).collect();
        let (failing, standing): (Vec<GateId>, Vec<GateId>) = inputs.iter().partition(|input| self.fails(**input));
        match self.solved.origin(gate) {
            Some(Origin::Tuple(tuple)) => self.caveat(tuple, &failing),
            Some(Origin::Rewrite(rewrite)) => match rewrite {
                Rewrite::Direct => self.absent(atom, &atom.relation, None)?,
                Rewrite::Arrow { tupleset, target, .. } => {
                    self.absent(atom, tupleset, Some(target))?;
                    if let (Some(first), false) = (failing.first(), standing.is_empty())
                        && let Some(Origin::Tuple(tuple)) = self.solved.origin(*first)
                    {
                        self.found.push(NearMiss::NotAll(Evidence::of(self.world.view, tuple)));
                    }
                }
                Rewrite::Exclusion { subtract, .. } => {
                    let taken_out = |input: &GateId| {
                        matches!(self.solved.origin(*input), Some(Origin::Negation)) && self.solved.verdict(*input) == Verdict::Fails
                    };
                    if !failing.is_empty() && failing.iter().all(taken_out) {
                        let (object, relation) = (atom.object.clone(), atom.relation.clone());
                        self.found.push(NearMiss::Excluded { object, relation, by: subtract.to_string() });
                    }
                }
                Rewrite::Intersection(operands) if !standing.is_empty() => {
                    let lacking = inputs.iter().zip(operands).filter(|(input, _)| self.fails(**input));
                    let sides = lacking.map(|(_, operand)| operand.to_string()).collect();
                    let (object, relation) = (atom.object.clone(), atom.relation.clone());
                    self.found.push(NearMiss::Lacking { object, relation, sides });
                }
                Rewrite::Intersection(_) | Rewrite::Computed(_) | Rewrite::Union(_) | Rewrite::Nil | Rewrite::SelfObject => {}
            },
            Some(Origin::Atom(_) | Origin::Negation | Origin::Caveat(_)) | None => {}
        }
        Ok(())
    }

    /// A tuple whose caveat alone is in the way.
    fn caveat(&mut self, tuple: &Arc<Tuple>, failing: &[GateId]) {
        let only_caveat = failing.iter().all(|input| matches!(self.solved.origin(*input), Some(Origin::Caveat(_))));
        if only_caveat
            && !failing.is_empty()
            && let Some(caveat) = CaveatStep::of(self.world, tuple)
        {
            self.found.push(NearMiss::Caveat { tuple: Evidence::of(self.world.view, tuple), caveat });
        }
    }

    /// Tuples of a relation that are there and do not count. `target`: they are followed by an arrow.
    fn absent(&mut self, atom: &Atom, relation: &Name, target: Option<&Name>) -> Result<(), Stopped> {
        let Some(declared) = self.world.schema.relation(atom.object.object_type(), relation) else { return Ok(()) };
        let mut tried = 0;
        for tuple in self.candidates(atom, relation, target)? {
            if self.world.counts(&tuple, declared) {
                continue;
            }
            if !declared.direct.contains(&Shape::of(&tuple).subject) {
                if target.is_none() && (tuple.key.subject() == self.subject) {
                    self.found.push(NearMiss::Ignored(Evidence::of(self.world.view, &tuple)));
                }
                continue;
            }
            tried += 1;
            if tried > MAX_TRIED {
                break;
            }
            if self.would_do(&tuple, target)? {
                self.found.push(NearMiss::Expired(Evidence::of(self.world.view, &tuple)));
            }
        }
        Ok(())
    }

    /// The tuples of a relation that could name the subject, or lead to it.
    fn candidates(&mut self, atom: &Atom, relation: &Name, target: Option<&Name>) -> Result<Vec<Arc<Tuple>>, Stopped> {
        let view = self.world.view;
        let mut found = Vec::new();
        if target.is_some() {
            for tuple in view.tuples(&atom.object, relation, None) {
                self.meter.charge(1)?;
                found.push(tuple);
            }
            return Ok(found);
        }
        let key = |subject| TupleKey::from_valid(atom.object.clone(), relation.clone(), subject);
        found.extend(view.tuple(&key(self.subject.clone())));
        if self.subject.is_object() {
            found.extend(view.tuple(&key(Subject::wildcard_of_valid(self.subject.object_type().clone()))));
        }
        let direct = self.world.relation(atom).map(|relation| &relation.direct[..]).unwrap_or_default();
        let usersets = direct.iter().filter(|allowed| matches!(allowed.shape, SubjectShape::Userset(_)));
        let types: BTreeSet<&Name> = usersets.map(|allowed| &allowed.object_type).collect();
        for subject_type in types {
            for tuple in view.tuples(&atom.object, relation, Some(subject_type)) {
                self.meter.charge(1)?;
                if tuple.key.subject().relation().is_some() && tuple.key.subject() != self.subject {
                    found.push(tuple);
                }
            }
        }
        Ok(found)
    }

    /// Whether a tuple that has expired would not have been denied otherwise.
    fn would_do(&mut self, tuple: &Tuple, target: Option<&Name>) -> Result<bool, Stopped> {
        let subject = tuple.key.subject();
        let leads_to = match (target, subject.relation()) {
            (Some(target), _) => self.world.arrow_target(tuple, target),
            (None, None) => return Ok(true),
            (None, Some(_)) if subject == self.subject => return Ok(true),
            (None, Some(relation)) => subject.object_ref().map(|object| Atom { object, relation: relation.clone() }),
        };
        let Some(atom) = leads_to.filter(|atom| self.world.relation(atom).is_some()) else { return Ok(false) };
        let mut build = Build::new(*self.world, self.subject);
        let root = build.atom(atom, self.meter)?;
        let solved = build.solve(self.meter)?;
        Ok(matches!(solved.verdict(root), Verdict::Holds | Verdict::Depends))
    }
}
