//! `snapshot create|list|inspect|verify`, `status`, and servers that boot from what was made.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::program::{SCHEMA, Server, TUPLES, file, run};

/// A server with a folder for snapshots, and the store of the tests.
fn with_shop(folder: &Path, options: &[&str]) -> Server {
    let server = serve(folder, options);
    server.run(&["store", "create", "shop"]).code(0);
    server.run(&["schema", "write", &file(folder, "shop.zed", SCHEMA)]).code(0);
    server.run(&[&["write"], TUPLES.as_slice()].concat()).code(0);
    server
}

/// A server on the data and the snapshots of a folder.
fn serve(folder: &Path, options: &[&str]) -> Server {
    let place = |name: &str| folder.join(name).display().to_string();
    let (data, snapshots) = (place("dhow.db"), place("snapshots"));
    let own = ["--data", &data, "--snapshots", &snapshots, "--listen", "127.0.0.1:0"];
    Server::start(tempfile::tempdir().unwrap(), &[&own[..], options].concat())
}

fn path(folder: &Path, name: &str) -> PathBuf {
    folder.join("snapshots").join(name)
}

#[test]
fn a_snapshot_is_made_shown_verified_and_booted_from() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_shop(folder.path(), &[]);
    let made = &server.json(&["snapshot", "create"], 0)[0];
    assert_eq!((&made["store_name"], &made["revision"], &made["tuple_count"]), (&json!("shop"), &json!(2), &json!(5)));
    assert_eq!(made["counts"][1], json!({"object_type": "document", "relation": "owner", "tuples": 1}));
    assert_eq!((&made["made_by"], &made["schema_version"]), (&json!("anonymous"), &json!(1)));
    let name = made["file"].as_str().unwrap();
    let local = path(folder.path(), name).display().to_string();
    let listed = server.json(&["snapshot", "list"], 0);
    assert_eq!((listed.len(), &listed[0]["file"], &listed[0]["bytes"]), (1, &made["file"], &made["bytes"]));
    assert!(server.run(&["snapshot", "list"]).code(0).stdout.contains(name));
    let shown = &server.json(&["snapshot", "inspect", name, "--on-server"], 0)[0];
    assert_eq!(shown, made);

    // Without a server.
    let shown = run(&["snapshot", "inspect", &local, "--output", "json"]).code(0).json();
    assert_eq!((&shown[0]["digest"], &shown[0]["root"]), (&made["digest"], &made["root"]));
    assert!(run(&["snapshot", "inspect", &local]).code(0).stdout.contains("1 document#owner"));
    let alone = run(&["snapshot", "verify", &local, "--output", "json"]).code(0).json();
    assert_eq!((&alone[0]["verified"], &alone[0]["head_revision"]), (&json!(true), &json!(null)));

    // Against the live store, which has gone on.
    let token = server.run(&["write", "document:plan#viewer@user:flo"]).code(0).token();
    let endpoint = server.address.to_string();
    let live = run(&["snapshot", "verify", &local, "--endpoint", &endpoint, "--output", "json"]).code(0).json();
    assert_eq!((&live[0]["head_revision"], &live[0]["digest"]), (&json!(3), &made["digest"]));
    assert!(server.run(&["snapshot", "verify", name, "--on-server"]).code(0).stdout.starts_with("verified shop at revision 2"));

    // A server that boots from it is where the first one was.
    assert_eq!(server.terminate(), Some(0));
    let again = serve(folder.path(), &["--snapshot-verify", "full"]);
    again.run(&["check", "document:plan#view@user:flo", "--consistency", &format!("exact:{token}")]).code(0);
    let tuples = [&TUPLES[..1], &["document:plan#viewer@user:flo"], &TUPLES[1..]].concat();
    again.run(&["read"]).code(0).lines(&tuples);
    let second = &again.json(&["snapshot", "create"], 0)[0];
    assert_eq!((&second["revision"], &second["tuple_count"]), (&json!(3), &json!(6)));
    assert_eq!(again.json(&["snapshot", "list"], 0)[0]["revision"], 3);
}

