//! `verify`: of a server, and of a database alone.

use serde_json::{Value, json};

use super::postgres::{Database, execute};
use super::program::{Ran, SCHEMA, Server, TUPLES, file, run};

fn fill(server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    server.run(&["store", "create", "shop"]).code(0);
    server.run(&["schema", "write", &file(folder.path(), "shop.zed", SCHEMA)]).code(0);
    server.run(&[&["write"], TUPLES.as_slice()].concat()).code(0);
}

/// The checks that found something.
fn wrong(verified: &Value) -> Vec<&str> {
    let checks = verified["checks"].as_array().unwrap().iter();
    checks.filter(|check| check["found"] != json!([])).map(|check| check["name"].as_str().unwrap()).collect()
}

#[test]
fn a_server_and_its_database_are_verified_and_put_right() {
    let database = Database::new();
    let server = database.serve(&["--auto-migrate"]);
    fill(&server);
    let clean = &server.json(&["verify"], 0)[0];
    assert_eq!((wrong(clean), &clean["revision"], &clean["store_name"]), (vec![], &json!(2), &json!("shop")));
    let names: Vec<_> = clean["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["memory", "groups", "inherited", "table", "head", "counts", "schemas", "log"]);
    assert!(server.run(&["verify", "--store", "shop"]).code(0).stdout.contains("memory"));
    let alone = |options: &[&str]| -> Ran { run(&[&["verify", "--database", &database.url], options].concat()) };
    assert!(alone(&[]).code(0).stdout.contains("fold"));

    execute(&database.url, "UPDATE tuple SET subject_id = 'mallory' WHERE subject_id = 'ada'; UPDATE shape SET tuples = tuples + 1")
        .unwrap();
    let told = &server.json(&["verify"], 1)[0];
    assert_eq!(wrong(told), ["table", "counts"]);
    let status = server.run(&["status"]).code(0).stdout;
    assert!(status.contains("diverges") && status.contains("dhow verify --store shop"), "{status}");
    assert_eq!(wrong(&alone(&["--output", "json"]).code(1).json()[0]), ["table", "counts", "fold"]);
    assert!(alone(&[]).code(1).stdout.contains("WRONG"));

    let repaired = &server.json(&["verify", "--repair"], 0)[0];
    assert_eq!(wrong(repaired), [""; 0]);
    assert_eq!(repaired["repaired_count"], json!(repaired["repaired_rows"].as_array().unwrap().len()));
    assert!(repaired["repaired_rows"].to_string().contains("user:mallory` is removed"), "{repaired}");
    alone(&["--store", "shop"]).code(0);

    execute(&database.url, "UPDATE head SET digest = (SELECT substr(entry, length(entry) - 40, 33) FROM log WHERE revision = 1)").unwrap();
    let mended = alone(&["--repair"]).code(0).stdout;
    assert!(mended.contains("put right: head: digest"), "{mended}");
    // Without a source nothing is changed.
    execute(&database.url, "DELETE FROM log WHERE revision = 1; UPDATE head SET tuples = 1").unwrap();
    assert!(alone(&["--repair"]).code(2).stderr.contains("DH-V001"));
    let snapshots = tempfile::tempdir().unwrap();
    let place = snapshots.path().display().to_string();
    let other = database.serve(&["--snapshots", &place]);
    other.run(&["snapshot", "create"]).code(0);
    assert!(alone(&["--repair", "--snapshots", &place]).code(0).stdout.contains("put right: head: tuples"));
    assert!(alone(&["--store", "nobody"]).code(2).stderr.contains("DH-R010"));
}

#[test]
fn a_data_file_is_verified_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("dhow.db").display().to_string();
    let server = Server::start(tempfile::tempdir().unwrap(), &["--data", &data, "--listen", "127.0.0.1:0"]);
    fill(&server);
    assert!(run(&["verify", "--data", &data]).code(2).stderr.contains("DH-D003"));
    server.json(&["verify"], 0);
    drop(server);
    assert!(run(&["verify", "--data", &data]).code(0).stdout.contains("right"));
    let missing = folder.path().join("missing.db");
    assert!(run(&["verify", "--data", &missing.display().to_string()]).code(2).stderr.contains("missing.db"));
    assert!(!missing.exists());
}
