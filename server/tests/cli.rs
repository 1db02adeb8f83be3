//! The command line as a user meets it: the real program, run as a process of its own against servers that are processes of their own.
//!
//! Held here is what scripts rest on: exit codes, what goes to stdout and what to stderr, the fields of JSON answers, the codes of
//! errors. What the answers mean is tested elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test; clippy.toml lets off only the test functions themselves"
)]

mod cli {
    mod changelog;
    mod decisions;
    mod errors;
    mod explain;
    mod following;
    mod postgres;
    mod printing;
    mod program;
    mod relationships;
    mod schemas;
    mod serve;
    mod snapshots;
    mod stores;
    mod verify;
}
