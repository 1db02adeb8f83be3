//! What one write does: from the tuples that are there, the schema in force and a time to the changes of a log entry. Pure, and the
//! same for every database.
//!
//! **Invariants.** Nothing here reads or writes; a refused write leaves no trace. An expired tuple counts as absent: it may be
//! created again, and it is neither `replaced` nor `deleted` in any answer, although the log says what was there.

use std::sync::Arc;

use dhow_engine::entry::Change;
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_engine::validate::admit;
use dhow_schema::ir::Schema;

use super::command::{ChangeRequest, WriteError};

/// The schema version that says what tuples may be written.
#[derive(Debug, Clone)]
pub(super) enum SchemaInForce {
    /// None was written yet.
    Missing,
    /// It is this one.
    Compiled(Arc<Schema>),
    /// There is one, but this build cannot compile it.
    Unreadable {
        /// Its number.
        version: u64,
    },
}

impl SchemaInForce {
    /// The compiled schema, if there is one that this build can read.
    pub(super) const fn compiled(&self) -> Option<&Arc<Schema>> {
        match self {
            Self::Compiled(schema) => Some(schema),
            Self::Missing | Self::Unreadable { .. } => None,
        }
    }

    fn expect(&self) -> Result<&Schema, WriteError> {
        match self {
            Self::Missing => Err(WriteError::NoSchema),
            Self::Compiled(schema) => Ok(schema),
            Self::Unreadable { version } => Err(WriteError::SchemaUnreadable { version: *version }),
        }
    }
}

/// What a write comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Decision {
    /// In key order, each key once; empty: the write changes nothing.
    pub(super) changes: Vec<Change>,
    /// Tuples made: absent before, or expired.
    pub(super) created: u32,
    /// Tuples replaced.
    pub(super) replaced: u32,
    /// Tuples removed.
    pub(super) deleted: u32,
}

/// Decides the changes of one write at `time`, where `image` says what is stored under a key. O(changes log changes).
///
/// # Errors
/// The first change, in the order of the request, that may not be.
pub(super) fn decide<'i>(
    changes: &[ChangeRequest],
    time: Timestamp,
    schema: &SchemaInForce,
    image: impl Fn(&TupleKey) -> Option<&'i Tuple>,
) -> Result<Decision, WriteError> {
    let mut decision = Decision::default();
    for (index, request) in changes.iter().enumerate() {
        let before = image(request.key());
        let alive = before.is_some_and(|tuple| !tuple.is_expired(time));
        let after = match request {
            ChangeRequest::Create(tuple) => {
                let tuple = admitted(index, tuple, schema)?;
                if alive {
                    return Err(WriteError::Exists { index, key: Box::new(tuple.key) });
                }
                Some(tuple)
            }
            ChangeRequest::Touch(tuple) => Some(admitted(index, tuple, schema)?),
            ChangeRequest::Delete(_) => None,
        };
        if before == after.as_ref() {
            continue;
        }
        match (&after, alive) {
            (Some(_), false) => decision.created += 1,
            (Some(_), true) => decision.replaced += 1,
            (None, true) => decision.deleted += 1,
            (None, false) => {}
        }
        decision.changes.extend(Change::new(before.cloned(), after));
    }
    decision.changes.sort_by(|a, b| a.key().cmp(&b.key()));
    Ok(decision)
}

fn admitted(index: usize, tuple: &Tuple, schema: &SchemaInForce) -> Result<Tuple, WriteError> {
    let refused = |source| WriteError::Invalid { index, key: Box::new(tuple.key.clone()), source: Box::new(source) };
    admit(schema.expect()?, tuple).map_err(refused)
}

#[cfg(test)]
mod tests;
