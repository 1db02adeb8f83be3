//! One read for everybody who waits for it.
//!
//! A request that must be fully consistent needs a read of the head that *began after it arrived*; all that arrived before a read began
//! can share it. So however many requests there are, at most one read is under way, and nobody waits for more than two.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

/// A read that many share.
#[derive(Debug)]
pub(super) struct SharedRead<T> {
    /// The ticket of the next request that arrives.
    tickets: AtomicU64,
    /// Guards the read under way and holds the last outcome, which serves every ticket below its number.
    last: Mutex<Option<(u64, T)>>,
}

impl<T: Clone> SharedRead<T> {
    pub(super) fn new() -> Self {
        Self { tickets: AtomicU64::new(0), last: Mutex::new(None) }
    }

    /// The outcome of a read that began after this call. `read` is called where no other read serves.
    pub(super) async fn read<F: Future<Output = T>>(&self, read: impl FnOnce() -> F) -> T {
        let ticket = self.tickets.fetch_add(1, Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let Some((served, outcome)) = &*last
            && ticket < *served
        {
            return outcome.clone();
        }
        let served = self.tickets.load(Ordering::SeqCst);
        let outcome = read().await;
        *last = Some((served, outcome.clone()));
        outcome
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn who_arrives_during_a_read_shares_the_next_one() {
        let shared = Arc::new(SharedRead::new());
        let (begun, gate) = (Arc::new(AtomicU64::new(0)), Arc::new(Semaphore::new(0)));
        let ask = || {
            let (shared, begun, gate) = (Arc::clone(&shared), Arc::clone(&begun), Arc::clone(&gate));
            tokio::spawn(async move {
                let read = || async {
                    let number = begun.fetch_add(1, Ordering::SeqCst) + 1;
                    gate.acquire().await.unwrap().forget();
                    number
                };
                shared.read(read).await
            })
        };
        let first = ask();
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let rest: Vec<_> = (0..50).map(|_| ask()).collect();
        while shared.tickets.load(Ordering::SeqCst) < 51 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(2);
        assert_eq!(first.await.unwrap(), 1);
        for one in rest {
            assert_eq!(one.await.unwrap(), 2);
        }
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_read_that_is_given_up_serves_nobody() {
        let shared = SharedRead::new();
        let never = tokio::time::timeout(std::time::Duration::from_millis(1), shared.read(std::future::pending::<u64>)).await;
        assert!(never.is_err());
        assert_eq!(shared.read(|| async { 7 }).await, 7);
    }
}
