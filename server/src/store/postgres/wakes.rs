//! Notifications between the servers of a database: who has written says so, and the others look at the heads sooner.
//!
//! **Invariant:** nothing rests on them. They are sent behind a commit and never within it, because Postgres commits transactions that
//! notify one after the other; however many writes wait to be told of, one notification tells. A lost one costs the pause until the
//! next look.

use std::sync::{Arc, Mutex as PlainMutex, PoisonError};
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use super::connect::Place;

/// Least time between two notifications of one server.
const SAID_APART: Duration = Duration::from_millis(5);

/// Pause before a lost connection is opened again.
const AGAIN: Duration = Duration::from_secs(1);

/// Silence after which a connection is asked whether it still leads anywhere.
const SILENCE: Duration = Duration::from_secs(30);

/// The channel of the tables that a session sees: other schemas of the database are other deployments.
const SELECT_CHANNEL: &str = "SELECT 'dhow_' || md5(current_schema())";

const NOTIFY: &str = "SELECT pg_notify('dhow_' || md5(current_schema()), $1)";

/// Both directions of one server.
#[derive(Debug)]
pub(super) struct Wakes {
    place: Place,
    /// Tells notifications of this server from those of others.
    server: String,
    heard: Arc<Notify>,
    written: Arc<Notify>,
    /// Guards the tasks, which are started when they are first needed.
    tasks: PlainMutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    listening: Option<AbortHandle>,
    speaking: Option<AbortHandle>,
    closed: bool,
}

impl Wakes {
    pub(super) fn new(place: Place) -> Self {
        let server = uuid::Uuid::new_v4().simple().to_string();
        Self { place, server, heard: Arc::default(), written: Arc::default(), tasks: PlainMutex::default() }
    }

    /// What is woken when another server has written.
    pub(super) fn heard(&self) -> Arc<Notify> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.listening.is_none() && !tasks.closed {
            let task = listen(self.place.clone(), self.server.clone(), Arc::clone(&self.heard));
            tasks.listening = Some(tokio::spawn(task).abort_handle());
        }
        Arc::clone(&self.heard)
    }

    /// Tells the others, soon, that something was committed here.
    pub(super) fn say(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if tasks.speaking.is_none() && !tasks.closed {
            let task = speak(self.place.clone(), self.server.clone(), Arc::clone(&self.written));
            tasks.speaking = Some(tokio::spawn(task).abort_handle());
        }
        drop(tasks);
        self.written.notify_one();
    }

    /// Ends both; connections close with them.
    pub(super) fn close(&self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.closed = true;
        for task in [tasks.listening.take(), tasks.speaking.take()].into_iter().flatten() {
            task.abort();
        }
    }
}

impl Drop for Wakes {
    fn drop(&mut self) {
        self.close();
    }
}

async fn listen(place: Place, server: String, heard: Arc<Notify>) {
    loop {
        if let Err(error) = listen_once(&place, &server, &heard).await {
            tracing::debug!(%error, "nothing is heard of other servers' writes; they are found by looking");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn listen_once(place: &Place, server: &str, heard: &Notify) -> Result<(), sqlx::Error> {
    let one = PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).acquire_timeout(place.timing.connect);
    let mut listener = PgListener::connect_with(&one.connect_lazy_with(place.options())).await?;
    listener.eager_reconnect(false);
    let channel: String = sqlx::query_scalar(SELECT_CHANNEL).fetch_one(&mut listener).await?;
    listener.listen(&channel).await?;
    // What was said before is not heard.
    heard.notify_one();
    loop {
        match tokio::time::timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(notification))) if notification.payload() == server => {}
            Ok(Ok(Some(_))) => heard.notify_one(),
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                let asked = tokio::time::timeout(place.timing.connect, sqlx::query("SELECT 1").execute(&mut listener));
                asked.await.unwrap_or_else(|_| Err(super::retry::timed_out()))?;
            }
        }
    }
}

async fn speak(place: Place, server: String, written: Arc<Notify>) {
    let mut connection = None;
    loop {
        written.notified().await;
        let said = tokio::time::timeout(place.timing.connect, say(&place, &server, &mut connection)).await;
        if !matches!(said, Ok(true)) {
            connection = None;
        }
        tokio::time::sleep(SAID_APART).await;
    }
}

/// Notifies; whether the connection may be used again.
async fn say(place: &Place, server: &str, connection: &mut Option<PgConnection>) -> bool {
    let connection = match connection {
        Some(connection) => connection,
        None => match place.connect().await {
            Ok(opened) => connection.insert(opened),
            Err(error) => {
                tracing::debug!(%error, "other servers are not told of a write; they find it by looking");
                return false;
            }
        },
    };
    sqlx::query(NOTIFY).bind(server).execute(connection).await.is_ok()
}
