//! Import: many tuples touched as a sequence of revisions. Each revision is atomic, the import is not.
//!
//! A stream is cut into parts by count and bytes, whatever its messages are; a part is a write whose request id is made of the import's
//! id and the part's number. So when the same stream is sent again under the same id, the parts that are in get their first answer.
//! The rest that comes last has its length in its request id, too: a client that goes away in the middle looks like one that is done
//! (the transport reports a cancelled request stream as ended), and what it left must not stand for the full part of the next attempt.

use std::collections::BTreeMap;

use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::Status;
use tonic::codegen::BoxStream;

use super::write::request_id;
use crate::api::request::{FieldProblem, RequestError, no_longer_than};
use crate::api::{Api, Caller, convert};
use crate::errors::ApiError;
use crate::limits::{ENTRY_PART_BYTES, REQUEST_ID_BYTES, WRITE_CHANGES};
use crate::node::token::Token;
use crate::store::{ChangeRequest, StoreInfo, WriteCommand, WriteError};

/// An import under way.
struct Import {
    info: StoreInfo,
    id: String,
    actor: String,
    /// The part that is being filled: by key, so that the last of two tuples with one key counts.
    part: BTreeMap<TupleKey, Tuple>,
    bytes: usize,
    /// Tuples of the part, repeated ones counted.
    pending: u64,
    parts: u64,
    imported: u64,
    token: Option<Token>,
}

impl Api {
    /// Takes in a stream of tuples; answers after each revision.
    pub(super) async fn import<S>(&self, caller: &Caller, mut requests: S) -> Result<BoxStream<v1::ImportResponse>, Status>
    where
        S: Stream<Item = Result<v1::ImportRequest, Status>> + Send + Unpin + 'static,
    {
        let mut first = requests.next().await.transpose()?.unwrap_or_default();
        no_longer_than(&REQUEST_ID_BYTES, "import_id", &first.import_id).map_err(ApiError::from)?;
        let info = self.store(&caller.identity, &first.store).await?;
        let mut import = Import {
            info,
            id: request_id(std::mem::take(&mut first.import_id)),
            actor: caller.identity.name.to_string(),
            part: BTreeMap::new(),
            bytes: 0,
            pending: 0,
            parts: 0,
            imported: 0,
            token: None,
        };
        let (progress, answers) = mpsc::channel(4);
        let api = self.clone();
        tokio::spawn(async move {
            if let Err(status) = api.import_all(&mut import, first.tuples, requests, &progress).await {
                // Nobody listens any more: what is in stays in.
                let _ = progress.send(Err(status)).await;
            }
        });
        Ok(self.until_stopped(ReceiverStream::new(answers)))
    }

    async fn import_all<S>(
        &self,
        import: &mut Import,
        first: Vec<v1::Tuple>,
        mut requests: S,
        progress: &mpsc::Sender<Result<v1::ImportResponse, Status>>,
    ) -> Result<(), Status>
    where
        S: Stream<Item = Result<v1::ImportRequest, Status>> + Send + Unpin,
    {
        let mut tuples = first;
        loop {
            for (i, tuple) in tuples.into_iter().enumerate() {
                let tuple = convert::tuple(tuple).map_err(|error| ApiError::from(error.within(format!("tuples[{i}]"))))?;
                if import.is_full_before(&tuple) {
                    let name = format!("{}/{}", import.id, import.parts);
                    self.write_part(import, name).await?;
                    let answer = self.import_progress(import, false).await?;
                    if progress.send(Ok(answer)).await.is_err() {
                        return Ok(());
                    }
                }
                import.add(tuple);
            }
            let Some(request) = requests.next().await.transpose()? else { break };
            for (field, text) in [("store", &request.store), ("import_id", &request.import_id)] {
                if !text.is_empty() {
                    return Err(ApiError::from(RequestError::new(field, FieldProblem::NotFirst)).into());
                }
            }
            tuples = request.tuples;
        }
        let name = format!("{}/{}-{}", import.id, import.parts, import.pending);
        self.write_part(import, name).await?;
        let answer = self.import_progress(import, true).await?;
        // Nobody listens any more: it is in all the same.
        let _ = progress.send(Ok(answer)).await;
        Ok(())
    }

    async fn import_progress(&self, import: &Import, done: bool) -> Result<v1::ImportResponse, ApiError> {
        let answered_at = match import.token {
            Some(token) => Some(self.written_at(&import.info, token).await?),
            None => None,
        };
        Ok(v1::ImportResponse { answered_at, imported: import.imported, done, import_id: import.id.clone() })
    }

    /// Writes the part that has been filled, under the request id `name`. One that makes too large an entry, because of what was there
    /// before, is cut in two.
    async fn write_part(&self, import: &mut Import, name: String) -> Result<(), ApiError> {
        let part: Vec<Tuple> = std::mem::take(&mut import.part).into_values().collect();
        let mut waiting = vec![(name, part)];
        while let Some((name, mut part)) = waiting.pop() {
            let command = WriteCommand {
                changes: part.iter().cloned().map(ChangeRequest::Touch).collect(),
                preconditions: Vec::new(),
                request_id: name.clone(),
                actor: import.actor.clone(),
                dry_run: false,
            };
            match self.node.write(import.info.id, command, None).await {
                Ok(outcome) => import.token = Some(outcome.token),
                Err(WriteError::TooLarge { .. }) if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    waiting.push((format!("{name}b"), second));
                    waiting.push((format!("{name}a"), part));
                }
                Err(source) => return Err(ApiError::Import { imported: import.imported, source: Box::new(source) }),
            }
        }
        import.parts += 1;
        import.imported = import.imported.saturating_add(import.pending);
        (import.bytes, import.pending) = (0, 0);
        Ok(())
    }
}

impl Import {
    fn is_full_before(&self, tuple: &Tuple) -> bool {
        self.part.len() >= WRITE_CHANGES.count()
            || (!self.part.is_empty() && self.bytes.saturating_add(tuple.canonical_bytes().len()) > ENTRY_PART_BYTES.count())
    }

    fn add(&mut self, tuple: Tuple) {
        self.bytes = self.bytes.saturating_add(tuple.canonical_bytes().len());
        self.pending = self.pending.saturating_add(1);
        self.part.insert(tuple.key.clone(), tuple);
    }
}
