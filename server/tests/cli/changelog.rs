//! `serve --kafka` and `changelog tail`, against the Kafka that KAFKA_BOOTSTRAP_SERVERS names (`scripts/rig/kafka` starts one).

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::postgres::Database;
use super::program::{SCHEMA, Server, dhow, file, finish};

fn brokers() -> String {
    let Some(brokers) = std::env::var_os("KAFKA_BOOTSTRAP_SERVERS") else {
        panic!("this test needs a real Kafka: run it by `scripts/rig/kafka with target/kafka -- cargo test …`");
    };
    brokers.into_string().unwrap()
}

/// A server that publishes to a topic of its own, and the configuration file that says so.
fn publishing() -> (Server, String) {
    let folder = tempfile::tempdir().unwrap();
    let topic = format!("dhow.test.{}", folder.path().file_name().unwrap().to_string_lossy());
    let text = format!(
        "address = \"127.0.0.1:0\"\ndata = \"dhow.db\"\n[changelog]\nbrokers = \"{}\"\ntopic = \"{topic}\"\npartitions = 2\n",
        brokers()
    );
    let config = file(folder.path(), "dhow.toml", &text);
    (Server::start(folder, &["--config", &config]), config)
}

/// The first entries of the topic, once they are there.
fn tail(config: &str, words: &[&str]) -> Vec<Value> {
    let ran = finish(dhow().args(["changelog", "tail", "--config", config, "--from", "beginning", "--output", "json"]).args(words), "");
    ran.code(0).json()
}

/// Waits until the topic is there: until then there is nothing to read.
fn await_topic(config: &str) {
    let begun = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    loop {
        let ran = finish(dhow().args(["changelog", "tail", "--config", config, "--count", "0", "--from", "beginning"]), "");
        if !ran.stderr.contains("[DH-L005]") {
            return;
        }
        assert!(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs() < begun.as_secs() + 30, "{ran:?}");
    }
}

