//! Explanations in words.

use std::borrow::Cow;
use std::fmt;

use dhow_schema::caveat::Outcome;
use dhow_schema::value::to_json;

use super::{CaveatStep, Explanation, NearMiss, Step, Verdict, What};
use crate::eval::check::Decision;
use crate::eval::provenance::{Evidence, Provenance};
use crate::eval::tree::{self, Line};

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "yes",
            Self::Depends => "depends",
            Self::Paradox => "paradox",
            Self::Fails => "no",
        })
    }
}

impl Step {
    /// The tuple that this step rests on, if it does.
    #[must_use]
    pub const fn evidence(&self) -> Option<&Evidence> {
        match &self.what {
            What::Tuple(evidence) => Some(evidence),
            What::Relation { .. }
            | What::Itself
            | What::Again { .. }
            | What::Rule { .. }
            | What::Unless { .. }
            | What::Caveat(_)
            | What::NoTuple { .. }
            | What::More { .. } => None,
        }
    }
}

/// What the step says, without its verdict, and without where its tuple is from.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Relation { object, relation, rule: Some(rule) } => write!(f, "{object}#{relation} = {rule}"),
            What::Relation { object, relation, rule: None } => write!(f, "{object}#{relation}"),
            What::Itself => f.write_str("a userset contains itself"),
            What::Again { object, relation } if self.verdict == Verdict::Paradox => {
                write!(f, "{object}#{relation} again: it rests on its own absence")
            }
            What::Again { object, relation } => write!(f, "{object}#{relation}, as above"),
            What::Rule { rule } => f.write_str(rule),
            What::Unless { rule } => write!(f, "not in {rule}"),
            What::Tuple(evidence) => write!(f, "tuple {}", evidence.tuple),
            What::Caveat(caveat) => write!(f, "{caveat}"),
            What::NoTuple { object, relation } => write!(f, "no tuple of {object}#{relation} matches"),
            What::More { count } => write!(f, "and {count} more"),
        }
    }
}

impl fmt::Display for CaveatStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expression: Vec<&str> = self.expression.split_whitespace().collect();
        write!(f, "caveat {} ({})", self.name, expression.join(" "))?;
        match &self.outcome {
            Outcome::True => f.write_str(" holds")?,
            Outcome::False => f.write_str(" does not hold")?,
            Outcome::Missing(names) => {
                let names: Vec<&str> = names.iter().map(|name| &**name).collect();
                write!(f, " waits for {}", names.join(", "))?;
            }
            Outcome::Error(error) => write!(f, " has no answer: {error}")?,
        }
        for (at, (name, value)) in self.values.iter().enumerate() {
            let separator = if at == 0 { " with" } else { "," };
            write!(f, "{separator} {name} = {}", abridged(&to_json(value).to_string()))?;
        }
        Ok(())
    }
}

/// A value as text, cut where it is too long to be read: a request may bring a megabyte.
fn abridged(text: &str) -> Cow<'_, str> {
    const MAX_BYTES: usize = 200;
    let end = text.floor_char_boundary(MAX_BYTES);
    match text.get(..end) {
        Some(start) if end < text.len() => Cow::Owned(format!("{start}…")),
        Some(_) | None => Cow::Borrowed(text),
    }
}

/// What the miss is, without where its tuple is from.
impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(evidence) => write!(f, "{} has expired", evidence.tuple),
            Self::Ignored(evidence) => write!(f, "{} is not allowed by the schema and is ignored", evidence.tuple),
            Self::Caveat { tuple, caveat } => write!(f, "{}: {caveat}", tuple.tuple.key),
            Self::Excluded { object, relation, by } => write!(f, "{object}#{relation}: taken out by {by}"),
            Self::Lacking { object, relation, sides } => write!(f, "{object}#{relation}: lacks {}", sides.join(", ")),
            Self::NotAll(evidence) => write!(f, "{}: does not lead there, and all must", evidence.tuple.key),
        }
    }
}

impl Explanation {
    /// The whole explanation as plain text: the answer, the tree, and for a denial the nearest misses; behind each tuple its revision
    /// where it is known, or that the request brought it. O(text).
    #[must_use]
    pub fn to_text(&self) -> String {
        self.to_text_with(|evidence| match evidence.provenance {
            Provenance::Stored { revision: None } => None,
            provenance @ (Provenance::Stored { revision: Some(_) } | Provenance::Request) => Some(provenance.to_string()),
        })
    }

    /// As [`Explanation::to_text`], with `note` saying what stands behind each tuple: who has the log knows more of a revision than its
    /// number. O(text).
    #[must_use]
    pub fn to_text_with(&self, note: impl Fn(&Evidence) -> Option<String>) -> String {
        let noted = |text: String, evidence: Option<&Evidence>| match evidence.and_then(&note) {
            Some(note) => format!("{text} · {note}"),
            None => text,
        };
        let answer = match &self.decision {
            Decision::Allowed => "allowed".to_owned(),
            Decision::Denied => "denied".to_owned(),
            Decision::Conditional { missing } => {
                let names: Vec<&str> = missing.iter().map(|name| &**name).collect();
                format!("depends on {}", names.join(", "))
            }
        };
        let mut lines = vec![Line { depth: 0, text: format!("{}: {answer}", self.question) }];
        lines.extend(self.steps.iter().map(|step| {
            let text = noted(format!("{}: {step}", step.verdict), step.evidence());
            Line { depth: step.depth + 1, text }
        }));
        let mut text = tree::render(&lines, lines.len());
        if self.truncated {
            text.push_str("... and more\n");
        }
        if !self.nearest_misses.is_empty() {
            text.push_str("nearest misses:\n");
        }
        for miss in &self.nearest_misses {
            text.push_str(&format!("- {}\n", noted(miss.to_string(), miss.evidence())));
        }
        text
    }
}
