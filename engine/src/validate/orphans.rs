//! Which stored tuples a new schema would leave without meaning.
//!
//! The answer hangs on the counts of shapes, an example of each finding, and the stored contexts of those shapes whose caveat has other
//! parameters now. [`orphans`] takes all three from a state. Whoever has them elsewhere, in tables, goes the same steps:
//! [`judge_shape`] for each shape, then [`Orphans::of_shape`] or [`ContextOrphans`].

use std::sync::Arc;

use dhow_schema::caveat::{Caveat, ContextError};
use dhow_schema::ir::{Name, Schema};

use crate::filter::TupleFilter;
use crate::state::{Shape, State};
use crate::tuple::Tuple;

/// Whether a schema allows tuples of this shape. O(log schema + direct types).
#[must_use]
pub fn allows(schema: &Schema, shape: &Shape) -> bool {
    schema.relation(&shape.object_type, &shape.relation).is_some_and(|relation| relation.direct.contains(&shape.subject))
}

/// Stored tuples that a schema would leave without meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphans {
    /// What they have in common.
    pub shape: Shape,
    /// How many there are.
    pub count: u64,
    /// The first of them in key order.
    pub example: Option<Arc<Tuple>>,
    /// Why.
    pub reason: OrphanReason,
}

impl Orphans {
    /// All tuples of a shape that no relation takes.
    #[must_use]
    pub const fn of_shape(shape: Shape, count: u64, example: Option<Arc<Tuple>>) -> Self {
        Self { shape, count, example, reason: OrphanReason::Shape }
    }
}

/// Why a schema leaves tuples without meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrphanReason {
    /// No relation takes this shape.
    Shape,
    /// The caveat is another one now, which does not take their context; the first error.
    Context(Option<ContextError>),
}

/// What becomes of the stored tuples of one shape.
#[derive(Debug, Clone, Copy)]
pub enum ShapeVerdict<'s> {
    /// They mean what they meant.
    Kept,
    /// No relation takes them any more.
    Orphaned,
    /// They are taken, but this caveat has other parameters than before: [`ContextOrphans`] looks at each.
    ContextsInDoubt(&'s Caveat),
}

/// What becomes of the stored tuples of a shape under `next`, where `current` is in force. O(log schema + direct types).
#[must_use]
pub fn judge_shape<'s>(next: &'s Schema, current: Option<&Schema>, shape: &Shape) -> ShapeVerdict<'s> {
    if !allows(next, shape) {
        return ShapeVerdict::Orphaned;
    }
    let Some(name) = &shape.subject.caveat else { return ShapeVerdict::Kept };
    match next.caveats.get(name) {
        Some(caveat) if parameters_differ(name, caveat, current) => ShapeVerdict::ContextsInDoubt(caveat),
        Some(_) | None => ShapeVerdict::Kept,
    }
}

fn parameters_differ(name: &Name, next: &Caveat, current: Option<&Schema>) -> bool {
    let Some(current) = current else { return true };
    current.caveats.get(name).is_none_or(|caveat| caveat.parameters() != next.parameters())
}

/// Gathers the tuples of one shape whose context a caveat would not have stored as it is.
#[derive(Debug)]
pub struct ContextOrphans<'s> {
    caveat: &'s Caveat,
    found: Option<Orphans>,
}

impl<'s> ContextOrphans<'s> {
    /// Nothing found yet.
    #[must_use]
    pub const fn new(caveat: &'s Caveat) -> Self {
        Self { caveat, found: None }
    }

    /// Looks at one tuple of the shape; the first that is found becomes the example. O(context).
    pub fn look(&mut self, tuple: &Arc<Tuple>) {
        let Some(stored) = &tuple.caveat else { return };
        let error = match self.caveat.admit(stored.context()) {
            Ok(admitted) if admitted == *stored.context() => return,
            Ok(_) => None,
            Err(error) => Some(error),
        };
        self.found
            .get_or_insert_with(|| Orphans {
                shape: Shape::of(tuple),
                count: 0,
                example: Some(Arc::clone(tuple)),
                reason: OrphanReason::Context(error),
            })
            .count += 1;
    }

    /// What was found.
    #[must_use]
    pub fn finish(self) -> Option<Orphans> {
        self.found
    }
}

/// The stored tuples that `next` would leave without meaning, in order of their shapes; none: `next` may be written.
///
/// O(shapes), and one scan over the relations concerned for an example of each finding. Only where a caveat's parameters are not what
/// they were in `current`, the stored contexts are looked at, too.
#[must_use]
pub fn orphans(next: &Schema, current: Option<&Schema>, state: &State) -> Vec<Orphans> {
    let of_shape = |(shape, count): (&Shape, u64)| match judge_shape(next, current, shape) {
        ShapeVerdict::Kept => None,
        ShapeVerdict::Orphaned => Some(Orphans::of_shape(shape.clone(), count, state.example_of(shape))),
        ShapeVerdict::ContextsInDoubt(caveat) => context_orphans(caveat, shape, state),
    };
    state.shapes().iter().filter_map(of_shape).collect()
}

fn context_orphans(caveat: &Caveat, shape: &Shape, state: &State) -> Option<Orphans> {
    let filter = TupleFilter {
        object_type: Some(shape.object_type.clone()),
        relation: Some(shape.relation.clone()),
        subject_type: Some(shape.subject.object_type.clone()),
        ..TupleFilter::default()
    };
    let mut found = ContextOrphans::new(caveat);
    state.scan(&filter, None).filter(|tuple| Shape::of(tuple) == *shape).for_each(|tuple| found.look(&tuple));
    found.finish()
}
