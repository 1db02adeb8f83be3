//! Three-valued evaluation: what a planned expression is when some of its parameters are not bound.
//!
//! A part is *known* (a value, or an error: errors are values in CEL) or *unknown*, with the parameters it waits for. Parts that
//! need all their operands are unknown as soon as one operand is. `&&` is false as soon as one side is, whatever the other; else
//! unknown if one side is, with the parameters of both; else an error if one side is. `||` likewise. `?:` with an unknown condition
//! is unknown, with the parameters of the condition and of both branches, unless the branches are the same value and the condition
//! cannot fail. A comprehension is walked element by element, its accumulator known or unknown in turn. This is CEL's own rule
//! (language definition, "Logical operators" and "Partial evaluation"), apart from this: both sides are always looked at, so what
//! is missing does not depend on their order, and neither does the error: of two, the smaller message.
//!
//! Recursion is over the plan, whose depth [`super::scan`] bounds; loops are bounded by [`super::cost`].

use std::collections::{BTreeMap, BTreeSet};

use cel_core::{Activation, EvalError, EvalErrorKind, Program, Value};

use crate::ir::Name;

use super::expression::tree::{CHILD_MARK, ROOT_MARK};

/// What a part of an expression is.
#[derive(Debug, Clone)]
pub(super) enum Walked {
    /// A value or an error.
    Known(Value),
    /// It depends on these parameters, at least one.
    Unknown(BTreeSet<Name>),
}

/// A part of a plan.
pub(super) enum Node {
    /// cel-core's to evaluate.
    Leaf(Leaf),
    /// cel-core's to evaluate, once the children are known.
    Strict(Leaf, Vec<Node>),
    Not(Box<Node>),
    And(Box<[Node; 2]>),
    Or(Box<[Node; 2]>),
    Choice(Box<Choice>),
    Loop(Box<Loop>),
}

/// A piece of expression in one program of cel-core.
pub(super) struct Leaf {
    pub(super) program: Option<Program>,
    /// The parameters it refers to.
    pub(super) parameters: BTreeSet<Name>,
    /// The names it refers to that walked comprehensions around it bind.
    pub(super) locals: BTreeSet<String>,
}

/// `condition ? branches[0] : branches[1]`.
pub(super) struct Choice {
    pub(super) condition: Node,
    /// Whether the condition cannot be an error, whatever its parameters.
    pub(super) total: bool,
    pub(super) branches: [Node; 2],
}

/// A comprehension whose body refers to parameters.
pub(super) struct Loop {
    pub(super) range: Node,
    pub(super) accumulator: String,
    pub(super) start: Node,
    /// One name: the element or key. Two: index or key, and the element.
    pub(super) variables: (String, Option<String>),
    pub(super) condition: Node,
    pub(super) step: Node,
    pub(super) result: Node,
}

/// What names mean during a walk.
struct Scope<'a> {
    parameters: &'a BTreeMap<Name, Value>,
    /// Bound by comprehensions, the innermost last.
    locals: Vec<(&'a str, Walked)>,
}

/// The scope as cel-core sees it, with the values of a strict node's children.
struct Bindings<'a> {
    scope: &'a Scope<'a>,
    children: &'a [Value],
}

impl Activation for Bindings<'_> {
    fn resolve(&self, name: &str) -> Option<Value> {
        if let Some(index) = name.strip_prefix(CHILD_MARK) {
            return self.children.get(index.parse::<usize>().ok()?).cloned();
        }
        if let Some(name) = name.strip_prefix(ROOT_MARK) {
            return self.scope.parameters.get(name).cloned();
        }
        match self.scope.local(name) {
            Some(Walked::Known(value)) => Some(value.clone()),
            Some(Walked::Unknown(_)) => None,
            None => self.scope.parameters.get(name).cloned(),
        }
    }
}

