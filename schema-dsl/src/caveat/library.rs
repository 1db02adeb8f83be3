//! What CEL means in a caveat: its types, its macros, its functions.
//!
//! The standard library's declarations come from cel-core. Replaced are: `duration`, `timestamp`, the accessors of both and
//! `matches` (cel-core overflows or computes in floating point on some texts, takes time zones that do not exist, and compiles
//! patterns without a limit); indexing and `has()` (cel-core counts negative indices from the end, and hides errors under `has`).
//! Added are `ipaddress`, an opaque type whose only method is `in_cidr(string)`, and `isSubtreeOf` of maps. Macros that are extensions of CEL are left out.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use cel_core::parser::macros::STANDARD_MACROS;
use cel_core::parser::{MacroRegistry, ParseOptions};
use cel_core::{CelType, Env, EvalError, EvalErrorKind, FunctionDecl, MapKey, OverloadDecl, Value};
use regex::Regex;

use super::error::{CaveatIssue, codes};
use super::parameter::ParameterType;
use super::scan::ACCUMULATOR;

pub(super) mod address;
pub(super) mod bridge;
pub(super) mod clock;
pub(super) mod pattern;
mod subtree;

/// The function that indexing becomes; `@` cannot be written.
pub(super) const INDEX: &str = "@index";

/// The function that `has()` becomes.
pub(super) const HAS: &str = "@has";

/// The macros of CEL's specification; cel-core's others are extensions, some of which copy their operands.
const MACROS: [&str; 9] = ["has", "all", "exists", "exists_one", "existsOne", "map", "filter", "transformList", "transformMap"];

/// Names that mean a type in an expression, so that no parameter could be reached by them.
const TYPE_NAMES: [&str; 12] =
    ["bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type", "dyn", "optional_type"];

/// Words of CEL's grammar.
const KEYWORDS: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// A pattern is either known since compile time or compiled when it is met.
pub(super) type Patterns = BTreeMap<String, Regex>;

/// The type that the checker gives a parameter.
pub(super) fn cel_type(declared: &ParameterType) -> CelType {
    match declared {
        ParameterType::Any => CelType::Dyn,
        ParameterType::Bool => CelType::Bool,
        ParameterType::Int => CelType::Int,
        ParameterType::UInt => CelType::UInt,
        ParameterType::Double => CelType::Double,
        ParameterType::String => CelType::String,
        ParameterType::Bytes => CelType::Bytes,
        ParameterType::Duration => CelType::Duration,
        ParameterType::Timestamp => CelType::Timestamp,
        ParameterType::IpAddress => CelType::abstract_type(address::TYPE_NAME, &[]),
        ParameterType::List(item) => CelType::list(cel_type(item)),
        ParameterType::Map(item) => CelType::map(CelType::String, cel_type(item)),
    }
}

/// The issue with a parameter of this name, if an expression could not refer to it.
pub(super) fn reserved_name(name: &str) -> Option<CaveatIssue> {
    let written = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let issue = |message| Some(CaveatIssue::of_parameter(codes::RESERVED_PARAMETER, name, message).help("rename the parameter"));
    if KEYWORDS.contains(&name) || TYPE_NAMES.contains(&name) {
        return issue(format!("`{name}` has a meaning of its own in CEL, so a parameter cannot have that name"));
    }
    if !written || name == ACCUMULATOR {
        return issue(format!("a parameter of the name `{name}` cannot be written in CEL"));
    }
    None
}

/// Parser options with the macros that caveats have.
pub(super) fn parse_options() -> ParseOptions {
    let mut macros = MacroRegistry::new();
    for known in STANDARD_MACROS.iter().filter(|known| MACROS.contains(&known.name)) {
        macros.register(known.clone());
    }
    ParseOptions::with_macros(macros)
}

/// An environment with these variables, in which `matches` knows these patterns.
pub(super) fn environment(variables: &BTreeMap<String, CelType>, patterns: Patterns) -> Env {
    let mut env = BASE.clone();
    for (name, cel_type) in variables {
        env.add_variable(name, cel_type.clone());
    }
    let patterns = Arc::new(patterns);
    let matches = move |arguments: &[Value]| pattern::matches(arguments, &patterns);
    env.add_function(implemented(standard_function("matches"), &(Arc::new(matches) as Implementation)));
    env
}

/// The names of all functions that a person can call, for "did you mean".
pub(super) fn function_names(env: &Env) -> Vec<&str> {
    let written = |name: &&str| name.starts_with(|c: char| c.is_ascii_alphabetic());
    let mut names: Vec<&str> = env.functions().keys().map(String::as_str).chain(MACROS).filter(written).collect();
    names.sort_unstable();
    names
}

type Implementation = Arc<dyn Fn(&[Value]) -> Value + Send + Sync>;

