//! Runs one case through one implementation.

use super::{Ask, Case, Check, Decided, Decider, Expand, Expected, Failure, Item, Leaf, List, ListedItem, Setup};

/// What came of a case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many expectations were looked at.
    pub asked: usize,
    /// Each expectation that was not met, with what came instead.
    pub failures: Vec<String>,
}

impl Report {
    fn expect(&mut self, what: &str, expected: &str, found: &str) {
        self.asked += 1;
        if expected != found {
            self.failures.push(format!("{what}\n  expected: {}\n  found:    {}", inset(expected), inset(found)));
        }
    }
}

/// Further lines stand under the first.
fn inset(text: &str) -> String {
    text.trim_end().replace('\n', "\n            ")
}

/// Runs every expectation of a case. All of them are looked at, whatever fails before.
pub fn check_case<D: Decider>(decider: &D, case: &Case) -> Report {
    let mut report = Report::default();
    for wrong in &case.wrong_schemas {
        let setup = Setup { schema: &wrong.schema, imports: &wrong.imports, tuples: Vec::new(), at: &case.at };
        let found = match decider.open(&setup) {
            Ok(_) => "it compiles".to_owned(),
            Err(failures) => codes(&failures.into_iter().map(|failure| failure.code).collect::<Vec<_>>()),
        };
        report.expect(&format!("the schema\n{}", wrong.schema), &codes(&wrong.errors), &found);
    }
    let lines = case.tuples.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    let setup = Setup { schema: &case.schema, imports: &case.imports, tuples: lines.collect(), at: &case.at };
    let store = match decider.open(&setup) {
        Ok(store) => store,
        Err(failures) => {
            let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
            report.expect("schema and tuples", "they are accepted", &all.join("\n"));
            return report;
        }
    };
    if let Some(warnings) = &case.schema_warnings {
        report.expect("the schema's warnings", &codes(warnings), &codes(&decider.schema_warnings(&store)));
    }
    for refused in &case.refused {
        let found = decider.try_write(&store, &refused.tuple).map_or_else(|failure| failure.to_string(), |()| "it is written".to_owned());
        report.expect(&format!("write {}", refused.tuple), &refused.error, coded(&found, &refused.error));
    }
    for check in &case.checks {
        run_check(decider, &store, case, check, &mut report);
    }
    for (what, lists) in
        [("list objects", &case.list_objects), ("list subjects", &case.list_subjects), ("list permissions", &case.list_permissions)]
    {
        for list in lists {
            run_list(decider, &store, case, what, list, &mut report);
        }
    }
    for expand in &case.expand {
        run_expand(decider, &store, case, expand, &mut report);
    }
    report
}

fn codes(codes: &[String]) -> String {
    format!("codes {}", codes.join(", "))
}

/// The code alone where it is the expected one, so that the two texts are equal; else the whole failure.
fn coded<'a>(found: &'a str, code: &'a str) -> &'a str {
    if found.starts_with(&format!("error {code}:")) { code } else { found }
}

fn run_check<D: Decider>(decider: &D, store: &D::Store, case: &Case, check: &Check, report: &mut Report) {
    let at = check.at.as_ref().unwrap_or(&case.at);
    let ask = Ask { text: &check.ask, context: &check.context, with: &check.with, at };
    let found = decider.check(store, &ask).map_or_else(|failure| failure.to_string(), |decided| decided.to_string());
    let expected = match (check.expect, &check.error) {
        (Some(Expected::Allowed), _) => Decided::Allowed.to_string(),
        (Some(Expected::Denied), _) => Decided::Denied.to_string(),
        (Some(Expected::Conditional), _) => Decided::Conditional(check.missing.clone()).to_string(),
        (None, error) => error.clone().unwrap_or_default(),
    };
    let found = check.error.as_ref().map_or(found.as_str(), |code| coded(&found, code));
    report.expect(&describe("check", &ask), &expected, found);
}

fn run_list<D: Decider>(decider: &D, store: &D::Store, case: &Case, what: &str, list: &List, report: &mut Report) {
    let ask = Ask { text: &list.ask, context: &list.context, with: &list.with, at: list.at.as_ref().unwrap_or(&case.at) };
    let found = match (what, &list.subject_type) {
        ("list objects", _) => decider.list_objects(store, &ask),
        ("list subjects", Some(subject_type)) => decider.list_subjects(store, &ask, subject_type),
        _ => decider.list_permissions(store, &ask),
    };
    let found = found.map_or_else(|failure: Failure| failure.to_string(), |items| lines(&items));
    let expected = match (&list.expect, &list.error) {
        (Some(items), _) => lines(&items.iter().map(listed).collect::<Vec<_>>()),
        (None, error) => error.clone().unwrap_or_default(),
    };
    let found = list.error.as_ref().map_or(found.as_str(), |code| coded(&found, code));
    let what = list.subject_type.as_ref().map_or_else(|| what.to_owned(), |subject_type| format!("{what} of type {subject_type}"));
    report.expect(&describe(&what, &ask), &expected, found);
}

fn run_expand<D: Decider>(decider: &D, store: &D::Store, case: &Case, expand: &Expand, report: &mut Report) {
    let at = expand.at.as_ref().unwrap_or(&case.at);
    let none = serde_json::Map::new();
    let ask = Ask { text: &expand.ask, context: &none, with: &expand.with, at };
    let found = decider.expand(store, &ask, expand.depth).map_or_else(|failure| failure.to_string(), leaves);
    let expected = match (&expand.leaves, &expand.error) {
        (Some(expected), _) => {
            leaves(expected.iter().flat_map(|(userset, subjects)| subjects.iter().map(|subject| leaf(userset, subject))).collect())
        }
        (None, error) => error.clone().unwrap_or_default(),
    };
    let found = expand.error.as_ref().map_or(found.as_str(), |code| coded(&found, code));
    report.expect(&describe("expand", &ask), &expected, found);
}

fn leaf(userset: &str, subject: &str) -> Leaf {
    Leaf { userset: userset.to_owned(), subject: subject.to_owned() }
}

fn leaves(mut leaves: Vec<Leaf>) -> String {
    leaves.sort();
    let lines: Vec<String> = leaves.into_iter().map(|leaf| format!("{}@{}", leaf.userset, leaf.subject)).collect();
    if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") }
}

fn describe(what: &str, ask: &Ask<'_>) -> String {
    let mut text = format!("{what} {}", ask.text);
    if !ask.context.is_empty() {
        text += &format!(" with {}", serde_json::Value::Object(ask.context.clone()));
    }
    for tuple in ask.with {
        text += &format!(" and {tuple}");
    }
    text
}

fn lines(items: &[ListedItem]) -> String {
    if items.is_empty() {
        return "nothing".to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn listed(item: &Item) -> ListedItem {
    match item {
        Item::Certain(item) => ListedItem { item: item.clone(), missing: Vec::new(), except: Vec::new() },
        Item::Detailed(detailed) => ListedItem {
            item: detailed.item.clone(),
            missing: detailed.missing.clone(),
            except: detailed.except.iter().map(listed).collect(),
        },
    }
}
