//! The yardstick Y: the least that any check which is asked with strings can cost.
//!
//! Both ids of a question are found in one hash table (strings compared, kept in one arena), then one flat hash set of all tuples, as
//! numbers, is probed. A figure of a check means little by itself on a shared machine; its ratio to Y, measured on the same questions
//! in the same run, does.

use std::hash::BuildHasher;

use dhow_engine::tuple::Tuple;
use foldhash::fast::FixedState;
use hashbrown::{HashSet, HashTable};

/// A string in the arena, and its number.
#[derive(Debug, Clone, Copy)]
struct Interned {
    start: u32,
    len: u32,
    number: u32,
}

/// See the module.
#[derive(Debug)]
pub struct Yardstick {
    arena: String,
    ids: HashTable<Interned>,
    tuples: HashSet<(u32, u16, u32), FixedState>,
    hasher: FixedState,
    viewer: u16,
}

impl Yardstick {
    /// Takes in tuples: objects and subjects as `type:id`, relations as numbers.
    ///
    /// # Panics
    /// When there are more strings than 32 bits can number, or more relations than 16.
    #[must_use]
    pub fn of(tuples: &[Tuple]) -> Self {
        let hasher = FixedState::default();
        let mut yardstick =
            Self { arena: String::new(), ids: HashTable::new(), tuples: HashSet::with_hasher(FixedState::default()), hasher, viewer: 0 };
        let mut relations = vec!["viewer".to_owned()];
        for tuple in tuples {
            let object = yardstick.intern(&tuple.key.object().to_string());
            let subject = yardstick.intern(&tuple.key.subject().to_string());
            let relation = tuple.key.relation().to_string();
            let number = relations.iter().position(|known| *known == relation).unwrap_or(relations.len());
            if number == relations.len() {
                relations.push(relation);
            }
            yardstick.tuples.insert((object, u16::try_from(number).expect("few relations"), subject));
        }
        yardstick
    }

    fn intern(&mut self, text: &str) -> u32 {
        if let Some(number) = self.find(text) {
            return number;
        }
        let number = u32::try_from(self.ids.len()).expect("few strings");
        let start = u32::try_from(self.arena.len()).expect("a small arena");
        let len = u32::try_from(text.len()).expect("short strings");
        self.arena.push_str(text);
        let (arena, hasher) = (&self.arena, &self.hasher);
        self.ids.insert_unique(hasher.hash_one(text), Interned { start, len, number }, |known| hasher.hash_one(resolve(arena, *known)));
        number
    }

    fn find(&self, text: &str) -> Option<u32> {
        self.ids.find(self.hasher.hash_one(text), |known| resolve(&self.arena, *known) == text).map(|known| known.number)
    }

    /// Looks one string up, as [`Yardstick::probe`] does two.
    #[must_use]
    pub fn look_up(&self, text: &str) -> Option<u32> {
        self.find(text)
    }

    /// Whether a tuple says by itself that this subject may view this object.
    #[must_use]
    pub fn probe(&self, object: &str, subject: &str) -> bool {
        match (self.find(object), self.find(subject)) {
            (Some(object), Some(subject)) => self.tuples.contains(&(object, self.viewer, subject)),
            (None, _) | (_, None) => false,
        }
    }
}

fn resolve(arena: &str, interned: Interned) -> &str {
    let start = interned.start as usize;
    arena.get(start..start + interned.len as usize).unwrap_or_default()
}
