//! What every request passes first: the key is recognised, and one log line is written when the request has ended.
//!
//! Health and reflection are open to everybody: probes have no keys, and the interface is published anyway. Handlers find the
//! caller's [`Identity`] among the request's extensions. Nothing here logs a header.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use dhow_proto::v1;
use http_body::{Body as HttpBody, Frame};
use sha2::{Digest, Sha256};
use tonic::body::Body;
use tonic::codegen::http::{HeaderMap, Request, Response};
use tonic::codegen::{Bytes, Service};
use tonic::server::NamedService;
use tonic::{Code, Status};
use tonic_types::StatusExt;
use tracing::{Instrument, Span};

use crate::clock::Clock;
use crate::errors::ApiError;
use crate::identity::{Identity, KeyRing, Right, Scope, Unauthenticated, bearer};

/// Who may come in.
#[derive(Debug)]
pub(crate) enum Access {
    /// Everybody, as `anonymous`.
    Open,
    /// Whoever has one of these keys.
    Keys(KeyRing),
    /// Everybody; each bearer token is a caller of its own, with a store of its own.
    Ephemeral,
}

impl Access {
    /// Who sends these headers.
    ///
    /// # Errors
    /// [`Unauthenticated`] when a key is needed and there is none, or it is not known.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<Arc<Identity>, Unauthenticated> {
        let header = headers.get("authorization").map(|value| value.to_str().map_err(|_| Unauthenticated::Malformed)).transpose()?;
        match self {
            Self::Open => Ok(Arc::new(Identity::anonymous())),
            Self::Keys(keys) => keys.identify(bearer(header)?),
            Self::Ephemeral => Ok(Arc::new(match header {
                None => tester("default".to_owned()),
                Some(header) => tester(format!("test-{}", short_digest(bearer(Some(header))?))),
            })),
        }
    }
}

/// The caller of a test server whose own store is `store`.
fn tester(store: String) -> Identity {
    Identity {
        name: Arc::from(store.as_str()),
        scope: Scope::Only([store.clone()].into()),
        rights: Right::ALL.into(),
        default_store: Some(store),
    }
}

/// Enough of a digest to tell tokens apart, without the token.
fn short_digest(token: &str) -> String {
    Sha256::digest(token.as_bytes()).iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

/// The layer's state, shared by all connections.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    access: Arc<Access>,
    clock: Arc<dyn Clock>,
}

impl Door {
    /// A door that lets `access` in.
    pub(crate) fn new(access: Arc<Access>, clock: Arc<dyn Clock>) -> Self {
        Self { access, clock }
    }

    /// Puts the door before a service.
    pub(crate) fn before<S>(&self, inner: S) -> Guarded<S> {
        Guarded { door: self.clone(), inner }
    }
}

/// A service behind a [`Door`].
#[derive(Debug, Clone)]
pub(crate) struct Guarded<S> {
    door: Door,
    inner: S,
}

/// The services that need a key.
const GUARDED: [&str; 6] = [
    v1::authorization_service_server::AuthorizationServiceServer::<()>::NAME,
    v1::relationship_service_server::RelationshipServiceServer::<()>::NAME,
    v1::schema_service_server::SchemaServiceServer::<()>::NAME,
    v1::store_service_server::StoreServiceServer::<()>::NAME,
    v1::operator_service_server::OperatorServiceServer::<()>::NAME,
    v1::test_service_server::TestServiceServer::<()>::NAME,
];

/// `dhow.v1.AuthorizationService` and `Check` of `/dhow.v1.AuthorizationService/Check`.
fn service_and_method(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix('/')?.split_once('/')
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        let Some((_, method)) = service_and_method(path).filter(|(service, _)| GUARDED.contains(service)) else {
            return Box::pin(self.inner.call(request));
        };
        let span = tracing::info_span!("request", rpc = method, caller = tracing::field::Empty, store = tracing::field::Empty);
        let mut record =
            Record { clock: Arc::clone(&self.door.clock), started: self.door.clock.monotonic(), code: None, refusal: None, span };
        match self.door.access.admit(request.headers()) {
            Ok(identity) => {
                record.span.record("caller", &*identity.name);
                request.extensions_mut().insert(identity);
            }
            Err(refused) => {
                let response = Status::from(ApiError::from(refused)).into_http::<Body>();
                record.note_headers(response.headers());
                return Box::pin(std::future::ready(Ok(response)));
            }
        }
        let answer = self.inner.call(request).instrument(record.span.clone());
        Box::pin(async move {
            let response = answer.await?;
            record.note_headers(response.headers());
            Ok(response.map(|body| Body::new(Recorded { body, record })))
        })
    }
}

