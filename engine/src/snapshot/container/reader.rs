//! Reading a container where it lies.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::error::{Beginning, ContainerError, Part};
use super::layout::{
    ENTRY_BYTES, Entry, FOOTER_BYTES, FORMAT_VERSION, Footer, HEADER_BYTES, MAGIC, MAX_SECTIONS, Root, aligned, header, unpadded,
};
use crate::words::{Bytes, WORD_BYTES, Words, WordsError};

/// An open container. Cheap to clone; it keeps the memory, and so does every run of words taken from it.
#[derive(Clone)]
pub struct Container {
    memory: Arc<dyn Bytes>,
    root: Root,
    bytes: u64,
    sections: Arc<BTreeMap<String, Entry>>,
}

/// What the directory says of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionInfo<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it begins in the file.
    pub offset: u64,
    /// How many bytes it has.
    pub bytes: u64,
    /// The BLAKE3 of its bytes.
    pub hash: [u8; 32],
}

impl Container {
    /// Opens a container. Reads header, footer and directory and nothing else: O(sections × log sections), however large the file is.
    ///
    /// # Errors
    /// When the bytes are no container, or one of another version, cut, or damaged in one of these three parts; when they lie in memory
    /// where words cannot. The sections are not looked at: that is [`Self::verify_all`].
    pub fn open(memory: Arc<dyn Bytes>) -> Result<Self, ContainerError> {
        let all = memory.bytes();
        check_beginning(all)?;
        let footer = read_footer(all)?;
        let directory = read_directory(all, &footer)?;
        let sections = Arc::new(read_entries(directory, &footer)?);
        if !all.as_ptr().addr().is_multiple_of(WORD_BYTES) {
            return Err(ContainerError::Unaligned);
        }
        Ok(Self { root: footer.root, bytes: footer.file_bytes, sections, memory })
    }

    /// The identity of the file: it stands for every byte of it, verified or not.
    #[must_use]
    pub const fn root(&self) -> Root {
        self.root
    }

    /// How many bytes the file has.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The sections, by name. Those that a reader does not know are for another one.
    pub fn sections(&self) -> impl ExactSizeIterator<Item = SectionInfo<'_>> {
        self.sections.iter().map(|(name, entry)| SectionInfo { name, offset: entry.offset, bytes: entry.bytes, hash: entry.hash })
    }

    /// The bytes of a section, as they lie there. O(log sections): nothing is read or verified.
    ///
    /// # Errors
    /// When there is no such section.
    pub fn section(&self, name: &str) -> Result<&[u8], ContainerError> {
        let entry = self.entry(name)?;
        self.content(name, entry)
    }

    /// The words of a section, as they lie there. O(log sections): nothing is read or verified.
    ///
    /// # Errors
    /// When there is no such section, or its bytes are no whole number of words.
    pub fn words(&self, name: &str) -> Result<Words, ContainerError> {
        let entry = self.entry(name)?;
        let range = range(entry.offset, entry.bytes).ok_or_else(|| gone(name, entry))?;
        Words::foreign(Arc::clone(&self.memory), range).map_err(|error| match error {
            WordsError::Length { .. } => ContainerError::NotWords { name: name.to_owned(), bytes: entry.bytes },
            WordsError::Unaligned => ContainerError::Unaligned,
            WordsError::Outside { .. } => gone(name, entry),
        })
    }

    /// Reads a section and the space behind it and holds them against what was written. O(bytes).
    ///
    /// # Errors
    /// When there is no such section, or a byte of it is not what was written.
    pub fn verify_section(&self, name: &str) -> Result<(), ContainerError> {
        self.verify(name, self.entry(name)?)
    }

    /// Reads all sections, in the order in which they lie, and holds them against what was written. O(bytes).
    ///
    /// # Errors
    /// The first section that has a byte that is not what was written.
    pub fn verify_all(&self) -> Result<(), ContainerError> {
        let mut entries: Vec<_> = self.sections.iter().collect();
        entries.sort_unstable_by_key(|(_, entry)| (entry.offset, entry.bytes));
        entries.into_iter().try_for_each(|(name, entry)| self.verify(name, entry))
    }

    fn verify(&self, name: &str, entry: &Entry) -> Result<(), ContainerError> {
        if blake3::hash(self.content(name, entry)?).as_bytes() != &entry.hash {
            return Err(damaged(Part::section(name), entry.offset, end(entry), "its bytes do not have the hash that the directory has"));
        }
        let behind = end(entry);
        let next = aligned(behind).unwrap_or(behind);
        let space = slice(self.memory.bytes(), behind, next.saturating_sub(behind)).ok_or_else(|| gone(name, entry))?;
        if space.iter().any(|byte| *byte != 0) {
            return Err(damaged(Part::section(name), behind, next, "the space behind it is not zero"));
        }
        Ok(())
    }

    fn entry(&self, name: &str) -> Result<&Entry, ContainerError> {
        self.sections.get(name).ok_or_else(|| ContainerError::Missing { name: name.to_owned() })
    }

    fn content(&self, name: &str, entry: &Entry) -> Result<&[u8], ContainerError> {
        slice(self.memory.bytes(), entry.offset, entry.bytes).ok_or_else(|| gone(name, entry))
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Container");
        debug.field("root", &self.root).field("bytes", &self.bytes).field("sections", &self.sections.len()).finish_non_exhaustive()
    }
}

