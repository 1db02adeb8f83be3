//! The graph in memory that the fast evaluator asks: so far, the index of nested groups.
//!
//! It holds numbers in place of names and knows neither tuples nor schemas; who builds it decides what is an edge.

pub(crate) mod groups;
