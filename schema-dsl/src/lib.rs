//! dhow's schema language: text in; syntax tree, diagnostics and a compiled schema out.
//!
//! Pure and synchronous: no I/O, no clock, no environment. See `ARCHITECTURE.md` for where things are.

pub mod caveat;
pub mod ir;
pub mod value;
