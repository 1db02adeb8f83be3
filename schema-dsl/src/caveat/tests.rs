//! Laws of caveats, one table per law.

use super::*;
use crate::value::context_from_json_object;

mod conformance;
mod cost;
mod functions;
mod hostile;
mod issues;
mod soundness;

fn caveat(parameters: &str, expression: &str) -> Caveat {
    try_caveat(parameters, expression).unwrap_or_else(|issues| panic!("{expression}: {issues:#?}"))
}

/// `name type, name type` as in the schema language.
fn try_caveat(parameters: &str, expression: &str) -> Result<Caveat, Vec<CaveatIssue>> {
    let parameter = |text: &str| {
        let (name, declared) = text.trim().split_once(' ').expect("a name and a type");
        (Name::from(name), declared.parse().expect("a type"))
    };
    let parameters = parameters.split(',').filter(|text| !text.trim().is_empty()).map(parameter).collect();
    Caveat::compile("test".into(), parameters, expression, None)
}

fn context(json: &str) -> Context {
    context_from_json_object(&serde_json::from_str(json).expect("JSON")).expect("a context")
}

fn evaluate(parameters: &str, expression: &str, request: &str) -> Outcome {
    caveat(parameters, expression).evaluate(&Context::new(), &context(request))
}

/// `true`, `false`, `missing a b`, or the code of the error.
fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::True => "true".to_owned(),
        Outcome::False => "false".to_owned(),
        Outcome::Missing(names) => names.iter().fold("missing".to_owned(), |words, name| format!("{words} {name}")),
        Outcome::Error(error) => error.code().to_owned(),
    }
}

