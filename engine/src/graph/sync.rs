//! What is shared between threads and changes: by a name of its own, so that a model checker can put its own in its place
//! (`tests/interleavings.rs`).

pub(crate) use std::sync::atomic::{AtomicU64, Ordering};
