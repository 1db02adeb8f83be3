//! The list calls that both evaluators have.

use dhow_engine::eval::{self, EvalError, ListedObject, ListedPermission, ListedSubject, Page, PageRequest};
use dhow_engine::search;
use dhow_engine::tuple::{ObjectRef, Subject};
use dhow_schema::ir::Name;

/// Lists, by one evaluator or the other.
pub trait Lists {
    /// Objects of a type that a subject has a permission on.
    ///
    /// # Errors
    /// Why there is no list.
    fn objects(&self, of: &Name, relation: &Name, subject: &Subject, page: PageRequest<'_>) -> Result<Page<ListedObject>, EvalError>;

    /// Subjects of a type (or usersets of its relation) that have a permission on an object.
    ///
    /// # Errors
    /// Why there is no list.
    fn subjects(
        &self,
        object: &ObjectRef,
        relation: &Name,
        of: (&Name, Option<&Name>),
        page: PageRequest<'_>,
    ) -> Result<Page<ListedSubject>, EvalError>;

    /// What a subject has on an object.
    ///
    /// # Errors
    /// Why there is no list.
    fn permissions(&self, object: &ObjectRef, subject: &Subject, page: PageRequest<'_>) -> Result<Page<ListedPermission>, EvalError>;
}

/// Both evaluators have the same calls.
macro_rules! lists {
    ($evaluator:ty) => {
        impl Lists for $evaluator {
            fn objects(
                &self,
                of: &Name,
                relation: &Name,
                subject: &Subject,
                page: PageRequest<'_>,
            ) -> Result<Page<ListedObject>, EvalError> {
                self.list_objects(of, relation, subject, page)
            }

            fn subjects(
                &self,
                object: &ObjectRef,
                relation: &Name,
                (of, of_relation): (&Name, Option<&Name>),
                page: PageRequest<'_>,
            ) -> Result<Page<ListedSubject>, EvalError> {
                self.list_subjects(object, relation, of, of_relation, page)
            }

            fn permissions(
                &self,
                object: &ObjectRef,
                subject: &Subject,
                page: PageRequest<'_>,
            ) -> Result<Page<ListedPermission>, EvalError> {
                self.list_permissions(object, subject, page)
            }
        }
    };
}

lists!(eval::Evaluator<'_>);
lists!(search::Evaluator<'_>);

/// What two evaluators answer, if it is the same; of errors the codes are compared, for either may come upon another one first.
///
/// # Errors
/// When it is not the same.
pub fn the_same<T: PartialEq + std::fmt::Debug>(
    circuit: Result<Page<T>, EvalError>,
    search: &Result<Page<T>, EvalError>,
) -> Result<Result<Page<T>, EvalError>, String> {
    let same = match (&circuit, search) {
        (Ok(circuit), Ok(search)) => circuit == search,
        (Err(circuit), Err(search)) => circuit.code() == search.code(),
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    };
    if same { Ok(circuit) } else { Err(format!("circuit: {circuit:?}\n  search: {search:?}")) }
}
