//! What a store lives through, step by step: entries, schema versions, parts of rebuilds, restarts; and in between questions at any revision
//! of the window under any schema version.
//!
//! Questions are asked as checks, one at a time and in batches, as lists of objects, subjects and permissions, and as trees, of the serving
//! path's evaluator. Who judges is the circuit over a [`PlainView`](crate::plain::PlainView) of the tuples that a plain map remembers for the
//! revision, and for a share of the inquiries brute force as well, which decides each object, subject or permission that a list could have by
//! itself, and a tree by its own gates. So what is judged, the graph, has no part in the judgement.
//!
//! Everything follows from a seed; the steps are kept as plain data while they are made, so that a failure can be played again with fewer
//! of them.

use std::fmt;

use crate::model::{Model, Question, Tuple, timestamp_text};

pub use counts::{Counts, ListTally};
pub use run::{Histories, run_histories};

mod asking;
mod counts;
mod judges;
mod run;
mod shrink;
mod stage;
mod teller;

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Step {
    /// An entry: tuples that are there afterwards, or are not.
    Write(Vec<(Tuple, bool)>),
    /// An entry with a schema version, which is the script's model at this place.
    Schema(usize),
    /// The next part of a rebuild is made from the head, unless one waits to be put in place; a rebuild begins where none is under way.
    Work,
    /// The part that waits is put in place.
    Install,
    /// The tuples are loaded as from a table, and at most so many entries are un-applied to extend the window back.
    Restart(usize),
    /// A reader takes the state so many revisions before the head, and keeps it whatever comes.
    Hold(u64),
    /// Questions.
    Ask(Inquiry),
}

/// Questions about one revision under one schema at one time.
#[derive(Debug, Clone)]
pub struct Inquiry {
    /// How many revisions before the head; the oldest of the window if there are not so many.
    pub age: u64,
    /// Whether the reader who holds a state is asked instead, if there is one.
    pub held: bool,
    /// The schema: the script's model at this place, whether or not it was ever written.
    pub model: usize,
    /// The request time in whole seconds since the Unix epoch.
    pub now: i64,
    /// Whether brute force judges as well.
    pub by_oracle: bool,
    /// What is asked.
    pub questions: Vec<Asked>,
}

/// A question, and in which forms it is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The question.
    pub question: Question,
    /// At least one.
    pub forms: Vec<Form>,
}

/// A form of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// By itself.
    Check,
    /// In one batch with the inquiry's other such questions, which all see the contextual tuples of the first of them.
    Batch,
    /// Which objects of this one's type the subject has the permission on.
    Objects,
    /// Which subjects of this one's kind have the permission on the object.
    Subjects,
    /// What the subject has on the object.
    Permissions,
    /// The tree of the permission.
    Tree,
}

/// A history.
#[derive(Debug, Clone)]
pub struct Script {
    /// Schemas over the same names.
    pub models: Vec<Model>,
    /// How many revisions the window has.
    pub max_states: usize,
    /// How many tuples of a type that no schema has are there from the beginning: so many that the graph's base has several segments, or
    /// none.
    pub padding: usize,
    /// What happens.
    pub steps: Vec<Step>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(wanted) => {
                f.write_str("write")?;
                wanted.iter().try_for_each(|(tuple, keep)| write!(f, "\n  {} {tuple}", if *keep { '+' } else { '-' }))
            }
            Self::Schema(model) => write!(f, "write schema {model}"),
            Self::Work => f.write_str("make a part of a rebuild"),
            Self::Install => f.write_str("put the part in place"),
            Self::Restart(back) => write!(f, "restart, un-apply {back}"),
            Self::Hold(age) => write!(f, "hold the state {age} revisions back"),
            Self::Ask(Inquiry { age, held, model, now, questions, .. }) => {
                let of = if *held { "the state held".to_owned() } else { format!("{age} revisions back") };
                write!(f, "ask {of}, schema {model}, at {}", timestamp_text(*now))?;
                questions.iter().try_for_each(|Asked { question, forms }| write!(f, "\n  {question}\n    as {forms:?}"))
            }
        }
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, model) in self.models.iter().enumerate() {
            writeln!(f, "// schema {place}\n{model}")?;
        }
        writeln!(f, "// a window of {} states, {} tuples that no schema allows", self.max_states, self.padding)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}
