//! The configuration file of `dhow serve`, in TOML: read whole, every mistake told with its place.
//!
//! ```toml
//! address = "127.0.0.1:7171"
//! data = "dhow.db"             # or: database = "postgres://…"
//!
//! [tls]
//! certificate = "server.pem"
//! key = "server.key"
//!
//! [log]
//! level = "info"
//! format = "text"
//!
//! [limits]
//! deadline_max_ms = 60000
//!
//! [changelog]
//! brokers = "kafka-1:9092,kafka-2:9092"
//!
//! [[keys]]
//! name = "checkout-service"
//! key = "sha256:…"            # from `dhow keys generate`; or the key itself
//! stores = ["shop"]           # or "all"
//! rights = ["read", "write"]  # of read, write, schema, admin, operate
//! default_store = "shop"
//! ```

mod changelog;
mod divergence;
pub(crate) mod keys;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::changelog::{ChangelogError, Settings};
use crate::identity::KeyRing;
use crate::limits::Limits;
use crate::role::Role;
use crate::snapshots::{Span, Verification};
use crate::store::postgres::DatabaseUrl;
pub(crate) use divergence::{Divergence, OnDivergence, ScrubEvery};

/// What a configuration file says; what it leaves open is `None`.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// Where to listen.
    pub(crate) address: Option<SocketAddr>,
    /// The data file.
    pub(crate) data: Option<PathBuf>,
    /// The Postgres database, in place of a data file.
    pub(crate) database: Option<DatabaseUrl>,
    /// Whether to migrate it.
    pub(crate) auto_migrate: bool,
    /// What the server is there for.
    pub(crate) role: Option<Role>,
    /// Snapshots.
    pub(crate) snapshots: SnapshotSettings,
    /// TLS, if set.
    pub(crate) tls: Option<TlsFiles>,
    /// The log's level and format.
    pub(crate) log: Log,
    /// The limits, those not set at their defaults.
    pub(crate) limits: Limits,
    /// What a read at least as fresh as a token of another history gets.
    pub(crate) foreign_tokens: ForeignTokens,
    /// Where entries are published, if they are.
    pub(crate) changelog: Option<Settings>,
    /// Which stores stay in memory.
    pub(crate) memory: Memory,
    /// The keys.
    pub(crate) keys: KeyRing,
}

/// What is said of snapshots, in keys that begin with `snapshot`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SnapshotSettings {
    /// The folder.
    pub(crate) folder: Option<PathBuf>,
    /// How often each store is written.
    pub(crate) every: Option<Span>,
    /// How many of a store's files stay.
    pub(crate) keep: Option<u32>,
    /// How old they may become.
    pub(crate) max_age: Option<Span>,
    /// What is verified before a store is served from a file.
    pub(crate) verify: Option<Verification>,
}

/// The files of `[tls]`.
#[derive(Debug, Clone, Deserialize, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate chain, PEM.
    pub(crate) certificate: PathBuf,
    /// The private key, PEM.
    pub(crate) key: PathBuf,
}

/// The `[log]` section.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Log {
    /// What `--log` takes.
    pub(crate) level: Option<String>,
    /// How lines look.
    pub(crate) format: Option<LogFormat>,
}

/// What a read at least as fresh as a token of another history gets: of a store restored from a backup, say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ForeignTokens {
    /// A fully consistent answer that carries a note.
    #[default]
    Answer,
    /// An error.
    Refuse,
}

/// Which stores stay in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// How many bytes all stores together may take before those that were not used lately are given up; `None`: as many as there are.
    pub(crate) limit_bytes: Option<u64>,
    /// Stores, by name or id, that are loaded at the start and never given up.
    pub(crate) pinned: BTreeSet<String>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Default, Deserialize)]
struct Raw {
    address: Option<Spanned<String>>,
    data: Option<PathBuf>,
    database: Option<Spanned<DatabaseUrl>>,
    #[serde(default)]
    auto_migrate: bool,
    role: Option<Role>,
    snapshots: Option<PathBuf>,
    snapshot_every: Option<Span>,
    snapshot_keep: Option<Spanned<u32>>,
    snapshot_max_age: Option<Span>,
    snapshot_verify: Option<Verification>,
    tls: Option<TlsFiles>,
    #[serde(default)]
    log: Log,
    #[serde(default)]
    foreign_tokens: ForeignTokens,
    scrub_every: Option<ScrubEvery>,
    on_divergence: Option<OnDivergence>,
    memory_limit_bytes: Option<Spanned<u64>>,
    #[serde(default)]
    pinned_stores: BTreeSet<String>,
    #[serde(default)]
    limits: RawLimits,
    changelog: Option<changelog::Raw>,
    #[serde(default)]
    keys: Vec<keys::Raw>,
}

