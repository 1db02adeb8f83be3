//! `check --explain`: why a decision is as it is.

use serde_json::json;

use super::program::Server;

#[test]
fn an_allowed_answer_shows_the_path_that_decided() {
    let server = Server::with_shop();
    let shown = server.run(&["check", "document:readme#view@user:ada", "--explain"]).code(0);
    let lines: Vec<&str> = shown.stdout.lines().map(|line| line.trim_start_matches([' ', '│', '├', '└', '─'])).collect();
    assert_eq!(lines[0], "allowed");
    assert!(lines[1].starts_with("✓ document:readme#view = "), "{shown:#?}");
    for tuple in ["✓ tuple document:readme#viewer@team:core#member", "✓ tuple team:core#member@user:ada"] {
        let line = lines.iter().find(|line| line.starts_with(tuple)).unwrap_or_else(|| panic!("{shown:#?}"));
        assert!(line.starts_with(&format!("{tuple} · revision 2 · 20")) && line.ends_with("Z · anonymous"), "{shown:#?}");
    }
    assert!(!shown.stdout.contains("what came closest"), "{shown:?}");
}

#[test]
fn a_denied_answer_shows_what_was_looked_for_and_what_came_closest() {
    let server = Server::with_shop();
    server.run(&["write", "document:readme#viewer@user:eve"]).code(0);
    let banned = server.run(&["check", "document:readme#view@user:eve", "--explain"]).code(1);
    assert!(banned.stdout.contains("✓ tuple document:readme#banned@user:eve · revision 2 · "), "{banned:#?}");
    assert!(banned.stdout.ends_with("what came closest\n  - document:readme#view: taken out by banned\n"), "{banned:#?}");
    let nobody = server.run(&["check", "document:plan#view@user:ada", "--explain"]).code(1);
    assert!(nobody.stdout.contains("✗ no tuple of document:plan#viewer matches"), "{nobody:#?}");
    let expired = "document:plan#viewer@user:ada[expiration:2001-01-01T00:00:00Z]";
    server.run(&["write", expired]).code(0);
    let late = server.run(&["check", "document:plan#view@user:ada", "--explain"]).code(1);
    assert!(late.stdout.contains(&format!("  - {expired} has expired · revision 4 · ")), "{late:#?}");
}

#[test]
fn each_tuple_shows_when_and_by_whom_it_was_written_after_a_restart_too() {
    let server = Server::with_shop();
    server.run(&["write", "team:core#member@user:dan"]).code(0);
    let tuple = ["--with", "team:core#member@user:fay"];
    let ask = |server: &Server, user: &str| {
        let question = format!("document:readme#view@user:{user}");
        server.json(&[["check", &question, "--explain"].as_slice(), &tuple].concat(), 0).remove(0)["explanation"]["root"].clone()
    };
    let last = |root: &serde_json::Value| {
        let mut node = root;
        while let Some(child) = node["children"].as_array().and_then(|children| children.first()) {
            node = child;
        }
        node["provenance"].clone()
    };
    let before = ["ada", "dan"].map(|user| ask(&server, user));
    assert_eq!(before.each_ref().map(|root| last(root)["revision"].clone()), [json!(2), json!(3)]);
    for root in &before {
        let provenance = last(root);
        assert_eq!((&provenance["contextual"], &provenance["actor"]), (&json!(false), &json!("anonymous")));
        assert!(provenance["time"].as_str().unwrap().ends_with('Z'), "{root}");
    }
    let own = last(&ask(&server, "fay"));
    assert_eq!(own, json!({"contextual": true, "revision": null, "time": null, "actor": null}));
    let shown = server.run(&[["check", "document:readme#view@user:fay", "--explain"].as_slice(), &tuple].concat()).code(0);
    assert!(shown.stdout.contains("✓ tuple team:core#member@user:fay · brought by the request\n"), "{shown:#?}");
    // Now the tuples come from the table, not from the log.
    let server = server.restart();
    assert_eq!(["ada", "dan"].map(|user| ask(&server, user)), before);
}

#[test]
fn a_conditional_answer_shows_what_it_waits_for() {
    let server = Server::with_shop();
    let question = ["check", "document:readme#view@user:cyd", "--explain"];
    let waits = server.run(&question).code(3);
    assert!(waits.stdout.contains("? caveat at_the_office") && waits.stdout.contains("waits for client_ip"), "{waits:#?}");
    let elsewhere = server.run(&[question.as_slice(), &["--context", r#"{"client_ip": "192.0.2.1"}"#]].concat()).code(1);
    assert!(elsewhere.stdout.contains("does not hold with client_ip = \"192.0.2.1\""), "{elsewhere:#?}");
}

#[test]
fn an_explanation_as_json_is_a_tree() {
    let server = Server::with_shop();
    let answers = server.json(&["check", "document:readme#view@user:ada", "document:plan#view@user:ada", "--explain"], 1);
    let [allowed, denied] = answers.as_slice() else { panic!("{answers:?}") };
    let root = &allowed["explanation"]["root"];
    assert_eq!(root["decision"], "allowed");
    let mut node = root;
    while let Some(child) = node["children"].as_array().and_then(|children| children.first()) {
        node = child;
    }
    assert_eq!(node["tuple"], json!("team:core#member@user:ada"), "{root}");
    assert_eq!(denied["explanation"]["root"]["decision"], "denied");
    assert!(denied["explanation"]["nearest_misses"].is_array());
    let expired = "document:plan#viewer@user:ada[expiration:2001-01-01T00:00:00Z]";
    server.run(&["write", expired]).code(0);
    let late = server.json(&["check", "document:plan#view@user:ada", "--explain"], 1).remove(0);
    let miss = &late["explanation"]["misses"][0];
    assert_eq!(miss["summary"], late["explanation"]["nearest_misses"][0]);
    assert_eq!((&miss["tuple"], &miss["provenance"]["revision"]), (&json!(expired), &json!(3)));
}
