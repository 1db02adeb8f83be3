//! A store that is several times larger than the memory it may use, served from a mapped file.
//!
//! The test runs itself once more, as a process of its own in a memory cgroup (v1 or v2), if one can be made below that of the test. The
//! process copies the file first, so that the pages of what it maps are counted as its own and not as those of whoever wrote the file.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail a test; clippy.toml lets off only the test functions themselves")]
#![expect(clippy::print_stdout, reason = "says why it could not run, and what it found")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dhow_engine::digest::Digest;
use dhow_engine::entry::{SchemaSource, SchemaText};
use dhow_engine::eval::Decision;
use dhow_engine::schema_version::WrittenSchema;
use dhow_engine::snapshot::SnapshotAbout;
use dhow_engine::state::{Position, State};
use dhow_engine::time::Timestamp;
use dhow_testkit::engine::STORE;
use dhow_testkit::mapped::map;

const SCHEMA: &str = "definition user {}
definition group { relation member: user | group#member }
definition doc { relation viewer: user | group#member }";

/// What the process may use.
const LIMIT: u64 = 24 << 20;

/// With ids of this length the file is large and made quickly.
const ID_BYTES: usize = 180;
const DOCUMENTS: u64 = 350_000;
const USERS: u64 = 1_000;
const GROUPS: u64 = 10;
const QUESTIONS: u64 = 2_000;

/// Tells the process that it is the one in the cgroup, and which file to serve.
const FILE: &str = "DHOW_TEST_LARGER_THAN_MEMORY";

fn id(of: &str, number: u64) -> String {
    format!("{of}:{number:0ID_BYTES$}")
}

/// Each document is seen by one user, every third by a group as well; each user is in one group.
fn tuples() -> impl Iterator<Item = String> {
    let members = (0..USERS).map(|user| format!("{}#member@{}", id("group", user % GROUPS), id("user", user)));
    let viewers = (0..DOCUMENTS).flat_map(|document| {
        let user = format!("{}#viewer@{}", id("doc", document), id("user", document % USERS));
        let group = format!("{}#viewer@{}#member", id("doc", document), id("group", document / 3 % GROUPS));
        [Some(user), document.is_multiple_of(3).then_some(group)]
    });
    members.chain(viewers.flatten())
}

fn may_view(document: u64, user: u64) -> bool {
    document % USERS == user || document.is_multiple_of(3) && document / 3 % GROUPS == user % GROUPS
}

fn write(path: &Path) -> u64 {
    let text = SchemaText { version: 1, source: SchemaSource::native(SCHEMA) };
    let tuples: Vec<dhow_engine::tuple::Tuple> = tuples().map(|text| text.parse().unwrap()).collect();
    let digest = tuples.iter().fold(Digest::default().with_schema(&text), Digest::with_tuple);
    let schema = WrittenSchema { text, revision: 0, time: Timestamp::MIN, actor: String::new() };
    let state = State::load(STORE, Position::genesis(STORE), digest, [schema], tuples).unwrap();
    let mut file = io::BufWriter::new(File::create(path).unwrap());
    let written = state
        .write_snapshot(
            &SnapshotAbout { time: Timestamp::MIN, actor: "test".to_owned(), store_name: String::new(), program: String::new() },
            &mut file,
        )
        .unwrap();
    file.into_inner().unwrap().sync_all().unwrap();
    written.bytes
}

/// What the process in the cgroup does.
fn serve(file: &Path) {
    io::stdin().read_exact(&mut [0]).unwrap();
    let copy = file.with_extension("copy");
    let (mut from, mut to) = (File::open(file).unwrap(), File::create(&copy).unwrap());
    while io::copy(&mut (&mut from).take(2 << 20), &mut to).unwrap() > 0 {
        to.sync_data().unwrap();
    }
    let snapshot = State::open_snapshot(map(&copy).unwrap(), Some(STORE)).unwrap();
    fs::remove_file(copy).unwrap();
    let (prepared, context) = (snapshot.state().prepare(None).unwrap(), Default::default());
    let evaluator = prepared.evaluator(Timestamp::MIN, &context);
    let mut allowed = 0;
    for number in 0..QUESTIONS {
        // A walk to and fro over all documents.
        let document = number * 104_729 % DOCUMENTS;
        let user = if number % 2 == 0 { document % USERS } else { number * 7 % USERS };
        let found = evaluator.check(&format!("{}#viewer@{}", id("doc", document), id("user", user)).parse().unwrap()).unwrap();
        assert_eq!(found == Decision::Allowed, may_view(document, user), "document {document}, user {user}");
        allowed += u64::from(found == Decision::Allowed);
    }
    snapshot.verify_bytes().unwrap();
    println!("served: {allowed} of {QUESTIONS} allowed");
}

/// A memory cgroup of our own. It is gone when this is.
struct Cgroup {
    folder: PathBuf,
    /// Where it tells how often the limit was met.
    presses: &'static str,
}

impl Cgroup {
    fn new() -> Result<Self, String> {
        let ours = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let path = |line: &str, mount: &str| line.rsplit_once(':').map(|(_, path)| PathBuf::from(format!("{mount}{path}")));
        let v1 = ours.lines().find(|line| line.contains(":memory:")).and_then(|line| path(line, "/sys/fs/cgroup/memory"));
        let v2 = ours.lines().find(|line| line.starts_with("0::")).and_then(|line| path(line, "/sys/fs/cgroup"));
        let (parent, limit, presses) = match (v1, v2) {
            (Some(parent), _) => (parent, "memory.limit_in_bytes", "memory.failcnt"),
            (None, Some(parent)) => (parent, "memory.max", "memory.events"),
            (None, None) => return Err("the process is in no memory cgroup".to_owned()),
        };
        let folder = parent.join(format!("dhow-test-{}", std::process::id()));
        fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let made = Self { folder, presses };
        let limited = fs::write(made.folder.join(limit), LIMIT.to_string());
        limited.map_err(|error| format!("{limit}: {error}"))?;
        Ok(made)
    }

    fn take(&self, process: u32) -> io::Result<()> {
        fs::write(self.folder.join("cgroup.procs"), process.to_string())
    }

    /// How often the limit was met.
    fn pressed(&self) -> u64 {
        let text = fs::read_to_string(self.folder.join(self.presses)).unwrap();
        let number = if self.presses == "memory.events" { text.lines().find_map(|line| line.strip_prefix("max ")) } else { Some(&*text) };
        number.unwrap_or_default().trim().parse().unwrap()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}

#[test]
fn a_file_larger_than_memory_is_served() {
    if let Some(file) = std::env::var_os(FILE) {
        return serve(Path::new(&file));
    }
    let cgroup = match Cgroup::new() {
        Ok(cgroup) => cgroup,
        Err(reason) => return println!("not tested: no memory cgroup can be made here ({reason})"),
    };
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("larger-than-memory-{}.snapshot", std::process::id()));
    let bytes = write(&file);
    assert!(bytes >= 3 * LIMIT, "the file has {bytes} bytes only");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_file_larger_than_memory_is_served", "--nocapture", "--test-threads=1"]).env(FILE, &file);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let taken = cgroup.take(child.id());
    // It waits for this byte, or for the end if it cannot be taken.
    let told = child.stdin.take().unwrap().write_all(if taken.is_ok() { b"g" } else { b"" });
    let output = child.wait_with_output().unwrap();
    fs::remove_file(&file).unwrap();
    if let Err(reason) = taken {
        return println!("not tested: the memory cgroup does not take a process ({reason})");
    }
    told.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("served: "), "{}: {said}", output.status);
    let pressed = cgroup.pressed();
    assert!(pressed > 0, "the limit was never met, so nothing was tested");
    println!("{bytes} bytes served in {LIMIT}, which were used up {pressed} times");
}
