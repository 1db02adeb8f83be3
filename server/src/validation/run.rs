//! Asks every question of a validation file against the engine, in memory.
//!
//! An assertion is one check. An expectation names everybody who has a permission: each subject that it lists must be in (or be in
//! under a condition, where it says `[...]`), each relation that it names as a path must name that subject, and whoever else is found
//! must be one of those that a listed wildcard stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dhow_engine::entry::{Body, Change, StoreId};
use dhow_engine::eval::{Decision, EvalError, Evaluator, ListedSubject, PageRequest};
use dhow_engine::search::Prepared;
use dhow_engine::state::{FoldError, State};
use dhow_engine::tuple::{Id, ObjectRef, Subject, Timestamp, Tuple, TupleKey};
use dhow_engine::validate;
use dhow_schema::ir::{Name, Schema, SubjectShape, SubjectType};
use dhow_schema::value::Context;

use super::expect::ExpectedSubject;
use super::problem::abridged;
use super::{Assertion, Expectation, Expected, LocatedSubject, Place, Problem, Problems, ValidationFile};

/// What came out of a file.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// Assertions executed, by what they expect.
    pub(crate) allowed: usize,
    pub(crate) denied: usize,
    pub(crate) conditional: usize,
    /// Entries of the `validation` map executed.
    pub(crate) expectations: usize,
    pub(crate) failures: Vec<Failed>,
}

impl Run {
    /// Assertions executed.
    pub(crate) fn assertions(&self) -> usize {
        self.allowed + self.denied + self.conditional
    }

    /// Adds another file's numbers and failures.
    pub(crate) fn add(&mut self, other: Self) {
        self.allowed += other.allowed;
        self.denied += other.denied;
        self.conditional += other.conditional;
        self.expectations += other.expectations;
        self.failures.extend(other.failures);
    }
}

/// One thing that came out otherwise than expected.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) path: String,
    pub(crate) place: Place,
    /// The question as it stands in the file.
    pub(crate) question: String,
    pub(crate) expected: String,
    pub(crate) got: String,
    /// The path that decided, as a drawn tree; empty where there is none to show.
    pub(crate) why: String,
}

/// Runs a file's questions at the time `now`.
///
/// # Errors
/// When the schema does not compile or does not allow a relationship; nothing was asked then.
pub(crate) fn run(file: &ValidationFile, now: Timestamp) -> Result<Run, Problems> {
    let schema = Arc::new(compile(file)?);
    let state = fold(file, admitted(file, &schema)?, now)?;
    let prepared = Prepared::new(&state, Arc::clone(&schema)).map_err(|error| not_stored(file, &error))?;
    let runner = Runner { file, schema: &schema, state: &state, prepared: &prepared, now };
    let mut run = Run::default();
    for assertion in &file.assertions {
        match assertion.expected {
            Expected::Allowed => run.allowed += 1,
            Expected::Denied => run.denied += 1,
            Expected::Conditional => run.conditional += 1,
        }
        run.failures.extend(runner.assertion(assertion));
    }
    for expectation in &file.expectations {
        run.expectations += 1;
        run.failures.extend(runner.expectation(expectation));
    }
    Ok(run)
}

fn compile(file: &ValidationFile) -> Result<Schema, Problems> {
    let sources = file.schema.sources();
    let compilation = dhow_schema::compile(sources.main_name(), &sources);
    compilation.schema.ok_or_else(|| {
        let errors: Vec<_> = compilation.diagnostics.into_iter().filter(dhow_schema::Diagnostic::is_error).collect();
        Problems { path: file.path.display().to_string(), problems: Vec::new(), rendered_schema: sources.render(&errors, true) }
    })
}

/// Changes in one entry of the fold.
const CHANGES: usize = 100;

/// What is wrong with the schema, or else with the relationships under it; `None`: nothing.
pub(super) fn problems(file: &ValidationFile) -> Option<Problems> {
    compile(file).and_then(|schema| admitted(file, &schema)).err()
}

