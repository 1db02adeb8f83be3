//! Between entries of the log and the messages of the topic: `dhow.changelog.v1`, described in docs/changelog.md.
//!
//! The canonical bytes in a message are the truth: [`decode`] reads them, and of the readable fields nothing. What a message says of
//! itself beside them (store, revision, chain) is held against them, so that a message that was cut, mixed up or made by somebody else
//! is an error and never an entry.

use std::sync::Arc;

use dhow_engine::entry::{Body, Chain, Change, Entry, EntryError, SchemaLanguage, SchemaText, StoreId};
use dhow_engine::limits::MAX_ENTRY_BYTES;
use dhow_engine::time::Timestamp;
use dhow_proto::changelog as wire;
use prost::Message;

use crate::api::convert::{timestamp_to_wire, tuple_to_wire};
use crate::store::{LogRecord, StoreInfo};

/// The form of messages that this build writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;

/// Most bytes of a message. An entry's readable half takes at most four times its canonical bytes: a list of nulls, of which each is
/// one byte there and four here.
pub(super) const MAX_MESSAGE_BYTES: usize = 8 * MAX_ENTRY_BYTES;

/// An entry on its way to the topic.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    /// Whose history.
    pub(super) store: &'a StoreInfo,
    /// The chain before it, where it is known.
    pub(super) previous: Option<Chain>,
    /// The entry and the chain up to it.
    pub(super) record: &'a LogRecord,
    /// Its canonical bytes.
    pub(super) bytes: Vec<u8>,
    /// The relay's term.
    pub(super) epoch: u64,
    /// Whether it is the first of a history that takes the place of the one that was published.
    pub(super) anew: bool,
}

/// What a message of the topic says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// An entry of a store's log.
    Entry(Box<Incoming>),
    /// Everything that was answered as written before a time stands in this partition before this message.
    Mark(Timestamp),
    /// A store was removed.
    Gone(StoreId),
}

/// An entry as the topic carried it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incoming {
    /// What the store was called when it was published.
    pub(crate) store_name: String,
    /// The term of the relay that published it.
    pub(crate) epoch: u64,
    /// The chain before it, where the relay knew it.
    pub(crate) previous: Option<Chain>,
    /// Whether it is the first of a history that takes the place of the one that was published.
    pub(crate) anew: bool,
    /// The entry and the chain up to it.
    pub(crate) record: LogRecord,
}

/// A message that is no entry, or none that this build can read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MessageError {
    /// No protobuf of ours.
    #[error("the message is no entry of a changelog")]
    Foreign,
    /// Written in a form that came later.
    #[error("the message has format {found}, this build reads {FORMAT}")]
    Format {
        /// Its form.
        found: u32,
    },
    /// Its canonical bytes cannot be read.
    #[error("the message's entry cannot be read")]
    Entry(#[from] EntryError),
    /// What it says of its entry is not so.
    #[error("the message contradicts its entry: {what} differs")]
    Contradiction {
        /// What differs.
        what: &'static str,
    },
}

impl MessageError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Foreign => "DH-L010",
            Self::Format { .. } => "DH-L011",
            Self::Entry(_) => "DH-L012",
            Self::Contradiction { .. } => "DH-L013",
        }
    }
}

/// The key of a store's messages: its id, as people write it.
pub(super) fn key(store: StoreId) -> String {
    store.to_string()
}

/// The message of an entry. O(bytes).
pub(super) fn encode(outgoing: Outgoing<'_>) -> Vec<u8> {
    let Outgoing { store, previous, record, bytes, epoch, anew } = outgoing;
    let entry = &record.entry;
    let message = wire::ChangelogEntry {
        format: FORMAT,
        store_id: key(entry.store),
        store_name: store.name.clone(),
        revision: entry.revision,
        previous_chain: previous.map(|chain| chain.0.to_vec()).unwrap_or_default(),
        chain: record.chain.0.to_vec(),
        epoch,
        entry: bytes,
        time: Some(timestamp_to_wire(entry.time)),
        actor: entry.actor.clone(),
        request_id: entry.request_id.clone(),
        body: Some(match &entry.body {
            Body::Changes(changes) => {
                wire::changelog_entry::Body::Changes(wire::Changes { changes: changes.iter().map(change_to_wire).collect() })
            }
            Body::Schema(schema) => wire::changelog_entry::Body::Schema(schema_to_wire(schema)),
        }),
        anew,
        ..wire::ChangelogEntry::default()
    };
    message.encode_to_vec()
}

/// The message of a mark.
pub(super) fn encode_mark(caught_up_at: Timestamp, epoch: u64) -> Vec<u8> {
    let caught_up_at = Some(timestamp_to_wire(caught_up_at));
    wire::ChangelogEntry { format: FORMAT, epoch, caught_up_at, ..wire::ChangelogEntry::default() }.encode_to_vec()
}

