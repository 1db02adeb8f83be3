//! Connections that break: idle, half way, and at the commit.

use std::time::Duration;

use super::failures::committer;
use super::proxy::{Cut, Proxy};
use super::*;

/// The server processes of a store's connections, all of which are open afterwards.
async fn backends(store: &PostgresStore) -> Vec<i32> {
    let mut pids = Vec::new();
    for pool in [&store.writers, &store.readers, &store.loaders] {
        let mut lent = [pool.take(&store.schemas).await.unwrap(), pool.take(&store.schemas).await.unwrap()];
        for lent in &mut lent {
            pids.push(sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut lent.connection).await.unwrap());
        }
        lent.into_iter().for_each(Lent::give_back);
    }
    pids
}

#[tokio::test]
async fn connections_lost_while_they_were_idle_are_replaced() {
    let (first, scratch) = tenant().await;
    for n in 0..3 {
        let store = Arc::new(scratch.open().await);
        let pids = backends(&store).await;
        let mut admin = scratch.connect().await;
        sqlx::query("SELECT pg_terminate_backend(pid, 10000) FROM unnest($1::INT[]) AS pid").bind(&pids).execute(&mut admin).await.unwrap();
        let tenant = Tenant { database: store, store: first.store };
        match n {
            0 => assert_eq!(tenant.write(1, [create("doc:1#viewer@user:ada")]).await.unwrap(), (1, 0, 0)),
            1 => assert_eq!(tenant.head().await.revision, 2),
            _ => tenant.database.load(tenant.store, &mut Loaded::default()).await.unwrap(),
        }
        tenant.verify().await;
    }
}

/// The server process of a write dies in the middle: nothing is left, and the write is made again, once.
#[tokio::test]
async fn a_write_whose_backend_is_killed_half_way_happens_once_or_not_at_all() {
    let (tenant, scratch) = tenant().await;
    let kill = |times: u32| {
        format!(
            "CREATE SEQUENCE attempts;
             CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF nextval('attempts') <= {times} THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); END IF;
                 RETURN NEW;
             END $$;
             CREATE TRIGGER broken BEFORE UPDATE ON head FOR EACH ROW EXECUTE FUNCTION broken();"
        )
    };
    let write = command("r", [create("doc:1#viewer@user:ada")]);
    scratch.run(&kill(99)).await;
    let lost = tenant.database.write(tenant.store, at(1), std::slice::from_ref(&write)).await.unwrap_err();
    assert_eq!(lost.code(), "DH-D015", "{lost:?}");
    assert!(tenant.tuples().await.is_empty());
    assert_eq!(tenant.database.request(tenant.store, "r", at(1)).await.unwrap(), None);
    scratch.run("DROP FUNCTION broken CASCADE; DROP SEQUENCE attempts").await;
    scratch.run(&kill(1)).await;
    let written = tenant.one(2, &write).await.unwrap();
    assert_eq!((written.written.revision, written.repeated), (2, false));
    tenant.verify().await;
}

