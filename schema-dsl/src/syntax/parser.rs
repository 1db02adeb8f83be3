//! Tokens to a lossless tree, by recursive descent that never fails.
//!
//! Every token ends up in the tree: what fits nowhere goes into an `Error` node. Each rule either takes a token or leaves the loop
//! that called it, so that parsing ends; nesting is counted and cut off; chains are flat nodes, so that neither their length nor
//! the dropping of their tree costs stack.

mod expression;
mod item;

use rowan::{Checkpoint, GreenNode, GreenNodeBuilder, Language};

use super::kind::{SchemaLanguage, SyntaxKind};
use super::lexer::{Token, lex};
use crate::diagnostic::{
    BAD_NAME, Diagnostic, RESERVED_WORD, Sink, Span, TEXT_TOO_LONG, TOO_DEEP, TOO_LONG_A_LIST, TOO_MANY_TOKENS, UNCLOSED, UNEXPECTED,
    UNKNOWN_CHARACTER,
};
use crate::limits::{MAX_DEPTH, MAX_NAME_BYTES, MAX_OPERANDS, MAX_SCHEMA_BYTES, MAX_TOKENS};
use crate::source::FileName;

/// Parses a file's text. Linear in its length.
pub(super) fn parse(file: &FileName, text: &str) -> (GreenNode, Vec<Diagnostic>) {
    if text.len() > MAX_SCHEMA_BYTES {
        return refuse(file, text);
    }
    let lexed = lex(text, MAX_TOKENS);
    let significant = lexed.tokens.iter().enumerate().filter(|(_, token)| !token.kind.is_trivia()).map(|(index, _)| index).collect();
    let mut parser = Parser {
        file,
        text,
        tokens: lexed.tokens,
        significant,
        next: 0,
        emitted: 0,
        builder: GreenNodeBuilder::new(),
        sink: Sink::default(),
        depth: 0,
    };
    for open in &lexed.unterminated {
        let span = Span::new(file, open.start..open.end);
        let message = format!("this {} has no end", open.what);
        parser.sink.push(Diagnostic::error(UNCLOSED, &span, message).help(format!("close it with {}", quoted_mark(open.close))));
    }
    if let Some(at) = lexed.cut_at {
        let span = Span::new(file, at..at);
        let message = format!("the file has more than {MAX_TOKENS} words and signs");
        parser.sink.push(Diagnostic::error(TOO_MANY_TOKENS, &span, message).help("split it into smaller schemas"));
    }
    parser.start(SyntaxKind::File);
    parser.items();
    parser.trivia();
    parser.finish();
    (parser.builder.finish(), parser.sink.into_sorted(std::slice::from_ref(file)))
}

/// The tree of a text that is too long to look at: one token.
fn refuse(file: &FileName, text: &str) -> (GreenNode, Vec<Diagnostic>) {
    let mut builder = GreenNodeBuilder::new();
    builder.start_node(SchemaLanguage::kind_to_raw(SyntaxKind::File));
    builder.token(SchemaLanguage::kind_to_raw(SyntaxKind::Unknown), text);
    builder.finish_node();
    let message = format!("the schema has {} bytes, {MAX_SCHEMA_BYTES} are allowed", text.len());
    let error = Diagnostic::error(TEXT_TOO_LONG, &Span::new(file, 0..0), message).help("split it into schemas of several stores");
    (builder.finish(), vec![error])
}

