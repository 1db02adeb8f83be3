//! dhow's schema language: text in; syntax tree, diagnostics and a compiled schema out.
//!
//! Pure and synchronous: no I/O, no clock, no environment. See `ARCHITECTURE.md` for where things are.

pub mod caveat;
pub mod compile;
pub mod diagnostic;
pub mod diff;
pub mod format;
pub mod graph;
pub mod ir;
pub mod limits;
mod lint;
pub mod print;
pub mod source;
mod suggest;
pub mod syntax;
pub mod value;

pub use compile::{Compilation, CompileError, compile, compile_str, compile_str_with_imports};
pub use diagnostic::{Diagnostic, Label, Severity, render};
pub use diff::diff;
pub use format::format;
pub use source::{MemorySources, SourceError, Sources};
