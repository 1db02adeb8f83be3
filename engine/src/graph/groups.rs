//! Which groups a group is nested in, directly or through others: looked up, not walked.
//!
//! This is the group-to-group half of Leopard (Pang et al., "Zanzibar", USENIX ATC 2019, §3.2.4). We differ in how it is kept right:
//! the index is built for one moment and never updated. A reader knows which groups have other parents at the revision it
//! asks about than the index was built of, and walks those, unless it is told what they are nested in besides
//! ([`super::nesting`]); so a writer pays next to nothing for nesting, and removals, cycles, older
//! revisions and edges that only one request has need no rules of their own.
//!
//! The index is bounded, both in the length of a list and in all. A group past a bound has no list and is walked, always.
//!
//! It is two flat rows of `u32` without pointers. A look-up costs one cache line for the group, and one or more for its list.
//!
//! Only plain nesting is an edge here: what a caveat, an expiry, an exclusion or a computed relation decides is not. The index does not
//! know that; who builds it does.

mod build;
mod components;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use build::Limits;
#[cfg(test)]
use build::TooManyEdges;
pub(crate) use table::{Ancestors, GroupIndex};

/// A group: the object's node, and the kind, which says the relation: `group:eng#member` is `[node of group:eng, kind of #member]`.
pub(crate) type Group = [u32; 2];

/// A fixed hash: nodes are numbered one after the other and kinds are few, so both halves are mixed
/// until the upper bits depend on all of them.
const fn hash([node, kind]: Group) -> u64 {
    let mixed = (((kind as u64) << 32) | node as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

/// The first of `slots` places to look for a group: the upper bits of the hash, scaled, so that any number of slots will do.
fn first_slot(group: Group, slots: usize) -> usize {
    let scaled = (u128::from(hash(group)) * slots as u128) >> 64;
    usize::try_from(scaled).unwrap_or(0)
}
