//! Rows that no write made, and nodes that share the database which has them.

use super::nodes::{node, read};
use super::*;
use crate::node::Consistency;
use crate::store::suite::Tamper;

const DIGESTS: [&str; 2] = [
    "UPDATE head SET digest = (SELECT substr(entry, length(entry) - 40, 33) FROM log WHERE revision = 2)",
    "UPDATE head SET digest = decode(rpad('01', 66, '00'), 'hex')",
];
const HEAD_CHAIN: &str = "UPDATE head SET chain = decode(rpad('00', 64, '00'), 'hex')";

impl Tamper for Scratch {
    async fn tamper(&self, sql: &str) {
        self.run(sql).await;
    }
}

#[tokio::test]
async fn wrong_rows_are_found_and_put_right() {
    let (tenant, scratch) = tenant().await;
    crate::store::suite::wrong_rows_are_found_and_put_right(tenant, &scratch, DIGESTS).await;
}

#[tokio::test]
async fn a_wrong_log_is_found_and_never_repaired_from() {
    let (tenant, scratch) = tenant().await;
    let sql = "UPDATE log SET chain = decode(rpad('00', 64, '00'), 'hex') WHERE revision = 3";
    crate::store::suite::a_wrong_log_is_found_and_never_repaired_from(tenant, &scratch, sql).await;
}

#[tokio::test]
async fn a_wrong_digest_of_the_head_is_not_built_on() {
    let (tenant, scratch) = tenant().await;
    crate::store::suite::a_wrong_digest_of_the_head_is_not_built_on(tenant, &scratch, DIGESTS).await;
}

#[tokio::test]
async fn a_head_of_another_chain_takes_no_writes() {
    let (tenant, scratch) = tenant().await;
    crate::store::suite::a_head_of_another_chain_takes_no_writes(tenant, &scratch, HEAD_CHAIN).await;
}

/// Nodes that fold by entries go on, and so does one that boots: the log says what the digest is, and the table has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_stored_digest_takes_no_node_down() {
    let scratch = Scratch::migrated().await;
    let (one, two) = (node(&scratch).await, node(&scratch).await);
    let info = one.create_store("main").await.unwrap();
    one.write_schema(info.id, schema_command(SCHEMA), None).await.unwrap();
    let write = async |number: u32| {
        let change = create(&format!("doc:{number}#viewer@user:ada"));
        one.write(info.id, command(&number.to_string(), [change]), None).await.unwrap().token
    };
    write(0).await;
    two.resolve("main").await.unwrap();
    read(&two, info.id, Consistency::FullyConsistent).await.unwrap();
    scratch.run(DIGESTS[1]).await;
    for consistency in [Consistency::MinimizeLatency, Consistency::FullyConsistent] {
        for node in [&one, &two] {
            assert_eq!(read(node, info.id, consistency).await.unwrap().state.len(), 1);
        }
    }
    // A pass finds it, on whichever node it is made, and no node gives anything up for it.
    for node in [&one, &two] {
        let verified = node.verify_store(&info, false).await.unwrap().unwrap();
        let found: Vec<_> = verified.checks.iter().filter(|check| !check.is_clean()).map(|check| check.subject.name()).collect();
        assert_eq!(found, ["head"]);
        assert_eq!(node.status(|_| true).await.stores[0].scrub.as_ref().unwrap().found.len(), 1);
    }
    let three = super::nodes::node(&scratch).await;
    assert_eq!(read(&three, info.id, Consistency::FullyConsistent).await.unwrap().state.len(), 1);
    let token = write(1).await;
    for node in [&one, &two, &three] {
        let point = read(node, info.id, Consistency::AtLeastAsFresh(token)).await.unwrap();
        assert_eq!((point.token, point.state.len(), point.vintage.age().degraded), (token, 2, false));
        let verified = node.verify_store(&info, false).await.unwrap().unwrap();
        assert!(verified.checks.iter().all(crate::verify::Check::is_clean), "{:?}", verified.checks);
    }
}

/// A row that is wrong is told; the nodes answer from memory, and what boots anew refuses the table until it was put right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_row_is_never_loaded() {
    let scratch = Scratch::migrated().await;
    let one = node(&scratch).await;
    let info = one.create_store("main").await.unwrap();
    one.write_schema(info.id, schema_command(SCHEMA), None).await.unwrap();
    one.write(info.id, command("r", [create("doc:1#viewer@user:ada")]), None).await.unwrap();
    scratch.run("UPDATE tuple SET subject_id = 'mallory'").await;
    let verified = one.verify_store(&info, false).await.unwrap().unwrap();
    let found: Vec<_> = verified.checks.iter().filter(|check| !check.is_clean()).map(|check| check.subject.name()).collect();
    assert_eq!(found, ["table"]);
    let point = read(&one, info.id, Consistency::FullyConsistent).await.unwrap();
    assert!(point.state.tuples().any(|tuple| tuple.to_string() == "doc:1#viewer@user:ada"));
    let two = node(&scratch).await;
    assert_eq!(read(&two, info.id, Consistency::MinimizeLatency).await.unwrap_err().code(), "DH-D010");
    let verified = one.verify_store(&info, true).await.unwrap().unwrap();
    assert!(verified.checks.iter().all(crate::verify::Check::is_clean));
    let rows = verified.repaired.unwrap().rows;
    assert_eq!(rows, ["tuple `doc:1#viewer@user:ada` is written", "tuple `doc:1#viewer@user:mallory` is removed"]);
    let three = node(&scratch).await;
    assert_eq!(read(&three, info.id, Consistency::MinimizeLatency).await.unwrap().state.len(), 1);
}

/// The rows are compared by one server at a time; another one takes over when it has gone.
#[tokio::test]
async fn one_server_has_the_turn() {
    let scratch = Scratch::migrated().await;
    let (one, two) = (scratch.open().await, scratch.open().await);
    let long = Duration::from_secs(60);
    assert!(one.take_turn("scrub", [1; 16], long).await.unwrap());
    assert!(!two.take_turn("scrub", [2; 16], long).await.unwrap());
    assert!(two.take_turn("another", [2; 16], long).await.unwrap());
    assert!(one.take_turn("scrub", [1; 16], Duration::ZERO).await.unwrap());
    assert!(two.take_turn("scrub", [2; 16], long).await.unwrap());
}
