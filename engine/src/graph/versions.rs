//! What an edge was at the revisions of a window, in 24 bytes that can be copied.

use std::sync::Arc;

use imbl::Vector;

use super::qualifier::Qualifier;

/// What an edge is at one revision: not there, there, or there with a qualifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Code(u32);

impl Code {
    pub(crate) const ABSENT: Self = Self(0);
    pub(crate) const PLAIN: Self = Self(1);

    /// Whether the edge is not there.
    pub(crate) const fn is_absent(self) -> bool {
        self.0 == Self::ABSENT.0
    }

    /// Whether the edge is there with a qualifier.
    pub(crate) const fn is_qualified(self) -> bool {
        self.0 > Self::PLAIN.0
    }

    /// Which of the overlay's qualifiers it has, if any.
    pub(crate) fn qualifier(self) -> Option<usize> {
        self.0.checked_sub(2).and_then(|place| usize::try_from(place).ok())
    }
}

/// What an edge was before the first change that is remembered, and what it was after each.
///
/// The changes before the last are in two chains, since they come at both ends: `behind` from the newest back, for changes that went
/// ahead, and `earlier` from the oldest on, for those that were taken back. All of `earlier` is older than all of `behind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Versions {
    first: Code,
    last: Code,
    behind: Place,
    earlier: Place,
    /// The revision of the last change.
    changed: u64,
}

/// A link of a [`Memory`]: its number and one; 0: none.
type Place = u32;

/// A change, in a chain that shares its rest with the chains it was made from. So an edge that changes without end takes a link for each
/// change, and no change copies what came before it.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    revision: u64,
    /// What the edge was after it.
    code: Code,
    /// The rest of the chain.
    next: Place,
    /// Further on in the chain (E. Myers, "An applicative random-access stack", 1983): any place is O(log links) away.
    far: Place,
    /// How long the chain is.
    len: u32,
}

/// What [`Versions`] refer to. Grows; a new base begins a new one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    qualifiers: Vector<Arc<Qualifier>>,
    links: Vector<Link>,
    /// How many qualifiers and links it began with.
    begun_with: usize,
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

    /// How many qualifiers and links it holds.
    pub(crate) fn len(&self) -> usize {
        self.qualifiers.len() + self.links.len()
    }

    /// How many it holds more than it began with.
    pub(crate) fn grown(&self) -> usize {
        self.len().saturating_sub(self.begun_with)
    }

    /// How many it began with.
    pub(crate) const fn begun_with(&self) -> usize {
        self.begun_with
    }

    /// Begins with what it has.
    pub(crate) fn begin(&mut self) {
        self.begun_with = self.len();
    }

    fn link(&self, place: Place) -> Option<&Link> {
        self.links.get(usize::try_from(place.checked_sub(1)?).ok()?)
    }

    /// The chain with one more link at its front. O(log links).
    fn linked(&mut self, next: Place, revision: u64, code: Code) -> Place {
        let at = |place| self.link(place).copied().unwrap_or_default();
        let rest = at(next);
        let far = at(rest.far);
        let even = rest.len - far.len == far.len - at(far.far).len;
        let link = Link { revision, code, next, far: if even { far.far } else { next }, len: rest.len.saturating_add(1) };
        self.links.push_back(link);
        Place::try_from(self.links.len()).unwrap_or(0)
    }

    /// The first link of a chain for which `wanted` holds, which holds for all behind one for which it does. O(log² links).
    fn first_of(&self, chain: Place, wanted: impl Fn(&Link) -> bool) -> Option<&Link> {
        let mut link = self.link(chain)?;
        while !wanted(link) {
            let far = self.link(link.far).filter(|far| !wanted(far));
            link = far.or_else(|| self.link(link.next))?;
        }
        Some(link)
    }

    /// The last link of a chain for which `wanted` holds, which holds for all before one for which it does. O(log² links).
    fn last_of(&self, chain: Place, wanted: impl Fn(&Link) -> bool) -> Option<&Link> {
        let mut link = self.link(chain).filter(|link| wanted(link))?;
        while let Some(on) = [link.far, link.next].into_iter().find_map(|place| self.link(place).filter(|on| wanted(on))) {
            link = on;
        }
        Some(link)
    }

    fn chain(&self, chain: Place) -> Vec<Link> {
        std::iter::successors(self.link(chain), |link| self.link(link.next)).copied().collect()
    }
}

