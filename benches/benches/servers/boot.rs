//! How long a server takes to have a store, and how much memory at most: from the table beside a bare COPY of the same rows, and from a
//! snapshot file; and what writers feel of it.

use std::time::{Duration, Instant};

use dhow_benches::world::World;
use dhow_proto::v1;
use dhow_proto::v1::operator_service_client::OperatorServiceClient;
use futures_util::TryStreamExt as _;
use sqlx::Row;

use super::database::Database;
use super::process::Server;
use super::{load, row, stores};

const RUNS: usize = 3;

pub(crate) async fn rows(database: &Database, tuples: usize) {
    stores::of_world(database, "boot", &World::of(tuples)).await;
    let snapshots = tempfile::tempdir().unwrap();
    let folder = snapshots.path().to_str().unwrap();
    let idle = Server::start(&["--database", &database.url]).await.peak_mib();
    let (mut bare, mut ordered, mut table, mut peak) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        bare.push(copied(database, "").await);
        let order = "ORDER BY object_type, object_id, relation, subject_type, subject_id, subject_relation";
        ordered.push(copied(database, order).await);
        let server = Server::start(&["--database", &database.url]).await;
        table.push(booted(&server).await);
        peak = server.peak_mib();
    }
    let (bare, ordered, table) = (median(bare), median(ordered), median(table));
    row(format!("a bare COPY of {tuples} tuples, binary"), format!("{bare:.2} s; in order of the key {ordered:.2} s"), "");
    let measured = format!("{table:.2} s, {:.2} of COPY's rate; at most {peak} MiB (without stores {idle})", bare / table);
    row("boot from the table", measured, "≥ 0.5");
    let server = Server::start(&["--database", &database.url, "--snapshots", folder]).await;
    stores::patiently(&server, "boot").await;
    let request = v1::CreateSnapshotRequest { store: "boot".to_owned() };
    OperatorServiceClient::new(server.connect().await).create_snapshot(request).await.unwrap();
    drop(server);
    let (mut file, mut peak) = (Vec::new(), 0);
    for _ in 0..RUNS {
        let server = Server::start(&["--database", &database.url, "--snapshots", folder]).await;
        file.push(booted(&server).await);
        peak = server.peak_mib();
    }
    row("boot from a snapshot file", format!("{:.3} s; at most {peak} MiB, the mapped file included", median(file)), "");
    beside_a_boot(database, tuples).await;
}

/// Writers of another store, alone and while a server boots.
async fn beside_a_boot(database: &Database, tuples: usize) {
    let writer = Server::start(&["--database", &database.url]).await;
    stores::empty(&writer, "beside-a-boot").await;
    let lasting = Duration::from_secs(5);
    let writers = [&writer];
    let alone = load::writes(&writers, "beside-a-boot", 256, lasting).await;
    let booting = Server::start(&["--database", &database.url]).await;
    let boots = async {
        let begun = Instant::now();
        let mut boots = 0;
        stores::patiently(&booting, "boot").await;
        while begun.elapsed() < lasting {
            let again = Server::start(&["--database", &database.url]).await;
            stores::patiently(&again, "boot").await;
            boots += 1;
        }
        boots
    };
    let (beside, _) = tokio::join!(load::writes(&writers, "beside-a-boot", 256, lasting), boots);
    let measured = format!("{beside:.0}/s, {:.2} of {alone:.0}/s alone", beside / alone);
    row(format!("acknowledged writes, 256 writers, while another server boots {tuples} tuples"), measured, "");
}

async fn booted(server: &Server) -> f64 {
    let begun = Instant::now();
    stores::patiently(server, "boot").await;
    begun.elapsed().as_secs_f64()
}

/// Reads the rows and throws them away.
async fn copied(database: &Database, order: &str) -> f64 {
    let mut connection = database.connect().await;
    let row = sqlx::query("SELECT key FROM store WHERE name = 'boot'").fetch_one(&mut connection).await.unwrap();
    let key: i64 = row.get(0);
    let sql = format!(
        "COPY (SELECT object_type, object_id, relation, subject_type, subject_id, subject_relation, caveat, context, expires_at, revision
         FROM tuple WHERE store = {key} {order}) TO STDOUT (FORMAT binary)"
    );
    let begun = Instant::now();
    let mut stream = connection.copy_out_raw(&sql).await.unwrap();
    let mut bytes = 0;
    while let Some(piece) = stream.try_next().await.unwrap() {
        bytes += piece.len();
    }
    assert!(bytes > 0, "nothing was read");
    begun.elapsed().as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
