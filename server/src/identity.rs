//! Who asks: bearer keys, and what each of them opens.
//!
//! A key is known by its SHA-256 digest alone; the digest of what a caller presents is compared with every known one in constant
//! time, so neither the time of a refusal nor the memory of the server tells anything about a key.
//!
//! **Invariant:** nothing here prints, logs or keeps a key's text.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// What a key may do in the stores that it opens. None implies another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Right {
    /// Check, expand, list, read, export, watch; read schemas.
    Read,
    /// Write, delete and import relationships.
    Write,
    /// Write schemas, and read them.
    Schema,
    /// Create and delete stores.
    Admin,
    /// Make, list and verify snapshots; see how nodes are.
    Operate,
}

impl Right {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Schema, Self::Admin, Self::Operate];

    /// Its word in the configuration file.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Schema => "schema",
            Self::Admin => "admin",
            Self::Operate => "operate",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Right {
    type Err = UnknownRight;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|right| right.word() == word).ok_or_else(|| UnknownRight { word: word.to_owned() })
    }
}

/// A word that is no right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no right; the rights are `read`, `write`, `schema`, `admin` and `operate`")]
pub(crate) struct UnknownRight {
    word: String,
}

/// Which stores a key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Every store, also those made later.
    All,
    /// The stores of these names or ids.
    Only(BTreeSet<String>),
}

impl Scope {
    /// Whether the store of this id and name is among them.
    pub(crate) fn opens(&self, id: &str, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(stores) => stores.contains(name) || stores.contains(id),
        }
    }
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// What the log calls this caller.
    pub(crate) name: Arc<str>,
    /// Which stores it may use.
    pub(crate) scope: Scope,
    /// What it may do there.
    pub(crate) rights: BTreeSet<Right>,
    /// The store of requests that name none.
    pub(crate) default_store: Option<String>,
}

impl Identity {
    /// The caller of a server without keys: may do everything.
    pub(crate) fn anonymous() -> Self {
        Self { name: Arc::from("anonymous"), scope: Scope::All, rights: Right::ALL.into(), default_store: None }
    }

    /// Checks that the caller has one of `rights`.
    ///
    /// # Errors
    /// [`Forbidden::Right`] when it has none of them.
    pub(crate) fn require(&self, rights: &'static [Right]) -> Result<(), Forbidden> {
        if rights.iter().any(|right| self.rights.contains(right)) {
            return Ok(());
        }
        Err(Forbidden::Right { identity: Arc::clone(&self.name), needs: rights })
    }
}

/// What a key does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Forbidden {
    /// The key lacks a right.
    #[error("key `{identity}` lacks the right {}", or_list(.needs))]
    Right {
        /// The key's name.
        identity: Arc<str>,
        /// Any of these would do.
        needs: &'static [Right],
    },
    /// The key does not open the store. Says the same whether or not the store exists.
    #[error("key `{identity}` does not open store `{store}`")]
    Store {
        /// The key's name.
        identity: Arc<str>,
        /// The store, as the request names it.
        store: String,
    },
}

impl Forbidden {
    /// The stable code of this error.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Right { .. } => "DH-A004",
            Self::Store { .. } => "DH-A005",
        }
    }

    /// What to do about it.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Right { .. } => "an operator can add it to the key's `rights`",
            Self::Store { .. } => "name another one, or have an operator add it to the key's `stores`",
        }
    }
}

fn or_list(rights: &[Right]) -> String {
    rights.iter().map(|right| format!("`{right}`")).collect::<Vec<_>>().join(" or ")
}

/// Why a caller is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unauthenticated {
    /// The request has no `authorization`.
    #[error("this server needs a key")]
    Missing,
    /// The request's `authorization` is something else.
    #[error("the `authorization` of this request is no bearer key")]
    Malformed,
    /// No key has this text.
    #[error("this server does not know the key")]
    Unknown,
}

impl Unauthenticated {
    /// The stable code of this error.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Missing => "DH-A001",
            Self::Malformed => "DH-A002",
            Self::Unknown => "DH-A003",
        }
    }

    /// What to do about it.
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Self::Missing | Self::Malformed => "send `authorization: Bearer KEY` with each request",
            Self::Unknown => "look for a mistyped, replaced or removed key",
        }
    }
}

/// The SHA-256 digest of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyDigest([u8; 32]);

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}

