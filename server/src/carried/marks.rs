//! Up to when each partition of the topic has everything, and since when it was read.

use std::collections::BTreeMap;
use std::time::Duration;

use dhow_engine::time::Timestamp;

use crate::changelog::follow::Spot;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Marks {
    partitions: BTreeMap<i32, Partition>,
}

#[derive(Debug, Clone, Copy)]
struct Partition {
    /// Everything that was committed since then was read, if the topic had it; `None`: not known yet.
    since: Option<Timestamp>,
    /// Everything that was answered before then was read.
    mark: Option<Timestamp>,
    /// The number of the next message.
    next: i64,
}

impl Marks {
    /// Reading begins, or begins again, at these places.
    pub(super) fn begin(&mut self, began: &[Spot]) {
        for Spot { partition, offset } in began {
            // Behind the very first message nothing is missing.
            let since = (*offset == 0).then_some(Timestamp::MIN);
            let here = self.partitions.entry(*partition).or_insert(Partition { since, mark: None, next: *offset });
            if *offset > here.next {
                // What was between is gone.
                here.since = None;
            }
            here.next = here.next.max(*offset);
        }
    }

    /// A message was read.
    pub(super) fn read(&mut self, at: Spot) {
        if let Some(partition) = self.partitions.get_mut(&at.partition) {
            partition.next = partition.next.max(at.offset.saturating_add(1));
        }
    }

    /// Everything that was answered before a time was read in a partition.
    pub(super) fn mark(&mut self, partition: i32, time: Timestamp) {
        if let Some(partition) = self.partitions.get_mut(&partition) {
            partition.since.get_or_insert(time);
            partition.mark = partition.mark.max(Some(time));
        }
    }

    /// The time up to which all partitions are read; `None`: not known of one of them.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.partitions.values().map(|partition| partition.mark).min().flatten()
    }

    /// How old that knowledge is; as old as can be where there is none.
    pub(super) fn age(&self, now: Timestamp) -> Duration {
        self.oldest().map_or(Duration::MAX, |mark| {
            let age = now.microseconds().saturating_sub(mark.microseconds());
            Duration::from_micros(u64::try_from(age).unwrap_or(0))
        })
    }

    /// Whether everything that was committed since a time was read, in all partitions.
    pub(super) fn reach_back_to(&self, time: Timestamp) -> bool {
        !self.partitions.is_empty() && self.partitions.values().all(|partition| partition.since.is_some_and(|since| since <= time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: i32, offset: i64) -> Spot {
        Spot { partition, offset }
    }

    fn time(seconds: i64) -> Timestamp {
        Timestamp::from_microseconds(seconds * 1_000_000)
    }

    #[test]
    fn knowledge_is_as_old_as_the_oldest_mark() {
        let mut marks = Marks::default();
        assert_eq!(marks.age(time(100)), Duration::MAX);
        marks.begin(&[at(0, 0), at(1, 7)]);
        marks.mark(0, time(50));
        assert_eq!(marks.age(time(100)), Duration::MAX, "nothing is known of the other partition");
        marks.mark(1, time(90));
        assert_eq!(marks.age(time(100)), Duration::from_secs(50));
        marks.mark(0, time(95));
        marks.mark(0, time(60));
        assert_eq!(marks.age(time(100)), Duration::from_secs(10), "an older mark takes nothing back");
        assert_eq!(marks.age(time(80)), Duration::ZERO, "the relay's clock may be ahead");
    }

    #[test]
    fn what_is_read_reaches_back_to_the_first_mark_or_the_topics_beginning() {
        let mut marks = Marks::default();
        assert!(!marks.reach_back_to(time(100)));
        marks.begin(&[at(0, 0), at(1, 7)]);
        assert!(!marks.reach_back_to(time(100)));
        marks.mark(1, time(40));
        assert!(marks.reach_back_to(time(40)) && !marks.reach_back_to(time(39)));
        // Opened again where it was left: nothing is missing between.
        marks.read(at(1, 9));
        marks.begin(&[at(0, 0), at(1, 10)]);
        assert!(marks.reach_back_to(time(40)));
        // And where the topic has lost what came meanwhile.
        marks.begin(&[at(0, 3), at(1, 10)]);
        assert!(!marks.reach_back_to(time(1_000)));
        marks.mark(0, time(80));
        assert!(marks.reach_back_to(time(80)) && !marks.reach_back_to(time(79)));
    }
}
