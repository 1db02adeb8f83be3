//! Writing a snapshot file: under another name, verified as a reader would, and only then under its own.

use std::fs::{File, TryLockError};
use std::io::{BufWriter, Write as _};
use std::sync::Arc;

use dhow_engine::snapshot::container::WriteError;
use dhow_engine::snapshot::{Snapshot, SnapshotAbout};
use dhow_engine::state::State;
use tempfile::{Builder, NamedTempFile};

use super::{FileName, Snapshots, SnapshotsError, map};

/// How the name of a file that is being written begins and ends.
const PART_PREFIX: &str = ".dhow-";
const PART_SUFFIX: &str = ".snapshot-part";

/// How much is written at once.
const WRITE_BYTES: usize = 1 << 20;

impl Snapshots {
    /// Writes a state as the newest file of its store, and lets go of those that retention does not keep. O(tuples log tuples), on a thread
    /// for such work; the state's readers and writers go on.
    ///
    /// What was written is opened and verified whole, the digest from its edges included, before it gets its name: memory that was damaged
    /// unseen never becomes a file with good checksums.
    ///
    /// # Errors
    /// When the disk refuses, or what came out is not the state: nothing is there then.
    pub(crate) async fn write(self: &Arc<Self>, state: State, about: SnapshotAbout) -> Result<(FileName, Snapshot), SnapshotsError> {
        let snapshots = Arc::clone(self);
        self.in_turn(move || {
            snapshots.sweep();
            let written = snapshots.write_one(&state, &about)?;
            snapshots.retain(&written.0);
            Ok(written)
        })
        .await
    }

    fn write_one(&self, state: &State, about: &SnapshotAbout) -> Result<(FileName, Snapshot), SnapshotsError> {
        let failed = |source| SnapshotsError::Write { folder: self.folder().to_owned(), source };
        let io = |source| failed(WriteError::Io(source));
        let mut part = self.part().map_err(io)?;
        let mut to = BufWriter::with_capacity(WRITE_BYTES, part.as_file_mut());
        state.write_snapshot(about, &mut to).map_err(failed)?;
        to.flush().map_err(io)?;
        drop(to);
        part.as_file().sync_all().map_err(io)?;
        let snapshot = map(part.path())?;
        snapshot.verify().map_err(SnapshotsError::refused(part.path()))?;
        let name = FileName::of(snapshot.head());
        // A file is never replaced, whoever made one of that name in the same microsecond.
        let file = part.persist_noclobber(self.path(&name)).map_err(|error| io(error.error))?;
        drop(file);
        File::open(self.folder()).and_then(|folder| folder.sync_all()).map_err(io)?;
        Ok((name, snapshot))
    }

    /// A file to write into. It is locked for as long as it is open, which tells it from what a killed server left behind.
    fn part(&self) -> std::io::Result<NamedTempFile> {
        let mut builder = Builder::new();
        builder.prefix(PART_PREFIX).suffix(PART_SUFFIX);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o640));
        let part = builder.tempfile_in(self.folder())?;
        part.as_file().try_lock().map_err(std::io::Error::from)?;
        Ok(part)
    }

    /// Removes what servers that were killed while they wrote have left. What another one is writing now is locked.
    fn sweep(&self) {
        let Ok(entries) = std::fs::read_dir(self.folder()) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_part = name.to_str().is_some_and(|name| name.starts_with(PART_PREFIX) && name.ends_with(PART_SUFFIX));
            if !is_part {
                continue;
            }
            match File::open(entry.path()).map(|file| file.try_lock()) {
                Ok(Ok(())) => {
                    tracing::info!(file = %entry.path().display(), "a snapshot that was never finished is removed");
                    drop(std::fs::remove_file(entry.path()));
                }
                Ok(Err(TryLockError::WouldBlock | TryLockError::Error(_))) | Err(_) => {}
            }
        }
    }
}
