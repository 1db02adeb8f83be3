//! The compiled schema as a graph: relations and permissions are nodes, and an edge says that one is defined through another.
//!
//! Recursion, reachability and dead parts are read from it. It knows shapes only, no tuples. Building it takes O(n log n) in the size
//! of the schema and the edges; every question is linear in the graph. Nothing here recurses on the call stack.

mod dot;
mod sets;

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeRef};

pub(crate) use sets::{NodeSets, possible_sets, union_sets};

use crate::ir::{Name, Relation, Rewrite, Schema, SubjectShape};

/// A relation or permission of a type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationNode {
    /// The type.
    pub object_type: Name,
    /// The relation or permission.
    pub relation: Name,
}

/// `document#view`.
impl std::fmt::Display for RelationNode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}#{}", self.object_type, self.relation)
    }
}

/// In which way one relation is defined through another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DependencyKind {
    /// It names the other one, of the same object.
    Computed,
    /// Its arrow follows the other one's tuples.
    Tupleset,
    /// Its arrow asks for the other one.
    Target,
    /// Its tuples may have usersets of the other one as subjects.
    Userset,
}

/// An edge: the source is defined through the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dependency {
    /// In which way.
    pub kind: DependencyKind,
    /// Whether the target is (part of) what an exclusion takes away.
    pub subtracted: bool,
}

/// The graph of a schema's relations and permissions.
#[derive(Debug, Clone)]
pub struct RelationGraph {
    graph: DiGraph<RelationNode, Dependency>,
    index: BTreeMap<RelationNode, NodeIndex>,
}

impl RelationGraph {
    /// The graph of `schema`.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let mut graph = DiGraph::new();
        let mut index = BTreeMap::new();
        for definition in schema.definitions.values() {
            for relation in definition.relations.keys() {
                let node = RelationNode { object_type: definition.name.clone(), relation: relation.clone() };
                index.insert(node.clone(), graph.add_node(node));
            }
        }
        let mut built = Self { graph, index };
        for definition in schema.definitions.values() {
            for relation in definition.relations.values() {
                for (target, dependency) in dependencies(schema, &definition.name, relation) {
                    built.add_edge(&definition.name, &relation.name, &target, dependency);
                }
            }
        }
        built
    }

    fn add_edge(&mut self, object_type: &Name, relation: &Name, target: &RelationNode, dependency: Dependency) {
        let source = RelationNode { object_type: object_type.clone(), relation: relation.clone() };
        if let (Some(source), Some(target)) = (self.index.get(&source), self.index.get(target)) {
            self.graph.add_edge(*source, *target, dependency);
        }
    }

    /// The groups of relations that are defined through each other, or one through itself; sorted.
    #[must_use]
    pub fn recursive(&self) -> Vec<Vec<RelationNode>> {
        let mut groups: Vec<Vec<RelationNode>> = self
            .components()
            .into_iter()
            .filter(|group| self.is_recursive(group))
            .map(|group| {
                let mut nodes: Vec<RelationNode> = group.iter().filter_map(|node| self.graph.node_weight(*node).cloned()).collect();
                nodes.sort();
                nodes
            })
            .collect();
        groups.sort();
        groups
    }

    /// The relations that subtract something defined through themselves: only those can meet a paradox. Sorted.
    #[must_use]
    pub fn subtracting_themselves(&self) -> Vec<RelationNode> {
        let component = self.component_of();
        let closing = self.graph.edge_references().filter(|edge| {
            let (source, target) = (component.get(edge.source().index()), component.get(edge.target().index()));
            edge.weight().subtracted && edge.weight().kind != DependencyKind::Tupleset && source == target
        });
        let nodes: BTreeSet<RelationNode> = closing.filter_map(|edge| self.graph.node_weight(edge.source()).cloned()).collect();
        nodes.into_iter().collect()
    }

    /// Everything that `node` is defined through, itself included; empty where the schema has no such relation.
    #[must_use]
    pub fn reachable(&self, node: &RelationNode) -> BTreeSet<RelationNode> {
        let Some(start) = self.index.get(node) else { return BTreeSet::new() };
        let mut search = Dfs::new(&self.graph, *start);
        let mut found = BTreeSet::new();
        while let Some(next) = search.next(&self.graph) {
            found.extend(self.graph.node_weight(next).cloned());
        }
        found
    }

    /// What `node` is directly defined through, and how; sorted.
    #[must_use]
    pub fn dependencies(&self, node: &RelationNode) -> Vec<(RelationNode, Dependency)> {
        let Some(source) = self.index.get(node) else { return Vec::new() };
        let edges = self.graph.edges(*source);
        let mut found: Vec<_> = edges.filter_map(|edge| Some((self.graph.node_weight(edge.target())?.clone(), *edge.weight()))).collect();
        found.sort();
        found
    }

    /// What is directly defined through `node`; sorted.
    #[must_use]
    pub fn dependents(&self, node: &RelationNode) -> Vec<RelationNode> {
        let Some(target) = self.index.get(node) else { return Vec::new() };
        let sources = self.graph.neighbors_directed(*target, petgraph::Direction::Incoming);
        let found: BTreeSet<RelationNode> = sources.filter_map(|source| self.graph.node_weight(source).cloned()).collect();
        found.into_iter().collect()
    }

    /// The relations of `schema` that nothing else is defined through: they hold tuples that no permission looks at. Sorted.
    ///
    /// Such a relation is not wrong (applications may ask for it directly), but worth a look.
    #[must_use]
    pub fn dead(&self, schema: &Schema) -> Vec<RelationNode> {
        let unused = self.index.iter().filter(|(node, index)| {
            let is_relation = schema.relation(&node.object_type, &node.relation).is_some_and(|relation| !relation.direct.is_empty());
            let mut sources = self.graph.neighbors_directed(**index, petgraph::Direction::Incoming);
            is_relation && sources.all(|source| source == **index)
        });
        unused.map(|(node, _)| node.clone()).collect()
    }

    /// For each node the number of its circle: nodes with the same number are defined through each other.
    pub(crate) fn circles(&self) -> BTreeMap<&RelationNode, usize> {
        let numbers = self.component_of();
        self.index.iter().filter_map(|(node, index)| Some((node, *numbers.get(index.index())?))).collect()
    }

    /// Strongly connected components, each after those it is defined through.
    fn components(&self) -> Vec<Vec<NodeIndex>> {
        kosaraju_scc(&self.graph)
    }

    /// The number of each node's component, by node index.
    fn component_of(&self) -> Vec<usize> {
        let mut numbers = vec![0; self.graph.node_count()];
        for (number, group) in self.components().iter().enumerate() {
            for node in group {
                if let Some(slot) = numbers.get_mut(node.index()) {
                    *slot = number;
                }
            }
        }
        numbers
    }

    fn is_recursive(&self, group: &[NodeIndex]) -> bool {
        match group {
            [single] => self.graph.contains_edge(*single, *single),
            _ => true,
        }
    }
}

