//! The plan of an expression: which parts are cel-core's to evaluate in one piece, and which the three-valued walk takes apart.
//!
//! Each node of the syntax tree ends up in exactly one program, so a plan is as large as the expression: where a part that is
//! walked stands inside one that is not, an identifier takes its place there, and the walk supplies its value.
#![expect(clippy::wildcard_enum_match_arm, reason = "kinds of expressions that are not named are planned alike")]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cel_core::{Ast, BinaryOp, CelType, CheckResult, ComprehensionData, Env, Expr, SpannedExpr, UnaryOp};

use crate::caveat::scan::ACCUMULATOR;
use crate::caveat::walk::{Choice, Leaf, Loop, Node};
use crate::ir::Name;

use super::tree::{self, CHILD_MARK, ROOT_MARK};

pub(super) struct Planner<'a> {
    env: &'a Env,
    checked: &'a CheckResult,
    variables: &'a BTreeMap<String, CelType>,
    /// The names that comprehensions around the current expression bind.
    locals: Vec<String>,
}

/// What an expression refers to.
#[derive(Default)]
struct Free {
    parameters: BTreeSet<Name>,
    locals: BTreeSet<String>,
}

impl<'a> Planner<'a> {
    pub(super) const fn new(env: &'a Env, checked: &'a CheckResult, variables: &'a BTreeMap<String, CelType>) -> Self {
        Self { env, checked, variables, locals: Vec::new() }
    }

    /// The plan of a rewritten expression.
    pub(super) fn plan(&mut self, expr: &SpannedExpr) -> Node {
        if self.free(expr).parameters.is_empty() && !self.uses_accumulator(expr) {
            return Node::Leaf(self.leaf(expr.clone()));
        }
        match &expr.node {
            Expr::Unary { op: UnaryOp::Not, expr } => Node::Not(Box::new(self.plan(expr))),
            Expr::Binary { op: BinaryOp::And, left, right } => Node::And(Box::new([self.plan(left), self.plan(right)])),
            Expr::Binary { op: BinaryOp::Or, left, right } => Node::Or(Box::new([self.plan(left), self.plan(right)])),
            Expr::Ternary { cond, then_expr, else_expr } => Node::Choice(Box::new(Choice {
                total: self.is_total(cond),
                condition: self.plan(cond),
                branches: [self.plan(then_expr), self.plan(else_expr)],
            })),
            Expr::Comprehension(each) if self.body_has_parameters(each) => self.plan_loop(each),
            Expr::Comprehension(each) => self.plan_strict(expr, &[each.iter_range.id]),
            _ if self.is_qualified(expr) => Node::Leaf(self.leaf(expr.clone())),
            _ => {
                let children: Vec<i64> = tree::children(expr).iter().map(|child| child.id).collect();
                self.plan_strict(expr, &children)
            }
        }
    }

    /// An expression that needs the values of all its children: those of `ids` that must be walked become identifiers.
    fn plan_strict(&mut self, expr: &SpannedExpr, ids: &[i64]) -> Node {
        let mut children = Vec::new();
        let inner = tree::map_children(expr.clone(), &mut |child| {
            // Synthetic nodes share the id 0 and are never walked.
            if child.id == 0 || !ids.contains(&child.id) {
                return child;
            }
            match self.plan(&child) {
                Node::Leaf(_) => child,
                walked => {
                    let name = format!("{CHILD_MARK}{}", children.len());
                    children.push(walked);
                    SpannedExpr { id: 0, node: Expr::Ident(name), span: child.span }
                }
            }
        });
        let leaf = self.leaf(inner);
        if children.is_empty() { Node::Leaf(leaf) } else { Node::Strict(leaf, children) }
    }

    fn plan_loop(&mut self, each: &ComprehensionData) -> Node {
        let range = self.plan(&each.iter_range);
        let start = self.plan(&each.accu_init);
        let outer = self.locals.len();
        self.locals.push(each.accu_var.clone());
        let result = self.plan(&each.result);
        self.locals.extend([&each.iter_var, &each.iter_var2].into_iter().filter(|name| !name.is_empty()).cloned());
        let condition = self.plan(&each.loop_condition);
        let step = self.plan(&each.loop_step);
        self.locals.truncate(outer);
        let variables = (each.iter_var.clone(), Some(each.iter_var2.clone()).filter(|name| !name.is_empty()));
        Node::Loop(Box::new(Loop { range, accumulator: each.accu_var.clone(), start, variables, condition, step, result }))
    }

    fn leaf(&self, expr: SpannedExpr) -> Leaf {
        let Free { parameters, locals } = self.free(&expr);
        let mut reference_map = HashMap::new();
        self.keep_qualified(&expr, &mut reference_map);
        let types = CheckResult { type_map: HashMap::new(), reference_map, errors: Vec::new() };
        // Each program keeps a table of the functions of its environment: only those it calls are put there.
        let mut env = Env::new();
        self.add_called(&expr, &mut env);
        let program = env.program(&Ast::new_checked(expr, "", types)).ok();
        Leaf { program, parameters, locals }
    }

