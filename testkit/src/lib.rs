//! What dhow's tests share. Never a part of what is shipped.
//!
//! - [`model`]: schemas, tuples and questions as plain data of this crate's own, with their text forms.
//! - [`generate`]: makes models, tuples and questions that mostly make sense, from a seed or from proptest's choices.
//! - [`mapped`]: a file in memory as the system maps it.
//! - [`history`]: what a store lives through, step by step, with questions in between.
//! - [`implied`]: what a list must be, by the checks that it implies.
//! - [`suites`]: where the decision suites of another engine are.
//! - [`trees`]: a tree of Expand, decided by itself.
//! - [`plain`]: a view of tuples in a map, nothing more.
//! - [`oracle`]: decides a question by brute force from the textbook's definition; shares no code and no algorithm with the engine.
//! - [`runner`]: runs a property on many generated worlds, counts the answers, shrinks and prints what failed.
//! - [`case`]: the loader of the case files in `testdata/cases` and the one `check_case` that every implementation runs.
//! - [`debian`]: a real package index as schema and tuples.
#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "test support: what is wrong here must stop the test at once, and its counts are read by people"
)]

pub mod case;
pub mod debian;
pub mod engine;
pub mod generate;
pub mod history;
pub mod implied;
pub mod lists;
pub mod mapped;
pub mod model;
pub mod oracle;
pub mod plain;
pub mod runner;
pub mod suites;
pub mod trees;