#[derive(Debug, Default, Deserialize)]
struct RawLimits {
    message_bytes: Option<Spanned<u32>>,
    concurrent_streams: Option<Spanned<u32>>,
    deadline_default_ms: Option<Spanned<u32>>,
    deadline_max_ms: Option<Spanned<u32>>,
    evaluation_steps: Option<Spanned<u32>>,
    stream_outstanding: Option<Spanned<u32>>,
    shutdown_drain_ms: Option<Spanned<u32>>,
    heavy_requests: Option<Spanned<u32>>,
    max_clock_skew_ms: Option<Spanned<u32>>,
    hot_window_revisions: Option<Spanned<u32>>,
    hot_window_changes: Option<Spanned<u32>>,
    hot_window_ms: Option<Spanned<u32>>,
    follow_interval_ms: Option<Spanned<u32>>,
    carried_bytes: Option<Spanned<u32>>,
    max_staleness_ms: Option<Spanned<u32>>,
    stale_serve_max_ms: Option<Spanned<u32>>,
}

/// The keys of each table of the file.
const TOP: &[&str] = &[
    "address",
    "data",
    "database",
    "auto_migrate",
    "role",
    "snapshots",
    "snapshot_every",
    "snapshot_keep",
    "snapshot_max_age",
    "snapshot_verify",
    "foreign_tokens",
    "scrub_every",
    "on_divergence",
    "memory_limit_bytes",
    "pinned_stores",
    "tls",
    "log",
    "limits",
    "changelog",
    "keys",
];
const TLS: &[&str] = &["certificate", "key"];
const LOG: &[&str] = &["level", "format"];
const LIMITS: &[&str] = &[
    "message_bytes",
    "concurrent_streams",
    "deadline_default_ms",
    "deadline_max_ms",
    "evaluation_steps",
    "stream_outstanding",
    "shutdown_drain_ms",
    "heavy_requests",
    "max_clock_skew_ms",
    "hot_window_revisions",
    "hot_window_changes",
    "hot_window_ms",
    "follow_interval_ms",
    "carried_bytes",
    "max_staleness_ms",
    "stale_serve_max_ms",
];

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub(crate) struct ConfigError {
    file: String,
    line: usize,
    column: usize,
    problem: Problem,
}

impl ConfigError {
    /// The stable code of this error.
    pub(crate) const fn code(&self) -> &'static str {
        self.problem.code()
    }
}

/// What is wrong in a configuration file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// Not TOML, or a value of another type.
    #[error("{message}")]
    Toml {
        /// In the words of the TOML reader.
        message: String,
    },
    /// A key that does not exist.
    #[error("unknown key `{key}`{}", .suggestion.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key.
        key: String,
        /// The nearest that does.
        suggestion: Option<&'static str>,
    },
    /// An address that is none.
    #[error("`{text}` is no address to listen on; write an IP address and a port, such as `127.0.0.1:7171` or `[::1]:7171`")]
    Address {
        /// What is there.
        text: String,
    },
    /// Two places for the data.
    #[error("`data` and `database` both say where the data is; leave one of them out")]
    TwoPlaces,
    /// A limit of nothing.
    #[error("a limit must be at least 1")]
    ZeroLimit,
    /// What the changelog's client cannot be set to.
    #[error("{source}; {}", .source.help())]
    Changelog {
        /// Why not.
        source: Box<ChangelogError>,
    },
    /// A key's secret that cannot be used.
    #[error(transparent)]
    Key(#[from] keys::KeyProblem),
}

impl Problem {
    const fn code(&self) -> &'static str {
        match self {
            Self::Toml { .. } => "DH-K001",
            Self::UnknownKey { .. } => "DH-K002",
            Self::Address { .. } => "DH-K003",
            Self::ZeroLimit => "DH-K004",
            Self::TwoPlaces => "DH-K006",
            Self::Changelog { source } => source.code(),
            Self::Key(problem) => problem.code(),
        }
    }
}

/// A configuration file that cannot be read or used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}; check the path and its permissions", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its text is wrong.
    #[error(transparent)]
    Wrong(#[from] ConfigError),
}

