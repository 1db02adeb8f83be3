//! Log entries and the chain that makes a history recognisable.
//!
//! Bytes of an entry: one version byte, the fields in Borsh, and the first 8 bytes of the BLAKE3 hash of all that. The hash tells cut or
//! flipped bytes at once; that an entry belongs to *this* history is what the [`Chain`] says.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::str::FromStr;

use borsh::{BorshDeserialize, BorshSerialize};
use dhow_schema::source::SINGLE_FILE;
use dhow_schema::{Compilation, MemorySources};

use crate::digest::Digest;
use crate::limits::{MAX_ENTRY_BYTES, MAX_ENTRY_CHANGES, MAX_ENTRY_LABEL_BYTES};
use crate::time::Timestamp;
use crate::tuple::{Tuple, TupleKey};

/// The version byte that this build writes and reads.
pub const ENTRY_VERSION: u8 = 1;

const CHECKSUM_BYTES: usize = 8;
const CHAIN_DOMAIN: &str = "dhow 2026-11 log chain 1: genesis";

/// A store's identity: 16 random bytes, made once and never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    /// In the hyphenated form of a UUID.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            if matches!(at, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreId({self})")
    }
}

/// A text that is no store id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a store id has 32 hexadecimal digits")]
pub struct StoreIdError;

impl FromStr for StoreId {
    type Err = StoreIdError;

    /// Reads 32 hexadecimal digits, hyphens between them left out.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: Vec<u8> = text
            .chars()
            .filter(|c| *c != '-')
            .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
            .collect::<Option<_>>()
            .ok_or(StoreIdError)?;
        let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair.iter().fold(0, |sum, digit| (sum << 4) | digit)).collect();
        if digits.len() != 32 {
            return Err(StoreIdError);
        }
        bytes.try_into().map(Self).map_err(|_| StoreIdError)
    }
}

/// The hash of a whole history: `chain n = BLAKE3(chain n-1, bytes of entry n)`; a store begins with the hash of its id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Chain(pub [u8; 32]);

impl Chain {
    /// The chain of a store at revision 0.
    #[must_use]
    pub fn genesis(store: StoreId) -> Self {
        Self(blake3::derive_key(CHAIN_DOMAIN, &store.0))
    }

    /// The chain after an entry with these bytes ([`Entry::encode`]).
    #[must_use]
    pub fn after(&self, encoded: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0);
        hasher.update(encoded);
        Self(*hasher.finalize().as_bytes())
    }

    /// The first 8 bytes, as tokens carry them.
    #[must_use]
    pub fn prefix(&self) -> [u8; 8] {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        [a, b, c, d, e, f, g, h]
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chain({self})")
    }
}

/// One step of a store's history.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Entry {
    /// Whose history.
    pub store: StoreId,
    /// 1, 2, 3 … without gaps.
    pub revision: u64,
    /// When it was committed; never before the entry before it.
    pub time: Timestamp,
    /// Who wrote it (the name of an identity), for the audit trail; at most [`MAX_ENTRY_LABEL_BYTES`].
    pub actor: String,
    /// The write request that it answers; at most [`MAX_ENTRY_LABEL_BYTES`].
    pub request_id: String,
    /// What changed.
    pub body: Body,
    /// The digest of the state after it.
    pub digest: Digest,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Body {
    /// Tuples came, went or were replaced: at most [`MAX_ENTRY_CHANGES`], each key once, in key order.
    Changes(Vec<Change>),
    /// A new schema version, in force from here on.
    Schema(SchemaText),
}

/// One tuple before and after an entry. At least one image is there; both have the same key.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize)]
pub struct Change {
    before: Option<Tuple>,
    after: Option<Tuple>,
}

impl Change {
    /// A tuple that was not there.
    #[must_use]
    pub const fn created(after: Tuple) -> Self {
        Self { before: None, after: Some(after) }
    }

    /// A tuple that is gone.
    #[must_use]
    pub const fn deleted(before: Tuple) -> Self {
        Self { before: Some(before), after: None }
    }

