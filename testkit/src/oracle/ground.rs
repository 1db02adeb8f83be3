//! A world and a subject, written out as a ground logic program.
//!
//! Every expression at every object that the question can reach is a *gate*. Each gate becomes two atoms of the program: `low`,
//! what is certain, and `high`, what is possible. An exclusion asks the other one of what it subtracts.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::well_founded::{Literal, Rule};
use crate::model::{Expression, Judgement, Model, Object, Quantifier, Shape, Subject, Tuple};

/// One expression at one object; operands are places in a list of gates.
#[derive(Debug, Clone, PartialEq)]
pub enum Gate {
    /// At least one child.
    Any(Vec<usize>),
    /// Every child.
    Every(Vec<usize>),
    /// The first, and not the second.
    Without(usize, usize),
    /// A caveat, or a plain yes or no.
    Leaf(Judgement),
}

/// The atom for what is certain of a gate.
pub(super) const fn low(gate: usize) -> usize {
    2 * gate
}

/// The atom for what is possible of a gate.
pub(super) const fn high(gate: usize) -> usize {
    2 * gate + 1
}

pub(super) struct Program<'a> {
    model: &'a Model,
    tuples: Vec<Tuple>,
    subject: &'a Subject,
    context: &'a Map<String, Value>,
    gates: Vec<Gate>,
    atoms: BTreeMap<(Object, String), usize>,
}

impl<'a> Program<'a> {
    pub(super) const fn new(model: &'a Model, tuples: Vec<Tuple>, subject: &'a Subject, context: &'a Map<String, Value>) -> Self {
        Self { model, tuples, subject, context, gates: Vec::new(), atoms: BTreeMap::new() }
    }

    pub(super) fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// The gate of a relation or permission of an object; what the schema does not have holds for nobody.
    pub(super) fn atom(&mut self, object: &Object, relation: &str) -> usize {
        let key = (object.clone(), relation.to_owned());
        if let Some(known) = self.atoms.get(&key) {
            return *known;
        }
        let gate = self.push(Gate::Any(Vec::new()));
        self.atoms.insert(key, gate);
        let meaning = self.meaning(object, relation);
        self.gates[gate] = Gate::Any(vec![meaning]);
        gate
    }

    fn meaning(&mut self, object: &Object, relation: &str) -> usize {
        let model = self.model;
        let definition = model.definition(&object.object_type);
        let known = definition.is_some_and(|definition| definition.names().any(|name| name == relation));
        if known && self.subject.object == *object && self.subject.relation.as_deref() == Some(relation) {
            return self.fixed(true);
        }
        let permission = definition.and_then(|found| found.permissions.iter().find(|permission| permission.name == relation));
        match permission {
            Some(permission) => self.expression(object, &permission.expression),
            None => self.direct(object, relation),
        }
    }

    /// The tuples of a relation.
    fn direct(&mut self, object: &Object, relation: &str) -> usize {
        let mut members = Vec::new();
        for tuple in self.tuples_of(object, relation) {
            let named = self.named(&tuple.subject);
            members.push(self.under_caveat(&tuple, named));
        }
        self.push(Gate::Any(members))
    }

    /// Whether a tuple's subject takes the asked one in.
    fn named(&mut self, subject: &Subject) -> usize {
        match subject.shape() {
            Shape::Object => self.fixed(subject == self.subject),
            Shape::Wildcard => {
                let same_type = subject.object.object_type == self.subject.object.object_type;
                self.fixed(same_type && self.subject.relation.is_none())
            }
            Shape::Userset(relation) => self.atom(&subject.object, &relation),
        }
    }

    fn expression(&mut self, object: &Object, expression: &Expression) -> usize {
        match expression {
            Expression::Nil => self.fixed(false),
            Expression::SelfObject => self.fixed(*self.subject == Subject::object(object.clone())),
            Expression::Name(name) => self.atom(object, name),
            Expression::Union(..) | Expression::Intersection(..) => {
                let mut operands = Vec::new();
                operands_of(expression, expression, &mut operands);
                let children = operands.into_iter().map(|operand| self.expression(object, operand)).collect();
                self.push(if matches!(expression, Expression::Union(..)) { Gate::Any(children) } else { Gate::Every(children) })
            }
            Expression::Exclusion(base, subtract) => {
                let (base, subtract) = (self.expression(object, base), self.expression(object, subtract));
                self.push(Gate::Without(base, subtract))
            }
            Expression::Arrow { tupleset, target, quantifier } => self.arrow(object, tupleset, target, *quantifier),
        }
    }

    fn arrow(&mut self, object: &Object, tupleset: &str, target: &str, quantifier: Quantifier) -> usize {
        let mut found = Vec::new();
        for tuple in self.tuples_of(object, tupleset) {
            if tuple.subject.object.id != "*" {
                let there = self.atom(&tuple.subject.object, target);
                found.push(self.under_caveat(&tuple, there));
            }
        }
        match quantifier {
            Quantifier::Arrow | Quantifier::Any => self.push(Gate::Any(found)),
            Quantifier::All if found.is_empty() => self.fixed(false),
            Quantifier::All => self.push(Gate::Every(found)),
        }
    }

    fn under_caveat(&mut self, tuple: &Tuple, gate: usize) -> usize {
        let Some((caveat, stored)) = &tuple.caveat else { return gate };
        let leaf = self.push(Gate::Leaf(caveat.judge(stored, self.context)));
        self.push(Gate::Every(vec![leaf, gate]))
    }

    fn tuples_of(&self, object: &Object, relation: &str) -> Vec<Tuple> {
        self.tuples.iter().filter(|tuple| tuple.object == *object && tuple.relation == relation).cloned().collect()
    }

    fn fixed(&mut self, holds: bool) -> usize {
        self.push(Gate::Leaf(if holds { Judgement::True } else { Judgement::False }))
    }

    fn push(&mut self, gate: Gate) -> usize {
        self.gates.push(gate);
        self.gates.len() - 1
    }
}

/// The rules of the program; atoms are numbered by [`low`] and [`high`].
pub(super) fn rules(gates: &[Gate]) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (gate, meaning) in gates.iter().enumerate() {
        for side in [low, high] {
            let mut rule = |body| rules.push(Rule { head: side(gate), body });
            match meaning {
                Gate::Any(children) => children.iter().for_each(|child| rule(vec![Literal::Is(side(*child))])),
                Gate::Every(children) => rule(children.iter().map(|child| Literal::Is(side(*child))).collect()),
                Gate::Without(base, subtract) => {
                    let other = if side(*subtract) == low(*subtract) { high(*subtract) } else { low(*subtract) };
                    rule(vec![Literal::Is(side(*base)), Literal::IsNot(other)]);
                }
                Gate::Leaf(Judgement::True) => rule(Vec::new()),
                Gate::Leaf(Judgement::False) => {}
                Gate::Leaf(Judgement::Missing(_) | Judgement::Error) if side(gate) == high(gate) => rule(Vec::new()),
                Gate::Leaf(Judgement::Missing(_) | Judgement::Error) => {}
            }
        }
    }
    rules
}

/// The operands of a chain of one operator, parentheses or not.
fn operands_of<'e>(chain: &Expression, expression: &'e Expression, operands: &mut Vec<&'e Expression>) {
    match (chain, expression) {
        (Expression::Union(..), Expression::Union(left, right)) | (Expression::Intersection(..), Expression::Intersection(left, right)) => {
            operands_of(chain, left, operands);
            operands_of(chain, right, operands);
        }
        _ => operands.push(expression),
    }
}
