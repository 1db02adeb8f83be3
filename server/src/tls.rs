//! TLS for the server (rustls): a certificate chain and its key, both PEM files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tonic::transport::{Identity, ServerTlsConfig};

use crate::config::TlsFiles;

/// Longest time that a client may take for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// TLS files that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read.
    #[error("cannot read the TLS file {}; check the path and its permissions", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file without a certificate.
    #[error("{} holds no certificate; it must be a PEM file with the server's certificate chain", .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file without a key.
    #[error("{} holds no private key; it must be a PEM file with the key of the certificate", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// The two do not make a server.
    #[error("the certificate {} and the key {} cannot be used together", .certificate.display(), .key.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
}

impl TlsError {
    /// The stable code of this error.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "DH-K020",
            Self::NoCertificate { .. } => "DH-K021",
            Self::NoKey { .. } => "DH-K022",
            Self::Mismatch { .. } => "DH-K023",
        }
    }
}

/// Reads the files and checks that they belong together.
///
/// # Errors
/// [`TlsError`] names the file that is wrong.
pub(crate) fn load(files: &TlsFiles) -> Result<ServerTlsConfig, TlsError> {
    let certificate = read(&files.certificate)?;
    let key = read(&files.key)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&certificate)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::NoCertificate { path: files.certificate.clone() })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: files.certificate.clone() });
    }
    let parsed = PrivateKeyDer::from_pem_slice(&key).map_err(|_| TlsError::NoKey { path: files.key.clone() })?;
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, parsed))
        .map_err(|source| TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone(), source })?;
    Ok(ServerTlsConfig::new().identity(Identity::from_pem(certificate, key)).timeout(HANDSHAKE))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wrong_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let one = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = write("a.pem", &one.cert.pem());
        let key = write("a.key", &one.signing_key.serialize_pem());
        let other_key = write("b.key", &other.signing_key.serialize_pem());
        let empty = write("empty", "");
        let files = |certificate: &PathBuf, key: &PathBuf| TlsFiles { certificate: certificate.clone(), key: key.clone() };
        assert!(load(&files(&certificate, &key)).is_ok());
        for (files, code) in [
            (files(&folder.path().join("absent"), &key), "DH-K020"),
            (files(&empty, &key), "DH-K021"),
            (files(&certificate, &empty), "DH-K022"),
            (files(&certificate, &other_key), "DH-K023"),
        ] {
            assert_eq!(load(&files).unwrap_err().code(), code);
        }
    }
}
