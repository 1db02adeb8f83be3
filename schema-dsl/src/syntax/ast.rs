//! Reading the tree: the few questions that later stages ask of a node.

use std::ops::Range;
use std::sync::Arc;

use rowan::NodeOrToken;

use super::kind::{SyntaxKind, SyntaxNode, SyntaxToken};
use crate::ir::Name;

/// A name as it is written at one place.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// Without backticks.
    pub(crate) name: Name,
    /// Whether it stands in backticks, so that it is never a word of the language.
    pub(crate) quoted: bool,
    pub(crate) range: Range<usize>,
}

/// The bytes of a node, without white space and comments at its ends (nodes have none at their start).
pub(crate) fn range(node: &SyntaxNode) -> Range<usize> {
    let range = node.text_range();
    usize::from(range.start())..usize::from(range.end())
}

/// The bytes of a token.
pub(crate) fn token_range(token: &SyntaxToken) -> Range<usize> {
    let range = token.text_range();
    usize::from(range.start())..usize::from(range.end())
}

/// The child nodes of one kind.
pub(crate) fn children(node: &SyntaxNode, kind: SyntaxKind) -> impl Iterator<Item = SyntaxNode> {
    node.children().filter(move |child| child.kind() == kind)
}

/// The first child node of one kind.
pub(crate) fn child(node: &SyntaxNode, kind: SyntaxKind) -> Option<SyntaxNode> {
    children(node, kind).next()
}

/// The first token of one kind among the node's own.
pub(crate) fn token(node: &SyntaxNode, kind: SyntaxKind) -> Option<SyntaxToken> {
    node.children_with_tokens().filter_map(NodeOrToken::into_token).find(|token| token.kind() == kind)
}

/// The names that are children of the node, in order.
pub(crate) fn names(node: &SyntaxNode) -> impl Iterator<Item = Written> {
    children(node, SyntaxKind::Name).filter_map(|name| written(&name))
}

/// The first name among the node's children.
pub(crate) fn name(node: &SyntaxNode) -> Option<Written> {
    names(node).next()
}

fn written(node: &SyntaxNode) -> Option<Written> {
    let token = node.first_token()?;
    let text = token.text();
    let quoted = token.kind() == SyntaxKind::QuotedIdent;
    let bare = text.strip_prefix('`').map_or(text, |rest| rest.strip_suffix('`').unwrap_or(rest));
    Some(Written { name: Arc::from(bare), quoted, range: token_range(&token) })
}

/// The text of the documentation comments before a declaration, without comment marks.
pub(crate) fn doc(node: &SyntaxNode) -> Option<String> {
    let mut parts = Vec::new();
    let mut before = node.prev_sibling_or_token();
    while let Some(element) = before {
        // A semicolon separates nothing that a line end does not.
        if !element.kind().is_trivia() && element.kind() != SyntaxKind::Semicolon {
            break;
        }
        if let NodeOrToken::Token(token) = &element
            && token.kind() == SyntaxKind::DocComment
        {
            parts.push(doc_text(token.text()));
        }
        before = element.prev_sibling_or_token();
    }
    parts.reverse();
    let text = parts.join("\n\n");
    (!text.is_empty()).then_some(text)
}

/// The text of one documentation comment: each line without its leading star.
fn doc_text(comment: &str) -> String {
    let inner = comment.strip_prefix("/**").unwrap_or(comment);
    let inner = inner.strip_suffix("*/").unwrap_or(inner);
    let lines = inner.lines().map(|line| {
        let line = line.trim();
        line.strip_prefix('*').map_or(line, |rest| rest.strip_prefix(' ').unwrap_or(rest)).trim_end()
    });
    lines.collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}
