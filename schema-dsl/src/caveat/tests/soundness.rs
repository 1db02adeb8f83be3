//! Laws of three-valued evaluation on random expressions, against every completion of every partial context, and against cel-core.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

const PARAMETERS: &str = "a bool, b bool, c bool, i int, j int, l list<int>";

/// What each parameter may be; small, so that all completions can be tried.
const DOMAIN: [(&str, &[&str]); 6] = [
    ("a", &["true", "false"]),
    ("b", &["true", "false"]),
    ("c", &["true", "false"]),
    ("i", &["0", "2"]),
    ("j", &["0", "1"]),
    ("l", &["[]", "[0, 2]"]),
];

/// A random expression of type bool, or (the last four) int.
#[derive(Debug, Clone)]
enum Tree {
    Leaf(&'static str),
    Not(Box<Tree>),
    Logic(&'static str, Box<Tree>, Box<Tree>),
    Choice(Box<Tree>, Box<Tree>, Box<Tree>),
    /// A comparison of ints, or of bools.
    Compare(&'static str, Box<Tree>, Box<Tree>),
    In(Box<Tree>),
    Macro(&'static str, Box<Tree>),
    Int(&'static str),
    Arithmetic(&'static str, Box<Tree>, Box<Tree>),
    Index(Box<Tree>),
    Count(Box<Tree>),
}

impl Tree {
    /// The text; mirrored, the operands of every `&&` and `||` change sides.
    fn text(&self, mirrored: bool) -> String {
        let of = |tree: &Self| tree.text(mirrored);
        match self {
            Self::Leaf(name) | Self::Int(name) => (*name).to_owned(),
            Self::Not(tree) => format!("!({})", of(tree)),
            Self::Logic(operator, left, right) if mirrored => format!("({} {operator} {})", of(right), of(left)),
            Self::Choice(condition, then, otherwise) => format!("({} ? {} : {})", of(condition), of(then), of(otherwise)),
            Self::Logic(operator, left, right) | Self::Compare(operator, left, right) | Self::Arithmetic(operator, left, right) => {
                format!("({} {operator} {})", of(left), of(right))
            }
            Self::In(tree) => format!("({} in l)", of(tree)),
            Self::Macro(name, body) => format!("l.{name}(x, {})", of(body)),
            Self::Index(tree) => format!("l[{}]", of(tree)),
            Self::Count(body) => format!("size(l.filter(x, {}))", of(body)),
        }
    }
}

fn boxed<T: Strategy<Value = Tree>>(tree: T) -> impl Strategy<Value = Box<Tree>> {
    tree.prop_map(Box::new)
}

/// Expressions of type bool; `x` is a name that comprehensions bind, and a parameter nowhere.
fn expressions(in_loop: bool, depth: u32) -> BoxedStrategy<Tree> {
    let leaf = prop::sample::select(vec!["a", "b", "c", "true", "false"]).prop_map(Tree::Leaf);
    if depth == 0 {
        return leaf.boxed();
    }
    let bool_tree = move || boxed(expressions(in_loop, depth - 1));
    let int_tree = move || boxed(numbers(in_loop, depth - 1));
    let body = move || boxed(expressions(true, depth.min(3) - 1));
    prop_oneof![
        1 => leaf,
        1 => bool_tree().prop_map(Tree::Not),
        4 => (prop::sample::select(vec!["&&", "||"]), bool_tree(), bool_tree()).prop_map(|(op, l, r)| Tree::Logic(op, l, r)),
        2 => (bool_tree(), bool_tree(), bool_tree()).prop_map(|(c, t, e)| Tree::Choice(c, t, e)),
        3 => (prop::sample::select(vec!["==", "<", ">="]), int_tree(), int_tree()).prop_map(|(op, l, r)| Tree::Compare(op, l, r)),
        1 => (bool_tree(), bool_tree()).prop_map(|(l, r)| Tree::Compare("==", l, r)),
        1 => int_tree().prop_map(Tree::In),
        2 => (prop::sample::select(vec!["all", "exists", "exists_one"]), body()).prop_map(|(name, body)| Tree::Macro(name, body)),
    ]
    .boxed()
}

fn numbers(in_loop: bool, depth: u32) -> BoxedStrategy<Tree> {
    let names = if in_loop { vec!["x", "x", "i", "j", "1"] } else { vec!["i", "j", "0", "1"] };
    let leaf = prop::sample::select(names).prop_map(Tree::Int);
    if depth == 0 {
        return leaf.boxed();
    }
    let bool_tree = move || boxed(expressions(in_loop, depth - 1));
    let int_tree = move || boxed(numbers(in_loop, depth - 1));
    prop_oneof![
        4 => leaf,
        2 => (prop::sample::select(vec!["+", "/"]), int_tree(), int_tree()).prop_map(|(op, l, r)| Tree::Arithmetic(op, l, r)),
        1 => (bool_tree(), int_tree(), int_tree()).prop_map(|(c, t, e)| Tree::Choice(c, t, e)),
        1 => int_tree().prop_map(Tree::Index),
        1 => boxed(expressions(true, depth.min(2) - 1)).prop_map(Tree::Count),
    ]
    .boxed()
}

/// A context with a value of its domain for each parameter that `choice` gives one; `None`: not bound.
fn bind(choice: &[Option<usize>]) -> Context {
    let bound = DOMAIN.iter().zip(choice).filter_map(|((name, values), choice)| Some((*name, values[(*choice)? % values.len()])));
    context(&format!("{{{}}}", bound.map(|(name, value)| format!("\"{name}\": {value}")).collect::<Vec<_>>().join(",")))
}

/// All contexts that bind what `choice` leaves open.
fn completions(choice: &[Option<usize>]) -> Vec<Vec<Option<usize>>> {
    let mut completions = vec![Vec::new()];
    for ((_, values), chosen) in DOMAIN.iter().zip(choice) {
        let options: Vec<usize> = chosen.map_or_else(|| (0..values.len()).collect(), |index| vec![index]);
        let extend = |so_far: &Vec<Option<usize>>| {
            options.iter().map(|index| so_far.iter().copied().chain([Some(*index)]).collect()).collect::<Vec<_>>()
        };
        completions = completions.iter().flat_map(extend).collect();
    }
    completions
}

/// What cel-core makes of the whole expression with every parameter bound.
fn by_cel_core(text: &str, context: &Context) -> Option<bool> {
    let mut env = cel_core::Env::with_standard_library();
    let mut activation = cel_core::MapActivation::new();
    for (name, value) in context {
        let declared: ParameterType = match &**name {
            "l" => "list<int>".parse().expect("a type"),
            "i" | "j" => ParameterType::Int,
            _ => ParameterType::Bool,
        };
        env.add_variable(name.to_string(), library::cel_type(&declared));
        activation.insert(name.to_string(), library::bridge::to_cel(value, &declared));
    }
    let program = env.program(&env.compile(text).expect("checked")).expect("a program");
    if let cel_core::Value::Bool(value) = program.eval(&activation) { Some(value) } else { None }
}

#[test]
fn partial_answers_hold_under_every_completion() {
    let mut tally = BTreeMap::<String, usize>::new();
    let mut runner = TestRunner::new(Config { cases: 1_500, failure_persistence: None, ..Config::default() });
    let choice = prop::collection::vec(prop::option::weighted(0.5, 0..2usize), DOMAIN.len());
    let tally_in = std::cell::RefCell::new(&mut tally);
    let law = |(tree, choice): (Tree, Vec<Option<usize>>)| {
        let text = tree.text(false);
        let caveat = caveat(PARAMETERS, &text);
        let partial = bind(&choice);
        let outcome = caveat.evaluate(&partial, &Context::new());
        *tally_in.borrow_mut().entry(words(&outcome).split(' ').next().unwrap_or_default().to_owned()).or_default() += 1;

        let mirrored = super::caveat(PARAMETERS, &tree.text(true)).evaluate(&Context::new(), &partial);
        prop_assert_eq!(&mirrored, &outcome, "{}: the order of operands matters", &text);

        let complete: Vec<Context> = completions(&choice).iter().map(|choice| bind(choice)).collect();
        for complete in &complete {
            let finally = caveat.evaluate(complete, &Context::new());
            let expected = match by_cel_core(&text, complete) {
                Some(true) => matches!(finally, Outcome::True),
                Some(false) => matches!(finally, Outcome::False),
                None => matches!(finally, Outcome::Error(_)),
            };
            prop_assert!(expected, "{text} with {complete:?} is {finally:?}, not what cel-core finds");
            match &outcome {
                Outcome::True | Outcome::False => prop_assert_eq!(&finally, &outcome, "{} with {:?}", &text, complete),
                Outcome::Error(_) => prop_assert!(matches!(finally, Outcome::Error(_)), "{text} with {complete:?} is {finally:?}"),
                Outcome::Missing(missing) => {
                    prop_assert!(!missing.is_empty() && missing.is_subset(caveat.references()));
                    prop_assert!(missing.iter().all(|name| !partial.contains_key(name)), "{text}: {missing:?} is bound");
                    let with = complete.iter().filter(|(name, _)| partial.contains_key(*name) || missing.contains(*name));
                    let with: Context = with.map(|(name, value)| (name.clone(), value.clone())).collect();
                    let then = caveat.evaluate(&with, &Context::new());
                    prop_assert_eq!(&then, &finally, "{} still lacks something with {:?}", &text, with);
                }
            }
        }
        Ok(())
    };
    runner.run(&(expressions(false, 4), choice), law).unwrap_or_else(|error| panic!("{error}"));
    println!("{tally:?}");
    let of = |word: &str| tally.get(word).copied().unwrap_or_default();
    assert!(of("true") > 100 && of("false") > 100 && of("missing") > 300 && of("DH-C201") > 15, "{tally:?}");
}
