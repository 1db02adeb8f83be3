//! From text to something that can be evaluated: scan, parse, check, and the plan that [`super::walk`] follows.
//!
//! All issues of one stage are reported together, and the checks that need no types run beside the type checker. Knows CEL, not
//! caveats: the result may be of any type here.
#![expect(clippy::wildcard_enum_match_arm, reason = "kinds of expressions that are not named are fine as they are")]

#[cfg(test)]
use std::collections::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use cel_core::parser::{ParseError, parse_with_options};
use cel_core::{CelType, CheckError, CheckErrorKind, CheckResult, Env, Expr, SpannedExpr, Value};

use crate::ir::Name;

use super::error::{CaveatIssue, codes};
use super::library::{self, Patterns, address::Cidr, pattern};
use super::walk::{Node, Walked};
use super::{cost, nearest, scan};
use crate::value::time;

mod plan;
mod strict;
pub(super) mod tree;

/// A compiled expression.
pub(super) struct Expression {
    root: Node,
    /// The whole tree, for the cost estimate.
    tree: SpannedExpr,
    references: BTreeSet<Name>,
    result: CelType,
}

impl Expression {
    /// Compiles an expression over these variables.
    pub(super) fn compile(text: &str, variables: &BTreeMap<String, CelType>) -> Result<Self, Vec<CaveatIssue>> {
        let tree = parse(text).map_err(sorted)?;
        let mut issues = Vec::new();
        let mut patterns = Patterns::new();
        inspect(&tree, &mut patterns, &mut issues);
        let env = library::environment(variables, patterns);
        let checked = env.check(&tree);
        let about = About { text, tree: &tree, variables, env: &env };
        issues.extend(checked.errors.iter().map(|error| about.issue(error)));
        strict::check(&tree, &checked, &mut issues);
        if issues.is_empty() { Ok(Self::plan(tree, &env, &checked, variables)) } else { Err(sorted(issues)) }
    }

    /// Compiles as a conformance case asks: some leave the type checker out.
    #[cfg(test)]
    pub(super) fn compile_for_tests(text: &str, variables: &BTreeMap<String, CelType>, checked: bool) -> Result<Self, Vec<CaveatIssue>> {
        if checked {
            return Self::compile(text, variables);
        }
        let tree = parse(text).map_err(sorted)?;
        let (mut patterns, mut issues) = (Patterns::new(), Vec::new());
        inspect(&tree, &mut patterns, &mut issues);
        let unchecked = CheckResult { type_map: HashMap::new(), reference_map: HashMap::new(), errors: Vec::new() };
        let env = library::environment(variables, patterns);
        if issues.is_empty() { Ok(Self::plan(tree, &env, &unchecked, variables)) } else { Err(sorted(issues)) }
    }

    fn plan(tree: SpannedExpr, env: &Env, checked: &CheckResult, variables: &BTreeMap<String, CelType>) -> Self {
        let result = checked.get_type(tree.id).cloned().unwrap_or(CelType::Dyn);
        let tree = tree::rewrite(tree);
        let root = plan::Planner::new(env, checked, variables).plan(&tree);
        let references = root.parameters();
        Self { root, tree, references, result }
    }

    /// The variables that can matter.
    pub(super) const fn references(&self) -> &BTreeSet<Name> {
        &self.references
    }

    /// The issue with a result that is no bool.
    pub(super) fn not_bool(&self, text: &str) -> Option<CaveatIssue> {
        if self.result == CelType::Bool {
            return None;
        }
        let message = format!("the expression is {}, not bool", type_name(&self.result));
        let help = if self.result == CelType::Dyn { "compare it, such as `… == true`" } else { "a caveat either holds or not" };
        Some(CaveatIssue::new(codes::NOT_BOOL, 0..text.len(), message).help(help))
    }

    /// An upper bound of what evaluating with these bindings costs, in units of about a simple operation.
    pub(super) fn cost(&self, bindings: &BTreeMap<Name, Value>) -> u64 {
        cost::estimate(&self.tree, bindings)
    }

