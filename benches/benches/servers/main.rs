//! What do servers on one Postgres come to? Real processes, a real Postgres with fsync on, a real Kafka; every figure beside its
//! yardstick of the same run.
//!
//! `scripts/long figures [NAME…]` builds the server for shipping, starts both databases and runs this: `writes`, `visible`, `beside`,
//! `boot` (`boot 10000000` for that many tuples; a million unless said). Where they are is read from DHOW_BIN, DATABASE_URL and
//! KAFKA_BOOTSTRAP_SERVERS. Everything is made in a schema of its own, which is dropped at the end.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a bench looks at the clock and the environment, and ends where its data is wrong"
)]

mod beside;
mod boot;
mod database;
mod load;
mod process;
mod single;
mod stores;
mod times;
mod visible;
mod writes;

use database::Database;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let tuples = words.iter().find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let wanted = |name: &str| words.iter().all(|word| word.parse::<usize>().is_ok()) || words.iter().any(|word| word == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let database = Database::new().await;
        println!("| figure | measured | must reach |\n| --- | --- | --- |");
        if wanted("writes") {
            writes::rows(&database).await;
        }
        if wanted("visible") {
            visible::rows(&database).await;
        }
        if wanted("beside") {
            beside::rows(&database, tuples).await;
        }
        if wanted("boot") {
            boot::rows(&database, tuples).await;
        }
        database.drop().await;
    });
}

/// One line of the table, as soon as it is known.
pub(crate) fn row(figure: impl AsRef<str>, measured: impl AsRef<str>, must_reach: &str) {
    println!("| {} | {} | {must_reach} |", figure.as_ref(), measured.as_ref());
}
