//! How many tuples there are of each shape, so that a new schema can be judged without looking at tuples.

use std::cmp::Ordering;
use std::fmt;

use dhow_schema::ir::{Name, SubjectShape, SubjectType};
use equivalent::{Comparable, Equivalent};
use imbl::OrdMap;

use crate::tuple::Tuple;

/// What a schema allows or does not: everything about a tuple but its ids, its context and the moment of its expiry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    /// The type of the object.
    pub object_type: Name,
    /// The relation.
    pub relation: Name,
    /// Type and shape of the subject, the caveat, and whether there is an expiry.
    pub subject: SubjectType,
}

impl Shape {
    /// The shape of a tuple. O(1).
    #[must_use]
    pub fn of(tuple: &Tuple) -> Self {
        Self {
            object_type: tuple.key.object().object_type().clone(),
            relation: tuple.key.relation().clone(),
            subject: SubjectType {
                object_type: tuple.key.subject().object_type().clone(),
                shape: tuple.key.subject().shape(),
                caveat: tuple.caveat.as_ref().map(|caveat| caveat.name().clone()),
                expiration: tuple.expires_at.is_some(),
            },
        }
    }
}

impl fmt::Display for Shape {
    /// As a schema would say it: `document#viewer: team#member with ip and expiration`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}: {}", self.object_type, self.relation, self.subject)
    }
}

/// The shape of a tuple, looked for without making it.
struct OfTuple<'a>(&'a Tuple);

impl Equivalent<Shape> for OfTuple<'_> {
    fn equivalent(&self, shape: &Shape) -> bool {
        self.compare(shape) == Ordering::Equal
    }
}

impl Comparable<Shape> for OfTuple<'_> {
    fn compare(&self, shape: &Shape) -> Ordering {
        let Self(tuple) = self;
        let (object, subject) = (tuple.key.object(), tuple.key.subject());
        // Object and wildcard, of which a shape has none but the kind, come before usersets, as in `SubjectShape`.
        let kind = |shape: &SubjectShape| match shape {
            SubjectShape::Object => 0,
            SubjectShape::Wildcard => 1,
            SubjectShape::Userset(_) => 2,
        };
        let (own, relation) = match subject.relation() {
            Some(relation) => (2, Some(relation)),
            None => (i32::from(subject.is_wildcard()), None),
        };
        let other = match &shape.subject.shape {
            SubjectShape::Userset(relation) => Some(relation),
            SubjectShape::Object | SubjectShape::Wildcard => None,
        };
        let caveat = tuple.caveat.as_ref().map(|caveat| caveat.name());
        (object.object_type(), tuple.key.relation(), subject.object_type(), own, relation, caveat, tuple.expires_at.is_some()).cmp(&(
            &shape.object_type,
            &shape.relation,
            &shape.subject.object_type,
            kind(&shape.subject.shape),
            other,
            shape.subject.caveat.as_ref(),
            shape.subject.expiration,
        ))
    }
}

/// The number of tuples of each shape; shapes without tuples are not in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShapeCounts {
    counts: OrdMap<Shape, u64>,
}

impl ShapeCounts {
    /// Shapes and counts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Shape, u64)> {
        self.counts.iter().map(|(shape, count)| (shape, *count))
    }

    /// How many tuples have this shape. O(log shapes).
    #[must_use]
    pub fn count(&self, shape: &Shape) -> u64 {
        self.counts.get(shape).copied().unwrap_or(0)
    }

    /// Takes the count of the next shape in order; `None`: it is not the next, or there is nothing to count.
    pub(super) fn push(&mut self, shape: Shape, count: u64) -> Option<()> {
        let is_next = count > 0 && self.counts.get_max().is_none_or(|(last, _)| *last < shape);
        is_next.then(|| self.counts.insert(shape, count)).map(|_| ())
    }

    pub(super) fn add(&mut self, tuple: &Tuple) {
        if let Some(count) = self.counts.get_mut(&OfTuple(tuple)) {
            *count += 1;
            return;
        }
        let shape = Shape::of(tuple);
        let count = self.count(&shape);
        self.counts.insert(shape, count + 1);
    }

    pub(super) fn take(&mut self, tuple: &Tuple) {
        if let Some(count) = self.counts.get_mut(&OfTuple(tuple)).filter(|count| **count > 1) {
            *count -= 1;
            return;
        }
        let shape = Shape::of(tuple);
        match self.count(&shape) {
            0 | 1 => self.counts.remove(&shape),
            count => self.counts.insert(shape, count - 1),
        };
    }
}
