//! Every limit and default of the server in one table: its name, value, unit, where it applies and what happens past it.
//!
//! Code reads its limits from here, `docs/limits.md` is generated from here, and a test fails when the two differ. What an operator
//! may set is in [`Limits`], which begins with the table's values.
//!
//! **Invariant:** past a limit there is an error that names the limit, or a bounded wait; nothing is cut short in silence.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use crate::config::Divergence;

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// Its name, as errors and the documentation use it.
    pub(crate) name: &'static str,
    /// Its value, or the default where an operator may set it.
    pub(crate) value: u64,
    /// What the value counts.
    pub(crate) unit: Unit,
    /// What it bounds.
    pub(crate) applies_to: &'static str,
    /// What happens past it, and what to do.
    pub(crate) past_it: &'static str,
    /// Where an operator sets it: a key of `[limits]` in the configuration file.
    pub(crate) setting: Option<&'static str>,
}

impl Limit {
    /// The value as a size or count in memory.
    pub(crate) const fn count(&self) -> usize {
        // Every value of the table fits in 32 bits, which a test asserts.
        #[expect(clippy::cast_possible_truncation, reason = "a test asserts that every value fits")]
        let value = self.value as usize;
        value
    }

    /// The value in milliseconds as a duration.
    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_millis(self.value)
    }
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// Things, as the row says.
    Count,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Milliseconds => "ms",
            Self::Count => "count",
        })
    }
}

