//! Servers that share a Postgres: what one writes the others have, an outage of the database, and one that goes back in time.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::postgres::{Database, execute};
use super::program::{SCHEMA, Server, TUPLES, file};

const ADA: [&str; 2] = ["check", "document:readme#view@user:ada"];

/// Asks until something is so; a test that waits in vain fails after a minute.
#[track_caller]
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..600 {
        if let Some(found) = ask() {
            return found;
        }
        pause();
    }
    panic!("in vain: {what}")
}

fn pause() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(100)).await });
}

fn at(mode: &str) -> Vec<&str> {
    [&ADA[..], &["--consistency", mode]].concat()
}

/// A check that is answered from what the server has; its JSON.
fn glance(server: &Server) -> Value {
    let ran = server.run(&[at("minimize-latency"), vec!["--output", "json"]].concat());
    assert!([0, 1].contains(&ran.code), "{ran:#?}");
    ran.json().remove(0)
}

/// The code of an error that a command ends with; `None`: it had an answer.
fn error(server: &Server, words: &[&str]) -> Option<String> {
    let ran = server.run(words);
    Some(ran.stderr.strip_prefix("error[")?.split(']').next()?.to_owned())
}

fn health(server: &Server, service: &str) -> ServingStatus {
    let address = format!("http://{}", server.address);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = tonic::transport::Endpoint::new(address).unwrap().connect().await.unwrap();
        let request = HealthCheckRequest { service: service.to_owned() };
        HealthClient::new(channel).check(request).await.unwrap().into_inner().status()
    })
}

fn with_shop(server: &Server) {
    server.run(&["store", "create", "shop"]).code(0);
    server.run(&["schema", "write", &server.file("shop.zed", SCHEMA)]).code(0);
    server.run(&[&["write"], TUPLES.as_slice()].concat()).code(0);
}

#[test]
fn tokens_are_honoured_on_every_server_and_writes_arrive_without_them() {
    let database = Database::new();
    let servers = [database.serve(&["--auto-migrate"]), database.serve(&["--auto-migrate"])];
    with_shop(&servers[0]);
    for (round, (writer, reader)) in (0..6).map(|round| (round, (&servers[round % 2], &servers[(round + 1) % 2]))) {
        let tuple = format!("document:{round}#viewer@user:eve");
        let token = writer.run(&["write", &tuple]).code(0).token();
        let check = ["check", &format!("document:{round}#view@user:eve"), "--consistency"];
        reader.run(&[&check[..], &[&format!("at-least:{token}")]].concat()).code(0);
        reader.run(&[&check[..], &[&format!("exact:{token}")]].concat()).code(0);
        let gone = writer.run(&["delete", &format!("document:{round}"), "--yes"]).code(0).token();
        until("the delete arrives by itself", || (reader.run(&[&check[..], &["minimize-latency"]].concat()).code == 1).then_some(()));
        reader.run(&[&check[..], &[&format!("at-least:{gone}")]].concat()).code(1);
        // The older one is still answered, at that revision.
        reader.run(&[&check[..], &[&format!("exact:{token}")]].concat()).code(0);
    }
    // A store that another server removed and made anew is the new one.
    servers[0].run(&["store", "delete", "shop", "--yes"]).code(0);
    servers[0].run(&["store", "create", "shop"]).code(0);
    until("the new store is found", || (error(&servers[1], &at("minimize-latency"))? == "schema_missing").then_some(()));
}

/// The tables that a backup has, apart from that of the stores.
const TABLES: [&str; 6] = ["head", "log", "tuple", "shape", "schema_version", "write_request"];

#[test]
fn a_dump_that_is_restored_is_noticed_and_what_is_lost_is_told() {
    let database = Database::new();
    let (one, two) = (database.serve(&["--auto-migrate"]), database.serve(&["--auto-migrate"]));
    with_shop(&one);
    glance(&two);
    let kept = one.run(&["write", "document:kept#viewer@user:eve"]).code(0).token();
    let saved: Vec<_> = TABLES.iter().map(|table| format!("CREATE TABLE saved_{table} AS SELECT * FROM {table}")).collect();
    execute(&database.url, &saved.join(";")).unwrap();
    let lost = one.run(&["write", "document:lost#viewer@user:eve"]).code(0).token();
    let read = ["check", "document:lost#view@user:eve", "--consistency"];
    let by_lost = format!("at-least:{lost}");
    two.run(&[&read[..], &[&by_lost]].concat()).code(0);
    let restored: Vec<_> =
        TABLES.iter().map(|table| format!("TRUNCATE {table}; INSERT INTO {table} SELECT * FROM saved_{table}")).collect();
    execute(&database.url, &format!("BEGIN; {}; COMMIT", restored.join(";"))).unwrap();
    for server in [&one, &two] {
        until("the server tells what is lost", || server.log().contains("revisions 4 to 4 were lost").then_some(()));
        server.run(&[&read[..], &["minimize-latency"]].concat()).code(1);
        server.run(&["check", "document:kept#view@user:eve", "--consistency", &format!("exact:{kept}")]).code(0);
        server.run(&[&read[..], &[&by_lost]].concat()).fails("DH-R012", "");
    }
    // Another entry takes the lost one's revision: its token is not taken for this.
    two.run(&["write", "document:other#viewer@user:eve"]).code(0);
    for server in [&one, &two] {
        let answer = server.run(&[&read[..], &[&by_lost]].concat()).code(1);
        assert!(answer.stderr.contains("another history"), "{answer:#?}");
        server.run(&[&read[..], &[&format!("exact:{lost}")]].concat()).fails("DH-R011", "");
    }
}

