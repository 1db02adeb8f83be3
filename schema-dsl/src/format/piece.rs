//! The tree as a list of what has to be written, with what the printer must know about each place.

use rowan::NodeOrToken;

use crate::syntax::{SyntaxKind, SyntaxNode, SyntaxToken};

/// A token that is not white space.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) token: SyntaxToken,
    pub(super) kind: SyntaxKind,
    /// The kind of the node that the token is directly in.
    pub(super) parent: SyntaxKind,
    /// Where in the structure of the file it stands.
    pub(super) place: Place,
    /// Line ends in the text before it, up to the piece before.
    pub(super) newlines: usize,
    /// Whether its parent is a list of parameters with a line end after the opening parenthesis.
    pub(super) spread_out: bool,
}

/// Where a piece stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A comment between declarations.
    TopComment,
    /// The first token of a `use` or an `import`.
    SmallItem,
    /// The first token of a definition, partial or caveat.
    BigItem,
    /// A comment between members.
    BlockComment,
    /// The first token of a member.
    Member,
    /// The closing brace of a block.
    BlockEnd,
    /// Within a declaration or member.
    Inline,
}

/// The pieces of a file, in order. Semicolons, which separate nothing that a line end does not, are left out.
pub(super) fn pieces(root: &SyntaxNode) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut newlines = 0;
    for token in root.descendants_with_tokens().filter_map(NodeOrToken::into_token) {
        let kind = token.kind();
        if kind == SyntaxKind::Whitespace {
            newlines += token.text().matches('\n').count();
            continue;
        }
        if kind == SyntaxKind::Semicolon {
            continue;
        }
        let parent = token.parent();
        let place = parent.as_ref().map_or(Place::Inline, |parent| place(&token, parent));
        let spread_out = parent.as_ref().is_some_and(is_spread_out);
        let parent = parent.map_or(SyntaxKind::Error, |parent| parent.kind());
        pieces.push(Piece { token, kind, parent, place, newlines, spread_out });
        newlines = 0;
    }
    pieces
}

fn place(token: &SyntaxToken, parent: &SyntaxNode) -> Place {
    let kind = token.kind();
    let in_block = parent.kind() == SyntaxKind::Block;
    if kind.is_comment() {
        return match parent.kind() {
            SyntaxKind::File => Place::TopComment,
            SyntaxKind::Block => Place::BlockComment,
            _ => Place::Inline,
        };
    }
    if in_block && kind == SyntaxKind::RBrace {
        return Place::BlockEnd;
    }
    let begins = parent.first_token().is_some_and(|first| first == *token);
    match parent.kind() {
        SyntaxKind::Use | SyntaxKind::Import if begins => Place::SmallItem,
        SyntaxKind::Definition | SyntaxKind::Partial | SyntaxKind::Caveat if begins => Place::BigItem,
        SyntaxKind::Relation | SyntaxKind::Permission | SyntaxKind::Spread if begins => Place::Member,
        _ => Place::Inline,
    }
}

fn is_spread_out(parent: &SyntaxNode) -> bool {
    if parent.kind() != SyntaxKind::Parameters {
        return false;
    }
    let after_paren = parent.children_with_tokens().nth(1);
    after_paren.and_then(NodeOrToken::into_token).is_some_and(|token| token.kind() == SyntaxKind::Whitespace && token.text().contains('\n'))
}