struct Parser<'t> {
    file: &'t FileName,
    text: &'t str,
    tokens: Vec<Token>,
    /// The indices of the tokens that are not trivia.
    significant: Vec<usize>,
    /// How many of the significant tokens are taken.
    next: usize,
    /// How many of all tokens are in the tree.
    emitted: usize,
    builder: GreenNodeBuilder<'static>,
    sink: Sink,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn token(&self, ahead: usize) -> Option<Token> {
        self.significant.get(self.next + ahead).and_then(|index| self.tokens.get(*index)).copied()
    }

    /// The kind of the token `ahead` of the next one, trivia not counted.
    fn nth(&self, ahead: usize) -> SyntaxKind {
        self.token(ahead).map_or(SyntaxKind::End, |token| token.kind)
    }

    fn current(&self) -> SyntaxKind {
        self.nth(0)
    }

    fn at(&self, kind: SyntaxKind) -> bool {
        self.current() == kind
    }

    fn token_text(&self, ahead: usize) -> &'t str {
        self.token(ahead).and_then(|token| self.text.get(token.start..token.end)).unwrap_or_default()
    }

    /// Whether the next token is the word `word`, which is a keyword only in some places.
    fn at_word(&self, word: &str) -> bool {
        self.at(SyntaxKind::Ident) && self.token_text(0) == word
    }

    fn span(&self, ahead: usize) -> Span {
        let range = self.token(ahead).map_or(self.text.len()..self.text.len(), |token| token.start..token.end);
        Span::new(self.file, range)
    }

    fn last(&self) -> Option<&Token> {
        self.next.checked_sub(1).and_then(|index| self.significant.get(index)).and_then(|index| self.tokens.get(*index))
    }

    /// The place of the last token taken.
    fn span_of_last(&self) -> Span {
        Span::new(self.file, self.last().map_or(0..0, |token| token.start..token.end))
    }

    /// The place just after the last token taken.
    fn span_before(&self) -> Span {
        let end = self.last().map_or(0, |token| token.end);
        Span::new(self.file, end..end)
    }

    /// Whether a statement was begun, and the next token is on another line and begins something new.
    fn line_ended(&self) -> bool {
        let (Some(last), Some(next)) = (self.last(), self.token(0)) else { return false };
        let between = self.text.get(last.end..next.start).unwrap_or_default();
        let begun = !matches!(last.kind, SyntaxKind::LBrace | SyntaxKind::RBrace | SyntaxKind::Semicolon);
        begun && self.at_statement_end() && between.contains('\n')
    }

    /// Puts white space and comments before the next token into the tree.
    fn trivia(&mut self) {
        let until = self.significant.get(self.next).copied().unwrap_or(self.tokens.len());
        while self.emitted < until {
            self.emit();
        }
    }

    fn emit(&mut self) {
        if let Some(token) = self.tokens.get(self.emitted) {
            let text = self.text.get(token.start..token.end).unwrap_or_default();
            self.builder.token(SchemaLanguage::kind_to_raw(token.kind), text);
        }
        self.emitted += 1;
    }

    /// Takes the next token.
    fn bump(&mut self) {
        if self.next < self.significant.len() {
            self.trivia();
            self.emit();
            self.next += 1;
        }
    }

    fn eat(&mut self, kind: SyntaxKind) -> bool {
        let found = self.at(kind);
        if found {
            self.bump();
        }
        found
    }

    fn start(&mut self, kind: SyntaxKind) {
        if kind != SyntaxKind::File {
            self.trivia();
        }
        self.builder.start_node(SchemaLanguage::kind_to_raw(kind));
    }

    fn checkpoint(&mut self) -> Checkpoint {
        self.trivia();
        self.builder.checkpoint()
    }

    fn start_at(&mut self, checkpoint: Checkpoint, kind: SyntaxKind) {
        self.builder.start_node_at(checkpoint, SchemaLanguage::kind_to_raw(kind));
    }

    fn finish(&mut self) {
        self.builder.finish_node();
    }

    fn error(&mut self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }

    /// Says what was expected instead of the next token.
    fn expected(&mut self, what: &str) {
        self.expected_because(what, None);
    }

    /// The same, with what to do about it.
    fn expected_because(&mut self, what: &str, help: Option<String>) {
        let diagnostic = match self.current() {
            SyntaxKind::End => Diagnostic::error(UNEXPECTED, &self.span_before(), format!("expected {what}, found the end of the file")),
            _ if self.line_ended() => {
                let message = format!("expected {what}, found the end of the line");
                Diagnostic::error(UNEXPECTED, &self.span_of_last(), message)
            }
            SyntaxKind::Unknown => {
                let found = self.token_text(0);
                let message = format!("`{}` means nothing here; expected {what}", abridged(found));
                Diagnostic::error(UNKNOWN_CHARACTER, &self.span(0), message)
            }
            _ => {
                let found = abridged(self.token_text(0));
                Diagnostic::error(UNEXPECTED, &self.span(0), format!("expected {what}, found `{found}`"))
            }
        };
        self.error(diagnostic.help_if(help));
    }

    /// Takes a token of this kind, or says that it is missing.
    fn expect(&mut self, kind: SyntaxKind, what: &str) -> bool {
        let found = self.eat(kind);
        if !found {
            self.expected(what);
        }
        found
    }

    /// Takes a name; `what` says which for the message. `prefixes`: whether it may have prefixes with `/`.
    fn name(&mut self, what: &str, prefixes: bool) -> bool {
        let kind = self.current();
        if kind != SyntaxKind::Ident && kind != SyntaxKind::QuotedIdent {
            if kind.is_keyword() && !self.starts_declaration(0) {
                let word = self.token_text(0);
                let message = format!("`{word}` is a reserved word, expected {what}");
                let error = Diagnostic::error(RESERVED_WORD, &self.span(0), message).help(format!("write `` `{word}` `` in backticks"));
                self.error(error);
                self.start(SyntaxKind::Name);
                self.bump();
                self.finish();
                return true;
            }
            self.expected(what);
            return false;
        }
        if let Some((message, help)) = name_problem(self.token_text(0), prefixes) {
            let error = Diagnostic::error(BAD_NAME, &self.span(0), message).help(help);
            self.error(error);
        }
        self.start(SyntaxKind::Name);
        self.bump();
        self.finish();
        true
    }

    /// Takes the name that a declaration gives. What goes on with `-` or `.` is a foreign name: in a declaration neither has a meaning.
    fn declared_name(&mut self, what: &str, prefixes: bool) -> bool {
        let start = self.span(0).range.start;
        if !self.name(what, prefixes) {
            return false;
        }
        if self.name_goes_on() {
            self.start(SyntaxKind::Error);
            while self.name_goes_on() {
                self.bump();
                self.bump();
            }
            self.finish();
            let whole = start..self.span_of_last().range.end;
            let name = abridged(self.text.get(whole.clone()).unwrap_or_default());
            let error = Diagnostic::error(BAD_NAME, &Span::new(self.file, whole), format!("the name `{name}` must stand in backticks"));
            self.error(error.help(format!("write `` `{name}` ``; without them, names are letters, digits and underscores")));
        }
        true
    }

    /// Whether `-` or `.` and a word follow without white space.
    fn name_goes_on(&self) -> bool {
        let (Some(last), Some(mark), Some(word)) = (self.last(), self.token(0), self.token(1)) else { return false };
        let joins = matches!(mark.kind, SyntaxKind::Minus | SyntaxKind::Dot) && last.end == mark.start && mark.end == word.start;
        joins && last.kind != SyntaxKind::QuotedIdent && (word.kind == SyntaxKind::Ident || word.kind.is_keyword())
    }

    /// Whether the token `ahead` begins a declaration or a member: a keyword followed by a name.
    fn starts_declaration(&self, ahead: usize) -> bool {
        use SyntaxKind::{CaveatKw, DefinitionKw, Ident, PermissionKw, QuotedIdent, RelationKw};
        let keyword = matches!(self.nth(ahead), DefinitionKw | CaveatKw | RelationKw | PermissionKw);
        keyword && matches!(self.nth(ahead + 1), Ident | QuotedIdent)
    }

    /// Puts the next token, and those after it up to `stop`, into an `Error` node. Takes at least one token unless at the end.
    fn skip_until(&mut self, stop: impl Fn(&Self) -> bool) {
        if self.at(SyntaxKind::End) {
            return;
        }
        self.start(SyntaxKind::Error);
        self.bump();
        while !self.at(SyntaxKind::End) && !stop(self) {
            self.bump();
        }
        self.finish();
    }

    /// Runs a rule one level deeper, or, at the limit, says so and skips the rest of the file's nesting.
    fn nested(&mut self, rule: impl FnOnce(&mut Self)) {
        if self.depth >= MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} deep");
            let error = Diagnostic::error(TOO_DEEP, &self.span(0), message).help("give the inner part a permission of its own");
            self.error(error);
            self.skip_until(Self::at_statement_end);
            return;
        }
        self.depth += 1;
        rule(self);
        self.depth -= 1;
    }

    /// Whether the next token cannot belong to the statement that is being read.
    fn at_statement_end(&self) -> bool {
        use SyntaxKind::{CaveatKw, DefinitionKw, Ellipsis, End, PermissionKw, RBrace, RelationKw, Semicolon};
        matches!(self.current(), End | RBrace | Semicolon | Ellipsis | RelationKw | PermissionKw | DefinitionKw | CaveatKw)
    }

    /// Counts a further part of a list; at the limit says so, skips the rest of the statement and gives `false`.
    fn count_part(&mut self, count: &mut usize) -> bool {
        *count += 1;
        if *count < MAX_OPERANDS {
            return true;
        }
        let message = format!("more than {MAX_OPERANDS} parts in one list");
        let error =
            Diagnostic::error(TOO_LONG_A_LIST, &self.span(0), message).help("name some of them together, as a permission of their own");
        self.error(error);
        self.skip_until(Self::at_statement_end);
        false
    }
}

