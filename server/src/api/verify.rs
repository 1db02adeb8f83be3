//! OperatorService.VerifyStore: a pass over memory and rows now, and rows put right.

use std::sync::Arc;

use dhow_proto::v1;

use super::{Api, Caller};
use crate::errors::ApiError;
use crate::limits::PAGE_SIZE;
use crate::node::scrub::pass::Verified;
use crate::store::DatastoreError;
use crate::verify::{Check, Repaired};

impl Api {
    pub(super) async fn verify_store(
        &self,
        caller: &Caller,
        request: &v1::VerifyStoreRequest,
    ) -> Result<v1::VerifyStoreResponse, ApiError> {
        let info = self.store(&caller.identity, &request.store).await?;
        let (node, named, repair) = (Arc::clone(&self.node), info.clone(), request.repair);
        if repair {
            tracing::warn!(store = info.name, by = &*caller.identity.name, "rows that are wrong are to be put right");
        }
        // It goes on when the caller gives up: a repair is not left half told.
        let verifying = tokio::spawn(async move { node.verify_store(&named, repair).await });
        let Verified { revision, checks, repaired } = verifying.await.map_err(|_| DatastoreError::Closed)???;
        let (repaired_rows, count) = repaired.map(rows).unwrap_or_default();
        Ok(v1::VerifyStoreResponse {
            store_id: info.id.to_string(),
            store_name: info.name,
            revision,
            checks: checks.into_iter().map(check_to_wire).collect(),
            repaired_rows,
            repaired_count: count,
        })
    }
}

/// A check as the wire has it.
pub(crate) fn check_to_wire(check: Check) -> v1::StoreCheck {
    let Check { subject, compared, found, note } = check;
    v1::StoreCheck { name: subject.name().to_owned(), compared, unit: subject.unit().to_owned(), found, note }
}

/// Rows that were put right, as many as a page has, and how many they were.
pub(crate) fn rows(repaired: Repaired) -> (Vec<String>, u64) {
    let Repaired { mut rows, .. } = repaired;
    let count = rows.len() as u64;
    rows.truncate(PAGE_SIZE.count());
    (rows, count)
}
