//! Decisions: check, expand, lists and explanations, by a plain evaluator.

pub(crate) mod circuit;
mod meter;

pub use meter::Stopped;