#[test]
fn every_parameter_type_is_converted_and_evaluated() {
    for (parameters, expression, request, expected) in [
        ("x any", "x == 'a' || x == 1", r#"{"x": 1}"#, "true"),
        ("x bool", "x", r#"{"x": true}"#, "true"),
        ("x int", "x == 9007199254740993", r#"{"x": 9007199254740993}"#, "true"),
        ("x int", "x == -9223372036854775808", r#"{"x": "-9223372036854775808"}"#, "true"),
        ("x int", "x == 5", r#"{"x": 5.0}"#, "true"),
        ("x int", "x == 5", r#"{"x": 5.5}"#, "DH-C203"),
        ("x uint", "x == 18446744073709551615u", r#"{"x": 18446744073709551615}"#, "true"),
        ("x uint", "x == 1u", r#"{"x": -1}"#, "DH-C203"),
        ("x double", "x == 5.0", r#"{"x": 5}"#, "true"),
        ("x string", "x == 'a'", r#"{"x": "a"}"#, "true"),
        ("x string", "x == 'a'", r#"{"x": null}"#, "DH-C203"),
        ("x bytes", "x == b'abc'", r#"{"x": "YWJj"}"#, "true"),
        ("x bytes", "x == b'abc'", r#"{"x": "?"}"#, "DH-C203"),
        ("x duration", "x == duration('90m')", r#"{"x": "1h30m"}"#, "true"),
        ("x duration", "x < duration('0s') && x + duration('1.5s') == duration('0s')", r#"{"x": "-1.5s"}"#, "true"),
        ("x timestamp", "x < timestamp('2024-03-01T00:00:00Z')", r#"{"x": "2024-02-29T23:59:59+00:00"}"#, "true"),
        ("x timestamp", "x.getHours('+05:30') == 5", r#"{"x": "2024-01-01T00:00:00Z"}"#, "true"),
        ("x ipaddress", "x.in_cidr('10.0.0.0/8')", r#"{"x": "10.1.2.3"}"#, "true"),
        ("x ipaddress", "x.in_cidr('10.0.0.0/8')", r#"{"x": "11.1.2.3"}"#, "false"),
        ("x ipaddress", "x.in_cidr('::/0')", r#"{"x": "10.1.2.3"}"#, "false"),
        ("x ipaddress", "x.in_cidr('10.0.0.0/8')", r#"{"x": "::ffff:10.1.2.3"}"#, "false"),
        ("x ipaddress, net string", "x.in_cidr(net)", r#"{"x": "10.1.2.3", "net": "10.1.2.3/33"}"#, "DH-C201"),
        ("x ipaddress", "x.in_cidr('10.0.0.0/8')", r#"{"x": "10.1.2.256"}"#, "DH-C203"),
        ("x list<string>", "'a' in x", r#"{"x": ["b", "a"]}"#, "true"),
        ("x list<ipaddress>", "x.exists(ip, ip.in_cidr('10.0.0.0/8'))", r#"{"x": ["::1", "10.0.0.1"]}"#, "true"),
        ("x list<int>", "x[0] == 1", r#"{"x": ["a"]}"#, "DH-C203"),
        ("x list<int>", "x[-1] == 2", r#"{"x": [1, 2]}"#, "DH-C201"),
        ("x map<int>", "x.a == 1 && x['b'] == 2 && has(x.a) && !has(x.c)", r#"{"x": {"a": 1, "b": 2}}"#, "true"),
        ("x map<any>", "x.a.b == 'c'", r#"{"x": {"a": {"b": "c"}}}"#, "true"),
        ("x map<any>", "has(x.z.b)", r#"{"x": {"a": {"b": "c"}}}"#, "DH-C201"),
    ] {
        assert_eq!(words(&evaluate(parameters, expression, request)), expected, "{parameters} | {expression} | {request}");
    }
}

#[test]
fn a_caveat_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&caveat("a bool", "a"));
}

#[test]
fn stored_context_wins_and_undeclared_names_do_not_matter() {
    let caveat = caveat("limit int, n int", "n < limit");
    let outcome = caveat.evaluate(&context(r#"{"limit": 5}"#), &context(r#"{"limit": 100, "n": 7, "other": {"x": 1}}"#));
    assert_eq!(outcome, Outcome::False);
}

#[test]
fn of_two_errors_the_order_of_operands_does_not_choose() {
    for (one, other) in [("1 / x == 1", "l[x] == 1"), ("l[x + 5] == 1", "l[x + 7] == 1"), ("has(m.a.b)", "1 % x == 0")] {
        for operator in ["&&", "||"] {
            let of = |left: &str, right: &str| {
                evaluate("x int, l list<int>, m map<any>", &format!("{left} {operator} {right}"), r#"{"x": 0, "l": [], "m": {}}"#)
            };
            assert_eq!(words(&of(one, other)), "DH-C201", "{one} {operator} {other}");
            assert_eq!(of(one, other), of(other, one), "{one} {operator} {other}");
        }
    }
}

#[test]
fn missing_parameters_are_those_that_can_still_change_the_result() {
    for (parameters, expression, request, expected) in [
        ("a bool, b bool", "a && b", "{}", "missing a b"),
        ("a bool, b bool", "a && b", r#"{"b": false}"#, "false"),
        ("a bool, b bool", "a || b", r#"{"b": true}"#, "true"),
        ("a bool, b bool", "a && b", r#"{"b": true}"#, "missing a"),
        ("a bool, b int", "a || 1 / b == 1", r#"{"b": 0}"#, "missing a"),
        ("a bool, b int", "a && 1 / b == 1", r#"{"b": 0, "a": false}"#, "false"),
        ("a bool, b int", "a && 1 / b == 1", r#"{"b": 0, "a": true}"#, "DH-C201"),
        ("a bool, unused int", "a", "{}", "missing a"),
        ("a bool, b bool, c bool", "a ? b : c", "{}", "missing a b c"),
        ("a bool, b bool, c bool", "a ? b : c", r#"{"a": true}"#, "missing b"),
        ("a bool, b bool, c bool", "a ? b : c", r#"{"b": true, "c": true}"#, "true"),
        ("a bool, b bool, c bool", "a ? b : c", r#"{"b": true, "c": false}"#, "missing a"),
        ("a bool, b bool", "a ? b : false", r#"{"b": false}"#, "false"),
        ("a int, b bool", "1 / a == 1 ? b : true", r#"{"b": true}"#, "missing a"),
        ("a int, b int", "a + b > 3", r#"{"a": 1}"#, "missing b"),
        ("a int, b int, c bool", "(c && a > 1 ? 1 : 2) == b", r#"{"c": false}"#, "missing b"),
        ("a int, b int, c bool", "(c && a > 1 ? 1 : 2) == b", r#"{"c": false, "b": 2}"#, "true"),
        ("l list<int>, p int", "l.exists(x, x == p)", r#"{"l": [1]}"#, "missing p"),
        ("l list<int>, p int", "l.exists(x, x == p)", r#"{"l": []}"#, "false"),
        ("l list<int>, p int", "l.exists(x, x == 1 || x == p)", r#"{"l": [2, 1]}"#, "true"),
        ("l list<int>, p int, q int", "l.all(x, x > 1 ? x < p : x < q)", r#"{"l": [2, 3]}"#, "missing p"),
        ("l list<int>, p int, q int", "l.all(x, x > 1 ? x < p : x < q)", r#"{"l": [2, 0]}"#, "missing p q"),
        ("l list<int>, p int", "l.all(x, x < p)", r#"{"p": 1}"#, "missing l"),
        ("l list<int>, p int", "l.all(x, x < p)", "{}", "missing l p"),
        ("l list<int>, p int", "l.exists_one(x, x == p)", r#"{"l": [2, 3], "p": 3}"#, "true"),
        ("l list<int>, p int", "size(l.filter(x, x > p)) == 1", r#"{"l": [2, 3], "p": 2}"#, "true"),
        ("l list<int>, p int", "size(l.map(x, x + p)) == 2", r#"{"l": [2, 3]}"#, "missing p"),
        ("l map<int>, p int", "l.all(k, v, k != 'a' || v == p)", r#"{"l": {"b": 1}}"#, "true"),
        ("m map<any>, p bool", "has(m.a) && p", r#"{"m": {}}"#, "false"),
    ] {
        assert_eq!(words(&evaluate(parameters, expression, request)), expected, "{parameters} | {expression} | {request}");
    }
}
