//! Drawing diagnostics for people: the lines concerned, with carets.

use std::collections::BTreeMap;
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Renderer, Snippet};

use super::{Diagnostic, Label, Severity};
use crate::source::Sources;

/// Bytes that a label underlines at most; a longer range is marked by its beginning.
const MAX_UNDERLINED: usize = 400;

/// Draws each diagnostic with the lines it points at, a blank line between them; `color` puts terminal colours in.
///
/// A file that `sources` no longer has is named without its lines.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], sources: &dyn Sources, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let mut texts: BTreeMap<Arc<str>, Option<Arc<str>>> = BTreeMap::new();
    for label in diagnostics.iter().flat_map(|diagnostic| &diagnostic.labels) {
        texts.entry(label.file.clone()).or_insert_with(|| sources.text(&label.file).ok());
    }
    let mut out = String::new();
    for diagnostic in diagnostics {
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        out.push_str(&renderer.render(&[group(diagnostic, &texts)]));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

fn group<'a>(diagnostic: &'a Diagnostic, texts: &'a BTreeMap<Arc<str>, Option<Arc<str>>>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = level.primary_title(&diagnostic.message).id(diagnostic.code).elements(std::iter::empty::<Element<'a>>());
    let mut files: Vec<&Arc<str>> = Vec::new();
    for label in &diagnostic.labels {
        if !files.contains(&&label.file) {
            files.push(&label.file);
        }
    }
    let first = diagnostic.labels.first();
    for file in files {
        let labels = diagnostic.labels.iter().filter(|label| label.file == *file);
        group = match texts.get(file).and_then(Option::as_deref) {
            Some(text) => group.element(
                Snippet::source(text)
                    .path(&**file)
                    .annotations(labels.map(|label| annotation(label, text, first.is_some_and(|first| std::ptr::eq(first, label))))),
            ),
            None => group.element(Snippet::<Annotation<'_>>::source("").path(&**file)),
        };
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

fn annotation<'a>(label: &'a Label, text: &str, primary: bool) -> Annotation<'a> {
    let end = floor_boundary(text, label.range.end.min(label.range.start.saturating_add(MAX_UNDERLINED)));
    let start = floor_boundary(text, label.range.start).min(end);
    let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
    let annotation = kind.span(start..end);
    if label.text.is_empty() { annotation } else { annotation.label(&label.text) }
}

/// The nearest character boundary at or before `at`: texts may have changed since they were compiled.
fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::MemorySources;
    use crate::{SourceError, compile};

    fn two_files() -> MemorySources {
        let mut sources = MemorySources::new();
        sources.insert("main.zed", "use import\nimport \"user.zed\"\ndefinition user {}\n");
        sources.insert("user.zed", "// é\ndefinition user {}\n");
        sources
    }

    #[test]
    fn a_finding_points_into_every_file_concerned() {
        let sources = two_files();
        let drawn = render(&compile("main.zed", &sources).diagnostics, &sources, false);
        let expected = "error[DH-S101]: definition `user` is declared twice
 --> main.zed:3:12
  |
3 | definition user {}
  |            ^^^^
  |
 ::: user.zed:2:12
  |
2 | definition user {}
  |            ---- first here
  |
  = help: remove one, or give it another name
";
        assert!(drawn == expected, "{drawn}");
    }

    #[test]
    fn colours_are_put_in_only_when_asked_for() {
        let sources = two_files();
        let diagnostics = compile("main.zed", &sources).diagnostics;
        assert!(render(&diagnostics, &sources, true).contains('\u{1b}'));
        assert!(!render(&diagnostics, &sources, false).contains('\u{1b}'));
    }

    #[test]
    fn a_finding_without_a_place_and_a_file_that_is_gone_are_drawn_all_the_same() {
        let mut sources = MemorySources::new();
        sources.insert_bytes("main.zed", b"definition \xff");
        assert!(matches!(sources.text("main.zed"), Err(SourceError::NotUtf8 { .. })));
        for (main, code) in [("main.zed", "DH-S304"), ("gone.zed", "DH-S301")] {
            let compilation = compile(main, &sources);
            assert!(compilation.schema.is_none());
            assert!(render(&compilation.diagnostics, &sources, false).contains(code));
        }
        let diagnostics = compile("main.zed", &two_files()).diagnostics;
        assert!(render(&diagnostics, &sources, false).contains("main.zed"));
    }
}