/// What one relation is directly defined through, each way once.
fn dependencies(schema: &Schema, object_type: &Name, relation: &Relation) -> BTreeSet<(RelationNode, Dependency)> {
    let mut found = BTreeSet::new();
    for subject in &relation.direct {
        if let SubjectShape::Userset(name) = &subject.shape {
            let node = RelationNode { object_type: subject.object_type.clone(), relation: name.clone() };
            found.insert((node, Dependency { kind: DependencyKind::Userset, subtracted: false }));
        }
    }
    let mut arrows: BTreeSet<(&Name, &Name, bool)> = BTreeSet::new();
    let mut open = vec![(&relation.rewrite, false)];
    while let Some((rewrite, subtracted)) = open.pop() {
        match rewrite {
            Rewrite::Direct | Rewrite::Nil | Rewrite::SelfObject => {}
            Rewrite::Computed(name) => {
                let node = RelationNode { object_type: object_type.clone(), relation: name.clone() };
                found.insert((node, Dependency { kind: DependencyKind::Computed, subtracted }));
            }
            Rewrite::Arrow { tupleset, target, quantifier: _ } => {
                arrows.insert((tupleset, target, subtracted));
            }
            Rewrite::Union(operands) | Rewrite::Intersection(operands) => {
                open.extend(operands.iter().map(|operand| (operand, subtracted)));
            }
            Rewrite::Exclusion { base, subtract } => {
                open.push((base, subtracted));
                open.push((subtract, true));
            }
        }
    }
    for (tupleset, target, subtracted) in arrows {
        let node = RelationNode { object_type: object_type.clone(), relation: tupleset.clone() };
        found.insert((node, Dependency { kind: DependencyKind::Tupleset, subtracted }));
        let types: BTreeSet<&Name> = schema.relation(object_type, tupleset).into_iter().flat_map(tupleset_types).collect();
        for subject_type in types {
            if schema.relation(subject_type, target).is_some() {
                let node = RelationNode { object_type: subject_type.clone(), relation: target.clone() };
                found.insert((node, Dependency { kind: DependencyKind::Target, subtracted }));
            }
        }
    }
    found
}

/// The types of the objects that a relation's tuples lead to.
fn tupleset_types(relation: &Relation) -> impl Iterator<Item = &Name> {
    let followed = relation.direct.iter().filter(|subject| subject.shape != SubjectShape::Wildcard);
    followed.map(|subject| &subject.object_type)
}

#[cfg(test)]
mod tests;
