//! Memory that somebody else provides.

use std::ops::Range;

/// Bytes that stay where they are and what they are for as long as somebody holds them: a mapped file, a downloaded one, a constant.
///
/// Every call gives the same bytes. Whoever maps a file sees to it that nobody writes into it or cuts it meanwhile (snapshot files are
/// written under another name and renamed when whole, never changed in place).
pub trait Bytes: Send + Sync {
    /// All of them.
    fn bytes(&self) -> &[u8];
}

impl Bytes for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }
}

impl Bytes for &'static [u8] {
    fn bytes(&self) -> &[u8] {
        self
    }
}

/// A copy of bytes at an address that is a multiple of 8, which a `Vec<u8>` does not promise.
pub struct AlignedBytes {
    blocks: Vec<u64>,
    /// How many of the blocks' bytes are meant.
    bytes: usize,
}

impl AlignedBytes {
    /// Copies `bytes`. O(bytes).
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut blocks = vec![0_u64; bytes.len().div_ceil(size_of::<u64>())];
        let room: &mut [u8] = bytemuck::must_cast_slice_mut(&mut blocks);
        if let Some((meant, _)) = room.split_at_mut_checked(bytes.len()) {
            meant.copy_from_slice(bytes);
        }
        Self { blocks, bytes: bytes.len() }
    }
}

impl Bytes for AlignedBytes {
    fn bytes(&self) -> &[u8] {
        let room: &[u8] = bytemuck::must_cast_slice(&self.blocks);
        room.get(..self.bytes).unwrap_or(room)
    }
}

impl std::fmt::Debug for AlignedBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AlignedBytes").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Memory from the system itself, in large pages where it has them.
pub(super) struct LargePages {
    memory: memmap2::MmapMut,
    /// Where the bytes are in it.
    range: Range<usize>,
}

impl LargePages {
    /// The size of a large page of x86-64 and of most others.
    const PAGE: usize = 1 << 21;

    /// A copy; `None`: it is too small for that, or the system refuses.
    pub(super) fn copy_of(bytes: &[u8]) -> Option<Self> {
        // A page that is less than half full stays in small ones.
        let large = (bytes.len() + Self::PAGE / 2) / Self::PAGE * Self::PAGE;
        if large == 0 {
            return None;
        }
        // A large page begins at a multiple of its size, wherever the system puts the memory. What is not touched costs nothing.
        let mut memory = memmap2::MmapMut::map_anon(bytes.len() + 2 * Self::PAGE).ok()?;
        let begin = memory.as_ptr().align_offset(Self::PAGE);
        let range = begin..begin.checked_add(bytes.len())?;
        #[cfg(target_os = "linux")]
        // A wish: a system without large pages says no, and the memory is as good as any.
        let _ = memory.advise_range(memmap2::Advice::HugePage, begin, large);
        memory.get_mut(range.clone())?.copy_from_slice(bytes);
        Some(Self { memory, range })
    }
}

impl Bytes for LargePages {
    fn bytes(&self) -> &[u8] {
        self.memory.get(self.range.clone()).unwrap_or_default()
    }
}
