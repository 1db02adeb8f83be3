//! The hard limits of the schema language: what keeps hostile text from costing more than a moment.
//!
//! Each is checked before the work that it bounds, and each has a diagnostic of its own. They are far above what a person writes.

/// Bytes of one schema, all imported files together. A schema is one log entry, and an entry holds at most 512 KiB.
pub const MAX_SCHEMA_BYTES: usize = 384 * 1024;

/// Tokens of one file, white space and comments not counted.
pub const MAX_TOKENS: usize = 100_000;

/// Levels of nesting: parentheses, brackets of parameter types, and steps of an exclusion chain, which nests as well.
pub const MAX_DEPTH: usize = 100;

/// Parts of one list: operands of one chain of operators, steps of one arrow, subject types of one relation.
pub const MAX_OPERANDS: usize = 1_000;

/// Bytes of one name of a type, relation, permission, caveat or parameter.
pub const MAX_NAME_BYTES: usize = 254;

/// Files of one schema, the first one included.
pub const MAX_FILES: usize = 256;

/// Errors and warnings that one compilation reports; what comes after is counted, not shown.
pub const MAX_DIAGNOSTICS: usize = 100;

/// Bytes of text that all partials together may add to the definitions of one schema.
pub const MAX_EXPANDED_BYTES: usize = 2 * 1024 * 1024;
