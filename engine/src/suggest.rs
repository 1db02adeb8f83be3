//! "Did you mean": the known name that is closest to an unknown one.

/// The longest name that somebody may have mistyped. Comparing costs the square of the length, and questions may name anything.
const MAX_LENGTH: usize = 64;

/// The candidate with the fewest edits from `wanted`, if they are few for its length; the first of equals.
///
/// Damerau-Levenshtein distance of at most a third of the length (at least one); nothing for names over [`MAX_LENGTH`] bytes.
/// O(candidates × length²).
pub(crate) fn closest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wanted.len() > MAX_LENGTH {
        return None;
    }
    let allowed = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= 2 * MAX_LENGTH)
        .map(|candidate| (strsim::damerau_levenshtein(wanted, candidate), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_of_the_known_names_is_proposed() {
        assert_eq!(closest("veiwer", ["owner", "viewer", "view"]), Some("viewer"));
        assert_eq!(closest("documnt", ["document", "user"]), Some("document"));
        assert_eq!(closest("zebra", ["document", "user"]), None);
        let long = "a".repeat(MAX_LENGTH);
        assert_eq!(closest(&long, [&*long.replacen('a', "b", 1)]), Some(&*long.replacen('a', "b", 1)));
        assert_eq!(closest(&format!("{long}a"), [&*long]), None);
    }
}
