//! What an edge says besides its ends: caveat and expiry. Nearly all edges have neither.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::time::Timestamp;
use crate::tuple::{Tuple, TupleCaveat};

/// Caveat, expiry, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize)]
pub(crate) struct Qualifier {
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) caveat: Option<TupleCaveat>,
}

impl Qualifier {
    /// The qualifier of a tuple; `None`: it has neither.
    pub(crate) fn of(tuple: &Tuple) -> Option<Self> {
        if tuple.caveat.is_none() && tuple.expires_at.is_none() {
            return None;
        }
        Some(Self { expires_at: tuple.expires_at, caveat: tuple.caveat.clone() })
    }

    /// The length in bytes and the bytes, padded with zeros to whole words.
    pub(crate) fn to_words(&self, words: &mut Vec<u32>) {
        // Writing to a vector cannot fail, and a qualifier is far below the 4 GiB that borsh refuses.
        let bytes = borsh::to_vec(self).unwrap_or_default();
        words.push(u32::try_from(bytes.len()).unwrap_or(0));
        super::segment::push_bytes(words, &bytes);
    }

    /// What [`Qualifier::to_words`] has written; `None`: something else.
    pub(crate) fn from_words(words: &[u32]) -> Option<Self> {
        let (len, words) = words.split_first()?;
        let bytes = bytemuck::cast_slice::<u32, u8>(words).get(..usize::try_from(*len).ok()?)?;
        borsh::from_slice(bytes).ok()
    }
}
