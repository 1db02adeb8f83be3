//! StoreService: the stores of this deployment; and TestService, for test servers.

use std::time::Duration;

use dhow_proto::v1;
use tonic::{Request, Response, Status};

use super::convert::timestamp_to_wire;
use super::request::{FieldProblem, RequestError};
use super::{Api, Caller};
use crate::errors::ApiError;
use crate::identity::{Forbidden, Right};
use crate::limits::{PAGE_SIZE, STORES_DEFAULT_PAGE};
use crate::node::ReadError;
use crate::store::{DatastoreError, StoreInfo};

/// Longest time that a test may move a clock at once: a century.
const ADVANCE_MAX: Duration = Duration::from_secs(100 * 366 * 86_400);

/// The store service.
#[derive(Debug)]
pub(crate) struct Stores(pub(crate) Api);

/// The test service.
#[derive(Debug)]
pub(crate) struct Tests(pub(crate) Api);

impl Api {
    /// A store as the database has it: one that is not in memory, or was set aside, can be looked at, too.
    async fn describe_store(&self, caller: &Caller, info: &StoreInfo) -> Result<v1::Store, ApiError> {
        let allowed = caller.deadline.left();
        let head = tokio::time::timeout(allowed, self.node.head(info.id)).await;
        let (head, token) = head.map_err(|_| ReadError::Deadline { allowed })??;
        Ok(v1::Store {
            id: info.id.to_string(),
            name: info.name.clone(),
            created_at: Some(timestamp_to_wire(info.created_at)),
            revision: head.revision,
            tuple_count: head.tuples,
            schema_version: head.schema_version,
            token: token.to_string(),
        })
    }

    async fn list_stores(&self, caller: &Caller, request: &v1::ListStoresRequest) -> Result<v1::ListStoresResponse, ApiError> {
        let size = match request.page_size {
            0 => STORES_DEFAULT_PAGE.count(),
            size if u64::from(size) > PAGE_SIZE.value => {
                return Err(RequestError::new("page_size", FieldProblem::PageTooLarge { got: size, max: PAGE_SIZE.value }).into());
            }
            size => usize::try_from(size).unwrap_or(usize::MAX),
        };
        // The cursor is the last name: names are unique, and stores have no common history that a cursor could bind.
        let behind = |info: &StoreInfo| request.cursor.is_empty() || info.name > request.cursor;
        let opens = |info: &StoreInfo| caller.identity.scope.opens(&info.id.to_string(), &info.name);
        self.node.refresh_stores().await?;
        let mut infos = self.node.stores(size + 1, |info| behind(info) && opens(info));
        let more = infos.len() > size;
        infos.truncate(size);
        let next_cursor = infos.last().filter(|_| more).map(|info| info.name.clone()).unwrap_or_default();
        let mut stores = Vec::with_capacity(infos.len());
        for info in &infos {
            match self.describe_store(caller, info).await {
                Ok(store) => stores.push(store),
                // It was deleted in the meantime.
                Err(ApiError::Datastore(DatastoreError::NoStore { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(v1::ListStoresResponse { stores, next_cursor })
    }
}

#[tonic::async_trait]
impl v1::store_service_server::StoreService for Stores {
    async fn create(&self, request: Request<v1::CreateStoreRequest>) -> Result<Response<v1::CreateStoreResponse>, Status> {
        let caller = self.0.caller(&request, &[Right::Admin])?;
        let name = request.into_inner().name;
        if !caller.identity.scope.opens("", &name) {
            return Err(ApiError::from(Forbidden::Store { identity: caller.identity.name.clone(), store: name }).into());
        }
        let info = self.0.node.create_store(&name).await.map_err(ApiError::from)?;
        let store = self.0.describe_store(&caller, &info).await?;
        Ok(Response::new(v1::CreateStoreResponse { store: Some(store) }))
    }

    async fn get(&self, request: Request<v1::GetStoreRequest>) -> Result<Response<v1::GetStoreResponse>, Status> {
        let caller = self.0.caller(&request, &Right::ALL)?;
        let info = self.0.store(&caller.identity, &request.into_inner().store).await?;
        let store = self.0.describe_store(&caller, &info).await?;
        Ok(Response::new(v1::GetStoreResponse { store: Some(store) }))
    }

    async fn list(&self, request: Request<v1::ListStoresRequest>) -> Result<Response<v1::ListStoresResponse>, Status> {
        let caller = self.0.caller(&request, &Right::ALL)?;
        Ok(Response::new(self.0.list_stores(&caller, request.get_ref()).await?))
    }

    async fn delete(&self, request: Request<v1::DeleteStoreRequest>) -> Result<Response<v1::DeleteStoreResponse>, Status> {
        let caller = self.0.caller(&request, &[Right::Admin])?;
        let request = request.into_inner();
        if request.store.is_empty() {
            return Err(ApiError::from(RequestError::missing("store")).into());
        }
        let info = self.0.store(&caller.identity, &request.store).await?;
        if request.confirm_name != info.name {
            return Err(ApiError::from(RequestError::new("confirm_name", FieldProblem::Confirmation)).into());
        }
        self.0.node.delete_store(info.id).await.map_err(ApiError::from)?;
        tracing::info!(store = info.name, caller = &*caller.identity.name, "store deleted");
        Ok(Response::new(v1::DeleteStoreResponse {}))
    }
}

#[tonic::async_trait]
impl v1::test_service_server::TestService for Tests {
    async fn advance_clock(&self, request: Request<v1::AdvanceClockRequest>) -> Result<Response<v1::AdvanceClockResponse>, Status> {
        let caller = self.0.caller(&request, &[Right::Write])?;
        let request = request.into_inner();
        let by = request.by.ok_or_else(|| ApiError::from(RequestError::missing("by")))?;
        let by = Duration::try_from(by).ok().filter(|by| *by <= ADVANCE_MAX);
        let by = by.ok_or_else(|| ApiError::from(RequestError::new("by", FieldProblem::Duration)))?;
        let info = self.0.store(&caller.identity, &request.store).await?;
        let now = self.0.node.advance_clock(info.id, by).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::AdvanceClockResponse { now: Some(timestamp_to_wire(now)) }))
    }
}
