//! What a group is nested in now and was not when the index was built, and the other way round.
//!
//! The writer keeps it from change to change, so a group that was nested and taken out a thousand times costs its readers what is left
//! of that: mostly nothing. It is bounded; what has more to it is not kept, and the group is walked.

use crate::graph::groups::Group;
use crate::graph::ids::RelationId;

/// How many parents are remembered, of each sort. A change copies them.
pub(super) const MOST: usize = 64;

/// Which relation of a group is nested, and where.
pub(super) type Above = (RelationId, Group);

/// All relations of one object as groups: see the module.
#[derive(Debug, Clone, Default)]
pub(super) struct Difference {
    added: Vec<Above>,
    gone: Vec<Above>,
    /// All that it is nested in; `None`: too much, or some of it not plainly.
    parents: Option<Vec<Above>>,
}

impl Difference {
    /// None, of an object that is nested in these now.
    pub(super) const fn none(parents: Option<Vec<Above>>) -> Self {
        Self { added: Vec::new(), gone: Vec::new(), parents }
    }

    /// Takes in that a parent has come or gone since. O([`MOST`]).
    pub(super) fn change(&mut self, above: Above, is_there: bool) {
        self.note(above, is_there);
        let Some(parents) = &mut self.parents else { return };
        parents.retain(|known| *known != above);
        if is_there {
            parents.push(above);
        }
        if parents.len() > MOST {
            self.parents = None;
        }
    }

    /// Takes in that a parent is there, or is not, and it was the other way round. O([`MOST`]).
    pub(super) fn note(&mut self, above: Above, is_there: bool) {
        let (to, from) = if is_there { (&mut self.added, &mut self.gone) } else { (&mut self.gone, &mut self.added) };
        match from.iter().position(|known| *known == above) {
            Some(place) => {
                from.swap_remove(place);
            }
            None => to.push(above),
        }
    }

    /// What has come since, and what has gone.
    pub(super) fn changes(&self) -> (&[Above], &[Above]) {
        (&self.added, &self.gone)
    }

    /// Whether it is worth keeping.
    pub(super) const fn is_small(&self) -> bool {
        self.added.len() <= MOST && self.gone.len() <= MOST
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        let parents = self.parents.as_ref().map_or(0, Vec::capacity);
        size_of::<Self>() + (self.added.capacity() + self.gone.capacity() + parents) * size_of::<Above>()
    }

    /// What there is to say of one relation; `None`: it is nested as it was.
    pub(super) fn of(&self, relation: RelationId) -> Option<Anew<'_>> {
        let differs = self.added.iter().chain(&self.gone).any(|(of, _)| *of == relation);
        differs.then_some(Anew { relation, difference: self })
    }
}

/// How one group is nested otherwise than when the index was built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Anew<'a> {
    relation: RelationId,
    difference: &'a Difference,
}

impl<'a> Anew<'a> {
    /// Whether it is nested in all that it was nested in, and in [`Anew::added`] besides.
    pub(crate) fn only_adds(self) -> bool {
        !self.difference.gone.iter().any(|(of, _)| *of == self.relation)
    }

    /// What it is nested in and was not.
    pub(crate) fn added(self) -> impl Iterator<Item = Group> + use<'a> {
        self.of_relation(&self.difference.added)
    }

    /// All that it is nested in, directly and plainly, if that is known and nothing else leads up from it.
    pub(crate) fn parents(self) -> Option<impl Iterator<Item = Group> + use<'a>> {
        self.difference.parents.as_deref().map(|parents| self.of_relation(parents))
    }

    fn of_relation(self, parents: &'a [Above]) -> impl Iterator<Item = Group> + use<'a> {
        parents.iter().filter(move |(of, _)| *of == self.relation).map(|(_, group)| *group)
    }
}
