use std::sync::Arc;

use sqlx::AssertSqlSafe;

use super::super::suite::{Ask, Loaded, SCHEMA, Tenant, ask, at, command, create, datastore_suite, delete, schema_command, touch, tuple};
use super::*;

mod concurrent;
mod corrupt;
mod divergence;
mod failures;
mod leases;
mod locks;
mod lost;
mod migrations;
mod moving;
mod nodes;
mod plans;
mod proxy;
mod scratch;
mod sessions;

use scratch::Scratch;

async fn open() -> (Arc<dyn Datastore>, Scratch) {
    let scratch = Scratch::migrated().await;
    (Arc::new(scratch.open().await), scratch)
}

/// A store with the suite's schema, on a database of its own.
async fn tenant() -> (Tenant, Scratch) {
    let (database, scratch) = open().await;
    (Tenant::new(&database).await, scratch)
}

/// The same store, as another server has it.
async fn elsewhere(tenant: &Tenant, scratch: &Scratch) -> Tenant {
    Tenant { database: Arc::new(scratch.open().await), store: tenant.store }
}

datastore_suite!(open);
