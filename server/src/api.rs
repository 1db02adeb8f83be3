//! The gRPC services of package `dhow.v1`: from requests to questions of the node and the engine, and back.
//!
//! [`Api`] is what all services share: the node, the limits, and the way from a request to a caller, a store, a read point. Each
//! service has a file of its own and knows nothing of the others. **Invariant:** nothing here decides a permission or keeps a tuple.

pub(crate) mod convert;
pub(crate) mod deadline;
pub(crate) mod door;
pub(crate) mod heavy;
pub(crate) mod paging;
pub(crate) mod request;

use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tonic::Request;

use crate::clock::Clock;
use crate::errors::ApiError;
use crate::identity::{Identity, Right};
use crate::limits::Limits;
use deadline::Deadline;

/// What all services share. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    clock: Arc<dyn Clock>,
    limits: Limits,
    /// How many heavy requests are evaluated at the same time.
    heavy: Arc<Semaphore>,
    /// Turns true when the server stops: streams without an end then end.
    stopping: watch::Receiver<bool>,
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
    pub(crate) fn new(clock: Arc<dyn Clock>, limits: Limits, stopping: watch::Receiver<bool>) -> Self {
        Self { clock, limits, heavy: Arc::new(Semaphore::new(limits.heavy_requests)), stopping }
    }

    /// The services; the one for tests only where it is asked for.
    pub(crate) fn routes(&self, _ephemeral: bool) -> tonic::service::Routes {
        tonic::service::RoutesBuilder::default().routes()
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
