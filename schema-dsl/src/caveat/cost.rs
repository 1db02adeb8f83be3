//! What an evaluation could cost at most, from the expression and the sizes of the values at hand.
//!
//! cel-core evaluates without a limit, and `a.all(x, b.all(y, …))` over long lists would run for minutes. So before an evaluation
//! the worst case is added up: a unit is about the work of a simple operation (some 30 ns), a comprehension costs its body for each
//! element its range can have, and copying, comparing and searching cost by size. Sizes are upper bounds ([`Shape`]): of a value at
//! hand the exact one, of a list its longest element, of a sum both operands. All branches count, also those that a particular
//! evaluation would skip: the estimate must not depend on the order of operands. An unbound parameter costs nothing, since what
//! hangs on it is not evaluated. (cel-go estimates costs the same way, in its checker.)
//!
//! Additions saturate; the estimate itself takes time linear in expression and values.
#![expect(clippy::wildcard_enum_match_arm, reason = "kinds of expressions and values that are not named cost alike")]

use std::collections::BTreeMap;

use cel_core::{BinaryOp, ComprehensionData, Expr, MapKey, SpannedExpr, Value};

use crate::ir::Name;

use super::expression::tree::{self, ROOT_MARK};

/// The highest estimate that is still evaluated: below ten milliseconds.
pub const COST_LIMIT: u64 = 200_000;

/// Bytes that are copied, compared or searched for one unit.
const BYTES_PER_UNIT: u64 = 32;

/// Weight of a value beside its text or elements.
const OVERHEAD_BYTES: u64 = 16;

/// The text of a number, time or bool has at most so many bytes (the longest is a small double's).
const SCALAR_TEXT_BYTES: u64 = 350;

/// An iteration beside its body: a scope, the accumulator, the variables.
const ITERATION: u64 = 5;

/// A call beside its arguments.
const CALL: u64 = 3;

/// Finding a time zone by name.
const ZONE: u64 = 10;

/// Compiling a pattern: a floor, and so much for each byte of its text.
const PATTERN: u64 = 100;
const PATTERN_PER_BYTE: u64 = 20;

/// Bytes of text that a pattern of a few states is matched against for one unit, the pattern's bytes multiplied in.
const MATCHED_PER_UNIT: u64 = 64;

/// An upper bound of a value's size.
#[derive(Debug, Clone, Default)]
struct Shape {
    /// Bytes, all content included.
    bytes: u64,
    /// Elements of a list, entries of a map.
    len: u64,
    /// Bounds each element of a list, each value of a map.
    item: Option<Box<Shape>>,
    /// Bytes of the longest key of a map; 0 for a list.
    key_bytes: u64,
}

impl Shape {
    fn scalar() -> Self {
        Self::text(0)
    }

    fn text(bytes: u64) -> Self {
        Self { bytes: bytes.saturating_add(OVERHEAD_BYTES), ..Self::default() }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::String(text) => Self::text(size(text.len())),
            Value::Bytes(bytes) => Self::text(size(bytes.len())),
            Value::List(items) => Self::collection(items.iter().map(|item| (0, Self::of(item)))),
            Value::Map(entries) => {
                let key_bytes = |key: &MapKey| if let MapKey::String(text) = key { size(text.len()) } else { 0 };
                Self::collection(entries.iter().map(|(key, item)| (key_bytes(key) + OVERHEAD_BYTES, Self::of(item))))
            }
            _ => Self::scalar(),
        }
    }

    /// A list or map of these elements, with the bytes of their keys.
    fn collection(elements: impl Iterator<Item = (u64, Self)>) -> Self {
        let mut whole = Self::scalar();
        for (key_bytes, item) in elements {
            whole.len += 1;
            whole.bytes = whole.bytes.saturating_add(key_bytes).saturating_add(item.bytes);
            whole.key_bytes = whole.key_bytes.max(key_bytes);
            whole.item = Some(Box::new(match whole.item {
                Some(so_far) => so_far.join(&item),
                None => item,
            }));
        }
        whole
    }

    /// The bound of either.
    fn join(mut self, other: &Self) -> Self {
        self.bytes = self.bytes.max(other.bytes);
        self.len = self.len.max(other.len);
        self.key_bytes = self.key_bytes.max(other.key_bytes);
        self.item = match (self.item, &other.item) {
            (Some(one), Some(other)) => Some(Box::new(one.join(other))),
            (None, other) => other.clone(),
            (one, None) => one,
        };
        self
    }

    /// The bound of one after the other.
    fn concatenate(self, other: &Self) -> Self {
        let (bytes, len) = (self.bytes.saturating_add(other.bytes), self.len.saturating_add(other.len));
        Self { bytes, len, ..self.join(other) }
    }

    /// The bound of an element of a list or a value of a map; of something else, its own.
    fn item(&self) -> Self {
        self.item.as_deref().cloned().unwrap_or_else(|| Self { bytes: self.bytes, ..Self::default() })
    }

    /// Units for going over all of it once.
    const fn pass(&self) -> u64 {
        self.bytes / BYTES_PER_UNIT
    }
}

