//! OperatorService: snapshots of stores as files, and how this node is.

use std::sync::Arc;

use dhow_engine::digest::Digest;
use dhow_engine::entry::{Chain, StoreId};
use dhow_proto::v1;
use tonic::{Request, Response, Status};

use super::convert::timestamp_to_wire;
use super::request::{FieldProblem, RequestError};
use super::{Api, Caller};
use crate::errors::ApiError;
use crate::identity::{Forbidden, Right};
use crate::node::status::StoreStatus;
use crate::snapshots::{FileName, Place, Snapshots, SnapshotsError, blocking, head_to_wire};
use crate::store::StoreInfo;

/// The operator service.
#[derive(Debug)]
pub(crate) struct Operator(pub(crate) Api);

const OPERATE: &[Right] = &[Right::Operate];

impl Api {
    async fn create_snapshot(&self, caller: &Caller, store: &str) -> Result<v1::CreateSnapshotResponse, ApiError> {
        let info = self.store(&caller.identity, store).await?;
        let (node, actor) = (Arc::clone(&self.node), Arc::clone(&caller.identity.name));
        // It goes on when the caller gives up: a large store takes longer than most callers wait.
        let making = tokio::spawn(async move { node.create_snapshot(&info, &actor).await });
        let (file, snapshot) = making.await.map_err(|_| SnapshotsError::Lost)??;
        Ok(v1::CreateSnapshotResponse { file: file.to_string(), head: Some(head_to_wire(&snapshot)) })
    }

    async fn list_snapshots(&self, caller: &Caller, store: &str) -> Result<v1::ListSnapshotsResponse, ApiError> {
        let snapshots = Arc::clone(self.node.snapshots()?);
        let folder = snapshots.folder().display().to_string();
        let store = if store.is_empty() { None } else { Some(self.store(&caller.identity, store).await?.id) };
        let files = blocking(move || Ok(sized(&snapshots, snapshots.files(store)?))).await?;
        let files = files.into_iter().filter(|(file, _)| self.may_see(caller, file.store)).map(|sized| self.snapshot_file(sized));
        Ok(v1::ListSnapshotsResponse { files: files.collect(), folder })
    }

    async fn inspect_snapshot(&self, caller: &Caller, file: &str) -> Result<v1::InspectSnapshotResponse, ApiError> {
        let (snapshots, file) = self.named_snapshot(caller, file)?;
        let head = blocking(move || Ok(head_to_wire(&snapshots.open_file(&file)?))).await?;
        Ok(v1::InspectSnapshotResponse { head: Some(head) })
    }

    async fn verify_snapshot(&self, caller: &Caller, request: v1::VerifySnapshotRequest) -> Result<v1::VerifySnapshotResponse, ApiError> {
        match request.what {
            None => Err(RequestError::missing("what").into()),
            Some(v1::verify_snapshot_request::What::Place(place)) => {
                let place = place_of_wire(&place)?;
                self.store(&caller.identity, &place.store.to_string()).await?;
                Ok(v1::VerifySnapshotResponse { head: None, head_revision: self.node.verify_place(&place).await? })
            }
            Some(v1::verify_snapshot_request::What::File(file)) => {
                let (snapshots, file) = self.named_snapshot(caller, &file)?;
                let snapshot = snapshots.verify_file(file).await?;
                let head_revision = self.node.verify_place(&Place::from(snapshot.head())).await?;
                Ok(v1::VerifySnapshotResponse { head: Some(head_to_wire(&snapshot)), head_revision })
            }
        }
    }

