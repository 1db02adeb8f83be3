//! The snapshot file: a store's state at one revision, written once, mapped and served from.
//!
//! [`container`] is the file as a file: named, checksummed, aligned sections. What the sections mean is not its business.

pub mod container;
