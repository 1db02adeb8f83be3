//! The tables: from nothing, from the version before, and from several servers at once.

use sqlx::migrate::Migrator;

use super::migrate::{self, MIGRATIONS};
use super::*;

/// Applies the first migrations alone, as an older build has them.
async fn at_version(scratch: &Scratch, version: usize) {
    let older = Migrator::with_migrations(MIGRATIONS.iter().take(version).cloned().collect());
    migrate::apply(&mut scratch.connect().await, &older).await.unwrap();
}

#[tokio::test]
async fn migrations_are_applied_once_and_told() {
    let scratch = Scratch::empty().await;
    let missing = migrate::status(&scratch.url).await.unwrap();
    assert!(missing.len() >= 2 && missing.iter().all(|migration| !migration.applied), "{missing:?}");
    let refused = PostgresStore::open(&scratch.url).await.unwrap_err();
    assert!(matches!(refused, DatastoreError::Outdated { missing: all, first: 1 } if all == missing.len()), "{refused:?}");
    assert!(refused.help().contains("dhow migrate up"));
    assert_eq!(migrate::up(&scratch.url).await.unwrap().len(), missing.len());
    assert!(migrate::up(&scratch.url).await.unwrap().is_empty());
    assert!(migrate::status(&scratch.url).await.unwrap().iter().all(|migration| migration.applied));
    PostgresStore::open(&scratch.url).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_servers_that_migrate_at_once_do_it_once() {
    let scratch = Scratch::empty().await;
    let migrating: Vec<_> = (0..8)
        .map(|_| {
            let url = scratch.url.clone();
            tokio::spawn(async move { migrate::up(&url).await.unwrap().len() })
        })
        .collect();
    let mut applied = Vec::new();
    for one in migrating {
        applied.push(one.await.unwrap());
    }
    applied.sort_unstable();
    let all = MIGRATIONS.iter().count();
    assert_eq!(applied, [0, 0, 0, 0, 0, 0, 0, all]);
    PostgresStore::open(&scratch.url).await.unwrap();
}

/// What was written with the tables of each older version is there, and goes on, with those of this build.
#[tokio::test]
async fn a_database_of_an_older_version_keeps_what_it_has() {
    for version in 1..MIGRATIONS.iter().count() {
        let scratch = Scratch::empty().await;
        at_version(&scratch, version).await;
        let refused = PostgresStore::open(&scratch.url).await.unwrap_err();
        assert!(matches!(refused, DatastoreError::Outdated { .. }), "{refused:?}");
        // Written by this build, on another database, and copied as far as the older tables have columns for it.
        let (newer, source) = tenant().await;
        newer.write(1, [create("doc:1#viewer@user:ada"), create("doc:2#viewer@user:ada[limit]")]).await.unwrap();
        newer.write(2, [delete("doc:1#viewer@user:ada")]).await.unwrap();
        for table in ["store", "head", "log", "tuple", "shape", "schema_version", "write_request"] {
            copy(table, &source, &scratch).await;
        }
        assert_eq!(migrate::up(&scratch.url).await.unwrap().len(), MIGRATIONS.iter().count() - version);
        let older = Tenant { database: Arc::new(scratch.open().await), store: newer.store };
        assert_eq!(older.tuples().await, newer.tuples().await);
        assert_eq!(older.write(3, [create("doc:3#viewer@user:ada")]).await.unwrap(), (1, 0, 0));
        older.verify().await;
    }
}

async fn copy(table: &str, from: &Scratch, to: &Scratch) {
    let mut connection = to.connect().await;
    let sql =
        "SELECT string_agg(column_name, ', ') FROM information_schema.columns WHERE table_schema = current_schema AND table_name = $1";
    let columns: String = sqlx::query_scalar(sql).bind(table).fetch_one(&mut connection).await.unwrap();
    let schema: String = sqlx::query_scalar("SELECT current_schema::TEXT").fetch_one(&mut from.connect().await).await.unwrap();
    let sql = format!("INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {schema}.{table}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
}

#[tokio::test]
async fn a_database_that_a_newer_build_migrated_is_refused() {
    for tampering in [
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', TRUE, '', 0)",
        "UPDATE _sqlx_migrations SET checksum = ''",
    ] {
        let scratch = Scratch::migrated().await;
        scratch.run(tampering).await;
        for refused in [PostgresStore::open(&scratch.url).await.unwrap_err(), migrate::up(&scratch.url).await.unwrap_err()] {
            assert!(matches!(refused, DatastoreError::Migrate { .. }), "{tampering}: {refused:?}");
        }
    }
}

/// A migration that fails leaves the tables as they were.
#[tokio::test]
async fn a_failing_migration_changes_nothing() {
    let scratch = Scratch::empty().await;
    // The second migration finds a table of its name.
    scratch.run("CREATE TABLE lease (theirs TEXT)").await;
    assert!(migrate::up(&scratch.url).await.is_err());
    assert!(migrate::status(&scratch.url).await.unwrap().iter().all(|migration| !migration.applied));
    scratch.run("DROP TABLE lease").await;
    assert_eq!(migrate::up(&scratch.url).await.unwrap().len(), MIGRATIONS.iter().count());
}
