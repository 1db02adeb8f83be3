//! Sets of subject kinds for every relation: which types its subjects can have.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::NodeIndex;
use petgraph::visit::{EdgeFiltered, EdgeRef};

use super::{Dependency, DependencyKind, RelationGraph, RelationNode, tupleset_types};
use crate::ir::{Name, Relation, Rewrite, Schema, SubjectShape};

/// Words of sets that [`possible_sets`] may touch before it gives up: well under a second.
const BUDGET_WORDS: usize = 30_000_000;

/// A set of small numbers, as bits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Bits(Vec<u64>);

impl Bits {
    fn empty(size: usize) -> Self {
        Bits(vec![0; size.div_ceil(64)])
    }

    fn full(size: usize) -> Self {
        Bits(vec![u64::MAX; size.div_ceil(64)])
    }

    fn insert(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / 64) {
            *word |= 1 << (number % 64);
        }
    }

    fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    fn unite(&mut self, other: &Bits) {
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    fn intersect(&mut self, other: &Bits) {
        for (word, keep) in self.0.iter_mut().zip(&other.0) {
            *word &= keep;
        }
    }
}

/// A set of subject kinds for each relation: types, and usersets that a tuple may name.
#[derive(Debug)]
pub(crate) struct NodeSets {
    universe: Universe,
    sets: BTreeMap<RelationNode, Bits>,
    budget: Budget,
}

/// Words of sets that may still be touched.
#[derive(Debug)]
struct Budget(Cell<usize>);

impl Budget {
    /// Takes the cost of one set; at the end of the budget nothing is left, and the results are not to be used.
    fn take(&self, universe: &Universe) {
        self.0.set(self.0.get().saturating_sub(universe.size() / 64 + 16));
    }

    fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

/// The numbers of the kinds of subjects: first the types, then the usersets that some relation allows.
#[derive(Debug)]
struct Universe {
    types: Vec<Name>,
    type_numbers: BTreeMap<Name, usize>,
    usersets: BTreeMap<RelationNode, usize>,
}

impl Universe {
    fn new(schema: &Schema) -> Self {
        let types: Vec<Name> = schema.definitions.keys().cloned().collect();
        let type_numbers = types.iter().enumerate().map(|(number, name)| (name.clone(), number)).collect();
        let mut usersets = BTreeMap::new();
        for relation in schema.definitions.values().flat_map(|definition| definition.relations.values()) {
            for subject in &relation.direct {
                if let SubjectShape::Userset(name) = &subject.shape {
                    let next = types.len() + usersets.len();
                    let node = RelationNode { object_type: subject.object_type.clone(), relation: name.clone() };
                    usersets.entry(node).or_insert(next);
                }
            }
        }
        Self { types, type_numbers, usersets }
    }

    fn size(&self) -> usize {
        self.types.len() + self.usersets.len()
    }
}

impl NodeSets {
    /// The types among the subjects of a relation.
    pub(crate) fn types(&self, node: &RelationNode) -> impl Iterator<Item = &Name> {
        let set = self.sets.get(node);
        let types = self.universe.types.iter().enumerate();
        types.filter(move |(number, _)| set.is_some_and(|set| set.contains(*number))).map(|(_, name)| name)
    }

    /// Whether a relation can have no subject at all.
    pub(crate) fn is_empty(&self, node: &RelationNode) -> bool {
        self.sets.get(node).is_none_or(Bits::is_empty)
    }

