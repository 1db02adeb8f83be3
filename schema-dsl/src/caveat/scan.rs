//! A cheap look at a caveat's text before the CEL parser sees it: how long, how many tokens, how deep could its tree become.
//!
//! The parser, the type checker, the evaluator and the tree's own drop all recurse, so what is bounded here is what they recurse
//! over: brackets within brackets, and chains of operators, selectors and calls, which nest in the tree though not in the text. A
//! chain's length is added to the depth of the deepest thing in it. The scan itself is one loop and recurses over nothing.
//!
//! It must split text into tokens exactly as cel-core does: a string that the one saw as open and the other as closed would hide
//! brackets. So it knows every kind of literal, and refuses what neither could mean: a quote right after a name or a number, bad
//! escapes, strange characters. Cost: linear, no allocation but the stack of open brackets.

use std::ops::Range;

use super::error::{CaveatIssue, codes};

/// The most bytes an expression may have.
pub const MAX_EXPRESSION_BYTES: usize = 16 * 1024;

/// The most tokens (names, literals, signs) an expression may have.
pub const MAX_TOKENS: usize = 2_000;

/// The deepest that brackets and chains of operators may nest, a bracket counting twice.
pub const MAX_DEPTH: usize = 200;

/// The name that macros expand with: whoever could write it could make a comprehension grow without bound.
pub(super) const ACCUMULATOR: &str = "__result__";

/// The prefixes that turn quoted text into raw text or bytes.
const LITERAL_PREFIXES: [&str; 4] = ["r", "b", "br", "rb"];

/// Whether the text may be given to the parser.
pub(super) fn scan(text: &str) -> Result<(), CaveatIssue> {
    if text.len() > MAX_EXPRESSION_BYTES {
        let message = format!("the expression has {} bytes; the limit is {MAX_EXPRESSION_BYTES}", text.len());
        return Err(CaveatIssue::new(codes::TOO_LONG, 0..text.len(), message));
    }
    let mut scanner = Scanner { text, at: 0 };
    let mut nesting = Nesting::default();
    let mut tokens = 0usize;
    let mut after_dot = false;
    while let Some((token, range)) = scanner.next()? {
        tokens += 1;
        if tokens > MAX_TOKENS {
            let message = format!("the expression has more than {MAX_TOKENS} names, literals and signs");
            return Err(CaveatIssue::new(codes::TOO_MANY_TOKENS, range, message));
        }
        if token == Token::Quoted && !after_dot {
            let issue = CaveatIssue::new(codes::SYNTAX, range, "a name in backticks can only follow a `.`");
            return Err(issue.help("parameters and functions are written without backticks"));
        }
        after_dot = token == Token::Dot;
        if nesting.take(token) > MAX_DEPTH {
            let message = format!("brackets and chains of operators nest deeper than {MAX_DEPTH} here");
            return Err(CaveatIssue::new(codes::TOO_DEEP, range, message).help("test membership in a list, or split the caveat"));
        }
    }
    if tokens == 0 {
        return Err(CaveatIssue::new(codes::EMPTY, 0..text.len(), "the caveat has no expression").help("write `true` if it always holds"));
    }
    Ok(())
}

/// What a token does to the depth of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Comma,
    Dot,
    Operator,
    /// A name in backticks.
    Quoted,
    Plain,
}

/// The depth so far: one frame per open bracket, the outermost for the whole text.
#[derive(Debug, Default)]
struct Nesting {
    outer: Vec<Frame>,
    /// What the brackets and chains of `outer` add up to.
    outer_depth: usize,
    frame: Frame,
}

/// What one pair of brackets holds.
#[derive(Debug, Default, Clone, Copy)]
struct Frame {
    /// Operators, selectors and brackets in the current element.
    chain: usize,
    /// The deepest bracket in the current element.
    inner: usize,
    /// The deepest element before the current one.
    before: usize,
}

impl Frame {
    fn depth(self) -> usize {
        self.before.max(self.chain + self.inner)
    }
}