fn size(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// An upper bound of the cost of evaluating an expression, in units.
pub(super) fn estimate(expr: &SpannedExpr, bindings: &BTreeMap<Name, Value>) -> u64 {
    let mut estimate = Estimate { bindings, shapes: BTreeMap::new(), locals: Vec::new(), cost: 0 };
    estimate.visit(expr);
    // Every value at hand was converted to its type and copied, whatever the expression does with it.
    for value in bindings.values() {
        estimate.add(Shape::of(value).pass());
    }
    estimate.cost
}

struct Estimate<'a> {
    bindings: &'a BTreeMap<Name, Value>,
    /// Of the bindings that were met.
    shapes: BTreeMap<&'a str, Shape>,
    locals: Vec<(&'a str, Shape)>,
    cost: u64,
}

impl<'a> Estimate<'a> {
    fn add(&mut self, units: u64) {
        self.cost = self.cost.saturating_add(units);
    }

    /// Adds the cost of an expression and returns the bound of its value.
    fn visit(&mut self, expr: &'a SpannedExpr) -> Shape {
        self.add(1);
        match &expr.node {
            Expr::String(text) => self.literal(text.len()),
            Expr::Bytes(bytes) => self.literal(bytes.len()),
            Expr::Ident(name) => self.name(name),
            Expr::List(items) => {
                let items: Vec<_> = items.iter().map(|item| (0, self.visit(&item.expr))).collect();
                Shape::collection(items.into_iter())
            }
            Expr::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|entry| (self.visit(&entry.key).bytes, self.visit(&entry.value))).collect();
                Shape::collection(entries.into_iter())
            }
            Expr::Binary { op, left, right } => {
                let (left, right) = (self.visit(left), self.visit(right));
                self.binary(*op, left, &right)
            }
            Expr::Ternary { cond, then_expr, else_expr } => {
                self.visit(cond);
                let then = self.visit(then_expr);
                then.join(&self.visit(else_expr))
            }
            Expr::Member { expr, .. } => self.visit(expr).item(),
            Expr::Call { expr: callee, .. } => {
                let shapes: Vec<Shape> = tree::children(expr).into_iter().map(|child| self.visit(child)).collect();
                self.call(tree::function(callee).unwrap_or_default(), &shapes)
            }
            Expr::Comprehension(each) => self.comprehension(each),
            _ => {
                tree::children(expr).into_iter().for_each(|child| drop(self.visit(child)));
                Shape::scalar()
            }
        }
    }

    fn literal(&mut self, len: usize) -> Shape {
        let shape = Shape::text(size(len));
        self.add(shape.pass());
        shape
    }

    fn name(&mut self, name: &'a str) -> Shape {
        if let Some((_, shape)) = self.locals.iter().rev().find(|(local, _)| *local == name) {
            return shape.clone();
        }
        let name = name.strip_prefix(ROOT_MARK).unwrap_or(name);
        match self.bindings.get(name) {
            Some(value) => self.shapes.entry(name).or_insert_with(|| Shape::of(value)).clone(),
            None => Shape::scalar(),
        }
    }

    fn binary(&mut self, op: BinaryOp, left: Shape, right: &Shape) -> Shape {
        match op {
            BinaryOp::Add => {
                let sum = left.concatenate(right);
                self.add(sum.pass());
                return sum;
            }
            BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
                self.add(left.bytes.min(right.bytes) / BYTES_PER_UNIT);
            }
            BinaryOp::In => self.add(right.pass().saturating_add(left.pass())),
            BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::And | BinaryOp::Or => {}
        }
        Shape::scalar()
    }

    fn call(&mut self, function: &str, arguments: &[Shape]) -> Shape {
        let bytes = arguments.iter().fold(0u64, |sum, argument| sum.saturating_add(argument.bytes));
        self.add(CALL.saturating_add(bytes / BYTES_PER_UNIT));
        let first = arguments.first();
        match function {
            super::library::INDEX | "dyn" => first.map(|of| if function == "dyn" { of.clone() } else { of.item() }).unwrap_or_default(),
            "string" | "bytes" => Shape::text(first.map_or(0, |of| of.bytes).max(SCALAR_TEXT_BYTES)),
            "matches" => {
                let pattern = arguments.last().map_or(0, |pattern| pattern.bytes);
                let text = first.map_or(0, |text| text.bytes);
                self.add(PATTERN.saturating_add(pattern.saturating_mul(PATTERN_PER_BYTE)));
                self.add(text.saturating_mul(pattern) / MATCHED_PER_UNIT);
                Shape::scalar()
            }
            _ => {
                if function.starts_with("get") && arguments.len() > 1 {
                    self.add(ZONE);
                }
                Shape::scalar()
            }
        }
    }

    /// A comprehension: what macros expand to. Its accumulator is a scalar, or a list or map that grows by one element at most with
    /// each step; no expression can refer to it, so one look at a step tells by how much.
    fn comprehension(&mut self, each: &'a ComprehensionData) -> Shape {
        let range = self.visit(&each.iter_range);
        let start = self.visit(&each.accu_init);
        let before = self.cost;
        let outer = self.locals.len();
        self.locals.push((&each.accu_var, start.clone()));
        self.locals.push((&each.iter_var, if range.key_bytes > 0 { Shape::text(range.key_bytes) } else { range.item() }));
        self.locals.push((&each.iter_var2, range.item()));
        self.visit(&each.loop_condition);
        let step = self.visit(&each.loop_step);
        self.locals.truncate(outer);
        let body = self.cost.saturating_sub(before).saturating_add(ITERATION);
        self.cost = before.saturating_add(body.saturating_mul(range.len));

        let growth = step.bytes.saturating_sub(start.bytes).saturating_mul(range.len);
        let end = Shape {
            bytes: start.bytes.saturating_add(growth),
            len: start.len.saturating_add(step.len.saturating_sub(start.len).saturating_mul(range.len)),
            ..step
        };
        // Each step copies what has gathered so far: on average half of it.
        self.add(end.pass().saturating_mul(range.len) / 2);
        self.locals.push((&each.accu_var, end));
        let result = self.visit(&each.result);
        self.locals.truncate(outer);
        result
    }
}
