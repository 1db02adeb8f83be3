//! A handful of things in one place.

use std::ops::Deref;

use super::FEW;

/// Up to [`FEW`] things; what came when it was full is not there, and that is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Few<T> {
    items: [T; FEW],
    len: usize,
    is_short: bool,
}

impl<T: Copy + Default> Default for Few<T> {
    fn default() -> Self {
        Self { items: [T::default(); FEW], len: 0, is_short: false }
    }
}

impl<T: Copy> Few<T> {
    /// Takes a thing on a condition. Which of a node's edges are there is anybody's guess, the processor's too: so this does not branch.
    #[inline]
    pub(super) fn push_if(&mut self, item: T, is_wanted: bool) {
        if let Some(place) = self.items.get_mut(self.len) {
            *place = item;
            self.len += usize::from(is_wanted);
        } else {
            self.is_short |= is_wanted;
        }
    }

    #[inline]
    pub(super) fn push(&mut self, item: T) {
        self.push_if(item, true);
    }

    #[inline]
    pub(super) const fn clear(&mut self) {
        (self.len, self.is_short) = (0, false);
    }

    /// Whether something is missing.
    #[inline]
    pub(super) const fn is_short(&self) -> bool {
        self.is_short
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.items.get(..self.len).unwrap_or_default()
    }
}
