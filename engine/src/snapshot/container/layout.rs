//! Where the bytes of a container stand: header, directory entry, footer, and how each is written and read.

use std::fmt;

/// The version that this build writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// What every section begins at a multiple of, in bytes: a cache line, and enough for any array.
pub const ALIGNMENT: u64 = ZEROS.len() as u64;

/// What stands between sections, as far as they need it.
pub(super) const ZEROS: [u8; 64] = [0; 64];

/// The longest name of a section, in bytes.
pub const MAX_SECTION_NAME_BYTES: usize = 32;

/// How many sections a file can have: opening one reads and hashes 80 bytes for each.
pub const MAX_SECTIONS: usize = 65_536;

/// How a container begins and ends.
pub(super) const MAGIC: [u8; 8] = *b"dhowsnap";

/// As the header says it; a later version may have a longer one.
const HEADER_LENGTH: u32 = 64;

pub(super) const HEADER_BYTES: usize = HEADER_LENGTH as usize;
pub(super) const ENTRY_BYTES: usize = 80;
pub(super) const FOOTER_BYTES: usize = 64;

/// In what sense the directory is hashed. Part of the format: it stands for the version in the root.
const ROOT_DOMAIN: &str = "dhow 2026-11 snapshot container 1: directory";

/// The identity of a container: a hash over its directory, and through it over every section.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Root([u8; 32]);

impl Root {
    /// The root of a directory with these bytes. O(bytes).
    pub(super) fn of(directory: &[u8]) -> Self {
        Self(blake3::derive_key(ROOT_DOMAIN, directory))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The root with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({self})")
    }
}

/// The first bytes of a container of this version.
pub(super) fn header() -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    fill(&mut bytes, &[&MAGIC, &FORMAT_VERSION.to_le_bytes(), &HEADER_LENGTH.to_le_bytes()]);
    bytes
}

/// One row of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The section's name, with zeros behind it.
    pub(super) name: [u8; MAX_SECTION_NAME_BYTES],
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) hash: [u8; 32],
}

impl Entry {
    pub(super) fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        fill(&mut bytes, &[&self.name, &self.offset.to_le_bytes(), &self.bytes.to_le_bytes(), &self.hash]);
        bytes
    }

    pub(super) fn decode(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let mut rest = Fields(bytes);
        Self { name: rest.take(), offset: rest.number(), bytes: rest.number(), hash: rest.take() }
    }

    /// Where the section ends; `None` beyond what a number can say.
    pub(super) const fn end(&self) -> Option<u64> {
        self.offset.checked_add(self.bytes)
    }
}

/// The last bytes of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) directory: u64,
    pub(super) directory_bytes: u64,
    pub(super) file_bytes: u64,
    pub(super) root: Root,
    pub(super) magic: [u8; 8],
}

impl Footer {
    pub(super) fn encode(&self) -> [u8; FOOTER_BYTES] {
        let mut bytes = [0; FOOTER_BYTES];
        let [directory, length, file] = [self.directory, self.directory_bytes, self.file_bytes].map(u64::to_le_bytes);
        fill(&mut bytes, &[&directory, &length, &file, &self.root.0, &self.magic]);
        bytes
    }

    pub(super) fn decode(bytes: &[u8; FOOTER_BYTES]) -> Self {
        let mut rest = Fields(bytes);
        Self {
            directory: rest.number(),
            directory_bytes: rest.number(),
            file_bytes: rest.number(),
            root: Root(rest.take()),
            magic: rest.take(),
        }
    }
}

/// The next place where a section may begin; `None` beyond what a number can say.
pub(super) const fn aligned(at: u64) -> Option<u64> {
    at.checked_next_multiple_of(ALIGNMENT)
}

/// The name as the directory holds it; `None` if it cannot be one: 1 to 32 of a-z, 0-9, `-`, `_`, `.`.
pub(super) fn padded(name: &str) -> Option<[u8; MAX_SECTION_NAME_BYTES]> {
    let fits = (1..=MAX_SECTION_NAME_BYTES).contains(&name.len()) && name.bytes().all(in_name);
    fits.then(|| {
        let mut padded = [0; MAX_SECTION_NAME_BYTES];
        fill(&mut padded, &[name.as_bytes()]);
        padded
    })
}

/// The name that the directory holds; `None` if it cannot be one.
pub(super) fn unpadded(padded: &[u8; MAX_SECTION_NAME_BYTES]) -> Option<&str> {
    let length = padded.iter().position(|byte| *byte == 0).unwrap_or(MAX_SECTION_NAME_BYTES);
    let (name, zeros) = padded.split_at_checked(length)?;
    let fits = !name.is_empty() && name.iter().all(|byte| in_name(*byte)) && zeros.iter().all(|byte| *byte == 0);
    if fits { std::str::from_utf8(name).ok() } else { None }
}

const fn in_name(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.')
}

/// Writes the fields one behind the other; what they leave stays as it is.
fn fill(room: &mut [u8], fields: &[&[u8]]) {
    for (to, from) in room.iter_mut().zip(fields.iter().copied().flatten()) {
        *to = *from;
    }
}

/// Fields of fixed lengths, one behind the other. Those behind the end are zeros: the callers' arrays are as long as their fields.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk() else { return [0; N] };
        self.0 = rest;
        *field
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}
