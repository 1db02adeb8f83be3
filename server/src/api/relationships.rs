//! RelationshipService: writes and reads relationship tuples. Each family of calls has a room of its own.

mod delete;
mod import;
mod read;
mod watch;
mod write;

use dhow_proto::v1;
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status, Streaming};

use super::Api;
use crate::identity::Right;

/// The relationship service.
#[derive(Debug)]
pub(crate) struct Relationships(pub(crate) Api);

#[tonic::async_trait]
impl v1::relationship_service_server::RelationshipService for Relationships {
    type ReadStream = BoxStream<v1::ReadResponse>;
    type DeleteStream = BoxStream<v1::DeleteResponse>;
    type ImportStream = BoxStream<v1::ImportResponse>;
    type ExportStream = BoxStream<v1::ExportResponse>;
    type WatchStream = BoxStream<v1::WatchResponse>;

    async fn write(&self, request: Request<v1::WriteRequest>) -> Result<Response<v1::WriteResponse>, Status> {
        let caller = self.0.caller(&request, &[Right::Write])?;
        Ok(Response::new(self.0.write(&caller, request.into_inner()).await?))
    }

    async fn read(&self, request: Request<v1::ReadRequest>) -> Result<Response<Self::ReadStream>, Status> {
        let caller = self.0.caller(&request, &[Right::Read])?;
        Ok(Response::new(self.0.read(&caller, request.into_inner()).await?))
    }

    async fn delete(&self, request: Request<v1::DeleteRequest>) -> Result<Response<Self::DeleteStream>, Status> {
        let caller = self.0.caller(&request, &[Right::Write])?;
        Ok(Response::new(self.0.delete(&caller, request.into_inner()).await?))
    }

    async fn import(&self, request: Request<Streaming<v1::ImportRequest>>) -> Result<Response<Self::ImportStream>, Status> {
        let caller = self.0.caller(&request, &[Right::Write])?;
        Ok(Response::new(self.0.import(&caller, request.into_inner()).await?))
    }

    async fn export(&self, request: Request<v1::ExportRequest>) -> Result<Response<Self::ExportStream>, Status> {
        let caller = self.0.caller(&request, &[Right::Read])?;
        Ok(Response::new(self.0.export(&caller, request.into_inner()).await?))
    }

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let caller = self.0.caller(&request, &[Right::Read])?;
        Ok(Response::new(self.0.watch(&caller, request.into_inner()).await?))
    }
}
