//! Takes away what a failure does not need.

use super::stage::Stage;
use super::{Asked, Inquiry, Script, Step};
use crate::runner::caught;

/// A smaller script that fails as well, and how.
pub(super) fn shrink(mut script: Script, mut reason: String) -> (Script, String) {
    let mut chunk = script.steps.len().div_ceil(2).max(1);
    loop {
        let before = script.steps.len();
        let mut at = 0;
        while at < script.steps.len() {
            let mut fewer = script.clone();
            fewer.steps.drain(at..(at + chunk).min(fewer.steps.len()));
            if !keep_if_failing(&mut script, &mut reason, fewer) {
                at += chunk;
            }
        }
        if chunk == 1 && script.steps.len() == before {
            break;
        }
        chunk = (chunk / 2).max(1);
    }
    for at in 0..script.steps.len() {
        let mut part = 0;
        while let Some(fewer) = without(&script, at, part) {
            if !keep_if_failing(&mut script, &mut reason, fewer) {
                part += 1;
            }
        }
    }
    (script, reason)
}

fn keep_if_failing(script: &mut Script, reason: &mut String, fewer: Script) -> bool {
    let Err(again) = caught(|| Stage::play_all(&fewer)) else { return false };
    (*script, *reason) = (fewer, again);
    true
}

/// The script without one part of a step: a tuple, a question, a form or a contextual tuple of the only question.
fn without(script: &Script, at: usize, part: usize) -> Option<Script> {
    let mut fewer = script.clone();
    match fewer.steps.get_mut(at)? {
        Step::Write(wanted) if part < wanted.len() => {
            wanted.remove(part);
        }
        Step::Ask(Inquiry { questions, .. }) if questions.len() > 1 && part < questions.len() => {
            questions.remove(part);
        }
        Step::Ask(Inquiry { questions, .. }) => {
            let Asked { question, forms } = questions.first_mut()?;
            let part_of_forms = if forms.len() > 1 { forms.len() } else { 0 };
            if part < part_of_forms {
                forms.remove(part);
            } else if part - part_of_forms < question.contextual.len() {
                question.contextual.remove(part - part_of_forms);
            } else {
                return None;
            }
        }
        Step::Write(_) | Step::Schema(_) | Step::Work | Step::Install | Step::Restart(_) | Step::Hold(_) => return None,
    }
    Some(fewer)
}
