//! What can go wrong between dhow and its database.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use dhow_engine::entry::StoreId;
use sqlx::postgres::PgDatabaseError;

/// The database failed, or holds what dhow did not write. Cheap to clone: many callers may wait for one statement.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum DatastoreError {
    /// The database cannot be opened.
    #[error("the database `{path}` cannot be opened")]
    Open {
        path: PathBuf,
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// A file beside the database cannot be made or locked.
    #[error("`{path}` cannot be used")]
    File {
        path: PathBuf,
        #[source]
        source: Arc<std::io::Error>,
    },
    /// Another process has this database open.
    #[error("the database `{path}` is in use by another process")]
    InUse { path: PathBuf },
    /// A setting that durability hangs on is not in force.
    #[error("the database connection has `{setting}` = `{found}`, it must be `{expected}`")]
    Setting { setting: &'static str, expected: &'static str, found: String },
    /// The tables cannot be brought to this version's form.
    #[error("the database's tables cannot be migrated")]
    Migrate {
        #[source]
        source: Arc<sqlx::migrate::MigrateError>,
    },
    /// A statement failed.
    #[error("the database failed while it was asked to {doing}")]
    Sql {
        doing: &'static str,
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// No connection to the database.
    #[error("the database at {place} cannot be reached")]
    Connect {
        place: String,
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The connection broke in the middle, before anything was committed.
    #[error("the connection to the database was lost while it was asked to {doing}")]
    Lost {
        doing: &'static str,
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The database has left the last look at it without an answer, so that nobody else waits for one.
    #[error("the database has not answered for {} ms", .silent.as_millis())]
    Silent { silent: Duration },
    /// Others were in the way for too long.
    #[error("the database was too busy when it was asked to {doing}")]
    Busy {
        doing: &'static str,
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The server would not keep what is written: it is a standby, or was told to take no writes.
    #[error("the database takes no writes: it is a standby, or was set to read only")]
    NotWritable,
    /// The tables are of an older build.
    #[error("the database lacks {missing} migrations of this dhow, the first of them is {first}")]
    Outdated { missing: usize, first: i64 },
    /// The database's URL is none.
    #[error("the database's URL cannot be read")]
    Url,
    /// A row cannot be read back.
    #[error("table `{table}` has a row of store {store} that dhow did not write: {problem}")]
    Corrupt { table: &'static str, store: StoreId, problem: String },
    /// The transaction's end was not reported: it may be in or not.
    #[error("the database did not say whether a transaction was committed")]
    CommitUnknown {
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The database file itself is malformed.
    #[error("the database file is damaged: this was found while it was asked to {doing}")]
    Damaged {
        doing: &'static str,
        #[source]
        source: Arc<sqlx::Error>,
    },
    /// The database is not dhow's.
    #[error("the database `{path}` belongs to another program")]
    NotOurs { path: PathBuf },
    /// The store is not in the database.
    #[error("store {store} does not exist")]
    NoStore { store: StoreId },
    /// What the database holds of a store contradicts itself, even after reading it anew.
    #[error("store {store} was set aside: {problem}")]
    SetAside { store: StoreId, problem: String },
    /// The head is not the end of the log that it should be.
    #[error("the head of store {store} has another {what} than the log at revision {revision}")]
    HeadWrong { store: StoreId, revision: u64, what: &'static str },
    /// What would change something was asked of a server that never does.
    #[error("this server is an evaluator, which only reads")]
    ReadsOnly,
    /// The newest there is was asked of a server that learns of it by the changelog alone.
    #[error("this evaluator has no database to ask for what is newest, or older than what it remembers")]
    NoDatabase,
    /// No state of the store is known to be in its history.
    #[error("store {store} cannot be served yet: {problem}")]
    Unconfirmed { store: StoreId, problem: &'static str },
    /// What would lead from the newest file to what the changelog carries is gone.
    #[error("store {store} cannot be served: the changelog goes on at revision {carried}, behind the newest usable snapshot")]
    Gap { store: StoreId, carried: u64 },
    /// The server is stopping.
    #[error("the database is closed")]
    Closed,
}

impl DatastoreError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "DH-D001",
            Self::File { .. } => "DH-D002",
            Self::InUse { .. } => "DH-D003",
            Self::Setting { .. } => "DH-D004",
            Self::Migrate { .. } => "DH-D005",
            Self::Sql { .. } => "DH-D006",
            Self::Corrupt { .. } => "DH-D007",
            Self::CommitUnknown { .. } => "DH-D008",
            Self::NoStore { .. } => "DH-D009",
            Self::SetAside { .. } => "DH-D010",
            Self::Closed => "DH-D011",
            Self::Damaged { .. } => "DH-D012",
            Self::NotOurs { .. } => "DH-D013",
            Self::Connect { .. } => "DH-D014",
            Self::Lost { .. } => "DH-D015",
            Self::Busy { .. } => "DH-D016",
            Self::NotWritable => "DH-D017",
            Self::Outdated { .. } => "DH-D018",
            Self::Url => "DH-D019",
            Self::Silent { .. } => "DH-D020",
            Self::HeadWrong { .. } => "DH-D021",
            Self::ReadsOnly => "DH-D030",
            Self::NoDatabase => "DH-D031",
            Self::Unconfirmed { .. } => "DH-D032",
            Self::Gap { .. } => "DH-D033",
        }
    }

    /// What to do.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Open { .. } => "check that the folder exists, that this user may write there and that the file is an SQLite database",
            Self::File { .. } => "check that the folder exists and that this user may write there",
            Self::InUse { .. } => "stop the other process, or give this one another file",
            Self::Setting { .. } => {
                "a file belongs on a local file system that supports write-ahead logging; Postgres needs fsync and synchronous_commit on, and UTF-8"
            }
            Self::Migrate { .. } => "use a dhow at least as new as the one that wrote this database, and a database that nothing else uses",
            Self::Sql { .. } => "look at the cause, try again, and check the disk",
            Self::Corrupt { .. } => "restore the database from a backup, and report this",
            Self::CommitUnknown { .. } => "look whether it is there, then send it again, a write of tuples under the same request id",
            Self::NoStore { .. } => "list the stores",
            Self::SetAside { .. } => "restore the database from a backup and restart the server, and report this",
            Self::HeadWrong { .. } => "run `dhow verify`, which says what else is wrong, and `dhow verify --repair`",
            Self::ReadsOnly => "send it to a server that was not started with `--role evaluator`",
            Self::NoDatabase => "ask for `minimize_latency` or with a newer token, or ask a server that has a database",
            Self::Unconfirmed { .. } => "try again; if it goes on, see whether the changelog is being published, and snapshots made",
            Self::Gap { .. } => "make a snapshot of the store (`dhow snapshot create`) into the folder that this server reads",
            Self::Closed => "connect again",
            Self::Damaged { .. } => "restore the database from a backup, and look at the disk",
            Self::NotOurs { .. } => "name another file; dhow makes its own",
            Self::Connect { .. } => "check its address, that it runs, and that user and password are right; then try again",
            Self::Lost { .. } | Self::Silent { .. } => "try again; a write under the same request id",
            Self::Busy { .. } => "try again; if it goes on, look for a transaction that is held open",
            Self::NotWritable => "connect to the primary, and try again",
            Self::Outdated { .. } => "run `dhow migrate up --database URL`, or start with --auto-migrate",
            Self::Url => "write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password as %XX",
        }
    }

    /// That nobody waits any longer for what a commit came to.
    pub(crate) fn not_told() -> Self {
        Self::CommitUnknown { source: Arc::new(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())) }
    }

    /// A failed statement.
    pub(crate) fn sql(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| {
            let kind = Kind::of(&source);
            let source = Arc::new(source);
            match kind {
                Kind::Damage => Self::Damaged { doing, source },
                Kind::Lost => Self::Lost { doing, source },
                Kind::Busy => Self::Busy { doing, source },
                Kind::ReadOnly => Self::NotWritable,
                Kind::Other => Self::Sql { doing, source },
            }
        }
    }
}

/// What a failed statement means for whoever asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The database found its own files malformed.
    Damage,
    /// There is no connection any more.
    Lost,
    /// Others were in the way.
    Busy,
    /// The server takes no writes.
    ReadOnly,
    /// Whatever else.
    Other,
}

impl Kind {
    fn of(error: &sqlx::Error) -> Self {
        if let sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) = error {
            return Self::Lost;
        }
        let Some(database) = error.as_database_error() else { return Self::Other };
        let code = database.code().unwrap_or_default();
        if database.try_downcast_ref::<PgDatabaseError>().is_some() { Self::of_postgres(&code) } else { Self::of_sqlite(&code) }
    }

    /// By the SQLSTATE.
    fn of_postgres(code: &str) -> Self {
        match code {
            // A serialization failure, a deadlock, a lock that was not to be had, a statement that took too long.
            "40001" | "40P01" | "55P03" | "57014" => Self::Busy,
            // The server shuts down, crashed, starts, ended a session that was silent, or has no room for one.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53300" => Self::Lost,
            "25006" => Self::ReadOnly,
            "XX001" | "XX002" => Self::Damage,
            code if code.starts_with("08") => Self::Lost,
            _ => Self::Other,
        }
    }

    /// By the extended result code: the low byte of `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
    fn of_sqlite(code: &str) -> Self {
        match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(11 | 26) => Self::Damage,
            Ok(_) | Err(_) => Self::Other,
        }
    }
}

/// A store cannot be made.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CreateStoreError {
    /// The name breaks a rule.
    #[error("`{name}` cannot name a store")]
    Name { name: String },
    /// Another store has this name.
    #[error("a store named `{name}` exists already")]
    NameTaken { name: String },
    /// The database failed.
    #[error("the store was not created")]
    Datastore(#[from] DatastoreError),
}

impl CreateStoreError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "DH-W030",
            Self::NameTaken { .. } => "DH-W031",
            Self::Datastore(error) => error.code(),
        }
    }

    /// What to do.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Name { .. } => "use 1 to 64 of a-z, 0-9, `-`, `_` and `.`, and not the form of a UUID",
            Self::NameTaken { .. } => "choose another name, or use that store",
            Self::Datastore(error) => error.help(),
        }
    }
}