impl Nesting {
    /// Takes the next token and returns a lower bound of the depth; exact once all brackets are closed.
    fn take(&mut self, token: Token) -> usize {
        match token {
            Token::Open => {
                self.frame.chain += 1;
                self.outer_depth += self.frame.chain + 1;
                self.outer.push(self.frame);
                self.frame = Frame::default();
            }
            Token::Close => {
                if let Some(outer) = self.outer.pop() {
                    let depth = self.frame.depth() + 1;
                    self.outer_depth -= outer.chain + 1;
                    self.frame = Frame { inner: outer.inner.max(depth), ..outer };
                }
            }
            Token::Comma => self.frame = Frame { before: self.frame.depth(), ..Frame::default() },
            Token::Dot | Token::Operator => self.frame.chain += 1,
            Token::Quoted | Token::Plain => {}
        }
        self.outer_depth + self.frame.depth()
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Skips characters while `keep` says so, and returns what was skipped.
    fn skip_while(&mut self, keep: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let len = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or_default()
    }

    fn lexical(&self, from: usize, message: impl Into<String>) -> CaveatIssue {
        CaveatIssue::new(codes::LEXICAL, from..self.at.max(from), message)
    }

    fn next(&mut self) -> Result<Option<(Token, Range<usize>)>, CaveatIssue> {
        loop {
            self.skip_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}'));
            if !self.rest().starts_with("//") {
                break;
            }
            self.skip_while(|c| c != '\n');
        }
        let from = self.at;
        let Some(first) = self.rest().chars().next() else {
            return Ok(None);
        };
        let token = match first {
            'a'..='z' | 'A'..='Z' | '_' => self.word(from)?,
            '0'..='9' => self.number(from)?,
            '"' | '\'' => self.quoted(from, first, false)?,
            '`' => self.backticks(from)?,
            _ => self.sign(from, first)?,
        };
        Ok(Some((token, from..self.at)))
    }

    fn word(&mut self, from: usize) -> Result<Token, CaveatIssue> {
        let word = self.skip_while(|c| c.is_ascii_alphanumeric() || c == '_');
        if let Some(quote @ ('"' | '\'')) = self.rest().chars().next() {
            let prefix = word.to_ascii_lowercase();
            if LITERAL_PREFIXES.contains(&prefix.as_str()) {
                return self.quoted(from, quote, prefix.contains('r'));
            }
            if word != "in" {
                return Err(self.lexical(from, format!("`{word}` cannot stand directly before quoted text")));
            }
        }
        match word {
            "in" => Ok(Token::Operator),
            ACCUMULATOR => Err(self.lexical(from, format!("`{ACCUMULATOR}` is reserved"))),
            _ => Ok(Token::Plain),
        }
    }

