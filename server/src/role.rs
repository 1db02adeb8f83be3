//! What a server is there for.

use serde::Deserialize;

/// See the module.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// Reads and writes, and publishes the changelog while it has the lease.
    #[default]
    All,
    /// Answers questions; never writes to a database, publishes nothing.
    Evaluator,
}

impl Role {
    /// As it is written.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Evaluator => "evaluator",
        }
    }
}
