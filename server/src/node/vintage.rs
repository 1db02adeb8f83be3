//! How old what is read is, at the moment that somebody asks.

use std::time::Duration;

use super::{Bounds, ReadError};
use crate::clock::SteadyClock;

/// See the module.
///
/// It is asked when an answer is put together, not when its state was taken: a process may have been stopped in between for as long as
/// somebody liked. The clock counts time asleep, so whoever wakes finds out.
#[derive(Debug, Clone)]
pub(crate) struct Vintage {
    /// When nothing newer was known to exist, on the monotonic clock; `None`: nobody else can write, so this is the head at any moment.
    pub(super) since: Option<Duration>,
    /// Whether it is read although its store was set aside.
    pub(super) set_aside: bool,
    pub(super) bounds: Bounds,
    pub(super) clock: SteadyClock,
}

/// An age, and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Age {
    /// How long ago this node last knew that nothing newer existed.
    pub(crate) age: Duration,
    /// Whether that is longer than it should be: the node has lost touch with the truth.
    pub(crate) degraded: bool,
}

impl Vintage {
    /// The age now.
    pub(crate) fn age(&self) -> Age {
        let age = self.since.map_or(Duration::ZERO, |since| self.clock.monotonic().saturating_sub(since));
        Age { age, degraded: self.set_aside || age > self.bounds.max_staleness }
    }

    /// The age now, of what may be answered at that age.
    ///
    /// # Errors
    /// [`ReadError::TooStale`].
    pub(crate) fn servable(&self) -> Result<Age, ReadError> {
        let (now, max) = (self.age(), self.bounds.stale_serve_max);
        if now.age > max { Err(ReadError::TooStale { age: now.age, max }) } else { Ok(now) }
    }

    /// Never old.
    #[cfg(test)]
    pub(crate) fn of_tests(clock: SteadyClock) -> Self {
        let bounds = Bounds { follow_interval: Duration::ZERO, max_staleness: Duration::ZERO, stale_serve_max: Duration::ZERO };
        Self { since: None, set_aside: false, bounds, clock }
    }
}
