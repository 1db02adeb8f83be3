//! Cursors: where a paged list goes on, bound to everything that its first page was answered from.
//!
//! A cursor names the store, the history, the revision, the schema version and the time that the first page was evaluated at, and a
//! hash of the request; so that all pages together are one list at one moment (docs/decisions/0006). It is checked, not signed:
//! it grants nothing that the request would not.

use std::fmt;

use dhow_engine::entry::StoreId;
use dhow_engine::time::Timestamp;

use super::token::{ChainPrefix, Fields, Token, seal, unseal_whole};

const VERSION: u8 = 1;
const CHECKSUM_BYTES: usize = 8;

/// A hash of everything in a request that its pages must agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestHash([u8; 16]);

impl RequestHash {
    /// The hash of a request's canonical bytes: its kind and all its fields but the page size and the cursor.
    pub(crate) fn of(canonical: &[u8]) -> Self {
        let mut hash = [0; 16];
        blake3::Hasher::new_derive_key("dhow 2026-11 cursor request").update(canonical).finalize_xof().fill(&mut hash);
        Self(hash)
    }
}

/// Where the next page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The store, history and revision that the first page was answered at.
    pub(crate) at: Token,
    /// The schema version that it was evaluated under.
    pub(crate) schema_version: u64,
    /// Which request.
    pub(crate) request: RequestHash,
    /// The request's time.
    pub(crate) time: Timestamp,
    /// The last key that was sent, in the list's own form.
    pub(crate) last_key: Vec<u8>,
}

/// Why a cursor is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CursorError {
    /// Not a cursor at all, or damaged.
    #[error("the cursor is damaged or is none")]
    Malformed,
    /// It was made by another request.
    #[error("the cursor belongs to another request")]
    OtherRequest,
    /// It was made for another store.
    #[error("the cursor belongs to another store")]
    OtherStore,
}

impl CursorError {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "DH-R020",
            Self::OtherRequest => "DH-R021",
            Self::OtherStore => "DH-R022",
        }
    }

    /// What to do.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Malformed => "pass `next_cursor` on exactly as the page before carried it",
            Self::OtherRequest => "send the same request for every page; only page size and cursor may differ",
            Self::OtherStore => "name the store that the first page was read from",
        }
    }
}

impl Cursor {
    /// Reads a cursor that must belong to this request to this store.
    ///
    /// # Errors
    /// Damaged, or another request's, or another store's.
    pub(crate) fn parse(text: &str, store: StoreId, request: RequestHash) -> Result<Self, CursorError> {
        let body = unseal_whole::<CHECKSUM_BYTES>(text).ok_or(CursorError::Malformed)?;
        let cursor = Self::read(&body).ok_or(CursorError::Malformed)?;
        if cursor.at.store != store {
            return Err(CursorError::OtherStore);
        }
        if cursor.request != request {
            return Err(CursorError::OtherRequest);
        }
        Ok(cursor)
    }

    fn read(body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        if fields.take::<1>()? != [VERSION] {
            return None;
        }
        let store = StoreId(fields.take()?);
        let revision = u64::from_be_bytes(fields.take()?);
        let chain = ChainPrefix(fields.take()?);
        let schema_version = u64::from_be_bytes(fields.take()?);
        let request = RequestHash(fields.take()?);
        let time = Timestamp::from_microseconds(i64::from_be_bytes(fields.take()?));
        let at = Token { store, revision, chain };
        Some(Self { at, schema_version, request, time, last_key: fields.0.to_vec() })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(&self.at.store.0);
        bytes.extend_from_slice(&self.at.revision.to_be_bytes());
        bytes.extend_from_slice(&self.at.chain.0);
        bytes.extend_from_slice(&self.schema_version.to_be_bytes());
        bytes.extend_from_slice(&self.request.0);
        bytes.extend_from_slice(&self.time.microseconds().to_be_bytes());
        bytes.extend_from_slice(&self.last_key);
        f.write_str(&seal::<CHECKSUM_BYTES>(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORE: StoreId = StoreId(*b"0123456789abcdef");

    fn cursor(last_key: &[u8]) -> Cursor {
        Cursor {
            at: Token { store: STORE, revision: 9, chain: ChainPrefix(*b"fedcba98") },
            schema_version: 3,
            request: RequestHash::of(b"list"),
            time: Timestamp::from_microseconds(1_234_567),
            last_key: last_key.to_vec(),
        }
    }

    #[test]
    fn text_and_back_is_identity() {
        for last_key in [&b""[..], b"doc:1", &[0; 2_000]] {
            let cursor = cursor(last_key);
            assert_eq!(Cursor::parse(&cursor.to_string(), STORE, RequestHash::of(b"list")), Ok(cursor));
        }
    }

    #[test]
    fn a_cursor_serves_only_its_own_request_and_store() {
        let text = cursor(b"doc:1").to_string();
        assert_eq!(Cursor::parse(&text, STORE, RequestHash::of(b"other")).unwrap_err().code(), "DH-R021");
        let other = StoreId([7; 16]);
        assert_eq!(Cursor::parse(&text, other, RequestHash::of(b"list")).unwrap_err().code(), "DH-R022");
    }

    #[test]
    fn a_damaged_cursor_is_refused() {
        let text = cursor(b"doc:1").to_string();
        for at in 0..text.len() {
            let damaged: String =
                text.chars().enumerate().map(|(i, c)| if i == at { if c == 'A' { 'B' } else { 'A' } } else { c }).collect();
            assert_eq!(Cursor::parse(&damaged, STORE, RequestHash::of(b"list")).unwrap_err().code(), "DH-R020", "{damaged}");
        }
        for damaged in ["", "A", "doc:1", text.get(..40).unwrap()] {
            assert_eq!(Cursor::parse(damaged, STORE, RequestHash::of(b"list")).unwrap_err().code(), "DH-R020");
        }
    }
}
