use std::task::{Context, Waker};

use super::*;
use crate::store::*;

/// Whoever waits for a write may go away at any moment: the write happens as a whole or not at all, and the next one goes on.
pub(in crate::store) async fn a_write_that_is_dropped_leaves_a_whole_or_nothing(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    for polls in 0..40 {
        let write = command(&format!("r{polls}"), [touch(&format!("doc:{polls}#viewer@user:ada")), touch("doc:x#viewer@user:ada")]);
        let batch = [write.clone()];
        let mut writing = database.write(tenant.store, at(polls), &batch);
        for _ in 0..polls {
            if writing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(writing);
        // What was given to the database may still be under way; the next writer waits for it, and then history stands still.
        database.write(tenant.store, at(polls), &[]).await.unwrap();
        tenant.verify().await;
        let again = tenant.one(polls, &write).await.unwrap();
        assert_eq!(database.request(tenant.store, &write.request_id, at(polls)).await.unwrap().unwrap().written, again.written);
    }
    assert_eq!(tenant.verify().await.len(), 41);
}

/// What is read while others write is read at one moment: tuples, schemas and head fit together.
pub(in crate::store) async fn readers_see_one_moment_while_others_write(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let writer = tokio::spawn({
        let tenant = tenant.clone();
        async move {
            for n in 0..60 {
                let changes = [touch(&format!("doc:{}#viewer@user:{n}", n % 7)), delete(&format!("doc:{}#viewer@user:{}", n % 5, n - 3))];
                tenant.write(n, changes).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        let mut sink = Loaded::default();
        database.load(tenant.store, &mut sink).await.unwrap();
        let head = sink.head.unwrap();
        let tuples = sink.pieces.concat();
        assert_eq!(head.tuples, tuples.len() as u64);
        let source = sink.schemas.pop().unwrap().source;
        let schema = dhow_engine::digest::Digest::default().with_schema(&dhow_engine::entry::SchemaText { version: 1, source });
        assert_eq!(tuples.iter().fold(schema, |digest, stored| digest.with_tuple(&stored.tuple)), head.digest);
    }
    writer.await.unwrap();
    tenant.verify().await;
}