macro_rules! limits {
    ($($(#[$heading:meta])? $constant:ident = $value:expr, $unit:ident, $applies_to:literal, $past_it:literal $(, set $setting:literal)?;)*) => {
        $(
            #[doc = $applies_to]
            pub(crate) const $constant: Limit = Limit {
                name: stringify!($constant),
                value: $value,
                unit: Unit::$unit,
                applies_to: $applies_to,
                past_it: $past_it,
                setting: limits!(@setting $($setting)?),
            };
        )*
        /// The whole table, in the order of the documentation.
        pub(crate) const TABLE: &[Limit] = &[$($constant),*];
    };
    (@setting $setting:literal) => { Some($setting) };
    (@setting) => { None };
}

limits! {
    MESSAGE_BYTES = 4 * 1024 * 1024, Bytes, "one request message, decoded", "`OUT_OF_RANGE`; send smaller batches", set "message_bytes";
    METADATA_BYTES = 16 * 1024, Bytes, "the metadata (headers) of one request", "the stream is refused by HTTP/2";
    CONCURRENT_STREAMS = 1_000, Count, "requests at the same time on one connection", "the client waits, as HTTP/2 says; open another connection", set "concurrent_streams";
    KEEPALIVE_INTERVAL = 30_000, Milliseconds, "silence on a connection before the server asks whether the client is there", "see keepalive_timeout";
    KEEPALIVE_TIMEOUT = 20_000, Milliseconds, "wait for the answer to that", "the connection is closed; connect again";
    DEADLINE_DEFAULT = 10_000, Milliseconds, "a request that names no deadline (`grpc-timeout`)", "`DEADLINE_EXCEEDED`, code `deadline_exceeded`; ask less or allow more time", set "deadline_default_ms";
    DEADLINE_MAX = 60_000, Milliseconds, "the longest deadline that a request may name; Watch, Import, Export, Delete and CheckStream go on without one once they have begun", "a longer one is cut to this", set "deadline_max_ms";
    CHECK_DEADLINE = 5_000, Milliseconds, "one check on a CheckStream", "that check fails with code `deadline_exceeded`; the stream goes on";
    EVALUATION_STEPS = dhow_engine::limits::DEFAULT_MAX_STEPS, Count, "steps of the evaluation of one request: tuples looked at, gates built and solved, caveats by what they cost; a page of a list is one request", "`RESOURCE_EXHAUSTED`, code `budget_exceeded`; ask for smaller pages, or raise it", set "evaluation_steps";
    STREAM_OUTSTANDING = 1_024, Count, "checks of one CheckStream that are read but not answered", "the server reads no further until answers are taken", set "stream_outstanding";
    BATCH_CHECKS = 1_000, Count, "checks of one BatchCheck", "`INVALID_ARGUMENT`, code `DH-A012`; send several batches";
    INLINE_STEPS = 5_000, Count, "steps of the checks of one request that are taken on a network thread: some hundred microseconds, for which other requests may have to wait", "the check that needs more, and those behind it in a batch, are decided from the start on the threads for heavy work";
    INLINE_CHECK_STEPS = 10, Count, "the least that each check takes of them: finding two ids costs about as much", "see inline_steps";
    CHECKS_TOGETHER = 32, Count, "checks that wait for memory together: of one BatchCheck, or of those that have arrived on one CheckStream", "the next ones are taken after them";
    CONTEXTUAL_TUPLES = dhow_engine::limits::MAX_CONTEXTUAL_TUPLES as u64, Count, "contextual tuples of one request", "`INVALID_ARGUMENT`, code `DH-A012`; write them to the store instead";
    WRITE_CHANGES = dhow_engine::limits::MAX_ENTRY_CHANGES as u64, Count, "changes of one Write, and of one log entry", "`INVALID_ARGUMENT`, code `DH-A012`; split the write, or use Import";
    ENTRY_BYTES = dhow_engine::limits::MAX_ENTRY_BYTES as u64, Bytes, "one log entry: a Write with what was there before and is there after", "`INVALID_ARGUMENT`, code `DH-W008`; split the write";
    ENTRY_PART_BYTES = 256 * 1024, Bytes, "the tuples of one revision of an Import or Delete", "the rest goes into the next revision";
    PRECONDITIONS = 100, Count, "preconditions of one Write or Delete", "`INVALID_ARGUMENT`, code `DH-A012`";
    WATCH_FILTERS = 100, Count, "filters of one Watch", "`INVALID_ARGUMENT`, code `DH-A012`; watch more broadly and filter yourself";
    OBJECT_ID_BYTES = dhow_engine::limits::MAX_ID_BYTES as u64, Bytes, "an object id", "`INVALID_ARGUMENT`, code of the reference's error";
    NAME_BYTES = dhow_engine::limits::MAX_NAME_BYTES as u64, Bytes, "a type, relation, permission, caveat or parameter name", "`INVALID_ARGUMENT`, code of the name's error";
    CONTEXT_BYTES = dhow_schema::value::MAX_CONTEXT_BYTES as u64, Bytes, "the caveat context that one tuple stores, in canonical form", "`INVALID_ARGUMENT`; store less, and give the rest with the request";
    REQUEST_CONTEXT_BYTES = 64 * 1024, Bytes, "the caveat context of one check", "`INVALID_ARGUMENT`, code `DH-A014`";
    VALUE_DEPTH = 16, Count, "lists and maps inside each other in one context", "`INVALID_ARGUMENT`, code `DH-A015`";
    REQUEST_ID_BYTES = 128, Bytes, "a request id, and an import's id", "`INVALID_ARGUMENT`, code `DH-A013`";
    STORE_NAME_BYTES = 64, Bytes, "a store's name", "`INVALID_ARGUMENT`, code `DH-W030`";
    STORES_DEFAULT_PAGE = 100, Count, "stores on a page of StoreService.List that names no size", "`next_cursor` goes on";
    PAGE_SIZE = 10_000, Count, "a page size that a request may name", "`INVALID_ARGUMENT`, code `DH-A017`; 0 asks for everything as one stream";
    MESSAGE_ITEMS = 500, Count, "items of one message of a streamed list, Read, Export or Watch", "the rest comes in the next message";
    MESSAGE_TUPLE_BYTES = 1024 * 1024, Bytes, "the tuples of one message of Read, Export and the state that a Watch begins with", "the rest comes in the next message";
    SCHEMA_BYTES = dhow_schema::limits::MAX_SCHEMA_BYTES as u64, Bytes, "a schema's text with its imports", "`INVALID_ARGUMENT`, with a diagnostic; share what repeats with partials";
    SCHEMA_FILES = dhow_schema::limits::MAX_FILES as u64, Count, "files of one schema, the first one included", "`INVALID_ARGUMENT`, with a diagnostic";
    WATCH_HEARTBEAT_DEFAULT = 10_000, Milliseconds, "silence on a Watch that names no heartbeat", "a heartbeat is sent";
    WATCH_HEARTBEAT_MIN = 100, Milliseconds, "the shortest heartbeat that a Watch may name", "a shorter one is raised to this";
    WATCH_HEARTBEAT_MAX = 300_000, Milliseconds, "the longest heartbeat that a Watch may name", "a longer one is cut to this";
    SHUTDOWN_DRAIN = 5_000, Milliseconds, "wait for running requests when the server stops", "they are cut off with `UNAVAILABLE`; ask again", set "shutdown_drain_ms";
    EPHEMERAL_STORES = 10_000, Count, "stores that one `--ephemeral` server makes, one for each bearer token", "`RESOURCE_EXHAUSTED`, code `DH-A022`; start another server";
    WRITES_WAITING = 1_000, Count, "writes to one store that wait for the one committer", "`RESOURCE_EXHAUSTED`, code `DH-W013`; slow down, and send the write again under its request id";
    BATCH_WRITES = 100, Count, "writes that share one transaction of the database; each keeps its own revision", "the next transaction takes the rest";
    BATCH_CHANGES = 2_000, Count, "changes of writes that share one transaction", "the next transaction takes the rest";
    REQUEST_ID_KEPT = 86_400_000, Milliseconds, "the time for which a request id stands for its write", "the same id is a new write then";
    MAX_CLOCK_SKEW = 30_000, Milliseconds, "a jump of the clock (the machine's; of servers that share a Postgres, that of Postgres) that is followed", "the server goes on by its monotonic clock and says so; after a jump ahead writes are refused, code `DH-W012`", set "max_clock_skew_ms";
    HOT_WINDOW_STATES = 10_000, Count, "revisions of a store that are kept in memory for reads at exactly one of them", "older ones are refused, code `DH-R013`", set "hot_window_revisions";
    HOT_WINDOW_CHANGES = 50_000, Count, "changes between the oldest of these revisions and the newest", "as above", set "hot_window_changes";
    HOT_WINDOW_AGE = 600_000, Milliseconds, "time since the oldest of these revisions was replaced", "as above", set "hot_window_ms";
    TAIL_ENTRIES = 1_000, Count, "log entries of a store that are kept in memory for Watch", "watchers further back read the database";
    TAIL_BYTES = 4 * 1024 * 1024, Bytes, "these entries, each store's", "as above";
    FOLLOW_INTERVAL = 50, Milliseconds, "pause between two looks at where other servers have moved the heads to; a notification of Postgres ends it early, and looks take at most a fifth of the time", "longer, as long as the database does not answer", set "follow_interval_ms";
    FOLLOW_INTERVAL_MAX = 1_000, Milliseconds, "this pause while the database does not answer: it doubles up to here", "the database is asked again";
    FOLLOW_PATIENCE = 2_000, Milliseconds, "wait for the answer to such a look", "the database counts as silent: writes are refused at once, code `DH-D020`, and so are reads that need it";
    MAX_STALENESS = 5_000, Milliseconds, "time since a store's head was last seen to be what this node has", "the database is asked before an answer; where it is silent, answers are marked degraded", set "max_staleness_ms";
    STALE_SERVE_MAX = 900_000, Milliseconds, "the same, for degraded answers", "`UNAVAILABLE`, code `DH-R017`", set "stale_serve_max_ms";
    READS_WAITING = 10_000, Count, "reads of one store that wait for the revision of their token", "`RESOURCE_EXHAUSTED`, code `DH-R018`; try again";
    CHANGELOG_MARK_INTERVAL = 1_000, Milliseconds, "pause between two marks in a partition of the changelog, which tell readers without a database up to when they have everything", "their answers get older";
    CARRIER_PAUSE_MAX = 5_000, Milliseconds, "pause before a topic that cannot be read is opened again: it doubles up to here", "it is opened again; where there is a database, looks at it go on meanwhile";
    CARRIER_TROUBLE = 30_000, Milliseconds, "trouble with Kafka that its client is left to mend by itself", "the topic is opened anew";
    CARRIED_BYTES = 256 * 1024 * 1024, Bytes, "entries that an evaluator without a database keeps of the changelog, all stores together", "the oldest go: a store that is loaded later needs a younger snapshot, and tokens of before are not recognised", set "carried_bytes";
    CARRIED_MARGIN = 1_200_000, Milliseconds, "time before the newest snapshot of a store that an evaluator without a database reads the changelog from: clocks that differ, and a file made by a server that was behind", "the snapshot is not used until the changelog confirms it";
    RELOAD_PAUSE = 2_000, Milliseconds, "pause before an evaluator without a database tries again to load a store that does not go on from what it has", "it is tried again";
    FOLDER_INTERVAL = 5_000, Milliseconds, "pause between two looks of an evaluator without a database for new snapshots", "they are found later";
    SNAPSHOT_TAIL_ENTRIES = 10_000, Count, "log entries behind a snapshot file that a store is booted from, where it has fewer tuples than that; else as many as it has tuples", "its table is read instead";
    STATUS_STORES = 1_000, Count, "stores that Status tells of", "the rest is only counted";
    STATUS_HEADS = 1_000, Milliseconds, "wait of Status for the database's heads", "the lag of the rest is not told";
    SCRUB_EVERY = 3_600_000, Milliseconds, "time in which a server goes once through all that it has in memory, and one of them through all that the database has; `scrub_every` sets it, or `off`", "a pass that takes longer is followed by the next one";
    SCRUB_SLICE = 2_000, Count, "objects, tuples and lines of an index that are looked at before a pause; an object is looked at whole, and the index of nested groups at once", "the pause is longer, see scrub_share";
    SCRUB_SHARE = 10, Count, "the part of one core's time that a pass in the background takes: one in so many", "it pauses; `dhow verify` does not";
    SCRUB_WALKS = 1_000, Count, "groups of a pass from which the tuples are walked one by one, besides comparing the whole index", "the next pass walks from others";
    SCRUB_LOG_ENTRIES = 100_000, Count, "log entries of a pass whose chain is hashed anew", "the next pass goes on behind them; `dhow verify` takes all";
    KNOWN_CHAINS = 100_000, Count, "older tokens, over all stores, that are recognised without asking the database", "the database is asked again";
    HEAVY_REQUESTS = 64, Count, "lists, expansions and large batches evaluated at the same time", "others wait, within their deadlines", set "heavy_requests";
}

/// The limits that an operator may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// See [`MESSAGE_BYTES`].
    pub(crate) message_bytes: usize,
    /// See [`CONCURRENT_STREAMS`].
    pub(crate) concurrent_streams: u32,
    /// See [`DEADLINE_DEFAULT`].
    pub(crate) deadline_default: Duration,
    /// See [`DEADLINE_MAX`].
    pub(crate) deadline_max: Duration,
    /// See [`EVALUATION_STEPS`].
    pub(crate) evaluation_steps: u64,
    /// See [`STREAM_OUTSTANDING`].
    pub(crate) stream_outstanding: usize,
    /// See [`SHUTDOWN_DRAIN`].
    pub(crate) shutdown_drain: Duration,
    /// See [`HEAVY_REQUESTS`].
    pub(crate) heavy_requests: usize,
    /// See [`MAX_CLOCK_SKEW`].
    pub(crate) max_clock_skew: Duration,
    /// See [`HOT_WINDOW_STATES`].
    pub(crate) hot_window_revisions: usize,
    /// See [`HOT_WINDOW_CHANGES`].
    pub(crate) hot_window_changes: usize,
    /// See [`HOT_WINDOW_AGE`].
    pub(crate) hot_window: Duration,
    /// See [`FOLLOW_INTERVAL`].
    pub(crate) follow_interval: Duration,
    /// See [`CARRIED_BYTES`].
    pub(crate) carried_bytes: usize,
    /// See [`MAX_STALENESS`].
    pub(crate) max_staleness: Duration,
    /// See [`STALE_SERVE_MAX`].
    pub(crate) stale_serve_max: Duration,
    /// How often is looked for divergence, and what follows one that does not heal.
    pub(crate) divergence: Divergence,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: MESSAGE_BYTES.count(),
            concurrent_streams: u32::try_from(CONCURRENT_STREAMS.value).unwrap_or(u32::MAX),
            deadline_default: DEADLINE_DEFAULT.duration(),
            deadline_max: DEADLINE_MAX.duration(),
            evaluation_steps: EVALUATION_STEPS.value,
            stream_outstanding: STREAM_OUTSTANDING.count(),
            shutdown_drain: SHUTDOWN_DRAIN.duration(),
            heavy_requests: HEAVY_REQUESTS.count(),
            max_clock_skew: MAX_CLOCK_SKEW.duration(),
            hot_window_revisions: HOT_WINDOW_STATES.count(),
            hot_window_changes: HOT_WINDOW_CHANGES.count(),
            hot_window: HOT_WINDOW_AGE.duration(),
            follow_interval: FOLLOW_INTERVAL.duration(),
            carried_bytes: CARRIED_BYTES.count(),
            max_staleness: MAX_STALENESS.duration(),
            stale_serve_max: STALE_SERVE_MAX.duration(),
            divergence: Divergence::default(),
        }
    }
}

