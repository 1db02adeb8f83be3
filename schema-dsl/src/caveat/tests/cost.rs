//! The cost limit: what could run long is refused.

use cel_core::Value;

use super::*;

/// Expressions over `l list<int>`, `s list<string>`, `t string`, `p int` and `m map<any>`, each worse than linear somewhere.
const EXPENSIVE: &[&str] = &[
    "l.all(x, l.all(y, x == y || x != y))",
    "l.all(x, l.all(y, l.all(z, x + y + z >= 0)))",
    "l.exists(x, l.exists(y, x + y < 0))",
    "size(l.map(x, x + 1)) > 0",
    "size(l.map(x, l)) > 0",
    "size(l.map(x, l.map(y, [x, y]))) > 0",
    "size(l.filter(x, l.filter(y, y == x) == [x])) > 0",
    "size(s.map(x, x + x + x + x).map(x, x + x + x + x).map(x, x + x + x + x)) > 0",
    "s.map(x, t + t + t + t).map(x, x + x + x + x).exists(x, x == '')",
    "s.exists(x, t.contains(x + 'a'))",
    "s.exists(x, t.matches(x))",
    "s.all(x, !x.matches('^(a|b|ab)*c$'))",
    "s.all(x, !t.matches('(x+x+)+y'))",
    "l.all(x, x in l)",
    "l.all(x, [l, l, l, l] == [l, l, l, l])",
    "l.exists_one(x, l == l)",
    "l.transformMap(i, v, l) == {}",
    "s.all(x, size(t) > 0)",
    "l.all(x, timestamp('2024-01-01T00:00:00Z').getHours('America/Argentina/Buenos_Aires') > -1)",
    "l.all(x, string(x) + t != '')",
    "m.all(k, m.all(j, k == j || k != j))",
    "l.all(x, x == p || l.exists(y, y == p))",
    "l.all(x, p > 0 ? x >= 0 : x < p)",
];

/// Linear in what a request may bring: refused, if at all, for more than any request may bring.
const LINEAR: &[&str] = &[
    "t.matches('(a{9}){9}|.*.*.*.*.*=.*') || t.matches('^(([a-z])+.)+[A-Z]([a-z])+$') || t.matches('(a|aa|aaa|b)+$')",
    "t + t + t + t + t + t == t || t.contains(t + 'x') || size(t) == 0",
    "l == l && l + l != l && !(-1 in l) && m == m",
    "l.all(x, x >= 0) && l.exists(x, x == 0) && s.all(x, x.startsWith('a'))",
];

const PARAMETERS: &str = "l list<int>, s list<string>, t string, p int, m map<any>";

fn request(n: usize, with_p: bool) -> Context {
    let list = (0..n).collect::<Vec<_>>();
    let strings: Vec<String> = list.iter().map(|i| format!("a{i}ab")).collect();
    let map: serde_json::Value = list.iter().map(|i| (format!("k{i}"), serde_json::json!(i))).collect();
    let mut request = serde_json::json!({"l": list, "s": strings, "t": "ab".repeat(n), "m": map});
    if with_p {
        request["p"] = 1.into();
    }
    context_from_json_object(&request).expect("a context")
}

#[test]
fn what_grows_faster_than_its_input_is_refused() {
    for (expression, grows) in EXPENSIVE.iter().map(|e| (e, true)).chain(LINEAR.iter().map(|e| (e, false))) {
        let caveat = caveat(PARAMETERS, expression);
        let mut refused = 0;
        for (n, with_p) in (4..15).map(|power| 1usize << power).flat_map(|n| [(n, true), (n, false)]) {
            let request = request(n, with_p);
            let outcome = caveat.evaluate(&Context::new(), &request);
            println!("{} {expression} n={n} p={with_p}", words(&outcome));
            refused += usize::from(matches!(outcome, Outcome::Error(EvaluationError::Cost { .. })));
        }
        assert!(refused > 0 || !grows, "{expression} is never refused");
    }
}

#[test]
fn what_a_comprehension_gathers_is_copied_at_each_step() {
    let cost = |expression: &str, n: usize| {
        let list = Value::list((0..n).map(|i| i64::try_from(i).expect("small")));
        caveat(PARAMETERS, expression).expression.cost(&BTreeMap::from([("l".into(), list)]))
    };
    for (expression, grows) in [("l.all(x, x > 0)", 2.0), ("size(l.map(x, x)) > 0", 4.0), ("l.all(x, l.all(y, x > y))", 4.0)] {
        let ratio = cost(expression, 20_000) as f64 / cost(expression, 10_000) as f64;
        assert!((ratio - grows).abs() < 0.2, "{expression}: {ratio}");
    }
}
