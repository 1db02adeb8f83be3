//! A file in memory as the system maps it: what a snapshot is served from.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use dhow_engine::words::Bytes;

struct Mapped(memmap2::Mmap);

impl Bytes for Mapped {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Maps a file from its beginning. O(1): its pages are read when they are looked at.
///
/// # Errors
/// When it cannot be opened or mapped.
pub fn map(path: &Path) -> io::Result<Arc<dyn Bytes>> {
    let file = File::open(path)?;
    #[expect(unsafe_code, reason = "the compiler cannot see to it that nobody writes into a file")]
    // SAFETY: a snapshot file is written under a name of its own and never changed or cut afterwards; the tests that map one keep it in a
    // folder that nobody else writes to, until they have let go of the memory.
    let memory = unsafe { memmap2::Mmap::map(&file) }?;
    // Questions meet pages in no order. Where memory is short, what the system reads ahead of them drives out what others need.
    #[cfg(unix)]
    memory.advise(memmap2::Advice::Random)?;
    Ok(Arc::new(Mapped(memory)))
}