impl KeyDigest {
    /// The digest of a key's text.
    pub(crate) fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Reads 64 hexadecimal digits.
    pub(crate) fn from_hex(hex: &str) -> Option<Self> {
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// As 64 hexadecimal digits.
    pub(crate) fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The keys of a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyRing {
    keys: Vec<(KeyDigest, Arc<Identity>)>,
}

impl KeyRing {
    /// Adds a key; `false` when the ring has a key of that text or name already.
    pub(crate) fn add(&mut self, digest: KeyDigest, identity: Identity) -> bool {
        if self.keys.iter().any(|(known, other)| *known == digest || other.name == identity.name) {
            return false;
        }
        self.keys.push((digest, Arc::new(identity)));
        true
    }

    /// Whether there is no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Who presents `key`. Takes the same time whichever key it is, and if it is none.
    ///
    /// # Errors
    /// [`Unauthenticated::Unknown`].
    pub(crate) fn identify(&self, key: &str) -> Result<Arc<Identity>, Unauthenticated> {
        let presented = KeyDigest::of(key);
        let mut found = u64::MAX;
        for (place, (digest, _)) in (0_u64..).zip(&self.keys) {
            let equal: Choice = digest.0.ct_eq(&presented.0);
            found.conditional_assign(&place, equal);
        }
        let place = usize::try_from(found).map_err(|_| Unauthenticated::Unknown)?;
        self.keys.get(place).map(|(_, identity)| Arc::clone(identity)).ok_or(Unauthenticated::Unknown)
    }
}

/// The bearer key of an `authorization` header.
///
/// # Errors
/// [`Unauthenticated::Missing`] without a header, [`Unauthenticated::Malformed`] when it holds something else.
pub(crate) fn bearer(header: Option<&str>) -> Result<&str, Unauthenticated> {
    let header = header.ok_or(Unauthenticated::Missing)?;
    let (scheme, key) = header.split_once(' ').ok_or(Unauthenticated::Malformed)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() {
        return Err(Unauthenticated::Malformed);
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> KeyRing {
        let mut ring = KeyRing::default();
        for name in ["one", "two", "three"] {
            let identity = Identity { name: Arc::from(name), ..Identity::anonymous() };
            assert!(ring.add(KeyDigest::of(&format!("key of {name}")), identity));
        }
        ring
    }

    #[test]
    fn each_key_finds_its_own_identity() {
        for name in ["one", "two", "three"] {
            assert_eq!(&*ring().identify(&format!("key of {name}")).unwrap().name, name);
        }
        assert_eq!(ring().identify("key of four"), Err(Unauthenticated::Unknown));
        assert_eq!(KeyRing::default().identify(""), Err(Unauthenticated::Unknown));
    }

    #[test]
    fn a_key_or_a_name_stands_once_in_a_ring() {
        let named = |name: &str| Identity { name: Arc::from(name), ..Identity::anonymous() };
        assert!(!ring().add(KeyDigest::of("key of one"), named("other")));
        assert!(!ring().add(KeyDigest::of("other"), named("one")));
    }

    #[test]
    fn bearer_keys_are_read_from_the_header() {
        assert_eq!(bearer(Some("Bearer abc")), Ok("abc"));
        assert_eq!(bearer(Some("bearer  abc ")), Ok("abc"));
        assert_eq!(bearer(None), Err(Unauthenticated::Missing));
        for malformed in ["", "Bearer", "Bearer ", "Basic YTpi", "abc"] {
            assert_eq!(bearer(Some(malformed)), Err(Unauthenticated::Malformed), "{malformed}");
        }
    }

    #[test]
    fn digests_read_back_from_hexadecimal() {
        let digest = KeyDigest::of("abc");
        assert_eq!(digest.to_hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(KeyDigest::from_hex(&digest.to_hex()), Some(digest));
        for wrong in ["", "ba78", &"zz".repeat(32), &"é".repeat(32)] {
            assert_eq!(KeyDigest::from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_right_implies_another() {
        for right in Right::ALL {
            let identity = Identity { rights: [right].into(), ..Identity::anonymous() };
            for asked in [&[Right::Read], &[Right::Write], &[Right::Schema], &[Right::Admin], &[Right::Operate]] {
                assert_eq!(identity.require(asked).is_ok(), asked[0] == right);
            }
        }
    }

    #[test]
    fn debug_output_does_not_show_a_key() {
        assert!(!format!("{:?}", ring()).contains("key of"));
        assert!(!format!("{:?}", ring()).contains(&KeyDigest::of("key of one").to_hex()));
    }
}
