//! Acknowledged writes a second, as a ratio to one commit for each write.

use std::time::Duration;

use super::database::Database;
use super::load::writes;
use super::process::Server;
use super::{row, single, stores};

const LASTING: Duration = Duration::from_secs(5);

pub(crate) async fn rows(database: &Database) {
    let (one, connections) = single::best(database).await;
    row("one commit for each write, best of 1 to 32 connections", format!("{one:.0}/s at {connections}"), "");
    let mut servers = Vec::new();
    for _ in 0..4 {
        servers.push(Server::start(&["--database", &database.url]).await);
    }
    stores::empty(&servers[0], "writes").await;
    for (count, writers) in [(1, 1), (1, 32), (1, 256), (1, 512), (2, 256), (4, 256)] {
        let some: Vec<&Server> = servers.iter().take(count).collect();
        let rate = writes(&some, "writes", writers, LASTING).await;
        let must = if (count, writers) == (1, 256) { "≥ 10 ×" } else { "" };
        row(format!("acknowledged writes, {writers} writers, {count} servers"), format!("{rate:.0}/s, {:.1} ×", rate / one), must);
    }
    let (again, connections) = single::best(database).await;
    row("one commit for each write, again", format!("{again:.0}/s at {connections}"), "");
}
