//! "Did you mean": the known name nearest to an unknown one.

/// How many known names are compared at most; a schema with more gets no suggestion from the rest.
const MAX_CANDIDATES: usize = 2_000;

/// A help text that names the candidate most like `wrong`, if one is like it at all.
pub(crate) fn did_you_mean<S: AsRef<str>>(wrong: &str, candidates: impl IntoIterator<Item = S>) -> Option<String> {
    let allowed = (wrong.chars().count() / 3).clamp(1, 4);
    let mut best: Option<(usize, S)> = None;
    for candidate in candidates.into_iter().take(MAX_CANDIDATES) {
        let text = candidate.as_ref();
        if text == wrong || text.len().abs_diff(wrong.len()) > 4 * allowed {
            continue;
        }
        let distance = if text.eq_ignore_ascii_case(wrong) { 0 } else { strsim::osa_distance(text, wrong) };
        let nearer = best.as_ref().is_none_or(|(least, other)| {
            // Of two at the same distance the longer one: letters are left out more often than added.
            distance < *least || (distance == *least && text.len() > other.as_ref().len())
        });
        if distance <= allowed && nearer {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| format!("did you mean `{}`?", candidate.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_slip_is_mended_and_another_word_is_not() {
        assert_eq!(did_you_mean("usr", ["team", "user"]), Some("did you mean `user`?".to_owned()));
        assert_eq!(did_you_mean("viewr", ["view", "viewer", "views"]), Some("did you mean `viewer`?".to_owned()));
        assert_eq!(did_you_mean("veiwer", ["viewer", "view"]), Some("did you mean `viewer`?".to_owned()));
        assert_eq!(did_you_mean("document", ["user", "team"]), None);
        assert_eq!(did_you_mean("a", ["zzz"]), None);
    }
}
