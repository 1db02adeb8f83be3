//! `store create|get|list|delete`.

use serde_json::json;

use super::program::Server;

#[test]
fn stores_are_made_shown_and_deleted() {
    let server = Server::empty();
    server.run(&["store", "list", "--output", "json"]).code(0).lines(&[]);
    let created = server.json(&["store", "create", "shop"], 0);
    assert_eq!((&created[0]["name"], &created[0]["revision"], &created[0]["schema_version"]), (&json!("shop"), &json!(0), &json!(0)));
    let id = created[0]["id"].as_str().unwrap();
    server.run(&["store", "create", "shop"]).fails("DH-W031", "shop");
    server.run(&["store", "create", "No Spaces"]).fails("DH-W030", "No Spaces");
    server.run(&["store", "create", "another"]).code(0);
    let names: Vec<_> = server.json(&["store", "list"], 0).iter().map(|store| store["name"].clone()).collect();
    assert_eq!(names, ["another", "shop"]);
    assert_eq!(server.json(&["store", "get", id], 0)[0]["name"], "shop");
    let shown = server.run(&["store", "get", "shop"]).code(0);
    assert!(shown.stdout.starts_with("NAME") && shown.stdout.contains(id), "{shown:?}");
    server.run(&["store", "delete", "another"]).fails("not_confirmed", "--yes");
    server.run(&["store", "delete", "another", "--yes"]).code(0);
    server.run(&["store", "get", "another"]).fails("DH-", "another");
}

#[test]
fn the_only_store_needs_no_name_and_several_do() {
    let server = Server::empty();
    server.run(&["read"]).fails("DH-A021", "dhow store create");
    server.run(&["store", "create", "one"]).code(0);
    server.run(&["read"]).code(0);
    server.run(&["store", "create", "two"]).code(0);
    server.run(&["read"]).fails("DH-A020", "--store");
    server.run(&["read", "--store", "two"]).code(0);
    let mut command = server.command(&["read"]);
    assert!(command.env("DHOW_STORE", "one").status().unwrap().success());
}
