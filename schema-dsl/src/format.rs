//! The formatter: one layout for every schema, comments kept.
//!
//! It works on the lossless tree, token by token: white space is chosen anew, everything else is written as it stands. So nothing
//! can get lost, `parse . format` is the identity on meaning and comments, and formatting twice changes nothing. What it keeps of
//! the author's layout: single blank lines, line ends within a statement, and the inside of caveat bodies. Linear in the text.

#![expect(clippy::wildcard_enum_match_arm, reason = "only some kinds of tokens have a layout of their own")]

mod piece;
mod printer;

use crate::diagnostic::Diagnostic;
use crate::source::SINGLE_FILE;
use crate::syntax::parse;

/// The text in the standard layout: indented by two blanks, members on lines of their own, one blank line between declarations.
///
/// # Errors
/// The syntax errors of a text that has any: what cannot be read cannot be laid out.
///
/// ```
/// assert_eq!(dhow_schema::format("definition  user{ }").unwrap(), "definition user {}\n");
/// ```
pub fn format(text: &str) -> Result<String, Vec<Diagnostic>> {
    let parsed = parse(SINGLE_FILE, text);
    if parsed.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(parsed.diagnostics);
    }
    Ok(printer::print(&piece::pieces(&parsed.root())))
}

#[cfg(test)]
pub(crate) mod tests;
