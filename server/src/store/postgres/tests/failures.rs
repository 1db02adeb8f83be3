//! Statements that fail in the middle of a batch.

use std::sync::atomic::AtomicU64;

use futures_util::future::join_all;
use tokio::sync::watch;

use super::*;
use crate::clock;
use crate::store::committer::{Committer, Follower};

/// A function for triggers. `nextval` is not rolled back, so that it counts attempts.
fn trigger(body: &str, event: &str) -> String {
    format!(
        "CREATE SEQUENCE attempts;
         CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
         CREATE TRIGGER broken BEFORE {event} EXECUTE FUNCTION broken();"
    )
}

const MEND: &str = "DROP FUNCTION broken CASCADE; DROP SEQUENCE attempts";

async fn attempts(scratch: &Scratch) -> i64 {
    sqlx::query_scalar("SELECT last_value FROM attempts").fetch_one(&mut scratch.connect().await).await.unwrap()
}

/// Every table that a write touches fails once, in the middle of a batch: nothing of the batch is there, and the next one goes on.
#[tokio::test]
async fn a_failing_statement_rolls_back_the_whole_batch() {
    for event in [
        "INSERT ON log FOR EACH ROW WHEN (NEW.revision = 4)",
        "INSERT ON tuple FOR EACH ROW WHEN (NEW.object_id = '3')",
        "DELETE ON tuple FOR EACH ROW",
        "INSERT ON shape FOR EACH ROW",
        "UPDATE ON shape FOR EACH ROW",
        "INSERT ON write_request FOR EACH ROW WHEN (NEW.request_id = 'c')",
        "UPDATE ON head FOR EACH ROW",
    ] {
        let (tenant, scratch) = tenant().await;
        tenant.write(1, [create("doc:0#viewer@user:ada")]).await.unwrap();
        let before = tenant.head().await;
        scratch.run(&trigger("RAISE 'injected';", event)).await;
        let batch = [
            command("a", [create("doc:1#viewer@user:*")]),
            command("b", [delete("doc:0#viewer@user:ada")]),
            command("c", [create("doc:3#viewer@user:*")]),
        ];
        let failed = tenant.database.write(tenant.store, at(2), &batch).await.unwrap_err();
        assert!(matches!(failed, DatastoreError::Sql { .. }), "{event}: {failed:?}");
        assert_eq!(tenant.head().await, before, "{event}");
        assert_eq!(tenant.tuples().await, ["doc:0#viewer@user:ada"], "{event}");
        assert_eq!(tenant.database.request(tenant.store, "a", at(2)).await.unwrap(), None);
        scratch.run(MEND).await;
        assert!(tenant.batch(3, &batch).await.iter().all(Result::is_ok));
        assert_eq!(tenant.tuples().await, ["doc:1#viewer@user:*", "doc:3#viewer@user:*"]);
    }
}

#[tokio::test]
async fn a_failing_schema_write_leaves_no_trace() {
    for table in ["log", "schema_version"] {
        let (tenant, scratch) = tenant().await;
        scratch.run(&trigger("RAISE 'injected';", &format!("INSERT ON {table} FOR EACH ROW"))).await;
        let next = schema_command("definition user {}");
        assert_eq!(tenant.database.write_schema(tenant.store, at(1), &next).await.unwrap_err().code(), "DH-D006");
        assert_eq!(tenant.verify().await.revision(), 1);
        scratch.run(MEND).await;
        assert_eq!(tenant.database.write_schema(tenant.store, at(1), &next).await.unwrap().version, 2);
        tenant.verify().await;
    }
}

/// A deferred constraint fails at the commit: Postgres says that it rolled back, so this is known.
#[tokio::test]
async fn a_commit_that_is_refused_is_known_to_be_rolled_back() {
    let (tenant, scratch) = tenant().await;
    scratch
        .run(
            "CREATE TABLE child (parent BIGINT REFERENCES store (key) DEFERRABLE INITIALLY DEFERRED);
             CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO child VALUES (-1); RETURN NEW; END $$;
             CREATE TRIGGER broken BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION broken();",
        )
        .await;
    let write = command("a", [create("doc:1#viewer@user:ada")]);
    let failed = tenant.database.write(tenant.store, at(1), std::slice::from_ref(&write)).await.unwrap_err();
    assert!(matches!(failed, DatastoreError::Sql { doing: "commit", .. }), "{failed:?}");
    assert!(tenant.tuples().await.is_empty());
    scratch.run("DROP FUNCTION broken CASCADE").await;
    assert!(tenant.one(2, &write).await.is_ok());
    tenant.verify().await;
}

/// Postgres ends a transaction in favour of another: it is made again, a bounded number of times, and happens once.
#[tokio::test]
async fn conflicts_are_tried_again_within_bounds() {
    for code in ["40001", "40P01"] {
        let (tenant, scratch) = tenant().await;
        let body =
            |times: u32| format!("IF nextval('attempts') <= {times} THEN RAISE 'injected' USING ERRCODE = '{code}'; END IF; RETURN NEW;");
        let write = command("r", [create("doc:1#viewer@user:ada")]);
        scratch.run(&trigger(&body(99), "INSERT ON log FOR EACH ROW")).await;
        let refused = tenant.database.write(tenant.store, at(1), std::slice::from_ref(&write)).await.unwrap_err();
        assert_eq!((refused.code(), attempts(&scratch).await), ("DH-D016", 5), "{code}: {refused:?}");
        assert!(tenant.tuples().await.is_empty());
        scratch.run(MEND).await;
        scratch.run(&trigger(&body(2), "INSERT ON log FOR EACH ROW")).await;
        let written = tenant.one(2, &write).await.unwrap();
        assert_eq!((written.written.revision, written.repeated, attempts(&scratch).await), (2, false, 3), "{code}");
        tenant.verify().await;
    }
}

/// A node that folds nothing.
struct Nobody(AtomicU64);

#[async_trait]
impl Follower for Nobody {
    fn read_clock(&self) -> clock::Reading {
        clock::Reading { now: at(5), jumped_ahead_us: None }
    }

    async fn follow(&self, revision: u64, _: Option<&LogRecord>) -> Result<(), DatastoreError> {
        self.0.fetch_max(revision, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    }
}

/// A committer of a store, and what keeps it going.
pub(super) fn committer(tenant: &Tenant) -> (Committer, watch::Sender<bool>) {
    let (closing, closes) = watch::channel(false);
    let follower = Arc::new(Nobody(AtomicU64::new(0)));
    (Committer::start(tenant.store, Arc::clone(&tenant.database), follower, closes).0, closing)
}

#[tokio::test]
async fn a_batch_with_a_write_that_fails_is_replayed_one_by_one() {
    let (tenant, scratch) = tenant().await;
    scratch.run(&trigger("RAISE 'injected';", "INSERT ON tuple FOR EACH ROW WHEN (NEW.object_id = 'bad')")).await;
    let (committer, _closing) = committer(&tenant);
    let ids: Vec<String> = (0..40).map(|n| if n == 20 { "bad".to_owned() } else { n.to_string() }).collect();
    let writes = ids.iter().map(|id| committer.write(command(id, [create(&format!("doc:{id}#viewer@user:ada"))])));
    for (id, outcome) in ids.iter().zip(join_all(writes).await) {
        match outcome {
            Ok(committed) => assert!(id != "bad" && !committed.repeated),
            Err(failed) => assert_eq!((id.as_str(), failed.code()), ("bad", "DH-D006")),
        }
    }
    assert_eq!(tenant.verify().await.len(), 39);
}