    /// Whether a part of a relation's rewrite can have no subject at all, given the sets of all relations. `false` where finding out
    /// would cost too much.
    pub(crate) fn is_empty_rewrite(&self, schema: &Schema, object_type: &Name, relation: &Relation, rewrite: &Rewrite) -> bool {
        if self.budget.is_spent() {
            return false;
        }
        let evaluator = Evaluator { schema, universe: &self.universe, object_type, budget: &self.budget };
        let empty = evaluator.rewrite(relation, rewrite, &|node| self.sets.get(node)).is_empty();
        empty && !self.budget.is_spent()
    }
}

/// Every type that a relation's definition mentions as a possible subject, operators aside: the sets of all that it is defined
/// through, joined. `with_subtracted`: whether what exclusions take away counts as well. Linear in the graph, times the set size.
pub(crate) fn union_sets(schema: &Schema, graph: &RelationGraph, with_subtracted: bool) -> NodeSets {
    let universe = Universe::new(schema);
    let follows = |dependency: &Dependency| dependency.kind != DependencyKind::Tupleset && (with_subtracted || !dependency.subtracted);
    let filtered = EdgeFiltered::from_fn(&graph.graph, |edge| follows(edge.weight()));
    let mut by_node: Vec<Option<std::rc::Rc<Bits>>> = vec![None; graph.graph.node_count()];
    for group in kosaraju_scc(&filtered) {
        let mut set = Bits::empty(universe.size());
        for node in &group {
            let Some(weight) = graph.graph.node_weight(*node) else { continue };
            own_types(schema, &universe, weight, with_subtracted, &mut set);
            for edge in graph.graph.edges(*node).filter(|edge| follows(edge.weight())) {
                if let Some(Some(target)) = by_node.get(edge.target().index()) {
                    set.unite(target);
                }
            }
        }
        let set = std::rc::Rc::new(set);
        for node in group {
            if let Some(slot) = by_node.get_mut(node.index()) {
                *slot = Some(set.clone());
            }
        }
    }
    let set_of = |index: &NodeIndex| by_node.get(index.index()).cloned().flatten().map(|set| (*set).clone());
    let sets = graph.index.iter().filter_map(|(node, index)| Some((node.clone(), set_of(index)?))).collect();
    NodeSets { universe, sets, budget: Budget(Cell::new(0)) }
}

/// The types that stand in a relation's own text: direct types, and its own type where it says `self`.
fn own_types(schema: &Schema, universe: &Universe, node: &RelationNode, with_subtracted: bool, set: &mut Bits) {
    let Some(relation) = schema.relation(&node.object_type, &node.relation) else { return };
    for subject in relation.direct.iter().filter(|subject| !matches!(subject.shape, SubjectShape::Userset(_))) {
        if let Some(number) = universe.type_numbers.get(&subject.object_type) {
            set.insert(*number);
        }
    }
    let mut open = vec![&relation.rewrite];
    while let Some(rewrite) = open.pop() {
        match rewrite {
            Rewrite::Direct | Rewrite::Nil | Rewrite::Computed(_) | Rewrite::Arrow { .. } => {}
            Rewrite::SelfObject => {
                if let Some(number) = universe.type_numbers.get(&node.object_type) {
                    set.insert(*number);
                }
            }
            Rewrite::Union(operands) | Rewrite::Intersection(operands) => open.extend(operands),
            Rewrite::Exclusion { base, subtract } => {
                open.push(base);
                if with_subtracted {
                    open.push(subtract);
                }
            }
        }
    }
}

/// The kinds of subjects that a relation can have at all, whatever the tuples: unions join, intersections cut, exclusions keep their
/// base. The least fixpoint, by a worklist; `None` where it would cost too much, which no schema written by people does.
pub(crate) fn possible_sets(schema: &Schema, graph: &RelationGraph) -> Option<NodeSets> {
    let universe = Universe::new(schema);
    let size = universe.size();
    let mut sets: BTreeMap<RelationNode, Bits> = graph.index.keys().map(|node| (node.clone(), Bits::empty(size))).collect();
    let mut queue: VecDeque<&RelationNode> = VecDeque::new();
    // Dependencies first, so that most sets are right at the first visit.
    for index in graph.components().into_iter().flatten() {
        queue.extend(graph.graph.node_weight(index));
    }
    let mut queued: std::collections::BTreeSet<&RelationNode> = queue.iter().copied().collect();
    let budget = Budget(Cell::new(BUDGET_WORDS));
    while let Some(node) = queue.pop_front() {
        queued.remove(node);
        let Some(relation) = schema.relation(&node.object_type, &node.relation) else { continue };
        let evaluator = Evaluator { schema, universe: &universe, object_type: &node.object_type, budget: &budget };
        let set = evaluator.rewrite(relation, &relation.rewrite, &|node| sets.get(node));
        if budget.is_spent() {
            return None;
        }
        if sets.get(node) == Some(&set) {
            continue;
        }
        sets.insert(node.clone(), set);
        let Some(index) = graph.index.get(node) else { continue };
        for source in graph.graph.neighbors_directed(*index, petgraph::Direction::Incoming) {
            if let Some(source) = graph.graph.node_weight(source)
                && queued.insert(source)
            {
                queue.push_back(source);
            }
        }
    }
    Some(NodeSets { universe, sets, budget })
}

struct Evaluator<'e> {
    schema: &'e Schema,
    universe: &'e Universe,
    object_type: &'e Name,
    budget: &'e Budget,
}

impl Evaluator<'_> {
    /// The set of a rewrite; an empty one once the budget is spent. As deep as the rewrite nests, which the compiler bounds.
    fn rewrite<'s>(&self, relation: &Relation, rewrite: &Rewrite, sets: &impl Fn(&RelationNode) -> Option<&'s Bits>) -> Bits {
        self.budget.take(self.universe);
        let mut set = Bits::empty(self.universe.size());
        if self.budget.is_spent() {
            return set;
        }
        match rewrite {
            Rewrite::Nil => {}
            Rewrite::SelfObject => self.insert_type(self.object_type, &mut set),
            Rewrite::Direct => self.direct(relation, sets, &mut set),
            Rewrite::Computed(name) => {
                let node = RelationNode { object_type: self.object_type.clone(), relation: name.clone() };
                if let Some(other) = sets(&node) {
                    set.unite(other);
                }
            }
            Rewrite::Arrow { tupleset, target, quantifier: _ } => {
                let types = self.schema.relation(self.object_type, tupleset).into_iter().flat_map(tupleset_types);
                for object_type in types {
                    self.budget.take(self.universe);
                    let node = RelationNode { object_type: object_type.clone(), relation: target.clone() };
                    if let Some(other) = sets(&node) {
                        set.unite(other);
                    }
                }
            }
            Rewrite::Union(operands) => operands.iter().for_each(|operand| set.unite(&self.rewrite(relation, operand, sets))),
            Rewrite::Intersection(operands) => {
                set = Bits::full(self.universe.size());
                operands.iter().for_each(|operand| set.intersect(&self.rewrite(relation, operand, sets)));
            }
            Rewrite::Exclusion { base, subtract: _ } => set = self.rewrite(relation, base, sets),
        }
        set
    }

    fn direct<'s>(&self, relation: &Relation, sets: &impl Fn(&RelationNode) -> Option<&'s Bits>, set: &mut Bits) {
        for subject in &relation.direct {
            self.budget.take(self.universe);
            match &subject.shape {
                SubjectShape::Object | SubjectShape::Wildcard => self.insert_type(&subject.object_type, set),
                SubjectShape::Userset(name) => {
                    let node = RelationNode { object_type: subject.object_type.clone(), relation: name.clone() };
                    if let Some(number) = self.universe.usersets.get(&node) {
                        set.insert(*number);
                    }
                    if let Some(other) = sets(&node) {
                        set.unite(other);
                    }
                }
            }
        }
    }

    fn insert_type(&self, object_type: &Name, set: &mut Bits) {
        if let Some(number) = self.universe.type_numbers.get(object_type) {
            set.insert(*number);
        }
    }
}