    /// A change from one image to the other; `None` when both are missing, or their keys differ.
    #[must_use]
    pub fn new(before: Option<Tuple>, after: Option<Tuple>) -> Option<Self> {
        let sound = match (&before, &after) {
            (Some(before), Some(after)) => before.key == after.key,
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        };
        sound.then_some(Self { before, after })
    }

    /// What was there.
    #[must_use]
    pub const fn before(&self) -> Option<&Tuple> {
        self.before.as_ref()
    }

    /// What is there now.
    #[must_use]
    pub const fn after(&self) -> Option<&Tuple> {
        self.after.as_ref()
    }

    /// The key of both images; `None` never happens.
    #[must_use]
    pub fn key(&self) -> Option<&TupleKey> {
        self.after.as_ref().or(self.before.as_ref()).map(|tuple| &tuple.key)
    }

    /// Bytes that this change adds to an entry: writers cut their work by the sum.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let image = |tuple: &Option<Tuple>| 1 + tuple.as_ref().map_or(0, |tuple| tuple.canonical_bytes().len());
        image(&self.before) + image(&self.after)
    }
}

impl BorshDeserialize for Change {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        Self::new(Option::deserialize_reader(reader)?, Option::deserialize_reader(reader)?)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a change without images, or of two keys"))
    }
}

/// A schema version as it was written.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SchemaText {
    /// 1, 2, 3 …: the store's schema versions, numbered by themselves.
    pub version: u64,
    /// The texts.
    pub source: SchemaSource,
}

impl SchemaText {
    /// The one byte form: what the digest is made of.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.source.text.len() + 64);
        // Writing to a vector cannot fail, and a schema of 4 GiB is refused long before.
        let _ = self.serialize(&mut bytes);
        bytes
    }
}

/// The texts of a schema.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SchemaSource {
    /// The language of all of them.
    pub language: SchemaLanguage,
    /// The main text.
    pub text: String,
    /// The texts that it imports, by their path from the folder of the main text.
    pub imports: BTreeMap<String, String>,
}

impl SchemaSource {
    /// One text of the native language.
    #[must_use]
    pub fn native(text: impl Into<String>) -> Self {
        Self { language: SchemaLanguage::Native, text: text.into(), imports: BTreeMap::new() }
    }

    /// Compiles the texts, the main one under the name [`SINGLE_FILE`]: the one way from a stored schema to its meaning.
    #[must_use]
    pub fn compile(&self) -> Compilation {
        let mut files = MemorySources::new();
        for (path, text) in &self.imports {
            files.insert(path, text);
        }
        files.insert(SINGLE_FILE, &self.text);
        match self.language {
            SchemaLanguage::Native => dhow_schema::compile(SINGLE_FILE, &files),
        }
    }
}

/// The languages that schemas are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub enum SchemaLanguage {
    /// dhow's own, the one policy authors know from `SpiceDB`.
    Native,
}

/// Bytes that are no entry, or an entry that may not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Of a kind that this build cannot read.
    #[error("the entry has version {found}, this build reads {ENTRY_VERSION}")]
    Version {
        /// Its version byte.
        found: u8,
    },
    /// Cut short, changed, or never an entry.
    #[error("the bytes are no entry: {reason}")]
    Corrupt {
        /// What gave it away.
        reason: &'static str,
    },
    /// More than [`MAX_ENTRY_BYTES`].
    #[error("the entry has {bytes} bytes, at most {MAX_ENTRY_BYTES} are allowed")]
    TooLarge {
        /// Its encoded length.
        bytes: usize,
    },
    /// More than [`MAX_ENTRY_CHANGES`].
    #[error("the entry has {changes} changes, at most {MAX_ENTRY_CHANGES} are allowed")]
    TooManyChanges {
        /// How many it has.
        changes: usize,
    },
    /// Changes that are not in key order, or two of one key.
    #[error("the changes of an entry are in key order, each key once")]
    ChangeOrder,
    /// An actor or a request id of more than [`MAX_ENTRY_LABEL_BYTES`].
    #[error("actor and request id have at most {MAX_ENTRY_LABEL_BYTES} bytes")]
    LabelTooLong,
}

