use super::*;
use crate::entry::{Body, Change, StoreId};
use crate::filter::TupleFilter;
use crate::state::State;
use crate::time::Timestamp;
use crate::tuple::{Tuple, TupleKey};
use dhow_schema::ir::{Quantifier, Schema};
use dhow_schema::value::{Context, context_from_json_object};
use std::collections::BTreeMap;

/// A schema and tuples to ask.
struct Bench {
    text: String,
    schema: Schema,
    state: State,
    context: Context,
}

impl std::fmt::Debug for Bench {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}\n{:?}", self.text, self.context)?;
        self.state.scan(&TupleFilter::default(), None).try_for_each(|tuple| writeln!(f, "{tuple}"))
    }
}

impl Bench {
    fn new(schema: &str, tuples: &[&str]) -> Self {
        Self::of(schema, tuples.iter().map(|text| text.parse().unwrap()))
    }

    /// Tuples are stored as they are: some tests store what the schema does not allow.
    fn of(text: &str, tuples: impl IntoIterator<Item = Tuple>) -> Self {
        let schema = dhow_schema::compile_str(text).unwrap_or_else(|error| panic!("{error}"));
        let by_key: BTreeMap<TupleKey, Tuple> = tuples.into_iter().map(|tuple| (tuple.key.clone(), tuple)).collect();
        let mut state = State::genesis(StoreId([1; 16]));
        let tuples: Vec<Tuple> = by_key.into_values().collect();
        for chunk in tuples.chunks(500) {
            let changes = chunk.iter().cloned().map(Change::created).collect();
            state = state.apply(&state.next_entry(Timestamp::MIN, "", "", Body::Changes(changes)).unwrap()).unwrap();
        }
        Self { text: text.to_owned(), schema, state, context: Context::new() }
    }

    fn with(mut self, json: &str) -> Self {
        self.context = context_from_json_object(&serde_json::from_str(json).unwrap()).unwrap();
        self
    }

    fn evaluator(&self) -> Evaluator<'_> {
        Evaluator::new(&self.schema, &self.state, "2026-01-01T00:00:00Z".parse().unwrap(), &self.context)
    }

    /// `yes`, `no`, `if a b`, or the code of the error.
    fn ask(&self, question: &str) -> String {
        shown(self.evaluator().check(&question.parse().unwrap()))
    }

    #[track_caller]
    fn expect(&self, expected: &[(&str, &str)]) {
        for (question, answer) in expected {
            assert_eq!(self.ask(question), *answer, "{question}");
        }
    }
}

fn shown(decision: Result<Decision, EvalError>) -> String {
    match decision {
        Ok(Decision::Allowed) => "yes".to_owned(),
        Ok(Decision::Denied) => "no".to_owned(),
        Ok(Decision::Conditional { missing }) => format!("if {}", missing.into_iter().collect::<Vec<_>>().join(" ")),
        Err(error) => error.code().to_owned(),
    }
}

mod check;
mod expand;
mod explain;
mod laws;
mod lists;
mod other_languages;
