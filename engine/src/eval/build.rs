//! From a schema and a graph to a circuit: who, for one fixed subject, has what.
//!
//! An atom is a relation of an object. Each atom that the asked ones depend on becomes one gate, whatever the number of ways to it, so
//! cycles in the data are cycles in the circuit and nothing is followed twice. A worklist takes atoms in the order in which they are
//! met; only the rewrite of a single relation, whose depth the schema's compiler bounds, is followed by recursion.
//!
//! Of a relation's tuples only those are looked at that can matter: the one that names the subject, its type's wildcard, and the
//! usersets. A group of a hundred thousand members costs one look. Expired tuples and tuples that the schema does not allow are
//! not there.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use dhow_schema::caveat::{COST_LIMIT, EvaluationError, Outcome};
use dhow_schema::ir::{Name, Quantifier, Relation, Rewrite, Schema, SubjectShape};
use dhow_schema::value::Context;

use super::circuit::{Circuit, Gate, GateId, Solution};
use super::meter::{Meter, Stopped};
use super::view::GraphView;
use crate::limits::CAVEAT_UNITS_PER_STEP;
use crate::state::Shape;
use crate::time::Timestamp;
use crate::tuple::{ObjectRef, Subject, Tuple, TupleKey};

/// A relation of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Atom {
    pub(crate) object: ObjectRef,
    pub(crate) relation: Name,
}

impl Atom {
    /// Whether the userset of this atom is the subject.
    pub(crate) fn is(&self, subject: &Subject) -> bool {
        subject.relation() == Some(&self.relation) && subject.object_type() == self.object.object_type() && subject.id() == self.object.id()
    }
}

/// What does not change during an evaluation.
#[derive(Clone, Copy)]
pub(crate) struct World<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) view: &'a dyn GraphView,
    pub(crate) time: Timestamp,
    pub(crate) context: &'a Context,
}

impl<'a> World<'a> {
    /// The relation or permission of an atom, if the schema has it.
    pub(crate) fn relation(&self, atom: &Atom) -> Option<&'a Relation> {
        self.schema.relation(atom.object.object_type(), &atom.relation)
    }

    /// Whether a tuple counts: unexpired, and of a shape that its relation takes.
    pub(crate) fn counts(&self, tuple: &Tuple, relation: &Relation) -> bool {
        !tuple.is_expired(self.time) && relation.direct.contains(&Shape::of(tuple).subject)
    }

    /// The tuples that an arrow over `tupleset` follows, wildcards included.
    pub(crate) fn arrow_tuples(&self, object: &ObjectRef, tupleset: &Name, meter: &mut Meter<'_>) -> Result<Vec<Arc<Tuple>>, Stopped> {
        let Some(relation) = self.schema.relation(object.object_type(), tupleset) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for tuple in self.view.tuples(object, tupleset, None) {
            meter.charge(1)?;
            if self.counts(&tuple, relation) {
                found.push(tuple);
            }
        }
        Ok(found)
    }

    /// Where an arrow leads over a tuple: the target of the subject's object, if its type has the target.
    pub(crate) fn arrow_target(&self, tuple: &Tuple, target: &Name) -> Option<Atom> {
        let object = tuple.key.subject().object_ref()?;
        self.schema.relation(object.object_type(), target)?;
        Some(Atom { object, relation: target.clone() })
    }

    /// What a tuple's caveat says, and the units that it took to find out; a tuple without one holds.
    pub(crate) fn caveat(&self, tuple: &Tuple) -> (Outcome, u64) {
        let Some(caveat) = &tuple.caveat else { return (Outcome::True, 0) };
        // A shape that names an unknown caveat is in no relation's direct types; such a tuple never counts.
        let Some(compiled) = self.schema.caveats.get(caveat.name()) else { return (Outcome::False, 0) };
        let mut left = COST_LIMIT;
        let outcome = compiled.evaluate_within(caveat.context(), self.context, &mut left);
        (outcome, COST_LIMIT - left)
    }
}

/// What a gate stands for.
#[derive(Debug, Clone)]
pub(crate) enum Origin<'a> {
    /// A relation of an object: its rewrite, or True if it is the very userset asked about.
    Atom(Arc<Atom>),
    /// A part of a relation's rewrite.
    Rewrite(&'a Rewrite),
    /// The subtracted side of an exclusion, negated.
    Negation,
    /// A tuple that is followed: its caveat and what its subject leads to, all of them.
    Tuple(Arc<Tuple>),
    /// The caveat of a tuple.
    Caveat(Arc<Tuple>),
}

/// Why a leaf is unknown.
#[derive(Debug, Clone)]
pub(crate) enum Doubt {
    /// These parameters are missing.
    Missing(BTreeSet<Name>),
    /// The caveat has no answer.
    Error(EvaluationError),
}