impl Versions {
    /// One change.
    pub(crate) const fn new(first: Code, revision: u64, last: Code) -> Self {
        Self { first, last, behind: 0, earlier: 0, changed: revision }
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
        let behind = memory.first_of(self.behind, |link| link.revision <= revision);
        match behind.or_else(|| memory.last_of(self.earlier, |link| link.revision <= revision)) {
            Some(link) => (link.code, Some(link.revision)),
            None => (self.first, None),
        }
    }

    /// With one more change, the newest. O(log changes).
    pub(crate) fn then(self, revision: u64, code: Code, memory: &mut Memory) -> Self {
        if self.changed == revision {
            return Self { last: code, ..self };
        }
        Self { last: code, behind: memory.linked(self.behind, self.changed, self.last), changed: revision, ..self }
    }

    /// With one more change, the oldest, before which the edge was `first`. O(log changes).
    pub(crate) fn preceded(self, first: Code, revision: u64, memory: &mut Memory) -> Self {
        Self { first, earlier: memory.linked(self.earlier, revision, self.first), ..self }
    }

    /// The same without what no revision from `oldest` on can tell, its codes those of `to`; `None`: nothing is left to tell.
    pub(crate) fn trimmed(&self, oldest: u64, from: &Memory, to: &mut Memory) -> Option<Self> {
        if self.changed <= oldest {
            return None;
        }
        let (first, _) = self.at(oldest, from);
        let carry = |code: Code, to: &mut Memory| to.code(from.image(code).map(|qualifier| qualifier.cloned()));
        let mut trimmed = Self { first: carry(first, to), last: carry(self.last, to), behind: 0, earlier: 0, changed: self.changed };
        let behind = from.chain(self.behind);
        for link in from.chain(self.earlier).iter().chain(behind.iter().rev()).filter(|link| link.revision > oldest) {
            let code = carry(link.code, to);
            trimmed.behind = to.linked(trimmed.behind, link.revision, code);
        }
        Some(trimmed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_edge_was_at_each_revision_what_its_changes_say(
            ahead in prop::collection::vec(0..2_u32, 1..80), back in prop::collection::vec(0..2_u32, 0..80), step in 1..4_u64, oldest in 0..500_u64,
        ) {
            let mut memory = Memory::default();
            let begin = 300;
            let mut changes = vec![(begin, Code(ahead[0]))];
            let mut first = Code(7);
            let mut versions = Versions::new(first, begin, Code(ahead[0]));
            for (number, code) in (1..).zip(&ahead[1..]) {
                let revision = begin + number * step;
                versions = versions.then(revision, Code(*code), &mut memory);
                changes.push((revision, Code(*code)));
            }
            for (number, code) in (1..).zip(&back) {
                let revision = begin - number * step;
                versions = versions.preceded(Code(*code), revision, &mut memory);
                changes.insert(0, (revision, first));
                first = Code(*code);
            }
            prop_assert_eq!(memory.len(), changes.len() - 1);
            let expected = |revision| {
                let change = changes.iter().rev().find(|(changed, _)| *changed <= revision);
                change.map_or((first, None), |(changed, code)| (*code, Some(*changed)))
            };
            let mut to = Memory::default();
            let trimmed = versions.trimmed(oldest, &memory, &mut to);
            for revision in 0..700 {
                prop_assert_eq!(versions.at(revision, &memory), expected(revision));
                if revision >= oldest {
                    let (code, changed) = expected(revision);
                    // A code is the same if it names no qualifier; here 7 names one that nobody has kept.
                    match trimmed {
                        Some(trimmed) if code != Code(7) =>
                            prop_assert_eq!(trimmed.at(revision, &to), (code, changed.filter(|changed| *changed > oldest))),
                        Some(_) => {}
                        None => prop_assert!(versions.changed() <= oldest),
                    }
                }
            }
        }
    }
}
