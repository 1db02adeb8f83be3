//! Checks that arrived on a stream at the same moment: those that are answered at the same point are decided together.
//!
//! None waits for another that is heavy: what is decided at once is answered at once, and what needs a thread for heavy work goes there
//! alone, with the deadline that it has.

use std::future::{Ready, ready};
use std::sync::Arc;

use dhow_proto::v1;
use dhow_proto::v1::check_stream_response::Outcome;
use futures_util::future::{BoxFuture, Either};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use crate::api::Api;
use crate::api::authorization::check::{Posed, response};
use crate::api::authorization::decide::{Asked, Decided, Decider, Question, take_turns};
use crate::api::heavy::HeavyError;
use crate::api::target::Session;
use crate::errors::{ApiError, to_rpc_status};
use crate::limits::INLINE_STEPS;
use crate::node::token::Token;

/// A check with its id, or why the stream is broken.
pub(super) type Check = Result<(u64, Result<Posed, ApiError>), Status>;

/// What has come in on a stream. Small, for there is space for as many as may be decided together.
pub(super) struct Arrived {
    pub(super) check: Box<Check>,
    /// Its place among those that are not answered.
    pub(super) room: OwnedSemaphorePermit,
}

/// What goes out, and the room that it had.
type Answer = (Result<v1::CheckStreamResponse, Status>, OwnedSemaphorePermit);

/// An answer, there or awaited.
type Answering = Either<Ready<Answer>, BoxFuture<'static, Answer>>;

/// A check among those that are decided together.
struct Member {
    id: u64,
    room: OwnedSemaphorePermit,
    session: Session,
    question: Question,
}

/// Checks that are still to be decided together.
type Open = (Arc<Decider>, Vec<Member>);

/// Checks that are answered at the same point.
struct Group {
    token: Token,
    schema_version: u64,
    decider: Decider,
    members: Vec<Member>,
}

impl Member {
    fn asked(&self) -> Asked<'_> {
        Asked { question: &self.question, deadline: &self.session.deadline }
    }

    fn answer(self, decided: Decided) -> Answer {
        answer(self.id, self.session.answer(decided), self.room)
    }
}

impl Session {
    fn answer(&self, decided: Decided) -> Result<v1::CheckResponse, ApiError> {
        let decision = decided?;
        Ok(response(self.answered_at()?, &decision))
    }
}

impl Group {
    /// Whether a check is answered at this point; of those with contextual tuples, whether it may have the same ones.
    fn is_like(&self, Posed { session, contextual, .. }: &Posed) -> bool {
        self.token == session.point.token
            && self.schema_version == session.schema_version()
            && self.decider.contextual().is_empty() == contextual.is_empty()
    }

    /// Where a check may join. O(groups + contextual tuples): only the newest group of its like is looked into, so that many checks with
    /// contextual tuples of their own are not compared each with each.
    fn find<'g>(groups: &'g mut [Self], posed: &Posed) -> Option<&'g mut Self> {
        let newest = groups.iter_mut().rev().find(|group| group.is_like(posed))?;
        (newest.decider.contextual() == posed.contextual).then_some(newest)
    }
}

/// Puts a check to those that it can be decided with; gives its answer if there is nothing that could decide it.
fn join(groups: &mut Vec<Group>, max_steps: u64, posed: Posed, id: u64, room: OwnedSemaphorePermit) -> Option<Answer> {
    let joined = Group::find(groups, &posed);
    let Posed { session, contextual, item, .. } = posed;
    let question = Ok(item);
    if let Some(group) = joined {
        group.decider.join(session.point.time);
        group.members.push(Member { id, room, session, question });
        return None;
    }
    match Decider::new(&session, contextual, max_steps) {
        Err(wrong) => Some(answer(id, Err(wrong), room)),
        Ok(decider) => {
            let (token, schema_version) = (session.point.token, session.schema_version());
            groups.push(Group { token, schema_version, decider, members: vec![Member { id, room, session, question }] });
            None
        }
    }
}

/// Answers to what has arrived, each as soon as it is known.
pub(super) fn answer_all(api: &Api, arrived: Vec<Arrived>) -> impl Stream<Item = Answering> + Send + use<> {
    let (mut answers, mut groups) = (Vec::new(), Vec::new());
    for Arrived { check, room } in arrived {
        match *check {
            Err(broken) => answers.push(known((Err(broken), room))),
            Ok((id, Err(wrong))) => answers.push(known(answer(id, Err(wrong), room))),
            Ok((id, Ok(posed))) if posed.explain => {
                let api = api.clone();
                answers.push(Either::Right(Box::pin(async move { answer(id, api.explain(posed).await, room) })));
            }
            Ok((id, Ok(posed))) => answers.extend(join(&mut groups, api.limits.evaluation_steps, posed, id, room).map(known)),
        }
    }
    let open = groups.into_iter().rev().map(|Group { decider, members, .. }| (Arc::new(decider), members)).collect();
    let rounds = stream::unfold((api.clone(), open), async |(api, mut open)| Some((round(&api, &mut open).await?, (api, open))));
    stream::iter(answers).chain(rounds.flat_map(stream::iter))
}

/// Decides as many checks as may be decided at one go, or finds that the next one is heavy; `None`: there are no more.
async fn round(api: &Api, open: &mut Vec<Open>) -> Option<Vec<Answering>> {
    let (decider, mut members) = open.pop()?;
    let mut left = INLINE_STEPS.value;
    let decided = decider.begin(members.iter().map(Member::asked), &mut left);
    // A stream is one task: others get their turn after so many steps.
    take_turns(INLINE_STEPS.value - left).await;
    let mut rest = members.split_off(decided.len()).into_iter();
    let mut answers: Vec<_> = members.into_iter().zip(decided).map(|(member, decided)| known(member.answer(decided))).collect();
    if answers.is_empty() {
        // It had all the steps.
        answers.extend(rest.next().map(|heavy| Either::Right(Box::pin(finish(api.clone(), Arc::clone(&decider), heavy)) as BoxFuture<_>)));
    }
    if rest.len() > 0 {
        open.push((decider, rest.collect()));
    }
    Some(answers)
}

/// Decides a heavy check with its whole budget.
async fn finish(api: Api, decider: Arc<Decider>, heavy: Member) -> Answer {
    let Member { id, room, session, question } = heavy;
    let until = session.deadline.clone();
    let work = move || Ok(decider.finish(std::iter::once(Asked { question: &question, deadline: &until })));
    let decided = api.heavy(&session.deadline, work).await.and_then(|mut decided| decided.pop().ok_or(HeavyError::Lost)?);
    answer(id, session.answer(decided), room)
}

fn answer(id: u64, checked: Result<v1::CheckResponse, ApiError>, room: OwnedSemaphorePermit) -> Answer {
    let outcome = match checked {
        Ok(response) => Outcome::Response(response),
        Err(error) => Outcome::Error(to_rpc_status(error)),
    };
    (Ok(v1::CheckStreamResponse { id, outcome: Some(outcome) }), room)
}

fn known(answer: Answer) -> Answering {
    Either::Left(ready(answer))
}

#[cfg(test)]
mod tests;