/// A circuit being built for one subject.
pub(crate) struct Build<'a> {
    world: World<'a>,
    subject: &'a Subject,
    circuit: Circuit,
    origins: Vec<Origin<'a>>,
    atoms: HashMap<Arc<Atom>, GateId>,
    caveats: HashMap<TupleKey, GateId>,
    doubts: HashMap<GateId, Doubt>,
    pending: VecDeque<(Arc<Atom>, GateId)>,
}

/// A circuit with its meaning.
pub(crate) struct Solved<'a> {
    pub(crate) solution: Solution,
    pub(crate) origins: Vec<Origin<'a>>,
    pub(crate) doubts: HashMap<GateId, Doubt>,
}

impl Solved<'_> {
    /// What a gate stands for.
    pub(crate) fn origin(&self, gate: GateId) -> Option<&Origin<'_>> {
        self.origins.get(gate.index())
    }
}

impl<'a> Build<'a> {
    pub(crate) fn new(world: World<'a>, subject: &'a Subject) -> Self {
        Self {
            world,
            subject,
            circuit: Circuit::default(),
            origins: Vec::new(),
            atoms: HashMap::new(),
            caveats: HashMap::new(),
            doubts: HashMap::new(),
            pending: VecDeque::new(),
        }
    }

    /// The gate of an atom, whose relation the schema has; what it depends on is built by [`Build::solve`].
    pub(crate) fn atom(&mut self, atom: Atom, meter: &mut Meter<'_>) -> Result<GateId, Stopped> {
        if let Some(gate) = self.atoms.get(&atom) {
            return Ok(*gate);
        }
        let atom = Arc::new(atom);
        let itself = atom.is(self.subject);
        let gate = self.gate(if itself { Gate::True } else { Gate::Or }, Origin::Atom(Arc::clone(&atom)), meter)?;
        self.atoms.insert(Arc::clone(&atom), gate);
        if !itself {
            self.pending.push_back((atom, gate));
        }
        Ok(gate)
    }

