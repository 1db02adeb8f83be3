//! `write`, `delete`, `read`, `import`, `export`, `watch`.

use serde_json::json;

use super::program::{Server, TUPLES};

#[test]
fn a_write_is_one_revision_or_nothing() {
    let server = Server::with_shop();
    let written = server.run(&["write", "team:core#member@user:dan", "--delete", "team:core#member@user:ada"]).code(0);
    assert_eq!(written.stdout, "1 created, 1 deleted\n");
    assert!(written.stderr.starts_with("revision 3 · token "), "{written:?}");
    server.run(&["write", "document:x#owner@user:ada", "--create", "team:core#member@user:dan"]).fails("DH-W001", "exists already");
    server.run(&["read", "document:x"]).code(0).lines(&[]);
    server.run(&["write", "document:x#owner@user:ada", "--must-exist", "team:none"]).fails("DH-W002", "object_type team, object_id none");
    server.run(&["write", "document:x#owner@user:ada", "--must-not-exist", "team:core"]).fails("DH-W003", "team:core");
    server.run(&["write", "document:x#owner@user:ada", "--must-not-exist", "document:x", "--must-exist", "team:core"]).code(0);
}

#[test]
fn a_request_id_makes_a_retry_safe() {
    let server = Server::with_shop();
    let write = ["write", "team:core#member@user:dan", "--request-id", "r1"];
    let first = server.json(&write, 0);
    let again = server.json(&write, 0);
    assert_eq!((&first[0]["repeated"], &again[0]["repeated"]), (&json!(false), &json!(true)));
    assert_eq!((&first[0]["token"], &first[0]["created"]), (&again[0]["token"], &again[0]["created"]));
    server.run(&["write", "team:core#member@user:eve", "--request-id", "r1"]).fails("DH-W011", "r1");
}

#[test]
fn what_was_written_is_there_after_a_restart() {
    let mut server = Server::with_shop();
    let token = server.run(&["read"]).code(0).token();
    server = server.restart();
    server.run(&["read", "--consistency", &format!("at-least:{token}")]).code(0).lines(&TUPLES);
    server.run(&["check", "document:readme#view@user:ada", "--consistency", &format!("at-least:{token}")]).code(0);
}

#[test]
fn a_dry_run_changes_nothing() {
    let server = Server::with_shop();
    let answers = server.json(&["write", "document:x#owner@user:ada", "--dry-run"], 0);
    assert_eq!((&answers[0]["created"], &answers[0]["dry_run"], &answers[0]["revision"]), (&json!(1), &json!(true), &json!(2)));
    server.run(&["read", "document:x"]).code(0).lines(&[]);
    let answers = server.json(&["delete", "document", "--dry-run"], 0);
    assert_eq!((&answers[0]["deleted"], &answers[0]["dry_run"]), (&json!(4), &json!(true)));
    server.run(&["read"]).code(0).lines(&TUPLES);
}

#[test]
fn a_write_reads_changes_from_a_file_or_stdin() {
    let server = Server::with_shop();
    let changes = "// by hand\ncreate team:core#member@user:dan\n\ndelete team:core#member@user:ada\ndocument:x#owner@user:dan\n";
    let written = server.run_with(&["write", "--file", "-", "--output", "json"], changes).code(0).json();
    assert_eq!((&written[0]["created"], &written[0]["deleted"]), (&json!(2), &json!(1)));
    assert!(!written[0]["request_id"].as_str().unwrap().is_empty());
    let path = server.file("changes.txt", "delete team:core#member@user:dan\nremove team:core#member@user:dan\n");
    server.run(&["write", "--file", &path]).fails("", "line 2");
    server.run(&["read", "team:core"]).code(0).lines(&["team:core#member@user:dan"]);
}

#[test]
fn read_takes_any_part_of_a_tuple() {
    let server = Server::with_shop();
    server.run(&["read"]).code(0).lines(&TUPLES);
    server.run(&["read", "@user:ada"]).code(0).lines(&["team:core#member@user:ada"]);
    server.run(&["read", "document#owner"]).code(0).lines(&["document:plan#owner@user:ben"]);
    server.run(&["read", "document:readme#@team:core"]).code(0).lines(&["document:readme#viewer@team:core#member"]);
    let cyd = server.json(&["read", "@user:cyd"], 0);
    assert_eq!((&cyd[0]["caveat"]["name"], &cyd[0]["relation"]), (&json!("at_the_office"), &json!("viewer")));
    assert_eq!(cyd[1]["next_cursor"], "");
    let page = server.run(&["read", "--limit", "2"]).code(0).lines(&TUPLES[..2]);
    assert!(page.stderr.contains("--cursor "), "{page:?}");
}

