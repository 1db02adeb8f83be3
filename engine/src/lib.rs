//! dhow's decision engine: tuples, revisions, log entries, the graph, and what is asked of it.
//!
//! Pure and synchronous: no I/O, no clock, no environment, no randomness; time comes in as an argument. See `ARCHITECTURE.md` for
//! where things are.
//!
//! # Embedding
//!
//! A program of its own begins with [`state::State::genesis`], folds entries with [`state::State::apply`], asks by
//! [`state::State::prepare`], and keeps what it likes: entries ([`entry::Entry::encode`]), or the whole state as a file
//! ([`state::State::write_snapshot`]). `README.md` beside this crate has all of it in forty lines and says what is left to the program;
//! `examples/embed.rs` prints what comes out.

pub mod digest;
pub mod entry;
pub mod eval;
pub mod filter;
mod graph;
pub mod history;
pub mod limits;
mod plan;
pub mod schema_version;
pub mod search;
pub mod snapshot;
pub mod state;
pub mod time;
pub mod tuple;
pub mod validate;
pub mod words;

mod suggest;

/// The README's example is tested with those of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
