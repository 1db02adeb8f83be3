//! The command line of `dhow serve`, and how it goes together with the configuration file: the command line wins.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::log::LogOptions;
use super::options::{Data, OptionsError, Refusal, ServeOptions};
use super::{DEFAULT_ADDRESS, DEFAULT_DATA};
use crate::api::door::Access;
use crate::config::{self, LogFormat, TlsFiles};
use crate::store::postgres::DatabaseUrl;

/// The options of `dhow serve`.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct ServeArguments {
    /// Read options, keys and limits from this TOML file; what the command line says wins.
    #[arg(long, env = "DHOW_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Listen here [default: 127.0.0.1:7171; with --ephemeral a free port of 127.0.0.1].
    #[arg(long, env = "DHOW_LISTEN", value_name = "ADDRESS:PORT", value_parser = parse_address)]
    pub(crate) listen: Option<SocketAddr>,
    /// Keep the data in this SQLite file, which is made if it is not there [default: dhow.db].
    #[arg(long, env = "DHOW_DATA", value_name = "FILE", conflicts_with = "ephemeral")]
    pub(crate) data: Option<PathBuf>,
    /// Keep the data in this Postgres database, which several servers may share: postgres://USER:PASSWORD@HOST:PORT/DATABASE.
    #[arg(long, env = "DHOW_DATABASE", hide_env_values = true, value_name = "URL", conflicts_with_all = ["data", "ephemeral"])]
    pub(crate) database: Option<String>,
    /// Bring the Postgres database's tables to this build's form first (`dhow migrate up` does it by hand).
    #[arg(long, env = "DHOW_AUTO_MIGRATE")]
    pub(crate) auto_migrate: bool,
    /// The TLS certificate chain, PEM.
    #[arg(long, env = "DHOW_TLS_CERTIFICATE", value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_certificate: Option<PathBuf>,
    /// The private key of the TLS certificate, PEM.
    #[arg(long, env = "DHOW_TLS_KEY", value_name = "FILE", requires = "tls_certificate")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Listen beyond this machine even without keys or TLS: for networks that are trusted themselves.
    #[arg(long, env = "DHOW_INSECURE")]
    pub(crate) insecure: bool,
    /// Log level of dhow (error, warn, info, debug, trace), or a filter over all parts such as `debug,h2=info` [default: info].
    #[arg(long, env = "DHOW_LOG", value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// How log lines look [default: text].
    #[arg(long, env = "DHOW_LOG_FORMAT", value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
    /// Test mode: everything in memory, a fresh store for each bearer token, clocks that tests may move.
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// Begin each fresh store with the schema and relationships of this validation file.
    #[arg(long, value_name = "FILE", requires = "ephemeral")]
    pub(crate) load: Option<PathBuf>,
    /// Write the address that the server listens on to this file, once it does.
    #[arg(long, value_name = "FILE")]
    pub(crate) port_file: Option<PathBuf>,
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:7171 or [::1]:7171; port 0 takes a free one".to_owned())
}

impl ServeArguments {
    /// The options that the command line and the configuration file come to.
    ///
    /// # Errors
    /// When the file is wrong, or the options would open the server to people who were not meant.
    pub(crate) fn into_options(self) -> Result<(ServeOptions, LogOptions), OptionsError> {
        let file = self.config.as_deref().map(config::read).transpose()?.unwrap_or_default();
        let tls = match (self.tls_certificate, self.tls_key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (None, _) | (_, None) => file.tls,
        };
        let default_address = if self.ephemeral { "127.0.0.1:0" } else { DEFAULT_ADDRESS };
        let address = match self.listen.or(file.address.filter(|_| !self.ephemeral)) {
            Some(address) => address,
            None => default_address.parse().map_err(|_| OptionsError::Address)?,
        };
        let access = if self.ephemeral {
            if !file.keys.is_empty() {
                return Err(Refusal::EphemeralKeys.into());
            }
            Access::Ephemeral
        } else if file.keys.is_empty() {
            Access::Open
        } else {
            Access::Keys(file.keys)
        };
        let auto_migrate = self.auto_migrate || file.auto_migrate;
        let postgres = |url| Data::Postgres { url, auto_migrate };
        // Whichever the command line names wins over both of the file.
        let named = self.database.map(DatabaseUrl::from).map(postgres).or(self.data.map(Data::File));
        let in_file = file.database.map(postgres).or(file.data.map(Data::File));
        let data = if self.ephemeral { Data::Memory } else { named.or(in_file).unwrap_or_else(|| Data::File(PathBuf::from(DEFAULT_DATA))) };
        let log = LogOptions {
            filter: self.log.or(file.log.level).unwrap_or_else(|| "info".to_owned()),
            format: self.log_format.or(file.log.format).unwrap_or(LogFormat::Text),
        };
        let options = ServeOptions {
            address,
            data,
            tls,
            access,
            insecure: self.insecure,
            limits: file.limits,
            foreign_tokens: file.foreign_tokens,
            memory: file.memory,
            load: self.load,
        };
        options.check()?;
        Ok((options, log))
    }
}
