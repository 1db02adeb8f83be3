//! Work that takes long runs away from the network threads: lists, expansions, large batches.

use super::Api;
use super::deadline::Deadline;
use crate::errors::ApiError;

/// Why a heavy request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeavyError {
    /// The deadline passed while others were at work.
    #[error("the deadline passed before there was room to evaluate the request")]
    NoRoom,
    /// The work ended without a result, which only a defect of dhow does.
    #[error("the evaluation ended without a result")]
    Lost,
}

impl HeavyError {
    /// The stable code of this error.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NoRoom => "DH-A031",
            Self::Lost => "DH-A050",
        }
    }

    /// What to do about it.
    pub(crate) const fn help(self) -> &'static str {
        match self {
            Self::NoRoom => "try again later, or allow more time",
            Self::Lost => "report this with the server's log",
        }
    }
}

impl Api {
    /// Runs `work` on a thread of its own, when there is room, until the deadline. When the caller goes away the deadline passes.
    ///
    /// # Errors
    /// [`HeavyError`], and whatever the work ends with.
    pub(crate) async fn heavy<T, F>(&self, deadline: &Deadline, work: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, ApiError> + Send + 'static,
    {
        let answering = deadline.while_awaited();
        let room = tokio::time::timeout(deadline.left(), std::sync::Arc::clone(&self.heavy).acquire_owned());
        let Ok(Ok(room)) = room.await else { return Err(HeavyError::NoRoom.into()) };
        let span = tracing::Span::current();
        let task = tokio::task::spawn_blocking(move || {
            let _room = room;
            let _entered = span.enter();
            work()
        });
        let result = task.await.map_err(|_| HeavyError::Lost)?;
        answering.done();
        result
    }
}