/// The text of `docs/limits.md`.
pub(crate) fn document() -> String {
    let mut text = String::from(
        "# Limits and defaults\n\n\
         Generated from `server/src/limits.rs` by `dhow limits > docs/limits.md`; a test fails when this page is not up to date.\n\
         Past a limit there is an error that names it, or a bounded wait; nothing is cut short in silence.\n\
         Those with a setting are keys of `[limits]` in the configuration file; the value is the default.\n\n\
         | name | value | unit | bounds | past it | setting |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for limit in TABLE {
        let setting = limit.setting.map(|setting| format!("`{setting}`")).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {setting} |",
            limit.name.to_lowercase(),
            grouped(limit.value),
            limit.unit,
            limit.applies_to,
            limit.past_it,
        );
    }
    text
}

/// Prints [`document`]: `dhow limits`.
pub(crate) fn main() -> ExitCode {
    match std::io::stdout().write_all(document().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(2),
    }
}

/// A number with its thousands apart: `4,194,304`.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_is_up_to_date() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/limits.md");
        let written = std::fs::read_to_string(page).unwrap_or_default();
        assert!(written == document(), "run: cargo run --profile quick -- limits > docs/limits.md");
    }

    #[test]
    fn names_are_unique_and_values_fit() {
        let mut names: Vec<_> = TABLE.iter().map(|limit| limit.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
        assert!(TABLE.iter().all(|limit| limit.value > 0 && u32::try_from(limit.value).is_ok()));
    }

    #[test]
    fn every_setting_is_a_key_of_the_configuration_file() {
        for setting in TABLE.iter().filter_map(|limit| limit.setting) {
            let text = format!("[limits]\n{setting} = 7\n");
            assert!(crate::config::File::parse(&text, "dhow.toml").is_ok(), "{setting}");
        }
    }
}
