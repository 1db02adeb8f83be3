//! What a store may be called.

use dhow_engine::entry::StoreId;

use super::error::CreateStoreError;
use crate::limits::STORE_NAME_BYTES;

/// Checks a store's name: 1 to 64 of `a-z`, `0-9`, `-`, `_` and `.`, and nothing that could be read as a store's id.
///
/// # Errors
/// [`CreateStoreError::Name`].
pub(super) fn check_store_name(name: &str) -> Result<(), CreateStoreError> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    let sound = (1..=STORE_NAME_BYTES.count()).contains(&name.len()) && name.bytes().all(allowed) && name.parse::<StoreId>().is_err();
    if sound { Ok(()) } else { Err(CreateStoreError::Name { name: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_no_ids() {
        let longest = "a".repeat(64);
        for name in ["a", "registry", "team-7.eu_west", longest.as_str(), "--", "0"] {
            assert!(check_store_name(name).is_ok(), "{name}");
        }
        let uuid = "01234567-89ab-cdef-0123-456789abcdef";
        let bare = uuid.replace('-', "");
        for name in ["", "A", "a b", "ä", "a/b", uuid, bare.as_str(), &"a".repeat(65)] {
            assert_eq!(check_store_name(name).unwrap_err().code(), "DH-W030", "{name}");
        }
    }
}
