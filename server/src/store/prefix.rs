//! Texts with a common beginning as a range of the order by bytes, which an index can search.

/// The first text, in the order of bytes, behind every text that begins with `prefix`; `None`: there is none behind them.
///
/// UTF-8 sorts as its characters do, so it is the prefix with its last character that has one replaced by the next character.
pub(super) fn behind_prefix(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The range steps over the surrogates, which are no characters.
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_text_behind_a_prefix_steps_over_what_is_no_character() {
        assert_eq!(behind_prefix("2026-"), Some("2026.".to_owned()));
        assert_eq!(behind_prefix("a\u{d7ff}"), Some("a\u{e000}".to_owned()));
        assert_eq!(behind_prefix("a\u{10ffff}\u{10ffff}"), Some("b".to_owned()));
        assert_eq!(behind_prefix("\u{10ffff}"), None);
        assert_eq!(behind_prefix(""), None);
    }

    proptest! {
        #[test]
        fn exactly_the_texts_of_the_range_have_the_prefix(prefix in "[ab\u{d7ff}\u{10ffff}]{0,3}", text in "[abc\u{e000}\u{d7ff}\u{10ffff}]{0,5}") {
            let in_range = text >= prefix && behind_prefix(&prefix).is_none_or(|end| text < end);
            prop_assert_eq!(in_range, text.starts_with(&prefix));
        }
    }
}
