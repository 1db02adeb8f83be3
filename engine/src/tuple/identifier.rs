//! What an object id and a name may look like. One rule for every front end, the wire, text and stored bytes.

use crate::limits::{MAX_ID_BYTES, MAX_NAME_BYTES};

/// An id or a name that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentifierError {
    /// An id without characters.
    #[error("the object id is empty")]
    IdEmpty,
    /// An id of more than [`MAX_ID_BYTES`].
    #[error("the object id has {bytes} bytes, at most {MAX_ID_BYTES} are allowed")]
    IdTooLong {
        /// Its length.
        bytes: usize,
    },
    /// An id with white space, a control character, `#` or `[`.
    #[error("an object id cannot contain {character:?}")]
    IdCharacter {
        /// The first character that is not allowed.
        character: char,
        /// Where it begins, in bytes from the start of the id.
        at: usize,
    },
    /// `*` where one object is meant.
    #[error("`*` stands for every object of a type, it is no object's id")]
    IdWildcard,
    /// A name without characters.
    #[error("the name is empty")]
    NameEmpty,
    /// A name of more than [`MAX_NAME_BYTES`].
    #[error("the name has {bytes} bytes, at most {MAX_NAME_BYTES} are allowed")]
    NameTooLong {
        /// Its length.
        bytes: usize,
    },
    /// A name with white space, a control character or one of ``:#@*[]` ``.
    #[error("a name cannot contain {character:?}")]
    NameCharacter {
        /// The first character that is not allowed.
        character: char,
        /// Where it begins, in bytes from the start of the name.
        at: usize,
    },
    /// `...`, which stands for "no relation".
    #[error("`...` stands for no relation, it is no name")]
    NameEllipsis,
    /// `user:*#member`.
    #[error("a wildcard cannot have a relation")]
    WildcardRelation,
}

impl IdentifierError {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::IdEmpty => "id_empty",
            Self::IdTooLong { .. } => "id_too_long",
            Self::IdCharacter { .. } => "id_character",
            Self::IdWildcard => "id_wildcard",
            Self::NameEmpty => "name_empty",
            Self::NameTooLong { .. } => "name_too_long",
            Self::NameCharacter { .. } => "name_character",
            Self::NameEllipsis => "name_ellipsis",
            Self::WildcardRelation => "wildcard_relation",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::IdEmpty | Self::IdTooLong { .. } => "an object id has 1 to 1024 bytes of UTF-8",
            Self::IdCharacter { .. } => "leave out white space, control characters, `#` and `[`, or encode the id",
            Self::IdWildcard => "name one object; a wildcard can only be a subject",
            Self::NameEmpty | Self::NameTooLong { .. } => "a name has 1 to 254 bytes of UTF-8",
            Self::NameCharacter { .. } => "a name has no white space, no control characters and none of `:#@*[]` or backtick",
            Self::NameEllipsis => "leave the relation out",
            Self::WildcardRelation => "write `type:*`",
        }
    }

    /// Where in the id or name the error is, in bytes; `None`: all of it.
    pub(crate) const fn at(&self) -> Option<(usize, char)> {
        match self {
            Self::IdCharacter { character, at } | Self::NameCharacter { character, at } => Some((*at, *character)),
            Self::IdEmpty
            | Self::IdTooLong { .. }
            | Self::IdWildcard
            | Self::NameEmpty
            | Self::NameTooLong { .. }
            | Self::NameEllipsis
            | Self::WildcardRelation => None,
        }
    }
}

/// Checks an object id: 1 to 1,024 bytes without white space, control characters, `#` or `[`, and not `*`. O(length).
///
/// # Errors
/// The first rule that `id` breaks.
pub fn check_id(id: &str) -> Result<(), IdentifierError> {
    if id.is_empty() {
        return Err(IdentifierError::IdEmpty);
    }
    if id.len() > MAX_ID_BYTES {
        return Err(IdentifierError::IdTooLong { bytes: id.len() });
    }
    if id == "*" {
        return Err(IdentifierError::IdWildcard);
    }
    match id.char_indices().find(|(_, c)| c.is_whitespace() || c.is_control() || matches!(c, '#' | '[')) {
        Some((at, character)) => Err(IdentifierError::IdCharacter { character, at }),
        None => Ok(()),
    }
}

/// Checks a name of a type, relation, permission or caveat of any schema language: 1 to 254 bytes without white space, control
/// characters or ``:#@*[]` ``, and not `...`. O(length).
///
/// # Errors
/// The first rule that `name` breaks.
pub fn check_name(name: &str) -> Result<(), IdentifierError> {
    if name.is_empty() {
        return Err(IdentifierError::NameEmpty);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(IdentifierError::NameTooLong { bytes: name.len() });
    }
    if name == "..." {
        return Err(IdentifierError::NameEllipsis);
    }
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || matches!(c, ':' | '#' | '@' | '*' | '[' | ']' | '`');
    match name.char_indices().find(|(_, c)| forbidden(*c)) {
        Some((at, character)) => Err(IdentifierError::NameCharacter { character, at }),
        None => Ok(()),
    }
}
