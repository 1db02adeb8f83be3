//! Which subjects an atom can depend on at all: a walk over every branch of every rewrite, whatever decides in the end.

use std::collections::{BTreeSet, HashSet, VecDeque};

use dhow_schema::ir::{Name, Relation, Rewrite};

use crate::eval::build::{Atom, World};
use crate::eval::meter::{Meter, Stopped};
use crate::tuple::{Id, Subject};

/// A walk for subjects of one kind.
struct Walk<'w, 'a> {
    world: &'w World<'a>,
    subject_type: &'w Name,
    subject_relation: Option<&'w Name>,
    found: BTreeSet<Id>,
    seen: HashSet<Atom>,
    pending: VecDeque<Atom>,
}

/// The ids of the subjects of a kind that tuples name on the way from `asked`, of the objects that are a `self` there, and of the
/// usersets that are passed. No other subject, save by a wildcard, can be in `asked`. O(tuples reached).
pub(super) fn candidates(
    world: &World<'_>,
    asked: Atom,
    subject_type: &Name,
    subject_relation: Option<&Name>,
    meter: &mut Meter<'_>,
) -> Result<BTreeSet<Id>, Stopped> {
    let (found, seen) = (BTreeSet::new(), HashSet::new());
    let mut walk = Walk { world, subject_type, subject_relation, found, seen, pending: VecDeque::new() };
    walk.visit(asked);
    while let Some(atom) = walk.pending.pop_front() {
        meter.charge(1)?;
        if let Some(relation) = world.relation(&atom) {
            walk.rewrite(&atom, relation, &relation.rewrite, meter)?;
        }
    }
    Ok(walk.found)
}

impl Walk<'_, '_> {
    fn visit(&mut self, atom: Atom) {
        if self.seen.insert(atom.clone()) {
            if self.subject_relation == Some(&atom.relation) && atom.object.object_type() == self.subject_type {
                self.found.insert(atom.object.id().clone());
            }
            self.pending.push_back(atom);
        }
    }

    fn name(&mut self, subject: &Subject) {
        if subject.object_type() == self.subject_type && subject.relation() == self.subject_relation && !subject.is_wildcard() {
            self.found.insert(subject.id().clone());
        }
    }

    fn rewrite(&mut self, atom: &Atom, relation: &Relation, rewrite: &Rewrite, meter: &mut Meter<'_>) -> Result<(), Stopped> {
        match rewrite {
            Rewrite::Direct => {
                for tuple in self.world.view.tuples(&atom.object, &atom.relation, None) {
                    meter.charge(1)?;
                    if !self.world.counts(&tuple, relation) {
                        continue;
                    }
                    let subject = tuple.key.subject();
                    self.name(subject);
                    if let (Some(relation), Some(object)) = (subject.relation(), subject.object_ref()) {
                        self.visit(Atom { object, relation: relation.clone() });
                    }
                }
            }
            Rewrite::Computed(name) => self.visit(Atom { object: atom.object.clone(), relation: name.clone() }),
            Rewrite::Arrow { tupleset, target, .. } => {
                for tuple in self.world.arrow_tuples(&atom.object, tupleset, meter)? {
                    if let Some(target) = self.world.arrow_target(&tuple, target) {
                        self.visit(target);
                    }
                }
            }
            Rewrite::Union(operands) | Rewrite::Intersection(operands) => {
                for operand in operands {
                    self.rewrite(atom, relation, operand, meter)?;
                }
            }
            Rewrite::Exclusion { base, subtract } => {
                self.rewrite(atom, relation, base, meter)?;
                self.rewrite(atom, relation, subtract, meter)?;
            }
            Rewrite::Nil => {}
            Rewrite::SelfObject => self.name(&Subject::object(atom.object.clone())),
        }
        Ok(())
    }
}