/// What the log line of one request says; it is written when this is dropped.
#[derive(Debug)]
struct Record {
    clock: Arc<dyn Clock>,
    started: Duration,
    code: Option<Code>,
    /// The status, unless it is OK: it costs a copy of the headers.
    refusal: Option<Status>,
    span: Span,
}

impl Record {
    fn note_headers(&mut self, headers: &HeaderMap) {
        let Some(code) = headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes())) else { return };
        self.code = Some(code);
        self.refusal = if code == Code::Ok { None } else { Status::from_header_map(headers) };
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let duration = self.clock.monotonic().saturating_sub(self.started);
        let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let Some(code) = self.code else {
            tracing::debug!(code = "CANCELLED", duration_us, "the caller went away");
            return;
        };
        // The stable code, which the page of error codes lists; empty where the refusal is the transport's.
        let reason = self.refusal.as_ref().and_then(StatusExt::get_details_error_info).map(|info| info.reason).unwrap_or_default();
        let message = self.refusal.as_ref().map(Status::message).unwrap_or_default();
        match code {
            Code::Ok => tracing::debug!(code = "OK", duration_us, "answered"),
            Code::Internal | Code::DataLoss | Code::Unknown => tracing::error!(?code, reason, duration_us, "failed: {message}"),
            // Not the caller's mistake: whoever runs the server has to see why.
            Code::Unavailable => tracing::warn!(?code, reason, duration_us, "failed: {message}"),
            Code::Cancelled
            | Code::InvalidArgument
            | Code::DeadlineExceeded
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::ResourceExhausted
            | Code::FailedPrecondition
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::Unauthenticated => tracing::info!(?code, reason, duration_us, "refused"),
        }
    }
}

/// A response's body; sees the status in its trailers.
struct Recorded {
    body: Body,
    record: Record,
}

impl HttpBody for Recorded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(trailers) = frame.trailers_ref()
        {
            self.record.note_headers(trailers);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: Option<&str>) -> HeaderMap {
        authorization.map(|value| ("authorization".parse().unwrap(), value.parse().unwrap())).into_iter().collect()
    }

    #[test]
    fn an_open_server_admits_everybody_as_anonymous() {
        assert_eq!(&*Access::Open.admit(&headers(None)).unwrap().name, "anonymous");
        assert_eq!(&*Access::Open.admit(&headers(Some("Bearer x"))).unwrap().name, "anonymous");
    }

    #[test]
    fn each_test_token_has_a_store_of_its_own() {
        let admit = |header| Access::Ephemeral.admit(&headers(header)).unwrap();
        let (one, other) = (admit(Some("Bearer one")), admit(Some("Bearer other")));
        assert_eq!(one, admit(Some("Bearer one")));
        assert_ne!(one.default_store, other.default_store);
        assert!(!one.scope.opens("", other.default_store.as_deref().unwrap()));
        assert!(!one.name.contains("one"));
        assert_eq!(admit(None).default_store.as_deref(), Some("default"));
        assert_eq!(Access::Ephemeral.admit(&headers(Some("Basic x"))), Err(Unauthenticated::Malformed));
    }

    #[test]
    fn keys_are_needed_where_there_are_keys() {
        let access = Access::Keys(KeyRing::default());
        assert_eq!(access.admit(&headers(None)), Err(Unauthenticated::Missing));
        assert_eq!(access.admit(&headers(Some("Bearer x"))), Err(Unauthenticated::Unknown));
    }
}