/// What is wrong with a name as it is written, and what to do.
fn name_problem(written: &str, prefixes: bool) -> Option<(String, &'static str)> {
    let name = written.strip_prefix('`').map_or(written, |rest| rest.strip_suffix('`').unwrap_or(rest));
    let shown = abridged(name);
    if name.is_empty() {
        return Some(("a name may not be empty".to_owned(), "write the name between the backticks"));
    }
    if name.len() > MAX_NAME_BYTES {
        return Some((format!("the name `{shown}` has {} bytes, {MAX_NAME_BYTES} are allowed", name.len()), "choose a shorter one"));
    }
    if !written.starts_with('`') {
        let has_prefix = name.contains('/') && !prefixes;
        return has_prefix.then(|| (format!("`{shown}` has a prefix"), "only types, caveats and partials have prefixes with `/`"));
    }
    let bad = name.chars().find(|character| character.is_whitespace() || character.is_control() || ":#@*[".contains(*character));
    bad.map(|character| {
        let help = "white space, `:`, `#`, `@`, `*` and `[` have a meaning in relationships and cannot be part of a name";
        (format!("`{}` cannot be part of the name `{}`", character.escape_debug(), shown.escape_debug()), help)
    })
}

/// A mark in backticks, whatever it is.
fn quoted_mark(mark: &str) -> String {
    if mark == "`" { "a backtick".to_owned() } else { format!("`{mark}`") }
}

/// A piece of text, short enough for a message and in one line.
fn abridged(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(40).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
