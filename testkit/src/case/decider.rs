//! What an implementation must offer to run the cases.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

/// An implementation under test: an evaluator in this process, or a server.
pub trait Decider {
    /// A store with a schema and tuples.
    type Store;

    /// Makes a store.
    ///
    /// # Errors
    /// The schema's errors, or the first tuple that is refused.
    fn open(&self, setup: &Setup<'_>) -> Result<Self::Store, Vec<Failure>>;

    /// Codes of the warnings that the schema of a store gave.
    fn schema_warnings(&self, store: &Self::Store) -> Vec<String>;

    /// Tries to write one tuple, as if on top of the store's; the store stays as it is.
    ///
    /// # Errors
    /// Why it is refused.
    fn try_write(&self, store: &Self::Store, tuple: &str) -> Result<(), Failure>;

    /// `object#permission@subject`.
    ///
    /// # Errors
    /// Why there is no decision.
    fn check(&self, store: &Self::Store, ask: &Ask<'_>) -> Result<Decided, Failure>;

    /// `type#permission@subject`: ids of objects.
    ///
    /// # Errors
    /// Why there is no list.
    fn list_objects(&self, store: &Self::Store, ask: &Ask<'_>) -> Result<Vec<ListedItem>, Failure>;

    /// `object#permission`, and a type or `type#relation`: subjects.
    ///
    /// # Errors
    /// Why there is no list.
    fn list_subjects(&self, store: &Self::Store, ask: &Ask<'_>, subject_type: &str) -> Result<Vec<ListedItem>, Failure>;

    /// `object@subject`: names of relations and permissions.
    ///
    /// # Errors
    /// Why there is no list.
    fn list_permissions(&self, store: &Self::Store, ask: &Ask<'_>) -> Result<Vec<ListedItem>, Failure>;

    /// `object#permission`: the direct tuples in the tree, each once in any order, down to `depth` tuples away (none: all).
    ///
    /// # Errors
    /// Why there is no tree.
    fn expand(&self, store: &Self::Store, ask: &Ask<'_>, depth: Option<u32>) -> Result<Vec<Leaf>, Failure>;
}

/// What a store begins with.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// The schema's text.
    pub schema: &'a str,
    /// Texts of imported files by their names.
    pub imports: &'a BTreeMap<String, String>,
    /// The tuples' texts.
    pub tuples: Vec<&'a str>,
    /// The request time of the first question, as RFC 3339.
    pub at: &'a str,
}

/// A question, as text.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// In the form that the kind of question has.
    pub text: &'a str,
    /// Caveat parameters of the request.
    pub context: &'a Map<String, Value>,
    /// Contextual tuples.
    pub with: &'a [String],
    /// The request time, as RFC 3339.
    pub at: &'a str,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decided {
    /// Yes.
    Allowed,
    /// No.
    Denied,
    /// It depends on these parameters, sorted.
    Conditional(Vec<String>),
}

/// An item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedItem {
    /// An object's id, a subject, a permission.
    pub item: String,
    /// The parameters it depends on, sorted; none: certain.
    pub missing: Vec<String>,
    /// Of a wildcard: who is not in (nothing missing), or only under a condition.
    pub except: Vec<ListedItem>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The stable code.
    pub code: String,
    /// For people.
    pub message: String,
}

/// A tuple in the tree of a userset rewrite.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leaf {
    /// `document:readme#viewer`.
    pub userset: String,
    /// `user:ada`, and in brackets behind it the caveat's name: `user:ada [office_hours]`.
    pub subject: String,
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allowed"),
            Self::Denied => f.write_str("denied"),
            Self::Conditional(missing) => write!(f, "conditional (missing: {})", missing.join(", ")),
        }
    }
}

impl fmt::Display for ListedItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.item)?;
        if !self.missing.is_empty() {
            write!(f, " (missing: {})", self.missing.join(", "))?;
        }
        if !self.except.is_empty() {
            let except: Vec<String> = self.except.iter().map(ToString::to_string).collect();
            write!(f, " except {{{}}}", except.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}: {}", self.code, self.message)
    }
}
