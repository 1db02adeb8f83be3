//! The decision suites of another engine by every call that decides: BatchCheck on a store that nobody has asked yet, CheckStream, both list
//! calls (each list must be the checks that it implies), and BatchCheck once more after all of that. (`tests/conformance.rs` has what
//! `dhow schema test` says to the same questions, by both evaluators.)
//!
//! One server, a store for each file, real clients over TCP.

mod calls;
mod lists;
mod warm;

use std::ops::AddAssign;
use std::path::Path;

use dhow_engine::eval::Decision;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_schema::value::Context;
use dhow_testkit::suites::{SUITES, files, folder, promised, say};
use futures_util::{StreamExt as _, stream};

use super::Bench;
use crate::validation::{Expected, ValidationFile, load};
use calls::Store;

/// So many files are asked about at the same time.
const FILES_AT_ONCE: usize = 4;

/// What was asked and answered as it must be.
#[derive(Debug, Default)]
struct Counts {
    files: u64,
    /// Assertions by each way.
    cold: u64,
    streamed: u64,
    warm: u64,
    in_the_engine: u64,
    lists_of_objects: u64,
    lists_of_subjects: u64,
    /// Items of those lists.
    listed: u64,
    /// Checks that those lists imply.
    implied: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self { files, cold, streamed, warm, in_the_engine, lists_of_objects, lists_of_subjects, listed, implied } = other;
        self.files += files;
        self.cold += cold;
        self.streamed += streamed;
        self.warm += warm;
        self.in_the_engine += in_the_engine;
        self.lists_of_objects += lists_of_objects;
        self.lists_of_subjects += lists_of_subjects;
        self.listed += listed;
        self.implied += implied;
    }
}

/// A question of a file.
#[derive(Debug, Clone)]
struct Asked {
    key: TupleKey,
    context: Context,
}

impl Asked {
    fn text(&self) -> String {
        format!("{} with {:?}", self.key, self.context)
    }
}

/// A file's questions with what they expect.
fn questions(file: &ValidationFile) -> Vec<(Asked, Expected)> {
    let asked = |key: &TupleKey, context: &Context| Asked { key: key.clone(), context: context.clone() };
    file.assertions.iter().map(|one| (asked(&one.question.key, &one.question.context), one.expected)).collect()
}

/// A file's tuples; of two with the same key the later one counts.
fn tuples(file: &ValidationFile) -> Vec<Tuple> {
    let by_key = file.tuples.iter().map(|located| (located.tuple.key.clone(), located.tuple.clone()));
    by_key.collect::<std::collections::BTreeMap<_, _>>().into_values().collect()
}

/// Fails unless every answer is the one that its assertion expects; gives how many there are.
#[track_caller]
fn assert_expected(by: &str, file: &ValidationFile, questions: &[(Asked, Expected)], answers: &[Decision]) -> u64 {
    assert_eq!(questions.len(), answers.len(), "{} by {by}", file.path.display());
    for ((asked, expected), answer) in questions.iter().zip(answers) {
        let right = match answer {
            Decision::Allowed => *expected == Expected::Allowed,
            Decision::Denied => *expected == Expected::Denied,
            Decision::Conditional { .. } => *expected == Expected::Conditional,
        };
        assert!(right, "{}: {} by {by}: {answer:?}, not {expected:?}", file.path.display(), asked.text());
    }
    answers.len() as u64
}

async fn ask(bench: &Bench, name: String, path: &Path) -> Counts {
    let file = load(path).unwrap_or_else(|problems| panic!("{problems}"));
    let (questions, tuples) = (questions(&file), tuples(&file));
    let store = Store::create(bench, name, &file.schema.text, &tuples).await;
    let asked: Vec<Asked> = questions.iter().map(|(asked, _)| asked.clone()).collect();

    let cold = assert_expected("BatchCheck", &file, &questions, &store.batch(&asked).await);
    let streamed = assert_expected("CheckStream", &file, &questions, &store.stream(&asked).await);
    let lists = lists::ask(&store, path, &asked, &tuples).await;
    let mut again = store.batch(&asked.iter().rev().cloned().collect::<Vec<_>>()).await;
    again.reverse();
    let warm = assert_expected("BatchCheck, warm", &file, &questions, &again);
    let in_the_engine = warm::ask(&file, &questions, &tuples);
    Counts { files: 1, cold, streamed, warm, in_the_engine, ..lists }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_answers_the_suites_as_they_say() {
    let Some(root) = folder() else { return };
    let bench = &Bench::empty().await;
    for suite in SUITES {
        let all = stream::iter(files(&root, suite).into_iter().enumerate());
        let asked = all.map(|(number, path)| async move { ask(bench, format!("{suite}-{number}"), &path).await });
        let counts = asked.buffer_unordered(FILES_AT_ONCE).fold(Counts::default(), async |mut sum, counts| {
            sum += counts;
            sum
        });
        let counts = counts.await;
        let Counts { files, cold, streamed, warm, in_the_engine, lists_of_objects, lists_of_subjects, listed, implied } = counts;
        if let Some(promised) = promised(&root, suite) {
            assert_eq!((files, cold), promised, "{suite} is not what its README says");
        }
        assert_eq!([streamed, warm, in_the_engine], [cold; 3], "{suite}: not every question was asked in every way");
        assert!([files, cold, lists_of_objects, lists_of_subjects, listed, implied].iter().all(|count| *count > 0), "{suite}: {counts:?}");
        say(&format!(
            "{suite}: {files} files, {cold} assertions as expected by BatchCheck, by CheckStream, by BatchCheck and the engine again; \
             {lists_of_objects} lists of objects and {lists_of_subjects} of subjects, with {listed} items, are the {implied} checks they imply"
        ));
    }
}
