//! `serve`, `keys` and `demo`.

use std::net::TcpListener;

use serde_json::json;

use super::program::{Server, file, run};

const DOCUMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/documents.yaml");

#[test]
fn a_server_without_keys_is_for_this_machine_alone() {
    for (options, code, way_on) in [
        (&["--listen", "0.0.0.0:0"][..], "DH-K030", "dhow keys generate"),
        (&["--listen", "[::]:0"], "DH-K030", "--insecure"),
        (&["--listen", "0.0.0.0:0", "--ephemeral"], "DH-K032", "127.0.0.1"),
    ] {
        let refused = run(&[&["serve"], options].concat()).code(2);
        assert!(refused.stderr.contains(code) && refused.stderr.contains(way_on), "{refused:?}");
        assert_eq!(refused.stdout, "");
    }
}

#[test]
fn a_port_that_is_taken_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = run(&["serve", "--ephemeral", "--listen", &address]).code(2);
    assert!(refused.stderr.contains(&address) && refused.stderr.contains("DH-K040"), "{refused:?}");
}

#[test]
fn a_server_ends_in_order_when_it_is_told_to() {
    assert_eq!(Server::empty().terminate(), Some(0));
}

#[test]
fn in_test_mode_each_key_opens_a_fresh_store() {
    let mut server = Server::start(tempfile::tempdir().unwrap(), &["--ephemeral", "--load", DOCUMENTS]);
    server.key = "one".to_owned();
    server.run(&["check", "document:readme#view@user:ben"]).code(0);
    server.run(&["write", "document:readme#viewer@user:cyd"]).code(0);
    server.run(&["check", "document:readme#view@user:cyd"]).code(0);
    server.key = "two".to_owned();
    server.run(&["check", "document:readme#view@user:ben"]).code(0);
    server.run(&["check", "document:readme#view@user:cyd"]).code(1);
}

#[test]
fn a_file_that_no_store_can_begin_with_is_said_before_anything_listens() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "wrong.yaml", "schema: |\n  definition user {}\nrelationships: |\n  document:a#owner@user:b\n");
    let refused = run(&["serve", "--ephemeral", "--load", &path]).code(2);
    assert!(refused.stderr.contains("wrong.yaml:4:3: ") && refused.stderr.contains("DH-K045"), "{refused:?}");
}

#[test]
fn a_key_opens_what_the_configuration_says() {
    let folder = tempfile::tempdir().unwrap();
    let generated = run(&["keys", "generate", "--name", "reader"]).code(0).stdout;
    let key = generated.lines().find_map(|line| line.trim().starts_with("dhow_").then(|| line.trim().to_owned())).unwrap();
    let (_, section) = generated.split_once("[[keys]]").unwrap();
    let reader =
        format!("[[keys]]{section}").replace("rights = [\"read\", \"write\", \"schema\", \"admin\", \"operate\"]", "rights = [\"read\"]");
    let root =
        "[[keys]]\nname = \"root\"\nkey = \"0123456789abcdef\"\nstores = \"all\"\nrights = [\"read\", \"write\", \"schema\", \"admin\"]\n";
    let config = file(folder.path(), "dhow.toml", &format!("address = \"127.0.0.1:0\"\ndata = \"dhow.db\"\n\n{reader}\n{root}"));
    let mut server = Server::start(folder, &["--config", &config]);
    server.run(&["store", "list"]).fails("DH-A001", "DHOW_KEY");
    server.key = "0123456789abcdex".to_owned();
    server.run(&["store", "list"]).fails("DH-A003", "");
    server.key = "0123456789abcdef".to_owned();
    server.run(&["store", "create", "shop"]).code(0);
    server.run(&["schema", "write", &server.file("shop.zed", super::program::SCHEMA)]).code(0);
    server.key = key;
    server.run(&["read"]).code(0);
    server.run(&["write", "team:core#member@user:ada"]).fails("DH-A004", "write");
}

#[test]
fn a_mistake_in_the_configuration_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "dhow.toml", "adress = \"127.0.0.1:0\"\n");
    let refused = run(&["serve", "--config", &path]).code(2);
    assert!(
        refused.stderr.contains("error[DH-K002]: ")
            && refused.stderr.contains("dhow.toml:1:1: unknown key `adress`; did you mean `address`?"),
        "{refused:?}"
    );
    let absent = run(&["serve", "--config", "absent.toml"]).code(2);
    assert!(absent.stderr.contains("absent.toml") && absent.stderr.contains("[DH-K005]"), "{absent:?}");
}

#[test]
fn the_demo_asks_a_real_server_and_ends() {
    let shown = run(&["demo", "--exit"]).code(0);
    let decisions: Vec<&str> = shown.stdout.lines().filter(|line| ["allowed", "denied"].contains(line)).collect();
    assert_eq!(decisions, ["allowed", "denied", "denied", "allowed"], "{shown:#?}");
    assert!(shown.stdout.contains("conditional (it hangs on client_ip)\n"), "{shown:?}");
    assert!(shown.stdout.contains("repository:acme/postgres\n"), "{shown:?}");
    assert!(shown.stderr.contains("$ dhow check repository:acme/shop-frontend#pull@user:ulrike --context '{\"client_ip\""), "{shown:?}");
    assert!(shown.stderr.contains(" · token "), "{shown:?}");
    let answers = run(&["demo", "--exit", "--output", "json"]).code(0).json();
    assert_eq!(answers[0]["decision"], json!("allowed"));
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "mine.txt", "");
    run(&["demo", "--exit", "--dir", &folder.path().display().to_string()]).fails("folder_not_empty", "--dir");
}
