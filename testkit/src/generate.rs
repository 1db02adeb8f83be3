//! Generators of schemas, tuples and questions that mostly make sense.
//!
//! One generator serves both ways of driving it: a seed ([`Choices::seeded`]: fast, and a number is enough to repeat a case) and
//! proptest ([`worlds`]: the choices themselves are what proptest shrinks; fewer and smaller choices make simpler worlds).
//!
//! Worlds have self-loops, cycles of two and more, diamonds, long chains and wide groups; caveats with all, some or none of their
//! context stored; expiry before, at and after the request time.

pub use choices::Choices;
pub use schema::model;
pub use tuples::{nesting, question, rewritten, tuple, world};

use crate::model::World;
use proptest::strategy::Strategy;

mod choices;
mod schema;
mod tuples;

/// What may occur.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// Exclusions and `.all`: what makes more tuples mean less.
    pub exclusion: bool,
    /// Caveats and expiry.
    pub conditions: bool,
    /// Tuples that the schema does not allow, as a changed schema leaves behind.
    pub orphans: bool,
}

impl Profile {
    /// Everything.
    pub const ALL: Self = Self { exclusion: true, conditions: true, orphans: true };
    /// What a server accepts by its write calls.
    pub const WRITABLE: Self = Self { orphans: false, ..Self::ALL };
    /// Nothing that can take away.
    pub const MONOTONIC: Self = Self { exclusion: false, conditions: true, orphans: false };
}

/// Worlds for proptest.
pub fn worlds(profile: Profile) -> impl Strategy<Value = World> {
    proptest::collection::vec(proptest::prelude::any::<u32>(), 0..600)
        .prop_map(move |choices| world(&mut Choices::recorded(choices), profile))
}