#[expect(clippy::iter_over_hash_type, reason = "what is copied goes into maps again")]
static BASE: LazyLock<Env> = LazyLock::new(|| {
    let standard = Env::with_standard_library();
    let mut env = Env::new();
    for (name, cel_type) in standard.variables() {
        env.add_variable(name, cel_type.clone());
    }
    for (name, declaration) in standard.functions() {
        match name.as_str() {
            // Comes with the patterns of each caveat.
            "matches" => {}
            "duration" => env.add_function(implemented(declaration.clone(), &(Arc::new(clock::duration) as Implementation))),
            "timestamp" => env.add_function(implemented(declaration.clone(), &(Arc::new(clock::timestamp) as Implementation))),
            name => match clock::accessor(name) {
                Some(accessor) => env.add_function(implemented(declaration.clone(), &(Arc::new(accessor) as Implementation))),
                None => env.add_function(declaration.clone()),
            },
        }
    }
    let address_type = CelType::abstract_type(address::TYPE_NAME, &[]);
    let in_cidr = OverloadDecl::method("ipaddress_in_cidr", vec![address_type, CelType::String], CelType::Bool);
    env.add_function(FunctionDecl::new("in_cidr").with_overload(in_cidr.with_impl(address::in_cidr)));
    let tree = CelType::map(CelType::String, CelType::Dyn);
    let is_subtree_of = OverloadDecl::method("map_is_subtree_of_map", vec![tree.clone(), tree], CelType::Bool);
    env.add_function(FunctionDecl::new(subtree::NAME).with_overload(is_subtree_of.with_impl(subtree::is_subtree_of)));
    for (name, implementation) in [(INDEX, index as fn(&[Value]) -> Value), (HAS, has)] {
        let overload = OverloadDecl::function(name, vec![CelType::Dyn, CelType::Dyn], CelType::Dyn);
        env.add_function(FunctionDecl::new(name).with_overload(overload.with_impl(implementation)));
    }
    env
});

fn standard_function(name: &str) -> FunctionDecl {
    Env::with_standard_library().functions().get(name).cloned().unwrap_or_else(|| FunctionDecl::new(name))
}

/// The declaration with one implementation for each way of calling it. cel-core picks by number of arguments, not by type, and
/// tries one after the other until one succeeds: so each way gets the whole function, once.
fn implemented(mut declaration: FunctionDecl, implementation: &Implementation) -> FunctionDecl {
    let mut ways = Vec::new();
    for overload in &mut declaration.overloads {
        let way = (overload.is_member, overload.params.len());
        if !ways.contains(&way) {
            ways.push(way);
            overload.implementation = Some(implementation.clone());
        }
    }
    declaration
}

pub(super) fn no_overload(function: &str, arguments: &[Value]) -> Value {
    let types: Vec<String> = arguments.iter().map(|argument| argument.cel_type().display_name()).collect();
    Value::error(EvalError::new(EvalErrorKind::NoMatchingOverload, format!("`{function}` does not take ({})", types.join(", "))))
}

pub(super) fn invalid(message: impl Into<String>) -> Value {
    Value::error(EvalError::invalid_argument(message))
}

/// `a[b]`: elements count from 0 and only from there; numbers of different kinds are the same key if they are equal.
fn index(arguments: &[Value]) -> Value {
    match arguments {
        [Value::List(items), key] => match whole_number(key) {
            None => no_overload("[]", arguments),
            Some(at) => match usize::try_from(at).ok().and_then(|at| items.get(at)) {
                Some(item) => item.clone(),
                None => Value::error(EvalError::new(
                    EvalErrorKind::IndexOutOfBounds,
                    format!("index {at} is outside a list of {} elements", items.len()),
                )),
            },
        },
        [Value::Map(entries), key] => {
            let Some(key) = map_key(key) else {
                // A fraction is a number like others, just no key of any map.
                let is_number = matches!(key, Value::Double(_));
                return if is_number { Value::error(EvalError::key_not_found(&key.to_string())) } else { no_overload("[]", arguments) };
            };
            match entries.get_with_numeric_coercion(&key) {
                Some(found) => found.clone(),
                None => Value::error(EvalError::key_not_found(&key.to_value().to_string())),
            }
        }
        _ => no_overload("[]", arguments),
    }
}

/// `has(map.field)`. Errors of the map itself never get here; cel-core passes them on.
fn has(arguments: &[Value]) -> Value {
    match arguments {
        [Value::Map(entries), Value::String(field)] => Value::Bool(entries.contains_key(&MapKey::String(field.clone()))),
        _ => no_overload("has", arguments),
    }
}

fn map_key(key: &Value) -> Option<MapKey> {
    match whole_number(key) {
        Some(number) => match i64::try_from(number) {
            Ok(int) => Some(MapKey::Int(int)),
            Err(_) => u64::try_from(number).ok().map(MapKey::UInt),
        },
        None => MapKey::from_value(key),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other kind of value is no number, whatever cel-core adds")]
fn whole_number(value: &Value) -> Option<i128> {
    match value {
        Value::Int(value) => Some(i128::from(*value)),
        Value::UInt(value) => Some(i128::from(*value)),
        #[expect(clippy::cast_possible_truncation, reason = "whole and far below the bounds of i128")]
        Value::Double(value) if value.fract() == 0.0 && value.abs() < 1e20 => Some(*value as i128),
        _ => None,
    }
}
