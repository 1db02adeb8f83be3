//! From a request to the store that it means and the moment of its history that it is answered at.

use std::sync::Arc;

use dhow_engine::schema_version::SchemaVersion;
use dhow_engine::state::SchemaLookupError;
use dhow_proto::v1;
use dhow_proto::v1::consistency::Requirement;

use super::deadline::Deadline;
use super::request::RequestError;
use super::{Api, Caller};
use crate::errors::ApiError;
use crate::identity::{Forbidden, Identity, Scope};
use crate::node::cursor::{Cursor, RequestHash};
use crate::node::{Age, Consistency, ReadError, ReadPoint};
use crate::store::StoreInfo;

/// A request that does not say which store it means, where that is not clear.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TargetError {
    /// There are several.
    #[error("the request names no store, and there are several")]
    Several,
    /// There is none.
    #[error("the request names no store, and there is none")]
    None,
    /// A test server has made as many stores as it makes.
    #[error("this test server has made {made} stores, it makes no more")]
    TooManyTestStores {
        /// How many.
        made: u64,
    },
}

impl TargetError {
    /// The stable code of this error.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Several => "DH-A020",
            Self::None => "DH-A021",
            Self::TooManyTestStores { .. } => "DH-A022",
        }
    }

    /// What to do about it.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Several => "set `store` to a name or id, or give the key a `default_store`",
            Self::None => "create one (`dhow store create NAME`)",
            Self::TooManyTestStores { .. } => "start another one",
        }
    }
}

/// Where a request is answered: one store, one revision, one time, one schema version.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The revision, its state and the request's time.
    pub(crate) point: ReadPoint,
    /// The schema version that decides; `None` where the store has none yet and none is needed.
    pub(crate) schema: Option<Arc<SchemaVersion>>,
    /// Until when.
    pub(crate) deadline: Deadline,
}

/// What pages of a list are bound to, apart from what the store is.
pub(super) struct Paged<'a> {
    /// The cursor that the request carries; empty: none.
    pub(super) cursor: &'a str,
    /// The hash of the request without page size and cursor.
    pub(super) request: RequestHash,
}

impl Session {
    /// The head of an answer, which is asked for last: the process may have been stopped since its state was taken.
    ///
    /// # Errors
    /// When what was taken is older than may be answered by now.
    pub(crate) fn answered_at(&self) -> Result<v1::AnsweredAt, ReadError> {
        Ok(head_of(&self.point, self.schema_version(), self.point.vintage.servable()?))
    }

    /// The number of the schema version that decides; 0: none.
    pub(crate) fn schema_version(&self) -> u64 {
        self.schema.as_ref().map_or(0, |schema| schema.version())
    }

    /// What the pages after this one are bound to.
    pub(super) fn cursor(&self, request: RequestHash) -> Cursor {
        Cursor { at: self.point.token, schema_version: self.schema_version(), request, time: self.point.time, last_key: Vec::new() }
    }
}

/// The head of an answer that was read at a point, however old that is: for whoever has written.
pub(super) fn answered_at(point: &ReadPoint, schema_version: u64) -> v1::AnsweredAt {
    head_of(point, schema_version, point.vintage.age())
}

fn head_of(point: &ReadPoint, schema_version: u64, Age { age, degraded }: Age) -> v1::AnsweredAt {
    v1::AnsweredAt {
        token: point.token.to_string(),
        revision: point.token.revision,
        age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        degraded,
        schema_version,
        token_note: point.note.clone().unwrap_or_default(),
    }
}

/// The consistency that a request asks for.
///
/// # Errors
/// When its token is none.
pub(super) fn consistency(consistency: Option<v1::Consistency>) -> Result<Consistency, ApiError> {
    Ok(match consistency.and_then(|consistency| consistency.requirement) {
        None | Some(Requirement::MinimizeLatency(_)) => Consistency::MinimizeLatency,
        Some(Requirement::AtLeastAsFresh(token)) => Consistency::AtLeastAsFresh(token.parse()?),
        Some(Requirement::AtExactSnapshot(token)) => Consistency::AtExactSnapshot(token.parse()?),
        Some(Requirement::FullyConsistent(_)) => Consistency::FullyConsistent,
    })
}

