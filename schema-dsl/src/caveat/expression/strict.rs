//! Type errors that cel-core's checker lets pass.
//!
//! CEL declares `==`, `in`, `?:`, indexing and the sum of lists over one type parameter, and its reference implementations refuse
//! `1 == "a"`. cel-core widens the parameter to `dyn` instead, so that `address == "10.0.0.1"` would just never hold.
#![expect(clippy::wildcard_enum_match_arm, reason = "kinds of expressions and types that are not named have nothing to check")]

use cel_core::{BinaryOp, CelType, CheckResult, Expr, SpannedExpr};

use super::tree;
use crate::caveat::error::CaveatIssue;
use crate::caveat::scan::ACCUMULATOR;

/// Adds an issue for each operator whose operands have types that nothing has in common.
pub(super) fn check(expr: &SpannedExpr, checked: &CheckResult, issues: &mut Vec<CaveatIssue>) {
    let type_of = |expr: &SpannedExpr| checked.get_type(expr.id).cloned().unwrap_or(CelType::Dyn);
    let (function, operands, fit) = match &expr.node {
        Expr::Binary { op, left, right } => {
            let (left_type, right_type) = (type_of(left), type_of(right));
            let (function, fit) = match op {
                BinaryOp::Eq => ("_==_", compatible(&left_type, &right_type)),
                BinaryOp::Ne => ("_!=_", compatible(&left_type, &right_type)),
                BinaryOp::In => ("@in", held_by(&right_type).is_none_or(|held| compatible(&left_type, held))),
                BinaryOp::Add => ("_+_", can_be_added(left, &left_type, &right_type)),
                BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::Mod
                | BinaryOp::Lt
                | BinaryOp::Le
                | BinaryOp::Gt
                | BinaryOp::Ge
                | BinaryOp::And
                | BinaryOp::Or => ("", true),
            };
            (function, vec![left_type, right_type], fit)
        }
        Expr::Ternary { cond, then_expr, else_expr } => {
            let branches = (type_of(then_expr), type_of(else_expr));
            let fit = compatible(&branches.0, &branches.1);
            ("_?_:_", vec![type_of(cond), branches.0, branches.1], fit)
        }
        Expr::Index { expr, index, .. } => {
            let (of, at) = (type_of(expr), type_of(index));
            let fit = !matches!(&of, CelType::Map(key, _) if !compatible(key, &at));
            ("_[_]", vec![of, at], fit)
        }
        _ => ("", Vec::new(), true),
    };
    if !fit {
        issues.push(super::operands(function, &operands, expr.span.clone()));
    }
    for child in tree::children(expr) {
        check(child, checked, issues);
    }
}

/// The type that `in` looks for: an element's, a key's.
fn held_by(collection: &CelType) -> Option<&CelType> {
    match collection {
        CelType::List(held) | CelType::Map(held, _) => Some(held),
        _ => None,
    }
}

/// Lists of one type; maps only where a macro gathers its result.
fn can_be_added(left: &SpannedExpr, left_type: &CelType, right_type: &CelType) -> bool {
    match (left_type, right_type) {
        (CelType::List(_), CelType::List(_)) => compatible(left_type, right_type),
        (CelType::Map(..), CelType::Map(..)) => matches!(&left.node, Expr::Ident(name) if name == ACCUMULATOR),
        _ => true,
    }
}

/// Whether a value can be of both types.
fn compatible(one: &CelType, other: &CelType) -> bool {
    let open = |t: &CelType| matches!(t, CelType::Dyn | CelType::Error | CelType::TypeVar(_) | CelType::TypeParam(_));
    let nullable =
        |t: &CelType| matches!(t, CelType::Null | CelType::Timestamp | CelType::Duration | CelType::Abstract { .. } | CelType::Message(_));
    match (one, other) {
        _ if open(one) || open(other) => true,
        (CelType::Null, other) | (other, CelType::Null) => nullable(other),
        (CelType::List(one), CelType::List(other)) => compatible(one, other),
        (CelType::Map(key, item), CelType::Map(other_key, other_item)) => compatible(key, other_key) && compatible(item, other_item),
        (CelType::Type(_), CelType::Type(_)) => true,
        _ => one == other,
    }
}