impl ReadError {
    /// The stable code of this error.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "DH-K005",
            Self::Wrong(error) => error.code(),
        }
    }
}

/// Reads a configuration file. Paths in it are relative to its folder.
///
/// # Errors
/// [`ReadError`] when it cannot be read or has a mistake.
pub(crate) fn read(path: &Path) -> Result<File, ReadError> {
    let text = std::fs::read_to_string(path).map_err(|source| ReadError::Unreadable { path: path.to_owned(), source })?;
    let mut file = File::parse(&text, &path.display().to_string())?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    file.data = file.data.map(|data| folder.join(data));
    file.snapshots.folder = file.snapshots.folder.map(|snapshots| folder.join(snapshots));
    file.tls = file.tls.map(|tls| TlsFiles { certificate: folder.join(tls.certificate), key: folder.join(tls.key) });
    Ok(file)
}

impl File {
    /// Reads the text of a configuration file; `name` is what errors call it.
    ///
    /// # Errors
    /// [`ConfigError`]: the first mistake, with its line and column.
    pub(crate) fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let place = |(span, problem): (Option<std::ops::Range<usize>>, Problem)| {
            let (line, column) = line_and_column(text, span.map_or(0, |span| span.start));
            ConfigError { file: name.to_owned(), line, column, problem }
        };
        let from_toml = |error: toml::de::Error| place((error.span(), Problem::Toml { message: error.message().to_owned() }));
        let table = DeTable::parse(text).map_err(from_toml)?;
        known_keys(table.get_ref()).map_err(place)?;
        let raw: Raw = toml::from_str(text).map_err(from_toml)?;
        let address = raw.address.map(parse_address).transpose().map_err(place)?;
        let mut limits = raw.limits.apply().map_err(place)?;
        limits.divergence = limits.divergence.with(raw.scrub_every, raw.on_divergence);
        let changelog = raw.changelog.map(changelog::Raw::settings).transpose().map_err(place)?;
        let keys = keys::ring(raw.keys).map_err(|(span, problem)| place((span, problem.into())))?;
        let database = match (raw.database, &raw.data) {
            (Some(database), Some(_)) => return Err(place((Some(database.span()), Problem::TwoPlaces))),
            (database, _) => database.map(Spanned::into_inner),
        };
        let snapshots = SnapshotSettings {
            folder: raw.snapshots,
            every: raw.snapshot_every,
            keep: positive(raw.snapshot_keep).map_err(place)?,
            max_age: raw.snapshot_max_age,
            verify: raw.snapshot_verify,
        };
        let limit_bytes = match raw.memory_limit_bytes {
            Some(bytes) if *bytes.get_ref() == 0 => return Err(place((Some(bytes.span()), Problem::ZeroLimit))),
            bytes => bytes.map(Spanned::into_inner),
        };
        let memory = Memory { limit_bytes, pinned: raw.pinned_stores };
        let Raw { data, auto_migrate, role, tls, log, foreign_tokens, .. } = raw;
        Ok(Self { address, data, database, auto_migrate, role, snapshots, tls, log, limits, foreign_tokens, changelog, memory, keys })
    }
}

type Placed = (Option<std::ops::Range<usize>>, Problem);

fn parse_address(text: Spanned<String>) -> Result<SocketAddr, Placed> {
    let span = text.span();
    let text = text.into_inner();
    text.parse().map_err(|_| (Some(span), Problem::Address { text }))
}

fn known_keys(top: &DeTable<'_>) -> Result<(), Placed> {
    check_table(top, TOP)?;
    for (section, keys) in [("tls", TLS), ("log", LOG), ("limits", LIMITS), ("changelog", changelog::KEYS)] {
        if let Some(DeValue::Table(table)) = top.get(section).map(Spanned::get_ref) {
            check_table(table, keys)?;
        }
    }
    if let Some(DeValue::Array(items)) = top.get("keys").map(Spanned::get_ref) {
        for item in items {
            if let DeValue::Table(table) = item.get_ref() {
                check_table(table, keys::KEYS)?;
            }
        }
    }
    Ok(())
}

fn check_table(table: &DeTable<'_>, known: &'static [&'static str]) -> Result<(), Placed> {
    let unknown = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())).min_by_key(|key| key.span().start);
    let Some(key) = unknown else { return Ok(()) };
    let text = key.get_ref().as_ref();
    let suggestion = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, text), *name))
        .min()
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3))
        .map(|(_, name)| name);
    Err((Some(key.span()), Problem::UnknownKey { key: text.to_owned(), suggestion }))
}

