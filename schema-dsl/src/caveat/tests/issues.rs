//! Wrong caveats: what is reported, where, and what helps.

use super::*;

/// Code, the text it is about, message and help of the only issue.
fn issue(parameters: &str, expression: &str) -> (&'static str, String, String, String) {
    let issues = try_caveat(parameters, expression).map(drop).expect_err(expression);
    let [issue] = issues.as_slice() else { panic!("{expression}: {issues:#?}") };
    let about = expression.get(issue.range.clone()).unwrap_or_else(|| panic!("{expression}: {issue:?}"));
    (issue.code, about.to_owned(), issue.message.clone(), issue.help.clone().unwrap_or_default())
}

#[test]
fn each_issue_has_its_code_its_place_and_help() {
    let parameters = "limit int, ip ipaddress, name string, names list<string>, any any, m map<int>";
    for (expression, code, about, message, help) in [
        ("", "DH-C007", "", "the caveat has no expression", "write `true` if it always holds"),
        (" // only a comment", "DH-C007", " // only a comment", "the caveat has no expression", "write `true` if it always holds"),
        ("limit > ", "DH-C005", "", "unexpected end of the expression", ""),
        ("(limit > 1", "DH-C005", "", "expected `)`, found the end", ""),
        ("limit > 1)", "DH-C005", ")", "unexpected `)`", ""),
        ("limit = 1", "DH-C004", "=", "unknown character `=`", "equality is written `==`"),
        ("limit > 1 & true", "DH-C004", "&", "unknown character `&`", "logical operators are written `&&` and `||`"),
        ("limit > 1 # no", "DH-C004", "#", "unknown character `#`", ""),
        ("name == 'a", "DH-C004", "'a", "the quoted text has no end", ""),
        ("name == '\\y'", "DH-C004", "\\y", "unknown escape in quoted text", "a backslash itself is written `\\\\`"),
        ("limit > 99999999999999999999", "DH-C004", "99999999999999999999", "`99999999999999999999` is no number", ""),
        ("limit > 1x", "DH-C004", "1x", "`1x` is no number", ""),
        ("__result__ == 1", "DH-C004", "__result__", "`__result__` is reserved", ""),
        (
            "`limit` == 1",
            "DH-C005",
            "`limit`",
            "a name in backticks can only follow a `.`",
            "parameters and functions are written without backticks",
        ),
        ("limitt > 1", "DH-C101", "limitt", "unknown parameter `limitt`", "did you mean `limit`?"),
        ("other > 1", "DH-C101", "other", "unknown parameter `other`", "declare it in the parentheses after the caveat's name"),
        ("siz(name) > 1", "DH-C102", "siz", "unknown function `siz`", "did you mean `size`?"),
        ("name.startWith('a')", "DH-C102", "startWith", "unknown function `startWith`", "did you mean `startsWith`?"),
        ("names.exist(name, name == '')", "DH-C102", "exist", "unknown function `exist`", "did you mean `exists`?"),
        (
            "name.in_cidr('10.0.0.0/8')",
            "DH-C103",
            "name.in_cidr('10.0.0.0/8')",
            "`in_cidr` cannot be applied to (string, string)",
            "`in_cidr` is a method of ipaddress and takes text such as `\"10.0.0.0/8\"`",
        ),
        ("ip == '10.0.0.1'", "DH-C103", "ip == '10.0.0.1'", "`==` cannot be applied to ipaddress and string", ""),
        ("limit > 'a'", "DH-C103", "limit > 'a'", "`>` cannot be applied to int and string", ""),
        ("limit in names", "DH-C103", "limit in names", "`in` cannot be applied to int and list<string>", ""),
        ("!limit", "DH-C103", "!limit", "`!` cannot be applied to int", ""),
        (
            "limit + 1.5 > 2.0",
            "DH-C103",
            "limit + 1.5",
            "`+` cannot be applied to int and double",
            "CEL does not mix int, uint and double; convert with `int()`, `uint()` or `double()`",
        ),
        ("names['a'] == ''", "DH-C103", "names['a']", "list<string> cannot be indexed with string", ""),
        ("limit ? true : false", "DH-C104", "limit", "expected bool, found int", ""),
        ("name.length == 1", "DH-C105", "name.length", "string has no field `length`", ""),
        ("size(name, name) > 1", "DH-C106", "size(name, name)", "`size` expects exactly 1 argument, got 2", ""),
        ("limit", "DH-C107", "limit", "the expression is int, not bool", "a caveat either holds or not"),
        ("any", "DH-C107", "any", "the expression is any, not bool", "compare it, such as `… == true`"),
        ("name.matches('(a')", "DH-C108", "'(a'", "the regular expression does not follow RE2's syntax", ""),
        ("name.matches('(?=a)')", "DH-C108", "'(?=a)'", "the regular expression does not follow RE2's syntax", ""),
        ("ip.in_cidr('10.0.0.0')", "DH-C109", "'10.0.0.0'", "`in_cidr` needs a range such as `10.0.0.0/8`", ""),
        ("ip.in_cidr('10.0.0.0/33')", "DH-C109", "'10.0.0.0/33'", "`in_cidr` needs a range such as `10.0.0.0/8`", ""),
        ("duration('1 day') > duration('1s')", "DH-C109", "'1 day'", "`duration` needs text such as `1h30m`", ""),
        (
            "timestamp('2024-01-01') > timestamp('2024-01-01T00:00:00Z')",
            "DH-C109",
            "'2024-01-01'",
            "`timestamp` needs an RFC 3339 time such as `2024-01-31T12:00:00Z`",
            "",
        ),
        ("Message{a: 1} == null", "DH-C006", "Message{a: 1}", "caveats cannot build messages", ""),
    ] {
        let (found_code, found_about, found_message, found_help) = issue(parameters, expression);
        assert_eq!((found_code, &*found_about, &*found_message), (code, about, message), "{expression}");
        if !help.is_empty() {
            assert_eq!(found_help, help, "{expression}");
        }
    }
}

