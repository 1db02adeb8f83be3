//! Finding the end of a caveat's body without understanding CEL.
//!
//! The body ends at the brace that matches its opening one; braces inside CEL strings (raw, triple-quoted and byte strings
//! included) and comments do not count. A body that is never closed ends where a line begins like a declaration of ours, so that
//! the rest of the file is still read; no CEL expression has two words in a row.

/// Where a caveat's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CaveatEnd {
    /// Bytes of the body, without the closing brace.
    pub(crate) length: usize,
    /// Whether a closing brace follows.
    pub(crate) closed: bool,
}

/// Finds the end of the body that `text` begins with (just after its opening brace). Linear.
pub(crate) fn caveat_end(text: &str) -> CaveatEnd {
    let bytes = text.as_bytes();
    let mut scanner = Scanner { bytes, position: 0 };
    let mut depth = 0usize;
    // The formatter gives the expression a line of its own, so it is looked at as if it had one.
    if scanner.declaration_at(text.len() - text.trim_start().len()) {
        return CaveatEnd { length: 0, closed: false };
    }
    while let Some(byte) = scanner.peek(0) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return CaveatEnd { length: scanner.position, closed: true },
            b'}' => depth -= 1,
            b'/' if scanner.peek(1) == Some(b'/') => {
                scanner.skip_line();
                continue;
            }
            b'"' | b'\'' => {
                scanner.skip_string(false);
                continue;
            }
            b'\n' if scanner.declaration_at(scanner.position + 1) => return CaveatEnd { length: scanner.position, closed: false },
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                scanner.skip_word();
                continue;
            }
            _ => {}
        }
        scanner.position += 1;
    }
    CaveatEnd { length: bytes.len(), closed: false }
}

struct Scanner<'t> {
    bytes: &'t [u8],
    position: usize,
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.position + ahead).copied()
    }

    fn starts_with(&self, text: &[u8]) -> bool {
        self.bytes.get(self.position..).is_some_and(|rest| rest.starts_with(text))
    }

    fn skip_while(&mut self, accept: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&accept) {
            self.position += 1;
        }
    }

    fn skip_line(&mut self) {
        self.skip_while(|byte| byte != b'\n');
    }

    /// Skips a word; where it is a string's prefix (`r`, `b`, in any order and case), the string as well.
    fn skip_word(&mut self) {
        let start = self.position;
        self.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let word = self.bytes.get(start..self.position).unwrap_or_default();
        let is_prefix = word.len() <= 2 && word.iter().all(|byte| b"rRbB".contains(byte));
        if is_prefix && matches!(self.peek(0), Some(b'"' | b'\'')) {
            self.skip_string(word.iter().any(|byte| b"rR".contains(byte)));
        }
    }

    fn skip_string(&mut self, raw: bool) {
        let Some(quote) = self.peek(0) else { return };
        let triple = self.starts_with(&[quote; 3]);
        let mark = if triple { 3 } else { 1 };
        self.position += mark;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' if !raw => self.position += 2,
                b'\n' if !triple => return,
                byte if byte == quote && (!triple || self.starts_with(&[quote; 3])) => {
                    self.position += mark;
                    return;
                }
                _ => self.position += 1,
            }
        }
        self.position = self.position.min(self.bytes.len());
    }

    /// Whether a line that begins at `start` begins like a declaration: a keyword and a name.
    fn declaration_at(&self, start: usize) -> bool {
        let rest = self.bytes.get(start..).unwrap_or_default();
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let rest = rest.get(blanks..).unwrap_or_default();
        let keywords: [&[u8]; 5] = [b"definition", b"caveat", b"partial", b"relation", b"permission"];
        keywords.iter().any(|keyword| {
            let Some(rest) = rest.strip_prefix(*keyword) else { return false };
            let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            let rest = rest.get(blanks..).unwrap_or_default();
            let word = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            blanks > 0 && word > 0 && rest.get(..word) != Some(b"in")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &str) -> (&str, bool) {
        let end = caveat_end(text);
        (text.get(..end.length).unwrap(), end.closed)
    }

    #[test]
    fn braces_in_strings_and_comments_do_not_close_a_body() {
        for inner in [
            "a == 1",
            "{'a': {'b': 1}} == m",
            "a == '}'",
            "a == \"}\\\"}\"",
            "a == r'\\' && b == '}'",
            "a == '''\n}'\n''' ",
            "a == rb\"\"\"}\"\" }\"\"\" ",
            "a // }\n && b",
            "a == 'é}'",
            "relation in ['x']",
            "permission == 'x'",
            "bar'}'",
        ] {
            assert_eq!(body(&format!("{inner}}} rest }}")), (inner, true), "{inner}");
        }
    }

    #[test]
    fn a_body_that_is_not_closed_ends_before_the_next_declaration() {
        assert_eq!(body("a == 1\ndefinition user {}"), ("a == 1", false));
        assert_eq!(body("a == 'x\n  caveat foo(a int) { a }"), ("a == 'x", false));
        assert_eq!(body("a == '''x\ndefinition user {}"), ("a == '''x\ndefinition user {}", false));
        assert_eq!(body("a == '\\"), ("a == '\\", false));
        assert_eq!(body("\u{b} relation x == 1 }"), ("", false));
        assert_eq!(body(" relation in x }"), (" relation in x ", true));
    }
}
