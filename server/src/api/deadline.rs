//! How long a request may take: what its `grpc-timeout` says, within the server's bounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tonic::metadata::MetadataMap;

use crate::clock::Clock;
use crate::limits::Limits;

/// The moment at which a request ends, whatever it has reached. Cheap to clone; the clones end together.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    clock: Arc<dyn Clock>,
    /// On the monotonic clock.
    at: Duration,
    /// The whole time, for messages.
    allowed: Duration,
    /// Set when nobody waits for the answer any more.
    abandoned: Arc<AtomicBool>,
}

impl Deadline {
    /// So long from now.
    pub(crate) fn after(clock: &Arc<dyn Clock>, time: Duration) -> Self {
        let at = clock.monotonic().saturating_add(time);
        Self { clock: Arc::clone(clock), at, allowed: time, abandoned: Arc::new(AtomicBool::new(false)) }
    }

    /// The deadline of a request with this metadata: what it names, cut to the server's maximum, or the server's default.
    pub(crate) fn of_request(clock: &Arc<dyn Clock>, metadata: &MetadataMap, limits: &Limits) -> Self {
        let named = metadata.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(parse_timeout);
        Self::after(clock, named.map_or(limits.deadline_default, |time| time.min(limits.deadline_max)))
    }

    /// How long there is left; zero once it has passed.
    pub(crate) fn left(&self) -> Duration {
        self.at.saturating_sub(self.clock.monotonic())
    }

    /// How long there was in all.
    pub(crate) const fn allowed(&self) -> Duration {
        self.allowed
    }

    /// Whether there is no use in going on.
    pub(crate) fn passed(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) || self.left().is_zero()
    }

    /// A guard that ends the request's work when it is dropped before [`Answering::done`].
    pub(crate) fn while_awaited(&self) -> Answering {
        Answering { abandoned: Some(Arc::clone(&self.abandoned)) }
    }
}

/// Lives as long as somebody waits for the answer.
#[derive(Debug)]
pub(crate) struct Answering {
    abandoned: Option<Arc<AtomicBool>>,
}

impl Answering {
    /// The answer was given.
    pub(crate) fn done(mut self) {
        self.abandoned = None;
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if let Some(abandoned) = &self.abandoned {
            abandoned.store(true, Ordering::Relaxed);
        }
    }
}

/// The value of a `grpc-timeout` header: at most eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn deadline(timeout: Option<&str>) -> (ManualClock, Deadline) {
        let manual = ManualClock::at("2030-01-01T00:00:00Z".parse().unwrap());
        let clock: Arc<dyn Clock> = Arc::new(manual.clone());
        let mut metadata = MetadataMap::new();
        if let Some(timeout) = timeout {
            metadata.insert("grpc-timeout", timeout.parse().unwrap());
        }
        (manual, Deadline::of_request(&clock, &metadata, &Limits::default()))
    }

    #[test]
    fn a_named_deadline_holds_within_the_servers_bounds() {
        let limits = Limits::default();
        for (timeout, expected) in [
            (None, limits.deadline_default),
            (Some("250m"), Duration::from_millis(250)),
            (Some("2S"), Duration::from_secs(2)),
            (Some("7u"), Duration::from_micros(7)),
            (Some("99999999n"), Duration::from_nanos(99_999_999)),
            (Some("1H"), limits.deadline_max),
            (Some("99999999M"), limits.deadline_max),
            (Some("123456789S"), limits.deadline_default),
            (Some("S"), limits.deadline_default),
            (Some("-1S"), limits.deadline_default),
        ] {
            assert_eq!(deadline(timeout).1.left(), expected, "{timeout:?}");
        }
    }

    #[test]
    fn it_passes_with_time_and_when_nobody_waits() {
        let (clock, deadline) = deadline(Some("250m"));
        clock.pass(Duration::from_millis(249));
        assert!(!deadline.passed());
        clock.pass(Duration::from_millis(1));
        assert!(deadline.passed());

        let (_, deadline) = self::deadline(None);
        deadline.while_awaited().done();
        assert!(!deadline.passed());
        drop(deadline.while_awaited());
        assert!(deadline.passed());
    }
}
