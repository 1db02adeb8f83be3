//! Stores that come from a file.

use std::collections::BTreeSet;
use std::path::Path;

use sqlx::{ConnectOptions, Row, SqliteConnection};

use super::*;
use crate::clock::{ManualClock, SteadyClock};
use crate::config::{ForeignTokens, Memory};
use crate::limits::Limits;
use crate::node::token::Token;
use crate::node::{Consistency, Node};
use crate::store::moving::{MoveError, TABLES, move_store};
use crate::store::sqlite::SqliteStore;

const CAVEATED: &str = "use expiration
    caveat inside(ip ipaddress) { ip.in_cidr('10.0.0.0/8') }
    definition user {}
    definition doc { relation viewer: user | user with inside | user with expiration | user:* permission view = viewer }";

/// A file with a store that has lived, and its head.
async fn lived(path: &Path) -> (SqliteStore, StoreInfo, Head) {
    let database = Arc::new(SqliteStore::open(path).await.unwrap());
    let store: Arc<dyn Datastore> = Arc::clone(&database) as Arc<dyn Datastore>;
    let tenant = Tenant::empty(&store, "main").await;
    database.write_schema(tenant.store, at(1), &schema_command(SCHEMA)).await.unwrap();
    database.write_schema(tenant.store, at(2), &schema_command(CAVEATED)).await.unwrap();
    for n in 0..1_200 {
        let tail = match n % 4 {
            0 => r#"[inside:{"ip":"10.0.0.1"}]"#,
            1 => "[expiration:2130-01-01T00:00:00Z]",
            _ => "",
        };
        let tuple = format!("doc:{}#viewer@user:ada-ö-{n}{tail}", n % 100);
        tenant.one(n + 3, &command(&format!("r{n}"), [touch(&tuple)])).await.unwrap();
    }
    tenant.one(9_000, &command("gone", [delete("doc:7#viewer@user:ada-ö-7")])).await.unwrap();
    let info = database.find_store(StoreKey::Id(tenant.store)).await.unwrap().unwrap();
    let head = tenant.head().await;
    drop((store, tenant));
    (Arc::into_inner(database).unwrap(), info, head)
}

async fn whole_log(database: &dyn Datastore, store: StoreId) -> Vec<LogRecord> {
    let mut records: Vec<LogRecord> = Vec::new();
    loop {
        let page = database.log(store, records.len() as u64, 1_000).await.unwrap();
        if page.is_empty() {
            return records;
        }
        records.extend(page);
    }
}

