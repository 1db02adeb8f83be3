//! What can go wrong between dhow and Kafka.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::store::DatastoreError;

/// The changelog cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangelogError {
    /// librdkafka does not take a property, or cannot use what it names (a certificate file, say).
    #[error("the Kafka client cannot be made")]
    Client {
        #[source]
        source: KafkaError,
    },
    /// A property that dhow sets itself.
    #[error("`{name}` is set by dhow itself")]
    Reserved { name: String },
    /// No broker answered.
    #[error("no Kafka broker answered while dhow was about to {doing}{}", .said.as_ref().map(|said| format!(" ({said})")).unwrap_or_default())]
    Unreachable {
        doing: &'static str,
        /// Why the connection failed, where the client has said it.
        said: Option<String>,
        #[source]
        source: KafkaError,
    },
    /// The broker refused.
    #[error("Kafka refused to {doing}")]
    Refused {
        doing: &'static str,
        #[source]
        source: KafkaError,
    },
    /// There is no such topic.
    #[error("Kafka has no topic `{topic}`")]
    NoTopic { topic: String },
    /// The topic has fewer partitions than stores are spread over.
    #[error("topic `{topic}` has {found} partitions, the settings say {expected}")]
    Partitions { topic: String, found: usize, expected: u32 },
    /// Messages were not taken.
    #[error("Kafka did not take a message")]
    Publish {
        #[source]
        source: KafkaError,
    },
    /// The log cannot be read, or the place in it not be kept.
    #[error("the log that is to be published cannot be read")]
    Log(#[from] DatastoreError),
    /// A thread that waited for Kafka is gone: the server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl ChangelogError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Client { .. } => "DH-L001",
            Self::Reserved { .. } => "DH-L002",
            Self::Unreachable { .. } => "DH-L003",
            Self::Refused { .. } => "DH-L004",
            Self::NoTopic { .. } => "DH-L005",
            Self::Partitions { .. } => "DH-L006",
            Self::Publish { .. } => "DH-L007",
            Self::Log(error) => error.code(),
            Self::Stopping => "DH-L008",
        }
    }

    /// What to do.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Client { .. } => "look at the properties below `[changelog.client]`: librdkafka's CONFIGURATION.md lists them",
            Self::Reserved { .. } => "leave it out: order and durability hang on it",
            Self::Unreachable { .. } => "is Kafka running, is its address right, and does it expect TLS or SASL?",
            Self::Refused { .. } => "give dhow's user the right to it, or make the topic as docs/changelog.md says",
            Self::NoTopic { .. } => "a server with a changelog makes it: `dhow serve --kafka BROKERS`",
            Self::Partitions { .. } => "set `partitions` to what the topic has; a topic that is in use is not given more",
            Self::Publish { .. } => "dhow tries again by itself; see the broker's log if it goes on",
            Self::Log(error) => error.help(),
            Self::Stopping => "start it again",
        }
    }

    /// A client that cannot be made.
    pub(super) fn client(source: KafkaError) -> Self {
        Self::Client { source }
    }

    /// Adds why the connection failed.
    pub(super) fn because(self, why: Option<String>) -> Self {
        if let Self::Unreachable { doing, source, .. } = self { Self::Unreachable { doing, said: why, source } } else { self }
    }

    /// A request that came to nothing: nobody answered, or the answer was no.
    pub(crate) fn request(doing: &'static str) -> impl Fn(KafkaError) -> Self {
        move |source| match source.rdkafka_error_code() {
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::RequestTimedOut,
            ) => Self::Unreachable { doing, said: None, source },
            Some(_) | None => Self::Refused { doing, source },
        }
    }
}
