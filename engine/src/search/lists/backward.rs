//! From a subject backwards: the objects that it may have a permission on.

use std::ops::ControlFlow;

use super::super::walk::Walk;
use super::super::world::{Standing, Tri};
use super::decide::Known;
use super::waves::{Found, Waves};
use crate::eval::Stopped;
use crate::graph::ids::{ClassId, Direction, NodeId};
use crate::plan::PlanId;
use crate::plan::inverse::{Inverse, Place, Start};

/// The nodes for which the plan that was turned round may hold, and whether it does for certain. No other node is one, and none is
/// missing. O(edges reached).
///
/// A way is certain when every edge of it counts, with a caveat that holds or without one, and no expression is on it.
pub(super) fn candidates<'i>(walk: &mut Walk<'_>, inverse: &'i Inverse, max_steps: u64) -> Result<Objects<'i>, Stopped> {
    let mut backward = Backward { walk, inverse, waves: Waves::within(max_steps), found: Found::new() };
    let asked = backward.walk.world.asked;
    for (start, place) in inverse.starts() {
        match start {
            Start::Here => backward.reach(*place, asked.node, true),
            Start::Named(class) => backward.edges(asked.node, *class, *place, true)?,
            Start::Wildcard(class) => {
                if let Some(wildcard) = asked.wildcard {
                    backward.edges(wildcard, *class, *place, true)?;
                }
            }
        }
    }
    while let Some((place, node)) = backward.waves.next() {
        let sure = backward.waves.is_sure();
        let place = Place(place);
        if !sure && place == Place::ASKED {
            backward.found.push((node, false));
        }
        backward.waves.charge(backward.walk, 1)?;
        for step in inverse.steps(place) {
            match step.class {
                None => backward.reach(step.to, node, sure && step.sure),
                Some(class) => backward.edges(node, class, step.to, sure && step.sure)?,
            }
        }
    }
    Ok(Objects { inverse, waves: backward.waves, found: backward.found })
}

/// Candidates, and what is known of the plans that led to them.
pub(super) struct Objects<'i> {
    inverse: &'i Inverse,
    waves: Waves,
    found: Found,
}

impl Objects<'_> {
    /// The candidates.
    pub(super) const fn nodes(&self) -> &Found {
        &self.found
    }
}

impl Known for Objects<'_> {
    fn known(&self, plan: PlanId, node: NodeId) -> Option<bool> {
        // Of a plan that leads nowhere but to the answer the walk keeps no book.
        let place = self.inverse.place_of(plan).filter(|place| !self.inverse.steps(*place).is_empty())?;
        self.waves.holds((place.0, node))
    }
}

struct Backward<'w, 'a> {
    walk: &'w mut Walk<'a>,
    inverse: &'w Inverse,
    waves: Waves,
    found: Found,
}

impl Backward<'_, '_> {
    fn reach(&mut self, place: Place, node: NodeId, sure: bool) {
        let asked = place == Place::ASKED;
        if self.inverse.steps(place).is_empty() {
            // Nothing hangs on it but the answer, and an answer may come twice.
            if asked {
                self.found.push((node, sure));
            }
        } else if self.waves.push((place.0, node), sure) && asked && self.waves.is_sure() {
            self.found.push((node, true));
        }
    }

    fn edges(&mut self, node: NodeId, class: ClassId, to: Place, sure: bool) -> Result<(), Stopped> {
        let sight = self.walk.world.sight;
        let mut outcome = Ok(());
        let _ = sight.each_end(Direction::Backward, node, class, |object, found| {
            let mut spent = 1;
            let holds = match self.walk.world.standing(object, class, node, found) {
                Standing::Counts => Ok(Tri::Yes),
                Standing::Not => Ok(Tri::No),
                Standing::If(qualifier) => self.walk.caveat(&qualifier, &mut spent),
            };
            outcome = holds.and_then(|holds| {
                match holds {
                    Tri::Yes => self.reach(to, object, sure),
                    Tri::No => {}
                    Tri::NotHere => self.reach(to, object, false),
                }
                self.waves.charge(self.walk, spent)
            });
            if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        outcome
    }
}
