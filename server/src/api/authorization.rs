//! AuthorizationService: Check, BatchCheck and CheckStream here, expansion and lists in rooms of their own.

mod check;
mod decide;
mod expand;
mod explanation;
mod lists;
mod stream;

use dhow_proto::v1;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use super::Api;
use crate::identity::Right;

/// The authorization service.
#[derive(Debug)]
pub(crate) struct Authorization(pub(crate) Api);

#[tonic::async_trait]
impl v1::authorization_service_server::AuthorizationService for Authorization {
    type CheckStreamStream = BoxStream<v1::CheckStreamResponse>;
    type ListObjectsStream = BoxStream<v1::ListObjectsResponse>;
    type ListSubjectsStream = BoxStream<v1::ListSubjectsResponse>;
    type ListPermissionsStream = BoxStream<v1::ListPermissionsResponse>;

    async fn check(&self, request: Request<v1::CheckRequest>) -> Result<Response<v1::CheckResponse>, Status> {
        let caller = self.0.caller(&request, &[Right::Read])?;
        Ok(Response::new(self.0.check(&caller, request.into_inner()).await?))
    }

    async fn batch_check(&self, request: Request<v1::BatchCheckRequest>) -> Result<Response<v1::BatchCheckResponse>, Status> {
        let caller = self.0.caller(&request, &[Right::Read])?;
        Ok(Response::new(self.0.batch_check(&caller, request.into_inner()).await?))
    }

    async fn check_stream(&self, request: Request<Streaming<v1::CheckStreamRequest>>) -> Result<Response<Self::CheckStreamStream>, Status> {
        let caller = self.0.caller(&request, &[Right::Read])?;
        Ok(Response::new(self.0.check_stream(&caller, request.into_inner())))
    }

    async fn expand(&self, request: Request<v1::ExpandRequest>) -> Result<Response<v1::ExpandResponse>, Status> {
        let caller = self.0.caller(&request, &[Right::Read])?;
        Ok(Response::new(self.0.expand(&caller, request.into_inner()).await?))
    }

    async fn list_objects(&self, request: Request<v1::ListObjectsRequest>) -> Result<Response<Self::ListObjectsStream>, Status> {
        let caller = self.0.caller(&request, &[Right::Read])?;
        Ok(Response::new(self.0.list_objects(&caller, request.into_inner()).await?))
    }

    async fn list_subjects(&self, request: Request<v1::ListSubjectsRequest>) -> Result<Response<Self::ListSubjectsStream>, Status> {
        let caller = self.0.caller(&request, &[Right::Read])?;
        Ok(Response::new(self.0.list_subjects(&caller, request.into_inner()).await?))
    }

    async fn list_permissions(
        &self,
        request: Request<v1::ListPermissionsRequest>,
    ) -> Result<Response<Self::ListPermissionsStream>, Status> {
        let caller = self.0.caller(&request, &[Right::Read])?;
        Ok(Response::new(self.0.list_permissions(&caller, request.into_inner()).await?))
    }
}
