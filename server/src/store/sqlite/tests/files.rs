use std::task::{Context, Waker};

use super::*;

#[tokio::test]
async fn a_restart_finds_everything_again() {
    let folder = tempfile::tempdir().unwrap();
    let write = command("r", [create("doc:1#viewer@user:ada"), create(r#"doc:2#viewer@user:ada[limit:{"most":3}]"#)]);
    let (store, head, first) = {
        let database: Arc<dyn Datastore> = Arc::new(open_in(&folder).await.unwrap());
        let tenant = Tenant::new(&database).await;
        let first = tenant.one(1, &write).await.unwrap();
        let head = tenant.head().await;
        database.close().await;
        (tenant.store, head, first)
    };
    for round in 0..3 {
        let database: Arc<dyn Datastore> = Arc::new(open_in(&folder).await.unwrap());
        assert_eq!(database.list_stores().await.unwrap().len(), 1);
        let tenant = Tenant { database: Arc::clone(&database), store };
        assert_eq!(tenant.head().await.revision, head.revision + round);
        let again = tenant.one(2, &write).await.unwrap();
        assert_eq!((again.repeated, again.written), (true, first.written.clone()));
        // The schema is compiled again, the log goes on where it ended, and a database that nobody closed opens just as well.
        assert_eq!(tenant.write(3, [create(&format!("doc:{round}#viewer@user:bob"))]).await.unwrap(), (1, 0, 0));
        assert_eq!(tenant.verify().await.len(), 3 + usize::try_from(round).unwrap());
    }
}

#[tokio::test]
async fn only_one_has_a_database_open() {
    let folder = tempfile::tempdir().unwrap();
    let first = open_in(&folder).await.unwrap();
    assert!(first.is_sole_writer());
    let refused = open_in(&folder).await.unwrap_err();
    assert!(matches!(&refused, DatastoreError::InUse { path } if path.ends_with("dhow.db")), "{refused:?}");
    #[cfg(unix)]
    {
        let other = tempfile::tempdir().unwrap();
        let alias = other.path().join("alias.db");
        std::os::unix::fs::symlink(folder.path().join("dhow.db"), &alias).unwrap();
        assert_eq!(SqliteStore::open(&alias).await.unwrap_err().code(), "DH-D003");
    }
    first.close().await;
    let second = open_in(&folder).await.unwrap();
    drop(second);
    open_in(&folder).await.unwrap();
}

#[tokio::test]
async fn a_closed_database_refuses_everything() {
    let folder = tempfile::tempdir().unwrap();
    for database in [open_in(&folder).await.unwrap(), SqliteStore::in_memory().await.unwrap()] {
        let database: Arc<dyn Datastore> = Arc::new(database);
        let tenant = Tenant::new(&database).await;
        database.close().await;
        database.close().await;
        assert_eq!(database.head(tenant.store).await.unwrap_err().code(), "DH-D006");
        assert_eq!(database.write(tenant.store, at(1), &[]).await.unwrap_err().code(), "DH-D006");
        assert_eq!(database.list_stores().await.unwrap_err().code(), "DH-D006");
    }
}

#[tokio::test]
async fn every_connection_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let database = open_in(&folder).await.unwrap();
    let mut writer = database.writer.lock().await;
    connect::assert_settings(writer.connection().await.unwrap(), &connect::FILE_SETTINGS).await.unwrap();
    let mut readers = Vec::new();
    for _ in 0..4 {
        readers.push(database.reader().await.unwrap());
    }
    for reader in &mut readers {
        let connection = reader.connection().await.unwrap();
        connect::assert_settings(connection, &connect::FILE_SETTINGS).await.unwrap();
        assert!(sqlx::query("DELETE FROM store").execute(connection).await.is_err(), "readers only read");
    }
}

#[tokio::test]
async fn a_setting_that_is_not_in_force_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let database = open_in(&folder).await.unwrap();
    for (pragma, setting, found) in
        [("PRAGMA synchronous = NORMAL", "synchronous", "1"), ("PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF", "foreign_keys", "0")]
    {
        database.tamper(pragma).await;
        assert_refused(database.writer.lock().await.connection().await.unwrap(), setting, found).await;
    }
    // What a file system without shared memory comes to: the old mode stays on.
    assert_refused(&mut connect::Place::Memory.connect().await.unwrap(), "journal_mode", "memory").await;
}

async fn assert_refused(connection: &mut SqliteConnection, setting: &str, found: &str) {
    let refused = connect::assert_settings(connection, &connect::FILE_SETTINGS).await.unwrap_err();
    assert!(matches!(&refused, DatastoreError::Setting { setting: s, found: f, .. } if *s == setting && f == found), "{refused:?}");
}

#[tokio::test]
async fn more_readers_than_connections_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let database: Arc<dyn Datastore> = Arc::new(open_in(&folder).await.unwrap());
    let tenant = Tenant::new(&database).await;
    tenant.write(1, (0..1_000).map(|n| create(&format!("doc:{n}#viewer@user:ada")))).await.unwrap();
    for polls in 0..20 {
        // Some give up in the middle of their reading; their connection goes on with the next one.
        let mut sink = Loaded::default();
        let mut given_up = database.load(tenant.store, &mut sink);
        for _ in 0..polls {
            if given_up.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(given_up);
        let logs = futures_util::future::join_all((0..12).map(|_| database.log(tenant.store, 0, 10))).await;
        assert!(logs.iter().all(|log| log.as_ref().unwrap().len() == 2));
    }
    let (_, logs) = tokio::join!(database.close(), database.log(tenant.store, 0, 10));
    assert!(logs.is_err() || logs.unwrap().len() == 2);
}

#[tokio::test]
async fn tables_of_a_newer_or_another_build_are_refused() {
    for tampering in [
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', TRUE, x'00', 0)",
        "UPDATE _sqlx_migrations SET checksum = x'00'",
        "UPDATE _sqlx_migrations SET success = FALSE",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let database = open_in(&folder).await.unwrap();
        database.tamper(tampering).await;
        database.close().await;
        let refused = open_in(&folder).await.unwrap_err();
        assert!(matches!(refused, DatastoreError::Migrate { .. }), "{tampering}: {refused:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = SqliteStore::open(&folder.path().join("missing").join("dhow.db")).await.unwrap_err();
    assert_eq!(missing.code(), "DH-D002");
    let text = folder.path().join("text.db");
    std::fs::write(&text, "these are a few words, and no database at all".repeat(50)).unwrap();
    assert_eq!(SqliteStore::open(&text).await.unwrap_err().code(), "DH-D001");
    assert_eq!(SqliteStore::open(folder.path()).await.unwrap_err().code(), "DH-D001");
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dhow.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("CREATE TABLE theirs (a)").execute(&mut other).await.unwrap();
    let refused = open_in(&folder).await.unwrap_err();
    assert!(matches!(&refused, DatastoreError::NotOurs { path } if path.ends_with("dhow.db")), "{refused:?}");
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut other).await.unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn malformed_pages_are_told_as_damage() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path) = {
        let database: Arc<dyn Datastore> = Arc::new(open_in(&folder).await.unwrap());
        let tenant = Tenant::new(&database).await;
        for round in 0..20 {
            tenant.write(round, [create(&format!("doc:{round}#viewer@user:{}", "x".repeat(900)))]).await.unwrap();
        }
        database.close().await;
        (tenant.store, folder.path().join("dhow.db"))
    };
    // All pages but the first ones, which say what tables there are.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.iter_mut().skip(16 * 4_096).for_each(|byte| *byte = 0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let mut codes = Vec::new();
    match open_in(&folder).await {
        Err(error) => codes.push(error.code()),
        Ok(database) => codes.extend(database.log(store, 0, 100).await.err().map(|error| error.code())),
    }
    assert_eq!(codes, ["DH-D012"]);
}