impl Scope<'_> {
    fn local(&self, name: &str) -> Option<&Walked> {
        self.locals.iter().rev().find(|(local, _)| *local == name).map(|(_, walked)| walked)
    }

    /// What a leaf waits for.
    fn missing(&self, leaf: &Leaf) -> BTreeSet<Name> {
        let mut missing: BTreeSet<Name> = leaf.parameters.iter().filter(|name| !self.parameters.contains_key(*name)).cloned().collect();
        for local in &leaf.locals {
            if let Some(Walked::Unknown(more)) = self.local(local) {
                missing.extend(more.iter().cloned());
            }
        }
        missing
    }

    fn evaluate(&self, leaf: &Leaf, children: &[Value]) -> Walked {
        Walked::Known(match &leaf.program {
            Some(program) => program.eval(&Bindings { scope: self, children }),
            None => Value::error(EvalError::internal("the expression has no program")),
        })
    }
}

impl Node {
    /// Evaluates the plan with these bindings.
    pub(super) fn walk(&self, parameters: &BTreeMap<Name, Value>) -> Walked {
        self.walk_in(&mut Scope { parameters, locals: Vec::new() })
    }

    /// All parameters that the plan refers to.
    pub(super) fn parameters(&self) -> BTreeSet<Name> {
        let mut parameters = BTreeSet::new();
        self.add_parameters(&mut parameters);
        parameters
    }

    fn add_parameters(&self, parameters: &mut BTreeSet<Name>) {
        match self {
            Self::Leaf(leaf) => parameters.extend(leaf.parameters.iter().cloned()),
            Self::Strict(leaf, children) => {
                parameters.extend(leaf.parameters.iter().cloned());
                children.iter().for_each(|child| child.add_parameters(parameters));
            }
            Self::Not(operand) => operand.add_parameters(parameters),
            Self::And(sides) | Self::Or(sides) => sides.iter().for_each(|side| side.add_parameters(parameters)),
            Self::Choice(choice) => {
                choice.condition.add_parameters(parameters);
                choice.branches.iter().for_each(|branch| branch.add_parameters(parameters));
            }
            Self::Loop(each) => {
                for part in [&each.range, &each.start, &each.condition, &each.step, &each.result] {
                    part.add_parameters(parameters);
                }
            }
        }
    }

    fn walk_in<'a>(&'a self, scope: &mut Scope<'a>) -> Walked {
        match self {
            Self::Leaf(leaf) => {
                let missing = scope.missing(leaf);
                if missing.is_empty() { scope.evaluate(leaf, &[]) } else { Walked::Unknown(missing) }
            }
            Self::Strict(leaf, children) => walk_strict(leaf, children, scope),
            Self::Not(operand) => match operand.walk_in(scope) {
                Walked::Known(Value::Bool(value)) => Walked::Known(Value::Bool(!value)),
                Walked::Known(value) => Walked::Known(as_error(value, "!")),
                unknown @ Walked::Unknown(_) => unknown,
            },
            Self::And(sides) => walk_logic(sides, false, "&&", scope),
            Self::Or(sides) => walk_logic(sides, true, "||", scope),
            Self::Choice(choice) => walk_choice(choice, scope),
            Self::Loop(each) => walk_loop(each, scope),
        }
    }
}

fn walk_strict<'a>(leaf: &Leaf, children: &'a [Node], scope: &mut Scope<'a>) -> Walked {
    let mut missing = scope.missing(leaf);
    let mut values = Vec::with_capacity(children.len());
    for child in children {
        match child.walk_in(scope) {
            Walked::Known(value) => values.push(value),
            Walked::Unknown(more) => missing.extend(more),
        }
    }
    if missing.is_empty() { scope.evaluate(leaf, &values) } else { Walked::Unknown(missing) }
}

/// `&&` where `decisive` is false, `||` where it is true.
fn walk_logic<'a>(sides: &'a [Node; 2], decisive: bool, operator: &'static str, scope: &mut Scope<'a>) -> Walked {
    let [left, right] = sides;
    let left = left.walk_in(scope);
    if is_bool(&left, decisive) {
        return left;
    }
    let right = right.walk_in(scope);
    if is_bool(&right, decisive) {
        return right;
    }
    match (left, right) {
        (Walked::Unknown(mut left), Walked::Unknown(right)) => {
            left.extend(right);
            Walked::Unknown(left)
        }
        (unknown @ Walked::Unknown(_), Walked::Known(_)) | (Walked::Known(_), unknown @ Walked::Unknown(_)) => unknown,
        (Walked::Known(Value::Bool(_)), Walked::Known(Value::Bool(value))) => Walked::Known(Value::Bool(value)),
        (Walked::Known(Value::Bool(_)), Walked::Known(value)) | (Walked::Known(value), Walked::Known(Value::Bool(_))) => {
            Walked::Known(as_error(value, operator))
        }
        (Walked::Known(left), Walked::Known(right)) => Walked::Known(lesser(as_error(left, operator), as_error(right, operator))),
    }
}

