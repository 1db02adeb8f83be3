//! The command line of `dhow serve`, and how it goes together with the configuration file: the command line wins.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::log::LogOptions;
use super::options::{Data, OptionsError, Refusal, ServeOptions};
use super::{DEFAULT_ADDRESS, DEFAULT_DATA};
use crate::api::door::Access;
use crate::changelog::Settings;
use crate::config::{self, LogFormat, OnDivergence, ScrubEvery, TlsFiles};
use crate::limits::Limits;
use crate::role::Role;
use crate::snapshots::{Retention, SnapshotOptions, Span, Verification};
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
    /// What the server is there for: `evaluator` reads only, from a database, or from --kafka and --snapshots alone [default: all].
    #[arg(long, env = "DHOW_ROLE", value_name = "ROLE", conflicts_with = "ephemeral")]
    pub(crate) role: Option<Role>,
    /// Bring the Postgres database's tables to this build's form first (`dhow migrate up` does it by hand).
    #[arg(long, env = "DHOW_AUTO_MIGRATE")]
    pub(crate) auto_migrate: bool,
    /// Publish every committed entry to this Kafka: `host:port`, several with commas between them. The rest is in `[changelog]` of the
    /// configuration file.
    #[arg(long, env = "DHOW_KAFKA", value_name = "BROKERS", conflicts_with = "ephemeral")]
    pub(crate) kafka: Option<String>,
    /// Keep snapshots of stores in this folder, which is made if it is not there, and boot stores from them.
    #[arg(long, env = "DHOW_SNAPSHOTS", value_name = "FOLDER", conflicts_with = "ephemeral")]
    pub(crate) snapshots: Option<PathBuf>,
    /// Write each store that has changed as a snapshot this often, such as `6h` [default: when `dhow snapshot create` asks].
    #[arg(long, visible_alias = "every", env = "DHOW_SNAPSHOT_EVERY", value_name = "DURATION")]
    pub(crate) snapshot_every: Option<Span>,
    /// Keep this many snapshots of each store [default: 3].
    #[arg(long, visible_alias = "keep", env = "DHOW_SNAPSHOT_KEEP", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) snapshot_keep: Option<u32>,
    /// Remove snapshots that are older than this, such as `30d`, but for the newest of each store [default: never].
    #[arg(long, env = "DHOW_SNAPSHOT_MAX_AGE", value_name = "DURATION")]
    pub(crate) snapshot_max_age: Option<Span>,
    /// What is verified of a snapshot before a store is served from it [default: bytes].
    #[arg(long, env = "DHOW_SNAPSHOT_VERIFY", value_name = "HOW")]
    pub(crate) snapshot_verify: Option<Verification>,
    /// Go through everything in memory and in the database this often to see whether it is what was written, such as `6h`, or `off` [default: 1h].
    #[arg(long, env = "DHOW_SCRUB_EVERY", value_name = "DURATION")]
    pub(crate) scrub_every: Option<ScrubEvery>,
    /// What a store is good for that was set aside because it diverges from its log: nothing, or degraded reads [default: refuse].
    #[arg(long, env = "DHOW_ON_DIVERGENCE", value_name = "POLICY")]
    pub(crate) on_divergence: Option<OnDivergence>,
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
    pub(crate) fn into_options(self) -> Result<(ServeOptions, Option<Settings>, LogOptions), OptionsError> {
        let file = self.config.as_deref().map(config::read).transpose()?.unwrap_or_default();
        // What is written in test mode is nobody's truth.
        let changelog = Settings::of(self.kafka, file.changelog).filter(|_| !self.ephemeral);
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
        let role = self.role.or(file.role.filter(|_| !self.ephemeral)).unwrap_or_default();
        let data = match (role, named.or(in_file)) {
            (Role::All, _) if self.ephemeral => Data::Memory,
            (Role::All, named) => named.unwrap_or_else(|| Data::File(PathBuf::from(DEFAULT_DATA))),
            (Role::Evaluator, named) => named.unwrap_or(Data::Carried),
        };
        let settings = file.snapshots;
        let every = self.snapshot_every.or(settings.every);
        let snapshots = match self.snapshots.or(settings.folder.filter(|_| !self.ephemeral)) {
            None if every.is_some() && !self.ephemeral => return Err(OptionsError::NoSnapshotFolder),
            None => None,
            Some(folder) => Some(SnapshotOptions {
                folder,
                verification: self.snapshot_verify.or(settings.verify).unwrap_or_default(),
                retention: Retention {
                    keep: self.snapshot_keep.or(settings.keep).map_or(Retention::KEEP, |keep| usize::try_from(keep).unwrap_or(usize::MAX)),
                    max_age: self.snapshot_max_age.or(settings.max_age),
                },
                every,
            }),
        };
        let divergence = file.limits.divergence.with(self.scrub_every, self.on_divergence);
        match (role, &data) {
            (Role::Evaluator, Data::File(_) | Data::Memory) => return Err(OptionsError::EvaluatorOfFile),
            (Role::Evaluator, Data::Postgres { auto_migrate: true, .. }) => return Err(OptionsError::EvaluatorMigrates),
            (Role::Evaluator, Data::Carried) if changelog.is_none() || snapshots.is_none() => return Err(OptionsError::EvaluatorOfNothing),
            (Role::Evaluator, Data::Carried | Data::Postgres { .. }) | (Role::All, _) => {}
        }
        let log = LogOptions {
            filter: self.log.or(file.log.level).unwrap_or_else(|| "info".to_owned()),
            format: self.log_format.or(file.log.format).unwrap_or(LogFormat::Text),
        };
        let options = ServeOptions {
            address,
            role,
            data,
            tls,
            access,
            insecure: self.insecure,
            limits: Limits { divergence, ..file.limits },
            foreign_tokens: file.foreign_tokens,
            snapshots,
            memory: file.memory,
            load: self.load,
        };
        options.check()?;
        Ok((options, changelog, log))
    }
}
