//! Databases of earlier builds: made by their migrations, filled with what this build wrote, as far as they had columns for it.

use sqlx::migrate::Migrator;

use super::super::connect::{MIGRATIONS, Place, claim};
use super::*;

/// Makes a database in `older` as the build with the first `version` migrations would have written it, from one of this build.
async fn as_written_at(version: usize, folder: &TempDir, older: &TempDir) {
    let place = Place::File(older.path().join("dhow.db"));
    let mut old = place.connect().await.unwrap();
    claim(&mut old, &place).await.unwrap();
    Migrator::with_migrations(MIGRATIONS.iter().take(version).cloned().collect()).run(&mut old).await.unwrap();
    let run = async |connection: &mut SqliteConnection, sql: String| {
        sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    };
    run(&mut old, format!("ATTACH '{}' AS new", folder.path().join("dhow.db").display())).await;
    for table in ["store", "head", "log", "tuple", "shape", "schema_version", "write_request"] {
        let sql = AssertSqlSafe(format!("SELECT group_concat(name) FROM pragma_table_info('{table}', 'main')"));
        let columns: String = sqlx::query_scalar(sql).fetch_one(&mut old).await.unwrap();
        run(&mut old, format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")).await;
    }
    old.close().await.unwrap();
}

/// Two stores whose tuples came, were replaced, went and came again, and one without any tuple; closed.
async fn histories(folder: &TempDir) -> [StoreId; 3] {
    let database: Arc<dyn Datastore> = Arc::new(open_in(folder).await.unwrap());
    let (main, empty) = (Tenant::new(&database).await, Tenant::empty(&database, "empty").await);
    let other = Tenant::empty(&database, "other").await;
    database.write_schema(other.store, at(0), &schema_command(crate::store::suite::SCHEMA)).await.unwrap();
    for tenant in [&main, &other] {
        tenant.write(1, (0..150).map(|n| create(&format!("doc:{n}#viewer@user:ada")))).await.unwrap();
        for round in 0..70 {
            let again = format!("doc:{round}#viewer@user:ada");
            let change = if round % 3 == 0 { delete(&again) } else { touch(&format!("{again}[limit:{{\"most\":{round}}}]")) };
            tenant.write(2 + round, [change, create(&format!("doc:new#viewer@user:{round}"))]).await.unwrap();
        }
        tenant.write(80, [create("doc:0#viewer@user:ada"), delete("doc:new#viewer@user:69")]).await.unwrap();
        tenant.verify().await;
    }
    database.close().await;
    [main.store, other.store, empty.store]
}

/// A database of version 1 after some statements, opened by this build.
async fn opened_from_version_1(tampering: &str) -> (Arc<SqliteStore>, [StoreId; 3], TempDir) {
    let (folder, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stores = histories(&folder).await;
    as_written_at(1, &folder, &older).await;
    let place = Place::File(older.path().join("dhow.db"));
    sqlx::raw_sql(AssertSqlSafe(tampering.to_owned())).execute(&mut place.connect().await.unwrap()).await.unwrap();
    let database = open_in(&older).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM revisions_to_find")
        .fetch_one(database.writer.lock().await.connection().await.unwrap())
        .await
        .unwrap();
    assert_eq!(left, 0, "they are looked for once");
    (Arc::new(database), stores, older)
}

async fn loaded(database: &SqliteStore, store: StoreId) -> Vec<StoredTuple> {
    let mut sink = Loaded::default();
    database.load(store, &mut sink).await.unwrap();
    sink.pieces.concat()
}

#[tokio::test]
async fn tuples_of_an_older_database_find_their_revisions_in_the_log() {
    let (database, stores, _folder) = opened_from_version_1("").await;
    for store in stores {
        // The law of every load holds for them, and the history goes on.
        let tenant = Tenant { database: database.clone(), store };
        let state = tenant.verify().await;
        if !state.is_empty() {
            assert_eq!(state.len(), 219 - 24 + 1);
            assert_eq!(tenant.write(90, [touch("doc:1#viewer@user:ada")]).await.unwrap(), (0, 1, 0));
            tenant.verify().await;
        }
    }
}

#[tokio::test]
async fn what_the_log_does_not_tell_is_not_known() {
    // The schema is revision 1, the first tuples came with revision 2, the 70 rounds with 3 to 72.
    for tampering in ["DELETE FROM log WHERE revision < 40", "UPDATE log SET entry = x'00' WHERE revision = 39"] {
        let (database, stores, _folder) = opened_from_version_1(tampering).await;
        for store in &stores[..2] {
            let tuples = loaded(&database, *store).await;
            let of = |text: &str| tuples.iter().find(|stored| stored.tuple.key == tuple_key(text)).unwrap().revision;
            assert_eq!(of("doc:new#viewer@user:68"), Some(71), "{tampering}");
            assert_eq!(of("doc:37#viewer@user:ada"), Some(40));
            assert_eq!(of("doc:0#viewer@user:ada"), Some(73));
            assert_eq!((of("doc:35#viewer@user:ada"), of("doc:149#viewer@user:ada")), (None, None), "an older entry may be another's");
        }
    }
}

fn tuple_key(text: &str) -> dhow_engine::tuple::TupleKey {
    text.parse().unwrap()
}
