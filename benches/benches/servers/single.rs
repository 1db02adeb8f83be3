//! The yardstick of writes: one commit for each write, under the same lock of the same head row, into the same tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};

use super::database::Database;

/// Connections that it is tried with.
const CONNECTIONS: [usize; 6] = [1, 2, 4, 8, 16, 32];

/// The most writes in a second, over all numbers of connections, and that number.
pub(crate) async fn best(database: &Database) -> (f64, usize) {
    let mut connection = database.connect().await;
    let insert = sqlx::query_scalar(
        "INSERT INTO store (id, name, created_at) VALUES ($1, $2, 0) ON CONFLICT (name) DO UPDATE SET created_at = 0 RETURNING key",
    );
    let key: i64 = insert.bind(&[255_u8; 16][..]).bind("yardstick").fetch_one(&mut connection).await.unwrap();
    let head = "INSERT INTO head VALUES ($1, 0, ''::BYTEA, ''::BYTEA, 0, 0, 0) ON CONFLICT (store) DO NOTHING";
    sqlx::query(head).bind(key).execute(&mut connection).await.unwrap();
    let mut best = (0.0, 0);
    for connections in CONNECTIONS {
        let rate = rate(database, key, connections).await;
        if rate > best.0 {
            best = (rate, connections);
        }
    }
    best
}

async fn rate(database: &Database, key: i64, connections: usize) -> f64 {
    let done = Arc::new(AtomicU64::new(0));
    let mut writers = Vec::new();
    let begun = Instant::now();
    for number in 0..connections {
        let (mut connection, done) = (database.connect().await, Arc::clone(&done));
        writers.push(tokio::spawn(async move {
            let mut count = 0_u64;
            while begun.elapsed() < Duration::from_secs(3) {
                one(&mut connection, key, &format!("{connections}-{number}-{count}-{}", begun.elapsed().as_nanos())).await;
                count += 1;
                if begun.elapsed() > Duration::from_secs(1) {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    done.load(Ordering::Relaxed) as f64 / 2.0
}

async fn one(connection: &mut PgConnection, key: i64, id: &str) {
    let mut transaction = connection.begin().await.unwrap();
    let lock = sqlx::query_scalar("SELECT revision FROM head WHERE store = $1 FOR UPDATE");
    let revision: i64 = lock.bind(key).fetch_one(&mut *transaction).await.unwrap();
    let tuple = "INSERT INTO tuple VALUES ($1, 'document', $2, 'viewer', 'user', 'one', '', NULL, NULL, NULL, $3)";
    sqlx::query(tuple).bind(key).bind(id).bind(revision + 1).execute(&mut *transaction).await.unwrap();
    let log = "INSERT INTO log VALUES ($1, $2, $3, $4)";
    let log = sqlx::query(log).bind(key).bind(revision + 1).bind(&[7_u8; 32][..]).bind(&[7_u8; 160][..]);
    log.execute(&mut *transaction).await.unwrap();
    let head = sqlx::query("UPDATE head SET revision = $2, chain = $3, digest = $3, tuples = tuples + 1 WHERE store = $1");
    head.bind(key).bind(revision + 1).bind(&[7_u8; 32][..]).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
}