/// A Postgres of the test's own, which it may stop.
struct Own {
    folder: TempDir,
}

impl Own {
    fn up() -> (Self, String) {
        let own = Self { folder: tempfile::tempdir().unwrap() };
        let url = own.start();
        (own, url)
    }

    fn rig(&self, what: &str) -> String {
        let rig = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/rig/postgres");
        let output = Command::new(rig).arg(what).arg(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn start(&self) -> String {
        self.rig("up").trim().strip_prefix("DATABASE_URL=").unwrap().to_owned()
    }

    /// Sends a signal to all its processes: the first before those that it would make.
    fn signal(&self, signal: &str) {
        let file: PathBuf = self.folder.path().join("data/postmaster.pid");
        let Ok(text) = std::fs::read_to_string(file) else { return };
        let first = text.lines().next().unwrap().trim().to_owned();
        let kill =
            |process: &str| Command::new("sh").arg("-c").arg(format!("kill -{signal} {process} 2>/dev/null || true")).status().unwrap();
        kill(&first);
        let children = std::fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap_or_default();
        for child in children.split_whitespace() {
            kill(child);
        }
    }
}

/// Lets it go on when a test fails while it is paused: what is dropped after this may ask it for something.
struct GoesOn<'o>(&'o Own);

impl Drop for GoesOn<'_> {
    fn drop(&mut self) {
        self.0.signal("CONT");
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.signal("CONT");
        self.rig("down");
    }
}

#[test]
fn while_postgres_is_down_reads_go_on_and_say_so_and_all_recovers() {
    let (own, url) = Own::up();
    let database = Database::on(url);
    let folder = tempfile::tempdir().unwrap();
    let limits = |stale_serve_max_ms: u32| format!("[limits]\nmax_staleness_ms = 300\nstale_serve_max_ms = {stale_serve_max_ms}\n");
    let patient = file(folder.path(), "patient.toml", &limits(900_000));
    let strict = file(folder.path(), "strict.toml", &limits(1_500));
    let patient = database.serve(&["--auto-migrate", "--config", &patient]);
    let strict = database.serve(&["--auto-migrate", "--config", &strict]);
    with_shop(&patient);
    let servers = [&patient, &strict];
    let _goes_on = GoesOn(&own);
    let all_is_well = |name: &str| {
        for server in servers {
            let tuple = format!("document:{name}#viewer@user:eve");
            until("a write succeeds", || (server.run(&["write", &tuple]).code == 0).then_some(()));
            server.run(&at("fully-consistent")).code(0);
            until("an answer is fresh", || (glance(server)["degraded"] == false).then_some(()));
            until("it tells that it can write", || (health(server, "dhow.v1.write") == ServingStatus::Serving).then_some(()));
        }
    };
    all_is_well("before");

    // Silent, with all its connections open; and then gone.
    let silence = || own.signal("STOP");
    let speech = || own.signal("CONT");
    let end = || drop(own.rig("down"));
    let again = || drop(own.start());
    type Step<'s> = &'s dyn Fn();
    let outages: [(&str, Step<'_>, Step<'_>); 2] = [("paused", &silence, &speech), ("stopped", &end, &again)];
    for (name, begin, finish) in outages {
        begin();
        let first = until("an answer is degraded", || Some(glance(&patient)).filter(|answer| answer["degraded"] == true));
        let older = |answer: &Value| answer["age_ms"].as_u64() > first["age_ms"].as_u64();
        until("its age grows", || Some(glance(&patient)).filter(older));
        until("it tells that it cannot write", || (health(&patient, "dhow.v1.write") == ServingStatus::NotServing).then_some(()));
        assert_eq!(error(&patient, &["write", "document:down#viewer@user:eve"]).as_deref(), Some("DH-D020"));
        assert_eq!(error(&patient, &at("fully-consistent")).as_deref(), Some("DH-D020"));
        until("the strict one serves nothing any more", || (error(&strict, &at("minimize-latency"))? == "DH-R017").then_some(()));
        for server in servers {
            assert_eq!(health(server, ""), ServingStatus::Serving);
            assert_eq!(health(server, "dhow.v1.AuthorizationService"), ServingStatus::Serving);
        }
        assert_eq!(glance(&patient)["degraded"], true);
        finish();
        all_is_well(name);
    }
    let tuples = patient.run(&["read"]).code(0);
    assert!(!tuples.stdout.contains("document:down"), "what was refused was not written: {tuples:#?}");
}
