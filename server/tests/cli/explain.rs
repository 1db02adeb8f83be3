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
        assert!(lines.contains(&tuple), "{shown:#?}");
    }
    assert!(!shown.stdout.contains("what came closest"), "{shown:?}");
}

#[test]
fn a_denied_answer_shows_what_was_looked_for_and_what_came_closest() {
    let server = Server::with_shop();
    server.run(&["write", "document:readme#viewer@user:eve"]).code(0);
    let banned = server.run(&["check", "document:readme#view@user:eve", "--explain"]).code(1);
    assert!(banned.stdout.contains("✓ tuple document:readme#banned@user:eve"), "{banned:#?}");
    assert!(banned.stdout.ends_with("what came closest\n  - document:readme#view: taken out by banned\n"), "{banned:#?}");
    let nobody = server.run(&["check", "document:plan#view@user:ada", "--explain"]).code(1);
    assert!(nobody.stdout.contains("✗ no tuple of document:plan#viewer matches"), "{nobody:#?}");
    let expired = "document:plan#viewer@user:ada[expiration:2001-01-01T00:00:00Z]";
    server.run(&["write", expired]).code(0);
    let late = server.run(&["check", "document:plan#view@user:ada", "--explain"]).code(1);
    assert!(late.stdout.contains(&format!("  - {expired} has expired\n")), "{late:#?}");
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
}
