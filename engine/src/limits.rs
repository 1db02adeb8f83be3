//! The bounds that every part of dhow keeps to, in one place: what is larger is refused, never cut.

/// Longest object id, in bytes of UTF-8.
pub const MAX_ID_BYTES: usize = 1_024;

/// Longest name of a type, relation, permission or caveat, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 254;

/// Longest text of one tuple, in bytes; well above what ids, names and a full caveat context need.
pub const MAX_TUPLE_TEXT_BYTES: usize = 128 * 1_024;

/// Most changes that one log entry holds.
pub const MAX_ENTRY_CHANGES: usize = 1_000;

/// Most bytes that one encoded log entry has, both images of every change counted.
pub const MAX_ENTRY_BYTES: usize = 512 * 1_024;

/// Longest actor and longest request id of a log entry, in bytes of UTF-8.
pub const MAX_ENTRY_LABEL_BYTES: usize = 1_024;

/// Most contextual tuples that one request brings along.
pub const MAX_CONTEXTUAL_TUPLES: usize = 100;

/// Most evaluation steps of one request unless the caller says otherwise: tuples looked at, gates and wires built, and gates
/// solved again. Some 100 bytes of memory a step at worst, so this also bounds the memory of a request.
pub const DEFAULT_MAX_STEPS: u64 = 4_000_000;

/// Units of a caveat's cost ([`dhow_schema::caveat::COST_LIMIT`] at most for each evaluation) that count as one step. So a request
/// pays for what its caveats do with its context: 80 of the costliest use up [`DEFAULT_MAX_STEPS`].
pub const CAVEAT_UNITS_PER_STEP: u64 = 4;

/// Steps between two looks at the deadline.
pub const STEPS_BETWEEN_DEADLINE_POLLS: u64 = 1_024;

/// Most steps that an explanation shows; what is beyond is counted, not shown.
pub const MAX_EXPLANATION_STEPS: usize = 1_000;

/// Deepest step of an explanation; deeper ones stand at this depth.
pub const MAX_EXPLANATION_DEPTH: usize = 40;

/// Most object types in one store, of all schema versions together. A bound of the graph's records: a power of two.
pub const MAX_TYPES: u32 = 1 << 20;

/// Most classes of tuples in one store: combinations of object type, relation, subject type and subject relation. A bound of the
/// graph's records.
pub const MAX_CLASSES: u32 = 1 << 20;
