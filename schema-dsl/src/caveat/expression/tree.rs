//! Walking and rewriting cel-core's syntax tree.
#![expect(clippy::wildcard_enum_match_arm, reason = "kinds of expressions that are not named are taken as they are")]

use cel_core::{ComprehensionData, Expr, ListElement, MapEntry, SpannedExpr, StructField};

use crate::caveat::library::{HAS, INDEX};

/// Marks an identifier that means the variable and no local name: what `.name` becomes.
pub(in crate::caveat) const ROOT_MARK: char = '^';

/// Marks an identifier that stands for a child of a planned node.
pub(in crate::caveat) const CHILD_MARK: char = '@';

/// The expressions directly below one, in the order of evaluation. A function's name is none, a method's receiver is.
pub(in crate::caveat) fn children(expr: &SpannedExpr) -> Vec<&SpannedExpr> {
    match &expr.node {
        Expr::Null
        | Expr::Bool(_)
        | Expr::Int(_)
        | Expr::UInt(_)
        | Expr::Float(_)
        | Expr::String(_)
        | Expr::Bytes(_)
        | Expr::Ident(_)
        | Expr::RootIdent(_)
        | Expr::Error => Vec::new(),
        Expr::List(items) => items.iter().map(|item| &item.expr).collect(),
        Expr::Map(entries) => entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect(),
        Expr::Unary { expr, .. } | Expr::Member { expr, .. } | Expr::MemberTestOnly { expr, .. } => vec![expr],
        Expr::Binary { left, right, .. } => vec![left, right],
        Expr::Ternary { cond, then_expr, else_expr } => vec![cond, then_expr, else_expr],
        Expr::Index { expr, index, .. } => vec![expr, index],
        Expr::Call { expr: callee, args } => receiver(callee).into_iter().chain(args).collect(),
        Expr::Struct { fields, .. } => fields.iter().map(|field| &field.value).collect(),
        Expr::Comprehension(each) => {
            vec![&each.iter_range, &each.accu_init, &each.loop_condition, &each.loop_step, &each.result]
        }
        Expr::Bind { init, body, .. } => vec![init, body],
    }
}

/// What a call is made on: a method's receiver, or a callee that is no name.
fn receiver(callee: &SpannedExpr) -> Option<&SpannedExpr> {
    match &callee.node {
        Expr::Ident(_) | Expr::RootIdent(_) => None,
        Expr::Member { expr, .. } => Some(expr),
        _ => Some(callee),
    }
}

/// The name of the function or method that is called.
pub(in crate::caveat) fn function(callee: &SpannedExpr) -> Option<&str> {
    match &callee.node {
        Expr::Ident(name) | Expr::RootIdent(name) => Some(name),
        Expr::Member { field, .. } => Some(field),
        _ => None,
    }
}

/// The expression of this id.
pub(in crate::caveat) fn find(expr: &SpannedExpr, id: i64) -> Option<&SpannedExpr> {
    if expr.id == id { Some(expr) } else { children(expr).into_iter().find_map(|child| find(child, id)) }
}

/// The expression with each child replaced.
pub(in crate::caveat) fn map_children(expr: SpannedExpr, map: &mut impl FnMut(SpannedExpr) -> SpannedExpr) -> SpannedExpr {
    let SpannedExpr { id, node, span } = expr;
    let mut boxed = |expr: Box<SpannedExpr>| Box::new(map(*expr));
    let node = match node {
        Expr::Unary { op, expr } => Expr::Unary { op, expr: boxed(expr) },
        Expr::Binary { op, left, right } => Expr::Binary { op, left: boxed(left), right: boxed(right) },
        Expr::Ternary { cond, then_expr, else_expr } => {
            Expr::Ternary { cond: boxed(cond), then_expr: boxed(then_expr), else_expr: boxed(else_expr) }
        }
        Expr::Member { expr, field, optional } => Expr::Member { expr: boxed(expr), field, optional },
        Expr::MemberTestOnly { expr, field } => Expr::MemberTestOnly { expr: boxed(expr), field },
        Expr::Index { expr, index, optional } => Expr::Index { expr: boxed(expr), index: boxed(index), optional },
        Expr::Bind { var_name, init, body } => Expr::Bind { var_name, init: boxed(init), body: boxed(body) },
        Expr::Comprehension(each) => Expr::Comprehension(ComprehensionData {
            iter_range: boxed(each.iter_range),
            accu_init: boxed(each.accu_init),
            loop_condition: boxed(each.loop_condition),
            loop_step: boxed(each.loop_step),
            result: boxed(each.result),
            ..each
        }),
        Expr::List(items) => {
            Expr::List(items.into_iter().map(|ListElement { expr, optional }| ListElement { expr: map(expr), optional }).collect())
        }
        Expr::Map(entries) => {
            let entry = |MapEntry { key, value, optional }| MapEntry { key: map(key), value: map(value), optional };
            Expr::Map(entries.into_iter().map(entry).collect())
        }
        Expr::Struct { type_name, fields } => {
            let field = |StructField { name, value, optional }| StructField { name, value: map(value), optional };
            Expr::Struct { type_name, fields: fields.into_iter().map(field).collect() }
        }
        Expr::Call { expr: callee, args } => {
            let callee = Box::new(map_receiver(*callee, map));
            Expr::Call { expr: callee, args: args.into_iter().map(map).collect() }
        }
        leaf @ (Expr::Null
        | Expr::Bool(_)
        | Expr::Int(_)
        | Expr::UInt(_)
        | Expr::Float(_)
        | Expr::String(_)
        | Expr::Bytes(_)
        | Expr::Ident(_)
        | Expr::RootIdent(_)
        | Expr::Error) => leaf,
    };
    SpannedExpr { id, node, span }
}

fn map_receiver(callee: SpannedExpr, map: &mut impl FnMut(SpannedExpr) -> SpannedExpr) -> SpannedExpr {
    let SpannedExpr { id, node, span } = callee;
    let node = match node {
        Expr::Member { expr, field, optional } => Expr::Member { expr: Box::new(map(*expr)), field, optional },
        name @ (Expr::Ident(_) | Expr::RootIdent(_)) => name,
        other => return map(SpannedExpr { id, node: other, span }),
    };
    SpannedExpr { id, node, span }
}

/// The tree as it is evaluated: indexing and `has()` become calls of our functions, `.name` an identifier that no local name hides.
pub(in crate::caveat) fn rewrite(expr: SpannedExpr) -> SpannedExpr {
    let SpannedExpr { id, node, span } = map_children(expr, &mut rewrite);
    let call = |function: &str, args| Expr::Call {
        expr: Box::new(SpannedExpr { id: 0, node: Expr::Ident(function.to_owned()), span: span.clone() }),
        args,
    };
    let node = match node {
        Expr::Index { expr, index, optional: false } => call(INDEX, vec![*expr, *index]),
        Expr::MemberTestOnly { expr, field } => {
            let field = SpannedExpr { id: 0, node: Expr::String(field), span: span.clone() };
            call(HAS, vec![*expr, field])
        }
        Expr::RootIdent(name) => Expr::Ident(format!("{ROOT_MARK}{name}")),
        other => other,
    };
    SpannedExpr { id, node, span }
}
