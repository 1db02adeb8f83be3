//! Text to a lossless syntax tree, never failing.
//!
//! [`parse`] takes any text and gives a tree that holds every byte of it (white space and comments included), with all syntax
//! errors found in one pass. It neither panics nor recurses deeper than [`crate::limits::MAX_DEPTH`] allows; its cost is linear in
//! the text. It knows nothing about what names mean.

#![expect(clippy::wildcard_enum_match_arm, reason = "a rule of the grammar names the kinds it wants; every other kind is unexpected text")]

pub(crate) mod ast;
mod caveat_text;
mod kind;
mod lexer;
mod parser;

use std::sync::Arc;

pub use kind::{SchemaLanguage, SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken};

use crate::diagnostic::Diagnostic;
use crate::source::FileName;

/// A parsed file: its tree, and what is wrong with its syntax.
#[derive(Debug, Clone)]
pub struct Parse {
    pub(crate) file: FileName,
    green: rowan::GreenNode,
    /// The syntax errors, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parse {
    /// The root of the tree; its text is the file's, byte for byte.
    #[must_use]
    pub fn root(&self) -> SyntaxNode {
        SyntaxNode::new_root(self.green.clone())
    }
}

/// Parses the text of one file.
#[must_use]
pub fn parse(file: &str, text: &str) -> Parse {
    let file: FileName = Arc::from(file);
    let (green, diagnostics) = parser::parse(&file, text);
    Parse { file, green, diagnostics }
}

#[cfg(test)]
mod tests;
