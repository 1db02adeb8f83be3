//! The one place that reads clocks.
//!
//! A [`Clock`] tells the wall's time and the time since some fixed moment. A [`SteadyClock`] makes node time of both: it follows the
//! wall clock while the two agree to within `max_clock_skew`, and goes on by the monotonic clock when the wall clock has jumped, so
//! that one fast clock does not end every expiring tuple for good (docs/decisions/0006).

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dhow_engine::time::Timestamp;

/// Tells the time.
pub(crate) trait Clock: Send + Sync + Debug {
    /// The wall's time.
    fn now(&self) -> Timestamp;
    /// The time since a moment that stays fixed while the process runs; it never goes back and counts time asleep where the system
    /// can tell.
    fn monotonic(&self) -> Duration;
}

/// The system's clocks.
#[derive(Debug)]
pub(crate) struct SystemClock {
    #[cfg(not(target_os = "linux"))]
    started: std::time::Instant,
}

impl SystemClock {
    /// Reads the system's clocks from here on.
    #[cfg_attr(not(target_os = "linux"), expect(clippy::disallowed_methods, reason = "this is the one home of clocks"))]
    pub(crate) fn new() -> Self {
        Self {
            #[cfg(not(target_os = "linux"))]
            started: std::time::Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one home of clocks")]
    fn now(&self) -> Timestamp {
        let microseconds = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => microseconds(since),
            Err(before) => -microseconds(before.duration()),
        };
        Timestamp::from_microseconds(microseconds)
    }

    #[cfg(target_os = "linux")]
    fn monotonic(&self) -> Duration {
        // Not CLOCK_MONOTONIC, which stands still while the machine sleeps: waking up must not look like a jump of the wall clock.
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    #[cfg(not(target_os = "linux"))]
    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Whole microseconds of a duration; the largest number where they do not fit.
pub(crate) fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// How often the anchor of a [`SteadyClock`] follows the wall clock: a clock that creeps may move by the skew in this time.
const ANCHOR_LIFETIME: Duration = Duration::from_secs(600);

/// Node time: the wall clock where it can be believed, the monotonic clock where not.
#[derive(Debug, Clone)]
pub(crate) struct SteadyClock {
    clock: Arc<dyn Clock>,
    max_skew: Duration,
    /// Guards the pair of readings that belong together.
    anchor: Arc<Mutex<Anchor>>,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    wall: Timestamp,
    monotonic: Duration,
}

/// One reading of a [`SteadyClock`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Node time.
    pub(crate) now: Timestamp,
    /// How far the wall clock has jumped ahead of the monotonic one, in microseconds, if that is further than the skew allows.
    pub(crate) jumped_ahead_us: Option<i64>,
}

impl SteadyClock {
    /// Believes the wall clock as it is now, and from here on only within `max_skew` of the monotonic clock.
    pub(crate) fn new(clock: Arc<dyn Clock>, max_skew: Duration) -> Self {
        let anchor = Anchor { wall: clock.now(), monotonic: clock.monotonic() };
        Self { clock, max_skew, anchor: Arc::new(Mutex::new(anchor)) }
    }

    /// Node time, and whether the wall clock has jumped.
    pub(crate) fn read(&self) -> Reading {
        let (wall, monotonic) = (self.clock.now(), self.clock.monotonic());
        let mut anchor = self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = monotonic.saturating_sub(anchor.monotonic);
        let carried = anchor.wall.plus_microseconds(microseconds(elapsed));
        let skew = wall.microseconds().saturating_sub(carried.microseconds());
        let bound = microseconds(self.max_skew);
        if skew.saturating_abs() <= bound {
            if elapsed >= ANCHOR_LIFETIME {
                *anchor = Anchor { wall, monotonic };
            }
            return Reading { now: wall, jumped_ahead_us: None };
        }
        Reading { now: carried, jumped_ahead_us: (skew > bound).then_some(skew) }
    }

    /// Node time.
    pub(crate) fn now(&self) -> Timestamp {
        self.read().now
    }

    /// The monotonic clock, for ages and waits.
    pub(crate) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

/// A clock that stands until a test moves it.
#[cfg(test)]
#[derive(Debug, Clone)]
pub(crate) struct ManualClock(Arc<Mutex<Anchor>>);

#[cfg(test)]
impl ManualClock {
    /// A clock that stands at `wall`.
    pub(crate) fn at(wall: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Anchor { wall, monotonic: Duration::ZERO })))
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, by: Duration) {
        let mut anchor = self.0.lock().unwrap();
        anchor.wall = anchor.wall.plus_microseconds(microseconds(by));
        anchor.monotonic += by;
    }

    /// Moves the wall clock alone, as a wrong time server would.
    pub(crate) fn jump_microseconds(&self, by: i64) {
        let mut anchor = self.0.lock().unwrap();
        anchor.wall = anchor.wall.plus_microseconds(by);
    }
}

#[cfg(test)]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().wall
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().unwrap().monotonic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: i64 = 1_000_000;

    fn at_noon(max_skew_s: u64) -> (ManualClock, SteadyClock, Timestamp) {
        let noon: Timestamp = "2030-01-01T12:00:00Z".parse().unwrap();
        let manual = ManualClock::at(noon);
        (manual.clone(), SteadyClock::new(Arc::new(manual), Duration::from_secs(max_skew_s)), noon)
    }

    #[test]
    fn small_steps_of_the_wall_clock_are_followed() {
        let (manual, steady, noon) = at_noon(30);
        manual.jump_microseconds(20 * SECOND_US);
        assert_eq!(steady.read(), Reading { now: noon.plus_microseconds(20 * SECOND_US), jumped_ahead_us: None });
        manual.jump_microseconds(-40 * SECOND_US);
        assert_eq!(steady.read(), Reading { now: noon.plus_microseconds(-20 * SECOND_US), jumped_ahead_us: None });
    }

    #[test]
    fn a_jump_ahead_is_told_and_not_followed() {
        let (manual, steady, noon) = at_noon(30);
        manual.pass(Duration::from_secs(5));
        manual.jump_microseconds(3_600 * SECOND_US);
        let expected = Reading { now: noon.plus_microseconds(5 * SECOND_US), jumped_ahead_us: Some(3_600 * SECOND_US) };
        assert_eq!(steady.read(), expected);
        manual.pass(Duration::from_secs(7_200));
        assert_eq!(steady.read().now, noon.plus_microseconds(7_205 * SECOND_US));
        assert_eq!(steady.read().jumped_ahead_us, Some(3_600 * SECOND_US));
        manual.jump_microseconds(-3_600 * SECOND_US);
        assert_eq!(steady.read().jumped_ahead_us, None);
    }

    #[test]
    fn a_jump_back_never_turns_node_time_back() {
        let (manual, steady, noon) = at_noon(30);
        manual.jump_microseconds(-3_600 * SECOND_US);
        assert_eq!(steady.read(), Reading { now: noon, jumped_ahead_us: None });
    }

    #[test]
    fn passing_time_is_no_jump_however_long() {
        let (manual, steady, noon) = at_noon(30);
        manual.pass(Duration::from_secs(86_400 * 365));
        assert_eq!(steady.read(), Reading { now: noon.plus_microseconds(86_400 * 365 * SECOND_US), jumped_ahead_us: None });
    }

    #[test]
    fn the_anchor_follows_a_slow_drift() {
        let (manual, steady, _) = at_noon(30);
        for _ in 0..10 {
            manual.pass(ANCHOR_LIFETIME);
            manual.jump_microseconds(20 * SECOND_US);
            assert_eq!(steady.read().jumped_ahead_us, None);
        }
    }
}