#[test]
fn what_is_wrong_with_a_file_is_said_and_where() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_shop(folder.path(), &[]);
    let made = &server.json(&["snapshot", "create"], 0)[0];
    let good = path(folder.path(), made["file"].as_str().unwrap());
    let bytes = std::fs::read(&good).unwrap();
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let mut flipped = bytes.clone();
    flipped[70] ^= 1;
    for (file, code, says) in [
        (put("empty", b""), "snapshot_not_one", "empty"),
        (put("foreign", b"SQLite format 3\0"), "snapshot_not_one", "SQLite format 3"),
        (put("cut", &bytes[..bytes.len() - 1]), "snapshot_cut", "copy the whole file again"),
        (put("flipped", &flipped), "snapshot_damaged", "section `seg.0."),
        (folder.path().join("absent").display().to_string(), "DH-F002", "absent"),
        (folder.path().display().to_string(), "DH-F002", ""),
    ] {
        run(&["snapshot", "verify", &file]).fails(code, says);
        assert!(file.ends_with("flipped") || run(&["snapshot", "inspect", &file]).code == 2, "{file}");
    }
    server.run(&["snapshot", "inspect", "absent", "--on-server"]).fails("DH-F002", "dhow snapshot list");
    let cut = put("good", &bytes);
    run(&["snapshot", "verify", &cut, "--endpoint", "127.0.0.1:1"]).fails("connection", "127.0.0.1:1");

    // A server that does not have the store.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = with_shop(elsewhere.path(), &[]);
    run(&["snapshot", "verify", &cut, "--endpoint", &other.address.to_string()]).fails("DH-R010", "");
    let none = Server::with_shop();
    none.run(&["snapshot", "create"]).fails("DH-F001", "--snapshots");
    let refused = run(&["serve", "--snapshot-every", "1h"]).code(2);
    assert!(refused.stderr.contains("error[DH-K007]") && refused.stderr.contains("--snapshots"), "{refused:?}");
}

#[test]
fn snapshots_are_made_on_a_schedule_and_old_ones_go() {
    let folder = tempfile::tempdir().unwrap();
    let server = with_shop(folder.path(), &["--every", "50ms", "--keep", "2"]);
    let mut newest = Vec::new();
    for number in 0_u32.. {
        server.run(&["write", &format!("document:n{number}#owner@user:ada")]).code(0);
        let listed = server.json(&["snapshot", "list"], 0);
        assert!(listed.len() <= 3, "{listed:?}");
        if let Some(first) = listed.first() {
            assert_eq!(first["store_name"], "shop");
            newest.push(first["revision"].as_u64().unwrap());
            newest.dedup();
        }
        if newest.len() >= 4 && listed.len() == 2 {
            break;
        }
        assert!(number < 2_000, "{newest:?}");
    }
    assert!(newest.is_sorted());
    let name = server.json(&["snapshot", "list"], 0)[0]["file"].as_str().unwrap().to_owned();
    assert_eq!(server.json(&["snapshot", "inspect", &name, "--on-server"], 0)[0]["made_by"], "schedule");
}

#[test]
fn status_tells_of_every_server_that_answers() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (with_shop(folder.path(), &[]), Server::empty());
    one.run(&["snapshot", "create"]).code(0);
    let (first, second) = (one.address.to_string(), two.address.to_string());
    let told = run(&["status", "--endpoint", &first, "--endpoint", &second, "--output", "json"]).code(0).json();
    assert_eq!((told.len(), &told[0]["endpoint"], &told[1]["stores"]), (2, &json!(first), &json!([])));
    assert_ne!(told[0]["node_id"], told[1]["node_id"]);
    let store = &told[0]["stores"][0];
    assert_eq!((&store["name"], &store["applied_revision"], &store["lag_revisions"]), (&json!("shop"), &json!(2), &json!(0)));
    assert_eq!((&store["newest_snapshot"]["revision"], &store["set_aside"], &store["lag_ms"]), (&json!(2), &json!(null), &json!(0)));
    let text = run(&["status", "--endpoint", &format!("{first},{second}")]).code(0);
    assert!(text.stdout.contains("1 of 1 stores in memory") && text.stdout.contains("revision 2"), "{text:?}");
    drop(two);
    let told = run(&["status", "--endpoint", &second, "--endpoint", &first, "--output", "json"]).code(2).json();
    assert_eq!((&told[0]["error"]["code"], &told[1]["stores"][0]["name"]), (&json!("connection"), &json!("shop")));
}
