//! What is wrong is said once, on stderr, with a code, and changes nothing.

use super::program::{Server, TUPLES, run};

#[test]
fn each_mistake_has_a_code_and_says_what_is_meant() {
    let server = Server::with_shop();
    for (words, code, says) in [
        (&["check", "document:readme#veiw@user:ada"][..], "unknown_relation]", "did you mean `view`?"),
        (&["check", "documnt:readme#view@user:ada"], "unknown_type]", "did you mean `document`?"),
        (&["check", "document:readme@user:ada"], "question]", "object#relation@subject"),
        (&["check", "document:readme#view@user:ada", "--context", "{"], "context]", "--context"),
        (&["check", "document:readme#view@user:ada", "--with", "nonsense"], "", "nonsense"),
        (&["check", "document:readme#view@user:ada", "--with", "document:a#owner@team:b"], "subject_not_allowed]", "contextual"),
        (&["check", "document:readme#view@user:ada", "--store", "nope"], "DH-", "nope"),
        (&["check", "document:readme#view@user:ada", "--schema-version", "9"], "", "9"),
        (&["check", "document:readme#view@user:ada", "--consistency", "exact:Aa"], "DH-R", "token"),
        (&["expand", "document:readme"], "userset]", "document:readme#view"),
        (&["list-objects", "document#veiw@user:ada"], "unknown_relation]", "did you mean `view`?"),
        (&["list-subjects", "document:readme#view", "usr"], "unknown_type]", "did you mean `user`?"),
        (&["list-permissions", "documnt:readme", "user:ada"], "unknown_type]", "did you mean `document`?"),
        (&["write", "document:readme#viewer"], "", "document:readme#viewer"),
        (&["write", "document:readme#owner@team:core"], "subject_not_allowed]", "allowed: `user`"),
        (&["write", "document:readme#owner@usr:ada"], "unknown_type]", "did you mean `user`?"),
        (&["write", "document:readme#viewr@user:ada"], "unknown_relation]", "did you mean `viewer`?"),
        (&["write", "document:readme#viewer@user:ada[nope]"], "", "nope"),
        (&["write", "doc ument:readme#viewer@user:ada"], "", "doc ument"),
        (&["write"], "changes]", "--file"),
        (&["write", "a:b#c@d:e", "a:b#c@d:e"], "", "a:b#c@d:e"),
        (&["read", "team:core#member@"], "filter]", "behind the `@`"),
        (&["read", "--cursor", "nonsense"], "DH-R02", "cursor"),
        (&["import", "absent.tuples"], "file]", "absent.tuples"),
        (&["watch", "--after", "nonsense"], "DH-R", "token"),
        (&["schema", "read", "9"], "", "9"),
        (&["store", "get", "nope"], "DH-", "nope"),
    ] {
        let ran = server.run(words);
        assert!(ran.stderr.contains("error["), "{words:?}: {ran:#?}");
        ran.fails(code, says);
    }
    server.run(&["read"]).code(0).lines(&TUPLES);
}

#[test]
fn an_oversized_batch_is_refused_whole() {
    let server = Server::with_shop();
    let changes: String = (0..1_001).map(|number| format!("document:d{number}#owner@user:ada\n")).collect();
    server.run_with(&["write", "--file", "-"], &changes).fails("DH-A012", "1000");
    let id = "x".repeat(1_025);
    server.run(&["write", &format!("document:{id}#owner@user:ada")]).fails("", "1024");
    server.run(&["read"]).code(0).lines(&TUPLES);
}

#[test]
fn an_error_in_json_is_one_object_on_stderr() {
    let server = Server::with_shop();
    let ran = server.run(&["check", "document:readme#veiw@user:ada", "--output", "json"]).code(2);
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(error["error"]["code"], "unknown_relation");
    assert!(error["error"]["message"].as_str().unwrap().contains("did you mean `view`?") && error["error"]["help"].is_array());
    assert_eq!(ran.stdout, "");
}

#[test]
fn nobody_at_the_endpoint_is_said_with_a_way_on() {
    // The address was ours a moment ago, and nobody listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    run(&["store", "list", "--endpoint", &address]).fails("connection", "dhow serve");
    run(&["store", "list", "--endpoint", "no endpoint"]).fails("endpoint", "host:port");
    run(&["store", "list", "--endpoint", "ftp://localhost"]).fails("endpoint", "host:port");
    run(&["store", "list", "--endpoint", &format!("http://{address}"), "--tls-ca", "absent.pem"]).fails("endpoint", "--tls-ca");
}

#[test]
fn a_time_that_is_too_short_or_too_long_is_said() {
    for (timeout, says) in [("0", "at least 1ms"), ("25h", "at most 24h"), ("100000000000h", "at most 24h"), ("soon", "500ms")] {
        assert!(run(&["store", "list", "--timeout", timeout]).code(2).stderr.contains(says), "{timeout}");
    }
    // A socket that takes connections and never answers: nobody accepts them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    run(&["store", "list", "--endpoint", &address, "--timeout", "50ms"]).fails("deadline_exceeded", "--timeout 60s");
}

#[test]
fn a_wrong_command_line_ends_with_the_code_of_errors() {
    for words in [
        &["chekc"][..],
        &["keys", "generate", "--name", "a b"],
        &["serve", "--listen", "localhost:80"],
        &["check"],
        &["list-subjects", "document:readme#view"],
        &["read", "--output", "yaml"],
        &[],
    ] {
        let ran = run(words).code(2);
        assert!(ran.stderr.contains("--help"), "{ran:?}");
    }
    assert!(run(&["chekc"]).stderr.contains("'check'"));
}
