//! A statement that is put together while it is clear what it has to say: its text, and what is bound to its parameters.

/// What is bound to a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bound {
    /// A number.
    Integer(i64),
    /// A text.
    Text(String),
}

/// See the module. Parameters are written `$1`, `$2` ..., which every database takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// The text.
    pub(super) text: String,
    /// What is bound, in order.
    pub(super) bound: Vec<Bound>,
}

impl Statement {
    /// A statement that begins like this.
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), bound: Vec::new() }
    }

    /// Goes on like this.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Goes on with a number.
    pub(super) fn integer(&mut self, value: i64) -> &mut Self {
        self.bind(Bound::Integer(value))
    }

    /// Goes on with a text.
    pub(super) fn string(&mut self, value: &str) -> &mut Self {
        self.bind(Bound::Text(value.to_owned()))
    }

    fn bind(&mut self, value: Bound) -> &mut Self {
        self.bound.push(value);
        let parameter = format!("${}", self.bound.len());
        self.push(&parameter)
    }
}
