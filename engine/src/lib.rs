//! dhow's decision engine: tuples, revisions, log entries, the graph, and what is asked of it.
//!
//! Pure and synchronous: no I/O, no clock, no environment, no randomness; time comes in as an argument. See `ARCHITECTURE.md` for
//! where things are.

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
