//! Findings in a schema that compiles: what is unused, what can never hold, what readers will misread. All are warnings.

mod shape;
mod style;
mod unused;

use crate::compile::Resolved;
use crate::diagnostic::Sink;

/// Runs every lint over a schema without errors.
pub(crate) fn lint(resolved: &Resolved<'_>, sink: &mut Sink) {
    shape::lint(resolved, sink);
    style::lint(resolved, sink);
    unused::lint(resolved, sink);
}
