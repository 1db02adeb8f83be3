//! A head held against the log that it is the end of.
//!
//! Chain and digest of a head are copies: the log's last entry records both. A write that went on from a wrong copy would put what is
//! wrong into the log, for good, and no node could fold it; so the copies are compared before anything is built on them
//! (docs/decisions/0016).
//!
//! **Invariant:** where the log has the head's entry, the digest that counts is the entry's. A wrong copy is told, and mended by
//! the next write. A chain that differs ends the call: there are two histories, and nothing here says which is ours.

use dhow_engine::digest::Digest;
use dhow_engine::entry::StoreId;

use super::error::DatastoreError;
use super::rows::Reading;
use super::{Head, LogRecord};

/// The columns of an entry that say where the log is: its chain, and the digest, of which an entry's last bytes are the version, 32 bytes
/// of its own and 8 of the checksum. So that it is not read whole.
macro_rules! logged_columns {
    ($log:literal) => {
        concat!($log, ".chain, substr(", $log, ".entry, length(", $log, ".entry) - 40, 33)")
    };
}
pub(super) use logged_columns;

impl Reading<'_> {
    /// Whether the head is where the log is by `logged_columns` from a column on; also where the log has no such entry.
    ///
    /// # Errors
    /// When the columns cannot be read.
    pub(super) fn is_logged(&self, head: &Head, from: usize) -> Result<bool, DatastoreError> {
        let failed = || DatastoreError::sql("compare the head with the log");
        let chain = self.row.bytes(from).map_err(failed())?;
        let digest = self.row.bytes(from + 1).map_err(failed())?;
        let same = |digest: &[u8]| borsh::from_slice::<Digest>(digest).is_ok_and(|digest| digest == head.digest);
        Ok(chain.is_none_or(|chain| chain == head.chain.0) && digest.is_none_or(same))
    }
}

/// A head that is not where the log is, as the log has it; `record` is the head's entry.
///
/// # Errors
/// [`DatastoreError::HeadWrong`] when the log has another chain there.
pub(super) fn by_the_log(store: StoreId, head: Head, record: Option<&LogRecord>) -> Result<Head, DatastoreError> {
    let Some(record) = record else { return Ok(head) };
    let wrong = |what| DatastoreError::HeadWrong { store, revision: head.revision, what };
    if record.chain != head.chain {
        return Err(wrong("chain"));
    }
    if record.entry.digest == head.digest {
        return Ok(head);
    }
    let error = wrong("digest");
    tracing::error!(%store, code = error.code(), "{error}; the log's is used, and the next write puts it right");
    Ok(Head { digest: record.entry.digest, ..head })
}
