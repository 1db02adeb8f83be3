//! Which groups the subject is in, found by going up from it (Leopard, Zanzibar §3.2.4): once for all groups that a question meets.

use std::ops::ControlFlow;

use smallvec::SmallVec;

use super::walk::{Standing, Walk};
use crate::eval::Stopped;
use crate::graph::ids::{Direction, NodeId, RelationId};
use crate::graph::vocabulary::Kind;

/// A relation of an object all of whose members are found from below.
pub(super) type Group = (NodeId, RelationId);

/// Whether the subject is in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Yes,
    No,
    /// A membership or nesting on the way hangs on a caveat: the group must be walked.
    Unsure,
}

/// See the module.
#[derive(Default)]
pub(super) struct Members {
    begun: bool,
    few: SmallVec<[Group; 32]>,
    many: hashbrown::HashSet<Group, foldhash::fast::FixedState>,
    pending: SmallVec<[Group; 16]>,
    unsure: bool,
}

impl Members {
    /// Whether the subject is in a group. Goes on from where the last question stopped. O(groups not yet looked at).
    pub(super) fn contains(&mut self, walk: &mut Walk<'_>, group: Group) -> Result<Member, Stopped> {
        if !self.begun {
            self.begun = true;
            self.begin(walk);
        }
        if self.has(group) {
            return Ok(Member::Yes);
        }
        while let Some(next) = self.pending.pop() {
            walk.look()?;
            self.climb(walk, next);
            if self.has(group) {
                return Ok(Member::Yes);
            }
        }
        Ok(if self.unsure { Member::Unsure } else { Member::No })
    }

    /// The groups that name the subject, or the wildcard of its type; a userset is in itself.
    fn begin(&mut self, walk: &Walk<'_>) {
        let asked = walk.asked;
        if let Kind::Userset(relation) = asked.kind {
            self.insert((asked.node, relation));
            return;
        }
        self.up(walk, asked.node, asked.kind);
        if let Some(wildcard) = asked.wildcard {
            self.up(walk, wildcard, Kind::Wildcard);
        }
    }

    fn climb(&mut self, walk: &Walk<'_>, (node, relation): Group) {
        self.up(walk, node, Kind::Userset(relation));
    }

    fn up(&mut self, walk: &Walk<'_>, node: NodeId, kind: Kind) {
        let type_id = match kind {
            Kind::Userset(_) if node != walk.asked.node => walk.sight.type_of(node),
            Kind::Userset(_) | Kind::Object | Kind::Wildcard => Some(walk.asked.type_id),
        };
        for group in type_id.map_or(&[][..], |type_id| walk.plans.groups_of(type_id, kind)) {
            let _ = walk.sight.each_end(Direction::Backward, node, group.class, |object, found| {
                match walk.standing(object, group.class, node, found) {
                    Standing::Counts => self.insert((object, group.relation)),
                    Standing::Not => {}
                    Standing::If(_) => self.unsure = true,
                }
                ControlFlow::Continue(())
            });
        }
    }

    fn has(&self, group: Group) -> bool {
        self.few.contains(&group) || !self.many.is_empty() && self.many.contains(&group)
    }

    fn insert(&mut self, group: Group) {
        if self.has(group) {
            return;
        }
        if self.few.len() < 32 {
            self.few.push(group);
        } else {
            self.many.insert(group);
        }
        self.pending.push(group);
    }
}
