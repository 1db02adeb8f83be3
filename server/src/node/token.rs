//! Consistency tokens: a position in one history, as a short opaque text.
//!
//! A token names a store, a revision and the first bytes of the chain there, so that a position in another history is recognised and
//! never misread (docs/decisions/0006). It carries no secret and opens nothing; its checksum is there so that a slip of the pen is
//! a malformed token and not another position.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dhow_engine::entry::{Chain, StoreId};

/// The layout that this build writes and reads.
const VERSION: u8 = 1;
/// Version, store, revision, chain prefix, checksum.
const TOKEN_BYTES: usize = 1 + 16 + 8 + 8 + CHECKSUM_BYTES;
const CHECKSUM_BYTES: usize = 4;

/// The first bytes of the chain at a revision: enough to tell histories apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChainPrefix(pub(crate) [u8; 8]);

impl ChainPrefix {
    /// The prefix of a chain.
    pub(crate) fn of(chain: &Chain) -> Self {
        Self(chain.prefix())
    }
}

/// A position in one history of one store. Its text has 50 characters, all of them safe in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Token {
    /// Whose history.
    pub(crate) store: StoreId,
    /// The position.
    pub(crate) revision: u64,
    /// Which history.
    pub(crate) chain: ChainPrefix,
}

/// A text that is no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a consistency token: {problem}")]
pub(crate) struct MalformedToken {
    text: String,
    problem: Problem,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Problem {
    #[error("it has characters that no token has")]
    Characters,
    #[error("it is cut short or has too many characters")]
    Length,
    #[error("it was made by another version of dhow")]
    Version,
    #[error("its check digits do not fit: a character was lost or changed")]
    Checksum,
}

impl MalformedToken {
    /// The stable code.
    pub(crate) const fn code(&self) -> &'static str {
        "DH-R001"
    }

    /// What to do.
    pub(crate) const fn help(&self) -> &'static str {
        "pass a token on exactly as an answer carried it"
    }
}

impl Token {
    /// A position.
    pub(crate) fn new(store: StoreId, revision: u64, chain: &Chain) -> Self {
        Self { store, revision, chain: ChainPrefix::of(chain) }
    }

    fn body(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(TOKEN_BYTES);
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.store.0);
        bytes.extend_from_slice(&self.revision.to_be_bytes());
        bytes.extend_from_slice(&self.chain.0);
        bytes
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&seal::<CHECKSUM_BYTES>(self.body()))
    }
}

impl FromStr for Token {
    type Err = MalformedToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |problem| MalformedToken { text: text.chars().take(80).collect(), problem };
        let body = unseal::<CHECKSUM_BYTES>(text).map_err(refused)?;
        let mut fields = Fields(&body);
        let version = fields.take::<1>().ok_or_else(|| refused(Problem::Length))?;
        if version != [VERSION] {
            return Err(refused(Problem::Version));
        }
        let read = (|| {
            let store = StoreId(fields.take()?);
            let revision = u64::from_be_bytes(fields.take()?);
            let chain = ChainPrefix(fields.take()?);
            fields.0.is_empty().then_some(Self { store, revision, chain })
        })();
        read.ok_or_else(|| refused(Problem::Length))
    }
}

/// Fixed-size fields of a byte string, from its front.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    /// The next `N` bytes.
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}

/// `bytes` and their checksum, as text.
pub(super) fn seal<const CHECKSUM: usize>(mut bytes: Vec<u8>) -> String {
    let hash = blake3::hash(&bytes);
    bytes.extend(hash.as_bytes().iter().take(CHECKSUM));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What was sealed.
fn unseal<const CHECKSUM: usize>(text: &str) -> Result<Vec<u8>, Problem> {
    let mut bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| Problem::Characters)?;
    let checksum = bytes.len().checked_sub(CHECKSUM).map(|at| bytes.split_off(at)).ok_or(Problem::Length)?;
    if blake3::hash(&bytes).as_bytes().starts_with(&checksum) { Ok(bytes) } else { Err(Problem::Checksum) }
}

/// What was sealed, if it is whole.
pub(super) fn unseal_whole<const CHECKSUM: usize>(text: &str) -> Option<Vec<u8>> {
    unseal::<CHECKSUM>(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token { store: StoreId(*b"0123456789abcdef"), revision: 77, chain: ChainPrefix(*b"fedcba98") }
    }

    #[test]
    fn text_and_back_is_identity() {
        let extremes = [0, 1, 77, u64::MAX];
        for revision in extremes {
            let token = Token { revision, ..token() };
            assert_eq!(token.to_string().parse(), Ok(token));
        }
    }

    #[test]
    fn a_token_is_short_and_safe_in_a_url() {
        let text = token().to_string();
        assert!(text.len() < 60, "{text}");
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'), "{text}");
    }

    #[test]
    fn no_slip_of_one_character_makes_another_token() {
        let text = token().to_string();
        for at in 0..text.len() {
            for replacement in "AZaz09-_=+ /é".chars() {
                let slipped: String = text.chars().enumerate().map(|(i, c)| if i == at { replacement } else { c }).collect();
                if slipped != text {
                    assert_eq!(slipped.parse::<Token>().unwrap_err().code(), "DH-R001", "{slipped}");
                }
            }
            let lost: String = text.chars().enumerate().filter(|(i, _)| *i != at).map(|(_, c)| c).collect();
            assert!(lost.parse::<Token>().is_err());
        }
        for text in ["", "A", "AAAA", &"A".repeat(10_000), &format!("{text}AAAA"), "not a token"] {
            assert_eq!(text.parse::<Token>().unwrap_err().code(), "DH-R001");
        }
    }

    #[test]
    fn a_later_layout_is_told_from_damage() {
        let mut body = token().body();
        body[0] = 2;
        let problem = seal::<CHECKSUM_BYTES>(body).parse::<Token>().unwrap_err().to_string();
        assert!(problem.contains("another version"), "{problem}");
    }
}
