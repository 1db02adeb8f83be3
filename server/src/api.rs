//! The gRPC services of package `dhow.v1`: from requests to questions of the node and the engine, and back.
//!
//! [`Api`] is what all services share: the node, the limits, and the way from a request to a caller, a store, a read point. Each
//! service has a file of its own and knows nothing of the others. **Invariant:** nothing here decides a permission or keeps a tuple.

mod authorization;
pub(crate) mod convert;
pub(crate) mod deadline;
pub(crate) mod door;
pub(crate) mod heavy;
mod operator;
pub(crate) mod paging;
mod question;
mod relationships;
pub(crate) mod request;
pub(crate) mod schemas;
mod stores;
pub(crate) mod target;
pub(crate) mod test_stores;
pub(crate) mod verify;

use std::sync::Arc;

use dhow_proto::v1::authorization_service_server::AuthorizationServiceServer;
use dhow_proto::v1::operator_service_server::OperatorServiceServer;
use dhow_proto::v1::relationship_service_server::RelationshipServiceServer;
use dhow_proto::v1::schema_service_server::SchemaServiceServer;
use dhow_proto::v1::store_service_server::StoreServiceServer;
use dhow_proto::v1::test_service_server::TestServiceServer;
use tokio::sync::{Semaphore, watch};
use tonic::Request;
use tonic::service::Routes;

use crate::clock::Clock;
use crate::errors::ApiError;
use crate::identity::{Identity, Right};
use crate::limits::Limits;
use crate::node::Node;
use deadline::Deadline;
use test_stores::TestStores;

/// What all services share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    node: Arc<Node>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    /// How many heavy requests are evaluated at the same time.
    heavy: Arc<Semaphore>,
    /// Turns true when the server stops: streams without an end then end.
    stopping: watch::Receiver<bool>,
    /// On a test server: the stores it has made.
    test_stores: Option<Arc<TestStores>>,
}

/// Who asks, and until when.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Who.
    pub(crate) identity: Arc<Identity>,
    /// Until when.
    pub(crate) deadline: Deadline,
}

impl Api {
    /// Makes the shared part of all services.
    pub(crate) fn new(
        node: Arc<Node>,
        clock: Arc<dyn Clock>,
        limits: Limits,
        stopping: watch::Receiver<bool>,
        test_stores: Option<TestStores>,
    ) -> Self {
        let heavy = Arc::new(Semaphore::new(limits.heavy_requests));
        Self { node, clock, limits, heavy, stopping, test_stores: test_stores.map(Arc::new) }
    }

    /// The services; the one for tests only on a test server.
    pub(crate) fn routes(&self) -> Routes {
        let bytes = self.limits.message_bytes;
        let mut routes = Routes::builder();
        let authorization = authorization::Authorization(self.clone());
        routes.add_service(AuthorizationServiceServer::new(authorization).max_decoding_message_size(bytes));
        routes.add_service(RelationshipServiceServer::new(relationships::Relationships(self.clone())).max_decoding_message_size(bytes));
        routes.add_service(SchemaServiceServer::new(schemas::Schemas(self.clone())).max_decoding_message_size(bytes));
        routes.add_service(StoreServiceServer::new(stores::Stores(self.clone())).max_decoding_message_size(bytes));
        routes.add_service(OperatorServiceServer::new(operator::Operator(self.clone())).max_decoding_message_size(bytes));
        if self.test_stores.is_some() {
            routes.add_service(TestServiceServer::new(stores::Tests(self.clone())).max_decoding_message_size(bytes));
        }
        routes.routes()
    }

    /// Who sends a request; checks that the caller has one of `rights`.
    ///
    /// # Errors
    /// When the caller has none of the rights.
    fn caller<T>(&self, request: &Request<T>, rights: &'static [Right]) -> Result<Caller, ApiError> {
        // The door puts an identity into every request that it lets in; without one nobody was let in.
        let identity = request.extensions().get::<Arc<Identity>>().ok_or(crate::identity::Unauthenticated::Missing)?;
        identity.require(rights)?;
        let deadline = Deadline::of_request(&self.clock, request.metadata(), &self.limits);
        Ok(Caller { identity: Arc::clone(identity), deadline })
    }
}

#[cfg(test)]
mod tests;
