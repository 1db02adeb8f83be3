//! The stores of a test server: one for each bearer token, made when the token is first seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use dhow_engine::entry::SchemaSource;
use dhow_engine::tuple::Tuple;
use tokio::sync::{Mutex, OnceCell};

use super::Api;
use super::target::TargetError;
use crate::errors::ApiError;
use crate::identity::Identity;
use crate::limits::{EPHEMERAL_STORES, WRITE_CHANGES};
use crate::store::{ChangeRequest, CreateStoreError, SchemaCommand, WriteCommand};

/// What each fresh store of a test server begins with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seed {
    /// Its schema, if any.
    pub(crate) schema: Option<SchemaSource>,
    /// Its tuples.
    pub(crate) tuples: Vec<Tuple>,
}

/// The stores that were made, and what the next one begins with.
#[derive(Debug)]
pub(crate) struct TestStores {
    seed: Seed,
    /// Guards who makes a store: whoever comes second waits for the first.
    made: Mutex<BTreeMap<String, Arc<OnceCell<()>>>>,
}

impl TestStores {
    /// Every store begins with `seed`.
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, made: Mutex::default() }
    }

    async fn cell(&self, store: &str) -> Result<Arc<OnceCell<()>>, TargetError> {
        let mut made = self.made.lock().await;
        if let Some(cell) = made.get(store) {
            return Ok(Arc::clone(cell));
        }
        if made.len() >= EPHEMERAL_STORES.count() {
            return Err(TargetError::TooManyTestStores { made: EPHEMERAL_STORES.value });
        }
        Ok(Arc::clone(made.entry(store.to_owned()).or_default()))
    }
}

impl Api {
    /// On a test server: makes the caller's own store if it is not there yet. Elsewhere, and for other stores: nothing.
    pub(super) async fn prepare_test_store(&self, identity: &Identity, wanted: &str) -> Result<(), ApiError> {
        let Some(stores) = &self.test_stores else { return Ok(()) };
        if identity.default_store.as_deref() != Some(wanted) {
            return Ok(());
        }
        let cell = stores.cell(wanted).await?;
        cell.get_or_try_init(|| self.make_test_store(identity, wanted, &stores.seed)).await?;
        Ok(())
    }

    async fn make_test_store(&self, identity: &Identity, name: &str, seed: &Seed) -> Result<(), ApiError> {
        let info = match self.node.create_store(name).await {
            Ok(info) => info,
            // An attempt that was broken off has made it.
            Err(CreateStoreError::NameTaken { .. }) => self.node.resolve(name).await?,
            Err(error @ (CreateStoreError::Name { .. } | CreateStoreError::Datastore(_))) => return Err(error.into()),
        };
        let actor = identity.name.to_string();
        if let Some(source) = &seed.schema {
            let command = SchemaCommand {
                source: source.clone(),
                expected_version: None,
                allow_orphans: false,
                actor: actor.clone(),
                dry_run: false,
            };
            self.node.write_schema(info.id, command, None).await?;
        }
        for (part, tuples) in seed.tuples.chunks(WRITE_CHANGES.count()).enumerate() {
            let command = WriteCommand {
                changes: tuples.iter().cloned().map(ChangeRequest::Touch).collect(),
                preconditions: Vec::new(),
                request_id: format!("load-{part}"),
                actor: actor.clone(),
                dry_run: false,
            };
            self.node.write(info.id, command, None).await?;
        }
        Ok(())
    }
}