/// The file's relationships as they are stored; of two with the same key the later one counts.
fn admitted(file: &ValidationFile, schema: &Schema) -> Result<BTreeMap<TupleKey, Tuple>, Problems> {
    let mut problems = Vec::new();
    let mut tuples = BTreeMap::new();
    for located in &file.tuples {
        match validate::admit(schema, &located.tuple) {
            Ok(tuple) => {
                tuples.insert(tuple.key.clone(), tuple);
            }
            Err(refused) => {
                let text = located.tuple.to_string();
                let mut problem = Problem::new(refused.code(), located.place, format!("`{}`: {refused}", abridged(&text)));
                problem.help = refused.help();
                problems.push(problem);
            }
        }
    }
    if problems.is_empty() { Ok(tuples) } else { Err(unusable(file, problems)) }
}

/// The relationships as a state.
fn fold(file: &ValidationFile, tuples: BTreeMap<TupleKey, Tuple>, now: Timestamp) -> Result<State, Problems> {
    let mut state = State::genesis(StoreId([0; 16]));
    let tuples: Vec<Tuple> = tuples.into_values().collect();
    for part in tuples.chunks(CHANGES) {
        let body = Body::Changes(part.iter().cloned().map(Change::created).collect());
        let next = state.next_entry(now, "", "", body).and_then(|entry| state.apply(&entry));
        state = next.map_err(|error| not_stored(file, &error))?;
    }
    Ok(state)
}

fn not_stored(file: &ValidationFile, error: &FoldError) -> Problems {
    let message = format!("the relationships cannot be stored: {error}");
    unusable(file, vec![Problem::new("fold", Place { line: 1, column: 1 }, message)])
}

fn unusable(file: &ValidationFile, problems: Vec<Problem>) -> Problems {
    Problems { path: file.path.display().to_string(), problems, rendered_schema: String::new() }
}

struct Runner<'a> {
    file: &'a ValidationFile,
    schema: &'a Schema,
    state: &'a State,
    prepared: &'a Prepared,
    now: Timestamp,
}

/// Why an assertion has no answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// A defect of dhow.
    #[error("dhow contradicts itself: {served} by the evaluator of servers, {plain} by the plain one")]
    Contradiction { served: String, plain: String },
}

impl NoAnswer {
    const fn code(&self) -> &'static str {
        match self {
            Self::Eval(error) => error.code(),
            Self::Contradiction { .. } => "contradiction",
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Eval(error) => error.help(),
            Self::Contradiction { .. } => Some("report this with the file".to_owned()),
        }
    }
}

