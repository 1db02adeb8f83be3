//! Building the index: a small search from each node that an arrow leads to.

use std::collections::HashSet;
use std::sync::Arc;

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

/// One edge of so many has a line, at most: 16 bytes for each edge.
const SHARE_LINES: u64 = 8;
/// So many lines there may be whatever the number of edges.
const MIN_LINES: u64 = 4_096;

/// So many words are spilled for each edge, at most, and so many whatever the number of edges.
const SPILLED_PER_EDGE: u64 = 1;
const MIN_SPILLED: u64 = 1 << 16;

/// So many nodes and edges are looked at for each edge, at most, and so many whatever the number of edges.
const LOOKS_PER_EDGE: u64 = 8;
const MIN_LOOKS: u64 = 1 << 20;

/// A plan to be tried at a node.
type Atom = (usize, NodeId);

impl Graph {
    /// An index of these links, as of this revision. O(nodes + lines), bounded by the number of edges.
    pub(super) fn built_inheritance(&self, links: Arc<Links>) -> Inheritance {
        let edges = self.core.base.edges();
        let bound = |each: u64, least: u64| usize::try_from(each.max(least)).unwrap_or(usize::MAX);
        let most = bound(edges / SHARE_LINES, MIN_LINES);
        let most_spilled = bound(edges.saturating_mul(SPILLED_PER_EDGE), MIN_SPILLED);
        let most_looks = edges.saturating_mul(LOOKS_PER_EDGE).saturating_add(MIN_LOOKS);
        let (mut lines, mut spilled) = (Vec::new(), Vec::new());
        let mut search = Search::new(self, &links);
        let targets = links.plans.iter().enumerate().filter(|(_, plan)| plan.is_target && plan.leads_on());
        'all: for (place, plan) in targets {
            for node in self.nodes_from(plan.object_type, From::Start) {
                if search.parts_of(place, node).is_some() {
                    lines.push(search.parts.line([node.0, key_of(plan.number)], &mut spilled));
                }
                if search.looks > most_looks || lines.len() == most || spilled.len() > most_spilled {
                    break 'all;
                }
            }
        }
        let (looks, revision) = (search.looks, self.revision);
        Inheritance { revision, lines: Words::settled(lay_out(&lines)), spilled: Words::settled(spilled), looks, links }
    }
}

impl LinkedPlan {
    fn leads_on(&self) -> bool {
        self.links.iter().any(|link| matches!(link.to, LinkTo::On(_)))
    }
}

pub(super) struct Search<'a> {
    graph: &'a Graph,
    links: &'a Links,
    atoms: Vec<Atom>,
    /// What was found.
    pub(super) parts: Parts,
    /// What has too many edges by itself, or one that is not plain: found out once, not once for each node below.
    too_many: HashSet<Atom, foldhash::fast::FixedState>,
    /// Nodes and edges looked at.
    looks: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(graph: &'a Graph, links: &'a Links) -> Self {
        Self { graph, links, atoms: Vec::new(), parts: Parts::default(), too_many: HashSet::default(), looks: 0 }
    }

    /// Finds the parts of a plan at a node; `None`: it has no line, because it leads nowhere, too far, or along an edge that is not plain.
    pub(super) fn parts_of(&mut self, plan: usize, node: NodeId) -> Option<()> {
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
            if self.too_many.contains(&(plan, node)) {
                return None;
            }
            if self.atom(plan, node).is_none() {
                self.too_many.insert((plan, node));
                return None;
            }
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

    /// Adds what a plan finds at one node; `None`: that is too much, or not plain.
    fn atom(&mut self, plan: usize, node: NodeId) -> Option<()> {
        let plan = self.links.plans.get(plan)?;
        let (mut cost, mut edges) = (1 + plan.operations, 0);
        self.looks += 1;
        for class in self.graph.classes(Direction::Forward, node) {
            let begin = plan.links.partition_point(|link| link.class < class);
            let links = plan.links.get(begin..).unwrap_or_default();
            let links = links.get(..links.partition_point(|link| link.class == class)).unwrap_or_default();
            if links.is_empty() {
                continue;
            }
            let ends = self.graph.ends(Direction::Forward, node, class);
            self.looks += ends.most().min(MAX_WORDS) as u64;
            if ends.most() > MAX_WORDS {
                return None;
            }
            for (other, image) in ends {
                self.graph.expect_node(other);
                for link in links {
                    match image {
                        Image::Plain if link.plain => {}
                        Image::Plain => continue,
                        Image::InSegment(_) | Image::InOverlay(_) | Image::AtObject => return None,
                    }
                    edges += 1;
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
                }
                if edges > MAX_WORDS {
                    return None;
                }
            }
        }
        self.parts.cost = self.parts.cost.saturating_add(cost);
        Some(())
    }
}
