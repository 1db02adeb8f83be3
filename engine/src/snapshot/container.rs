//! A file of named, checksummed, aligned sections, written in one pass and read where it lies.
//!
//! ```text
//! header      64 bytes: "dhowsnap", version, 64, zeros
//! sections    each at a multiple of 64, one behind the other, zeros between them
//! directory   at a multiple of 64: for each section, in order, 80 bytes: name, offset, length, BLAKE3 of its bytes; zeros behind it
//! footer      64 bytes: offset and length of the directory, length of the file, root, "dhowsnap"
//! ```
//!
//! All numbers are little-endian; the fields are in `layout.rs`. The **root** is a BLAKE3 over the directory, so it stands for the names,
//! the places and the contents of all sections and identifies the file.
//!
//! There is exactly one way to lay out given sections, and a reader accepts no other: no byte of a file is without meaning, and each one
//! that is not what was written is found, by [`Container::open`] or by [`Container::verify_all`]. Opening reads header, footer and
//! directory, however large the file is; verifying reads all of it, and whoever opens decides when to: at once, or section by section in
//! the background, so that a file larger than memory serves before it was read to its end. Until a section is verified its bytes may be
//! anything: what reads them must not rely on their sense, and end in an error where they have none.
//!
//! **Versions.** A build reads its own version and refuses the others. Within a version sections may be added: a reader asks for those
//! that it knows by name and lets the others be.
//!
//! Nothing here opens, maps or syncs a file. Whoever does so writes under another name, syncs, and renames: a crash leaves no half file
//! under the real name, and a mapped file is never written into.

mod error;
mod layout;
mod reader;
mod writer;

pub use error::{Beginning, ContainerError, Part, WriteError};
pub use layout::{ALIGNMENT, FORMAT_VERSION, MAX_SECTION_NAME_BYTES, MAX_SECTIONS, Root};
pub use reader::{Container, SectionInfo};
pub use writer::{SectionWriter, Summary, Writer};

#[cfg(test)]
mod tests;