#[test]
fn delete_asks_first() {
    let server = Server::with_shop();
    server.run(&["delete", "document:readme"]).fails("not_confirmed", "--yes");
    server.run(&["delete", "document:readme", "--yes", "--max", "2"]).fails("DH-W", "");
    server.run(&["read"]).code(0).lines(&TUPLES);
    let deleted = server.run(&["delete", "document:readme", "--yes"]).code(0);
    assert_eq!(deleted.stdout, "3 deleted\n");
    assert_eq!(server.json(&["delete", "document", "--yes"], 0)[0]["deleted"], json!(1));
    server.run(&["read"]).code(0).lines(&["team:core#member@user:ada"]);
}

#[test]
fn what_is_exported_can_be_imported() {
    let server = Server::with_shop();
    let path = server.path("all.tuples").display().to_string();
    let exported = server.run(&["export", &path]).code(0);
    assert!(exported.stderr.starts_with("5 tuples\n"), "{exported:?}");
    server.run(&["export"]).code(0).lines(&TUPLES);
    server.run(&["export", "--filter", "team"]).code(0).lines(&["team:core#member@user:ada"]);
    let objects = server.json(&["export"], 0);
    assert_eq!(objects.iter().filter(|object| object.get("tuple").is_some()).count(), 5);

    server.run(&["store", "create", "copy"]).code(0);
    let schema = server.file("copy.zed", super::program::SCHEMA);
    server.run(&["schema", "write", &schema, "--store", "copy"]).code(0);
    let imported = server.run(&["import", &path, "--store", "copy", "--output", "json"]).code(0).json();
    assert_eq!(imported[0]["imported"], json!(5));
    assert!(imported[0]["import_id"].is_string() && imported[0]["token"].is_string());
    server.run(&["read", "--store", "copy"]).code(0).lines(&TUPLES);
}

#[test]
fn an_import_reads_stdin_and_validation_files_and_names_a_wrong_line() {
    let server = Server::with_shop();
    server.run_with(&["import", "-"], "// more\n\ndocument:a#owner@user:ada\n").code(0).lines(&["1 imported"]);
    let file = server.file("more.yaml", "schema: |\n  definition user {}\nrelationships: |\n  document:b#owner@user:ada\n");
    server.run(&["import", &file]).code(0).lines(&["1 imported"]);
    let wrong = server.run_with(&["import", "-"], "document:c#owner@user:ada\ndocument:c\n").code(2);
    assert!(wrong.stderr.contains("line 2") && wrong.stderr.contains("--import-id "), "{wrong:?}");
    let refused = server.run_with(&["import", "-"], "document:d#owner@team:core\n").code(2);
    // The id is said first, for whoever kills the import; then the refusal, which says what would be taken.
    assert!(refused.stderr.starts_with("import id "), "{refused:?}");
    assert!(refused.stderr.contains("\nerror[subject_not_allowed]: ") && refused.stderr.contains("allowed: `user`; "), "{refused:?}");
    assert!(!server.run_with(&["import", "-", "--import-id", "mine"], "").code(0).stderr.contains("import id"));
}

#[test]
fn watch_goes_on_behind_a_token() {
    let server = Server::with_shop();
    let token = server.run(&["read"]).code(0).token();
    server.run(&["write", "document:a#owner@user:ada", "--delete", "team:core#member@user:ada"]).code(0);
    let watched = server.run(&["watch", "--after", &token, "--count", "1"]).code(0);
    assert!(watched.stdout.contains("+ document:a#owner@user:ada\n"), "{watched:?}");
    assert!(watched.stdout.contains("- team:core#member@user:ada\n"), "{watched:?}");
    let events = server.json(&["watch", "--after", &token, "--count", "1"], 0);
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((&event["event"], &event["revision"]), (&json!("changes"), &json!(3)));
    assert_eq!(event["changes"].as_array().unwrap().len(), 2);
    let filtered = server.json(&["watch", "--after", &token, "--count", "1", "--filter", "team"], 0);
    assert_eq!(filtered[0]["changes"].as_array().unwrap().len(), 1);
}
