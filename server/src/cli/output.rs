//! Printing: answers on stdout, remarks on stderr, colours only where a person looks (and never with NO_COLOR).

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use dhow_proto::v1;
use serde_json::{Map, Value};

use super::options::{Format, OutputOptions};

/// Where and how a command prints.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    format: Format,
    styles: Styles,
}

/// The few styles there are. A style is written before a word and `{style:#}` behind it; both vanish where colours are off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Styles {
    pub(crate) allowed: Style,
    pub(crate) denied: Style,
    pub(crate) conditional: Style,
    pub(crate) error: Style,
    pub(crate) help: Style,
    pub(crate) muted: Style,
    pub(crate) strong: Style,
}

impl Styles {
    const COLOURED: Self = Self {
        allowed: AnsiColor::Green.on_default().bold(),
        denied: AnsiColor::Red.on_default().bold(),
        conditional: AnsiColor::Yellow.on_default().bold(),
        error: AnsiColor::Red.on_default().bold(),
        help: AnsiColor::Cyan.on_default(),
        muted: Style::new().dimmed(),
        strong: Style::new().bold(),
    };

    /// How a decision is coloured.
    pub(crate) fn decision(&self, decision: v1::Decision) -> Style {
        match decision {
            v1::Decision::Allowed => self.allowed,
            v1::Decision::Denied => self.denied,
            v1::Decision::Conditional => self.conditional,
            v1::Decision::Unspecified => self.error,
        }
    }
}

impl Output {
    pub(crate) fn new(options: &OutputOptions) -> Self {
        Self::with_format(options.output)
    }

    pub(crate) fn with_format(format: Format) -> Self {
        Self { format, styles: Styles::COLOURED }
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    pub(crate) fn styles(&self) -> &Styles {
        &self.styles
    }

    /// Whether a person watches stderr, so that a progress bar makes sense.
    pub(crate) fn shows_progress(&self) -> bool {
        self.format == Format::Text && io::IsTerminal::is_terminal(&io::stderr())
    }

    /// One line of the answer. Colours are taken out where stdout is no terminal.
    ///
    /// # Errors
    /// When stdout cannot be written; a reader that went away is one of these.
    pub(crate) fn line(&self, text: &str) -> io::Result<()> {
        writeln!(anstream::stdout().lock(), "{text}")
    }

    /// One JSON object of the answer.
    ///
    /// # Errors
    /// As [`Output::line`].
    pub(crate) fn json(&self, value: &Value) -> io::Result<()> {
        writeln!(io::stdout().lock(), "{value}")
    }

    /// A line beside the answer, on stderr.
    pub(crate) fn remark(&self, text: &str) {
        // Nobody can be told that stderr is gone.
        drop(writeln!(anstream::stderr().lock(), "{text}"));
    }

    /// The muted line with what an answer was read at. JSON answers carry it themselves.
    pub(crate) fn answered(&self, at: Option<&v1::AnsweredAt>) {
        let Some(at) = at else { return };
        if self.is_json() {
            return;
        }
        let muted = self.styles.muted;
        let mut line = format!("{muted}revision {} · token {}", at.revision, at.token);
        if at.degraded {
            line.push_str(&format!(" · degraded, {} ms old", at.age_ms));
        }
        line.push_str(&format!("{muted:#}"));
        self.remark(&line);
        if !at.token_note.is_empty() {
            let conditional = self.styles.conditional;
            self.remark(&format!("{conditional}note{conditional:#}: {}", at.token_note));
        }
    }
}

/// Adds what an answer was read at to its JSON object.
pub(crate) fn insert_answered(object: &mut Map<String, Value>, at: Option<&v1::AnsweredAt>) {
    let Some(at) = at else { return };
    object.insert("token".to_owned(), at.token.clone().into());
    object.insert("revision".to_owned(), at.revision.into());
    object.insert("age_ms".to_owned(), at.age_ms.into());
    object.insert("degraded".to_owned(), at.degraded.into());
    object.insert("schema_version".to_owned(), at.schema_version.into());
    if !at.token_note.is_empty() {
        object.insert("token_note".to_owned(), at.token_note.clone().into());
    }
}

/// The word for a decision, in text and JSON alike.
pub(crate) fn decision_word(decision: v1::Decision) -> &'static str {
    match decision {
        v1::Decision::Allowed => "allowed",
        v1::Decision::Denied => "denied",
        v1::Decision::Conditional => "conditional",
        v1::Decision::Unspecified => "no decision",
    }
}

/// Rows of words in columns, each as wide as its widest word; the last is not padded.
pub(crate) fn columns(rows: &[Vec<String>]) -> Vec<String> {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|word| word.chars().count()).max().unwrap_or(0))
        .collect();
    rows.iter()
        .map(|row| {
            let padded = row.iter().zip(&widths).map(|(word, width)| format!("{word:<width$}")).collect::<Vec<_>>().join("  ");
            padded.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_word() {
        let rows = vec![vec!["a".to_owned(), "bb".to_owned()], vec!["ccc".to_owned(), "d".to_owned()]];
        assert_eq!(columns(&rows), ["a    bb", "ccc  d"]);
    }
}
