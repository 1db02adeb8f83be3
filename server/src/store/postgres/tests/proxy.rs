//! A proxy between a store and Postgres that cuts the connection at a commit, once.

use std::sync::Mutex as PlainMutex;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::scratch::server_url;
use super::*;

/// Whether anybody waits for the lock of a row of this schema's head table.
pub(super) const BLOCKED: &str = "
    SELECT EXISTS (
        SELECT FROM pg_locks AS waiting JOIN pg_locks AS table_lock USING (pid)
        WHERE NOT waiting.granted AND table_lock.relation = 'head'::REGCLASS)";

/// What happens to the next commit.
pub(super) enum Cut {
    /// It is not delivered.
    BeforeCommit,
    /// It is delivered, its answer is not.
    AfterCommit,
    /// It vanishes, and the connection stays: what a network does that swallows packets.
    Swallow,
    /// The sender is cut off first; it is delivered once somebody waits for the head.
    LateCommit {
        /// Tells whether somebody does.
        blocked: PgConnection,
    },
}

pub(super) struct Proxy {
    /// The scratch's URL, by way of the proxy.
    pub(super) url: DatabaseUrl,
    next: Arc<PlainMutex<Option<Cut>>>,
}

impl Proxy {
    pub(super) async fn start(scratch: &Scratch) -> Self {
        let server = PgConnectOptionsParts::of(&server_url());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = scratch.url.expose().replacen(&server.address, &format!("127.0.0.1:{port}"), 1);
        let next: Arc<PlainMutex<Option<Cut>>> = Arc::default();
        tokio::spawn({
            let next = Arc::clone(&next);
            async move {
                while let Ok((client, _)) = listener.accept().await {
                    let server = TcpStream::connect(&server.address).await.unwrap();
                    tokio::spawn(carry(client, server, Arc::clone(&next)));
                }
            }
        });
        // Without TLS, so that the proxy can read along.
        Self { url: format!("{url}&sslmode=disable").into(), next }
    }

    pub(super) fn cut(&self, cut: Cut) {
        *self.next.lock().unwrap() = Some(cut);
    }
}

/// `HOST:PORT` of a URL.
struct PgConnectOptionsParts {
    address: String,
}

impl PgConnectOptionsParts {
    fn of(url: &str) -> Self {
        let rest = url.split("://").nth(1).unwrap().split(['/', '?']).next().unwrap();
        Self { address: rest.rsplit('@').next().unwrap().to_owned() }
    }
}

async fn carry(client: TcpStream, server: TcpStream, next: Arc<PlainMutex<Option<Cut>>>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut there, mut back) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            Ok(bytes) = from_client.read(&mut there) => {
                let Some(sent) = there.get(..bytes).filter(|sent| !sent.is_empty()) else { return };
                // Not the one of `READ COMMITTED`.
                let commits = sent.windows(7).any(|window| window == b"COMMIT\0");
                let cut = if commits { next.lock().unwrap().take() } else { None };
                match cut {
                    None => to_server.write_all(sent).await.unwrap(),
                    Some(Cut::BeforeCommit) => return,
                    Some(Cut::Swallow) => {
                        // Both sides keep their ends until the sender gives up.
                        while matches!(from_client.read(&mut there).await, Ok(1..)) {}
                        // And nobody tells the server.
                        return std::future::pending().await;
                    }
                    Some(Cut::AfterCommit) => {
                        to_server.write_all(sent).await.unwrap();
                        // The answer is read, so that the commit is over, and dropped.
                        assert!(from_server.read(&mut back).await.unwrap() > 0);
                        return;
                    }
                    Some(Cut::LateCommit { mut blocked }) => {
                        drop((from_client, to_client));
                        while !sqlx::query_scalar::<_, bool>(BLOCKED).fetch_one(&mut blocked).await.unwrap() {
                            tokio::task::yield_now().await;
                        }
                        to_server.write_all(sent).await.unwrap();
                        assert!(from_server.read(&mut back).await.unwrap() > 0);
                        return;
                    }
                }
            }
            Ok(bytes) = from_server.read(&mut back) => {
                let Some(answer) = back.get(..bytes).filter(|answer| !answer.is_empty()) else { return };
                if to_client.write_all(answer).await.is_err() {
                    return;
                }
            }
            else => return,
        }
    }
}
