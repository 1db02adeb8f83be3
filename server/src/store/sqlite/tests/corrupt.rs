use super::*;
use crate::store::suite::{Ask, SCHEMA, ask};

#[tokio::test]
async fn rows_that_dhow_did_not_write_are_found_out() {
    use Ask::*;
    let cases: &[(&str, &[Ask])] = &[
        ("UPDATE head SET chain = x'00'", &[Head, Load, Log, Touch, Schema, Request]),
        ("UPDATE head SET digest = x'00'", &[Head, Load, Touch]),
        ("UPDATE head SET digest = CAST(x'09' || substr(digest, 2) AS BLOB)", &[Head]),
        ("UPDATE head SET revision = -1", &[Head, Touch]),
        ("UPDATE head SET time = 9223372036854775807", &[Head, Touch]),
        ("UPDATE log SET chain = x'00' WHERE revision = 2", &[Log, Labels]),
        ("UPDATE log SET entry = x'0102' WHERE revision = 2", &[Log, Labels]),
        (
            "UPDATE log SET entry = CAST(substr(entry, 1, length(entry) - 9) || x'000000000000000000' AS BLOB) WHERE revision = 2",
            &[Log, Labels],
        ),
        ("UPDATE log SET revision = 9 - revision", &[Log]),
        ("UPDATE log SET entry = (SELECT entry FROM log WHERE revision = 1)", &[Log, Labels]),
        ("UPDATE log SET revision = 9 WHERE revision = 1", &[Log]),
        ("DELETE FROM log WHERE revision = 1", &[Log]),
        ("UPDATE tuple SET object_id = 'a#b'", &[Load, Filter]),
        ("UPDATE tuple SET object_id = '*'", &[Load, Filter]),
        ("UPDATE tuple SET object_type = ''", &[Load, Filter]),
        ("UPDATE tuple SET relation = 'a b'", &[Load, Filter]),
        ("UPDATE tuple SET subject_relation = '...'", &[Load, Filter]),
        ("UPDATE tuple SET subject_id = '*', subject_relation = 'member'", &[Load, Filter]),
        ("UPDATE tuple SET object_id = CAST(x'ff' AS TEXT)", &[Load, Filter]),
        ("UPDATE tuple SET caveat = 'limit'", &[Load, Touch, Delete]),
        ("UPDATE tuple SET context = x'00000000'", &[Load, Touch]),
        ("UPDATE tuple SET caveat = 'limit', context = x'ff'", &[Load, Touch]),
        ("UPDATE tuple SET caveat = '', context = x'00000000'", &[Load, Touch]),
        ("UPDATE tuple SET expires_at = -9223372036854775808", &[Load, Touch]),
        ("UPDATE tuple SET revision = -1", &[Load]),
        ("UPDATE tuple SET revision = 3", &[Load]),
        ("UPDATE schema_version SET source = x'05'", &[Load, Touch, Schema]),
        ("UPDATE schema_version SET time = 9223372036854775807", &[Load, Touch]),
        ("DELETE FROM schema_version", &[Touch, Schema]),
        ("UPDATE shape SET tuples = -1", &[]),
        ("DELETE FROM shape", &[Delete]),
        ("UPDATE write_request SET payload = x'00'", &[Request]),
        ("UPDATE write_request SET chain = x'00'", &[Request]),
        ("UPDATE write_request SET created = -1", &[Request]),
        ("UPDATE write_request SET time = 9223372036854775807", &[Request]),
        ("UPDATE store SET id = x'00'", &[List]),
        ("UPDATE store SET created_at = 9223372036854775807", &[List]),
    ];
    for (tampering, asked) in cases {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = open_in(&folder).await.unwrap();
        let database: Arc<dyn Datastore> = Arc::new(sqlite);
        let tenant = Tenant::new(&database).await;
        tenant.one(1, &command("r", [create("doc:1#viewer@user:ada")])).await.unwrap();
        database.close().await;
        // Opened again, so that no compiled schema is at hand.
        let sqlite = Arc::new(open_in(&folder).await.unwrap());
        sqlite.tamper("PRAGMA ignore_check_constraints = ON").await;
        sqlite.tamper(tampering).await;
        let tenant = Tenant { database: sqlite, store: tenant.store };
        for what in *asked {
            assert_eq!(ask(*what, &tenant).await, "DH-D007", "{tampering}: {what:?}");
        }
        // Whatever else is asked, nothing panics.
        for what in [Head, Load, Log, Filter, Request, List] {
            ask(what, &tenant).await;
        }
    }
}

/// A count that disagrees with the tuples never lets a write through that would take more than there is.
#[tokio::test]
async fn a_count_below_zero_is_refused() {
    let sqlite = Arc::new(SqliteStore::in_memory().await.unwrap());
    let database: Arc<dyn Datastore> = sqlite.clone();
    let tenant = Tenant::new(&database).await;
    tenant.write(1, [create("doc:1#viewer@user:ada")]).await.unwrap();
    sqlite.tamper("UPDATE shape SET tuples = 0").await;
    assert_eq!(
        database.write(tenant.store, at(2), &[command("d", [delete("doc:1#viewer@user:ada")])]).await.unwrap_err().code(),
        "DH-D006"
    );
    assert_eq!(tenant.tuples().await, ["doc:1#viewer@user:ada"]);
}

/// A schema version that an earlier build accepted and this one cannot compile: deletes go on, everything else waits for a new one.
#[tokio::test]
async fn a_schema_that_does_not_compile_stops_only_what_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let database: Arc<dyn Datastore> = Arc::new(open_in(&folder).await.unwrap());
    let tenant = Tenant::new(&database).await;
    tenant.write(1, [create("doc:1#viewer@user:ada"), create("doc:2#viewer@user:ada[limit]")]).await.unwrap();
    database.close().await;
    let sqlite = Arc::new(open_in(&folder).await.unwrap());
    let unreadable = borsh::to_vec(&dhow_engine::entry::SchemaSource::native("definition { nonsense")).unwrap();
    let digits: String = unreadable.iter().map(|byte| format!("{byte:02x}")).collect();
    sqlite.tamper(&format!("UPDATE schema_version SET source = x'{digits}'")).await;
    let tenant = Tenant { database: sqlite, store: tenant.store };
    let refused = tenant.write(2, [touch("doc:1#viewer@user:bob")]).await.unwrap_err();
    assert!(matches!(refused, WriteError::SchemaUnreadable { version: 1 }), "{refused:?}");
    assert_eq!(tenant.write(3, [delete("doc:1#viewer@user:ada")]).await.unwrap(), (0, 0, 1));
    let written = tenant.database.write_schema(tenant.store, at(4), &schema_command(SCHEMA)).await.unwrap();
    assert_eq!(written.version, 2);
    assert_eq!(tenant.write(5, [create("doc:1#viewer@user:ada")]).await.unwrap(), (1, 0, 0));
}