    fn number(&mut self, from: usize) -> Result<Token, CaveatIssue> {
        self.skip_while(|c| c.is_ascii_alphanumeric());
        // A fraction, and the sign of an exponent, which only follow plain digits.
        if self.rest().starts_with('.') && self.rest().chars().nth(1).is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.skip_while(|c| c.is_ascii_alphanumeric());
        }
        let number = self.text.get(from..self.at).unwrap_or_default();
        let hexadecimal = number.starts_with("0x") || number.starts_with("0X");
        if !hexadecimal && number.ends_with(['e', 'E']) && self.rest().starts_with(['+', '-']) {
            self.at += 1;
            self.skip_while(|c| c.is_ascii_alphanumeric());
        }
        if self.rest().starts_with(['"', '\'', '`', '_']) || !is_number(self.text.get(from..self.at).unwrap_or_default()) {
            let number = self.text.get(from..self.at).unwrap_or_default();
            return Err(self.lexical(from, format!("`{number}` is no number")));
        }
        Ok(Token::Plain)
    }

    fn backticks(&mut self, from: usize) -> Result<Token, CaveatIssue> {
        self.at += 1;
        let name = self.skip_while(|c| c != '`');
        if self.rest().is_empty() || name.is_empty() || name == ACCUMULATOR {
            return Err(self.lexical(from, "no name between backticks"));
        }
        self.at += 1;
        Ok(Token::Quoted)
    }

    /// Quoted text from its (first) quote on, in one or three quotes of a kind.
    fn quoted(&mut self, from: usize, quote: char, raw: bool) -> Result<Token, CaveatIssue> {
        let triple = if quote == '"' { "\"\"\"" } else { "'''" };
        let end = if self.rest().starts_with(triple) { triple } else { triple.get(..1).unwrap_or_default() };
        self.at += end.len();
        loop {
            let rest = self.rest();
            if rest.starts_with(end) {
                self.at += end.len();
                return Ok(Token::Plain);
            }
            match rest.chars().next() {
                None => return Err(self.lexical(from, "the quoted text has no end")),
                Some('\n') if end.len() == 1 && !raw => {
                    return Err(self.lexical(from, "the quoted text has no end on its line").help("use three quotes for several lines"));
                }
                Some('\\') if !raw => self.escape()?,
                Some(c) => self.at += c.len_utf8(),
            }
        }
    }

    fn escape(&mut self) -> Result<(), CaveatIssue> {
        let from = self.at;
        self.at += 1;
        let letter = self.rest().chars().next().unwrap_or('\n');
        self.at += letter.len_utf8().min(self.rest().len());
        let digits = match letter {
            '\\' | '/' | '"' | '\'' | '`' | '?' | 'a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' => return Ok(()),
            'x' | 'X' => 2,
            'u' => 4,
            'U' => 8,
            '0'..='3' => {
                let octal = self.rest().get(..2).filter(|digits| digits.bytes().all(|byte| matches!(byte, b'0'..=b'7')));
                self.at += octal.map_or(0, str::len);
                return octal.map(|_| ()).ok_or_else(|| self.lexical(from, "an octal escape has three digits, up to `\\377`"));
            }
            _ => return Err(self.lexical(from, "unknown escape in quoted text").help("a backslash itself is written `\\\\`")),
        };
        let number = self.rest().get(..digits).filter(|number| number.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let character = number.and_then(|number| u32::from_str_radix(number, 16).ok()).and_then(char::from_u32);
        if character.is_none() {
            return Err(self.lexical(from, format!("`\\{letter}` takes {digits} hexadecimal digits of a character")));
        }
        self.at += digits;
        Ok(())
    }

    fn sign(&mut self, from: usize, first: char) -> Result<Token, CaveatIssue> {
        let second = self.rest().chars().nth(1);
        let (len, token) = match (first, second) {
            ('=' | '!' | '<' | '>', Some('=')) | ('&', Some('&')) | ('|', Some('|')) => (2, Token::Operator),
            ('(' | '[' | '{', _) => (1, Token::Open),
            (')' | ']' | '}', _) => (1, Token::Close),
            (',', _) => (1, Token::Comma),
            ('.', _) => (1, Token::Dot),
            (':', _) => (1, Token::Plain),
            ('+' | '-' | '*' | '/' | '%' | '<' | '>' | '!' | '?', _) => (1, Token::Operator),
            _ => {
                self.at += first.len_utf8();
                let issue = self.lexical(from, format!("unknown character `{}`", first.escape_debug()));
                return Err(match first {
                    '=' => issue.help("equality is written `==`"),
                    '&' | '|' => issue.help("logical operators are written `&&` and `||`"),
                    _ => issue,
                });
            }
        };
        self.at += len;
        Ok(token)
    }
}

/// Whether the text is one number literal of CEL that fits its type.
fn is_number(text: &str) -> bool {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return match hex.strip_suffix(['u', 'U']) {
            Some(hex) => u64::from_str_radix(hex, 16).is_ok(),
            None => i64::from_str_radix(hex, 16).is_ok(),
        };
    }
    if let Some(decimal) = text.strip_suffix(['u', 'U']) {
        return decimal.parse::<u64>().is_ok();
    }
    if text.contains(['.', 'e', 'E']) {
        return text.parse::<f64>().is_ok_and(f64::is_finite);
    }
    // One more than fits: with the minus sign before it, it is the smallest int.
    text.parse::<u64>().is_ok_and(|number| number <= 1 << 63)
}

#[cfg(test)]
mod tests;
