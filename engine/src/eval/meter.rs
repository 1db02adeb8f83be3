//! What a request may cost: a number of steps, and a deadline that somebody else watches.

use crate::limits::STEPS_BETWEEN_DEADLINE_POLLS;

/// Why an evaluation was given up. It never turns into an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The evaluation needs more steps than it may have.
    #[error("the evaluation needs more than its budget of {max_steps} steps")]
    Budget {
        /// The budget.
        max_steps: u64,
    },
    /// The deadline passed.
    #[error("the deadline passed after {steps} steps")]
    Deadline {
        /// The steps done by then.
        steps: u64,
    },
}

impl Stopped {
    /// The stable code of this error.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Budget { .. } => "budget_exceeded",
            Self::Deadline { .. } => "deadline_exceeded",
        }
    }
}

/// Counts steps.
pub(crate) struct Meter<'a> {
    steps: u64,
    max_steps: u64,
    next_poll: u64,
    deadline: &'a dyn Fn() -> bool,
}

impl<'a> Meter<'a> {
    /// A meter for `max_steps` (at most 2^30, so that what is counted in steps fits `u32` twice over) and a deadline: a function
    /// that says whether it has passed.
    pub(crate) fn new(max_steps: u64, deadline: &'a dyn Fn() -> bool) -> Self {
        Self { steps: 0, max_steps: max_steps.min(1 << 30), next_poll: 0, deadline }
    }

    /// Takes `steps` more; looks at the deadline now and then, and first of all at the start.
    pub(crate) fn charge(&mut self, steps: u64) -> Result<(), Stopped> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > self.max_steps {
            return Err(self.exceeded());
        }
        if self.steps >= self.next_poll {
            self.next_poll = self.steps.saturating_add(STEPS_BETWEEN_DEADLINE_POLLS);
            if (self.deadline)() {
                return Err(Stopped::Deadline { steps: self.steps });
            }
        }
        Ok(())
    }

    /// The steps taken so far.
    pub(crate) const fn steps(&self) -> u64 {
        self.steps
    }

    /// That more steps are needed than there are.
    pub(crate) const fn exceeded(&self) -> Stopped {
        Stopped::Budget { max_steps: self.max_steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_used_up_budget_and_a_passed_deadline_are_told_apart() {
        let mut meter = Meter::new(10, &|| false);
        assert_eq!(meter.charge(10), Ok(()));
        assert_eq!(meter.charge(1).unwrap_err().code(), "budget_exceeded");
        assert_eq!(Meter::new(10, &|| true).charge(1).unwrap_err().code(), "deadline_exceeded");
    }

    #[test]
    fn the_deadline_is_looked_at_every_so_many_steps() {
        let polls = Cell::new(0);
        let deadline = || {
            polls.set(polls.get() + 1);
            false
        };
        let mut meter = Meter::new(u64::MAX, &deadline);
        for _ in 0..10 * STEPS_BETWEEN_DEADLINE_POLLS {
            meter.charge(1).unwrap();
        }
        assert_eq!(polls.get(), 10);
    }
}
