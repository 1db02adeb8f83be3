//! Runs the decision suites of another engine, and our own models, through `dhow schema test`.
//!
//! Where the README of the suites has a table of files and assertions, those numbers must be reached; and always every file must be read,
//! and every question in it must be asked. (What the calls of a server say to the same questions is in `src/api/tests/suites.rs`.)

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests may fail a test; clippy.toml lets off only the test functions themselves"
)]

use std::path::Path;
use std::process::Command;

use dhow_testkit::suites::{SUITES, folder, promised, say};
use serde_json::Value;

/// Runs a folder; gives the failures as text and the summary of the folder.
fn run(folder: &Path) -> (i32, String, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_dhow")).args(["schema", "test", "--output", "json"]).arg(folder).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let (failures, last) = stdout.trim_end().rsplit_once('\n').unwrap_or(("", stdout.trim_end()));
    let summary: Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("no summary: {stdout}"));
    let summary = summary["summary"].as_object().unwrap().values().next().unwrap().clone();
    (output.status.code().unwrap(), failures.to_owned(), summary)
}

/// The questions of a folder's files, counted without reading YAML: the list items below `assertions`. There may be more of them, in
/// lists that stand in one line.
fn questions(folder: &Path) -> (u64, u64) {
    let (mut files, mut questions) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        files += 1;
        let text = std::fs::read_to_string(path).unwrap();
        let mut asking = false;
        for line in text.lines() {
            if !line.is_empty() && !line.starts_with([' ', '-', '#']) {
                asking = line.starts_with("assertions:");
            }
            questions += u64::from(asking && line.trim_start().starts_with("- "));
        }
    }
    (files, questions)
}

#[test]
fn every_answer_of_the_suites_is_ours() {
    let Some(root) = folder() else { return };
    for suite in SUITES {
        let folder = root.join(suite);
        let (code, failures, summary) = run(&folder);
        assert_eq!(code, 0, "{suite}: {failures}\n{summary}");
        let count = |field: &str| summary[field].as_u64().unwrap();
        let (files, questions) = questions(&folder);
        assert!(files > 0 && questions > 0, "{suite} is empty");
        assert_eq!(count("files"), files, "{suite} was not read to its end");
        assert!(count("assertions") >= questions, "{suite} was not read to its end: {summary}");
        if let Some(promised) = promised(&root, suite) {
            assert_eq!((files, count("assertions")), promised, "{suite} is not what its README says");
        }
        say(&format!(
            "{suite}: {files} files, {} assertions as expected ({} allowed, {} denied, {} conditional), {} expectations",
            count("assertions"),
            count("allowed"),
            count("denied"),
            count("conditional"),
            count("expectations")
        ));
    }
}

#[test]
fn our_own_models_decide_as_they_say() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata");
    for model in ["registry", "filetree", "saas", "validation"] {
        let (code, failures, summary) = run(&testdata.join(model));
        assert_eq!(code, 0, "{model}: {failures}\n{summary}");
        let (assertions, expectations) = (summary["assertions"].as_u64().unwrap(), summary["expectations"].as_u64().unwrap());
        assert!(assertions > 0 && expectations > 0, "{model}: {summary}");
        say(&format!("{model}: {assertions} assertions and {expectations} expectations as expected"));
    }
}

