//! `matches`: regular expressions with RE2's meaning, as CEL defines them, and with limits.
//!
//! Patterns compile to a bounded size and match in time linear in the text. The regex crate's syntax is RE2's but for a few things
//! that would change the meaning silently; those are translated: `\d`, `\s`, `\w` mean ASCII, and within brackets `[`, `&` and `~`
//! mean themselves.

use cel_core::Value;
use regex::{Regex, RegexBuilder};

use super::Patterns;

/// The most bytes that a compiled pattern may take: some hundred states.
const MAX_COMPILED_BYTES: usize = 64 * 1024;

/// The most bytes of cache that matching may take.
const MAX_CACHE_BYTES: usize = 1024 * 1024;

/// The most brackets within brackets in a pattern.
const MAX_NESTING: u32 = 50;

/// The most bytes that the text of a pattern may have.
const MAX_PATTERN_BYTES: usize = 1024;

/// The pattern, or in a few words why it is none.
pub(in crate::caveat) fn compile(pattern: &str) -> Result<Regex, &'static str> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err("the regular expression is too long");
    }
    let mut builder = RegexBuilder::new(&translate(pattern));
    builder.size_limit(MAX_COMPILED_BYTES).dfa_size_limit(MAX_CACHE_BYTES).nest_limit(MAX_NESTING);
    builder.build().map_err(|error| {
        if matches!(error, regex::Error::CompiledTooBig(_)) {
            "the regular expression is too large when compiled"
        } else {
            "the regular expression does not follow RE2's syntax"
        }
    })
}

/// `text.matches(pattern)`.
pub(super) fn matches(arguments: &[Value], known: &Patterns) -> Value {
    let [Value::String(text), Value::String(pattern)] = arguments else {
        return super::no_overload("matches", arguments);
    };
    if let Some(known) = known.get(pattern.as_ref()) {
        return Value::Bool(known.is_match(text));
    }
    match compile(pattern) {
        Ok(pattern) => Value::Bool(pattern.is_match(text)),
        Err(why) => super::invalid(why),
    }
}

/// The pattern in the regex crate's syntax.
fn translate(pattern: &str) -> String {
    let mut translated = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        match (c, in_class) {
            ('\\', _) => escape(rest.next(), &mut translated),
            ('[', false) => {
                in_class = true;
                translated.push('[');
                // A bracket that comes first, be it after `^`, is a member and no end.
                if let Some(not) = rest.next_if_eq(&'^') {
                    translated.push(not);
                }
                if rest.next_if_eq(&']').is_some() {
                    translated.push_str(r"\]");
                }
            }
            (']', true) => {
                in_class = false;
                translated.push(']');
            }
            // `[:alpha:]` within brackets stays what it is.
            ('[', true) if rest.peek() == Some(&':') => {
                translated.push('[');
                for c in rest.by_ref() {
                    translated.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            ('[' | '&' | '~', true) => {
                translated.push('\\');
                translated.push(c);
            }
            _ => translated.push(c),
        }
    }
    translated
}

fn escape(letter: Option<char>, translated: &mut String) {
    translated.push_str(match letter {
        Some('d') => "[0-9]",
        Some('D') => "[^0-9]",
        Some('s') => r"[\t\n\f\r ]",
        Some('S') => r"[^\t\n\f\r ]",
        Some('w') => "[0-9A-Za-z_]",
        Some('W') => "[^0-9A-Za-z_]",
        Some(other) => {
            translated.push('\\');
            translated.push(other);
            return;
        }
        None => r"\",
    });
}
