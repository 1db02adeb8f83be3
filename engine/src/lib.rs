//! dhow's decision engine: tuples, revisions, log entries, the graph, and what is asked of it.
//!
//! Pure and synchronous: no I/O, no clock, no environment, no randomness; time comes in as an argument. See `ARCHITECTURE.md` for
//! where things are.

pub mod digest;
pub mod entry;
pub mod eval;
pub mod filter;
pub mod history;
pub mod limits;
pub mod schema_version;
pub mod state;
pub mod time;
pub mod tuple;
pub mod validate;

#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "used by the evaluator that lands next"))]
mod graph;
mod suggest;
