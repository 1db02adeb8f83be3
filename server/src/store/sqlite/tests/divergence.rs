use super::*;
use crate::store::suite::Tamper;

const DIGESTS: [&str; 2] = [
    "UPDATE head SET digest = (SELECT substr(entry, length(entry) - 40, 33) FROM log WHERE revision = 2)",
    "UPDATE head SET digest = CAST(x'01' || zeroblob(32) AS BLOB)",
];
const HEAD_CHAIN: &str = "UPDATE head SET chain = zeroblob(32)";

impl Tamper for Arc<SqliteStore> {
    async fn tamper(&self, sql: &str) {
        SqliteStore::tamper(self, sql).await;
    }
}

async fn tenant() -> (Tenant, Arc<SqliteStore>) {
    let sqlite = Arc::new(SqliteStore::in_memory().await.unwrap());
    let database: Arc<dyn Datastore> = sqlite.clone();
    (Tenant::new(&database).await, sqlite)
}

#[tokio::test]
async fn wrong_rows_are_found_and_put_right() {
    let (tenant, sqlite) = tenant().await;
    crate::store::suite::wrong_rows_are_found_and_put_right(tenant, &sqlite, DIGESTS).await;
}

#[tokio::test]
async fn a_wrong_log_is_found_and_never_repaired_from() {
    let (tenant, sqlite) = tenant().await;
    let sql = "UPDATE log SET chain = zeroblob(32) WHERE revision = 3";
    crate::store::suite::a_wrong_log_is_found_and_never_repaired_from(tenant, &sqlite, sql).await;
}

#[tokio::test]
async fn a_wrong_digest_of_the_head_is_not_built_on() {
    let (tenant, sqlite) = tenant().await;
    crate::store::suite::a_wrong_digest_of_the_head_is_not_built_on(tenant, &sqlite, DIGESTS).await;
}

#[tokio::test]
async fn a_head_of_another_chain_takes_no_writes() {
    let (tenant, sqlite) = tenant().await;
    crate::store::suite::a_head_of_another_chain_takes_no_writes(tenant, &sqlite, HEAD_CHAIN).await;
}
