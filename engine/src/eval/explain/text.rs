//! Explanations in words.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use dhow_schema::caveat::Outcome;
use dhow_schema::value::to_json;

use super::{CaveatStep, Explanation, NearMiss, Step, Verdict, What};
use crate::eval::check::Decision;
use crate::eval::tree::{self, Line};
use crate::tuple::Tuple;

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
    pub const fn tuple(&self) -> Option<&Arc<Tuple>> {
        match &self.what {
            What::Tuple(tuple) => Some(tuple),
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

/// What the step says, without its verdict.
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
            What::Tuple(tuple) => write!(f, "tuple {tuple}"),
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

impl fmt::Display for NearMiss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired(tuple) => write!(f, "{tuple} has expired"),
            Self::Ignored(tuple) => write!(f, "{tuple} is not allowed by the schema and is ignored"),
            Self::Caveat { tuple, caveat } => write!(f, "{}: {caveat}", tuple.key),
            Self::Excluded { object, relation, by } => write!(f, "{object}#{relation}: taken out by {by}"),
            Self::Lacking { object, relation, sides } => write!(f, "{object}#{relation}: lacks {}", sides.join(", ")),
            Self::NotAll(tuple) => write!(f, "{}: does not lead there, and all must", tuple.key),
        }
    }
}

impl Explanation {
    /// The whole explanation as plain text: the answer, the tree, and for a denial the nearest misses. O(text).
    #[must_use]
    pub fn to_text(&self) -> String {
        let answer = match &self.decision {
            Decision::Allowed => "allowed".to_owned(),
            Decision::Denied => "denied".to_owned(),
            Decision::Conditional { missing } => {
                let names: Vec<&str> = missing.iter().map(|name| &**name).collect();
                format!("depends on {}", names.join(", "))
            }
        };
        let mut lines = vec![Line { depth: 0, text: format!("{}: {answer}", self.question) }];
        lines.extend(self.steps.iter().map(|step| Line { depth: step.depth + 1, text: format!("{}: {step}", step.verdict) }));
        let mut text = tree::render(&lines, lines.len());
        if self.truncated {
            text.push_str("... and more\n");
        }
        if !self.nearest_misses.is_empty() {
            text.push_str("nearest misses:\n");
        }
        for miss in &self.nearest_misses {
            text.push_str(&format!("- {miss}\n"));
        }
        text
    }
}
