//! Writing a container: one pass forward, so that it can go into a file, a socket or a vector alike.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};

use super::error::WriteError;
use super::layout::{
    Entry, FOOTER_BYTES, Footer, HEADER_BYTES, MAGIC, MAX_SECTION_NAME_BYTES, MAX_SECTIONS, Root, ZEROS, aligned, header, padded, unpadded,
};

/// Writes a container. Give it a `BufWriter`, or `&mut` of one to sync the file afterwards; memory is O(sections).
///
/// ```
/// use dhow_engine::snapshot::container::{Container, Writer};
/// use dhow_engine::words::AlignedBytes;
///
/// let mut file = Vec::new();
/// let mut writer = Writer::new(&mut file)?;
/// writer.words("offsets", &[0, 2, 5])?;
/// writer.section("names", b"ada, bob")?;
/// let summary = writer.finish()?;
///
/// let container = Container::open(std::sync::Arc::new(AlignedBytes::copy_of(&file)))?;
/// container.verify_all()?;
/// assert_eq!(container.root(), summary.root);
/// assert_eq!(container.words("offsets")?.as_slice(), [0, 2, 5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Writer<W: Write> {
    out: W,
    /// How many bytes were written.
    at: u64,
    entries: Vec<Entry>,
    names: BTreeSet<[u8; MAX_SECTION_NAME_BYTES]>,
    /// The section that is being written. If its writer is dropped or the output fails, it stays here and nothing can follow.
    open: Option<Open>,
}

/// A section of which the end is not known yet.
struct Open {
    name: [u8; MAX_SECTION_NAME_BYTES],
    offset: u64,
    hash: blake3::Hasher,
    /// Whether the output refused some of it.
    failed: bool,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// The identity of the file.
    pub root: Root,
    /// How many bytes it has.
    pub bytes: u64,
    /// How many sections.
    pub sections: usize,
}

impl<W: Write> Writer<W> {
    /// Begins a container.
    ///
    /// # Errors
    /// When the header cannot be written.
    pub fn new(mut out: W) -> Result<Self, WriteError> {
        out.write_all(&header()).map_err(WriteError::Io)?;
        Ok(Self { out, at: HEADER_BYTES as u64, entries: Vec::new(), names: BTreeSet::new(), open: None })
    }

    /// Writes a section of bytes. O(bytes).
    ///
    /// # Errors
    /// As [`Self::begin`], and when the output fails.
    pub fn section(&mut self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        let mut section = self.begin(name)?;
        section.append(bytes)?;
        section.end()
    }

    /// Writes a section of words. O(words).
    ///
    /// # Errors
    /// As [`Self::begin`], and when the output fails.
    pub fn words(&mut self, name: &str, words: &[u32]) -> Result<(), WriteError> {
        let mut section = self.begin(name)?;
        section.words(words)?;
        section.end()
    }

    /// Begins a section whose bytes come piece by piece. It is whole when [`SectionWriter::end`] was called.
    ///
    /// # Errors
    /// When the name cannot be one or is taken, there are too many sections, or an earlier one was not ended.
    pub fn begin(&mut self, name: &str) -> Result<SectionWriter<'_, W>, WriteError> {
        self.refuse_unfinished()?;
        let padded = padded(name).ok_or_else(|| WriteError::Name { name: name.to_owned() })?;
        if self.entries.len() >= MAX_SECTIONS {
            return Err(WriteError::TooMany);
        }
        if !self.names.insert(padded) {
            return Err(WriteError::Repeated { name: name.to_owned() });
        }
        self.open = Some(Open { name: padded, offset: self.at, hash: blake3::Hasher::new(), failed: false });
        Ok(SectionWriter { writer: self })
    }

    /// Writes directory and footer, and flushes. The file is whole only if this succeeds.
    ///
    /// # Errors
    /// When a section was not ended, or the output fails.
    pub fn finish(mut self) -> Result<Summary, WriteError> {
        self.refuse_unfinished()?;
        let directory: Vec<u8> = self.entries.iter().flat_map(Entry::encode).collect();
        let (root, offset) = (Root::of(&directory), self.at);
        self.put(&directory)?;
        self.pad()?;
        let bytes = self.at.saturating_add(FOOTER_BYTES as u64);
        let footer = Footer { directory: offset, directory_bytes: directory.len() as u64, file_bytes: bytes, root, magic: MAGIC };
        self.put(&footer.encode())?;
        self.out.flush().map_err(WriteError::Io)?;
        Ok(Summary { root, bytes, sections: self.entries.len() })
    }

    fn refuse_unfinished(&self) -> Result<(), WriteError> {
        match &self.open {
            Some(open) => Err(WriteError::Unfinished { name: unpadded(&open.name).unwrap_or_default().to_owned() }),
            None => Ok(()),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.out.write_all(bytes).map_err(WriteError::Io)?;
        self.at = self.at.saturating_add(bytes.len() as u64);
        Ok(())
    }

    fn pad(&mut self) -> Result<(), WriteError> {
        let zeros = aligned(self.at).unwrap_or(self.at).saturating_sub(self.at);
        let zeros = usize::try_from(zeros).unwrap_or_default();
        self.put(ZEROS.get(..zeros).unwrap_or_default())
    }
}

/// Writes one section piece by piece. Dropped without [`Self::end`], it spoils the file, and the writer refuses to go on.
///
/// It is a [`Write`], so that whatever serialises itself can do so into a section. After an error the section cannot be ended.
#[must_use = "a section that is not ended spoils the file"]
pub struct SectionWriter<'a, W: Write> {
    writer: &'a mut Writer<W>,
}

impl<W: Write> SectionWriter<'_, W> {
    /// Appends bytes. O(bytes); pieces of 64 KiB and more are hashed fastest.
    ///
    /// # Errors
    /// When the output fails.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.write_all(bytes).map_err(WriteError::Io)
    }

    /// Appends words. O(words).
    ///
    /// # Errors
    /// When the output fails.
    pub fn words(&mut self, words: &[u32]) -> Result<(), WriteError> {
        self.append(bytemuck::must_cast_slice(words))
    }

    /// Ends the section.
    ///
    /// # Errors
    /// When the output fails, or has failed before.
    pub fn end(self) -> Result<(), WriteError> {
        let writer = self.writer;
        let end = writer.at;
        writer.pad()?;
        if let Some(Open { name, offset, hash, .. }) = writer.open.take_if(|open| !open.failed) {
            let (bytes, hash) = (end.saturating_sub(offset), *hash.finalize().as_bytes());
            writer.entries.push(Entry { name, offset, bytes, hash });
        }
        writer.refuse_unfinished()
    }
}

impl<W: Write> Write for SectionWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.out.write(bytes);
        let Some(open) = &mut self.writer.open else { return written };
        match &written {
            Ok(0) => open.failed |= !bytes.is_empty(),
            Ok(count) => {
                open.hash.update(bytes.get(..*count).unwrap_or_default());
                self.writer.at = self.writer.at.saturating_add(*count as u64);
            }
            Err(error) => open.failed |= error.kind() != io::ErrorKind::Interrupted,
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.out.flush()
    }
}

impl<W: Write> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("bytes", &self.at).field("sections", &self.entries.len()).finish_non_exhaustive()
    }
}

impl<W: Write> fmt::Debug for SectionWriter<'_, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SectionWriter").field("writer", &self.writer).finish()
    }
}