#[test]
fn a_wrong_expectation_is_reported_with_its_line_and_answer() {
    let folder = tempfile::tempdir().unwrap();
    let text = concat!(
        "schema: |-\n  definition user {}\n  definition doc {\n    relation viewer: user | user:*\n    relation banned: user\n",
        "    permission view = viewer - banned\n  }\n",
        "relationships: |-\n  doc:a#viewer@user:ada\n  doc:a#viewer@user:bob\n  doc:b#viewer@user:*\n",
        "  doc:c#viewer@user:*\n  doc:c#banned@user:eve\n",
        "assertions:\n  assertTrue:\n    - doc:a#view@user:ada\n    - doc:a#view@user:eve\n  assertCaveated:\n    - doc:a#veiw@user:eve\n",
        "validation:\n  doc:a#view:\n    - \"[user:ada] is <doc:a#banned>\"\n  doc:b#view:\n    - \"[user:* - {user:ada}] is <doc:b#viewer>\"\n",
        "  doc:c#view:\n    - \"[user:*] is <doc:c#viewer>\"\n",
    );
    std::fs::write(folder.path().join("wrong.yaml"), text).unwrap();
    let (code, failures, summary) = run(folder.path());
    assert_eq!(code, 1);
    let failures: Vec<Value> = failures.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<(u64, &str)> = failures.iter().map(|one| (one["line"].as_u64().unwrap(), one["got"].as_str().unwrap())).collect();
    assert_eq!(
        found,
        [
            (17, "denied"),
            (19, "error[unknown_relation]: type `doc` has no relation or permission `veiw`; did you mean `view`?"),
            (22, "there is none"),
            (21, "allowed"),
            (24, "allowed"),
            (25, "denied"),
        ]
    );
    assert_eq!(
        (failures[3]["question"].as_str(), failures[5]["question"].as_str()),
        (Some("doc:a#view@user:bob"), Some("doc:c#view@user:eve"))
    );
    assert_eq!((summary["assertions"].as_u64(), summary["failed"].as_u64()), (Some(3), Some(6)));
    // The path that decided; where there is no decision there is none.
    let why: Vec<&str> = failures.iter().map(|one| one["why"].as_str().unwrap()).collect();
    assert!(why[0].contains("no: no tuple of doc:a#viewer matches"), "{}", why[0]);
    assert!(why[1].is_empty());
    assert!(why[3].contains("yes: tuple doc:a#viewer@user:bob"), "{}", why[3]);
    assert!(why[5].contains("taken out by banned"), "{}", why[5]);
}

/// Runs one file of `testdata/validation` after a change to its text; gives the exit code, and assertions and failures counted.
fn run_changed(name: &str, change: impl Fn(&str) -> String) -> (i32, u64, u64) {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/validation").join(name)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), change(&text)).unwrap();
    let (code, _, summary) = run(folder.path());
    (code, summary["assertions"].as_u64().unwrap(), summary["failed"].as_u64().unwrap())
}

#[test]
fn no_assertion_holds_under_another_heading() {
    let turn = [("assertTrue", "assertFalse"), ("assertFalse", "assertCaveated"), ("assertCaveated", "assertTrue")];
    for name in ["wildcards.yaml", "caveated.yaml"] {
        let turned = run_changed(name, |text| {
            text.lines().fold(String::new(), |all, line| {
                let heading = turn.iter().find(|(heading, _)| line.trim() == format!("{heading}:"));
                all + &heading.map_or_else(|| line.to_owned(), |(_, next)| format!("  {next}:")) + "\n"
            })
        });
        assert!(turned.0 == 1 && turned.1 == turned.2 && turned.1 > 10, "{name}: {turned:?}");
    }
}

#[test]
fn an_expected_subject_that_is_left_out_or_changed_is_missed() {
    let name = "caveated.yaml";
    let change_line = |number: usize, change: &dyn Fn(&str) -> String| {
        run_changed(name, |text| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines[number] = change(&lines[number]);
            lines.join("\n")
        })
    };
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/validation").join(name)).unwrap();
    let listed: Vec<usize> = (0..).zip(text.lines()).filter(|(_, line)| line.contains("] is <")).map(|(number, _)| number).collect();
    assert!(listed.len() > 15);
    for number in listed {
        let (code, _, failed) = change_line(number, &|_| String::new());
        assert!(code == 1 && failed == 1, "line {} can be left out", number + 1);
        let other = |line: &str| if line.contains("[...]") { line.replace("[...]", "") } else { line.replacen("] is", "[...]] is", 1) };
        let (code, _, failed) = change_line(number, &other);
        assert!(code == 1 && failed == 1, "line {} can be of the other kind", number + 1);
        let (code, _, failed) = change_line(number, &|line| line.replace("reader>", "folder>").replace("member>", "member2>"));
        assert!(code == 1 && failed == 1, "line {} can have another path", number + 1);
    }
}

#[test]
fn a_file_that_cannot_be_used_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("case.yaml"), text).unwrap();
    for text in [
        "schema: |-\n  definition user {}\n  definition doc { relation viewer: usr }\n",
        "schema: |-\n  definition user {}\nrelationships: |-\n  doc:a#viewer@user:ada\n",
        "schema: |-\n  definition user {}\nassertion: []\n",
    ] {
        write(text);
        let (code, failures, summary) = run(folder.path());
        assert_eq!((code, summary["unusable"].as_u64()), (2, Some(1)), "{text}\n{failures}");
        assert!(failures.contains("case.yaml:3:") || failures.contains("case.yaml:4:"), "{failures}");
    }
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dhow")).args(["schema", "test"]).arg(empty.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
