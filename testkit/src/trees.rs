//! A tree of Expand, decided by itself: brute force over its gates.

use dhow_engine::eval::{ExpandedTuple, Expansion, Operand};
use dhow_engine::tuple::{ObjectRef, Subject};
use dhow_schema::caveat::Outcome;
use dhow_schema::ir::{Quantifier, Schema};
use dhow_schema::value::Context;

use crate::engine::context_of;
use crate::model::{Judgement, Question};
use crate::oracle::{Answer, Gate, decide_gates};

/// A tree as gates: a userset's gate has the userset's number.
struct Reading<'a> {
    schema: &'a Schema,
    subject: Subject,
    context: Context,
    gates: Vec<Gate>,
}

impl Reading<'_> {
    fn push(&mut self, gate: Gate) -> usize {
        self.gates.push(gate);
        self.gates.len() - 1
    }

    fn fixed(&mut self, holds: bool) -> usize {
        self.push(Gate::Leaf(if holds { Judgement::True } else { Judgement::False }))
    }

    fn operand(&mut self, object: &ObjectRef, operand: &Operand) -> usize {
        match operand {
            Operand::Nil => self.fixed(false),
            Operand::SelfObject => self.fixed(self.subject == Subject::object(object.clone())),
            Operand::Computed(userset) => *userset,
            Operand::Union(operands) => {
                let operands = operands.iter().map(|operand| self.operand(object, operand)).collect();
                self.push(Gate::Any(operands))
            }
            Operand::Intersection(operands) => {
                let operands = operands.iter().map(|operand| self.operand(object, operand)).collect();
                self.push(Gate::Every(operands))
            }
            Operand::Exclusion { base, subtract } => {
                let (base, subtract) = (self.operand(object, base), self.operand(object, subtract));
                self.push(Gate::Without(base, subtract))
            }
            Operand::Direct(tuples) => {
                let tuples = tuples.iter().map(|found| self.tuple(found, true)).collect();
                self.push(Gate::Any(tuples))
            }
            Operand::Arrow { quantifier, steps, .. } => {
                let steps: Vec<usize> = steps.iter().map(|step| self.tuple(step, false)).collect();
                match quantifier {
                    Quantifier::All if !steps.is_empty() => self.push(Gate::Every(steps)),
                    Quantifier::All | Quantifier::Any => self.push(Gate::Any(steps)),
                }
            }
        }
    }

    fn tuple(&mut self, found: &ExpandedTuple, names_subject: bool) -> usize {
        let there = match found.userset {
            Some(userset) => userset,
            None => {
                let subject = found.tuple.key.subject();
                let wildcard =
                    subject.is_wildcard() && subject.object_type() == self.subject.object_type() && self.subject.relation().is_none();
                self.fixed(names_subject && (wildcard || *subject == self.subject))
            }
        };
        let Some(given) = &found.tuple.caveat else { return there };
        let judgement = match self.schema.caveats[given.name()].evaluate(given.context(), &self.context) {
            Outcome::True => Judgement::True,
            Outcome::False => Judgement::False,
            Outcome::Missing(names) => Judgement::Missing(names.iter().map(ToString::to_string).collect()),
            Outcome::Error(_) => Judgement::Error,
        };
        let leaf = self.push(Gate::Leaf(judgement));
        self.push(Gate::Every(vec![leaf, there]))
    }
}

/// What a whole tree says of a question about its root.
///
/// # Panics
/// When a part of the tree was left out, or the question cannot be read.
#[must_use]
pub fn read(schema: &Schema, expansion: &Expansion, question: &Question) -> Answer {
    let subject: Subject = question.subject.to_string().parse().expect("a subject");
    let context = context_of(&question.context);
    let gates = vec![Gate::Any(Vec::new()); expansion.usersets.len()];
    let mut reading = Reading { schema, subject, context, gates };
    for (number, userset) in expansion.usersets.iter().enumerate() {
        let itself = Subject::userset(userset.object.clone(), userset.relation.clone()).expect("a relation is not `*`") == reading.subject;
        let meaning = match &userset.rewrite {
            Some(_) if itself => reading.fixed(true),
            Some(rewrite) => reading.operand(&userset.object, rewrite),
            None => panic!("the whole tree was asked for"),
        };
        reading.gates[number] = Gate::Any(vec![meaning]);
    }
    decide_gates(&reading.gates, &[0]).remove(0)
}
