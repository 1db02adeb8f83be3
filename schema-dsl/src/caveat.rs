//! Caveats: named CEL expressions that a tuple's membership hangs on.
//!
//! A [`Caveat`] is compiled once, with its parameters' types, and evaluated many times against the context stored with a tuple and
//! the context of a request. The answer has four shapes ([`Outcome`]), because context may be incomplete:
//!
//! - **Reading** (`scan`): bytes, tokens, and the depth that operators, selectors and brackets could build are limited before the
//!   CEL parser, which recurses, sees the text. What the rest of the pipeline recurses over is thereby bounded.
//! - **Compiling** (`expression`, `library`): parsing and type checking are cel-core's. The parts of CEL that caveats do not have
//!   (messages, optional values, extension macros) are refused. A few functions and operators of cel-core are replaced, where they
//!   panic on hostile text, or differ from CEL's definition.
//! - **Evaluating** (`walk`): a sub-expression whose parameters are all bound is cel-core's to evaluate. Where some are not, a
//!   three-valued walk over `&&`, `||`, `!`, `?:` and comprehensions finds either a result that no value could change, or every
//!   parameter that can still change it. As in CEL: what is false wins over what is unknown in `&&` (true in `||`), and what is
//!   unknown wins over an error.
//! - **Cost** (`cost`): cel-core has no limit of its own, so before evaluation the worst case is estimated from the expression and
//!   the actual sizes of the values; past the limit the evaluation is refused. The estimate looks at all branches, so that neither
//!   the order of operands nor luck decides.
//!
//! Cost of an evaluation: linear in the size of expression and values, apart from comprehensions, which the estimate bounds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::ir::Name;
use crate::value::{Context, MAX_CONTEXT_BYTES, canonical_bytes};

mod cost;
mod error;
mod expression;
mod library;
mod parameter;
mod scan;
mod walk;

pub use cost::COST_LIMIT;
pub use error::{CODES, CaveatIssue, ContextError, EvaluationError};
pub use parameter::{MAX_TYPE_DEPTH, Mismatch, ParameterError, ParameterType, ParameterTypeError};
pub use scan::{MAX_DEPTH, MAX_EXPRESSION_BYTES, MAX_TOKENS};

use error::codes;
use expression::Expression;
use walk::Walked;

/// A compiled caveat.
pub struct Caveat {
    name: Name,
    parameters: BTreeMap<Name, ParameterType>,
    text: String,
    doc: Option<String>,
    expression: Expression,
}

/// What a caveat says with the context at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds, whatever the parameters that are not bound.
    True,
    /// It does not hold, whatever the parameters that are not bound.
    False,
    /// It depends on these parameters: all unbound ones of every branch that can still change the result. Never empty.
    Missing(BTreeSet<Name>),
    /// It has no answer; a decision that rests on it must fail.
    Error(EvaluationError),
}