    async fn node_status(&self, caller: &Caller) -> Result<v1::StatusResponse, ApiError> {
        let scope = &caller.identity.scope;
        let status = self.node.status(|info| scope.opens(&info.id.to_string(), &info.name)).await;
        let snapshots = self.node.snapshots().ok().cloned();
        let folder = snapshots.as_ref().map(|snapshots| snapshots.folder().display().to_string());
        // A folder that cannot be read is told by the calls that are about it.
        let files = match snapshots {
            Some(snapshots) => blocking(move || Ok(sized(&snapshots, snapshots.files(None)?))).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let store = |store: StoreStatus| {
            let newest = files.iter().filter(|(file, _)| file.store == store.info.id).max_by_key(|(file, _)| (file.made, file.revision));
            v1::StoreStatus {
                id: store.info.id.to_string(),
                name: store.info.name.clone(),
                applied_revision: store.applied,
                tuple_count: store.tuples,
                head_revision: store.lag.map(|lag| lag.head),
                lag_revisions: store.lag.map(|lag| lag.revisions),
                lag: store.lag.and_then(|lag| lag.time.try_into().ok()),
                staleness: store.staleness.and_then(|staleness| staleness.try_into().ok()),
                degraded: store.degraded,
                set_aside: store.set_aside.unwrap_or_default(),
                newest_snapshot: newest.map(|sized| self.snapshot_file(*sized)),
                scrubbed_at: store.scrub.as_ref().map(|scrub| timestamp_to_wire(scrub.at)),
                divergence: store.scrub.map(|scrub| scrub.found).unwrap_or_default(),
            }
        };
        Ok(v1::StatusResponse {
            node_id: status.id.to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime: status.uptime.try_into().ok(),
            stores_known: status.stores_known as u64,
            stores: status.stores.into_iter().map(store).collect(),
            snapshot_folder: folder.unwrap_or_default(),
            clock_skew: status.clock_skew_us.map(signed_duration),
            role: status.role.name().to_owned(),
        })
    }

    /// A file of the folder by the name that a request has for it. Only names that dhow gives are looked for, so none leads elsewhere.
    fn named_snapshot(&self, caller: &Caller, file: &str) -> Result<(Arc<Snapshots>, FileName), ApiError> {
        let snapshots = self.node.snapshots()?;
        if file.is_empty() {
            return Err(RequestError::missing("file").into());
        }
        let named: FileName = file.parse().map_err(|_| SnapshotsError::NoFile { file: file.to_owned() })?;
        if !self.may_see(caller, named.store) {
            let store = named.store.to_string();
            return Err(Forbidden::Store { identity: Arc::clone(&caller.identity.name), store }.into());
        }
        Ok((Arc::clone(snapshots), named))
    }

    /// Whether a caller may know of a store's files; the store itself may be gone.
    fn may_see(&self, caller: &Caller, store: StoreId) -> bool {
        let name = self.known(store).map(|info| info.name).unwrap_or_default();
        caller.identity.scope.opens(&store.to_string(), &name)
    }

    fn known(&self, store: StoreId) -> Option<StoreInfo> {
        self.node.known(store)
    }

    fn snapshot_file(&self, (file, bytes): (FileName, u64)) -> v1::SnapshotFile {
        v1::SnapshotFile {
            file: file.to_string(),
            store_id: file.store.to_string(),
            store_name: self.known(file.store).map(|info| info.name).unwrap_or_default(),
            revision: file.revision,
            made_at: Some(timestamp_to_wire(file.made)),
            bytes,
        }
    }
}

/// Files with their sizes. One that has gone in the meantime is left out.
fn sized(snapshots: &Snapshots, files: Vec<FileName>) -> Vec<(FileName, u64)> {
    let size = |file: FileName| Some((file, std::fs::metadata(snapshots.path(&file)).ok()?.len()));
    files.into_iter().filter_map(size).collect()
}

/// # Errors
/// When a part of it cannot be read.
fn place_of_wire(place: &v1::SnapshotPlace) -> Result<Place, RequestError> {
    let wrong = |field: &'static str| move || RequestError::new(field, FieldProblem::Hexadecimal).within("place");
    let store = place.store_id.parse().map_err(|_| wrong("store_id")())?;
    let chain = hexadecimal(&place.chain).ok_or_else(wrong("chain"))?;
    let digest = hexadecimal(&place.digest).ok_or_else(wrong("digest"))?;
    Ok(Place { store, revision: place.revision, chain: Chain(chain), digest: Digest::from_bytes(&digest) })
}

/// A span of microseconds that may be negative.
fn signed_duration(us: i64) -> prost_types::Duration {
    let nanos = i32::try_from(us % 1_000_000).unwrap_or_default().saturating_mul(1_000);
    prost_types::Duration { seconds: us / 1_000_000, nanos }
}

/// 64 hexadecimal digits.
fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(text).ok().map(|hash| *hash.as_bytes())
}

#[tonic::async_trait]
impl v1::operator_service_server::OperatorService for Operator {
    async fn create_snapshot(&self, request: Request<v1::CreateSnapshotRequest>) -> Result<Response<v1::CreateSnapshotResponse>, Status> {
        let caller = self.0.caller(&request, OPERATE)?;
        Ok(Response::new(self.0.create_snapshot(&caller, &request.into_inner().store).await?))
    }

    async fn list_snapshots(&self, request: Request<v1::ListSnapshotsRequest>) -> Result<Response<v1::ListSnapshotsResponse>, Status> {
        let caller = self.0.caller(&request, OPERATE)?;
        Ok(Response::new(self.0.list_snapshots(&caller, &request.into_inner().store).await?))
    }

    async fn inspect_snapshot(
        &self,
        request: Request<v1::InspectSnapshotRequest>,
    ) -> Result<Response<v1::InspectSnapshotResponse>, Status> {
        let caller = self.0.caller(&request, OPERATE)?;
        Ok(Response::new(self.0.inspect_snapshot(&caller, &request.into_inner().file).await?))
    }

    async fn verify_snapshot(&self, request: Request<v1::VerifySnapshotRequest>) -> Result<Response<v1::VerifySnapshotResponse>, Status> {
        let caller = self.0.caller(&request, OPERATE)?;
        Ok(Response::new(self.0.verify_snapshot(&caller, request.into_inner()).await?))
    }

    async fn verify_store(&self, request: Request<v1::VerifyStoreRequest>) -> Result<Response<v1::VerifyStoreResponse>, Status> {
        let caller = self.0.caller(&request, OPERATE)?;
        Ok(Response::new(self.0.verify_store(&caller, request.get_ref()).await?))
    }

    async fn status(&self, request: Request<v1::StatusRequest>) -> Result<Response<v1::StatusResponse>, Status> {
        let caller = self.0.caller(&request, OPERATE)?;
        Ok(Response::new(self.0.node_status(&caller).await?))
    }
}