    pub(super) fn evaluate(&self, bindings: &BTreeMap<Name, Value>) -> Walked {
        self.root.walk(bindings)
    }
}

fn sorted(mut issues: Vec<CaveatIssue>) -> Vec<CaveatIssue> {
    issues.sort_by_key(|issue| (issue.range.start, issue.range.end));
    issues.dedup();
    issues
}

fn parse(text: &str) -> Result<SpannedExpr, Vec<CaveatIssue>> {
    scan::scan(text).map_err(|issue| vec![issue])?;
    let parsed = parse_with_options(text, library::parse_options());
    if !parsed.errors.is_empty() {
        return Err(parsed.errors.iter().map(|error| syntax_issue(error, text)).collect());
    }
    parsed.ast.ok_or_else(|| vec![CaveatIssue::new(codes::SYNTAX, 0..text.len(), "the expression cannot be read")])
}

/// cel-core's message, without the names of its Rust types and with the text that is really there.
fn syntax_issue(error: &ParseError, text: &str) -> CaveatIssue {
    let range = within(&error.span, text);
    let found = match text.get(range.clone()) {
        Some(found) if !found.is_empty() => format!("`{found}`"),
        _ => "the end".to_owned(),
    };
    let message = match error.message.split_once(", found ") {
        Some((expected, _)) => format!("{}, found {found}", expected.replace('\'', "`")),
        None if error.message.starts_with("unexpected") => format!("unexpected {}", found.replace("the end", "end of the expression")),
        None => error.message.replace('\'', "`"),
    };
    CaveatIssue::new(codes::SYNTAX, range, message)
}

fn within(span: &Range<usize>, text: &str) -> Range<usize> {
    span.start.min(text.len())..span.end.min(text.len())
}

/// Finds what caveats do not have, and literals that mean nothing where they stand; compiles literal patterns.
fn inspect(expr: &SpannedExpr, patterns: &mut Patterns, issues: &mut Vec<CaveatIssue>) {
    let unsupported = match &expr.node {
        Expr::Struct { .. } => Some("caveats cannot build messages"),
        Expr::Member { optional: true, .. } | Expr::Index { optional: true, .. } => Some("caveats have no optional values"),
        Expr::List(items) if items.iter().any(|item| item.optional) => Some("caveats have no optional values"),
        Expr::Map(entries) if entries.iter().any(|entry| entry.optional) => Some("caveats have no optional values"),
        Expr::Bind { .. } => Some("caveats have no `cel.bind`"),
        Expr::Error => Some("this cannot be read"),
        _ => None,
    };
    issues.extend(unsupported.map(|message| CaveatIssue::new(codes::UNSUPPORTED, expr.span.clone(), message)));
    if let Expr::Call { expr: callee, args } = &expr.node {
        inspect_literal(callee, args, patterns, issues);
    }
    for child in tree::children(expr) {
        inspect(child, patterns, issues);
    }
}

fn inspect_literal(callee: &SpannedExpr, args: &[SpannedExpr], patterns: &mut Patterns, issues: &mut Vec<CaveatIssue>) {
    let (Some(function), Some(SpannedExpr { node: Expr::String(literal), span, .. })) = (tree::function(callee), args.last()) else {
        return;
    };
    let message = match function {
        "matches" => match pattern::compile(literal) {
            Ok(compiled) => {
                patterns.insert(literal.clone(), compiled);
                return;
            }
            Err(why) => return issues.push(CaveatIssue::new(codes::PATTERN, span.clone(), why)),
        },
        "in_cidr" if Cidr::parse(literal).is_none() => "`in_cidr` needs a range such as `10.0.0.0/8`",
        "duration" if time::parse_duration(literal).is_none() => "`duration` needs text such as `1h30m`",
        "timestamp" if time::parse_timestamp(literal).is_none() => "`timestamp` needs an RFC 3339 time such as `2024-01-31T12:00:00Z`",
        _ => return,
    };
    issues.push(CaveatIssue::new(codes::LITERAL, span.clone(), message));
}

/// What an issue needs to know to be helpful.
struct About<'a> {
    text: &'a str,
    tree: &'a SpannedExpr,
    variables: &'a BTreeMap<String, CelType>,
    env: &'a Env,
}

