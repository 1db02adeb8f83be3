use super::*;
use crate::verify::{self, Check};

/// A way past the store.
pub(in crate::store) trait Tamper {
    async fn tamper(&self, sql: &str);
}

/// Rows that no write made, and where each is found.
const WRONG: &[(&str, &[&str])] = &[
    ("UPDATE tuple SET subject_id = 'eve' WHERE subject_id = 'ada'", &["table", "fold"]),
    ("UPDATE tuple SET expires_at = 1 WHERE subject_id = 'ada'", &["table", "counts", "fold"]),
    ("DELETE FROM tuple WHERE subject_id = 'ada'", &["table", "head", "counts", "fold"]),
    (
        "INSERT INTO tuple (store, object_type, object_id, relation, subject_type, subject_id, subject_relation, revision)
         SELECT store, 'doc', '9', relation, subject_type, subject_id, subject_relation, revision FROM tuple WHERE subject_id = 'ada'",
        &["table", "head", "counts", "fold"],
    ),
    ("UPDATE shape SET tuples = tuples + 1 WHERE subject_type = 'user' AND subject_shape = ''", &["counts"]),
    ("DELETE FROM shape WHERE subject_type = 'team'", &["counts"]),
    ("UPDATE head SET tuples = tuples + 1", &["head"]),
    ("UPDATE head SET time = time + 1", &["head"]),
    ("UPDATE head SET schema_version = 2", &["schemas"]),
    ("DELETE FROM schema_version", &["table", "schemas", "fold"]),
];

/// The subjects in which something was found.
fn found(checks: &[Check]) -> Vec<&'static str> {
    checks.iter().filter(|check| !check.is_clean()).map(|check| check.subject.name()).collect()
}

async fn verified(tenant: &Tenant) -> Vec<&'static str> {
    found(&verify::database(&*tenant.database, tenant.store).await.unwrap())
}

async fn filled(tenant: &Tenant) {
    tenant.write(1, [create("doc:1#viewer@user:ada"), create("doc:1#viewer@team:core#member")]).await.unwrap();
    tenant.write(2, [create("doc:2#viewer@user:bob"), create("doc:3#viewer@user:bob")]).await.unwrap();
    tenant.write(3, [delete("doc:3#viewer@user:bob")]).await.unwrap();
}

/// One wrong row is found, wherever it is, and put right by the log; a second repair has nothing to do.
pub(in crate::store) async fn wrong_rows_are_found_and_put_right(tenant: Tenant, tamper: &impl Tamper, digests: [&str; 2]) {
    filled(&tenant).await;
    assert_eq!(verified(&tenant).await, [""; 0]);
    let digest = digests.map(|sql| (sql, &["head"][..]));
    for (sql, subjects) in WRONG.iter().copied().chain(digest) {
        tamper.tamper(sql).await;
        assert_eq!(verified(&tenant).await, subjects, "{sql}");
        let log = tenant.database.log(tenant.store, 0, 100).await.unwrap();
        let repaired = verify::repair(&*tenant.database, tenant.store, &None).await.unwrap();
        assert!(!repaired.rows.is_empty() && repaired.rows.len() <= 4, "{sql}: {:?}", repaired.rows);
        assert_eq!(verified(&tenant).await, [""; 0], "{sql}");
        assert_eq!(tenant.database.log(tenant.store, 0, 100).await.unwrap(), log, "no entry is ever changed");
        tenant.verify().await;
        assert_eq!(verify::repair(&*tenant.database, tenant.store, &None).await.unwrap().rows, [""; 0]);
    }
    tenant.write(4, [create("doc:4#viewer@user:ada")]).await.unwrap();
    tenant.verify().await;
}

/// A log that is not what was written is found, and nothing is put right by it.
pub(in crate::store) async fn a_wrong_log_is_found_and_never_repaired_from(tenant: Tenant, tamper: &impl Tamper, chain: &str) {
    filled(&tenant).await;
    tamper.tamper(chain).await;
    assert_eq!(verified(&tenant).await, ["log"]);
    tamper.tamper("UPDATE head SET tuples = 9").await;
    let error = verify::repair(&*tenant.database, tenant.store, &None).await.unwrap_err();
    assert_eq!(error.code(), "DH-V002", "{error}");
    tamper.tamper("DELETE FROM log WHERE revision < 3").await;
    let error = verify::repair(&*tenant.database, tenant.store, &None).await.unwrap_err();
    assert_eq!(error.code(), "DH-V001", "{error}");
}

/// A head whose digest is wrong: the log's is used, so that nothing wrong gets into the log, and the next write mends it.
pub(in crate::store) async fn a_wrong_digest_of_the_head_is_not_built_on(tenant: Tenant, tamper: &impl Tamper, digests: [&str; 2]) {
    filled(&tenant).await;
    for (now, sql) in digests.into_iter().enumerate() {
        tamper.tamper(sql).await;
        let mut loaded = Loaded::default();
        tenant.database.load(tenant.store, &mut loaded).await.unwrap();
        assert_ne!(loaded.head.unwrap().digest, tenant.head().await.digest);
        let number = now as i64 + 10;
        tenant.write(number, [create(&format!("doc:{number}#viewer@user:ada"))]).await.unwrap();
        tenant.verify().await;
        tamper.tamper(sql).await;
        tenant
            .database
            .write_schema(tenant.store, at(number), &schema_command(&format!("{SCHEMA} definition d{number} {{}}")))
            .await
            .unwrap();
        tenant.verify().await;
    }
}

/// A head with another chain than the log: nobody knows which is right, and nothing is written.
pub(in crate::store) async fn a_head_of_another_chain_takes_no_writes(tenant: Tenant, tamper: &impl Tamper, chain: &str) {
    filled(&tenant).await;
    tamper.tamper(chain).await;
    let error = tenant.database.write(tenant.store, at(9), &[command("x", [create("doc:9#viewer@user:ada")])]).await.unwrap_err();
    assert_eq!(error.code(), "DH-D021");
    assert_eq!(tenant.database.load(tenant.store, &mut Loaded::default()).await.unwrap_err().code(), "DH-D021");
    assert_eq!(verified(&tenant).await, ["head", "log"]);
    verify::repair(&*tenant.database, tenant.store, &None).await.unwrap();
    tenant.write(10, [create("doc:9#viewer@user:ada")]).await.unwrap();
    tenant.verify().await;
}
