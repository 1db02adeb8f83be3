//! Reading what people hand in: arguments, files, and `-` for stdin.

use std::io::{self, BufRead, BufReader, Read};

use dhow_schema::value::Context;

use super::failure::Failure;
use crate::validation::parse_context;

/// The whole text of a file, or of stdin for `-`.
///
/// # Errors
/// When it cannot be read as UTF-8.
pub(crate) fn read_text(path: &str) -> Result<String, Failure> {
    if path == "-" {
        let mut text = String::new();
        io::stdin().lock().read_to_string(&mut text).map_err(|error| Failure::file("stdin", &error))?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))
}

/// The lines of a file, or of stdin for `-`, one at a time.
///
/// # Errors
/// When the file cannot be opened.
pub(crate) fn open_lines(path: &str) -> Result<Box<dyn BufRead + Send>, Failure> {
    if path == "-" {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    let file = std::fs::File::open(path).map_err(|error| Failure::file(path, &error))?;
    Ok(Box::new(BufReader::with_capacity(1 << 16, file)))
}

/// What a line says, without white space around it; `None` for blank lines and `//` comments.
pub(crate) fn meaning(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with("//") { None } else { Some(line) }
}

/// The caveat parameters of `--context`.
///
/// # Errors
/// When the text is no JSON object, or holds what no parameter can be.
pub(crate) fn context(json: &str) -> Result<Context, Failure> {
    let help = r#"write a JSON object, such as --context '{"client_ip": "198.51.100.20"}'"#;
    parse_context(json).map_err(|error| Failure::new("context", error.to_string()).help(help))
}

/// Asks a yes-or-no question on the terminal; where nobody can answer, the answer is no.
pub(crate) fn confirm(question: &str) -> bool {
    use std::io::{IsTerminal as _, Write as _};
    if !io::stdin().is_terminal() {
        return false;
    }
    let mut stderr = anstream::stderr().lock();
    if write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).is_err() {
        return false;
    }
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer).is_err() {
        return false;
    }
    matches!(answer.trim(), "y" | "Y" | "yes" | "Yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_and_comments_mean_nothing() {
        assert_eq!(meaning("  // a comment"), None);
        assert_eq!(meaning(" \t"), None);
        assert_eq!(meaning(" a:b#c@d:e "), Some("a:b#c@d:e"));
    }
}
