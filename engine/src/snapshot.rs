//! The snapshot file: a store's state at one revision, written once, mapped and served from.
//!
//! [`container`] is the file as a file: named, checksummed, aligned sections. What the sections mean is not its business: that is said
//! here, in the head, and by those whose arrays they are.
//!
//! A [`crate::state::State`] writes one ([`State::write_snapshot`](crate::state::State::write_snapshot)) and is opened from one
//! ([`State::open_snapshot`](crate::state::State::open_snapshot)); [`Snapshot`] is a file that was opened.
//!
//! ```text
//! seg.N.offsets, .records, .qualifiers, .revisions    for each segment N of 65,536 nodes
//! names, order, ranks                                 what finds nodes and orders them
//! head                                                all else, in Borsh
//! ```

pub use error::SnapshotError;
pub use head::SnapshotAbout;
pub(crate) use head::{HEAD, Head, StoredSchema, StoredShape};
pub use opened::{Snapshot, SnapshotHead};

pub mod container;
mod error;
mod head;
mod opened;

#[cfg(test)]
mod tests;
