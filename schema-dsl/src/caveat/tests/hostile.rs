//! Text and values that are made to hurt end in a coded error, on a small stack.

use super::*;

/// Half of what a thread usually has.
const STACK_BYTES: usize = 1024 * 1024;

/// Runs on a small stack.
fn bounded<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).expect("a thread").join().expect("an end without a panic")
}

type Shape = (&'static str, fn(usize) -> String);

/// Shapes that nest with n, each with the parameters `a bool, l list<int>, m map<any>`.
fn shapes() -> Vec<Shape> {
    vec![
        ("sum", |n| format!("1{} > 0", "+1".repeat(n))),
        ("difference", |n| format!("1{} > 0", "-1".repeat(n))),
        ("and", |n| format!("a{}", " && a".repeat(n))),
        ("or", |n| format!("a{}", " || a".repeat(n))),
        ("select", |n| format!("m{} == 1", ".x".repeat(n))),
        ("index", |n| format!("m{} == 1", "['x']".repeat(n))),
        ("call", |n| format!("m{} == 1", ".size()".repeat(n))),
        ("not", |n| format!("{}a", "!".repeat(n))),
        ("minus", |n| format!("{}1 == 1", "-".repeat(n))),
        ("choice in else", |n| format!("{}a", "a ? a : ".repeat(n))),
        ("choice in then", |n| format!("{}a{}", "a ? ".repeat(n), " : a".repeat(n))),
        ("parentheses", |n| format!("{}a{}", "(".repeat(n), ")".repeat(n))),
        ("list", |n| format!("{}1{} == []", "[".repeat(n), "]".repeat(n))),
        ("map", |n| format!("{}1{} == {{}}", "{1:".repeat(n), "}".repeat(n))),
        ("nested index", |n| format!("{}0{} == 0", "l[".repeat(n), "]".repeat(n))),
        ("nested call", |n| format!("{}l{} == 0", "dyn(".repeat(n), ")".repeat(n))),
        ("nested all", |n| format!("{}a{}", "l.all(x, a && ".repeat(n), ")".repeat(n))),
        ("nested map", |n| format!("size({}l{}) == 0", "l.map(x, ".repeat(n), ")".repeat(n))),
        ("chained map", |n| format!("size(l{}) == 0", ".map(x, x)".repeat(n))),
        ("relation", |n| format!("a{}", " == a".repeat(n))),
        ("mixed", |n| format!("{}a{}", "!(a && (1+1+1+1 > 1 ? ".repeat(n), " : a))".repeat(n))),
        ("message", |n| format!("{}1{} == 1", "A{x:".repeat(n), "}".repeat(n))),
        ("deep end first", |n| format!("({}1{}){} > 0", "(".repeat(n / 2), ")".repeat(n / 2), "+1".repeat(n / 2))),
        ("open", |n| "(".repeat(n)),
        ("open in chains", |n| "1+1+1+1+(".repeat(n)),
        ("open negations", |n| "!!!!(".repeat(n)),
        ("open lists", |n| "[1,".repeat(n)),
    ]
}

const PARAMETERS: &str = "a bool, l list<int>, m map<any>";

#[test]
fn endless_chains_are_refused_with_a_code() {
    for (name, shape) in shapes() {
        for n in [2_000, 5_000, 100_000] {
            let text = shape(n);
            let issues = bounded(move || try_caveat(PARAMETERS, &text).map(drop).expect_err("too much"));
            let codes: Vec<&str> = issues.iter().map(|issue| issue.code).collect();
            assert!(matches!(*codes, [codes::TOO_LONG | codes::TOO_MANY_TOKENS | codes::TOO_DEEP]), "{name} of {n}: {codes:?}");
        }
    }
}

#[test]
fn the_deepest_expressions_that_are_taken_fit_a_small_stack() {
    let mut taken = 0;
    for (name, shape) in shapes() {
        let deepest = (1..=MAX_TOKENS).take_while(|n| !matches!(scan::scan(&shape(*n)), Err(issue) if issue.code != codes::LEXICAL)).last();
        let text = shape(deepest.unwrap_or_else(|| panic!("{name}: not even one")));
        println!("{name}: {deepest:?}");
        taken += bounded(move || {
            let Ok(caveat) = try_caveat(PARAMETERS, &text) else { return 0 };
            for request in ["{}", r#"{"a": true}"#, r#"{"a": false, "l": [0], "m": {"x": 1}}"#] {
                std::hint::black_box(caveat.evaluate(&Context::new(), &context(request)));
            }
            drop(caveat);
            1
        });
    }
    assert!(taken > 12, "only {taken} shapes were caveats at all");
}
