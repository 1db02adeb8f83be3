//! Text to tokens. The tokens' texts, one after the other, are the text: nothing is dropped.

use logos::Logos;

use super::caveat_text::caveat_end;
use super::kind::SyntaxKind;

/// One token: its kind and where it ends (it begins where the one before ends).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: SyntaxKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A token that has a beginning but no end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unterminated {
    pub(super) what: &'static str,
    pub(super) close: &'static str,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What [`lex`] finds.
#[derive(Debug, Default)]
pub(super) struct Lexed {
    pub(super) tokens: Vec<Token>,
    pub(super) unterminated: Vec<Unterminated>,
    /// Where the text was cut because it has more than the allowed number of tokens; the rest is one unknown token.
    pub(super) cut_at: Option<usize>,
}

/// How far the head of a caveat has been read: its body is not made of our tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Head {
    Outside,
    Caveat,
}

/// Splits `text` into at most `max_tokens` tokens that the grammar sees, and all the white space and comments between them. Linear.
pub(super) fn lex(text: &str, max_tokens: usize) -> Lexed {
    let mut out = Lexed::default();
    let mut lexer = SyntaxKind::lexer(text);
    let mut head = Head::Outside;
    let mut significant = 0usize;
    while let Some(result) = lexer.next() {
        let start = lexer.span().start;
        let mut kind = result.unwrap_or(SyntaxKind::Unknown);
        match kind {
            SyntaxKind::BlockComment => kind = end_comment(&mut lexer, &mut out.unterminated),
            SyntaxKind::QuotedIdent => end_quoted(&mut lexer, "`", "name in backticks", &mut out.unterminated),
            SyntaxKind::Text => {
                let close = if lexer.slice() == "'" { "'" } else { "\"" };
                end_quoted(&mut lexer, close, "text in quotes", &mut out.unterminated);
            }
            _ => {}
        }
        out.push(kind, start, lexer.span().end);
        if kind.is_trivia() {
            continue;
        }
        significant += 1;
        if significant >= max_tokens && !lexer.remainder().is_empty() {
            let end = lexer.span().end;
            out.cut_at = Some(end);
            out.push(SyntaxKind::Unknown, end, text.len());
            return out;
        }
        if kind == SyntaxKind::LBrace && head == Head::Caveat {
            let body = caveat_end(lexer.remainder());
            if body.length > 0 {
                let start = lexer.span().end;
                lexer.bump(body.length);
                out.push(SyntaxKind::CaveatText, start, start + body.length);
                significant += 1;
            }
        }
        head = match kind {
            SyntaxKind::CaveatKw => Head::Caveat,
            SyntaxKind::DefinitionKw | SyntaxKind::RelationKw | SyntaxKind::PermissionKw | SyntaxKind::LBrace | SyntaxKind::RBrace => {
                Head::Outside
            }
            _ => head,
        };
    }
    out
}

impl Lexed {
    /// Adds a token; neighbouring unknown characters become one.
    fn push(&mut self, kind: SyntaxKind, start: usize, end: usize) {
        if let Some(last) = self.tokens.last_mut()
            && kind == SyntaxKind::Unknown
            && last.kind == SyntaxKind::Unknown
        {
            last.end = end;
            return;
        }
        self.tokens.push(Token { kind, start, end });
    }
}

type Logosed<'t> = logos::Lexer<'t, SyntaxKind>;

/// Moves to the end of a block comment and tells whether it is documentation.
fn end_comment(lexer: &mut Logosed<'_>, unterminated: &mut Vec<Unterminated>) -> SyntaxKind {
    let rest = lexer.remainder();
    let is_doc = rest.starts_with('*') && !rest.starts_with("*/") && !rest.starts_with("**/");
    match rest.find("*/") {
        Some(at) => lexer.bump(at + 2),
        None => {
            let start = lexer.span().start;
            unterminated.push(Unterminated { what: "comment", close: "*/", start, end: start + 2 });
            lexer.bump(rest.len());
        }
    }
    if is_doc { SyntaxKind::DocComment } else { SyntaxKind::BlockComment }
}

/// Moves to the closing mark, or to the end of the line.
fn end_quoted(lexer: &mut Logosed<'_>, close: &'static str, what: &'static str, unterminated: &mut Vec<Unterminated>) {
    let rest = lexer.remainder();
    let line = rest.split(['\n', '\r']).next().unwrap_or_default();
    match line.find(close) {
        Some(at) => lexer.bump(at + close.len()),
        None => {
            let start = lexer.span().start;
            lexer.bump(line.len());
            unterminated.push(Unterminated { what, close, start, end: lexer.span().end });
        }
    }
}