impl RawLimits {
    fn apply(self) -> Result<Limits, Placed> {
        let default = Limits::default();
        let ms = |value: Option<Spanned<u32>>, default: Duration| -> Result<Duration, Placed> {
            Ok(positive(value)?.map_or(default, |value| Duration::from_millis(u64::from(value))))
        };
        let count = |value: Option<Spanned<u32>>, default: usize| -> Result<usize, Placed> {
            Ok(positive(value)?.map_or(default, |value| usize::try_from(value).unwrap_or(usize::MAX)))
        };
        Ok(Limits {
            message_bytes: count(self.message_bytes, default.message_bytes)?,
            concurrent_streams: positive(self.concurrent_streams)?.unwrap_or(default.concurrent_streams),
            deadline_default: ms(self.deadline_default_ms, default.deadline_default)?,
            deadline_max: ms(self.deadline_max_ms, default.deadline_max)?,
            evaluation_steps: positive(self.evaluation_steps)?.map_or(default.evaluation_steps, u64::from),
            stream_outstanding: count(self.stream_outstanding, default.stream_outstanding)?,
            shutdown_drain: ms(self.shutdown_drain_ms, default.shutdown_drain)?,
            heavy_requests: count(self.heavy_requests, default.heavy_requests)?,
            max_clock_skew: ms(self.max_clock_skew_ms, default.max_clock_skew)?,
            hot_window_revisions: count(self.hot_window_revisions, default.hot_window_revisions)?,
            hot_window_changes: count(self.hot_window_changes, default.hot_window_changes)?,
            hot_window: ms(self.hot_window_ms, default.hot_window)?,
            follow_interval: ms(self.follow_interval_ms, default.follow_interval)?,
            carried_bytes: count(self.carried_bytes, default.carried_bytes)?,
            max_staleness: ms(self.max_staleness_ms, default.max_staleness)?,
            stale_serve_max: ms(self.stale_serve_max_ms, default.stale_serve_max)?,
            divergence: default.divergence,
        })
    }
}

