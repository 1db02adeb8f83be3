//! Check and BatchCheck.

use std::collections::BTreeMap;

use dhow_engine::entry::EntryLabel;
use dhow_engine::eval::{Decision, Evidence, Explanation};
use dhow_engine::tuple::Tuple;
use dhow_proto::v1;
use dhow_schema::value::Context;

use super::decide::Decider;
use super::explanation;
use crate::api::heavy::HeavyError;
use crate::api::question::{Item, decision_to_wire};
use crate::api::request::{RequestError, at_most};
use crate::api::target::Session;
use crate::api::{Api, Caller, convert};
use crate::errors::{ApiError, to_rpc_status};
use crate::limits;

/// A check that was read, and where it is answered.
#[derive(Debug)]
pub(super) struct Posed {
    pub(super) session: Session,
    /// Admitted there.
    pub(super) contextual: Vec<Tuple>,
    pub(super) item: Item,
    /// Whether to say why.
    pub(super) explain: bool,
}

impl Api {
    /// One decision.
    pub(super) async fn check(&self, caller: &Caller, request: v1::CheckRequest) -> Result<v1::CheckResponse, ApiError> {
        let posed = self.pose(caller, request).await?;
        if posed.explain {
            return self.explain(posed).await;
        }
        let Posed { session, contextual, item, .. } = posed;
        let decider = Decider::new(&session, contextual, self.limits.evaluation_steps)?;
        let decided = self.decide(decider, &session.deadline, vec![Ok(item)]).await?.pop();
        let decision = decided.ok_or(HeavyError::Lost)??;
        Ok(response(session.answered_at()?, &decision))
    }

    /// Reads a check and finds where it is answered.
    pub(super) async fn pose(&self, caller: &Caller, request: v1::CheckRequest) -> Result<Posed, ApiError> {
        let item = request.check.ok_or_else(|| RequestError::missing("check"))?;
        let item = Item::read(item).map_err(|error| error.within("check"))?;
        let contextual = convert::contextual_tuples(request.contextual_tuples)?;
        let session = self.session(caller, &request.store, request.consistency, request.schema_version).await?;
        let contextual = session.admit(contextual)?;
        Ok(Posed { session, contextual, item, explain: request.explain })
    }

    /// A decision with its reasons. Takes several times what the decision takes, for the nearest misses, and a look into the log.
    pub(super) async fn explain(&self, posed: Posed) -> Result<v1::CheckResponse, ApiError> {
        let Posed { session, contextual, item, .. } = posed;
        let (deadline, asked, steps) = (session.deadline.clone(), session.clone(), self.limits.evaluation_steps);
        let work = move || asked.ask(&contextual, &item.context, steps, |evaluator| evaluator.explain(&item.key));
        let explanation = self.heavy(&deadline, work).await?;
        let labels = self.labels(&session, &explanation).await;
        self.heavy(&deadline, move || explained(&session, &explanation, &labels)).await
    }

    /// Who wrote the tuples that an explanation names, and when. What cannot be read is not shown: no decision rests on it.
    async fn labels(&self, session: &Session, explanation: &Explanation) -> BTreeMap<u64, EntryLabel> {
        let revisions = explanation.evidence().filter_map(Evidence::revision).collect();
        match tokio::time::timeout(session.deadline.left(), self.node.labels(&session.point, revisions)).await {
            Ok(Ok(labels)) => labels,
            Ok(Err(error)) => {
                tracing::warn!("who wrote the tuples of an explanation cannot be read: {error}");
                BTreeMap::new()
            }
            Err(_) => BTreeMap::new(),
        }
    }

    /// Many decisions at one revision. What is wrong with one question is told in its place.
    pub(super) async fn batch_check(&self, caller: &Caller, request: v1::BatchCheckRequest) -> Result<v1::BatchCheckResponse, ApiError> {
        at_most(&limits::BATCH_CHECKS, "checks", request.checks.len())?;
        let shared = convert::context("context", request.context, &limits::REQUEST_CONTEXT_BYTES)?;
        let contextual = convert::contextual_tuples(request.contextual_tuples)?;
        let items: Vec<_> = request.checks.into_iter().enumerate().map(|(i, item)| read_item(i, item, &shared)).collect();
        let session = self.session(caller, &request.store, request.consistency, request.schema_version).await?;
        let contextual = session.admit(contextual)?;
        let decider = Decider::new(&session, contextual, self.limits.evaluation_steps)?;
        let results = self.decide(decider, &session.deadline, items).await?.into_iter().map(result).collect();
        Ok(v1::BatchCheckResponse { answered_at: Some(session.answered_at()?), results })
    }
}

/// The answer to one check.
pub(super) fn response(answered_at: v1::AnsweredAt, decision: &Decision) -> v1::CheckResponse {
    let (decision, missing_parameters) = decision_to_wire(decision);
    v1::CheckResponse { answered_at: Some(answered_at), decision: decision.into(), missing_parameters, explanation: None }
}

fn explained(session: &Session, explanation: &Explanation, labels: &BTreeMap<u64, EntryLabel>) -> Result<v1::CheckResponse, ApiError> {
    let wire = explanation::to_wire(explanation, labels);
    Ok(v1::CheckResponse { explanation: Some(wire), ..response(session.answered_at()?, &explanation.decision) })
}

/// Reads a question of a batch; the batch's context fills in what the question's own leaves open.
fn read_item(index: usize, item: v1::CheckItem, shared: &Context) -> Result<Item, RequestError> {
    let mut item = Item::read(item).map_err(|error| error.within(format!("checks[{index}]")))?;
    for (name, value) in shared {
        item.context.entry(name.clone()).or_insert_with(|| value.clone());
    }
    Ok(item)
}

/// The answer to one question of a batch.
fn result(decided: Result<Decision, ApiError>) -> v1::CheckResult {
    match decided {
        Ok(decision) => {
            let (decision, missing_parameters) = decision_to_wire(&decision);
            v1::CheckResult { decision: decision.into(), missing_parameters, error: None }
        }
        Err(error) => {
            let decision = v1::Decision::Unspecified.into();
            v1::CheckResult { decision, missing_parameters: Vec::new(), error: Some(to_rpc_status(error)) }
        }
    }
}
