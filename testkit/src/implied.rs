//! What a list must be: what its checks say, `{ x | check(x) is not denied }`.

use std::collections::BTreeMap;

use dhow_engine::eval::{Decision, EvalError, ListedSubject, Page};
use dhow_engine::tuple::Subject;

use crate::oracle::Answer;

/// A decision in the oracle's words; `None` for a denial.
#[must_use]
pub fn answer(decision: &Decision) -> Option<Answer> {
    match decision {
        Decision::Allowed => Some(Answer::Allowed),
        Decision::Denied => None,
        Decision::Conditional { missing } => Some(Answer::Conditional(missing.iter().map(ToString::to_string).collect())),
    }
}

/// What a list of these answers must be: the items in order of their ids, or nothing where one of them has no answer.
pub fn listed(answers: impl IntoIterator<Item = (String, Answer)>) -> Option<Vec<(String, Answer)>> {
    let answers: BTreeMap<String, Answer> = answers.into_iter().collect();
    if answers.values().any(|answer| *answer == Answer::Error) {
        return None;
    }
    Some(answers.into_iter().filter(|(_, answer)| !answer.is_denied()).collect())
}

/// The items of a page with their answers; `None` where a caveat failed.
///
/// # Errors
/// Any other error, and an item that is denied.
pub fn items<T>(
    page: Result<Page<T>, EvalError>,
    item: impl Fn(&T) -> (String, Option<Answer>),
) -> Result<Option<Vec<(String, Answer)>>, String> {
    match page {
        Ok(page) => page
            .items
            .iter()
            .map(|found| match item(found) {
                (id, Some(answer)) => Ok((id, answer)),
                (id, None) => Err(format!("{id} is listed although it is denied")),
            })
            .collect::<Result<Vec<_>, _>>()
            .map(Some),
        Err(EvalError::Caveat(_)) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

/// What a list of subjects says of one of them, listed or not.
#[must_use]
pub fn said(list: &[ListedSubject], asked: &Subject) -> Answer {
    let denied = Answer::Denied { paradox: false };
    let of = |decision: &Decision| answer(decision).unwrap_or_else(|| denied.clone());
    if let Some(item) = list.iter().find(|item| item.subject == *asked) {
        return of(&item.decision);
    }
    let wildcard = list.iter().find(|item| item.subject.is_wildcard() && asked.relation().is_none());
    wildcard.map_or(denied.clone(), |wildcard| {
        let excluded = wildcard.exclusions.iter().find(|exclusion| exclusion.subject == *asked);
        of(excluded.map_or(&wildcard.decision, |exclusion| &exclusion.decision))
    })
}

/// Order, and what an item or an exclusion may be.
///
/// # Errors
/// When something is not as it must be.
pub fn well_formed(list: &[ListedSubject]) -> Result<(), String> {
    let sorted = list.is_sorted_by(|a, b| a.subject.id() < b.subject.id());
    let plain = list.iter().all(|item| item.subject.is_wildcard() || item.exclusions.is_empty());
    let exclusions = || list.iter().flat_map(|item| item.exclusions.iter().map(move |exclusion| (item, exclusion)));
    let excluded_sorted = list.iter().all(|item| item.exclusions.is_sorted_by(|a, b| a.subject.id() < b.subject.id()));
    let sensible = exclusions().all(|(item, exclusion)| match &exclusion.decision {
        Decision::Denied => !list.iter().any(|other| other.subject == exclusion.subject),
        Decision::Conditional { .. } => item.decision == Decision::Allowed && list.iter().any(|other| other.subject == exclusion.subject),
        Decision::Allowed => false,
    });
    // Who is in only under a condition is no part of a wildcard that is in for certain, and is named there.
    let conditional = |item: &&ListedSubject| matches!(item.decision, Decision::Conditional { .. });
    let certain = list.iter().filter(|item| item.subject.is_wildcard() && item.decision == Decision::Allowed);
    let named = certain.flat_map(|wildcard| list.iter().filter(conditional).map(move |item| (wildcard, item)));
    let all_named = named.into_iter().all(|(wildcard, item)| wildcard.exclusions.iter().any(|other| other.subject == item.subject));
    let listed = list.iter().all(|item| !item.decision.is_denied());
    if sorted && plain && excluded_sorted && sensible && all_named && listed { Ok(()) } else { Err(format!("not well formed: {list:?}")) }
}
