//! A file's questions of one prepared state in this process, cold, and once more when everything else has been asked of it.

use std::sync::Arc;

use dhow_engine::eval::{Decision, PageRequest};
use dhow_engine::search::Prepared;
use dhow_engine::tuple::Tuple;
use dhow_engine::validate::admit;
use dhow_testkit::engine::state_of;

use super::{Asked, assert_expected};
use crate::clock::{Clock as _, SystemClock};
use crate::validation::{Expected, ValidationFile};

/// Asks them; gives how many there are.
pub(super) fn ask(file: &ValidationFile, questions: &[(Asked, Expected)], tuples: &[Tuple]) -> u64 {
    let schema = Arc::new(dhow_schema::compile_str(&file.schema.text).unwrap());
    let state = state_of(tuples.iter().map(|tuple| admit(&schema, tuple).unwrap()).collect());
    let prepared = Prepared::new(&state, schema).unwrap();
    let now = SystemClock::new().now();
    let check = |(asked, _): &(Asked, Expected)| prepared.evaluator(now, &asked.context).check(&asked.key).unwrap();
    let cold: Vec<Decision> = questions.iter().map(check).collect();
    assert_expected("the engine", file, questions, &cold);
    for (Asked { key, context }, _) in questions {
        let (evaluator, subject) = (prepared.evaluator(now, context), key.subject());
        evaluator.list_objects(key.object().object_type(), key.relation(), subject, PageRequest::default()).unwrap();
        evaluator.list_subjects(key.object(), key.relation(), subject.object_type(), subject.relation(), PageRequest::default()).unwrap();
    }
    let warm: Vec<Decision> = questions.iter().map(check).collect();
    assert_eq!(warm, cold, "{}", file.path.display());
    assert_expected("the engine, warm", file, questions, &warm)
}
