//! A schema of the bench's own in the Postgres that DATABASE_URL names.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::process::Server;

/// See the module.
pub(crate) struct Database {
    server: String,
    schema: String,
    pub(crate) url: String,
}

impl Database {
    /// A new schema with dhow's tables.
    pub(crate) async fn new() -> Self {
        let server = std::env::var("DATABASE_URL").expect("DATABASE_URL names no Postgres: run `scripts/long figures`, which starts one");
        let schema = format!("dhow_bench_{}", std::process::id());
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-c%20search_path%3D{schema}");
        let database = Self { server, schema, url };
        database.run(&format!("CREATE SCHEMA {}", database.schema)).await;
        drop(Server::start(&["--database", &database.url, "--auto-migrate"]).await);
        database
    }

    /// A connection past dhow.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }

    /// Statements past dhow.
    pub(crate) async fn run(&self, sql: &str) {
        let mut connection = PgConnection::connect(&self.server).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// Removes everything.
    pub(crate) async fn drop(self) {
        self.run(&format!("DROP SCHEMA {} CASCADE", self.schema)).await;
    }
}
