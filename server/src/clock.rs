//! The one place that reads clocks.
//!
//! A [`Clock`] tells the wall's time and the time since some fixed moment. A [`SteadyClock`] makes node time of both: it follows the
//! wall clock while the two agree to within `max_clock_skew`, and goes on by the monotonic clock when the wall clock has jumped, so
//! that one fast clock does not end every expiring tuple for good (docs/decisions/0006). Where several servers share a database, its
//! clock takes the place of the wall's: one time for all of them (docs/decisions/0012).

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

/// Node time: the wall clock, or the database's, where it can be believed, the monotonic clock where not.
#[derive(Debug, Clone)]
pub(crate) struct SteadyClock {
    clock: Arc<dyn Clock>,
    max_skew: Duration,
    /// Guards readings that belong together.
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Clone, Copy)]
struct Kept {
    anchor: Anchor,
    /// The database's clock as it was last seen, less the monotonic clock, in microseconds; `None`: the wall clock counts.
    database_us: Option<i64>,
    /// How far the wall clock is ahead of the database's, in microseconds, if that is further than the skew allows.
    skew_us: Option<i64>,
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
    /// How far the clock that counts has jumped ahead of the monotonic one, in microseconds, if that is further than the skew allows.
    pub(crate) jumped_ahead_us: Option<i64>,
}

impl SteadyClock {
    /// Believes the wall clock as it is now, and from here on only within `max_skew` of the monotonic clock.
    pub(crate) fn new(clock: Arc<dyn Clock>, max_skew: Duration) -> Self {
        let anchor = Anchor { wall: clock.now(), monotonic: clock.monotonic() };
        Self { clock, max_skew, kept: Arc::new(Mutex::new(Kept { anchor, database_us: None, skew_us: None })) }
    }

    /// Node time, and whether the clock that counts has jumped.
    pub(crate) fn read(&self) -> Reading {
        let (wall, monotonic) = (self.clock.now(), self.clock.monotonic());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let told = kept.database_us.map_or(wall, |ahead| carried_by(ahead, monotonic));
        let elapsed = monotonic.saturating_sub(kept.anchor.monotonic);
        let carried = kept.anchor.wall.plus_microseconds(microseconds(elapsed));
        let skew = told.microseconds().saturating_sub(carried.microseconds());
        let bound = microseconds(self.max_skew);
        if skew.saturating_abs() <= bound {
            if elapsed >= ANCHOR_LIFETIME {
                kept.anchor = Anchor { wall: told, monotonic };
            }
            return Reading { now: told, jumped_ahead_us: None };
        }
        Reading { now: carried, jumped_ahead_us: (skew > bound).then_some(skew) }
    }

    /// Takes note of the database's time, read between `began` and now by the monotonic clock. From the first note on it takes the wall
    /// clock's place. What is kept of it moves only as far as a reading proves it wrong, so slow answers do not make it waver.
    ///
    /// Whether the wall clock is off by more than the skew allows is written to the log when it changes.
    pub(crate) fn follow(&self, database: Timestamp, began: Duration) {
        let (wall, ended) = (self.clock.now(), self.clock.monotonic());
        let (earliest, latest) =
            (database.microseconds().saturating_sub(microseconds(ended)), database.microseconds().saturating_sub(microseconds(began)));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = match kept.database_us {
            Some(ahead) => ahead.clamp(earliest.min(latest), latest),
            None => {
                let middle = earliest.midpoint(latest);
                kept.anchor = Anchor { wall: carried_by(middle, ended), monotonic: ended };
                middle
            }
        };
        kept.database_us = Some(ahead);
        let skew = wall.microseconds().saturating_sub(carried_by(ahead, ended).microseconds());
        let skew_us = (skew.saturating_abs() > microseconds(self.max_skew)).then_some(skew);
        match (kept.skew_us, skew_us) {
            (None, Some(skew)) => {
                let (seconds, which) = (skew.unsigned_abs() / 1_000_000, if skew > 0 { "ahead of" } else { "behind" });
                tracing::warn!("this machine's clock is {seconds} s {which} the database's, whose time is used: set it");
            }
            (Some(_), None) => tracing::info!("this machine's clock agrees with the database's again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        kept.skew_us = skew_us;
    }

    /// How far the wall clock is ahead of the database's, in microseconds, if that is further than the skew allows.
    pub(crate) fn skew_us(&self) -> Option<i64> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).skew_us
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

/// A clock that is so far ahead of the monotonic one.
fn carried_by(ahead_us: i64, monotonic: Duration) -> Timestamp {
    Timestamp::from_microseconds(ahead_us).plus_microseconds(microseconds(monotonic))
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
    fn the_databases_time_takes_the_place_of_the_walls() {
        let (manual, steady, noon) = at_noon(30);
        let hour = 3_600 * SECOND_US;
        let began = steady.monotonic();
        manual.pass(Duration::from_millis(20));
        steady.follow(noon.plus_microseconds(hour), began);
        // Read somewhere in those 20 ms: taken for the middle.
        assert_eq!(steady.read(), Reading { now: noon.plus_microseconds(hour + 10_000), jumped_ahead_us: None });
        assert_eq!(steady.skew_us(), Some(-hour + 10_000));
        // The wall clock does not matter any more.
        manual.jump_microseconds(hour);
        assert_eq!(steady.now(), noon.plus_microseconds(hour + 10_000));
        let again = |database| {
            steady.follow(noon.plus_microseconds(database), steady.monotonic());
            steady.now()
        };
        assert_eq!(again(hour + 10_000), noon.plus_microseconds(hour + 10_000));
        assert_eq!(steady.skew_us(), None);
    }

    #[test]
    fn a_slow_answer_does_not_move_the_databases_time_and_one_that_contradicts_it_does() {
        let (manual, steady, noon) = at_noon(30);
        steady.follow(noon, steady.monotonic());
        let began = steady.monotonic();
        manual.pass(Duration::from_secs(2));
        // Read when the question arrived, or when the answer left: both are possible.
        for read in [0, 2 * SECOND_US] {
            steady.follow(noon.plus_microseconds(read), began);
            assert_eq!(steady.now(), noon.plus_microseconds(2 * SECOND_US));
        }
        steady.follow(noon.plus_microseconds(3 * SECOND_US), began);
        assert_eq!(steady.now(), noon.plus_microseconds(3 * SECOND_US));
    }

    #[test]
    fn a_database_whose_clock_jumps_ahead_is_not_followed_and_one_that_comes_back_is() {
        let (manual, steady, noon) = at_noon(30);
        steady.follow(noon, steady.monotonic());
        manual.pass(Duration::from_secs(5));
        let hour = 3_600 * SECOND_US;
        steady.follow(noon.plus_microseconds(hour), steady.monotonic());
        let jumped = hour - 5 * SECOND_US;
        assert_eq!(steady.read(), Reading { now: noon.plus_microseconds(5 * SECOND_US), jumped_ahead_us: Some(jumped) });
        steady.follow(noon.plus_microseconds(5 * SECOND_US), steady.monotonic());
        assert_eq!(steady.read(), Reading { now: noon.plus_microseconds(5 * SECOND_US), jumped_ahead_us: None });
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
