use std::sync::Arc;

use sqlx::AssertSqlSafe;

use super::super::suite::datastore_suite;
use super::*;

mod scratch;

use scratch::Scratch;

async fn open() -> (Arc<dyn Datastore>, Scratch) {
    let scratch = Scratch::migrated().await;
    (Arc::new(scratch.open().await), scratch)
}

datastore_suite!(open);
