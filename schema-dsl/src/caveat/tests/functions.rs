//! Functions and types: CEL's meaning where cel-core's differs, and no value that makes one panic.

use proptest::prelude::*;

use super::*;
use crate::value::{Value, from_json, to_json};

#[test]
fn functions_mean_what_cel_says() {
    for (expression, request, expected) in [
        // Negative fractions of durations are one value, however they came to be.
        ("duration('-1.5s') == duration('0s') - duration('1.5s')", "{}", "true"),
        ("duration('-1.5s') < duration('-1.4s')", "{}", "true"),
        ("duration('-1.5s').getSeconds() == -1 && duration('-90m').getHours() == -1", "{}", "true"),
        ("duration('123.321456789s').getMilliseconds() == 321", "{}", "true"),
        ("string(duration('-1.5s')) == '-1.5s'", "{}", "true"),
        ("duration(x) > duration('0s')", r#"{"x": "99999999999999999999999999999999999999999h"}"#, "DH-C201"),
        ("duration(x) > duration('0s')", r#"{"x": "320000000000s"}"#, "DH-C201"),
        ("duration(x) > duration('0s')", r#"{"x": 3}"#, "DH-C201"),
        ("timestamp(x) > timestamp(0)", r#"{"x": "2024-01-01 00:00:00Z"}"#, "DH-C201"),
        ("timestamp(x) > timestamp(0)", r#"{"x": 99999999999999}"#, "DH-C201"),
        ("timestamp(x) == timestamp('1970-01-01T00:00:01Z')", r#"{"x": 1}"#, "true"),
        ("timestamp(0).getHours(x) == 1", r#"{"x": "Europe/Paris"}"#, "true"),
        ("timestamp(0).getHours(x) == 22 && timestamp(0).getMinutes(x) == 30", r#"{"x": "-01:30"}"#, "true"),
        ("timestamp(0).getHours(x) == 1", r#"{"x": "99999999:00"}"#, "DH-C201"),
        ("timestamp(0).getHours(x) == 1", r#"{"x": "25:00"}"#, "DH-C201"),
        ("timestamp(0).getHours(x) == 1", r#"{"x": ""}"#, "DH-C201"),
        ("timestamp(0).getHours(x) == 1", r#"{"x": "Nowhere/Else"}"#, "DH-C201"),
        // Indices count from 0 only, and equal numbers are one key.
        ("x[0] == 1 && x[1u] == 2 && x[dyn(1.0)] == 2", r#"{"x": [1, 2]}"#, "true"),
        ("x[-1] == 2", r#"{"x": [1, 2]}"#, "DH-C201"),
        ("x[dyn(0.5)] == 2", r#"{"x": [1, 2]}"#, "DH-C201"),
        ("x[0] == 'a'", r#"{"x": "abc"}"#, "DH-C201"),
        ("{1: 'a', 2u: 'b'}[dyn(2)] == 'b' && {1: 'a'}[dyn(1.0)] == 'a'", "{}", "true"),
        ("{18446744073709551615u: 'a'}[dyn(18446744073709551615u)] == 'a'", "{}", "true"),
        // An error below `has` is an error.
        ("has(x.a.b)", r#"{"x": {"a": {"b": 1}}}"#, "true"),
        ("has(x.a.c)", r#"{"x": {"a": {"b": 1}}}"#, "false"),
        ("has(x.c.b)", r#"{"x": {"a": {"b": 1}}}"#, "DH-C201"),
        ("has(x.a) || true", r#"{"x": 1}"#, "true"),
        ("has(x.a)", r#"{"x": 1}"#, "DH-C201"),
        // RE2's classes are ASCII; brackets, ampersands and tildes in a class are themselves.
        ("x.matches('^\\\\d+$')", r#"{"x": "123"}"#, "true"),
        ("x.matches('^\\\\d+$')", "{\"x\": \"\u{661}\u{662}\"}", "false"),
        ("x.matches('^[\\\\w]+$') || x.matches('^\\\\w+$')", r#"{"x": "é"}"#, "false"),
        ("x.matches('^[^\\\\s]\\\\W\\\\D\\\\S$')", r#"{"x": "é é."}"#, "true"),
        ("x.matches('^[a&&b]+$')", r#"{"x": "a&b"}"#, "true"),
        ("x.matches('^[[~]+$')", r#"{"x": "~[~"}"#, "true"),
        ("x.matches('^[]a]+$') && !x.matches('^[^]a]+$')", r#"{"x": "]a"}"#, "true"),
        ("x.matches('^[[:digit:]x]+$')", r#"{"x": "1x"}"#, "true"),
        ("x.matches(r'^\\\\d$')", r#"{"x": "\\d"}"#, "true"),
        ("'a'.matches(x)", r#"{"x": "("}"#, "DH-C201"),
        ("'a'.matches(x)", r#"{"x": "(a{100}){100}{100}"}"#, "DH-C201"),
        ("'a'.matches(x)", r#"{"x": "\\"}"#, "DH-C201"),
        ("'mañana'.matches('a+ñ+a+') && '🐱😀😀'.matches('(a|😀){2}')", "{}", "true"),
        // An iteration variable hides a parameter; a leading dot reaches it.
        ("[1, 2].exists(x, x == 2)", "{}", "true"),
        ("[1, 2].exists(x, .x == 5 && x == 2)", r#"{"x": 5}"#, "true"),
        ("[1, 2].exists(x, .x == 5 && x == 2)", "{}", "missing x"),
        ("[{'a': 1}].exists(x, .x.a == 5 && x.a == 1)", r#"{"x": {"a": 5}}"#, "true"),
    ] {
        assert_eq!(words(&evaluate("x any", expression, request)), expected, "{expression} with {request}");
    }
}

#[test]
fn no_value_makes_a_function_panic() {
    let expressions = [
        "x + y == x",
        "x - y == x",
        "x * y == x",
        "x / y == x",
        "x % y == x",
        "x == y",
        "x != y",
        "x < y",
        "x <= y",
        "x > y",
        "x >= y",
        "x in y",
        "x[y] == 1",
        "x.a == y",
        "has(x.a)",
        "-x == y",
        "!x",
        "x && y",
        "x || y",
        "x ? true : y == 1",
        "size(x) > 0",
        "x.size() > 0",
        "x.contains(y)",
        "x.startsWith(y)",
        "x.endsWith(y)",
        "x.matches(y)",
        "matches(x, y)",
        "int(x) == 0",
        "uint(x) == 0u",
        "double(x) == 0.0",
        "string(x) == ''",
        "bytes(x) == b''",
        "bool(x)",
        "type(x) == type(y)",
        "dyn(x) == y",
        "duration(x) == y",
        "timestamp(x) == y",
        "timestamp(x).getHours(y) == 0",
        "x.getFullYear() == 0",
        "x.getMonth(y) == 0",
        "x.getDate(y) == 0",
        "x.getDayOfMonth(y) == 0",
        "x.getDayOfWeek(y) == 0",
        "x.getDayOfYear(y) == 0",
        "x.getHours(y) == 0",
        "x.getMinutes() == 0",
        "x.getSeconds() == 0",
        "x.getMilliseconds(y) == 0",
        "x.in_cidr(y)",
        "x.all(e, e == y)",
        "x.exists(e, f, e == f)",
        "x.exists_one(e, e == y)",
        "x.map(e, y) == []",
        "x.filter(e, e == y) == []",
        "x.transformMap(i, e, y) == {}",
        "{x: y} == {}",
        "[x, y] == []",
    ];
    let double = |value| Value::Double(crate::value::Double::new(value).expect("no NaN"));
    let mut values = vec![
        Value::Null,
        Value::Bool(true),
        Value::Int(0),
        Value::Int(-1),
        Value::Int(i64::MIN),
        Value::Int(i64::MAX),
        Value::UInt(0),
        Value::UInt(u64::MAX),
        double(0.0),
        double(0.5),
        double(f64::MAX),
        double(f64::INFINITY),
        double(f64::NEG_INFINITY),
        double(-1e300),
        Value::Bytes(vec![]),
        Value::Bytes(vec![255, 0]),
        Value::Duration { nanoseconds: i64::MIN },
        Value::Duration { nanoseconds: i64::MAX },
        Value::Timestamp { seconds: crate::value::time::MIN_TIMESTAMP_SECONDS, nanoseconds: 0 },
        Value::Timestamp { seconds: crate::value::time::MAX_TIMESTAMP_SECONDS, nanoseconds: 999_999_999 },
        Value::List(vec![]),
        Value::List(vec![Value::Int(1), Value::Null]),
        Value::Map(BTreeMap::new()),
        Value::Map(BTreeMap::from([("a".into(), Value::Int(i64::MAX))])),
    ];
    values.extend(
        [
            "",
            "a",
            "é",
            "0",
            "-9223372036854775808",
            "1e999",
            "NaN",
            "inf",
            "true",
            "-00:00",
            "+23:59",
            "-99:99",
            "999999999999:0",
            "9999-12-31T23:59:59.999999999Z",
            "0001-01-01T00:00:00Z",
            "-9223372036s",
            "999999999999999999h",
            "UTC",
            "Asia/Kathmandu",
            "(",
            "10.0.0.0/8",
        ]
        .map(|text| Value::String(text.into())),
    );
    let mut tally = BTreeMap::<String, usize>::new();
    for expression in expressions {
        let caveat = caveat("x any, y any", expression);
        for (x, y) in values.iter().flat_map(|x| values.iter().map(move |y| (x, y))) {
            let request = Context::from([("x".into(), x.clone()), ("y".into(), y.clone())]);
            *tally.entry(words(&caveat.evaluate(&Context::new(), &request))).or_default() += 1;
        }
    }
    assert_eq!(tally.keys().map(String::as_str).collect::<Vec<_>>(), ["DH-C201", "false", "true"], "{tally:?}");
}

#[test]
fn ranges_of_addresses_are_exact() {
    for (address, range, expected) in [
        ("10.0.0.0", "10.0.0.0/8", "true"),
        ("10.255.255.255", "10.0.0.0/8", "true"),
        ("11.0.0.0", "10.0.0.0/8", "false"),
        ("10.1.2.3", "10.9.9.9/8", "true"),
        ("1.2.3.4", "0.0.0.0/0", "true"),
        ("1.2.3.4", "1.2.3.4/32", "true"),
        ("1.2.3.5", "1.2.3.4/32", "false"),
        ("1.2.3.5", "1.2.3.4/31", "true"),
        ("2001:db8::1", "2001:db8::/32", "true"),
        ("2001:db9::1", "2001:db8::/32", "false"),
        ("::", "::/0", "true"),
        ("::1", "::1/128", "true"),
        ("::2", "::1/128", "false"),
        ("::ffff:10.0.0.1", "10.0.0.0/8", "false"),
        ("10.0.0.1", "::ffff:10.0.0.0/104", "false"),
        ("10.0.0.1", "10.0.0.0/33", "DH-C201"),
        ("10.0.0.1", "10.0.0.0/08", "DH-C201"),
        ("10.0.0.1", "10.0.0.0/+8", "DH-C201"),
        ("10.0.0.1", "10.0.0.0/", "DH-C201"),
        ("10.0.0.1", "10.0.0/8", "DH-C201"),
        ("10.0.0.1", "10.0.0.0", "DH-C201"),
        ("10.0.0.1", "", "DH-C201"),
        ("fe80::1%eth0", "::/0", "DH-C203"),
        ("010.0.0.1", "10.0.0.0/8", "DH-C203"),
    ] {
        let request = serde_json::json!({"address": address, "range": range}).to_string();
        assert_eq!(words(&evaluate("address ipaddress, range string", "address.in_cidr(range)", &request)), expected, "{request}");
    }
    let same = evaluate("a ipaddress, b ipaddress", "a == b", r#"{"a": "2001:db8::1", "b": "2001:0DB8:0::0:1"}"#);
    assert_eq!(same, Outcome::True);
}

#[test]
fn the_name_of_a_type_is_its_text() {
    for text in ["any", "bool", "int", "uint", "double", "string", "bytes", "duration", "timestamp", "ipaddress", "list<map<list<any>>>"] {
        assert_eq!(text.parse::<ParameterType>().expect(text).to_string(), text);
    }
    assert_eq!(" map < list< int > > ".parse::<ParameterType>().expect("a type").to_string(), "map<list<int>>");
    let unknown = |name: &str, suggestion| ParameterTypeError::Unknown { name: name.to_owned(), suggestion };
    for (text, error) in [
        ("strnig", unknown("strnig", Some("string"))),
        ("", unknown("", None)),
        ("list", ParameterTypeError::WithoutItem("list")),
        ("map<list>", ParameterTypeError::WithoutItem("list")),
        ("list<>", unknown("", None)),
        ("int<string>", ParameterTypeError::Brackets),
        ("list<string", ParameterTypeError::Brackets),
        ("list<string>>", ParameterTypeError::Brackets),
        ("sett<string>", unknown("sett", None)),
    ] {
        assert_eq!(text.parse::<ParameterType>(), Err(error), "{text}");
    }
    let nested = |depth| format!("{}int{}", "list<".repeat(depth), ">".repeat(depth));
    assert!(nested(MAX_TYPE_DEPTH).parse::<ParameterType>().is_ok());
    assert_eq!(nested(100_000).parse::<ParameterType>(), Err(ParameterTypeError::TooDeep));
}

fn types() -> impl Strategy<Value = ParameterType> {
    let plain = ParameterType::NAMES.into_iter().filter_map(|name| name.parse().ok()).collect::<Vec<ParameterType>>();
    prop::sample::select(plain).prop_recursive(2, 4, 1, |inner| {
        prop_oneof![
            inner.clone().prop_map(|item| ParameterType::List(Box::new(item))),
            inner.prop_map(|item| ParameterType::Map(Box::new(item)))
        ]
    })
}

/// Text that is of several types at once, and values of all kinds.
fn convertible() -> impl Strategy<Value = Value> {
    let text = ["12", "-3", "1.5", "YQ==", "90m", "2024-01-01T00:00:00Z", "10.0.0.1", "::1", "Infinity", "x"];
    let text = prop::sample::select(text.to_vec()).prop_map(|text| Value::String(text.into()));
    let item = prop_oneof![text, crate::value::tests::values()];
    let list = prop::collection::vec(item.clone(), 0..3).prop_map(Value::List);
    let map = prop::collection::btree_map("[ab]".prop_map(Into::into), item.clone(), 0..3).prop_map(Value::Map);
    prop_oneof![2 => item, 1 => list, 1 => map]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_converted_value_is_of_its_type_and_survives_json(declared in types(), value in convertible()) {
        if let Ok(converted) = declared.convert(&value) {
            prop_assert_eq!(declared.convert(&converted), Ok(converted.clone()), "{}: a second conversion", declared);
            let in_any = declared.to_string().contains("any");
            if !in_any {
                let through_json = declared.convert(&from_json(&to_json(&converted)).expect("a value"));
                prop_assert_eq!(through_json, Ok(converted), "{}: through JSON", declared);
            }
        }
    }
}
