//! Decisions: check, expand, lists and explanations, by a plain evaluator.
//!
//! A question is turned into a boolean circuit (`build`) over the tuples that matter to it, and the circuit is solved under the
//! well-founded semantics (`circuit`). That is all: no caches, no indexes, no order of evaluation that could matter. What a faster
//! evaluator answers must be what this one answers.
//!
//! **Invariant:** the evaluator sees tuples through a [`GraphView`] alone, and time, context and limits as arguments.
//! **Invariant:** what a question costs is counted in steps and bounded ([`Limits`]); nothing recurses over data.

pub use check::{Decision, EvalError, Evaluator, Limits};
pub use expand::{ExpandedTuple, ExpandedUserset, Expansion, Operand, UsersetIndex};
pub use explain::{CaveatStep, Explanation, NearMiss, Step, Verdict, What};
pub(crate) use lists::is_excluded;
pub use lists::{Exclusion, ListedObject, ListedPermission, ListedSubject, Page, PageRequest};
pub use meter::Stopped;
pub use provenance::{Evidence, Provenance};
pub use view::{Edges, GraphView, Overlay};

mod build;
mod check;
mod circuit;
mod expand;
mod explain;
mod lists;
mod meter;
mod provenance;
mod tree;
mod view;

#[cfg(test)]
mod tests;
