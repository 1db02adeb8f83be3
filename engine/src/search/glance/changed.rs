//! The edges of a node that somebody has just changed, or that the request brings along.

use smallvec::SmallVec;

use super::super::sight::Sight;
use super::{FEW, GiveUp};
use crate::graph::ids::{ClassId, Direction, NodeId};
use crate::graph::segment::Record;

/// What an edge is by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Plain,
    Qualified,
}

/// Edges of a node that are not as its record has them: what each is by now, if it is there.
pub(super) type Changed = SmallVec<[(ClassId, NodeId, Option<Standing>); FEW]>;

/// What is otherwise at a node than its record has it. O(log changes).
///
/// # Errors
/// When that is more than a few edges: a node may have changed thousands of times since the base, and the search asks for single ones.
#[inline(never)]
pub(super) fn of(sight: &Sight<'_>, direction: Direction, node: NodeId) -> Result<Changed, GiveUp> {
    let standing = |is_qualified| if is_qualified { Standing::Qualified } else { Standing::Plain };
    let stored = sight.graph.changed(direction, node);
    let mut changed = Changed::new();
    for (class, end, is_qualified) in stored {
        if changed.len() == FEW {
            return Err(GiveUp);
        }
        changed.push((class, end, is_qualified.map(standing)));
    }
    for (edge, qualifier) in sight.extra.into_iter().flat_map(|extra| extra.of_node(direction, node)) {
        // What the request says counts, whatever is stored.
        changed.retain(|(class, end, _)| (*class, *end) != (edge.class, edge.other));
        if changed.len() == FEW {
            return Err(GiveUp);
        }
        changed.push((edge.class, edge.other, Some(standing(qualifier.is_some()))));
    }
    Ok(changed)
}

/// Visits the ends of a node's edges of one class, of which some changed.
///
/// # Errors
/// Those of the visit, and where it takes too long to tell.
#[inline]
pub(super) fn each(
    changed: &Changed,
    record: Option<Record<'_>>,
    direction: Direction,
    class: ClassId,
    mut visit: impl FnMut(NodeId, Standing) -> Result<(), GiveUp>,
) -> Result<(), GiveUp> {
    let runs = record.map(|record| record.runs(direction)).unwrap_or_default();
    for run in runs.filter(|run| run.class == class) {
        // Each end is looked for among what changed.
        if run.ends.len() > FEW {
            return Err(GiveUp);
        }
        let standing = if run.qualified { Standing::Qualified } else { Standing::Plain };
        for end in run.ends {
            if !changed.iter().any(|(other, changed, _)| *other == class && changed.0 == *end) {
                visit(NodeId(*end), standing)?;
            }
        }
    }
    for (_, end, standing) in changed.iter().filter(|(other, ..)| *other == class) {
        if let Some(standing) = standing {
            visit(*end, *standing)?;
        }
    }
    Ok(())
}
