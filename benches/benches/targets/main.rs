//! How near is the evaluator to what it must reach? One world, one run, one table: every figure beside the yardstick Y of the same run.
//!
//! `cargo bench -p dhow-benches --bench targets -- 1000000` (the number of tuples; a million unless said). A figure counts for a right
//! evaluator only: all questions of the world are asked first, and a sample goes to the circuit as well.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a bench looks at the clock, and ends where its data is wrong"
)]

mod checks;
mod clock;
mod world;
mod writes;

use world::Setup;

/// One line of the table.
pub(crate) struct Row {
    figure: String,
    measured: String,
    must_reach: &'static str,
}

impl Row {
    fn new(figure: impl Into<String>, measured: impl Into<String>, must_reach: &'static str) -> Self {
        Self { figure: figure.into(), measured: measured.into(), must_reach }
    }
}

fn main() {
    let tuples = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(1_000_000);
    let setup = Setup::of(tuples);
    let mut rows = checks::rows(&setup);
    rows.extend(writes::rows(&setup));
    println!("| figure, {} tuples | measured | must reach |\n| --- | --- | --- |", setup.state.len());
    for Row { figure, measured, must_reach } in rows {
        println!("| {figure} | {measured} | {must_reach} |");
    }
}