    fn add_called(&self, expr: &SpannedExpr, env: &mut Env) {
        if let Expr::Call { expr: callee, .. } = &expr.node
            && let Some(declaration) = tree::function(callee).and_then(|name| self.env.functions().get(name))
            && !env.functions().contains_key(&declaration.name)
        {
            env.add_function(declaration.clone());
        }
        for child in tree::children(expr) {
            self.add_called(child, env);
        }
    }

    /// The references that evaluation needs: of selections that are really one dotted name.
    fn keep_qualified(&self, expr: &SpannedExpr, kept: &mut HashMap<i64, cel_core::ReferenceInfo>) {
        if self.is_qualified(expr)
            && let Some(reference) = self.checked.get_reference(expr.id)
        {
            kept.insert(expr.id, reference.clone());
        }
        for child in tree::children(expr) {
            self.keep_qualified(child, kept);
        }
    }

    /// Whether a selection is a variable with dots in its name.
    fn is_qualified(&self, expr: &SpannedExpr) -> bool {
        matches!(expr.node, Expr::Member { .. })
            && self.checked.get_reference(expr.id).is_some_and(|reference| self.variables.contains_key(&reference.name))
    }

    fn free(&self, expr: &SpannedExpr) -> Free {
        let mut free = Free::default();
        let mut inner = Vec::new();
        self.collect(expr, &mut inner, &mut free);
        free
    }

    /// `inner`: names bound between the expression that was asked for and this one.
    fn collect<'e>(&self, expr: &'e SpannedExpr, inner: &mut Vec<&'e str>, free: &mut Free) {
        match &expr.node {
            Expr::Ident(name) if inner.contains(&name.as_str()) => {}
            Expr::Ident(name) if self.locals.contains(name) => {
                free.locals.insert(name.clone());
            }
            Expr::Ident(name) => {
                let name = name.strip_prefix(ROOT_MARK).unwrap_or(name);
                if self.variables.contains_key(name) {
                    free.parameters.insert(Name::from(name));
                }
            }
            Expr::Member { .. } if self.is_qualified(expr) => {
                let name = self.checked.get_reference(expr.id).map(|reference| Name::from(reference.name.as_str()));
                free.parameters.extend(name);
            }
            Expr::Comprehension(each) => {
                self.collect(&each.iter_range, inner, free);
                self.collect(&each.accu_init, inner, free);
                let outer = inner.len();
                inner.push(&each.accu_var);
                self.collect(&each.result, inner, free);
                inner.extend([each.iter_var.as_str(), each.iter_var2.as_str()]);
                self.collect(&each.loop_condition, inner, free);
                self.collect(&each.loop_step, inner, free);
                inner.truncate(outer);
            }
            _ => {
                for child in tree::children(expr) {
                    self.collect(child, inner, free);
                }
            }
        }
    }

    /// Whether what a comprehension does to each element depends on a parameter, so that some elements may decide and others not.
    fn body_has_parameters(&mut self, each: &ComprehensionData) -> bool {
        let outer = self.locals.len();
        self.locals.extend([&each.accu_var, &each.iter_var, &each.iter_var2].into_iter().cloned());
        let body = [&each.loop_condition, &each.loop_step, &each.result];
        let has = body.into_iter().any(|part| !self.free(part).parameters.is_empty());
        self.locals.truncate(outer);
        has
    }

    /// Whether the value of an expression hangs on an accumulator of a walked comprehension, the one local that can be unknown.
    fn uses_accumulator(&self, expr: &SpannedExpr) -> bool {
        self.free(expr).locals.contains(ACCUMULATOR)
    }

    /// Whether an expression has a value whatever its parameters are: only comparisons and logic of values with known types.
    fn is_total(&self, expr: &SpannedExpr) -> bool {
        let known = |expr: &SpannedExpr| !matches!(self.checked.get_type(expr.id), None | Some(CelType::Dyn | CelType::Error));
        let children = tree::children(expr);
        known(expr)
            && children.iter().all(|child| known(child) && self.is_total(child))
            && match &expr.node {
                Expr::Null
                | Expr::Bool(_)
                | Expr::Int(_)
                | Expr::UInt(_)
                | Expr::Float(_)
                | Expr::String(_)
                | Expr::Bytes(_)
                | Expr::Ident(_)
                | Expr::List(_)
                | Expr::Unary { op: UnaryOp::Not, .. }
                | Expr::Ternary { .. } => true,
                Expr::Binary { op, .. } => !matches!(op, BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod),
                Expr::Call { expr: callee, .. } => {
                    matches!(tree::function(callee), Some("size" | "contains" | "startsWith" | "endsWith"))
                }
                _ => false,
            }
    }
}