fn positive(value: Option<Spanned<u32>>) -> Result<Option<u32>, Placed> {
    match value {
        Some(value) if *value.get_ref() == 0 => Err((Some(value.span()), Problem::ZeroLimit)),
        Some(value) => Ok(Some(value.into_inner())),
        None => Ok(None),
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{KeyDigest, Right, Scope};

    fn wrong(text: &str) -> (String, &'static str) {
        let error = File::parse(text, "dhow.toml").unwrap_err();
        (error.to_string(), error.code())
    }

    #[test]
    fn a_full_file_is_read() {
        let digest = KeyDigest::of("the key of the shop").to_hex();
        let text = format!(
            "address = \"[::1]:7171\"\ndata = \"shop.db\"\nsnapshots = \"snaps\"\nsnapshot_every = \"6h\"\nsnapshot_keep = 2\n\
             snapshot_max_age = \"7d\"\nsnapshot_verify = \"full\"\nforeign_tokens = \"refuse\"\n\
             memory_limit_bytes = 5000000000\npinned_stores = [\"shop\"]\n[tls]\ncertificate = \"a.pem\"\nkey = \"a.key\"\n[log]\nlevel = \"debug\"\n\
             format = \"json\"\n[limits]\ndeadline_max_ms = 5\n[[keys]]\nname = \"shop\"\nkey = \"sha256:{digest}\"\nstores = [\"shop\"]\n\
             rights = [\"read\"]\ndefault_store = \"shop\"\n[[keys]]\nname = \"root\"\nkey = \"0123456789abcdef\"\nstores = \"all\"\n\
             rights = [\"read\", \"write\", \"schema\", \"admin\"]\n"
        );
        let file = File::parse(&text, "dhow.toml").unwrap();
        assert_eq!(file.address, Some("[::1]:7171".parse().unwrap()));
        assert_eq!(file.limits.deadline_max, Duration::from_millis(5));
        assert_eq!(file.foreign_tokens, ForeignTokens::Refuse);
        let (every, max_age) = ("6h".parse().ok(), "7d".parse().ok());
        let verify = Some(Verification::Full);
        let snapshots = SnapshotSettings { folder: Some("snaps".into()), every, keep: Some(2), max_age, verify };
        assert_eq!(file.snapshots, snapshots);
        assert_eq!(file.memory, Memory { limit_bytes: Some(5_000_000_000), pinned: ["shop".to_owned()].into() });
        assert_eq!(file.log.format, Some(LogFormat::Json));
        let shop = file.keys.identify("the key of the shop").unwrap();
        assert_eq!((&*shop.name, &shop.rights), ("shop", &[Right::Read].into()));
        assert_eq!(shop.scope, Scope::Only(["shop".to_owned()].into()));
        let root = file.keys.identify("0123456789abcdef").unwrap();
        assert_eq!((&root.scope, root.rights.len()), (&Scope::All, 4));
    }

    #[test]
    fn each_mistake_is_told_with_its_place() {
        for (text, message, code) in [
            ("adress = \"x\"", "dhow.toml:1:1: unknown key `adress`; did you mean `address`?", "DH-K002"),
            ("\n[log]\n  colour = 1\n", "dhow.toml:3:3: unknown key `colour`", "DH-K002"),
            ("[[keys]]\nnames = 1\n", "dhow.toml:2:1: unknown key `names`; did you mean `name`?", "DH-K002"),
            ("memory_limit_bytes = 0\n", "dhow.toml:1:22: a limit must be at least 1", "DH-K004"),
            ("[limits]\nheavy_requests = 0\n", "dhow.toml:2:18: a limit must be at least 1", "DH-K004"),
            ("snapshot_keep = 0\n", "dhow.toml:1:17: a limit must be at least 1", "DH-K004"),
            ("snapshots_every = \"1h\"\n", "dhow.toml:1:1: unknown key `snapshots_every`; did you mean `snapshot_every`?", "DH-K002"),
            (
                "data = \"a\"\ndatabase = \"postgres://u:secret@h/d\"\n",
                "dhow.toml:2:12: `data` and `database` both say where the data is; leave one of them out",
                "DH-K006",
            ),
        ] {
            assert_eq!(wrong(text), (message.to_owned(), code));
        }
        for (text, begins, code) in [
            ("address = 7171", "dhow.toml:1:11: ", "DH-K001"),
            ("address = \"localhost\"", "dhow.toml:1:11: `localhost` is no address", "DH-K003"),
            ("data = ", "dhow.toml:1:", "DH-K001"),
            ("snapshot_every = \"1w\"", "dhow.toml:1:18: write a number and its unit", "DH-K001"),
            ("[limits]\nheavy_requests = -1\n", "dhow.toml:2:18: ", "DH-K001"),
            ("[changelog]\ntopic = \"t\"\n", "dhow.toml:1:1: missing field `brokers`", "DH-K001"),
            ("[changelog]\nbrokers = \"a:1\"\npartitions = 0\n", "dhow.toml:3:14: ", "DH-K004"),
            ("[changelog]\nbrokers = \"a:1\"\n[changelog.client]\nacks = 1\n", "dhow.toml:3:1: `acks` is set by dhow", "DH-L002"),
        ] {
            let (message, found) = wrong(text);
            assert!(message.starts_with(begins), "{message}");
            assert_eq!(found, code);
        }
    }

    #[test]
    fn each_mistake_in_a_key_is_told_with_its_place() {
        let key = |line: &str| {
            let mut lines = vec!["name = \"a\"", "key = \"0123456789abcdef\"", "stores = \"all\"", "rights = [\"read\"]"];
            let field = line.split(' ').next().unwrap();
            lines.retain(|other| !other.starts_with(field));
            lines.push(line);
            format!("[[keys]]\n{}\n", lines.join("\n"))
        };
        for (line, contains, code) in [
            ("key = \"short\"", "at least 16 bytes", "DH-K011"),
            ("key = \"sha256:12\"", "64 hexadecimal digits", "DH-K012"),
            ("stores = \"some\"", "`all`", "DH-K013"),
            ("stores = []", "opens no store", "DH-K013"),
            ("rights = [\"reed\"]", "`reed` is no right", "DH-K014"),
            ("rights = []", "has no right", "DH-K015"),
            ("name = \"\"", "name", "DH-K010"),
            ("default_store = \"\"", "default_store", "DH-K016"),
        ] {
            let (message, found) = wrong(&key(line));
            assert!(message.contains(contains), "{message}");
            assert!(message.starts_with("dhow.toml:"), "{message}");
            assert_eq!(found, code);
        }
        let twice = format!("{}{}", key("name = \"a\""), key("name = \"a\""));
        assert_eq!(wrong(&twice).1, "DH-K017");
    }
}