fn check_beginning(all: &[u8]) -> Result<(), ContainerError> {
    if all.is_empty() {
        return Err(ContainerError::Empty);
    }
    if !all.iter().zip(MAGIC).all(|(found, magic)| *found == magic) {
        return Err(ContainerError::Foreign { begins: Beginning::of(all) });
    }
    let cut = ContainerError::Cut { bytes: all.len() as u64 };
    let Some(version) = all.get(MAGIC.len()..).and_then(<[u8]>::first_chunk) else { return Err(cut) };
    let found = u32::from_le_bytes(*version);
    if found != FORMAT_VERSION {
        return Err(ContainerError::Version { found });
    }
    let Some(found) = all.first_chunk::<HEADER_BYTES>() else { return Err(cut) };
    if *found != header() {
        return Err(damaged(Part::Header, 0, HEADER_BYTES as u64, "there is more in it than magic, version and length"));
    }
    Ok(())
}

fn read_footer(all: &[u8]) -> Result<Footer, ContainerError> {
    let bytes = all.len() as u64;
    let cut = ContainerError::Cut { bytes };
    // A footer that is also the header is none: the shortest container has both.
    let Some(footer) = all.get(HEADER_BYTES..).and_then(|rest| rest.last_chunk::<FOOTER_BYTES>()) else { return Err(cut) };
    let footer = Footer::decode(footer);
    if footer.magic != MAGIC {
        return Err(cut);
    }
    if footer.file_bytes != bytes {
        return Err(ContainerError::Length { written: footer.file_bytes, bytes });
    }
    Ok(footer)
}

/// The bytes of the directory, which lies right before the footer.
fn read_directory<'a>(all: &'a [u8], footer: &Footer) -> Result<&'a [[u8; ENTRY_BYTES]], ContainerError> {
    let footer_at = footer.file_bytes.saturating_sub(FOOTER_BYTES as u64);
    let misplaced = |reason| damaged(Part::Footer, footer_at, footer.file_bytes, reason);
    let (from, length) = (footer.directory, footer.directory_bytes);
    let to = from.checked_add(length).ok_or_else(|| misplaced("its directory ends nowhere"))?;
    if from < HEADER_BYTES as u64 || aligned(from) != Some(from) || aligned(to) != Some(footer_at) {
        return Err(misplaced("its directory does not lie before it"));
    }
    let directory = slice(all, from, length).ok_or_else(|| misplaced("its directory is not there"))?;
    let (entries, rest) = directory.as_chunks();
    if !rest.is_empty() || entries.len() > MAX_SECTIONS {
        return Err(misplaced("its directory has a length that none can have"));
    }
    if Root::of(directory) != footer.root {
        return Err(damaged(Part::Directory, from, to, "its bytes do not have the hash that the footer has"));
    }
    let space = slice(all, to, footer_at.saturating_sub(to)).unwrap_or_default();
    if space.iter().any(|byte| *byte != 0) {
        return Err(damaged(Part::Directory, to, footer_at, "the space behind it is not zero"));
    }
    Ok(entries)
}

/// The sections, which fill the file between header and directory, one behind the other in the directory's order.
fn read_entries(directory: &[[u8; ENTRY_BYTES]], footer: &Footer) -> Result<BTreeMap<String, Entry>, ContainerError> {
    let mut sections = BTreeMap::new();
    let mut next = HEADER_BYTES as u64;
    for (from, bytes) in (footer.directory..).step_by(ENTRY_BYTES).zip(directory) {
        let wrong = |reason| damaged(Part::Directory, from, from.saturating_add(ENTRY_BYTES as u64), reason);
        let entry = Entry::decode(bytes);
        let name = unpadded(&entry.name).ok_or_else(|| wrong("a section has a name that none can have"))?;
        if entry.offset != next {
            return Err(wrong("a section does not begin where the one before it ends"));
        }
        let end = entry.end().and_then(aligned).filter(|end| *end <= footer.directory);
        next = end.ok_or_else(|| wrong("a section reaches into the directory"))?;
        if sections.insert(name.to_owned(), entry.clone()).is_some() {
            return Err(wrong("two sections have one name"));
        }
    }
    if next != footer.directory {
        let to = footer.directory.saturating_add(footer.directory_bytes);
        return Err(damaged(Part::Directory, footer.directory, to, "there is something between the last section and it"));
    }
    Ok(sections)
}

const fn damaged(part: Part, from: u64, to: u64, reason: &'static str) -> ContainerError {
    ContainerError::Damaged { part, from, to, reason }
}

/// A section that lay in the memory when the container was opened.
fn gone(name: &str, entry: &Entry) -> ContainerError {
    damaged(Part::section(name), entry.offset, end(entry), "it is not there any more")
}

/// Where a section ends. The directory was read, so there is such a number.
fn end(entry: &Entry) -> u64 {
    entry.end().unwrap_or(u64::MAX)
}

fn range(from: u64, bytes: u64) -> Option<Range<usize>> {
    let from = usize::try_from(from).ok()?;
    Some(from..from.checked_add(usize::try_from(bytes).ok()?)?)
}

fn slice(all: &[u8], from: u64, bytes: u64) -> Option<&[u8]> {
    all.get(range(from, bytes)?)
}