impl Api {
    /// The store that a request means: the one it names, the caller's default, or the only one there is.
    ///
    /// # Errors
    /// When it is not clear which, when there is no such store, or when the caller may not use it; the last does not tell whether there
    /// is such a store.
    pub(crate) async fn store(&self, identity: &Identity, named: &str) -> Result<StoreInfo, ApiError> {
        let wanted = match (named, &identity.default_store, &identity.scope) {
            ("", Some(default), _) => default.as_str(),
            ("", None, Scope::Only(stores)) if stores.len() == 1 => stores.first().map_or("", String::as_str),
            ("", None, Scope::Only(_) | Scope::All) => return self.only_store(identity).await,
            (named, _, _) => named,
        };
        self.prepare_test_store(identity, wanted).await?;
        let forbidden = || Forbidden::Store { identity: Arc::clone(&identity.name), store: wanted.to_owned() };
        let info = match self.node.resolve(wanted).await {
            Ok(info) => info,
            Err(error) => {
                let open = identity.scope.opens(wanted, wanted);
                return Err(if open { error.into() } else { forbidden().into() });
            }
        };
        if !identity.scope.opens(&info.id.to_string(), &info.name) {
            return Err(forbidden().into());
        }
        tracing::Span::current().record("store", info.name.as_str());
        Ok(info)
    }

    async fn only_store(&self, identity: &Identity) -> Result<StoreInfo, ApiError> {
        let mut open = self.visible_stores(identity, 2);
        if open.is_empty() {
            // Another server may have made it.
            self.node.refresh_stores().await?;
            open = self.visible_stores(identity, 2);
        }
        match (open.pop(), open.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(TargetError::Several.into()),
            (None, _) => Err(TargetError::None.into()),
        }
    }

    /// The stores that a caller may know of, in order of their names, at most `limit`.
    pub(super) fn visible_stores(&self, identity: &Identity, limit: usize) -> Vec<StoreInfo> {
        self.node.stores(limit, |info| identity.scope.opens(&info.id.to_string(), &info.name))
    }

    /// Where a request is answered that names no schema version or this one (0: the one in force).
    ///
    /// # Errors
    /// When there is no such store, revision or schema version.
    pub(crate) async fn session(
        &self,
        caller: &Caller,
        store: &str,
        wanted: Option<v1::Consistency>,
        schema_version: u64,
    ) -> Result<Session, ApiError> {
        let wanted = consistency(wanted)?;
        let info = self.store(&caller.identity, store).await?;
        let point = self.node.read_at(info.id, &wanted, Some(caller.deadline.left())).await?;
        with_schema(point, schema_version, caller.deadline.clone())
    }

    /// Where a page of a list is answered: where the page before was, if there is a cursor.
    ///
    /// # Errors
    /// As [`Api::session`], and when the cursor is of another request, store or history, or too old.
    pub(super) async fn paged_session(
        &self,
        caller: &Caller,
        store: &str,
        wanted: Option<v1::Consistency>,
        schema_version: u64,
        paged: Paged<'_>,
    ) -> Result<(Session, Option<Cursor>), ApiError> {
        if paged.cursor.is_empty() {
            return Ok((self.session(caller, store, wanted, schema_version).await?, None));
        }
        let info = self.store(&caller.identity, store).await?;
        let cursor = Cursor::parse(paged.cursor, info.id, paged.request)?;
        let exactly = Consistency::AtExactSnapshot(cursor.at);
        let mut point = self.node.read_at(info.id, &exactly, Some(caller.deadline.left())).await?;
        point.time = cursor.time;
        Ok((with_schema(point, cursor.schema_version, caller.deadline.clone())?, Some(cursor)))
    }
}

fn with_schema(point: ReadPoint, version: u64, deadline: Deadline) -> Result<Session, ApiError> {
    let schema = match point.state.schema((version != 0).then_some(version)) {
        Ok(schema) => Some(Arc::clone(schema)),
        Err(SchemaLookupError::NoSchema) if version == 0 => None,
        Err(error @ (SchemaLookupError::NoSchema | SchemaLookupError::Unknown { .. })) => return Err(error.into()),
    };
    Ok(Session { point, schema, deadline })
}

/// Refuses two ways of saying the same thing.
pub(super) fn conflict(field: &'static str, other: &'static str) -> RequestError {
    RequestError::new(field, super::request::FieldProblem::Conflict { other })
}
