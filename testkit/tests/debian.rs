//! The engine on data that nobody made up: the packages of this machine. Skipped, with a line, where there is no package index.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests may fail a test; clippy.toml lets off only the test functions themselves"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use dhow_engine::eval::{Decision, Evaluator};
use dhow_engine::search::Prepared;
use dhow_engine::state::State;
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::TupleKey;
use dhow_engine::validate::admit;
use dhow_schema::value::Context;
use dhow_testkit::debian::{Package, SCHEMA, STATUS_FILE, needs, packages};
use dhow_testkit::engine::state_of;

struct Machine {
    packages: std::collections::BTreeMap<String, Package>,
    schema: dhow_schema::ir::Schema,
    state: State,
    prepared: Prepared,
}

fn machine() -> Option<Machine> {
    if !Path::new(STATUS_FILE).exists() {
        eprintln!("skipped: there is no {STATUS_FILE} on this machine");
        return None;
    }
    let packages = packages(&std::fs::read_to_string(STATUS_FILE).unwrap());
    let schema = dhow_schema::compile_str(SCHEMA).unwrap();
    let tuples = packages.values().flat_map(Package::tuples);
    let tuples = tuples.map(|text| admit(&schema, &text.parse().unwrap()).unwrap_or_else(|error| panic!("{text}: {error}")));
    let state = state_of(tuples.collect());
    let prepared = Prepared::new(&state, Arc::new(schema.clone())).unwrap();
    eprintln!("{} packages, {} tuples", packages.len(), state.len());
    Some(Machine { packages, schema, state, prepared })
}

impl Machine {
    fn allowed(&self, question: &str) -> bool {
        let context = Context::new();
        let question: TupleKey = question.parse().unwrap();
        let plain = Evaluator::new(&self.schema, &self.state, Timestamp::MIN, &context).check(&question);
        assert_eq!(self.prepared.evaluator(Timestamp::MIN, &context).check(&question), plain, "{question}");
        match plain {
            Ok(Decision::Allowed) => true,
            Ok(Decision::Denied) => false,
            other => panic!("{question}: {other:?}"),
        }
    }

    /// Some of the packages, spread over the alphabet.
    fn sample(&self, count: usize) -> Vec<&str> {
        let step = self.packages.len().div_ceil(count).max(1);
        self.packages.keys().step_by(step).map(String::as_str).collect()
    }
}

#[test]
fn the_needs_of_a_package_are_those_of_a_plain_walk() {
    let Some(machine) = machine() else { return };
    for name in machine.sample(25) {
        let expected = needs(&machine.packages, name);
        for other in machine.sample(60).into_iter().chain(expected.iter().take(40).map(String::as_str)) {
            let question = format!("package:{name}#needs@package:{other}");
            assert_eq!(machine.allowed(&question), expected.contains(other), "{question}");
        }
    }
}

#[test]
fn who_is_trusted_maintains_something_that_is_needed() {
    let Some(machine) = machine() else { return };
    let maintainers: BTreeSet<&String> = machine.packages.values().filter_map(|package| package.maintainer.as_ref()).collect();
    for name in machine.sample(12) {
        let needed = needs(&machine.packages, name);
        let trusted: BTreeSet<&String> =
            needed.iter().filter_map(|other| machine.packages.get(other)).filter_map(|package| package.maintainer.as_ref()).collect();
        for maintainer in &maintainers {
            let question = format!("package:{name}#trusts@maintainer:{maintainer}");
            assert_eq!(machine.allowed(&question), trusted.contains(maintainer), "{question}");
        }
    }
}

#[test]
fn nobody_retires_an_essential_package_and_all_below_means_all() {
    let Some(machine) = machine() else { return };
    for (name, package) in &machine.packages {
        let Some(maintainer) = &package.maintainer else { continue };
        assert!(machine.allowed(&format!("package:{name}#maintain@maintainer:{maintainer}")));
        assert_eq!(machine.allowed(&format!("package:{name}#retire@maintainer:{maintainer}")), !package.essential, "{name}");
        let all = package
            .depends
            .iter()
            .all(|other| machine.packages.get(other).is_some_and(|other| other.maintainer.as_ref() == Some(maintainer)));
        let question = format!("package:{name}#maintains_all_below@maintainer:{maintainer}");
        assert_eq!(machine.allowed(&question), all && !package.depends.is_empty(), "{question}");
    }
    assert!(machine.packages.values().any(|package| package.essential), "a machine without essential packages");
}