/// The message that a store was removed.
pub(super) fn encode_gone(store: StoreId, removed_at: Timestamp, epoch: u64) -> Vec<u8> {
    let removed_at = Some(timestamp_to_wire(removed_at));
    wire::ChangelogEntry { format: FORMAT, store_id: key(store), epoch, removed_at, ..wire::ChangelogEntry::default() }.encode_to_vec()
}

fn change_to_wire(change: &Change) -> wire::Change {
    wire::Change { before: change.before().map(tuple_to_wire), after: change.after().map(tuple_to_wire) }
}

fn schema_to_wire(schema: &SchemaText) -> wire::Schema {
    let language = match schema.source.language {
        SchemaLanguage::Native => "native",
    };
    wire::Schema {
        version: schema.version,
        language: language.to_owned(),
        text: schema.source.text.clone(),
        imports: schema.source.imports.clone(),
    }
}

/// The fields of a message that dhow reads. The readable half is skipped, not read: it nests as deeply as contexts do, and readers of
/// protobuf have bounds of their own for that.
#[derive(Clone, PartialEq, Eq, Message)]
struct Truth {
    #[prost(uint32, tag = "1")]
    format: u32,
    #[prost(string, tag = "2")]
    store_id: String,
    #[prost(string, tag = "3")]
    store_name: String,
    #[prost(uint64, tag = "4")]
    revision: u64,
    #[prost(bytes = "vec", tag = "5")]
    previous_chain: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    chain: Vec<u8>,
    #[prost(uint64, tag = "7")]
    epoch: u64,
    #[prost(bytes = "vec", tag = "8")]
    entry: Vec<u8>,
    #[prost(message, optional, tag = "14")]
    caught_up_at: Option<prost_types::Timestamp>,
    #[prost(message, optional, tag = "15")]
    removed_at: Option<prost_types::Timestamp>,
    #[prost(bool, tag = "16")]
    anew: bool,
}

/// Whatever the numbers are, they come to some time.
fn time_of(time: &prost_types::Timestamp) -> Timestamp {
    Timestamp::from_microseconds(time.seconds.saturating_mul(1_000_000).saturating_add(i64::from(time.nanos) / 1_000))
}

/// What a message says, with the term of the relay that published it. An entry is verified as far as one message can be: its bytes, its
/// chain, and that both belong together. O(bytes).
///
/// # Errors
/// [`MessageError`]; whatever the bytes are, it is no panic.
pub(crate) fn decode(payload: &[u8]) -> Result<(u64, Said), MessageError> {
    if payload.len() > MAX_MESSAGE_BYTES {
        return Err(MessageError::Foreign);
    }
    let message = Truth::decode(payload).map_err(|_| MessageError::Foreign)?;
    match message.format {
        FORMAT => {}
        0 => return Err(MessageError::Foreign),
        found => return Err(MessageError::Format { found }),
    }
    let epoch = message.epoch;
    let is_notice = message.entry.is_empty() && message.chain.is_empty() && message.revision == 0;
    match (&message.caught_up_at, &message.removed_at) {
        (Some(time), None) if is_notice && message.store_id.is_empty() => Ok((epoch, Said::Mark(time_of(time)))),
        (None, Some(_)) if is_notice => {
            let store = message.store_id.parse().map_err(|_| MessageError::Contradiction { what: "the store" })?;
            Ok((epoch, Said::Gone(store)))
        }
        (Some(_), _) | (None, _) => Ok((epoch, Said::Entry(Box::new(entry(message)?)))),
    }
}

fn entry(message: Truth) -> Result<Incoming, MessageError> {
    let entry = Entry::decode(&message.entry)?;
    let differs = |what| MessageError::Contradiction { what };
    if message.store_id.parse() != Ok(entry.store) {
        return Err(differs("the store"));
    }
    if message.revision != entry.revision {
        return Err(differs("the revision"));
    }
    let chain: [u8; 32] = message.chain.try_into().map_err(|_| differs("the chain"))?;
    let previous = match message.previous_chain.as_slice() {
        [] => None,
        bytes => Some(Chain(bytes.try_into().map_err(|_| differs("the chain before"))?)),
    };
    if previous.is_some_and(|previous| previous.after(&message.entry).0 != chain) {
        return Err(differs("the chain"));
    }
    Ok(Incoming {
        store_name: message.store_name,
        epoch: message.epoch,
        previous,
        anew: message.anew,
        record: LogRecord { chain: Chain(chain), entry: Arc::new(entry) },
    })
}

/// The term of the relay that published a message, if it is one of ours: what a new relay has to be above.
pub(super) fn epoch(payload: &[u8]) -> Option<u64> {
    let message = Truth::decode(payload).ok()?;
    (message.format != 0).then_some(message.epoch)
}

#[cfg(test)]
mod tests;