impl About<'_> {
    fn issue(&self, error: &CheckError) -> CaveatIssue {
        let range = within(&error.span, self.text);
        match &error.kind {
            CheckErrorKind::UndeclaredReference { name, .. } => self.undeclared(name, error.expr_id, range),
            CheckErrorKind::NoMatchingOverload { function, arg_types } => operands(function, arg_types, range),
            CheckErrorKind::TypeMismatch { expected, actual } => {
                CaveatIssue::new(codes::TYPE, range, format!("expected {}, found {}", type_name(expected), type_name(actual)))
            }
            CheckErrorKind::NotAssignable { from, to } => {
                CaveatIssue::new(codes::TYPE, range, format!("expected {}, found {}", type_name(to), type_name(from)))
            }
            CheckErrorKind::UndefinedField { type_name, field } => {
                CaveatIssue::new(codes::FIELD, range, format!("{type_name} has no field `{field}`"))
            }
            CheckErrorKind::HeterogeneousAggregate { .. } => CaveatIssue::new(codes::TYPE, range, "the elements are of different types"),
            CheckErrorKind::NotAType { expr } => CaveatIssue::new(codes::TYPE, range, format!("`{expr}` is no type")),
            CheckErrorKind::Other(message) => CaveatIssue::new(codes::ARGUMENTS, range, message.replace('\'', "`")),
        }
    }

    fn undeclared(&self, name: &str, id: i64, range: Range<usize>) -> CaveatIssue {
        let called = tree::find(self.tree, id).and_then(|found| match &found.node {
            Expr::Call { expr: callee, .. } => Some(callee),
            _ => None,
        });
        let Some(callee) = called else {
            let issue = CaveatIssue::new(codes::UNKNOWN_NAME, range, format!("unknown parameter `{name}`"));
            return match nearest(name, self.variables.keys().map(String::as_str)) {
                Some(similar) => issue.help(format!("did you mean `{similar}`?")),
                None => issue.help("declare it in the parentheses after the caveat's name"),
            };
        };
        let end = callee.span.end.min(self.text.len());
        let issue = CaveatIssue::new(codes::UNKNOWN_FUNCTION, end.saturating_sub(name.len())..end, format!("unknown function `{name}`"));
        match nearest(name, library::function_names(self.env)) {
            Some(similar) => issue.help(format!("did you mean `{similar}`?")),
            None => issue,
        }
    }
}

fn operands(function: &str, types: &[CelType], range: Range<usize>) -> CaveatIssue {
    let names: Vec<String> = types.iter().map(type_name).collect();
    let operator = function.trim_matches('_').trim_start_matches('@');
    let message = match (function, names.as_slice()) {
        ("_[_]", [of, at]) => format!("{of} cannot be indexed with {at}"),
        ("_?_:_", [_, one, other]) => format!("the branches of `?:` are {one} and {other}"),
        (_, [operand]) if function.ends_with('_') => format!("`{operator}` cannot be applied to {operand}"),
        (_, [left, right]) if function.starts_with('_') || function == "@in" => {
            format!("`{operator}` cannot be applied to {left} and {right}")
        }
        _ => format!("`{function}` cannot be applied to ({})", names.join(", ")),
    };
    let issue = CaveatIssue::new(codes::OPERANDS, range, message);
    match function {
        "in_cidr" => issue.help("`in_cidr` is a method of ipaddress and takes text such as `\"10.0.0.0/8\"`"),
        "_+_" | "_-_" | "_*_" | "_/_" => issue.help("CEL does not mix int, uint and double; convert with `int()`, `uint()` or `double()`"),
        _ => issue,
    }
}

/// The schema language's word for a type.
fn type_name(cel_type: &CelType) -> String {
    match cel_type {
        CelType::Dyn => "any".to_owned(),
        CelType::List(item) => format!("list<{}>", type_name(item)),
        CelType::Map(key, item) if **key == CelType::String => format!("map<{}>", type_name(item)),
        other => other.display_name(),
    }
}
