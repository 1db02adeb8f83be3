//! A snapshot file in memory as the system maps it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use dhow_engine::snapshot::Snapshot;
use dhow_engine::state::State;
use dhow_engine::words::Bytes;

use super::SnapshotsError;

/// How much is read at once.
const READ_BYTES: usize = 1 << 20;

struct Mapped(memmap2::Mmap);

impl Bytes for Mapped {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Maps a snapshot file and opens it. Its frame and its head are verified, nothing else.
///
/// The file is read through once by ordinary reads before, so that a disk that cannot read a part of it is an error here, and not a signal
/// that ends the process when an evaluation comes by; and what is verified next is in memory.
///
/// # Errors
/// When it cannot be read, or is refused.
pub(crate) fn map(path: &Path) -> Result<Snapshot, SnapshotsError> {
    let no_file = || SnapshotsError::NoFile { file: path.display().to_string() };
    let failed = |error: io::Error| {
        if error.kind() == io::ErrorKind::NotFound { no_file() } else { SnapshotsError::folder(path, "read")(error) }
    };
    let mut file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(no_file());
    }
    let mut room = vec![0; READ_BYTES];
    while file.read(&mut room).map_err(failed)? > 0 {}
    #[expect(unsafe_code, reason = "the compiler cannot see to it that nobody writes into a file")]
    // SAFETY: a snapshot file is written under another name and never changed or cut after it got its own (docs/snapshots.md says so to
    // whoever has the folder); taking its name away leaves what is mapped as it is. What somebody writes into it all the same is met as
    // damaged memory: every read of it is checked, and none of its words is trusted as an address.
    let memory = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
    // Questions meet pages in no order. Where memory is short, what the system reads ahead of them drives out what others need.
    #[cfg(unix)]
    memory.advise(memmap2::Advice::Random).map_err(failed)?;
    State::open_snapshot(Arc::new(Mapped(memory)), None).map_err(SnapshotsError::refused(path))
}
