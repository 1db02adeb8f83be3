//! What can be wrong with a container, and with writing one.

use std::fmt;
use std::io;

use super::layout::{FORMAT_VERSION, MAX_SECTION_NAME_BYTES, MAX_SECTIONS};

/// A part of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The first 64 bytes.
    Header,
    /// The list of sections.
    Directory,
    /// The last 64 bytes.
    Footer,
    /// One section, or the zeros behind it.
    Section {
        /// Its name.
        name: String,
    },
}

impl Part {
    pub(super) fn section(name: &str) -> Self {
        Self::Section { name: name.to_owned() }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("the header"),
            Self::Directory => f.write_str("the directory"),
            Self::Footer => f.write_str("the footer"),
            Self::Section { name } => write!(f, "section `{name}`"),
        }
    }
}

/// The first bytes of something, to tell what it may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning(Box<[u8]>);

impl Beginning {
    /// How much is shown: the signatures of most formats are shorter.
    const BYTES: usize = 16;

    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(bytes.iter().copied().take(Self::BYTES).collect())
    }
}

impl fmt::Display for Beginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Bytes that are no snapshot file, or not the one that was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// Nothing at all.
    #[error("no dhow snapshot: the file is empty")]
    Empty,
    /// Something else.
    #[error("no dhow snapshot: the file begins with {begins}")]
    Foreign {
        /// How it begins.
        begins: Beginning,
    },
    /// A snapshot of another version.
    #[error("the snapshot has format version {found}, this build reads version {FORMAT_VERSION}")]
    Version {
        /// What the header says.
        found: u32,
    },
    /// A snapshot without its end.
    #[error("the snapshot is cut: its {bytes} bytes do not end as a snapshot does")]
    Cut {
        /// How many bytes there are.
        bytes: u64,
    },
    /// A snapshot whose end is another one's.
    #[error("the snapshot is cut or has something in it that is not its own: it was written with {written} bytes and has {bytes}")]
    Length {
        /// What the footer says.
        written: u64,
        /// How many bytes there are.
        bytes: u64,
    },
    /// Bytes that are not those that were written.
    #[error("{part} of the snapshot is damaged, in bytes {from} to {to}: {reason}")]
    Damaged {
        /// Where.
        part: Part,
        /// The first byte of what was found damaged.
        from: u64,
        /// The byte behind it.
        to: u64,
        /// What was found.
        reason: &'static str,
    },
    /// A section that is not there.
    #[error("the snapshot has no section `{name}`")]
    Missing {
        /// What was asked for.
        name: String,
    },
    /// A section that was not written as words.
    #[error("section `{name}` has {bytes} bytes, which is no whole number of words")]
    NotWords {
        /// Its name.
        name: String,
        /// Its length.
        bytes: u64,
    },
    /// Memory in which words cannot lie.
    #[error("the snapshot lies in memory at an address that is no multiple of 4")]
    Unaligned,
}

impl ContainerError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty | Self::Foreign { .. } => "snapshot_not_one",
            Self::Version { .. } => "snapshot_version",
            Self::Cut { .. } | Self::Length { .. } => "snapshot_cut",
            Self::Damaged { .. } => "snapshot_damaged",
            Self::Missing { .. } => "snapshot_missing_section",
            Self::NotWords { .. } => "snapshot_not_words",
            Self::Unaligned => "snapshot_unaligned",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Empty | Self::Foreign { .. } => "name a file that dhow wrote as a snapshot",
            Self::Version { .. } => "use the build that wrote it, or write it anew: nothing is lost, the log has everything",
            Self::Cut { .. } | Self::Length { .. } => "copy the whole file again, or write it anew from the log",
            Self::Damaged { .. } => "copy the file again or write it anew from the log, and look at the disk that it was on",
            Self::Missing { .. } | Self::NotWords { .. } => "the file was written for something else: write it anew with this build",
            Self::Unaligned => "map the file from its beginning, or copy it into `AlignedBytes`",
        }
    }
}

/// A container that was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The bytes could not be put where they go.
    #[error("the snapshot could not be written")]
    Io(#[source] io::Error),
    /// A name that cannot be one.
    #[error("`{name}` cannot name a section: 1 to {MAX_SECTION_NAME_BYTES} of a-z, 0-9, `-`, `_` and `.`")]
    Name {
        /// The name.
        name: String,
    },
    /// A name that is taken.
    #[error("the snapshot has a section `{name}` already")]
    Repeated {
        /// The name.
        name: String,
    },
    /// A section too many.
    #[error("a snapshot has at most {MAX_SECTIONS} sections")]
    TooMany,
    /// Writing was given up in the middle, so nothing can follow.
    #[error("the snapshot was left in the middle of section `{name}`")]
    Unfinished {
        /// The section that was not ended.
        name: String,
    },
}

impl WriteError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "snapshot_write",
            Self::Name { .. } => "snapshot_section_name",
            Self::Repeated { .. } => "snapshot_section_repeated",
            Self::TooMany => "snapshot_section_count",
            Self::Unfinished { .. } => "snapshot_section_unfinished",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Io(_) => "look at the cause (the disk is full, say) and write the file again from its beginning",
            Self::Name { .. } | Self::Repeated { .. } => "choose another name",
            Self::TooMany => "put several arrays into one section",
            Self::Unfinished { .. } => "write the file again from its beginning, and end each section",
        }
    }
}
