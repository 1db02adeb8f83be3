//! Opening a connection to Postgres so that what it acknowledges is durable, and so that nobody who is paused holds up the others.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row};

use super::super::error::DatastoreError;
use super::DatabaseUrl;
use super::retry::timed_out;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// Opening a connection.
    pub(crate) connect: Duration,
    /// Waiting for a lock, such as that of a head which another server holds.
    pub(crate) lock: Duration,
    /// Being silent within a transaction, which may hold a head: less than `lock`, so that who waits for a paused server still gets it.
    pub(crate) idle: Duration,
    /// One statement.
    pub(crate) statement: Duration,
    /// Reading all tuples of a store: while it lasts, no row version that it may see is removed.
    pub(crate) load: Duration,
    /// A whole call, by this side's clock: a network that swallows packets must not hold a caller for good.
    pub(crate) call: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            lock: Duration::from_secs(4),
            idle: Duration::from_millis(2_500),
            statement: Duration::from_secs(15),
            load: Duration::from_secs(1_200),
            call: Duration::from_secs(20),
        }
    }
}

/// How a database is reached: what its URL says, read once. Its `Debug` form tells no password.
#[derive(Clone)]
pub(super) struct Place {
    options: PgConnectOptions,
    pub(super) timing: Timing,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Place").field("at", &self.told()).field("timing", &self.timing).finish()
    }
}

impl Place {
    /// A place by its URL, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; `sslmode` and the like as parameters.
    ///
    /// # Errors
    /// When it is no such URL. The error does not repeat it: it may hold a password.
    pub(super) fn parse(url: &DatabaseUrl, timing: Timing) -> Result<Self, DatastoreError> {
        let url = url.expose();
        let scheme = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let options = PgConnectOptions::from_str(url).ok().filter(|_| scheme).ok_or(DatastoreError::Url)?;
        Ok(Self { options: options.application_name("dhow").disable_statement_logging(), timing })
    }

    /// How it is reached, for connections that are not set up for transactions.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Where it is, without user and password.
    pub(super) fn told(&self) -> String {
        let database = self.options.get_database().unwrap_or_else(|| self.options.get_username());
        match self.options.get_socket() {
            Some(socket) => format!("{}/{database}", socket.display()),
            None => format!("{}:{}/{database}", self.options.get_host(), self.options.get_port()),
        }
    }

    /// A new connection, its settings in force.
    ///
    /// # Errors
    /// When the database cannot be reached, or does not do what durability hangs on.
    pub(super) async fn connect(&self) -> Result<PgConnection, DatastoreError> {
        let connecting = tokio::time::timeout(self.timing.connect, async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            sqlx::raw_sql(AssertSqlSafe(self.settings())).execute(&mut connection).await?;
            let row = sqlx::query(SELECT_SETTINGS).fetch_one(&mut connection).await?;
            let found: [String; 2] = [row.try_get(0)?, row.try_get(1)?];
            Ok((connection, found))
        });
        let connected = connecting.await.unwrap_or_else(|_| Err(timed_out()));
        let refused = |source| DatastoreError::Connect { place: self.told(), source: Arc::new(source) };
        let (connection, [fsync, encoding]) = connected.map_err(refused)?;
        expect("fsync", "on", fsync)?;
        expect("server_encoding", "UTF8", encoding)?;
        Ok(connection)
    }

    /// What is set once for each connection. `synchronous_commit` is left where it is stricter than `on` already.
    fn settings(&self) -> String {
        let Timing { lock, idle, statement, .. } = self.timing;
        format!(
            "SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; SET statement_timeout = {};
             SET default_transaction_isolation = 'read committed';
             SELECT set_config('synchronous_commit', 'on', FALSE)
             WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')",
            lock.as_millis(),
            idle.as_millis(),
            statement.as_millis(),
        )
    }
}

const SELECT_SETTINGS: &str = "SELECT current_setting('fsync'), current_setting('server_encoding')";

/// Refuses another value of a setting that durability or meaning hangs on.
pub(super) fn expect(setting: &'static str, expected: &'static str, found: String) -> Result<(), DatastoreError> {
    if found == expected { Ok(()) } else { Err(DatastoreError::Setting { setting, expected, found }) }
}
