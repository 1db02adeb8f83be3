//! Caveat declarations to compiled caveats: parameter types, and the expression's findings moved to their place in the file.

use std::collections::BTreeMap;

use super::declaration::{CaveatDeclaration, TypeDeclaration};
use crate::caveat::{Caveat, ParameterType};
use crate::diagnostic::{BAD_PARAMETER_TYPE, CAVEAT_WITHOUT_PARAMETERS, DUPLICATE_PARAMETER, Diagnostic, Severity, Sink, Span};
use crate::suggest::did_you_mean;

const SIMPLE: [&str; 10] = ["any", "bool", "int", "uint", "double", "string", "bytes", "duration", "timestamp", "ipaddress"];

/// Compiles one caveat; `None`, with errors reported, where that fails.
pub(super) fn compile(declaration: &CaveatDeclaration, sink: &mut Sink) -> Option<Caveat> {
    let mut whole = true;
    let mut seen: BTreeMap<&str, &Span> = BTreeMap::new();
    let mut parameters = Vec::new();
    for parameter in &declaration.parameters {
        let name = &parameter.name;
        if let Some(first) = seen.get(&*name.name) {
            let error = Diagnostic::error(DUPLICATE_PARAMETER, &name.span, format!("parameter `{}` is declared twice", name.name));
            sink.push(error.also(first, "first here").help("remove one, or give it another name"));
            whole = false;
            continue;
        }
        seen.insert(&name.name, &name.span);
        match parameter.parameter_type.as_ref().and_then(|declared| parameter_type(declared, sink)) {
            Some(parameter_type) => parameters.push((name.name.clone(), parameter_type)),
            None => whole = false,
        }
    }
    if declaration.parameters.is_empty() {
        let message = format!("caveat `{}` has no parameters", declaration.name.name);
        let warning = Diagnostic::warning(CAVEAT_WITHOUT_PARAMETERS, &declaration.name.span, message);
        sink.push(warning.help("a caveat looks at values that a tuple stores or a request brings: name them as parameters"));
    }
    let (expression, span) = declaration.expression.as_ref()?;
    if !whole {
        return None;
    }
    match Caveat::compile(declaration.name.name.clone(), parameters, expression, declaration.doc.clone()) {
        Ok(caveat) => Some(caveat),
        Err(issues) => {
            for issue in issues {
                let start = span.range.start;
                let range = if expression.is_empty() { span.range.clone() } else { start + issue.range.start..start + issue.range.end };
                let parameter = issue.parameter.as_deref().and_then(|name| seen.get(name));
                let at = parameter.map_or_else(|| Span::new(&span.file, range), |parameter| (*parameter).clone());
                let error = Diagnostic { severity: Severity::Error, ..Diagnostic::error(issue.code, &at, issue.message) };
                sink.push(error.help_if(issue.help));
            }
            None
        }
    }
}

/// A parameter's type. Depth is bounded by the parser.
fn parameter_type(declared: &TypeDeclaration, sink: &mut Sink) -> Option<ParameterType> {
    let name = &*declared.name.name;
    let generic: Option<fn(Box<ParameterType>) -> ParameterType> = match name {
        "list" => Some(ParameterType::List),
        "map" => Some(ParameterType::Map),
        _ => None,
    };
    if let Some(generic) = generic {
        if let [argument] = declared.arguments.as_slice() {
            return parameter_type(argument, sink).map(|inner| generic(Box::new(inner)));
        }
        let message = format!("`{name}` takes one type, found {}", declared.arguments.len());
        let help = if name == "map" { "write `map<int>`: the keys are always strings" } else { "write `list<int>`, say" };
        sink.push(Diagnostic::error(BAD_PARAMETER_TYPE, &declared.span, message).help(help));
        return None;
    }
    let simple = simple_type(name);
    if simple.is_none() {
        let error = Diagnostic::error(BAD_PARAMETER_TYPE, &declared.name.span, format!("unknown parameter type `{name}`"));
        let help = did_you_mean(name, SIMPLE.into_iter().chain(["list", "map"]));
        let all = || format!("the types are {}, list<…> and map<…>", SIMPLE.join(", "));
        sink.push(error.help(help.unwrap_or_else(all)));
        return None;
    }
    if !declared.arguments.is_empty() {
        let message = format!("`{name}` takes no type in brackets");
        sink.push(Diagnostic::error(BAD_PARAMETER_TYPE, &declared.span, message).help(format!("write `{name}` alone")));
        return None;
    }
    simple
}

fn simple_type(name: &str) -> Option<ParameterType> {
    Some(match name {
        "any" => ParameterType::Any,
        "bool" => ParameterType::Bool,
        "int" => ParameterType::Int,
        "uint" => ParameterType::UInt,
        "double" => ParameterType::Double,
        "string" => ParameterType::String,
        "bytes" => ParameterType::Bytes,
        "duration" => ParameterType::Duration,
        "timestamp" => ParameterType::Timestamp,
        "ipaddress" => ParameterType::IpAddress,
        _ => return None,
    })
}
