//! Where the tuples that an explanation names are from.

use std::fmt;
use std::sync::Arc;

use super::view::GraphView;
use crate::tuple::Tuple;

/// Where a tuple that an evaluation sees is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provenance {
    /// It is stored. The log entry of its revision says who wrote it, and when.
    Stored {
        /// The revision that it came with, or was last replaced with; `None`: not known.
        revision: Option<u64>,
    },
    /// The request brought it: a contextual tuple.
    Request,
}

/// What to say behind a tuple.
impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stored { revision: Some(revision) } => write!(f, "revision {revision}"),
            Self::Stored { revision: None } => f.write_str("of a revision that is not known"),
            Self::Request => f.write_str("brought by the request"),
        }
    }
}

/// A tuple that an explanation rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The tuple.
    pub tuple: Arc<Tuple>,
    /// Where it is from.
    pub provenance: Provenance,
}

impl Evidence {
    /// A tuple of a view, and where that has it from. A look-up: for explanations alone.
    pub(super) fn of(view: &dyn GraphView, tuple: &Arc<Tuple>) -> Self {
        Self { tuple: Arc::clone(tuple), provenance: view.provenance(&tuple.key) }
    }

    /// The stored tuple's revision, where it is known.
    #[must_use]
    pub const fn revision(&self) -> Option<u64> {
        match self.provenance {
            Provenance::Stored { revision } => revision,
            Provenance::Request => None,
        }
    }
}
