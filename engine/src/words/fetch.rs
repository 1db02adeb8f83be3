//! Asking memory for what will be read soon.

/// Begins to fetch the cache line that something begins in, and does not wait for it. It changes nothing but time; where the processor has no
/// such hint, not even that.
#[inline]
pub(crate) fn fetch<T>(soon: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        #[expect(
            unsafe_code,
            reason = "there is no safe way to say it, and waiting for one read after the other is most of what a check takes"
        )]
        // SAFETY: a hint reads nothing that the program sees and faults at no address; this one is that of a live reference besides.
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(core::ptr::from_ref(soon).cast());
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = soon;
}