impl EntryError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Version { .. } => "entry_version",
            Self::Corrupt { .. } => "entry_corrupt",
            Self::TooLarge { .. } => "entry_too_large",
            Self::TooManyChanges { .. } => "entry_too_many_changes",
            Self::ChangeOrder => "entry_change_order",
            Self::LabelTooLong => "entry_label_too_long",
        }
    }
}

impl Entry {
    /// The bytes of this entry. O(bytes).
    ///
    /// # Errors
    /// When the entry breaks a limit: such an entry may not be written.
    pub fn encode(&self) -> Result<Vec<u8>, EntryError> {
        self.check()?;
        let mut bytes = vec![ENTRY_VERSION];
        self.serialize(&mut bytes).map_err(|_| EntryError::Corrupt { reason: "a field is too long" })?;
        bytes.extend_from_slice(&checksum(&bytes));
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(EntryError::TooLarge { bytes: bytes.len() });
        }
        Ok(bytes)
    }

    /// The entry with these bytes. O(bytes).
    ///
    /// # Errors
    /// When the bytes are too many, of another version, cut, changed, or hold what is not valid.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        let entry = Self::try_from_slice(fields(bytes)?).map_err(|_| INVALID_FIELD)?;
        entry.check()?;
        Ok(entry)
    }

    fn check(&self) -> Result<(), EntryError> {
        check_labels(&self.actor, &self.request_id)?;
        match &self.body {
            Body::Changes(changes) if changes.len() > MAX_ENTRY_CHANGES => Err(EntryError::TooManyChanges { changes: changes.len() }),
            Body::Changes(changes) if !changes.is_sorted_by(|a, b| a.key() < b.key()) => Err(EntryError::ChangeOrder),
            Body::Changes(_) | Body::Schema(_) => Ok(()),
        }
    }
}

/// Who wrote an entry, and when: the entry without what it does.
#[derive(Debug, Clone, PartialEq, Eq, BorshDeserialize)]
pub struct EntryLabel {
    /// Whose history.
    pub store: StoreId,
    /// The entry's number.
    pub revision: u64,
    /// When it was committed.
    pub time: Timestamp,
    /// Who wrote it.
    pub actor: String,
    /// The write request that it answers.
    pub request_id: String,
}

impl EntryLabel {
    /// The label of the entry with these bytes. The checksum says that all of them are an entry's; what is behind the label is not
    /// read, and takes no memory. O(bytes).
    ///
    /// # Errors
    /// When the bytes are too many, of another version, cut or changed, or the label is not valid.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        // An entry begins with these fields, in this order.
        let label = Self::deserialize(&mut fields(bytes)?).map_err(|_| INVALID_FIELD)?;
        check_labels(&label.actor, &label.request_id)?;
        Ok(label)
    }
}

const INVALID_FIELD: EntryError = EntryError::Corrupt { reason: "a field is not valid" };

/// The fields of the entry with these bytes, its frame taken off and verified.
fn fields(bytes: &[u8]) -> Result<&[u8], EntryError> {
    if bytes.len() > MAX_ENTRY_BYTES {
        return Err(EntryError::TooLarge { bytes: bytes.len() });
    }
    let (content, sum) = bytes
        .len()
        .checked_sub(CHECKSUM_BYTES)
        .and_then(|end| bytes.split_at_checked(end))
        .ok_or(EntryError::Corrupt { reason: "too short" })?;
    let (version, fields) = content.split_first().ok_or(EntryError::Corrupt { reason: "too short" })?;
    if *version != ENTRY_VERSION {
        return Err(EntryError::Version { found: *version });
    }
    if checksum(content) != sum {
        return Err(EntryError::Corrupt { reason: "the checksum differs" });
    }
    Ok(fields)
}

fn check_labels(actor: &str, request_id: &str) -> Result<(), EntryError> {
    if actor.len() > MAX_ENTRY_LABEL_BYTES || request_id.len() > MAX_ENTRY_LABEL_BYTES {
        return Err(EntryError::LabelTooLong);
    }
    Ok(())
}

/// The first 8 bytes of the hash of `content`.
fn checksum(content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(content).as_bytes();
    [a, b, c, d, e, f, g, h]
}

#[cfg(test)]
mod tests;
