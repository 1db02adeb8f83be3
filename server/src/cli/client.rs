//! The connection to a server: TLS, the bearer key, and one client for each service.

use std::time::Duration;

use dhow_proto::v1::authorization_service_client::AuthorizationServiceClient;
use dhow_proto::v1::operator_service_client::OperatorServiceClient;
use dhow_proto::v1::relationship_service_client::RelationshipServiceClient;
use dhow_proto::v1::schema_service_client::SchemaServiceClient;
use dhow_proto::v1::store_service_client::StoreServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use super::failure::Failure;
use super::options::{Connection, Format, OutputOptions};

/// The largest message that is taken from a server, in bytes: a watch event can hold 1,000 changes with both images.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// How long a server of this very process may take to answer.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(30);

/// How an endpoint is written.
const ENDPOINT_HELP: &str = "write `host:port` or `https://host:port`";

/// A connection that shows its key with each request.
pub(crate) type Wire = InterceptedService<Channel, Bearer>;

/// Puts the bearer key on each request.
#[derive(Debug, Clone)]
pub(crate) struct Bearer {
    header: Option<MetadataValue<Ascii>>,
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        if let Some(header) = &self.header {
            request.metadata_mut().insert("authorization", header.clone());
        }
        Ok(request)
    }
}

/// A server, reached.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    channel: Channel,
    bearer: Bearer,
    timeout: Duration,
    /// The store that requests name; empty: the server's choice.
    pub(crate) store: String,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When the endpoint is none, nobody answers there, or the key cannot be sent.
    pub(crate) async fn connect(options: &Connection) -> Result<Self, Failure> {
        let url = url(options)?;
        let mut endpoint = Endpoint::from_shared(url.clone())
            .map_err(|_| Failure::new("endpoint", format!("`{}` is no endpoint", options.endpoint)).help(ENDPOINT_HELP))?
            .connect_timeout(options.timeout)
            .user_agent(concat!("dhow-cli/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| Failure::new("endpoint", error.to_string()))?;
        if url.starts_with("https://") {
            let mut tls = ClientTlsConfig::new();
            tls = match &options.tls_ca {
                Some(path) => {
                    let pem = std::fs::read(path).map_err(|error| Failure::file(&path.display().to_string(), &error))?;
                    tls.ca_certificate(Certificate::from_pem(pem))
                }
                None => tls.with_native_roots(),
            };
            endpoint = endpoint.tls_config(tls).map_err(|error| Failure::connection(&url, &error))?;
        }
        let header = options.key.as_deref().map(bearer_header).transpose()?;
        let channel = endpoint.connect().await.map_err(|error| Failure::connection(&url, &error))?;
        Ok(Self { channel, bearer: Bearer { header }, timeout: options.timeout, store: options.store.clone() })
    }

    /// Connects to a server of this very process.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn local(endpoint: &str, store: &str) -> Result<Self, Failure> {
        let options = Connection {
            endpoint: endpoint.to_owned(),
            key: None,
            store: store.to_owned(),
            tls_ca: None,
            timeout: LOCAL_TIMEOUT,
            output: OutputOptions { output: Format::Text },
        };
        Self::connect(&options).await
    }

    /// A request that gives up after the time the user allows.
    pub(crate) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    fn wire(&self) -> Wire {
        InterceptedService::new(self.channel.clone(), self.bearer.clone())
    }

    pub(crate) fn authorization(&self) -> AuthorizationServiceClient<Wire> {
        AuthorizationServiceClient::new(self.wire()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn relationships(&self) -> RelationshipServiceClient<Wire> {
        RelationshipServiceClient::new(self.wire()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn schemas(&self) -> SchemaServiceClient<Wire> {
        SchemaServiceClient::new(self.wire()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn operator(&self) -> OperatorServiceClient<Wire> {
        OperatorServiceClient::new(self.wire()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }

    pub(crate) fn stores(&self) -> StoreServiceClient<Wire> {
        StoreServiceClient::new(self.wire()).max_decoding_message_size(MAX_ANSWER_BYTES)
    }
}

/// The endpoint with its scheme: TLS where an authority is named or the user says so.
///
/// # Errors
/// When the scheme is another one, or contradicts the authority: the key would cross the network in the clear.
fn url(options: &Connection) -> Result<String, Failure> {
    let endpoint = options.endpoint.trim();
    let tls = options.tls_ca.is_some();
    match endpoint.split_once("://") {
        None if tls => Ok(format!("https://{endpoint}")),
        None => Ok(format!("http://{endpoint}")),
        Some(("http", _)) if tls => {
            Err(Failure::new("endpoint", format!("`{endpoint}` is without TLS, but an authority for TLS is named"))
                .help("write `https://`, or leave out `--tls-ca` and DHOW_TLS_CA"))
        }
        Some(("http" | "https", _)) => Ok(endpoint.to_owned()),
        Some((scheme, _)) => {
            Err(Failure::new("endpoint", format!("`{endpoint}` is no endpoint: nothing is known of `{scheme}`")).help(ENDPOINT_HELP))
        }
    }
}

fn bearer_header(key: &str) -> Result<MetadataValue<Ascii>, Failure> {
    let mut header: MetadataValue<Ascii> = format!("Bearer {}", key.trim()).parse().map_err(|_| {
        Failure::new("key", "the key holds characters that a header cannot carry").help("a key is plain ASCII, in one line")
    })?;
    header.set_sensitive(true);
    Ok(header)
}