/// A store behind a proxy that cuts the connection at its commits, and the same store without.
async fn behind_proxy() -> (Proxy, Tenant, Tenant, Scratch) {
    let (direct, scratch) = tenant().await;
    let proxy = Proxy::start(&scratch).await;
    let database = PostgresStore::open(&proxy.url).await.unwrap();
    let tenant = Tenant { database: Arc::new(database), store: direct.store };
    (proxy, tenant, direct, scratch)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_never_arrived_is_told_as_not_written() {
    let (proxy, tenant, direct, _scratch) = behind_proxy().await;
    let (committer, _closing) = committer(&tenant);
    proxy.cut(Cut::BeforeCommit);
    let write = command("r", [create("doc:1#viewer@user:ada")]);
    let lost = committer.write(write.clone()).await.unwrap_err();
    assert!(matches!(&lost, WriteError::Datastore(DatastoreError::Sql { doing: "commit a transaction", .. })), "{lost:?}");
    assert!(direct.tuples().await.is_empty());
    assert_eq!(committer.write(write).await.unwrap().written.revision, 2);
    assert_eq!(direct.tuples().await, ["doc:1#viewer@user:ada"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_was_lost_is_looked_up_and_not_made_again() {
    let (proxy, tenant, direct, _scratch) = behind_proxy().await;
    let (committer, _closing) = committer(&tenant);
    proxy.cut(Cut::AfterCommit);
    let write = command("r", [create("doc:1#viewer@user:ada")]);
    let written = committer.write(write.clone()).await.unwrap();
    assert_eq!((written.written.revision, written.written.created, written.repeated), (2, 1, false));
    assert!(committer.write(write).await.unwrap().repeated);
    assert_eq!(direct.verify().await.revision(), 2);
}

/// The commit is still on its way when the connection is lost. Who looked the request up without the lock of the head would find
/// nothing, say so, and be wrong a moment later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_arrives_late_is_waited_for() {
    let (proxy, tenant, direct, scratch) = behind_proxy().await;
    let (committer, _closing) = committer(&tenant);
    proxy.cut(Cut::LateCommit { blocked: blocked_on_a_head(&scratch).await });
    let write = command("r", [create("doc:1#viewer@user:ada")]);
    let written = committer.write(write).await.unwrap();
    assert_eq!((written.written.revision, written.written.created, written.repeated), (2, 1, false));
    assert_eq!(direct.verify().await.revision(), 2);
}

/// Nobody is told that the connection is dead: this side gives up by its clock, the server by its own, which frees the head in time for
/// the request to be looked up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_swallows_a_commit_holds_nobody_for_good() {
    let (direct, scratch) = tenant().await;
    let proxy = Proxy::start(&scratch).await;
    let timing = Timing { call: Duration::from_millis(1_500), idle: Duration::from_millis(500), ..Timing::default() };
    let database = Arc::new(PostgresStore::open_with(&proxy.url, timing).await.unwrap());
    let tenant = Tenant { database, store: direct.store };
    let (committer, _closing) = committer(&tenant);
    proxy.cut(Cut::Swallow);
    let write = command("r", [create("doc:1#viewer@user:ada")]);
    let lost = committer.write(write.clone()).await.unwrap_err();
    assert!(matches!(&lost, WriteError::Datastore(DatastoreError::Sql { doing: "commit a transaction", .. })), "{lost:?}");
    assert!(direct.tuples().await.is_empty());
    assert_eq!(committer.write(write).await.unwrap().written.revision, 2);
    direct.verify().await;
}

/// A connection that tells whether somebody waits for the lock of this scratch's head.
async fn blocked_on_a_head(scratch: &Scratch) -> PgConnection {
    let mut connection = scratch.connect().await;
    sqlx::query(proxy::BLOCKED).fetch_one(&mut connection).await.unwrap();
    connection
}

/// A schema write is not looked up: that its outcome is not known is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_whose_commit_was_not_answered_is_told_as_unknown() {
    let (proxy, tenant, direct, _scratch) = behind_proxy().await;
    proxy.cut(Cut::AfterCommit);
    let next = schema_command("definition user {}");
    let unknown = tenant.database.write_schema(tenant.store, at(1), &next).await.unwrap_err();
    assert_eq!(unknown.code(), "DH-D008");
    let again = tenant.database.write_schema(tenant.store, at(1), &next).await.unwrap();
    assert_eq!((again.version, again.unchanged), (2, true));
    direct.verify().await;
}

#[tokio::test]
async fn who_listens_to_nobody_is_told_as_unreachable_without_the_password() {
    let url: DatabaseUrl = "postgres://ada:hush-hush@127.0.0.1:1/dhow".to_owned().into();
    let refused = PostgresStore::open(&url).await.unwrap_err();
    assert_eq!(refused.code(), "DH-D014");
    assert!(refused.to_string().contains("127.0.0.1:1/dhow"), "{refused}");
    let everything = format!("{refused} {refused:?} {url:?}");
    assert!(!everything.contains("hush"), "{everything}");
    for wrong in ["", "mysql://a:hush@b/c", "postgres://a:hush@b:port/c", "a:hush"] {
        let refused = PostgresStore::open(&wrong.to_owned().into()).await.unwrap_err();
        assert_eq!(refused.code(), "DH-D019", "{wrong}");
        assert!(!format!("{refused} {refused:?}").contains("hush"));
    }
}
