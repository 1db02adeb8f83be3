//! Lints that look at expressions as they are written.

use std::collections::BTreeMap;

use crate::compile::{Expression, ExpressionKind, Operator, Resolved};
use crate::diagnostic::{Diagnostic, MIXED_OPERATORS, REPEATED_OPERAND, Sink, Span};
use crate::ir::Name;

pub(super) fn lint(resolved: &Resolved<'_>, sink: &mut Sink) {
    for expression in resolved.modules.iter().flat_map(|module| &module.blocks).flat_map(|block| block.expressions()) {
        mixed(expression, sink);
        repeated(expression, sink);
    }
}

/// Warns once for each expression in which operators of different kinds meet without parentheses.
fn mixed(expression: &Expression, sink: &mut Sink) {
    let mut open = vec![expression];
    while let Some(expression) = open.pop() {
        match &expression.kind {
            ExpressionKind::Chain(operator, operands) => {
                let inner = operands
                    .iter()
                    .find_map(|operand| if let ExpressionKind::Chain(inner, _) = &operand.kind { Some((*inner, operand)) } else { None });
                if let Some((inner, operand)) = inner {
                    let (outer_sign, inner_sign) = (sign(*operator), sign(inner));
                    let message = format!("`{inner_sign}` and `{outer_sign}` are mixed without parentheses");
                    let warning = Diagnostic::warning(MIXED_OPERATORS, &expression.span, message);
                    let help = format!("`{inner_sign}` binds tighter than `{outer_sign}`: put parentheses around what belongs together");
                    sink.push(warning.also(&operand.span, "this is taken together").help(help));
                    continue;
                }
                open.extend(operands);
            }
            ExpressionKind::Paren(inner) => open.push(inner),
            ExpressionKind::Name(_)
            | ExpressionKind::Nil
            | ExpressionKind::Arrow { .. }
            | ExpressionKind::ArrowChain(_)
            | ExpressionKind::Missing => {}
        }
    }
}

fn sign(operator: Operator) -> &'static str {
    match operator {
        Operator::Union => "+",
        Operator::Intersection => "&",
        Operator::Exclusion => "-",
    }
}

/// Warns where a name stands twice in one chain.
fn repeated(expression: &Expression, sink: &mut Sink) {
    let mut open = vec![expression];
    while let Some(expression) = open.pop() {
        match &expression.kind {
            ExpressionKind::Chain(operator, operands) => {
                repeated_in(*operator, operands, sink);
                open.extend(operands);
            }
            ExpressionKind::Paren(inner) => open.push(inner),
            ExpressionKind::Name(_)
            | ExpressionKind::Nil
            | ExpressionKind::Arrow { .. }
            | ExpressionKind::ArrowChain(_)
            | ExpressionKind::Missing => {}
        }
    }
}

fn repeated_in(operator: Operator, operands: &[Expression], sink: &mut Sink) {
    let mut seen: BTreeMap<(&Name, Option<&Name>, bool), &Span> = BTreeMap::new();
    for operand in operands {
        let key = match &operand.kind {
            ExpressionKind::Name(name) => (&name.name, None, false),
            ExpressionKind::Arrow { tupleset, target, function } => {
                let is_all = function.as_ref().is_some_and(|(name, _)| &*name.name == "all");
                (&tupleset.name, Some(&target.name), is_all)
            }
            ExpressionKind::Nil
            | ExpressionKind::ArrowChain(_)
            | ExpressionKind::Chain(..)
            | ExpressionKind::Paren(_)
            | ExpressionKind::Missing => continue,
        };
        let Some(first) = seen.get(&key) else {
            seen.insert(key, &operand.span);
            continue;
        };
        let help = match operator {
            Operator::Union | Operator::Intersection => "remove one",
            Operator::Exclusion => "what is subtracted from itself leaves nobody",
        };
        let warning = Diagnostic::warning(REPEATED_OPERAND, &operand.span, "this operand is given twice");
        sink.push(warning.also(first, "first here").help(help));
    }
}
