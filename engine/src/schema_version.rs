//! A store's schema versions: the texts as they were written, and what they compile to.

use std::sync::Arc;

use dhow_schema::ir::Schema;
use dhow_schema::{Compilation, CompileError};

use crate::entry::SchemaText;
use crate::time::Timestamp;

/// A schema version as an entry of the log brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenSchema {
    /// Number and texts.
    pub text: SchemaText,
    /// The revision of the entry.
    pub revision: u64,
    /// The time of the entry.
    pub time: Timestamp,
    /// Who wrote the entry.
    pub actor: String,
}

/// One schema version of a store. It stays what it is for ever.
#[derive(Debug, Clone)]
pub struct SchemaVersion {
    /// Number and texts.
    pub text: SchemaText,
    /// The revision of the entry that brought it.
    pub revision: u64,
    /// The time of that entry.
    pub time: Timestamp,
    /// Who wrote it.
    pub actor: String,
    compiled: Result<Arc<Schema>, SchemaUnreadable>,
}

/// A schema version that was accepted once and that this build cannot compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("schema version {version} does not compile with this build: {problem}")]
pub struct SchemaUnreadable {
    version: u64,
    problem: Arc<str>,
}

impl SchemaUnreadable {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "schema_unreadable"
    }
}

impl SchemaVersion {
    /// Compiles a version. That it does not compile is kept, not raised: the log is the truth, and folding it goes on.
    pub(crate) fn new(written: WrittenSchema) -> Self {
        let WrittenSchema { text, revision, time, actor } = written;
        let Compilation { schema, diagnostics, .. } = text.source.compile();
        let compiled = schema.map(Arc::new).ok_or_else(|| {
            let problem = CompileError { diagnostics }.to_string().into();
            SchemaUnreadable { version: text.version, problem }
        });
        Self { text, revision, time, actor, compiled }
    }

    /// Its number.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.text.version
    }

    /// The compiled schema.
    ///
    /// # Errors
    /// When this build cannot compile the text; no decision can be made with this version then.
    pub fn schema(&self) -> Result<&Arc<Schema>, &SchemaUnreadable> {
        self.compiled.as_ref()
    }
}