#[test]
fn what_is_written_is_published_and_printed() {
    let (server, config) = publishing();
    server.run(&["store", "create", "shop"]).code(0);
    server.run(&["schema", "write", &server.file("shop.zed", SCHEMA)]).code(0);
    let token = server.run(&["write", "team:core#member@user:ada", "document:plan#owner@user:ben", "--store", "shop"]).code(0).token();
    server.run(&["store", "create", "other"]).code(0);
    server.run(&["schema", "write", &server.file("shop.zed", SCHEMA), "--store", "other"]).code(0);
    await_topic(&config);

    let printed = tail(&config, &["--store", "shop", "--count", "2"]);
    assert_eq!((&printed[0]["event"], &printed[0]["revision"], &printed[0]["schema_version"]), (&json!("schema"), &json!(1), &json!(1)));
    let changes = &printed[1];
    assert_eq!((&changes["event"], &changes["store"], &changes["revision"]), (&json!("changes"), &json!("shop"), &json!(2)));
    assert_eq!(changes["token"], json!(token));
    assert_eq!(
        changes["changes"][0],
        json!({"before": null, "after": {"tuple": "document:plan#owner@user:ben",
        "object": "document:plan", "relation": "owner", "subject": "user:ben"}})
    );
    for field in ["epoch", "partition", "offset", "chain", "store_id", "time", "actor", "request_id"] {
        assert!(!changes[field].is_null(), "{field}: {changes}");
    }

    // As it comes, from the end: the line is there while the command still runs.
    let mut command = dhow();
    command.args(["changelog", "tail", "--config", &config, "--from", "beginning", "--store", "shop"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.by_ref().any(|line| line == "+ team:core#member@user:ada"));
    server.run(&["delete", "team:core#member@user:ada", "--yes", "--store", "shop"]).code(0);
    assert!(lines.next().unwrap().starts_with("shop · revision 3 · "));
    assert_eq!(lines.next().unwrap(), "- team:core#member@user:ada");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(server.terminate(), Some(0));
}

/// What the topic has of a store up to a revision, each revision once, with the epoch that it came with first; what readers drop is not
/// among it.
fn published(config: &str, revision: u64) -> Vec<(u64, u64)> {
    let mut command = dhow();
    command.args(["changelog", "tail", "--config", config, "--from", "beginning", "--store", "shop", "--output", "json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut found: Vec<(u64, u64)> = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let entry: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let next = (entry["revision"].as_u64().unwrap(), entry["epoch"].as_u64().unwrap());
        // A relay that was cut off before it had noted what it published is followed by one that publishes that again.
        if !found.iter().any(|(known, _)| *known == next.0) {
            found.push(next);
        }
        if next.0 == revision {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    found
}

#[test]
fn a_relay_that_is_paused_is_replaced_and_what_it_says_afterwards_is_dropped() {
    let (database, folder) = (Database::new(), tempfile::tempdir().unwrap());
    let topic = format!("dhow.test.{}", folder.path().file_name().unwrap().to_string_lossy());
    let text = format!("[changelog]\nbrokers = \"{}\"\ntopic = \"{topic}\"\npartitions = 2\n", brokers());
    let config = file(folder.path(), "dhow.toml", &text);
    let one = database.serve(&["--auto-migrate", "--config", &config]);
    one.run(&["store", "create", "shop"]).code(0);
    one.run(&["schema", "write", &one.file("shop.zed", SCHEMA)]).code(0);
    await_topic(&config);
    let first = published(&config, 1);
    // The one who has the lease is stopped in the middle of whatever it does; the other writes, and publishes once the lease is over.
    let two = database.serve(&["--config", &config]);
    one.signal("STOP");
    two.run(&["write", "team:core#member@user:ada"]).code(0);
    let second = published(&config, 2);
    assert_eq!(second[0], first[0]);
    assert!(second.len() == 2 && second[1].1 > first[0].1, "{second:?}");
    one.signal("CONT");
    for (number, server) in [&one, &two, &one, &two].into_iter().enumerate() {
        server.run(&["write", &format!("team:core#member@user:u{number}")]).code(0);
    }
    let all = published(&config, 6);
    assert_eq!(all.iter().map(|(revision, _)| *revision).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert!(all.is_sorted_by_key(|(_, epoch)| *epoch), "{all:?}");
    // One that is killed is replaced, too.
    drop(two);
    one.run(&["write", "team:core#member@user:last"]).code(0);
    assert_eq!(published(&config, 7).last().unwrap().0, 7);
}

#[test]
fn a_kafka_that_is_away_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("dhow.db").display().to_string();
    let server = Server::start(folder, &["--data", &data, "--listen", "127.0.0.1:0", "--kafka", "127.0.0.1:1"]);
    server.run(&["store", "create", "shop"]).code(0);
    server.run(&["schema", "write", &server.file("shop.zed", SCHEMA)]).code(0);
    server.run(&["write", "team:core#member@user:ada"]).code(0);
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn what_keeps_the_topic_from_being_read_is_said() {
    let mut command = dhow();
    finish(command.args(["changelog", "tail"]).env_remove("KAFKA_BOOTSTRAP_SERVERS"), "").fails("kafka_missing", "--kafka");
    finish(dhow().args(["changelog", "tail", "--kafka", "127.0.0.1:1"]), "").fails("DH-L003", "is Kafka running");
    finish(dhow().args(["changelog", "tail", "--kafka", &brokers(), "--topic", "no.such.topic"]), "").fails("DH-L005", "no.such.topic");
}

/// Configuration of a server of a topic, with what else it is to say.
fn configured(folder: &std::path::Path, name: &str, topic: &str, rest: &str) -> String {
    let text =
        format!("address = \"127.0.0.1:0\"\n{rest}\n[changelog]\nbrokers = \"{}\"\ntopic = \"{topic}\"\npartitions = 2\n", brokers());
    file(folder, name, &text)
}

/// Asks until a command ends with an exit code.
fn until_code(server: &Server, words: &[&str], code: i32) {
    for _ in 0..600 {
        if server.run(words).code == code {
            return;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { tokio::time::sleep(std::time::Duration::from_millis(100)).await });
    }
    panic!("in vain: {words:?}: {:?}", server.run(words))
}

#[test]
fn an_evaluator_serves_from_kafka_and_snapshots_alone_and_says_what_it_cannot() {
    let shared = tempfile::tempdir().unwrap();
    let snapshots = shared.path().join("snapshots").display().to_string();
    let topic = format!("dhow.test.{}", shared.path().file_name().unwrap().to_string_lossy());
    let options = |rest: &str| format!("snapshots = \"{snapshots}\"\n{rest}");
    let writer = configured(shared.path(), "writer.toml", &topic, &options("data = \"dhow.db\""));
    let reader = configured(shared.path(), "reader.toml", &topic, &options("role = \"evaluator\""));
    let writer = Server::start(tempfile::tempdir().unwrap(), &["--config", &writer]);
    writer.run(&["store", "create", "shop"]).code(0);
    writer.run(&["schema", "write", &writer.file("shop.zed", SCHEMA)]).code(0);
    writer.run(&["write", "document:plan#owner@user:ben"]).code(0);
    writer.run(&["snapshot", "create"]).code(0);
    let token = writer.run(&["write", "document:plan#viewer@user:ada"]).code(0).token();
    let evaluator = Server::start(tempfile::tempdir().unwrap(), &["--config", &reader]);
    let check = ["check", "document:plan#view@user:ada", "--consistency"];
    until_code(&evaluator, &[&check[..], &[&format!("at-least:{token}")]].concat(), 0);
    until_code(&evaluator, &[&check[..], &["minimize-latency"]].concat(), 0);
    evaluator.run(&[&check[..], &["fully-consistent"]].concat()).fails("DH-D031", "no database");
    evaluator.run(&["write", "document:plan#viewer@user:eve"]).fails("DH-D030", "--role evaluator");
    evaluator.run(&["store", "create", "new"]).fails("DH-D030", "");
    evaluator.run(&["schema", "write", &evaluator.file("shop.zed", SCHEMA)]).fails("DH-D030", "");
    let status = evaluator.json(&["status"], 0).remove(0);
    assert_eq!((&status["role"], &status["stores"][0]["lag_revisions"]), (&json!("evaluator"), &json!(0)), "{status}");
    assert_eq!(writer.json(&["status"], 0)[0]["role"], json!("all"));
    // What it serves goes on without the server that wrote it.
    assert_eq!(writer.terminate(), Some(0));
    evaluator.run(&[&check[..], &["minimize-latency"]].concat()).code(0);
}

#[test]
fn an_evaluator_of_a_database_reads_and_writes_nothing() {
    let database = Database::new();
    let writer = database.serve(&["--auto-migrate"]);
    writer.run(&["store", "create", "shop"]).code(0);
    writer.run(&["schema", "write", &writer.file("shop.zed", SCHEMA)]).code(0);
    let token = writer.run(&["write", "document:plan#viewer@user:ada"]).code(0).token();
    let evaluator = database.serve(&["--role", "evaluator"]);
    let check = ["check", "document:plan#view@user:ada", "--consistency"];
    evaluator.run(&[&check[..], &[&format!("at-least:{token}")]].concat()).code(0);
    evaluator.run(&[&check[..], &["fully-consistent"]].concat()).code(0);
    evaluator.run(&["write", "document:plan#viewer@user:eve"]).fails("DH-D030", "");
    evaluator.run(&["store", "delete", "shop", "--yes"]).fails("DH-D030", "");
    evaluator.run(&["read"]).code(0);
}

#[test]
fn an_evaluator_without_a_source_is_refused() {
    for (options, code) in [
        (&["--role", "evaluator"][..], "DH-K052"),
        (&["--role", "evaluator", "--kafka", "127.0.0.1:1"], "DH-K052"),
        (&["--role", "evaluator", "--data", "dhow.db"], "DH-K050"),
        (&["--role", "evaluator", "--database", "postgres://u@h/d", "--auto-migrate"], "DH-K051"),
    ] {
        let refused = super::program::run(&[&["serve"], options].concat()).code(2);
        assert!(refused.stderr.contains(code), "{refused:?}");
    }
}
