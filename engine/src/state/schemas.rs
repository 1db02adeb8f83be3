//! The schema versions of a state, each with the plans that it compiles to on the graph.
//!
//! A version is compiled when it is folded or loaded, so that no question waits for it. Its plans stay good for every later state of the
//! history: a graph never gives a name another number.

use std::sync::Arc;

use super::{FoldError, PrepareError, SchemaLookupError, State, Summary};
use crate::entry::SchemaText;
use crate::graph::vocabulary::Vocabulary;
use crate::plan::{Plans, compile};
use crate::schema_version::{SchemaVersion, WrittenSchema};
use crate::search::Prepared;

/// A schema version with its plans.
#[derive(Debug, Clone)]
pub(super) struct KeptSchema {
    pub(super) version: Arc<SchemaVersion>,
    /// None at all where this build cannot compile the version, or the graph has no numbers left for its names.
    plans: Arc<Plans>,
}

impl Summary {
    pub(super) fn latest_schema(&self) -> Option<&Arc<SchemaVersion>> {
        self.schemas.get_max().map(|(_, kept)| &kept.version)
    }

    pub(super) fn schema(&self, version: Option<u64>) -> Result<&KeptSchema, SchemaLookupError> {
        let (latest, kept) = self.schemas.get_max().ok_or(SchemaLookupError::NoSchema)?;
        let Some(version) = version else { return Ok(kept) };
        self.schemas.get(&version).ok_or(SchemaLookupError::Unknown { version, latest: *latest })
    }

    /// Whether a text is the version that comes next.
    pub(super) fn expect_schema(&self, text: &SchemaText, revision: u64) -> Result<(), FoldError> {
        let expected = self.latest_schema().map_or(0, |schema| schema.version()) + 1;
        let found = text.version;
        if found == expected { Ok(()) } else { Err(FoldError::SchemaVersion { revision, expected, found }) }
    }

    /// Takes the next version: numbers its names and compiles its plans.
    pub(super) fn add_schema(&mut self, schema: WrittenSchema, vocabulary: &mut Vocabulary) -> Result<(), FoldError> {
        let revision = schema.revision;
        self.expect_schema(&schema.text, revision)?;
        self.digest = self.digest.with_schema(&schema.text);
        let version = Arc::new(SchemaVersion::new(schema));
        let plans = match version.schema() {
            // A version with more names than there are numbers left has no plans: the circuit decides its questions, which needs none.
            Ok(compiled) if vocabulary.learn_within_bounds(compiled) => compile(compiled, vocabulary),
            Ok(_) | Err(_) => Plans::default(),
        };
        let plans = Arc::new(plans);
        self.schemas.insert(version.version(), KeptSchema { version, plans });
        Ok(())
    }
}

impl State {
    /// Indexes nested groups and what objects inherit for the schema in force, unless that is what is indexed. O(nodes + nesting edges).
    pub(super) fn index_in_force(&mut self) {
        let Some(plans) = self.summary.schemas.get_max().map(|(_, kept)| Arc::clone(&kept.plans)) else { return };
        self.index(&plans);
    }

    /// This state with the schema version of this number, or the one in force, ready for questions. O(log versions).
    ///
    /// # Errors
    /// When the store has none, or not this one, or this build cannot compile it.
    pub fn prepare(&self, version: Option<u64>) -> Result<Prepared, PrepareError> {
        let KeptSchema { version, plans } = self.summary.schema(version)?;
        let schema = version.schema().map_err(Clone::clone)?;
        Ok(Prepared::of_parts(self.clone(), Arc::clone(schema), Arc::clone(plans)))
    }
}

#[cfg(test)]
mod tests;