    /// Builds all that the atoms asked for depend on, and solves it.
    pub(crate) fn solve(mut self, meter: &mut Meter<'_>) -> Result<Solved<'a>, Stopped> {
        while let Some((atom, gate)) = self.pending.pop_front() {
            let Some(relation) = self.world.relation(&atom) else { continue };
            let rewrite = self.rewrite(&atom, relation, &relation.rewrite, meter)?;
            self.circuit.wire(gate, rewrite, meter)?;
        }
        let solution = self.circuit.solve(meter)?;
        Ok(Solved { solution, origins: self.origins, doubts: self.doubts })
    }

    fn gate(&mut self, gate: Gate, origin: Origin<'a>, meter: &mut Meter<'_>) -> Result<GateId, Stopped> {
        let id = self.circuit.add(gate, meter)?;
        self.origins.push(origin);
        Ok(id)
    }

    fn rewrite(&mut self, atom: &Atom, relation: &'a Relation, rewrite: &'a Rewrite, meter: &mut Meter<'_>) -> Result<GateId, Stopped> {
        let origin = Origin::Rewrite(rewrite);
        match rewrite {
            Rewrite::Direct => {
                let gate = self.gate(Gate::Or, origin, meter)?;
                self.direct(atom, relation, gate, meter)?;
                Ok(gate)
            }
            Rewrite::Computed(name) => {
                let gate = self.gate(Gate::Or, origin, meter)?;
                let target = Atom { object: atom.object.clone(), relation: name.clone() };
                if self.world.relation(&target).is_some() {
                    let target = self.atom(target, meter)?;
                    self.circuit.wire(gate, target, meter)?;
                }
                Ok(gate)
            }
            Rewrite::Arrow { tupleset, target, quantifier } => {
                let tuples = self.world.arrow_tuples(&atom.object, tupleset, meter)?;
                let all = *quantifier == Quantifier::All && !tuples.is_empty();
                let gate = self.gate(if all { Gate::And } else { Gate::Or }, origin, meter)?;
                for tuple in tuples {
                    self.arrow_step(tuple, target, *quantifier, gate, meter)?;
                }
                Ok(gate)
            }
            Rewrite::Union(operands) => self.operands(Gate::Or, origin, (atom, relation, operands), meter),
            Rewrite::Intersection(operands) => self.operands(Gate::And, origin, (atom, relation, operands), meter),
            Rewrite::Exclusion { base, subtract } => {
                let gate = self.gate(Gate::And, origin, meter)?;
                let base = self.rewrite(atom, relation, base, meter)?;
                let subtract = self.rewrite(atom, relation, subtract, meter)?;
                let not = self.gate(Gate::Not, Origin::Negation, meter)?;
                self.circuit.wire(not, subtract, meter)?;
                self.circuit.wire(gate, base, meter)?;
                self.circuit.wire(gate, not, meter)?;
                Ok(gate)
            }
            Rewrite::Nil => self.gate(Gate::False, origin, meter),
            Rewrite::SelfObject => {
                let itself = self.subject.is_object() && self.subject.object_ref().as_ref() == Some(&atom.object);
                self.gate(if itself { Gate::True } else { Gate::False }, origin, meter)
            }
        }
    }

    fn operands(
        &mut self,
        kind: Gate,
        origin: Origin<'a>,
        (atom, relation, operands): (&Atom, &'a Relation, &'a [Rewrite]),
        meter: &mut Meter<'_>,
    ) -> Result<GateId, Stopped> {
        let gate = self.gate(kind, origin, meter)?;
        for operand in operands {
            let operand = self.rewrite(atom, relation, operand, meter)?;
            self.circuit.wire(gate, operand, meter)?;
        }
        Ok(gate)
    }

    /// The tuples of a relation itself, as inputs of `gate`.
    fn direct(&mut self, atom: &Atom, relation: &'a Relation, gate: GateId, meter: &mut Meter<'_>) -> Result<(), Stopped> {
        self.named(atom, relation, self.subject.clone(), gate, meter)?;
        if self.subject.is_object() {
            self.named(atom, relation, Subject::wildcard_of_valid(self.subject.object_type().clone()), gate, meter)?;
        }
        let is_userset = |shape: &SubjectShape| matches!(shape, SubjectShape::Userset(_));
        let types: BTreeSet<&Name> = relation.direct.iter().filter(|d| is_userset(&d.shape)).map(|d| &d.object_type).collect();
        for subject_type in types {
            for tuple in self.world.view.tuples(&atom.object, &atom.relation, Some(subject_type)) {
                meter.charge(1)?;
                let subject = tuple.key.subject();
                let (Some(name), Some(object)) = (subject.relation(), subject.object_ref()) else { continue };
                if subject == self.subject || !self.world.counts(&tuple, relation) {
                    continue;
                }
                let target = Atom { object, relation: name.clone() };
                if self.world.relation(&target).is_some() {
                    let target = self.atom(target, meter)?;
                    let step = self.step(tuple, Some(target), meter)?;
                    self.circuit.wire(gate, step, meter)?;
                }
            }
        }
        Ok(())
    }

    /// The tuple that names `subject` itself, if there is one, as an input of `gate`.
    fn named(&mut self, atom: &Atom, relation: &Relation, subject: Subject, gate: GateId, meter: &mut Meter<'_>) -> Result<(), Stopped> {
        meter.charge(1)?;
        let key = TupleKey::from_valid(atom.object.clone(), atom.relation.clone(), subject);
        if let Some(tuple) = self.world.view.tuple(&key)
            && self.world.counts(&tuple, relation)
        {
            let step = self.step(tuple, None, meter)?;
            self.circuit.wire(gate, step, meter)?;
        }
        Ok(())
    }

    /// One tuple of an arrow, as an input of `gate`. A tuple that leads nowhere makes `all` false and means nothing to `any`.
    fn arrow_step(
        &mut self,
        tuple: Arc<Tuple>,
        target: &Name,
        quantifier: Quantifier,
        gate: GateId,
        meter: &mut Meter<'_>,
    ) -> Result<(), Stopped> {
        let input = match (self.world.arrow_target(&tuple, target), quantifier) {
            (Some(target), Quantifier::Any | Quantifier::All) => {
                let target = self.atom(target, meter)?;
                self.step(tuple, Some(target), meter)?
            }
            (None, Quantifier::All) => self.gate(Gate::False, Origin::Tuple(tuple), meter)?,
            (None, Quantifier::Any) => return Ok(()),
        };
        self.circuit.wire(gate, input, meter)
    }

    /// A tuple that counts: its caveat, and what it leads to.
    fn step(&mut self, tuple: Arc<Tuple>, target: Option<GateId>, meter: &mut Meter<'_>) -> Result<GateId, Stopped> {
        let step = self.gate(Gate::And, Origin::Tuple(Arc::clone(&tuple)), meter)?;
        if tuple.caveat.is_some() {
            let caveat = self.caveat(tuple, meter)?;
            self.circuit.wire(step, caveat, meter)?;
        }
        if let Some(target) = target {
            self.circuit.wire(step, target, meter)?;
        }
        Ok(step)
    }

    /// The leaf of a tuple's caveat, evaluated once.
    fn caveat(&mut self, tuple: Arc<Tuple>, meter: &mut Meter<'_>) -> Result<GateId, Stopped> {
        if let Some(gate) = self.caveats.get(&tuple.key) {
            return Ok(*gate);
        }
        let key = tuple.key.clone();
        let (outcome, units) = self.world.caveat(&tuple);
        meter.charge(units / CAVEAT_UNITS_PER_STEP)?;
        let (gate, doubt) = match outcome {
            Outcome::True => (Gate::True, None),
            Outcome::False => (Gate::False, None),
            Outcome::Missing(names) => (Gate::Unknown, Some(Doubt::Missing(names))),
            Outcome::Error(error) => (Gate::Unknown, Some(Doubt::Error(error))),
        };
        let leaf = self.gate(gate, Origin::Caveat(tuple), meter)?;
        if let Some(doubt) = doubt {
            self.doubts.insert(leaf, doubt);
        }
        self.caveats.insert(key, leaf);
        Ok(leaf)
    }
}
