//! What dhow keeps in SQL, and how it gets there: each store's log, and the fold of it at the head.
//!
//! A [`Datastore`] is one database. Every change to a store goes through one transaction that locks the store's head first, so that
//! revisions are 1, 2, 3 ... in commit order (design.md, invariant 1). What such a transaction decides is in [`decide`], the same for
//! every database; who puts waiting writes into one transaction is the [`committer`]. Nothing here evaluates a permission, keeps
//! tuples in memory or knows the wire.

pub(crate) mod command;


pub(crate) mod error;





use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use dhow_engine::digest::Digest;
use dhow_engine::entry::{Chain, Entry, StoreId};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::Tuple;

pub(crate) use command::{ChangeRequest, Committed, Expectation, Precondition, WriteCommand, WriteError};
pub(crate) use error::{CreateStoreError, DatastoreError};

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreInfo {
    /// Its id, for good.
    pub(crate) id: StoreId,
    /// Its name, unique while it exists.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) created_at: Timestamp,
}

/// Where a store's log ends, and what its fold is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The newest revision; 0: the log is empty.
    pub(crate) revision: u64,
    /// The chain there.
    pub(crate) chain: Chain,
    /// The digest of the fold.
    pub(crate) digest: Digest,
    /// The newest entry's time.
    pub(crate) time: Timestamp,
    /// The schema version in force; 0: none.
    pub(crate) schema_version: u64,
    /// How many tuples there are, expired ones included.
    pub(crate) tuples: u64,
}

/// An entry of the log, with the chain up to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogRecord {
    /// `H(chain before, entry)`.
    pub(crate) chain: Chain,
    /// The entry.
    pub(crate) entry: Arc<Entry>,
}

/// A retained schema version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SchemaRecord {
    /// 1, 2, 3 ...
    pub(crate) version: u64,
    /// The revision that brought it in force.
    pub(crate) revision: u64,
    /// That revision's time.
    pub(crate) time: Timestamp,
    /// Who wrote it.
    pub(crate) actor: String,
    /// Its text.
    pub(crate) source: dhow_engine::entry::SchemaSource,
}

/// Takes in what [`Datastore::load`] reads, a piece at a time.
pub(crate) trait LoadSink: Send {
    /// Called first, once.
    fn begin(&mut self, head: Head, schemas: Vec<SchemaRecord>) -> Result<(), DatastoreError>;
    /// Called with all tuples, in order of their keys, at most some thousands at once.
    fn tuples(&mut self, tuples: Vec<Tuple>) -> Result<(), DatastoreError>;
}

/// How a store is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreKey<'a> {
    /// By id.
    Id(StoreId),
    /// By name.
    Name(&'a str),
}
