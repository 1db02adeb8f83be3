//! Servers on a Postgres that they share, and `migrate`.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::program::{SCHEMA, Server, TUPLES, file, run};

/// A schema of the test's own, dropped at its end.
pub(super) struct Database {
    server: String,
    name: String,
    /// The schema's URL.
    pub(super) url: String,
}

impl Database {
    pub(super) fn new() -> Self {
        let server = std::env::var_os("DATABASE_URL").and_then(|url| url.into_string().ok()).unwrap_or_else(|| {
            panic!(
                "this test needs a Postgres: set DATABASE_URL, or run it by `scripts/test`, or by \
                 `scripts/rig/postgres with FOLDER -- cargo test ...`, which start a private one"
            )
        });
        Self::on(server)
    }

    /// A schema in the Postgres of this URL.
    pub(super) fn on(server: String) -> Self {
        let name = format!("dhow_test_{}", uuid::Uuid::new_v4().simple());
        let parameters = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{parameters}options=-c%20search_path%3D{name}");
        execute(&server, &format!("CREATE SCHEMA {name}")).unwrap();
        Self { server, name, url }
    }

    /// The password of the URL.
    fn password(&self) -> &str {
        let user = self.server.split("://").nth(1).and_then(|rest| rest.rsplit_once('@')).map_or("", |(user, _)| user);
        user.split_once(':').map_or("", |(_, password)| password)
    }

    pub(super) fn serve(&self, options: &[&str]) -> Server {
        let options = [&["--database", &self.url, "--listen", "127.0.0.1:0"], options].concat();
        Server::start(tempfile::tempdir().unwrap(), &options)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test that failed has more to say than that its schema stays behind.
        drop(execute(&self.server, &format!("DROP SCHEMA {} CASCADE", self.name)));
    }
}

pub(super) fn execute(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await?;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.map(|_| ())
    })
}

#[test]
fn tables_are_made_by_migrate_or_at_the_start_but_not_by_surprise() {
    let database = Database::new();
    let missing = run(&["migrate", "status", "--database", &database.url]).code(1);
    assert!(missing.stdout.starts_with("0001 stores: missing\n"), "{missing:?}");
    let refused = run(&["serve", "--database", &database.url, "--listen", "127.0.0.1:0"]).code(2);
    assert!(refused.stderr.contains("error[DH-D018]") && refused.stderr.contains("dhow migrate up"), "{refused:?}");
    let applied = run(&["migrate", "up", "--database", &database.url]).code(0);
    assert!(applied.stdout.starts_with("0001 stores: applied\n"), "{applied:?}");
    run(&["migrate", "up", "--database", &database.url]).code(0).lines(&["nothing to do"]);
    let there = run(&["migrate", "status", "--database", &database.url]).code(0);
    assert!(!there.stdout.contains("missing"), "{there:?}");
    assert_eq!(database.serve(&[]).terminate(), Some(0));

    let other = Database::new();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| assert_eq!(other.serve(&["--auto-migrate"]).terminate(), Some(0)));
        }
    });
    run(&["migrate", "status", "--database", &other.url]).code(0);
}

#[test]
fn what_one_server_writes_another_reads_also_after_a_kill() {
    let database = Database::new();
    let (one, two) = (database.serve(&["--auto-migrate"]), database.serve(&["--auto-migrate"]));
    one.run(&["store", "create", "shop"]).code(0);
    two.run(&["schema", "write", &two.file("shop.zed", SCHEMA)]).code(0);
    let token = one.run(&[&["write"], TUPLES.as_slice()].concat()).code(0).token();
    let ada = ["check", "document:readme#view@user:ada"];
    two.run(&[&ada[..], &["--consistency", &format!("at-least:{token}")]].concat()).code(0);
    let token = two.run(&["delete", "document:readme", "--yes"]).code(0).token();
    one.run(&[&ada[..], &["--consistency", "fully-consistent"]].concat()).code(1);
    one.run(&[&ada[..], &["--consistency", &format!("exact:{token}")]].concat()).code(1);
    // Dropped: killed.
    drop(one);
    let again = database.serve(&[]);
    again.run(&["read"]).code(0).lines(&["document:plan#owner@user:ben", "team:core#member@user:ada"]);
    again.run(&["store", "create", "other"]).code(0);
    two.run(&["store", "list"]).code(0);
    assert!(two.run(&["store", "list"]).stdout.contains("other"));
    again.run(&["store", "delete", "other", "--yes"]).code(0);
    assert!(!two.run(&["store", "list"]).stdout.contains("other"));
}

#[test]
fn a_password_is_shown_nowhere() {
    let database = Database::new();
    let password = database.password();
    assert!(password.len() > 3, "the rig's database has a password");
    let folder = tempfile::tempdir().unwrap();
    let broken = database.url.replacen("postgres://", "postgres:/", 1);
    let closed = database.url.replacen(&database.server, &format!("postgres://dhow:{password}@127.0.0.1:1/postgres"), 1);
    let config = file(folder.path(), "dhow.toml", &format!("database = \"{}\"\ndata = \"a.db\"\n", database.url));
    for words in [
        &["serve", "--database", &database.url][..],
        &["serve", "--database", &broken],
        &["serve", "--database", &closed],
        &["serve", "--database", &database.url, "--data", "a.db"],
        &["serve", "--config", &config],
        &["migrate", "up", "--database", &closed],
        &["migrate", "status", "--config", &config],
        &["migrate", "status", "--database", &database.url, "--nonsense"],
    ] {
        let ran = run(words).code(2);
        assert!(!ran.stderr.contains(password) && !ran.stdout.contains(password), "{words:?}");
    }
    let mut help = super::program::dhow();
    let help = super::program::finish(help.env("DHOW_DATABASE", &database.url).args(["serve", "--help"]), "").code(0);
    assert!(help.stdout.contains("DHOW_DATABASE") && !help.stdout.contains(password));
}
