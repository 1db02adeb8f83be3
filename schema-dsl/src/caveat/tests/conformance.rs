//! The public CEL conformance cases, from a folder outside the project: `DHOW_CONFORMANCE`, by default beside the project.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use cel_core::{CelType, MapKey, ValueMap};
use serde_json::Value as Json;

use super::*;
use crate::caveat::expression::Expression;

fn folder() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a test reads where its data is from the environment")]
    let named = std::env::var("DHOW_CONFORMANCE").ok();
    named.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"), PathBuf::from)
}

/// How many cases the folder has by the table in its README, `| cel/ | 1 | 377 expressions |`; fewer mean that it was not read whole.
fn promised() -> Option<usize> {
    let readme = std::fs::read_to_string(folder().join("README.md")).ok()?;
    let row = readme.lines().find(|line| line.starts_with("| `cel/`"))?;
    row.split('|').nth(3)?.split_whitespace().next()?.replace(',', "").parse().ok()
}

/// Prints a line of every run, also of one that succeeds: the test harness keeps what `println!` prints to itself.
fn say(line: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes()).expect("stderr can be written");
}

#[test]
fn every_conformance_case_of_cel_passes() {
    if !folder().exists() {
        say(&format!("SKIPPED: there is no folder {}; DHOW_CONFORMANCE names it", folder().display()));
        return;
    }
    let text = std::fs::read_to_string(folder().join("cel/cel.jsonl")).expect("cel/cel.jsonl in the conformance folder");
    let cases: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("one JSON object a line")).collect();
    assert!(!cases.is_empty(), "cel is empty");
    assert!(promised().is_none_or(|promised| promised == cases.len()), "cel has {} cases, its README says {:?}", cases.len(), promised());
    let failures: Vec<String> = cases.iter().filter_map(|case| check(case).err().map(|why| format!("{case}\n  {why}"))).collect();
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
    say(&format!("cel: {} expressions as expected", cases.len()));
}

fn check(case: &Json) -> Result<(), String> {
    let text = case["expr"].as_str().expect("an expression");
    let types = case["types"].as_object().into_iter().flatten();
    let types: BTreeMap<String, CelType> =
        types.map(|(name, written)| (name.clone(), type_of(written.as_str().expect("a type")))).collect();
    let bindings = case["bindings"].as_object().into_iter().flatten();
    let bindings: BTreeMap<Name, cel_core::Value> = bindings.map(|(name, value)| (Name::from(name.as_str()), value_of(value))).collect();

    let checked = case["unchecked"] != true;
    let compiled = Expression::compile_for_tests(text, &types, checked);
    let is_error = case["error"] == true;
    let found = match &compiled {
        Ok(compiled) => match compiled.evaluate(&bindings) {
            Walked::Known(value) => value,
            Walked::Unknown(missing) => return Err(format!("waits for {missing:?}")),
        },
        Err(_) if is_error => return Ok(()),
        Err(issues) => return Err(format!("{issues:?}")),
    };
    if is_error {
        return if found.is_error() { Ok(()) } else { Err(format!("{found:?} is no error")) };
    }
    let expected = value_of(&case["value"]);
    if !same(&found, &expected) {
        return Err(format!("found {found:?}"));
    }
    let cel_core::Value::Bool(expected) = expected else { return Ok(()) };
    if !checked || !types.is_empty() {
        return Ok(());
    }
    let outcome = try_caveat("", text).map(|caveat| caveat.evaluate(&Context::new(), &Context::new()));
    match outcome {
        Ok(Outcome::True) if expected => Ok(()),
        Ok(Outcome::False) if !expected => Ok(()),
        // What is `dyn` to the type checker is no caveat, though it may be a bool.
        Err(issues) if issues.iter().all(|issue| issue.code == codes::NOT_BOOL) => Ok(()),
        other => Err(format!("as a caveat: {other:?}")),
    }
}

/// The same kind and the same value; CEL's own equality would take 1 for 1.0.
fn same(one: &cel_core::Value, other: &cel_core::Value) -> bool {
    use cel_core::Value::{Double, Duration, List, Map};
    match (one, other) {
        (Double(one), Double(other)) => one.total_cmp(other).is_eq() || (one.is_nan() && other.is_nan()),
        (List(one), List(other)) => one.len() == other.len() && one.iter().zip(other.iter()).all(|(one, other)| same(one, other)),
        (Map(one), Map(other)) => {
            let entry = |(key, value)| other.get(key).is_some_and(|other| same(value, other));
            one.len() == other.len() && one.iter().all(entry)
        }
        (Duration(one), Duration(other)) => one.to_nanos() == other.to_nanos(),
        _ => std::mem::discriminant(one) == std::mem::discriminant(other) && one == other,
    }
}

fn value_of(json: &Json) -> cel_core::Value {
    let (kind, content) = json.as_object().and_then(|value| value.iter().next()).expect("{kind: content}");
    let text = || content.as_str().expect("text");
    match kind.as_str() {
        "null" => cel_core::Value::Null,
        "bool" => cel_core::Value::Bool(content.as_bool().expect("a bool")),
        "int" => cel_core::Value::Int(text().parse().expect("an int")),
        "uint" => cel_core::Value::UInt(text().parse().expect("a uint")),
        "double" => cel_core::Value::Double(text().parse().expect("a double")),
        "string" => cel_core::Value::from(text()),
        "bytes" => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text()).expect("base64");
            cel_core::Value::Bytes(Arc::from(bytes))
        }
        "timestamp" => {
            let (seconds, nanoseconds) = crate::value::time::parse_timestamp(text()).expect("a timestamp");
            cel_core::Value::timestamp(seconds, i32::try_from(nanoseconds).expect("below a second"))
        }
        "duration_ns" => cel_core::Value::Duration(cel_core::Duration::from_nanos(text().parse().expect("nanoseconds"))),
        "type" => cel_core::Value::new_type(text()),
        "list" => cel_core::Value::list(content.as_array().expect("a list").iter().map(value_of)),
        "map" => {
            let entry = |pair: &Json| (MapKey::from_value(&value_of(&pair[0])).expect("a key"), value_of(&pair[1]));
            cel_core::Value::Map(Arc::new(ValueMap::from_entries(content.as_array().expect("pairs").iter().map(entry))))
        }
        other => panic!("unknown kind {other}"),
    }
}

/// A type in the text form of protocol buffers: `map_type:{key_type:{primitive:STRING} value_type:{dyn:{}}}`.
fn type_of(written: &str) -> CelType {
    let (kind, content) = written.trim().split_once(':').expect("kind:content");
    match (kind, content.trim()) {
        ("primitive", "BOOL") => CelType::Bool,
        ("primitive", "INT64") => CelType::Int,
        ("primitive", "UINT64") => CelType::UInt,
        ("primitive", "DOUBLE") => CelType::Double,
        ("primitive", "STRING") => CelType::String,
        ("primitive", "BYTES") => CelType::Bytes,
        ("null", _) => CelType::Null,
        ("well_known", "TIMESTAMP") => CelType::Timestamp,
        ("well_known", "DURATION") => CelType::Duration,
        ("list_type", content) => CelType::list(field(content, "elem_type")),
        ("map_type", content) => CelType::map(field(content, "key_type"), field(content, "value_type")),
        _ => CelType::Dyn,
    }
}

/// The type in a field of a message in text form; `dyn` where it is not set.
fn field(content: &str, name: &str) -> CelType {
    let Some((_, rest)) = content.split_once(&format!("{name}:{{")) else {
        return CelType::Dyn;
    };
    let mut depth = 1;
    let end = rest.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    type_of(rest.split_at(end.expect("a closing brace")).0)
}
