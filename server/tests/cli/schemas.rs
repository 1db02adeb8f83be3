//! `schema check|fmt|test` without a server; `schema write|read|versions|diff` with one.

use serde_json::json;

use super::program::{SCHEMA, Server, dhow, file, finish, run};

const WRONG: &str = "definition user {}\n\ndefinition document {\n  relation owner: usr\n  permission view = ownr +\n}\n";

#[test]
fn check_shows_everything_that_is_wrong_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let right = file(folder.path(), "right.zed", SCHEMA);
    let wrong = file(folder.path(), "wrong.zed", WRONG);
    run(&["schema", "check", &right]).code(0);
    let found = run(&["schema", "check", &wrong]).code(1);
    let text = format!("{}{}", found.stdout, found.stderr);
    for part in ["error[DH-S103]: unknown type `usr`", "did you mean `user`?", "wrong.zed:4:19", "^^^", "did you mean `owner`?", "3 errors"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let findings = run(&["schema", "check", &wrong, "--output", "json"]).code(1).json();
    assert_eq!(findings.len(), 3);
    assert_eq!((&findings[0]["code"], &findings[0]["line"], &findings[0]["column"]), (&json!("DH-S103"), &json!(4), &json!(19)));
    finish(dhow().args(["schema", "check", "-"]), SCHEMA).code(0);
    run(&["schema", "check", "absent.zed"]).fails("file", "absent.zed");
}

#[test]
fn fmt_rewrites_files_and_check_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "a.zed", "definition   user{}\n");
    let named = run(&["schema", "fmt", "--check", &path]).code(1);
    assert!(named.stdout.contains("a.zed"), "{named:?}");
    run(&["schema", "fmt", &path]).code(0);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "definition user {}\n");
    run(&["schema", "fmt", "--check", &path]).code(0);
    finish(dhow().args(["schema", "fmt", "-"]), "definition   user{}").code(0).lines(&["definition user {}"]);
    let broken = file(folder.path(), "broken.zed", WRONG);
    run(&["schema", "fmt", &broken]).code(2);
    assert_eq!(std::fs::read_to_string(&broken).unwrap(), WRONG);
    let answers = run(&["schema", "fmt", "--check", &path, "--output", "json"]).code(0).json();
    assert_eq!(answers[0]["changed"], json!(false));
}

#[test]
fn test_runs_validation_files() {
    let folder = tempfile::tempdir().unwrap();
    let text = |expected: &str| {
        format!(
            "schema: |\n  definition user {{}}\n  definition document {{\n    relation viewer: user\n    permission view = viewer\n  }}\n\
             relationships: |\n  document:readme#viewer@user:ada\nassertions:\n  {expected}:\n    - document:readme#view@user:ada\n"
        )
    };
    let holds = file(folder.path(), "holds.yaml", &text("assertTrue"));
    let fails = file(folder.path(), "fails.yaml", &text("assertFalse"));
    let broken = file(folder.path(), "broken.yaml", "schema: |\n  definition user {\n");
    run(&["schema", "test", &holds]).code(0);
    let failed = run(&["schema", "test", &fails]).code(1);
    assert!(failed.stdout.contains("document:readme#view@user:ada"), "{failed:?}");
    let answers = run(&["schema", "test", &fails, "--output", "json"]).code(1).json();
    assert_eq!((&answers[0]["expected"], &answers[0]["line"]), (&json!("denied"), &json!(11)));
    assert_eq!(answers.last().unwrap()["summary"].as_object().unwrap().values().next().unwrap()["failed"], json!(1));
    run(&["schema", "test", &broken]).code(2);
}

#[test]
fn versions_of_a_schema_are_kept_and_compared() {
    let server = Server::with_shop();
    server.run(&["schema", "read"]).code(0).lines(&SCHEMA.lines().collect::<Vec<_>>());
    let path = server.file("next.zed", &SCHEMA.replace("permission edit = owner", "permission edit = owner + banned"));
    server.run(&["schema", "diff", "latest", &path]).code(1);
    let changes = server.json(&["schema", "diff", "1", &path], 1);
    assert_eq!(changes[0]["subject"], "document#edit");
    let dry = server.json(&["schema", "write", &path, "--dry-run"], 0);
    assert_eq!((&dry[0]["dry_run"], &dry[0]["version"]), (&json!(true), &json!(2)));
    server.run(&["schema", "write", &path, "--expect-version", "7"]).fails("DH-W021", "7");
    let written = server.json(&["schema", "write", &path, "--expect-version", "1"], 0);
    assert_eq!(written[0]["version"], json!(2));
    assert_eq!(server.json(&["schema", "write", &path], 0)[0]["unchanged"], json!(true));
    let versions = server.json(&["schema", "versions"], 0);
    assert_eq!(versions.iter().map(|version| version["version"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 1]);
    let first = server.json(&["schema", "read", "1"], 0);
    assert_eq!(first[0]["text"], SCHEMA);
    server.run(&["schema", "diff", "1", "1"]).code(0);
    // The first version still decides, for whoever names it.
    let question = ["check", "document:readme#edit@user:eve"];
    server.run(&question).code(0);
    server.run(&[question.as_slice(), &["--schema-version", "1"]].concat()).code(1);
}

#[test]
fn a_wrong_schema_is_shown_and_not_sent() {
    let server = Server::with_shop();
    let path = server.file("wrong.zed", WRONG);
    let refused = server.run(&["schema", "write", &path]).code(2);
    assert!(refused.stderr.contains("error[schema_invalid]: ") && refused.stderr.contains("did you mean `user`?"), "{refused:?}");
    server.run(&["schema", "write", &server.file("less.zed", "definition user {}\n")]).fails("DH-W022", "document");
    assert_eq!(server.json(&["schema", "versions"], 0).len(), 1);
}
