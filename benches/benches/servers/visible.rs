//! From the acknowledgement of a write on one server to its being visible on another.

use std::time::{Duration, Instant};

use dhow_proto::v1;
use dhow_proto::v1::relationship_service_client::RelationshipServiceClient;

use super::database::Database;
use super::process::{Server, write};
use super::times::Times;
use super::{row, stores};

const WRITES: u64 = 1_000;

pub(crate) async fn rows(database: &Database) {
    let kafka = std::env::var("KAFKA_BOOTSTRAP_SERVERS").expect("KAFKA_BOOTSTRAP_SERVERS names no Kafka: run `scripts/long figures`");
    let topic = tempfile::tempdir().unwrap();
    let config = topic.path().join("dhow.toml");
    let name = format!("dhow.bench.{}", std::process::id());
    std::fs::write(&config, format!("[changelog]\nbrokers = \"{kafka}\"\ntopic = \"{name}\"\npartitions = 4\n")).unwrap();
    let config = config.to_str().unwrap();
    let snapshots = tempfile::tempdir().unwrap();
    let folder = snapshots.path().to_str().unwrap();
    let writer = Server::start(&["--database", &database.url, "--config", config]).await;
    stores::empty(&writer, "visible").await;
    let database_alone = Server::start(&["--database", &database.url]).await;
    told("database", &writer, &database_alone).await;
    drop(database_alone);
    let both = Server::start(&["--database", &database.url, "--config", config]).await;
    told("database and Kafka", &writer, &both).await;
    drop(both);
    let kafka_alone = Server::start(&["--role", "evaluator", "--config", config, "--snapshots", folder]).await;
    told("Kafka alone (an evaluator)", &writer, &kafka_alone).await;
}

async fn told(way: &str, writer: &Server, reader: &Server) {
    let times = Times::of(measured(writer, reader).await);
    let (half, most, mean) = (times.quantile(500), times.quantile(990), times.mean());
    row(format!("acknowledged to visible through {way}"), format!("p50 {half:.1}, p99 {most:.1}, mean {mean:.1} ms"), "p99 ≤ 20 ms");
}

async fn measured(writer: &Server, reader: &Server) -> Vec<Duration> {
    stores::patiently(reader, "visible").await;
    let request = v1::WatchRequest { store: "visible".to_owned(), ..v1::WatchRequest::default() };
    let mut watched = RelationshipServiceClient::new(reader.connect().await).watch(request).await.unwrap().into_inner();
    let mut client = RelationshipServiceClient::new(writer.connect().await);
    let run = rand::random::<u64>();
    let mut times = Vec::new();
    for number in 0..WRITES {
        let document = format!("{run}-{number}");
        let answered = client.write(write("visible", &document, "one")).await.unwrap().into_inner();
        let acknowledged = Instant::now();
        let token = answered.answered_at.unwrap().token;
        // The reader may be told before the writer's client is.
        loop {
            let event = watched.message().await.unwrap().unwrap();
            if event.token == token {
                break;
            }
        }
        times.push(acknowledged.elapsed());
        tokio::time::sleep(Duration::from_millis(2 + number % 7)).await;
    }
    times
}
