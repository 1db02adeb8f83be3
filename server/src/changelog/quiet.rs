//! Log lines about something that goes on: one now and then, with the number of those left out.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;

use crate::clock::Clock;

/// Between two lines about one kind of trouble.
const PAUSE: Duration = Duration::from_secs(10);

/// Lets one line pass in ten seconds.
#[derive(Debug)]
pub(crate) struct Quiet {
    clock: Arc<dyn Clock>,
    /// When a line passed last, and how many have been held back since.
    last: Mutex<(Option<Duration>, u64)>,
}

impl Quiet {
    /// Lets the first line pass.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Mutex::new((None, 0)) }
    }

    /// Whether to write a line now; if so, how many like it were left out since the last one.
    pub(crate) fn passes(&self) -> Option<u64> {
        let now = self.clock.monotonic();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.0.is_some_and(|at| now.saturating_sub(at) < PAUSE) {
            last.1 = last.1.saturating_add(1);
            return None;
        }
        let left_out = last.1;
        *last = (Some(now), 0);
        Some(left_out)
    }
}

/// Where the words of librdkafka go.
#[derive(Debug)]
pub(crate) struct Reporter {
    lines: Quiet,
    /// Why the last connection failed, in librdkafka's words.
    failure: Mutex<Option<String>>,
}

impl Reporter {
    /// Tells this server's log, now and then.
    pub(crate) fn new(clock: &Arc<dyn Clock>) -> Self {
        Self { lines: Quiet::new(Arc::clone(clock)), failure: Mutex::new(None) }
    }

    /// Why the last connection failed: a wrong password, a certificate that nobody vouches for.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Reporter {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        if facility == "FAIL" {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(text.split_once("]: ").map_or(text, |(_, rest)| rest).to_owned());
        }
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => {
                if let Some(left_out) = self.lines.passes() {
                    tracing::warn!(left_out, "Kafka client: {facility} {text}");
                }
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::debug!("Kafka client: {facility} {text}");
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(left_out) = self.lines.passes() {
            tracing::warn!(left_out, %error, "Kafka: {reason}");
        }
    }
}

impl ConsumerContext for Reporter {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn one_line_in_a_while_tells_how_many_were_left_out() {
        let clock = ManualClock::at("2030-01-01T12:00:00Z".parse().unwrap());
        let quiet = Quiet::new(Arc::new(clock.clone()));
        assert_eq!(quiet.passes(), Some(0));
        for _ in 0..1_000 {
            assert_eq!(quiet.passes(), None);
        }
        clock.pass(PAUSE);
        assert_eq!(quiet.passes(), Some(1_000));
        assert_eq!(quiet.passes(), None);
    }
}
