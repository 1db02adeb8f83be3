//! A schema of the test's own in the Postgres that `DATABASE_URL` names, dropped at the test's end.

use std::fmt::Write as _;
use std::time::Duration;

use super::*;

/// See the module.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Where the schema is, with its name as search path.
    pub(super) url: DatabaseUrl,
    name: String,
}

impl Scratch {
    /// A schema without tables.
    pub(super) async fn empty() -> Self {
        let server = server_url();
        let mut random = [0; 12];
        getrandom::fill(&mut random).unwrap();
        let name = random.iter().fold("dhow_test_".to_owned(), |mut name, byte| {
            write!(name, "{byte:02x}").unwrap();
            name
        });
        let parameters = if server.contains('?') { '&' } else { '?' };
        let scratch = Self { url: format!("{server}{parameters}options=-c%20search_path%3D{name}").into(), name };
        scratch.run(&format!("CREATE SCHEMA {}", scratch.name)).await;
        scratch
    }

    /// A schema with this build's tables.
    pub(super) async fn migrated() -> Self {
        let scratch = Self::empty().await;
        migrate::up(&scratch.url).await.unwrap();
        scratch
    }

    /// A server's view of it.
    pub(super) async fn open(&self) -> PostgresStore {
        PostgresStore::open(&self.url).await.unwrap()
    }

    /// A server's view of it that has less patience.
    pub(super) async fn open_impatient(&self) -> PostgresStore {
        let timing = Timing { lock: Duration::from_millis(300), ..Timing::default() };
        PostgresStore::open_with(&self.url, timing).await.unwrap()
    }

    /// A connection past the store.
    pub(super) async fn connect(&self) -> PgConnection {
        PgConnection::connect(self.url.expose()).await.unwrap()
    }

    /// Runs statements past the store.
    pub(super) async fn run(&self, sql: &str) {
        let mut connection = self.connect().await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        connection.close().await.unwrap();
    }
}

/// The server that the tests use.
pub(super) fn server_url() -> String {
    let url = std::env::var_os("DATABASE_URL").and_then(|url| url.into_string().ok());
    url.unwrap_or_else(|| {
        panic!(
            "this test needs a Postgres: set DATABASE_URL, or run it by `scripts/test`, or by \
             `scripts/rig/postgres with FOLDER -- cargo test ...`, which start a private one"
        )
    })
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (url, sql) = (server_url(), format!("DROP SCHEMA {} CASCADE", self.name));
        // On a thread of its own: a test's runtime cannot be waited for within itself.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = PgConnection::connect(&url).await.unwrap();
                // What a test left open must not keep it waiting.
                sqlx::raw_sql("SET lock_timeout = '10s'").execute(&mut connection).await.unwrap();
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.map(|_| ())
            })
        });
        if let Ok(Err(error)) = dropping.join() {
            eprintln!("a test's schema was not dropped: {error}");
        }
    }
}