impl Runner<'_> {
    /// The decision as a server makes it, if the plain evaluator comes to the same.
    fn check(&self, key: &TupleKey, context: &Context) -> Result<Decision, NoAnswer> {
        let served = self.prepared.evaluator(self.now, context).check(key);
        let plain = Evaluator::new(self.schema, self.state, self.now, context).check(key);
        match (served, plain) {
            // Each counts steps of its own.
            (served @ Err(EvalError::Stopped(_)), _) | (served, Err(EvalError::Stopped(_))) => Ok(served?),
            (served, plain) if served == plain => Ok(served?),
            (served, plain) => {
                let [served, plain] = [served, plain].map(|answer| said(&answer.map_err(Into::into)));
                Err(NoAnswer::Contradiction { served, plain })
            }
        }
    }

    fn failed(&self, place: Place, question: String, expected: String, got: String) -> Failed {
        Failed { path: self.file.path.display().to_string(), place, question, expected, got, why: String::new() }
    }

    fn assertion(&self, assertion: &Assertion) -> Option<Failed> {
        let question = &assertion.question;
        let got = self.check(&question.key, &question.context);
        let right = match (&got, assertion.expected) {
            (Ok(Decision::Allowed), Expected::Allowed)
            | (Ok(Decision::Denied), Expected::Denied)
            | (Ok(Decision::Conditional { .. }), Expected::Conditional) => true,
            (Ok(Decision::Allowed | Decision::Denied | Decision::Conditional { .. }) | Err(_), _) => false,
        };
        if right {
            return None;
        }
        let expected = match assertion.expected {
            Expected::Allowed => "allowed",
            Expected::Denied => "denied",
            Expected::Conditional => "conditional",
        };
        let mut failed = self.failed(assertion.place, assertion.text.clone(), expected.to_owned(), said(&got));
        failed.why = self.why(&question.key, &question.context);
        Some(failed)
    }

    /// Everything about one expectation that is not as it says.
    fn expectation(&self, expectation: &Expectation) -> Vec<Failed> {
        let mut failures = Vec::new();
        let asked = format!("{}#{}", expectation.object, expectation.permission);
        for subject in &expectation.subjects {
            failures.extend(self.listed_subject(expectation, subject));
        }
        match self.everybody(&expectation.object, &expectation.permission) {
            Ok(found) => failures.extend(self.unlisted_subjects(expectation, &asked, found)),
            Err(error) => failures.push(self.failed(expectation.place, asked, "an answer".to_owned(), said(&Err(error.into())))),
        }
        failures
    }

    fn key(expectation: &Expectation, subject: &Subject) -> Option<TupleKey> {
        TupleKey::new(expectation.object.clone(), expectation.permission.clone(), subject.clone()).ok()
    }

    fn listed_subject(&self, expectation: &Expectation, listed: &LocatedSubject) -> Vec<Failed> {
        let ExpectedSubject { subject, conditional, excluded, paths } = &listed.expected;
        let mut failures = Vec::new();
        let mut ask = |subject: &Subject, expected: Expected| {
            let Some(key) = Self::key(expectation, subject) else { return };
            let text = format!("{key}  ({})", listed.text);
            let context = Context::new();
            let question = super::Question { key, context };
            failures.extend(self.assertion(&Assertion { expected, question, text, place: listed.place }));
        };
        ask(subject, if *conditional { Expected::Conditional } else { Expected::Allowed });
        for one in excluded {
            // Who is left out only under a condition is in only under a condition, too.
            ask(&one.subject, if one.conditional { Expected::Conditional } else { Expected::Denied });
        }
        for (object, relation) in paths {
            if !self.names(object, relation, subject) {
                let expected = format!("a relationship of {object}#{relation} that names {subject}");
                let mut failed = self.failed(listed.place, listed.text.clone(), expected, "there is none".to_owned());
                failed.why = Self::key(expectation, subject).map_or_else(String::new, |key| self.why(&key, &Context::new()));
                failures.push(failed);
            }
        }
        failures
    }

    /// Whether an unexpired tuple of the relation names the subject, or everybody of its type.
    fn names(&self, object: &ObjectRef, relation: &Name, subject: &Subject) -> bool {
        let everybody = if subject.is_object() { Subject::wildcard(subject.object_type().clone()).ok() } else { None };
        [Some(subject.clone()), everybody].into_iter().flatten().any(|subject| {
            let key = TupleKey::new(object.clone(), relation.clone(), subject);
            key.is_ok_and(|key| self.state.get(&key).is_some_and(|tuple| !tuple.is_expired(self.now)))
        })
    }

    /// Who was found and is not expected, and whom a listed wildcard does not stand for.
    fn unlisted_subjects(&self, expectation: &Expectation, asked: &str, found: Vec<ListedSubject>) -> Vec<Failed> {
        let listed = |subject: &Subject| expectation.subjects.iter().any(|one| one.expected.subject == *subject);
        let wildcard_of = |subject: &Subject| {
            let mut subjects = expectation.subjects.iter().map(|one| &one.expected);
            subjects.find(|one| one.subject.is_wildcard() && one.subject.object_type() == subject.object_type())
        };
        let excluded =
            |subject: &Subject| wildcard_of(subject).is_some_and(|wildcard| wildcard.excluded.iter().any(|one| one.subject == *subject));
        let mut failures = Vec::new();
        for ListedSubject { subject, decision, exclusions } in found {
            let stood_for = subject.is_object() && wildcard_of(&subject).is_some() && !excluded(&subject);
            if !listed(&subject) && !stood_for {
                let expected = format!("that `{subject}` is not in, or is listed");
                failures.push(self.unexpected(expectation, asked, &subject, expected, decision));
            }
            // An unlisted wildcard has been reported; its exclusions say nothing more.
            for exclusion in exclusions.into_iter().filter(|_| listed(&subject)) {
                if !excluded(&exclusion.subject) && !listed(&exclusion.subject) {
                    let expected = format!("that `{subject}` stands for `{}`, or leaves it out", exclusion.subject);
                    failures.push(self.unexpected(expectation, asked, &exclusion.subject, expected, exclusion.decision));
                }
            }
        }
        failures
    }

    fn unexpected(&self, expectation: &Expectation, asked: &str, subject: &Subject, expected: String, got: Decision) -> Failed {
        let mut failed = self.failed(expectation.place, format!("{asked}@{subject}"), expected, said(&Ok(got)));
        if let Some(key) = Self::key(expectation, subject) {
            failed.why = self.why(&key, &Context::new());
        }
        failed
    }

    /// Everybody who is in, or is in under a condition, of every type and shape that the schema allows as a subject.
    ///
    /// Usersets count where a relationship names them that the permission is computed from. (That a userset contains itself, nobody
    /// has to say.)
    fn everybody(&self, object: &ObjectRef, permission: &Name) -> Result<Vec<ListedSubject>, EvalError> {
        let context = Context::new();
        let evaluator = Evaluator::new(self.schema, self.state, self.now, &context);
        let tree = evaluator.expand(object, permission, None)?;
        let named: BTreeSet<&Subject> = tree.direct_tuples().map(|tuple| tuple.key.subject()).collect();
        let mut found = Vec::new();
        for (subject_type, relation) in subject_kinds(self.schema) {
            let mut after = None::<Id>;
            loop {
                let page = PageRequest { after: after.as_deref(), limit: usize::MAX };
                let page = evaluator.list_subjects(object, permission, &subject_type, relation.as_ref(), page)?;
                let counts = |item: &ListedSubject| item.subject.relation().is_none() || named.contains(&item.subject);
                found.extend(page.items.into_iter().filter(counts));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The path that decided, or for a denial what was looked for and what came closest; empty where there is no answer.
    ///
    /// The explanation's first line says question and answer, which the failure says already; revisions mean nothing in a file.
    fn why(&self, key: &TupleKey, context: &Context) -> String {
        let explained = Evaluator::new(self.schema, self.state, self.now, context).explain(key);
        let text = explained.map_or_else(|_| String::new(), |explanation| explanation.to_text_with(|_| None));
        text.split_once('\n').map_or_else(String::new, |(_, reasons)| reasons.to_owned())
    }
}

/// The types, and the relations of types, that some relation takes as subjects.
fn subject_kinds(schema: &Schema) -> BTreeSet<(Name, Option<Name>)> {
    let relations = schema.definitions.values().flat_map(|definition| definition.relations.values());
    let kind = |subject: &SubjectType| match &subject.shape {
        SubjectShape::Object | SubjectShape::Wildcard => (subject.object_type.clone(), None),
        SubjectShape::Userset(relation) => (subject.object_type.clone(), Some(relation.clone())),
    };
    relations.flat_map(|relation| relation.direct.iter().map(kind)).collect()
}

/// An answer in words.
fn said(answer: &Result<Decision, NoAnswer>) -> String {
    match answer {
        Ok(Decision::Allowed) => "allowed".to_owned(),
        Ok(Decision::Denied) => "denied".to_owned(),
        Ok(Decision::Conditional { missing }) => {
            format!("conditional (it hangs on {})", missing.iter().map(|name| &**name).collect::<Vec<_>>().join(", "))
        }
        Err(error) => {
            let help = error.help().map_or_else(String::new, |help| format!("; {help}"));
            format!("error[{}]: {error}{help}", error.code())
        }
    }
}
