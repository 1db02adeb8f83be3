//! Trees as plain text: one node a line, with lines drawn from parent to child.

/// A node, in the order of reading (parents first).
pub(super) struct Line {
    /// How many ancestors it has.
    pub(super) depth: usize,
    /// What it says, in one line.
    pub(super) text: String,
}

/// Deepest level that is drawn further in than its parent; without a bound, a chain would take the square of its length.
const MAX_INDENT: usize = 60;

/// At most `max_lines` lines of a tree; the last one says that there are more. O(text).
pub(super) fn render(lines: &[Line], max_lines: usize) -> String {
    let shown = lines.get(..max_lines).unwrap_or(lines);
    // From the end: whether a line has a sibling below it, and at which levels lines go on past it.
    let mut goes_on: Vec<bool> = Vec::new();
    let mut prefixes = Vec::with_capacity(shown.len());
    for line in shown.iter().rev() {
        let depth = line.depth.min(MAX_INDENT);
        goes_on.resize(depth + 1, false);
        prefixes.push(prefix(&goes_on));
        if let Some(level) = goes_on.last_mut() {
            *level = true;
        }
    }
    let mut text = String::new();
    for (line, prefix) in shown.iter().zip(prefixes.iter().rev()) {
        text.push_str(prefix);
        text.push_str(&line.text);
        text.push('\n');
    }
    if lines.len() > shown.len() {
        text.push_str("... and more\n");
    }
    text
}

/// What stands before a line: `goes_on` says for each level down to its own whether something follows there.
fn prefix(goes_on: &[bool]) -> String {
    let Some((own, above)) = goes_on.split_last() else { return String::new() };
    // Level 0 is the root, which is not drawn.
    let Some(above) = above.get(1..) else { return String::new() };
    let mut prefix: String = above.iter().map(|on| if *on { "|  " } else { "   " }).collect();
    prefix.push_str(if *own { "|- " } else { "`- " });
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(nodes: &[(usize, &str)]) -> Vec<Line> {
        nodes.iter().map(|(depth, text)| Line { depth: *depth, text: (*text).to_owned() }).collect()
    }

    #[test]
    fn lines_join_siblings_and_stop_at_the_last() {
        let tree = lines(&[(0, "a"), (1, "b"), (2, "c"), (2, "d"), (1, "e"), (2, "f")]);
        assert_eq!(render(&tree, 99), "a\n|- b\n|  |- c\n|  `- d\n`- e\n   `- f\n");
    }

    #[test]
    fn what_is_too_long_or_too_deep_is_bounded() {
        let chain: Vec<Line> = (0..10_000).map(|depth| Line { depth, text: "x".to_owned() }).collect();
        let text = render(&chain, 1_000);
        assert!(text.ends_with("... and more\n") && text.lines().count() == 1_001);
        assert!(text.len() < 1_001 * 200);
    }
}
