//! A plan turned round: from a subject back to the objects for which the plan may hold.
//!
//! Only what can make a plan hold is in it. A subtracted part cannot. An intersection can hold only where its first operand does, so that
//! one stands for all. What an expression leads back to is *unsure*: the plan holds at no other node, and not at all of these.

use std::collections::HashMap;

use super::{Expr, KindId, Op, PlanId, Plans};
use crate::graph::ids::{ClassId, TypeId};
use crate::graph::vocabulary::{Kind, Vocabulary};

/// A plan of an inverse, by its place in it. The plan that was turned round is [`Place::ASKED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(pub(crate) u32);

impl Place {
    pub(crate) const ASKED: Self = Self(0);
}

/// Where a way back begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the subject's own object.
    Here,
    /// At the objects whose edges of this class name the subject.
    Named(ClassId),
    /// At the objects whose edges of this class name the wildcard of the subject's type.
    Wildcard(ClassId),
}

/// A plan that may hold where another does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Back {
    /// The plan.
    pub(crate) to: Place,
    /// The objects of these edges; `None`: the same node.
    pub(crate) class: Option<ClassId>,
    /// Whether it holds there for certain.
    pub(crate) sure: bool,
}

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inverse {
    starts: Vec<(Start, Place)>,
    /// By place.
    steps: Vec<Vec<Back>>,
    places: HashMap<PlanId, Place, foldhash::fast::FixedState>,
}

/// The kind of subjects that a question is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) type_id: TypeId,
    pub(crate) kind: Kind,
    pub(crate) kind_id: KindId,
}

impl Inverse {
    /// Turns a plan of a type round, for subjects of one kind. O(the plans that it needs).
    pub(crate) fn of(plans: &Plans, vocabulary: &Vocabulary, asked: (PlanId, TypeId), wanted: Wanted) -> Self {
        let mut turned = Turned { inverse: Self::default(), open: Vec::new() };
        turned.place(asked);
        let mut next = 0;
        while let Some((id, type_id)) = turned.open.get(next).copied() {
            let to = Place(u32::try_from(next).unwrap_or(u32::MAX));
            next += 1;
            let Some(plan) = plans.plan(id) else { continue };
            for (_, op) in plan.ops(wanted.kind_id) {
                turned.op(vocabulary, op, (to, type_id), wanted);
            }
        }
        turned.inverse
    }

    /// Where ways back begin, and the plans that hold there.
    pub(crate) fn starts(&self) -> &[(Start, Place)] {
        &self.starts
    }

    /// The place of a plan that is in it.
    pub(crate) fn place_of(&self, plan: PlanId) -> Option<Place> {
        self.places.get(&plan).copied()
    }

    /// What may hold where a plan does.
    #[inline]
    pub(crate) fn steps(&self, place: Place) -> &[Back] {
        self.steps.get(place.0 as usize).map(Vec::as_slice).unwrap_or_default()
    }
}

/// An inverse in the making.
struct Turned {
    inverse: Inverse,
    /// The plans in the order of their places, and the types that they belong to.
    open: Vec<(PlanId, TypeId)>,
}

impl Turned {
    fn place(&mut self, (id, type_id): (PlanId, TypeId)) -> Place {
        let next = Place(u32::try_from(self.open.len()).unwrap_or(u32::MAX));
        *self.inverse.places.entry(id).or_insert_with(|| {
            self.open.push((id, type_id));
            self.inverse.steps.push(Vec::new());
            next
        })
    }

    fn back(&mut self, from: (PlanId, TypeId), back: Back) {
        let place = self.place(from);
        if let Some(steps) = self.inverse.steps.get_mut(place.0 as usize)
            && !steps.contains(&back)
        {
            steps.push(back);
        }
    }

    fn op(&mut self, vocabulary: &Vocabulary, op: &Op, (to, type_id): (Place, TypeId), wanted: Wanted) {
        let own = type_id == wanted.type_id;
        let end = |class| vocabulary.class(class).map(|class| (class.subject_type, class.kind));
        let here = |sure| Back { to, class: None, sure };
        match op {
            Op::Itself(relation) => {
                if own && wanted.kind == Kind::Userset(*relation) {
                    self.inverse.starts.push((Start::Here, to));
                }
            }
            Op::Object => {
                if own && wanted.kind == Kind::Object {
                    self.inverse.starts.push((Start::Here, to));
                }
            }
            Op::Named(class) => {
                if end(*class) == Some((wanted.type_id, wanted.kind)) {
                    self.inverse.starts.push((Start::Named(*class), to));
                }
            }
            Op::Wildcard(class) => {
                if wanted.kind == Kind::Object && end(*class) == Some((wanted.type_id, Kind::Wildcard)) {
                    self.inverse.starts.push((Start::Wildcard(*class), to));
                }
            }
            Op::Group { class, plan, .. } | Op::Follow { class, plan } => {
                if let Some((subject_type, _)) = end(*class) {
                    self.back((*plan, subject_type), Back { to, class: Some(*class), sure: true });
                }
            }
            Op::Same(plan) => self.back((*plan, type_id), here(true)),
            Op::Expr(Expr::And(plans)) => {
                if let Some(first) = plans.first() {
                    self.back((*first, type_id), here(false));
                }
            }
            Op::Expr(Expr::Minus(keep, _)) => self.back((*keep, type_id), here(false)),
            Op::Expr(Expr::All(classes)) => {
                for (class, plan) in classes {
                    if let (Some(plan), Some((subject_type, _))) = (plan, end(*class)) {
                        self.back((*plan, subject_type), Back { to, class: Some(*class), sure: false });
                    }
                }
            }
        }
    }
}
