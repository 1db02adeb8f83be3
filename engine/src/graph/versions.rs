//! What an edge was at the revisions of a window, in 24 bytes that can be copied.

use std::sync::Arc;

use imbl::Vector;

use super::qualifier::Qualifier;

/// What an edge is at one revision: not there, there, or there with a qualifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Code(u32);

impl Code {
    pub(crate) const ABSENT: Self = Self(0);
    pub(crate) const PLAIN: Self = Self(1);

    /// Which of the overlay's qualifiers it has, if any.
    pub(crate) fn qualifier(self) -> Option<usize> {
        self.0.checked_sub(2).and_then(|place| usize::try_from(place).ok())
    }
}

/// What an edge was before the first change that is remembered, and what it was after each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    first: Code,
    last: Code,
    /// Where the changes before the last one are, if there are any: a place in [`Memory::older`] and one.
    older: u32,
    /// The revision of the last change.
    changed: u64,
}

/// What [`Versions`] refer to. Grows; a new base begins a new one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    qualifiers: Vector<Arc<Qualifier>>,
    older: Vector<Arc<[(u64, Code)]>>,
}

impl Memory {
    /// The code of an image.
    pub(crate) fn code(&mut self, image: Option<Option<Arc<Qualifier>>>) -> Code {
        match image {
            None => Code::ABSENT,
            Some(None) => Code::PLAIN,
            Some(Some(qualifier)) => {
                let code = u32::try_from(self.qualifiers.len() + 2).unwrap_or(u32::MAX);
                self.qualifiers.push_back(qualifier);
                Code(code)
            }
        }
    }

    /// The image of a code: not there, or there with or without a qualifier.
    pub(crate) fn image(&self, code: Code) -> Option<Option<&Arc<Qualifier>>> {
        match code {
            Code::ABSENT => None,
            Code::PLAIN => Some(None),
            Code(_) => Some(code.qualifier().and_then(|place| self.qualifiers.get(place))),
        }
    }

    /// The qualifier at a place that a code names.
    pub(crate) fn qualifier(&self, place: usize) -> Option<&Arc<Qualifier>> {
        self.qualifiers.get(place)
    }

    /// How many qualifiers and lists it holds.
    pub(crate) fn len(&self) -> usize {
        self.qualifiers.len() + self.older.len()
    }

    fn older_of(&self, versions: &Versions) -> &[(u64, Code)] {
        let place = versions.older.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        place.and_then(|place| self.older.get(place)).map_or(&[], |older| older)
    }

    fn keep(&mut self, older: Vec<(u64, Code)>) -> u32 {
        if older.is_empty() {
            return 0;
        }
        self.older.push_back(older.into());
        u32::try_from(self.older.len()).unwrap_or(0)
    }
}

impl Versions {
    /// One change.
    pub(crate) const fn new(first: Code, revision: u64, last: Code) -> Self {
        Self { first, last, older: 0, changed: revision }
    }

    /// The revision of the last change.
    pub(crate) const fn changed(&self) -> u64 {
        self.changed
    }

    /// What the edge was at a revision, and the revision that made it so where that is remembered. O(log changes of the edge).
    pub(crate) fn at(&self, revision: u64, memory: &Memory) -> (Code, Option<u64>) {
        if revision >= self.changed {
            return (self.last, Some(self.changed));
        }
        let older = memory.older_of(self);
        let behind = older.partition_point(|(changed, _)| *changed <= revision);
        match behind.checked_sub(1).and_then(|place| older.get(place)) {
            Some((changed, code)) => (*code, Some(*changed)),
            None => (self.first, None),
        }
    }

    /// With one more change, the newest. O(changes of the edge).
    pub(crate) fn then(self, revision: u64, code: Code, memory: &mut Memory) -> Self {
        if self.changed == revision {
            return Self { last: code, ..self };
        }
        let mut older = memory.older_of(&self).to_vec();
        older.push((self.changed, self.last));
        Self { first: self.first, last: code, older: memory.keep(older), changed: revision }
    }

    /// With one more change, the oldest, before which the edge was `first`. O(changes of the edge).
    pub(crate) fn preceded(self, first: Code, revision: u64, memory: &mut Memory) -> Self {
        let mut older = memory.older_of(&self).to_vec();
        older.insert(0, (revision, self.first));
        Self { first, older: memory.keep(older), ..self }
    }

    /// The same without what no revision from `oldest` on can tell, its codes those of `to`; `None`: nothing is left to tell.
    pub(crate) fn trimmed(&self, oldest: u64, from: &Memory, to: &mut Memory) -> Option<Self> {
        if self.changed <= oldest {
            return None;
        }
        let (first, _) = self.at(oldest, from);
        let mut carry = |code: Code| {
            let image = from.image(code).map(|qualifier| qualifier.cloned());
            to.code(image)
        };
        let first = carry(first);
        let older: Vec<(u64, Code)> =
            from.older_of(self).iter().filter(|(changed, _)| *changed > oldest).map(|(changed, code)| (*changed, carry(*code))).collect();
        let last = carry(self.last);
        Some(Self { first, last, older: to.keep(older), changed: self.changed })
    }
}
