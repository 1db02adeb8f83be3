//! Caveats: named CEL expressions that a tuple's membership hangs on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::ir::Name;

/// A compiled caveat.
#[derive(Debug)]
pub struct Caveat {
    name: Name,
    parameters: BTreeMap<Name, ParameterType>,
    expression: String,
    doc: Option<String>,
    references: BTreeSet<Name>,
}

/// A parameter's type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "replaced by the caveat module")]
pub enum ParameterType {
    Any,
    Bool,
    Int,
    UInt,
    Double,
    String,
    Bytes,
    Duration,
    Timestamp,
    IpAddress,
    List(Box<ParameterType>),
    Map(Box<ParameterType>),
}

/// `list<int>`.
impl std::fmt::Display for ParameterType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Any => "any",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::UInt => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Duration => "duration",
            Self::Timestamp => "timestamp",
            Self::IpAddress => "ipaddress",
            Self::List(inner) => return write!(formatter, "list<{inner}>"),
            Self::Map(inner) => return write!(formatter, "map<{inner}>"),
        };
        formatter.write_str(name)
    }
}

/// Something wrong with a caveat's expression.
#[derive(Debug, Clone)]
pub struct CaveatIssue {
    /// Its code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// Where in the expression.
    pub range: Range<usize>,
    /// What to do.
    pub help: Option<String>,
}

impl Caveat {
    /// Compiles a caveat.
    ///
    /// # Errors
    /// When the expression has errors.
    pub fn compile(
        name: Name,
        parameters: Vec<(Name, ParameterType)>,
        expression: &str,
        doc: Option<String>,
    ) -> Result<Self, Vec<CaveatIssue>> {
        let references = parameters.iter().map(|(name, _)| name.clone()).collect();
        Ok(Self { name, parameters: parameters.into_iter().collect(), expression: expression.to_owned(), doc, references })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(&self) -> &BTreeMap<Name, ParameterType> {
        &self.parameters
    }

    /// The parameters that its expression refers to.
    #[must_use]
    pub fn references(&self) -> &BTreeSet<Name> {
        &self.references
    }

    /// The text of its expression.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Its documentation.
    #[must_use]
    pub fn doc(&self) -> Option<&str> {
        self.doc.as_deref()
    }
}
