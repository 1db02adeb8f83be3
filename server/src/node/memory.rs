//! A node whose stores live in memory alone: stands in until the database does, so that services and clients run end to end.
#![allow(
    clippy::all,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "goes when the database node comes"
)]
use super::token::Token;
use crate::clock::Clock;
use crate::store::*;
use dhow_engine::entry::*;
use dhow_engine::state::State;
use dhow_engine::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Debug)]
pub(crate) struct Node {
    clock: Arc<dyn Clock>,
    stores: Mutex<BTreeMap<String, One>>,
    wake: tokio::sync::watch::Sender<u64>,
}
#[derive(Debug, Clone)]
struct One {
    info: StoreInfo,
    states: Vec<State>,
    entries: Vec<Arc<Entry>>,
    offset: i64,
}
#[derive(Debug, Clone)]
pub(crate) struct ReadPoint {
    pub(crate) store: StoreId,
    pub(crate) state: State,
    pub(crate) token: Token,
    pub(crate) age: Duration,
    pub(crate) degraded: bool,
    pub(crate) time: Timestamp,
    pub(crate) note: Option<String>,
}
#[derive(Debug, Clone)]
pub(crate) enum Consistency {
    MinimizeLatency,
    AtLeastAsFresh(Token),
    AtExactSnapshot(Token),
    FullyConsistent,
}
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("there is no store `{0}`")]
    NoStore(String),
    #[error("the token is of another store or history")]
    Foreign,
    #[error("the token is newer than the newest revision")]
    TooNew,
}
#[derive(Debug, Clone)]
pub(crate) struct WriteOutcome {
    pub(crate) token: Token,
    pub(crate) revision: u64,
    pub(crate) created: u32,
    pub(crate) replaced: u32,
    pub(crate) deleted: u32,
    pub(crate) repeated: bool,
    pub(crate) request_id: String,
}
#[derive(Debug, Clone)]
pub(crate) struct SchemaCommand {
    pub(crate) source: SchemaSource,
    pub(crate) expected_version: Option<u64>,
    pub(crate) allow_orphans: bool,
    pub(crate) actor: String,
    pub(crate) dry_run: bool,
}
#[derive(Debug, Clone)]
pub(crate) struct SchemaOutcome {
    pub(crate) token: Token,
    pub(crate) version: u64,
    pub(crate) unchanged: bool,
}
impl Node {
    pub(crate) fn open(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, stores: Mutex::default(), wake: tokio::sync::watch::channel(0).0 })
    }
    pub(crate) async fn resolve(&self, name: &str) -> Result<StoreInfo, ReadError> {
        let stores = self.stores.lock().unwrap();
        stores
            .values()
            .find(|s| s.info.name == name || s.info.id.to_string() == name)
            .map(|s| s.info.clone())
            .ok_or(ReadError::NoStore(name.to_owned()))
    }
    pub(crate) async fn create_store(&self, name: &str) -> Result<StoreInfo, CreateStoreError> {
        let mut stores = self.stores.lock().unwrap();
        if stores.contains_key(name) {
            return Err(CreateStoreError::NameTaken { name: name.to_owned() });
        }
        let id = StoreId(*uuid::Uuid::new_v4().as_bytes());
        let info = StoreInfo { id, name: name.to_owned(), created_at: self.clock.now() };
        stores.insert(name.to_owned(), One { info: info.clone(), states: vec![State::genesis(id)], entries: vec![], offset: 0 });
        Ok(info)
    }
    pub(crate) async fn list_stores(&self) -> Result<Vec<StoreInfo>, DatastoreError> {
        Ok(self.stores.lock().unwrap().values().map(|s| s.info.clone()).collect())
    }
    pub(crate) async fn delete_store(&self, store: StoreId) -> Result<(), DatastoreError> {
        self.stores.lock().unwrap().retain(|_, s| s.info.id != store);
        Ok(())
    }
    fn with<T>(&self, store: StoreId, f: impl FnOnce(&mut One) -> T) -> Result<T, ReadError> {
        let mut stores = self.stores.lock().unwrap();
        let one = stores.values_mut().find(|s| s.info.id == store).ok_or(ReadError::NoStore(store.to_string()))?;
        Ok(f(one))
    }
    fn time(&self, one: &One) -> Timestamp {
        self.clock.now().plus_microseconds(one.offset)
    }
    pub(crate) async fn read_at(
        &self,
        store: StoreId,
        consistency: &Consistency,
        _deadline: Option<Duration>,
    ) -> Result<ReadPoint, ReadError> {
        self.with(store, |one| {
            let head = one.states.last().unwrap();
            let at = match consistency {
                Consistency::AtExactSnapshot(t) | Consistency::AtLeastAsFresh(t) if t.store != store => return Err(ReadError::Foreign),
                Consistency::AtExactSnapshot(t) | Consistency::AtLeastAsFresh(t) if t.revision > head.position().revision => {
                    return Err(ReadError::TooNew);
                }
                Consistency::AtExactSnapshot(t) => &one.states[t.revision as usize],
                _ => head,
            };
            let p = at.position();
            Ok(ReadPoint {
                store,
                state: at.clone(),
                token: Token::new(store, p.revision, &p.chain),
                age: Duration::ZERO,
                degraded: false,
                time: self.time(one).max(p.time),
                note: None,
            })
        })?
    }
    pub(crate) async fn write(&self, store: StoreId, command: WriteCommand) -> Result<WriteOutcome, WriteError> {
        command.check()?;
        let result = self.with(store, |one| {
            let head = one.states.last().unwrap().clone();
            let schema = head.latest_schema().ok_or(WriteError::NoSchema)?.clone();
            let schema = schema.schema().unwrap();
            let mut changes = BTreeMap::new();
            let (mut created, mut replaced, mut deleted) = (0, 0, 0);
            for (index, change) in command.changes.iter().enumerate() {
                let before = head.get(change.key()).map(|t| (**t).clone());
                let after = match change {
                    ChangeRequest::Create(t) | ChangeRequest::Touch(t) => {
                        Some(dhow_engine::validate::admit(schema, t).map_err(|e| WriteError::Invalid {
                            index,
                            key: Box::new(t.key.clone()),
                            source: Box::new(e),
                        })?)
                    }
                    ChangeRequest::Delete(_) => None,
                };
                if matches!(change, ChangeRequest::Create(_)) && before.is_some() {
                    return Err(WriteError::Exists { index, key: Box::new(change.key().clone()) });
                }
                match (&before, &after) {
                    (None, Some(_)) => created += 1,
                    (Some(_), Some(_)) => replaced += 1,
                    (Some(_), None) => deleted += 1,
                    _ => {}
                }
                if let Some(c) = Change::new(before, after) {
                    changes.insert(change.key().clone(), c);
                }
            }
            let mut state = head.clone();
            if !changes.is_empty() && !command.dry_run {
                let entry = head
                    .next_entry(self.time(one), &command.actor, &command.request_id, Body::Changes(changes.into_values().collect()))
                    .unwrap();
                state = head.apply(&entry).unwrap();
                one.states.push(state.clone());
                one.entries.push(Arc::new(entry));
            }
            let p = state.position();
            Ok(WriteOutcome {
                token: Token::new(store, p.revision, &p.chain),
                revision: p.revision,
                created,
                replaced,
                deleted,
                repeated: false,
                request_id: command.request_id.clone(),
            })
        });
        self.wake.send_modify(|n| *n += 1);
        result.unwrap()
    }
    pub(crate) async fn write_schema(&self, store: StoreId, command: SchemaCommand) -> Result<SchemaOutcome, WriteError> {
        self.with(store, |one| {
            let head = one.states.last().unwrap().clone();
            let version = head.schemas().count() as u64 + 1;
            let entry = head
                .next_entry(self.time(one), &command.actor, "", Body::Schema(SchemaText { version, source: command.source.clone() }))
                .unwrap();
            let state = head.apply(&entry).unwrap();
            let p = *state.position();
            one.states.push(state);
            one.entries.push(Arc::new(entry));
            Ok(SchemaOutcome { token: Token::new(store, p.revision, &p.chain), version, unchanged: false })
        })
        .map(|x| {
            self.wake.send_modify(|n| *n += 1);
            x
        })
        .unwrap()
    }
    pub(crate) async fn advance_clock(&self, store: StoreId, by: Duration) -> Result<Timestamp, ReadError> {
        self.with(store, |one| {
            one.offset += by.as_micros() as i64;
            self.time(one)
        })
    }
}

/// One entry that a watcher gets.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    pub(crate) entry: Arc<Entry>,
    pub(crate) token: Token,
}
impl Node {
    /// The entries after a position, as they come.
    pub(crate) async fn watch(
        self: &Arc<Self>,
        store: StoreId,
        after: Token,
    ) -> Result<impl futures_util::Stream<Item = Result<Watched, ReadError>> + Send + 'static, ReadError> {
        let consistency = Consistency::AtExactSnapshot(after);
        self.read_at(store, &consistency, None).await?;
        let node = Arc::clone(self);
        let wake = self.wake.subscribe();
        Ok(futures_util::stream::try_unfold((node, wake, after.revision), move |(node, mut wake, seen)| async move {
            loop {
                let next = node.with(store, |one| {
                    let at = seen as usize;
                    one.entries.get(at).map(|entry| {
                        let position = one.states[at + 1].position();
                        Watched { entry: Arc::clone(entry), token: Token::new(store, position.revision, &position.chain) }
                    })
                })?;
                match next {
                    Some(watched) => return Ok(Some((watched, (node, wake, seen + 1)))),
                    None => {
                        if wake.changed().await.is_err() {
                            return Ok(None);
                        }
                    }
                }
            }
        }))
    }
}