#[test]
fn all_issues_of_a_caveat_are_reported_in_order() {
    let issues = try_caveat("limit int", "limt > 1 && siz(limit) > 2 && limit > 'a'").map(drop).expect_err("three");
    let codes: Vec<_> = issues.iter().map(|issue| (issue.code, issue.range.start)).collect();
    assert_eq!(codes, [("DH-C101", 0), ("DH-C102", 12), ("DH-C103", 30)]);
}

#[test]
fn extensions_of_cel_are_unknown() {
    for expression in ["cel.bind(x, limit, x > 1)", "limit.optMap(x, x)", "proto.hasExt(limit, a.b)", "math.greatest(limit, 1) > 1"] {
        let issues = try_caveat("limit int", expression).map(drop).expect_err(expression);
        let known = |issue: &CaveatIssue| matches!(issue.code, codes::UNKNOWN_NAME | codes::UNKNOWN_FUNCTION | codes::FIELD);
        assert!(issues.iter().all(known), "{expression}: {issues:#?}");
    }
    for expression in ["limit.?x == 1", "[?limit] == []", "{?1: limit} == {}", "[1][?0] == 1"] {
        let issues = try_caveat("limit int", expression).map(drop).expect_err(expression);
        assert!(issues.iter().any(|issue| issue.code == codes::UNSUPPORTED), "{expression}: {issues:#?}");
    }
}

#[test]
fn a_parameter_that_cel_could_not_name_is_refused() {
    for (parameters, code) in [
        ("type string", "DH-C008"),
        ("in string", "DH-C008"),
        ("a-b string", "DH-C008"),
        ("__result__ string", "DH-C008"),
        ("a int, a string", "DH-C009"),
    ] {
        let issues = try_caveat(parameters, "true").map(drop).expect_err(parameters);
        assert_eq!(issues.iter().map(|issue| issue.code).collect::<Vec<_>>(), [code], "{parameters}");
    }
}

#[test]
fn every_code_is_in_the_table_once_and_sorted() {
    assert!(CODES.is_sorted_by(|(one, _), (other, _)| one < other));
}

#[test]
fn context_to_be_stored_is_declared_typed_and_bounded() {
    let caveat = caveat("limit int, ip ipaddress, tags map<list<bytes>>, text string", "limit > 1 || text != ''");
    for (given, expected) in [
        (r#"{"limit": "12"}"#, Ok(r#"{"limit":12}"#)),
        (r#"{"limit": 12.0, "ip": "2001:DB8:0:0::1"}"#, Ok(r#"{"ip":"2001:db8::1","limit":12}"#)),
        (r#"{"tags": {"a": ["YQ=="]}}"#, Ok(r#"{"tags":{"a":["YQ=="]}}"#)),
        (r#"{"limt": 12}"#, Err(("DH-C301", "caveat `test` has no parameter `limt`"))),
        (r#"{"limit": "x"}"#, Err(("DH-C302", "caveat `test`, parameter `limit`: expected int, found text that is no such number"))),
        (r#"{"tags": {"a": ["YQ==", 7]}}"#, Err(("DH-C302", "caveat `test`, parameter `tags.a[1]`: expected bytes, found int"))),
        (r#"{"limit": null}"#, Err(("DH-C302", "caveat `test`, parameter `limit`: expected int, found null"))),
    ] {
        let found = caveat.admit(&context(given));
        let found = found.map(|context| crate::value::context_to_json(&context).to_string());
        let found = found.map_err(|error| (error.code(), error.to_string()));
        assert_eq!(found, expected.map(str::to_owned).map_err(|(code, text)| (code, text.to_owned())), "{given}");
    }
    let large = Context::from([("text".into(), crate::value::Value::String("x".repeat(MAX_CONTEXT_BYTES).into()))]);
    let error = caveat.admit(&large).expect_err("too large");
    assert_eq!(error.code(), "DH-C303");
}

#[test]
fn one_request_can_share_a_budget_over_many_evaluations() {
    let caveat = caveat("l list<int>", "l.all(x, x > 0)");
    let request = context(&format!("{{\"l\": [{}]}}", ["1"; 100].join(",")));
    let mut budget = 3_000;
    let outcomes: Vec<String> = (0..10).map(|_| words(&caveat.evaluate_within(&Context::new(), &request, &mut budget))).collect();
    assert_eq!(outcomes.first().map(String::as_str), Some("true"));
    assert_eq!(outcomes.last().map(String::as_str), Some("DH-C202"));
}
