//! The `[[keys]]` of the configuration file.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::identity::{Identity, KeyDigest, KeyRing, Scope, UnknownRight};

/// The fields of one key.
pub(super) const KEYS: &[&str] = &["name", "key", "stores", "rights", "default_store"];

/// Shortest key that may stand in the file, in bytes.
const KEY_BYTES_MIN: usize = 16;

#[derive(Debug, Deserialize)]
pub(super) struct Raw {
    name: Spanned<String>,
    key: Spanned<String>,
    stores: Spanned<RawScope>,
    rights: Spanned<Vec<Spanned<String>>>,
    default_store: Option<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RawScope {
    Word(String),
    Names(Vec<String>),
}

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyProblem {
    /// A name that the log cannot show.
    #[error("a key's name is 1 to 64 characters without white space; it is what the log calls the caller")]
    Name,
    /// A key that can be guessed.
    #[error("a key needs at least {KEY_BYTES_MIN} bytes; `dhow keys generate` makes one")]
    Short,
    /// A digest that is none.
    #[error("`sha256:` is followed by the 64 hexadecimal digits of the key's SHA-256; `dhow keys generate` prints them")]
    Digest,
    /// A word that chooses no stores.
    #[error("`stores` is the word `all` or a list of store names or ids, not `{word}`")]
    Stores {
        /// The word.
        word: String,
    },
    /// An empty list.
    #[error("this key opens no store; write `all` or a list of store names or ids")]
    NoStores,
    /// A word that is no right.
    #[error(transparent)]
    Right(#[from] UnknownRight),
    /// An empty list.
    #[error("this key has no right; list some of `read`, `write`, `schema`, `admin` and `operate`")]
    NoRights,
    /// A default that the key does not open.
    #[error("`default_store` must be one of the key's `stores`")]
    DefaultStore,
    /// The same again.
    #[error("another key has this name or this text")]
    Twice,
}

impl KeyProblem {
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Name => "DH-K010",
            Self::Short => "DH-K011",
            Self::Digest => "DH-K012",
            Self::Stores { .. } | Self::NoStores => "DH-K013",
            Self::Right(_) => "DH-K014",
            Self::NoRights => "DH-K015",
            Self::DefaultStore => "DH-K016",
            Self::Twice => "DH-K017",
        }
    }
}

type Placed = (Option<Range<usize>>, KeyProblem);

/// Makes the ring of a file's keys.
pub(super) fn ring(raw: Vec<Raw>) -> Result<KeyRing, Placed> {
    let mut ring = KeyRing::default();
    for key in raw {
        let place = key.name.span();
        let digest = digest(&key.key).map_err(|problem| (Some(key.key.span()), problem))?;
        if !ring.add(digest, identity(key)?) {
            return Err((Some(place), KeyProblem::Twice));
        }
    }
    Ok(ring)
}

/// Whether a key may have this name: the log calls the caller by it.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.chars().count()) && !name.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn digest(key: &Spanned<String>) -> Result<KeyDigest, KeyProblem> {
    let text = key.get_ref();
    match text.strip_prefix("sha256:") {
        Some(hex) => KeyDigest::from_hex(hex).ok_or(KeyProblem::Digest),
        None if text.len() < KEY_BYTES_MIN => Err(KeyProblem::Short),
        None => Ok(KeyDigest::of(text)),
    }
}

fn identity(key: Raw) -> Result<Identity, Placed> {
    let name = key.name.get_ref();
    if !is_name(name) {
        return Err((Some(key.name.span()), KeyProblem::Name));
    }
    let span = key.stores.span();
    let scope = scope(key.stores.into_inner()).map_err(|problem| (Some(span), problem))?;
    let mut rights = BTreeSet::new();
    for word in key.rights.get_ref() {
        rights.insert(word.get_ref().parse().map_err(|unknown: UnknownRight| (Some(word.span()), unknown.into()))?);
    }
    if rights.is_empty() {
        return Err((Some(key.rights.span()), KeyProblem::NoRights));
    }
    if let Some(default) = &key.default_store {
        let opened = match &scope {
            Scope::All => !default.get_ref().is_empty(),
            Scope::Only(stores) => stores.contains(default.get_ref()),
        };
        if !opened {
            return Err((Some(default.span()), KeyProblem::DefaultStore));
        }
    }
    Ok(Identity { name: Arc::from(name.as_str()), scope, rights, default_store: key.default_store.map(Spanned::into_inner) })
}

fn scope(raw: RawScope) -> Result<Scope, KeyProblem> {
    match raw {
        RawScope::Word(word) if word == "all" => Ok(Scope::All),
        RawScope::Word(word) => Err(KeyProblem::Stores { word }),
        RawScope::Names(names) if names.is_empty() => Err(KeyProblem::NoStores),
        RawScope::Names(names) => Ok(Scope::Only(names.into_iter().collect())),
    }
}