fn is_bool(walked: &Walked, expected: bool) -> bool {
    matches!(walked, Walked::Known(Value::Bool(value)) if *value == expected)
}

fn walk_choice<'a>(choice: &'a Choice, scope: &mut Scope<'a>) -> Walked {
    let [then, otherwise] = &choice.branches;
    let mut missing = match choice.condition.walk_in(scope) {
        Walked::Known(Value::Bool(true)) => return then.walk_in(scope),
        Walked::Known(Value::Bool(false)) => return otherwise.walk_in(scope),
        Walked::Known(value) => return Walked::Known(as_error(value, "?:")),
        Walked::Unknown(missing) => missing,
    };
    match (then.walk_in(scope), otherwise.walk_in(scope)) {
        (Walked::Known(one), Walked::Known(other)) if choice.total && same(&one, &other) => return Walked::Known(one),
        (one, other) => {
            for branch in [one, other] {
                if let Walked::Unknown(more) = branch {
                    missing.extend(more);
                }
            }
        }
    }
    Walked::Unknown(missing)
}

fn walk_loop<'a>(each: &'a Loop, scope: &mut Scope<'a>) -> Walked {
    let (first, second) = &each.variables;
    let elements: Vec<(Value, Value)> = match each.range.walk_in(scope) {
        Walked::Known(Value::List(items)) if second.is_some() => {
            let index = |index| Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
            items.iter().enumerate().map(|(at, item)| (index(at), item.clone())).collect()
        }
        Walked::Known(Value::List(items)) => items.iter().map(|item| (item.clone(), Value::Null)).collect(),
        Walked::Known(Value::Map(entries)) => entries.iter().map(|(key, item)| (key.to_value(), item.clone())).collect(),
        Walked::Known(value) => return Walked::Known(as_error(value, "a comprehension")),
        Walked::Unknown(mut missing) => {
            // How many elements there will be is open, so whatever the body waits for may matter.
            for part in [&each.condition, &each.step, &each.result] {
                missing.extend(part.parameters().into_iter().filter(|name| !scope.parameters.contains_key(name)));
            }
            return Walked::Unknown(missing);
        }
    };
    let mut accumulator = each.start.walk_in(scope);
    let outer = scope.locals.len();
    for (one, two) in elements {
        scope.locals.push((&each.accumulator, accumulator.clone()));
        scope.locals.push((first, Walked::Known(one)));
        if let Some(second) = second {
            scope.locals.push((second, Walked::Known(two)));
        }
        let goes_on = !is_bool(&each.condition.walk_in(scope), false);
        if goes_on {
            accumulator = each.step.walk_in(scope);
        }
        scope.locals.truncate(outer);
        if !goes_on {
            break;
        }
    }
    scope.locals.push((&each.accumulator, accumulator));
    let result = each.result.walk_in(scope);
    scope.locals.truncate(outer);
    result
}

/// The error, or one for a value that the operator does not take.
fn as_error(value: Value, operator: &str) -> Value {
    if value.is_error() {
        return value;
    }
    let message = format!("`{operator}` does not take {}", value.cel_type().display_name());
    Value::error(EvalError::new(EvalErrorKind::NoMatchingOverload, message))
}

fn lesser(left: Value, right: Value) -> Value {
    match (&left, &right) {
        (Value::Error(one), Value::Error(other)) if other.message < one.message => right,
        _ => left,
    }
}

/// Whether two branches are one: only for plain values, whose equality says all.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one == other,
        (Value::Int(one), Value::Int(other)) => one == other,
        (Value::UInt(one), Value::UInt(other)) => one == other,
        (Value::String(one), Value::String(other)) => one == other,
        (Value::Null, Value::Null) => true,
        _ => false,
    }
}