async fn whole_store(database: &dyn Datastore, store: StoreId) -> Loaded {
    let mut loaded = Loaded::default();
    database.load(store, &mut loaded).await.unwrap();
    loaded
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_moves_with_its_history_and_its_tokens_stay_good() {
    let (scratch, folder) = (Scratch::migrated().await, tempfile::tempdir().unwrap());
    let (from, info, head) = lived(&folder.path().join("dhow.db")).await;
    let (log, tuples) = (whole_log(&from, info.id).await, whole_store(&from, info.id).await);
    let to = scratch.open().await;
    let moved = move_store(&from, &to, "main", None).await.unwrap();
    assert_eq!((&moved.info, &moved.head, moved.was_there), (&info, &head, false));
    assert_eq!(whole_log(&to, info.id).await, log);
    assert_eq!(whole_store(&to, info.id).await, tuples);
    assert_eq!(from.find_store(StoreKey::Id(info.id)).await.unwrap(), None);
    let gone = move_store(&from, &to, "main", None).await.unwrap_err();
    assert!(matches!(gone, MoveError::NoStore { .. }), "{gone}");

    // What was done under a request id is not done again.
    let again = to.write(info.id, at(9_001), &[command("r7", [touch("doc:7#viewer@user:ada-ö-7")])]).await.unwrap().remove(0).unwrap();
    assert_eq!((again.repeated, again.written.revision), (true, 10));
    let limits = Limits::default();
    let clock = SteadyClock::new(Arc::new(ManualClock::at(at(0))), limits.max_clock_skew);
    let node = Node::open(Arc::new(to), clock, &limits, ForeignTokens::Refuse, None, Memory::default()).await.unwrap();
    let token = |record: &LogRecord| Token::new(info.id, record.entry.revision, &record.chain);
    for record in [&log[0], &log[600], &log[log.len() - 2], &log[log.len() - 1]] {
        for consistency in [Consistency::AtLeastAsFresh(token(record)), Consistency::AtExactSnapshot(token(record))] {
            let point = node.read_at(info.id, &consistency, None).await.unwrap();
            assert!(point.note.is_none() && point.token.revision >= record.entry.revision, "{consistency:?}");
        }
    }
    let next = node.write(info.id, command("next", [create("doc:1#viewer@user:*")]), None).await.unwrap().token;
    assert_eq!(next.revision, head.revision + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_that_was_cut_off_goes_on_and_two_histories_are_told_apart() {
    let (scratch, folder) = (Scratch::migrated().await, tempfile::tempdir().unwrap());
    let (from, info, head) = lived(&folder.path().join("dhow.db")).await;
    let to = scratch.open().await;
    to.take_over(&info, &from).await.unwrap();
    // Servers there may have gone on with it.
    to.write(info.id, at(9_100), &[command("there", [create("doc:1#viewer@user:there")])]).await.unwrap().remove(0).unwrap();
    from.write(info.id, at(9_100), &[command("here", [create("doc:1#viewer@user:here")])]).await.unwrap().remove(0).unwrap();
    let two = move_store(&from, &to, "main", None).await.unwrap_err();
    assert_eq!(two.code(), "DH-W033", "{two}");
    assert!(from.find_store(StoreKey::Id(info.id)).await.unwrap().is_some());
    to.delete_store(info.id).await.unwrap();
    to.take_over(&info, &from).await.unwrap();
    to.write(info.id, at(9_200), &[command("more", [create("doc:1#viewer@user:more")])]).await.unwrap().remove(0).unwrap();
    let moved = move_store(&from, &to, &info.id.to_string(), None).await.unwrap();
    assert_eq!((moved.was_there, moved.head.revision), (true, head.revision + 1));
    assert_eq!(from.find_store(StoreKey::Id(info.id)).await.unwrap(), None);
    assert_eq!(to.head(info.id).await.unwrap().revision, head.revision + 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_name_is_told_and_another_is_given() {
    let (scratch, folder) = (Scratch::migrated().await, tempfile::tempdir().unwrap());
    let (from, info, head) = lived(&folder.path().join("dhow.db")).await;
    let to = scratch.open().await;
    let other = StoreInfo { id: StoreId([9; 16]), ..info.clone() };
    to.create_store(&other).await.unwrap();
    for (name, as_name, code) in [("main", None, "DH-W031"), ("main", Some("No Name"), "DH-W030"), ("mine", None, "DH-W032")] {
        let error = move_store(&from, &to, name, as_name).await.unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    }
    assert_eq!(from.head(info.id).await.unwrap(), head);
    let moved = move_store(&from, &to, "main", Some("second")).await.unwrap();
    assert_eq!((moved.info.name.as_str(), moved.info.id), ("second", info.id));
    assert_eq!(to.find_store(StoreKey::Name("second")).await.unwrap(), Some(moved.info));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_not_whole_is_not_moved() {
    for damage in [
        "DELETE FROM tuple WHERE object_id = '5' AND subject_id = 'ada-ö-5'",
        "UPDATE tuple SET expires_at = expires_at + 1 WHERE object_id = '5' AND subject_id = 'ada-ö-5'",
        "DELETE FROM schema_version WHERE version = 1",
        "UPDATE log SET chain = zeroblob(32) WHERE revision = 600",
        "DELETE FROM log WHERE revision = 1203",
        "UPDATE head SET tuples = tuples - 1",
    ] {
        let (scratch, folder) = (Scratch::migrated().await, tempfile::tempdir().unwrap());
        let path = folder.path().join("dhow.db");
        let (from, info, _) = lived(&path).await;
        from.close().await;
        let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
        let done = sqlx::query(AssertSqlSafe(damage.to_owned())).execute(&mut connection).await.unwrap();
        assert_eq!(done.rows_affected(), 1, "{damage}");
        connection.close().await.unwrap();
        let (from, to) = (SqliteStore::open(&path).await.unwrap(), scratch.open().await);
        let error = move_store(&from, &to, "main", None).await.unwrap_err();
        assert!(["DH-W034", "DH-D007"].contains(&error.code()), "{damage}: {error}");
        assert!(to.list_stores().await.unwrap().is_empty());
        assert!(from.find_store(StoreKey::Id(info.id)).await.unwrap().is_some());
        for table in TABLES {
            let left: i64 = {
                let mut connection = scratch.connect().await;
                let sql = format!("SELECT count(*) FROM {}", table.name);
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap()
            };
            assert_eq!(left, 0, "{}", table.name);
        }
    }
}

/// A column that a migration adds to a table of both databases has to be carried, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_column_of_a_stores_tables_is_carried() {
    let (scratch, folder) = (Scratch::migrated().await, tempfile::tempdir().unwrap());
    let path = folder.path().join("dhow.db");
    SqliteStore::open(&path).await.unwrap().close().await;
    let mut file: SqliteConnection = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let mut server = scratch.connect().await;
    for table in TABLES {
        let rows = sqlx::query(AssertSqlSafe(format!("PRAGMA table_info({})", table.name))).fetch_all(&mut file).await.unwrap();
        let in_file: BTreeSet<String> = rows.iter().map(|row| row.get("name")).collect();
        let sql = "SELECT column_name::TEXT FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1";
        let names = sqlx::query_scalar(sql).bind(table.name).fetch_all(&mut server).await.unwrap();
        let on_server: BTreeSet<String> = names.into_iter().collect();
        let carried: BTreeSet<String> = table.columns.iter().map(|(name, _)| *name).chain(["store"]).map(str::to_owned).collect();
        assert_eq!((&in_file, &on_server), (&carried, &carried), "{}", table.name);
    }
}