impl Caveat {
    /// Checks and compiles a caveat.
    ///
    /// # Errors
    /// All issues found, at least one, in the order of the text.
    ///
    /// ```
    /// use dhow_schema::caveat::{Caveat, ParameterType};
    /// let issues = Caveat::compile("x".into(), vec![("limit".into(), ParameterType::Int)], "limt > 3", None).unwrap_err();
    /// assert_eq!((issues[0].code, issues[0].range.clone()), ("DH-C101", 0..4));
    /// assert_eq!(issues[0].help.as_deref(), Some("did you mean `limit`?"));
    /// ```
    pub fn compile(
        name: Name,
        parameters: Vec<(Name, ParameterType)>,
        expression: &str,
        doc: Option<String>,
    ) -> Result<Self, Vec<CaveatIssue>> {
        let mut issues = Vec::new();
        let mut declared = BTreeMap::new();
        for (parameter, parameter_type) in parameters {
            issues.extend(library::reserved_name(&parameter));
            if declared.insert(parameter.clone(), parameter_type).is_some() {
                issues.push(CaveatIssue::of_parameter(
                    codes::DUPLICATE_PARAMETER,
                    &parameter,
                    format!("parameter `{parameter}` is declared twice"),
                ));
            }
        }
        let variables = declared.iter().map(|(name, declared)| (name.to_string(), library::cel_type(declared))).collect();
        let compiled = match Expression::compile(expression, &variables) {
            Ok(compiled) => compiled,
            Err(found) => {
                issues.extend(found);
                return Err(issues);
            }
        };
        issues.extend(compiled.not_bool(expression));
        if issues.is_empty() {
            Ok(Self { name, parameters: declared, text: expression.to_owned(), doc, expression: compiled })
        } else {
            Err(issues)
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// Its declared parameters.
    #[must_use]
    pub const fn parameters(&self) -> &BTreeMap<Name, ParameterType> {
        &self.parameters
    }

    /// The parameters that its expression refers to: no other can be missing.
    #[must_use]
    pub const fn references(&self) -> &BTreeSet<Name> {
        self.expression.references()
    }

    /// The text of its expression, as it was written.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.text
    }

    /// Its documentation comment, without comment marks.
    #[must_use]
    pub fn doc(&self) -> Option<&str> {
        self.doc.as_deref()
    }

    /// What the caveat says with the context stored with a tuple and that of a request.
    ///
    /// A name in both means the stored value. Only parameters that the expression refers to are looked at; their values are
    /// converted to the declared types. Pure: the same contexts give the same outcome everywhere.
    #[must_use]
    pub fn evaluate(&self, stored: &Context, request: &Context) -> Outcome {
        let mut budget = COST_LIMIT;
        self.evaluate_within(stored, request, &mut budget)
    }

    /// As [`evaluate`](Self::evaluate), with a budget that many evaluations of one request share: each takes its estimate from it,
    /// and is refused where less is left (or the estimate exceeds [`COST_LIMIT`]).
    #[must_use]
    pub fn evaluate_within(&self, stored: &Context, request: &Context, budget: &mut u64) -> Outcome {
        let mut bindings = BTreeMap::new();
        for name in self.references() {
            let (Some(value), Some(declared)) = (stored.get(name).or_else(|| request.get(name)), self.parameters.get(name)) else {
                continue;
            };
            match declared.convert(value) {
                Ok(value) => bindings.insert(name.clone(), library::bridge::to_cel(&value, declared)),
                Err(mismatch) => {
                    let error = mismatch.of_parameter(name);
                    return Outcome::Error(EvaluationError::Parameter { caveat: self.name.clone(), error });
                }
            };
        }
        let cost = self.expression.cost(&bindings);
        let limit = COST_LIMIT.min(*budget);
        if cost > limit {
            return Outcome::Error(EvaluationError::Cost { caveat: self.name.clone(), cost, limit });
        }
        *budget -= cost;
        self.outcome(self.expression.evaluate(&bindings))
    }

    fn outcome(&self, walked: Walked) -> Outcome {
        let message = match walked {
            Walked::Known(cel_core::Value::Bool(true)) => return Outcome::True,
            Walked::Known(cel_core::Value::Bool(false)) => return Outcome::False,
            Walked::Unknown(missing) => return Outcome::Missing(missing),
            Walked::Known(cel_core::Value::Error(error)) => error.message.clone(),
            Walked::Known(other) => format!("the result is {}, not bool", other.cel_type()),
        };
        Outcome::Error(EvaluationError::Cel { caveat: self.name.clone(), message })
    }

    /// The context as it is stored with a tuple: every value converted to its parameter's type, in canonical form.
    ///
    /// # Errors
    /// [`ContextError`]: an undeclared name, a value of the wrong type, or more than [`MAX_CONTEXT_BYTES`].
    pub fn admit(&self, context: &Context) -> Result<Context, ContextError> {
        let mut admitted = Context::new();
        for (name, value) in context {
            let Some(declared) = self.parameters.get(name) else {
                let suggestion = nearest(name, self.parameters.keys().map(AsRef::as_ref)).map(Name::from);
                return Err(ContextError::Undeclared { caveat: self.name.clone(), parameter: name.clone(), suggestion });
            };
            let value = declared
                .convert(value)
                .map_err(|mismatch| ContextError::Type { caveat: self.name.clone(), error: mismatch.of_parameter(name) })?;
            admitted.insert(name.clone(), value);
        }
        match canonical_bytes(&admitted).map_or(usize::MAX, |bytes| bytes.len()) {
            0..=MAX_CONTEXT_BYTES => Ok(admitted),
            bytes => Err(ContextError::TooLarge { caveat: self.name.clone(), bytes }),
        }
    }
}

impl fmt::Debug for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, parameters, text, doc, expression: _ } = self;
        f.debug_struct("Caveat")
            .field("name", name)
            .field("parameters", parameters)
            .field("text", text)
            .field("doc", doc)
            .finish_non_exhaustive()
    }
}

/// Two caveats are equal if they were compiled from the same declaration.
impl PartialEq for Caveat {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.parameters, &self.text, &self.doc) == (&other.name, &other.parameters, &other.text, &other.doc)
    }
}

impl Eq for Caveat {}

/// The candidate that a misspelt name most likely meant; none for a name that nobody types. Comparing costs the product of the lengths,
/// and a context may name anything.
fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const MAX_LENGTH: usize = 64;
    candidates
        .into_iter()
        .filter(|candidate| name.len() <= MAX_LENGTH && candidate.len() <= MAX_LENGTH)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= name.len().max(candidate.len()) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
