//! `check`, `expand`, `list-objects`, `list-subjects`, `list-permissions`.

use serde_json::json;

use super::program::Server;

#[test]
fn the_exit_code_of_check_is_the_decision() {
    let server = Server::with_shop();
    let allowed = server.run(&["check", "document:readme#view@user:ada"]).code(0).lines(&["allowed"]);
    assert!(allowed.stderr.starts_with("revision 2 · token "), "{allowed:?}");
    server.run(&["check", "document:readme#view@user:nobody"]).code(1).lines(&["denied"]);
    server.run(&["check", "document:readme#veiw@user:ada"]).code(2).lines(&[]);
    let conditional = server.run(&["check", "document:readme#view@user:cyd"]).code(3);
    conditional.lines(&["conditional (it hangs on client_ip)"]);
}

#[test]
fn check_takes_context_and_contextual_tuples() {
    let server = Server::with_shop();
    let cyd = "document:readme#view@user:cyd";
    server.run(&["check", cyd, "--context", r#"{"client_ip": "10.1.2.3"}"#]).code(0);
    server.run(&["check", cyd, "--context", r#"{"client_ip": "192.0.2.1"}"#]).code(1);
    server.run_with(&["check", "-"], r#"document:readme#view@user:cyd with {"client_ip": "10.1.2.3"}"#).code(0);
    server.run(&["check", "document:plan#view@user:ada", "--with", "document:plan#viewer@team:core#member"]).code(0);
    server.run(&["check", "document:plan#view@user:ada"]).code(1);
}

#[test]
fn of_several_questions_the_worst_answer_is_the_exit_code() {
    let server = Server::with_shop();
    let (yes, no) = ("document:readme#view@user:ada", "document:readme#edit@user:ada");
    let (maybe, wrong) = ("document:readme#view@user:cyd", "document:readme#nope@user:ada");
    server.run(&["check", yes, yes]).code(0);
    server.run(&["check", yes, maybe]).code(3);
    server.run(&["check", maybe, no, yes]).code(1);
    let table = server.run(&["check", yes, no, wrong]).code(2);
    assert!(table.stdout.contains("document:readme#view@user:ada  allowed\n"), "{table:?}");
    assert!(table.stdout.contains("document:readme#nope@user:ada  error[unknown_relation]: "), "{table:?}");
    let stdin = server.run_with(&["check", "-"], &format!("// two questions\n{yes}\n\n{no}\n")).code(1);
    assert_eq!(stdin.stdout.lines().count(), 2);
}

#[test]
fn check_as_json_has_the_promised_fields() {
    let server = Server::with_shop();
    let answers = server.json(&["check", "document:readme#view@user:cyd"], 3);
    let [answer] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!(answer["question"], "document:readme#view@user:cyd");
    assert_eq!(answer["decision"], "conditional");
    assert_eq!(answer["missing_parameters"], json!(["client_ip"]));
    assert_eq!((&answer["revision"], &answer["schema_version"], &answer["degraded"]), (&json!(2), &json!(1), &json!(false)));
    assert!(answer["token"].as_str().unwrap().len() < 60 && answer["age_ms"].is_u64(), "{answer}");
    let several = server.json(&["check", "document:readme#view@user:ada", "document:readme#nope@user:ada"], 2);
    assert_eq!(several[0]["decision"], "allowed");
    assert_eq!((&several[1]["decision"], &several[1]["error"]["code"]), (&json!(null), &json!("unknown_relation")));
}

#[test]
fn a_token_holds_an_answer_at_its_revision() {
    let server = Server::with_shop();
    let question = "document:plan#view@user:ada";
    let before = server.run(&["check", question]).code(1).token();
    let after = server.run(&["write", "document:plan#viewer@user:ada"]).code(0).token();
    server.run(&["check", question, "--consistency", &format!("exact:{before}")]).code(1);
    server.run(&["check", question, "--consistency", &format!("exact:{after}")]).code(0);
    server.run(&["check", question, "--consistency", &format!("at-least:{after}")]).code(0);
    for consistency in ["fully-consistent", "minimize-latency"] {
        server.run(&["check", question, "--consistency", consistency]).code(0);
    }
}

#[test]
fn expand_shows_who_has_it_and_how() {
    let server = Server::with_shop();
    let tree = server.run(&["expand", "document:readme#view"]).code(0);
    for line in ["document:readme#view  the first, without the second", "user:ada", "user:cyd[at_the_office]", "user:eve"] {
        assert!(tree.stdout.lines().any(|shown| shown.trim() == line), "{line}: {tree:#?}");
    }
    let shallow = server.run(&["expand", "document:readme#viewer", "--depth", "0"]).code(0);
    assert!(shallow.stdout.contains("team:core#member"), "{shallow:?}");
    let answers = server.json(&["expand", "team:core#member"], 0);
    assert_eq!(answers[0]["tree"], json!({"userset": "team:core#member", "subjects": ["user:ada"]}));
    assert_eq!(answers[0]["userset"], "team:core#member");
    assert!(answers[0]["token"].is_string());
}

#[test]
fn lists_say_what_hangs_on_parameters() {
    let server = Server::with_shop();
    server.run(&["list-objects", "document#view@user:ada"]).code(0).lines(&["document:readme"]);
    server.run(&["list-objects", "document#view@user:nobody"]).code(0).lines(&[]);
    let subjects = server.run(&["list-subjects", "document:readme#view", "user"]).code(0);
    assert!(subjects.stdout.contains("user:ada\n") && subjects.stdout.contains("client_ip"), "{subjects:?}");
    server.run(&["list-subjects", "document:readme#viewer", "team#member"]).code(0).lines(&["team:core#member"]);
    server.run(&["list-permissions", "document:plan", "user:ben"]).code(0).lines(&["edit", "owner  (relation)", "view"]);

    let listed = server.json(&["list-subjects", "document:readme#view", "user"], 0);
    let [ada, cyd, end] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((&ada["subject"], &ada["decision"]), (&json!("user:ada"), &json!("allowed")));
    assert_eq!((&cyd["subject"], &cyd["missing_parameters"]), (&json!("user:cyd"), &json!(["client_ip"])));
    assert_eq!((&end["next_cursor"], &end["revision"]), (&json!(""), &json!(2)));
    assert_eq!(server.json(&["list-objects", "document#edit@user:ben"], 0)[0]["object"], "document:plan");
    assert_eq!(server.json(&["list-permissions", "document:plan", "user:ben"], 0)[1]["is_relation"], json!(true));
}

#[test]
fn pages_of_a_list_come_to_the_whole_list() {
    let server = Server::with_shop();
    let tuples: Vec<String> = (0..7).map(|number| format!("document:d{number}#owner@user:ada")).collect();
    let words: Vec<&str> = ["write"].into_iter().chain(tuples.iter().map(String::as_str)).collect();
    server.run(&words).code(0);
    let question = ["list-objects", "document#view@user:ada"];
    let whole = server.json(&question, 0);
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let words = [question.as_slice(), &["--limit", "3", "--cursor", &cursor]].concat();
        let mut page = server.json(&words, 0);
        let end = page.pop().unwrap();
        assert!(page.len() <= 3);
        pages.append(&mut page);
        cursor = end["next_cursor"].as_str().unwrap().to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    assert_eq!(pages, whole[..whole.len() - 1]);
    assert_eq!(pages.len(), 8);
    let first = server.run(&[question.as_slice(), &["--limit", "3"]].concat()).code(0);
    assert!(first.stderr.contains("there is more: go on with --cursor "), "{first:?}");
}
