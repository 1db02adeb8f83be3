//! What a server is built from, and which combinations are refused.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::api::door::Access;
use crate::config::{self, ForeignTokens, Memory, TlsFiles};
use crate::limits::Limits;
use crate::role::Role;
use crate::snapshots::SnapshotOptions;
use crate::store::postgres::DatabaseUrl;

/// Everything that a server is built from.
#[derive(Debug)]
pub(crate) struct ServeOptions {
    /// Where to listen; port 0 takes a free one.
    pub(crate) address: SocketAddr,
    /// What the server is there for.
    pub(crate) role: Role,
    /// Where the data is.
    pub(crate) data: Data,
    /// TLS, if the connection is to be encrypted.
    pub(crate) tls: Option<TlsFiles>,
    /// Who may come in.
    pub(crate) access: Access,
    /// Whether to listen beyond this machine without keys or TLS.
    pub(crate) insecure: bool,
    /// The limits.
    pub(crate) limits: Limits,
    /// What a read at least as fresh as a token of another history gets.
    pub(crate) foreign_tokens: ForeignTokens,
    /// The folder of snapshot files, if there is one.
    pub(crate) snapshots: Option<SnapshotOptions>,
    /// Which stores stay in memory.
    pub(crate) memory: Memory,
    /// What each fresh store of a test server begins with.
    pub(crate) load: Option<PathBuf>,
}

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Data {
    /// In this SQLite file.
    File(PathBuf),
    /// In this Postgres database.
    Postgres {
        /// Where it is.
        url: DatabaseUrl,
        /// Whether migrations that are missing are applied first, instead of being a reason to refuse it.
        auto_migrate: bool,
    },
    /// In memory; gone with the process.
    Memory,
    /// Elsewhere: what the changelog carries and a folder of snapshots has is read.
    Carried,
}

/// A server that would be open to people who were not meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// Beyond this machine without keys.
    #[error(
        "refusing to listen on {address} without keys: whoever reaches the port could read and change everything. Add a key to the \
         configuration file (`dhow keys generate` prints one), or listen on 127.0.0.1, or pass --insecure if the network itself is trusted"
    )]
    NoKeys {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// Beyond this machine without TLS.
    #[error(
        "refusing to listen on {address} without TLS: keys and data would cross the network in the clear. Pass --tls-certificate and \
         --tls-key, or listen on 127.0.0.1 behind a proxy that adds TLS, or pass --insecure if the network itself is trusted"
    )]
    NoTls {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// A test server beyond this machine.
    #[error(
        "refusing to listen on {address} in test mode, which lets everybody in. Listen on 127.0.0.1, or pass --insecure if the network \
         itself is trusted"
    )]
    Ephemeral {
        /// Where it was to listen.
        address: SocketAddr,
    },
    /// A test server with keys.
    #[error("in test mode each bearer token opens a store of its own, so keys have no meaning. Leave out --ephemeral, or the `[[keys]]`")]
    EphemeralKeys,
}

impl Refusal {
    /// The stable code of this error.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::NoKeys { .. } => "DH-K030",
            Self::NoTls { .. } => "DH-K031",
            Self::Ephemeral { .. } => "DH-K032",
            Self::EphemeralKeys => "DH-K033",
        }
    }
}

/// Options that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OptionsError {
    /// The configuration file.
    #[error(transparent)]
    File(#[from] config::ReadError),
    /// They would open the server too far.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A schedule without a place.
    #[error("`snapshot_every` says when snapshots are made, and nothing says where; name a folder with --snapshots or `snapshots`")]
    NoSnapshotFolder,
    /// An evaluator of a database that is one process's own.
    #[error("an evaluator reads a database that others write, and an SQLite file has one server; name a Postgres database with --database")]
    EvaluatorOfFile,
    /// An evaluator that would write.
    #[error("an evaluator never writes to a database, so it does not migrate one; leave out --auto-migrate, or run `dhow migrate up`")]
    EvaluatorMigrates,
    /// An evaluator without a source.
    #[error("an evaluator needs something to read: --database, or both --kafka and --snapshots")]
    EvaluatorOfNothing,
    /// The built-in address does not parse: a mistake of the build.
    #[error("the default address cannot be read; name one with --listen")]
    Address,
}

impl OptionsError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::File(error) => error.code(),
            Self::Refused(refusal) => refusal.code(),
            Self::NoSnapshotFolder => "DH-K007",
            Self::EvaluatorOfFile => "DH-K050",
            Self::EvaluatorMigrates => "DH-K051",
            Self::EvaluatorOfNothing => "DH-K052",
            Self::Address => "address",
        }
    }
}

impl ServeOptions {
    /// Refuses options that would open the server to people who were not meant.
    ///
    /// # Errors
    /// [`Refusal`] says how to go on.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if is_loopback(self.address.ip()) || self.insecure {
            return Ok(());
        }
        let address = self.address;
        match (&self.access, &self.tls) {
            (Access::Ephemeral, _) => Err(Refusal::Ephemeral { address }),
            (Access::Open, _) => Err(Refusal::NoKeys { address }),
            (Access::Keys(keys), _) if keys.is_empty() => Err(Refusal::NoKeys { address }),
            (Access::Keys(_), None) => Err(Refusal::NoTls { address }),
            (Access::Keys(_), Some(_)) => Ok(()),
        }
    }
}

/// Whether only this machine reaches the address; `::ffff:127.0.0.1` is 127.0.0.1.
fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Writes where the server listens; whoever sees the file finds all of it.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_port_file(path: &Path, address: SocketAddr) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, format!("{address}\n").as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
