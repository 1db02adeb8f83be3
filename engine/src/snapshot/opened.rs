//! A snapshot file that was opened.

use super::SnapshotAbout;
use super::SnapshotError;
use super::container::{Container, Root};
use crate::digest::Digest;
use crate::entry::StoreId;
use crate::state::{Position, State};

/// What a snapshot file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotHead {
    /// Whose state it is.
    pub store: StoreId,
    /// Where in the store's history it is.
    pub position: Position,
    /// The digest of the tuples and schema versions.
    pub digest: Digest,
    /// How many tuples there are.
    pub tuples: u64,
    /// How many objects there are, those that only some earlier tuple named included.
    pub nodes: u64,
    /// How many schema versions there are.
    pub schemas: u64,
    /// When it was written, and by whom.
    pub about: SnapshotAbout,
    /// The identity of the file.
    pub root: Root,
    /// How many bytes the file has.
    pub bytes: u64,
}

/// A state in the memory of a file, and what verifies it. Cheap to clone.
///
/// The state can be asked at once. Until [`Snapshot::verify_bytes`] has succeeded its answers are as good as the bytes are: what cannot be
/// read ends in an error ([`State::intact`]), what can be read and is not what was written in wrong answers. Nothing should be written by such a state, nor its memory put in order again
/// ([`crate::state::Rebuild`]): what is written anew has good checksums, whatever it was made of.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) state: State,
    pub(crate) head: SnapshotHead,
    pub(crate) container: Container,
}

impl Snapshot {
    /// The state.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The state alone. It keeps the memory.
    #[must_use]
    pub fn into_state(self) -> State {
        self.state
    }

    /// What the file says of itself.
    #[must_use]
    pub const fn head(&self) -> &SnapshotHead {
        &self.head
    }

    /// Holds every byte against what was written. O(bytes).
    ///
    /// # Errors
    /// The first section that has a byte that is not what was written.
    pub fn verify_bytes(&self) -> Result<(), SnapshotError> {
        self.container.verify_all().map_err(SnapshotError::Container)
    }

    /// Holds the bytes against what was written, and what was written against itself: tuples and schema versions against the digest, the
    /// counts, the names and both directions of the edges against each other. O(tuples log tuples): for scrubbing.
    ///
    /// # Errors
    /// The first thing that is not as it should be. If the bytes are those that were written, a mistake was made when they were.
    pub fn verify(&self) -> Result<(), SnapshotError> {
        self.verify_bytes()?;
        self.state.check_snapshot()
    }
}
