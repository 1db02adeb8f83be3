//! The log held against its own chain.

use std::collections::BTreeSet;

use dhow_engine::entry::{Chain, StoreId};

use super::{Check, Subject, is_find};
use crate::store::{Datastore, DatastoreError};

/// Entries that are read at once.
pub(super) const PAGE: usize = 500;

/// How much of the log is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogPart {
    /// All that there is.
    Whole,
    /// So many entries behind a revision; from the beginning, if the log begins later or ends before.
    Behind {
        /// The revision.
        after: u64,
        /// How many.
        most: u64,
    },
}

/// Hashes entries anew and compares the chain; and the revision to go on behind. O(bytes of the entries).
///
/// The first entry of a log that has lost its beginning is taken as it is: what was before it is not known.
///
/// # Errors
/// When the database cannot be asked.
pub(crate) async fn log(datastore: &dyn Datastore, store: StoreId, part: LogPart) -> Result<(Check, u64), DatastoreError> {
    let mut check = Check::of(Subject::Log, 0);
    let head = match datastore.head(store).await {
        Ok(head) => head,
        Err(error) if is_find(&error) => return Ok((Check::unreadable(Subject::Log, &error), 0)),
        Err(error) => return Err(error),
    };
    let first = first(datastore, store, head.revision).await?;
    let begins = first.saturating_sub(1);
    if begins > 0 && first <= head.revision {
        check.note = format!("the log begins at revision {first}");
    }
    let (from, most) = match part {
        LogPart::Whole => (begins, u64::MAX),
        LogPart::Behind { after, most } if (begins..head.revision).contains(&after) => (after, most),
        LogPart::Behind { most, .. } => (begins, most),
    };
    let mut chain = (from == 0).then(|| Chain::genesis(store));
    let mut after = from;
    while check.compared < most && after < head.revision {
        let records = match datastore.log(store, after, PAGE).await {
            Ok(records) => records,
            Err(error) if is_find(&error) => {
                check.find(error.to_string());
                return Ok((check, 0));
            }
            Err(error) => return Err(error),
        };
        if records.is_empty() {
            check.find(format!("there is no entry behind revision {after}, the head is at {}", head.revision));
            return Ok((check, 0));
        }
        for record in &records {
            let revision = record.entry.revision;
            if let Some(chain) = chain {
                check.compared += 1;
                let encoded = record.entry.encode();
                if encoded.map_or(true, |encoded| chain.after(&encoded) != record.chain) {
                    check.find(format!("the chain at revision {revision} does not go on from the entry before"));
                }
            }
            if revision == head.revision && record.chain != head.chain {
                check.find(format!("the chain at revision {revision} is {}, that of the head {}", record.chain, head.chain));
            }
            chain = Some(record.chain);
            after = revision;
        }
    }
    Ok((check, after))
}

/// The first revision that the log has, or the one behind the head if it has none. O(log revisions) statements: only a beginning is ever
/// missing.
pub(super) async fn first(datastore: &dyn Datastore, store: StoreId, head: u64) -> Result<u64, DatastoreError> {
    let (mut low, mut high) = (1, head.saturating_add(1));
    while low < high {
        let middle = low + (high - low) / 2;
        let middle = if low == 1 && high == head.saturating_add(1) { 1 } else { middle };
        let there = match datastore.labels(store, &BTreeSet::from([middle])).await {
            Ok(labels) => !labels.is_empty(),
            // One that cannot be read is there.
            Err(error) if is_find(&error) => true,
            Err(error) => return Err(error),
        };
        if there {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}
