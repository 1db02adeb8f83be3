//! Caveats: named CEL expressions that a tuple's membership hangs on.

/// A compiled caveat.
#[derive(Debug)]
pub struct Caveat {}
