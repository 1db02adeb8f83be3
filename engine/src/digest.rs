//! A fingerprint of a store's state that does not depend on the order in which the state came about.
//!
//! Each part of the state (a tuple with caveat, context and expiry; a schema version) is hashed by itself with BLAKE3 to 256 bits; the
//! digest is the sum of the hashes, as two wrapping sums of 128 bits. So a write costs one hash per image, and a node that folded the
//! log, one that booted from a table and one that scrubs its memory come to the same sum. It finds mistakes and lost, repeated or
//! misapplied entries; it does not withstand somebody who looks for collisions of sums (the chain, a plain hash, is for that).

use std::fmt;
use std::io;
use std::sync::LazyLock;

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use borsh::{BorshDeserialize, BorshSerialize};

use crate::entry::SchemaText;
use crate::tuple::Tuple;

/// The way of computing that this build knows. It is written in front of every stored digest.
pub const DIGEST_VERSION: u8 = 1;

static TUPLE_DOMAIN: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("dhow 2026-11 state digest 1: tuple"));
static SCHEMA_DOMAIN: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("dhow 2026-11 state digest 1: schema version"));

/// The digest of a state: equal states have equal digests. The default is that of a new store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest {
    low: u128,
    high: u128,
}

impl Digest {
    /// With one more tuple. O(bytes of the tuple).
    #[must_use]
    pub fn with_tuple(self, tuple: &Tuple) -> Self {
        self.plus(Self::of(&TUPLE_DOMAIN, &tuple.canonical_bytes()))
    }

    /// With one tuple less. O(bytes of the tuple).
    #[must_use]
    pub fn without_tuple(self, tuple: &Tuple) -> Self {
        self.minus(Self::of(&TUPLE_DOMAIN, &tuple.canonical_bytes()))
    }

    /// With one more schema version. O(bytes of the text).
    #[must_use]
    pub fn with_schema(self, schema: &SchemaText) -> Self {
        self.plus(Self::of(&SCHEMA_DOMAIN, &schema.canonical_bytes()))
    }

    /// With one schema version less. O(bytes of the text).
    #[must_use]
    pub fn without_schema(self, schema: &SchemaText) -> Self {
        self.minus(Self::of(&SCHEMA_DOMAIN, &schema.canonical_bytes()))
    }

    /// The 32 bytes, without the version.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let (low, high) = bytes.split_at_mut(16);
        low.copy_from_slice(&self.low.to_le_bytes());
        high.copy_from_slice(&self.high.to_le_bytes());
        bytes
    }

    /// The digest with these 32 bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let (halves, _) = bytes.as_chunks::<16>();
        let half = |place: usize| halves.get(place).map_or(0, |half| u128::from_le_bytes(*half));
        Self { low: half(0), high: half(1) }
    }

    /// BLAKE3's key derivation, of which the half that depends on the domain alone is done once.
    fn of(domain: &LazyLock<ContextKey>, bytes: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_from_context_key(domain);
        hasher.update(bytes);
        Self::from_bytes(hasher.finalize().as_bytes())
    }

    const fn plus(self, other: Self) -> Self {
        Self { low: self.low.wrapping_add(other.low), high: self.high.wrapping_add(other.high) }
    }

    const fn minus(self, other: Self) -> Self {
        Self { low: self.low.wrapping_sub(other.low), high: self.high.wrapping_sub(other.high) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl BorshSerialize for Digest {
    fn serialize<W: io::Write>(&self, writer: &mut W) -> io::Result<()> {
        DIGEST_VERSION.serialize(writer)?;
        self.to_bytes().serialize(writer)
    }
}

impl BorshDeserialize for Digest {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let version = u8::deserialize_reader(reader)?;
        if version != DIGEST_VERSION {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "unknown digest version"));
        }
        Ok(Self::from_bytes(&<[u8; 32]>::deserialize_reader(reader)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{SchemaLanguage, SchemaSource};
    use std::collections::BTreeSet;

    fn tuple(text: &str) -> Tuple {
        text.parse().unwrap()
    }

    #[test]
    fn order_does_not_matter_and_taking_out_undoes_putting_in() {
        let (a, b) = (tuple("d:1#v@u:1"), tuple("d:1#v@u:2"));
        let both = Digest::default().with_tuple(&a).with_tuple(&b);
        assert_eq!(both, Digest::default().with_tuple(&b).with_tuple(&a));
        assert_eq!(both.without_tuple(&a), Digest::default().with_tuple(&b));
        assert_ne!(both.with_tuple(&a), both);
        assert_ne!(Digest::default().with_tuple(&a).with_tuple(&a), Digest::default());
    }

    #[test]
    fn every_part_of_the_state_counts() {
        let texts = [
            "d:1#v@u:1",
            "d:1#v@u:*",
            "d:1#v@u:1#m",
            "d:1#v@u:1[c]",
            r#"d:1#v@u:1[c:{"a":1}]"#,
            r#"d:1#v@u:1[c:{"a":2}]"#,
            "d:1#v@u:1[expiration:2030-01-01T00:00:00Z]",
            "d:1#v@u:1[expiration:2030-01-01T00:00:01Z]",
        ];
        let mut digests: BTreeSet<[u8; 32]> = texts.iter().map(|t| Digest::default().with_tuple(&tuple(t)).to_bytes()).collect();
        for (version, text) in [(1, "a"), (2, "a"), (1, "b")] {
            let source = SchemaSource { language: SchemaLanguage::Native, text: text.to_owned(), imports: [].into() };
            digests.insert(Digest::default().with_schema(&SchemaText { version, source }).to_bytes());
        }
        assert_eq!(digests.len(), texts.len() + 3);
    }

    #[test]
    fn bytes_and_back_is_identity() {
        let digest = Digest::default().with_tuple(&tuple("d:1#v@u:1"));
        assert_eq!(Digest::from_bytes(&digest.to_bytes()), digest);
        assert_eq!(borsh::from_slice::<Digest>(&borsh::to_vec(&digest).unwrap()).unwrap(), digest);
        assert!(borsh::from_slice::<Digest>(&[9; 33]).is_err());
    }

    #[test]
    fn digest_version_1_is_what_it_always_was() {
        // Stored digests must be found again by later builds: a change here needs a new DIGEST_VERSION.
        let digest = Digest::default().with_tuple(&tuple("document:readme#viewer@user:ada"));
        assert_eq!(digest.to_string(), "e4b42d96c44008548d2a3d5d734ee2730127c7797b97c91e474d9e158810a12b");
    }
}
