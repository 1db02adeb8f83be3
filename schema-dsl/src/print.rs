//! A compiled schema as one text of the native language: imports and partials resolved, everything in one canonical order.
//!
//! Compiling the text gives the same schema again. It is what a schema of several files looks like where only one text can be
//! kept. For the author's own text, comments and order included, there is [`crate::format`](mod@crate::format).

use std::fmt::Write as _;

use thiserror::Error;

use crate::caveat::Caveat;
use crate::ir::{Definition, Relation, RelationKind, Rewrite, Schema, written_name};

/// A relation of another front end that the native language cannot write down: one with tuples of its own and more than them.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{object_type}#{relation}` has both direct types and an expression, which the native language does not have")]
pub struct NotNative {
    object_type: String,
    relation: String,
}

/// The schema as one text. Linear in its size.
///
/// # Errors
/// [`NotNative`] where the schema comes from another language and uses what this one lacks.
///
/// ```
/// let schema = dhow_schema::compile_str("definition user{relation x:user permission y=x+(x)}").unwrap();
/// let text = "definition user {\n  relation x: user\n  permission y = x + x\n}\n";
/// assert_eq!(dhow_schema::print::to_native(&schema).unwrap(), text);
/// ```
pub fn to_native(schema: &Schema) -> Result<String, NotNative> {
    let mut parts: Vec<String> = Vec::new();
    let flags = flags(schema);
    if !flags.is_empty() {
        parts.push(flags.iter().map(|flag| format!("use {flag}\n")).collect());
    }
    parts.extend(schema.caveats.values().map(|caveat| print_caveat(caveat)));
    for definition in schema.definitions.values() {
        parts.push(print_definition(definition)?);
    }
    Ok(parts.join("\n"))
}

fn flags(schema: &Schema) -> Vec<&'static str> {
    let relations = || schema.definitions.values().flat_map(|definition| definition.relations.values());
    let mut flags = Vec::new();
    if relations().any(|relation| relation.direct.iter().any(|subject| subject.expiration)) {
        flags.push("expiration");
    }
    if relations().any(|relation| says_self(&relation.rewrite)) {
        flags.push("self");
    }
    if relations().any(|relation| !relation.annotations.is_empty()) {
        flags.push("typechecking");
    }
    flags
}

fn says_self(rewrite: &Rewrite) -> bool {
    let mut open = vec![rewrite];
    while let Some(rewrite) = open.pop() {
        match rewrite {
            Rewrite::SelfObject => return true,
            Rewrite::Direct | Rewrite::Nil | Rewrite::Computed(_) | Rewrite::Arrow { .. } => {}
            Rewrite::Union(operands) | Rewrite::Intersection(operands) => open.extend(operands),
            Rewrite::Exclusion { base, subtract } => open.extend([&**base, &**subtract]),
        }
    }
    false
}

fn print_caveat(caveat: &Caveat) -> String {
    let parameters = caveat.parameters().iter().map(|(name, kind)| format!("{} {kind}", written_name(name, false)));
    let parameters = parameters.collect::<Vec<_>>().join(", ");
    let name = written_name(caveat.name(), true);
    format!("{}caveat {name}({parameters}) {{\n  {}\n}}\n", print_doc(caveat.doc(), ""), caveat.expression())
}

fn print_definition(definition: &Definition) -> Result<String, NotNative> {
    let mut out = print_doc(definition.doc.as_deref(), "");
    let name = written_name(&definition.name, true);
    if definition.relations.is_empty() {
        let _infallible = writeln!(out, "definition {name} {{}}");
        return Ok(out);
    }
    let _infallible = writeln!(out, "definition {name} {{");
    for relation in definition.source_order.iter().filter_map(|name| definition.relations.get(name)) {
        out.push_str(&print_doc(relation.doc.as_deref(), "  "));
        out.push_str(&print_relation(&definition.name, relation)?);
    }
    out.push_str("}\n");
    Ok(out)
}

fn print_relation(object_type: &str, relation: &Relation) -> Result<String, NotNative> {
    let name = written_name(&relation.name, false);
    match (relation.kind, relation.direct.is_empty(), relation.rewrite == Rewrite::Direct) {
        (RelationKind::Relation, false, true) => {
            let subjects = relation.direct.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
            Ok(format!("  relation {name}: {subjects}\n"))
        }
        (_, true, false) => {
            let types: Vec<_> = relation.annotations.iter().map(|annotation| written_name(annotation, true)).collect();
            let annotation = if types.is_empty() { String::new() } else { format!(": {}", types.join(" | ")) };
            Ok(format!("  permission {name}{annotation} = {}\n", relation.rewrite))
        }
        (_, _, _) => Err(NotNative { object_type: object_type.to_owned(), relation: relation.name.to_string() }),
    }
}

fn print_doc(doc: Option<&str>, indent: &str) -> String {
    let Some(doc) = doc else { return String::new() };
    let doc = doc.replace("*/", "* /");
    let lines = doc.lines().map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n").collect::<String>();
    format!("{indent}/**\n{lines}{indent} */\n")
}
