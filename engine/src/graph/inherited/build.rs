//! Building the index: a small search from each node that an arrow leads to.

use super::line::{Parts, key_of, lay_out};
use super::{Inheritance, LinkTo, LinkedPlan, Links};
use crate::graph::ids::{Direction, NodeId};
use crate::graph::read::Image;
use crate::graph::{From, Graph};
use crate::words::Words;

/// So many nodes of one line, at most.
const MAX_NODES: usize = 48;
/// So many words of parts, at most.
const MAX_WORDS: usize = 128;

/// One edge of so many has a line, at most.
const SHARE_LINES: u64 = 8;
/// So many lines there may be whatever the number of edges.
const MIN_LINES: u64 = 4_096;

/// So many looks at a node are taken for each edge, at most.
const LOOKS_PER_EDGE: u64 = 8;

/// A plan to be tried at a node.
type Atom = (usize, NodeId);

impl Graph {
    /// An index of these links, as of this revision. O(nodes + lines), bounded by the number of edges.
    pub(super) fn built_inheritance(&self, links: Links) -> Inheritance {
        let edges = self.core.base.edges();
        let most = usize::try_from((edges / SHARE_LINES).max(MIN_LINES)).unwrap_or(usize::MAX);
        let mut looks = edges.saturating_mul(LOOKS_PER_EDGE).saturating_add(1 << 20);
        let (mut lines, mut spilled) = (Vec::new(), Vec::new());
        let mut search = Search { graph: self, links: &links, atoms: Vec::new(), parts: Parts::default() };
        let targets = links.plans.iter().enumerate().filter(|(_, plan)| plan.is_target && plan.leads_on());
        'all: for (place, plan) in targets {
            for node in self.nodes_from(plan.object_type, From::Start) {
                let found = search.parts_of(place, node);
                looks = looks.saturating_sub(search.atoms.len() as u64);
                if found.is_some() {
                    lines.push(search.parts.line([node.0, key_of(plan.number)], &mut spilled));
                }
                if looks == 0 || lines.len() == most {
                    break 'all;
                }
            }
        }
        let (taken, revision) = (lines.len(), self.revision);
        Inheritance { revision, lines: Words::settled(lay_out(&lines)), spilled: Words::settled(spilled), taken, links }
    }
}

impl LinkedPlan {
    fn leads_on(&self) -> bool {
        self.links.iter().any(|link| matches!(link.to, LinkTo::On(_)))
    }
}

struct Search<'a> {
    graph: &'a Graph,
    links: &'a Links,
    atoms: Vec<Atom>,
    parts: Parts,
}

impl Search<'_> {
    /// Finds the parts of a plan at a node; `None`: it has no line, because it leads nowhere, too far, or along an edge that is not plain.
    fn parts_of(&mut self, plan: usize, node: NodeId) -> Option<()> {
        self.atoms.clear();
        let Parts { nodes, subjects, groups, cost } = &mut self.parts;
        nodes.clear();
        subjects.clear();
        groups.clear();
        *cost = 0;
        self.atoms.push((plan, node));
        let mut place = 0;
        while let Some((plan, node)) = self.atoms.get(place).copied() {
            place += 1;
            self.atom(plan, node)?;
            if self.atoms.len() > MAX_NODES || self.parts.len() > MAX_WORDS {
                return None;
            }
        }
        if self.atoms.len() < 2 {
            return None;
        }
        let above = self.atoms.iter().map(|(_, other)| other.0).filter(|other| *other != node.0);
        self.parts.nodes.extend(above);
        for part in [&mut self.parts.nodes, &mut self.parts.subjects] {
            part.sort_unstable();
            part.dedup();
        }
        self.parts.groups.sort_unstable();
        self.parts.groups.dedup();
        let fits = [self.parts.nodes.len(), self.parts.subjects.len(), self.parts.groups.len()].iter().all(|len| *len <= 127);
        (fits && self.parts.len() <= MAX_WORDS).then_some(())
    }

    fn atom(&mut self, plan: usize, node: NodeId) -> Option<()> {
        let plan = self.links.plans.get(plan)?;
        let mut cost = 1 + plan.operations;
        for link in &plan.links {
            for (other, image) in self.graph.ends(Direction::Forward, node, link.class) {
                self.graph.expect_node(other);
                match image {
                    Image::Plain if link.plain => {}
                    Image::Plain => continue,
                    Image::InSegment(_) | Image::InOverlay(_) | Image::AtObject => return None,
                }
                match link.to {
                    LinkTo::Subject => self.parts.subjects.push(other.0),
                    LinkTo::Group(kind) => {
                        cost += 1;
                        self.parts.groups.push((other.0, kind));
                    }
                    LinkTo::On(plan) => {
                        cost += 1;
                        if !self.atoms.contains(&(plan, other)) {
                            self.atoms.push((plan, other));
                        }
                    }
                }
                if self.atoms.len() > MAX_NODES || self.parts.len() > MAX_WORDS {
                    return None;
                }
            }
        }
        self.parts.cost = self.parts.cost.saturating_add(cost);
        Some(())
    }
}
