//! What a check costs its client while the server applies writes, as a ratio to an idle server.

use std::sync::Arc;
use std::time::Duration;

use dhow_benches::world::World;

use super::database::Database;
use super::process::Server;
use super::{load, row, stores};

const LASTING: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 8;

pub(crate) async fn rows(database: &Database, tuples: usize) {
    let world = World::of(tuples);
    stores::of_world(database, "beside", &world).await;
    let questions = Arc::new(world.questions(100_000));
    let (writer, reader) = (Server::start(&["--database", &database.url]).await, Server::start(&["--database", &database.url]).await);
    for server in [&writer, &reader] {
        stores::patiently(server, "beside").await;
    }
    load::checks(&reader, "beside", &questions, AT_ONCE, Duration::from_secs(2)).await;
    for (who, server) in [("the same server", &reader), ("another server", &writer)] {
        let idle = load::checks(&reader, "beside", &questions, AT_ONCE, LASTING).await;
        let steadily = load::steadily(server, "beside", 1_000).await;
        let busy = load::checks(&reader, "beside", &questions, AT_ONCE, LASTING).await;
        steadily.abort();
        let (mean, most) = (busy.mean() / idle.mean(), busy.quantile(990) / idle.quantile(990));
        let measured = format!(
            "mean {:.2} → {:.2} ms ({mean:.2} ×), p99 {:.2} → {:.2} ms ({most:.2} ×)",
            idle.mean(),
            busy.mean(),
            idle.quantile(990),
            busy.quantile(990)
        );
        row(format!("check, {AT_ONCE} at once, while {who} takes 1,000 writes/s, {tuples} tuples"), measured, "");
    }
}
