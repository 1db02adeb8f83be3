//! What a store takes in memory.

/// Bytes of memory by part. Allocators take some more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Accounts {
    /// Ids of objects, and what finds and orders them.
    pub names_bytes: usize,
    /// Edges from objects to subjects, with caveats and expiries.
    pub forward_bytes: usize,
    /// Edges from subjects to objects.
    pub backward_bytes: usize,
    /// The revisions that edges came with.
    pub revisions_bytes: usize,
    /// The index of nested groups.
    pub groups_bytes: usize,
    /// The index of what objects inherit along arrows.
    pub inherited_bytes: usize,
    /// Changes since the base, and before it within the window.
    pub overlay_bytes: usize,
}

impl Accounts {
    /// All parts together.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.names_bytes
            + self.forward_bytes
            + self.backward_bytes
            + self.revisions_bytes
            + self.groups_bytes
            + self.inherited_bytes
            + self.overlay_bytes
    }
}
