//! Finding tuples in a state, always in key order (object, relation, subject, as bytes). What cannot be read is left out, and
//! [`State::intact`] says so from then on.

use std::sync::Arc;

use super::{DamagedPart, Shape, State};
use crate::filter::{IdMatch, SubjectRelationMatch, TupleFilter};
use crate::graph::From;
use crate::graph::ids::{ClassId, Direction, NodeId, TypeId};
use crate::graph::read::Image;
use crate::graph::vocabulary::{Class, Kind};
use crate::tuple::{Id, ObjectRef, Tuple, TupleKey};

type Tuples<'a> = Box<dyn Iterator<Item = Arc<Tuple>> + 'a>;

/// An edge of a node, with what its place among the others depends on.
struct Found {
    /// What comes before the other end in a key, as a place among the edges found.
    major: usize,
    /// Where the other end stands among the nodes of its type.
    rank: u64,
    /// What comes behind it.
    minor: usize,
    class: ClassId,
    other: NodeId,
    image: Image,
}

impl State {
    /// The tuple with this key. O(log n).
    #[must_use]
    pub fn get(&self, key: &TupleKey) -> Option<Arc<Tuple>> {
        self.graph.tuple(key).map(Arc::new)
    }

    /// The revision that the tuple with this key came with, or was last replaced with; `None`: there is no such tuple, or it was loaded
    /// from where that was not kept. O(log n).
    #[must_use]
    pub fn revision_of(&self, key: &TupleKey) -> Option<u64> {
        let (object, class, subject) = self.graph.ends_of(key)?;
        self.graph.revision_of(object, class, subject).filter(|revision| *revision > 0)
    }

    /// All tuples, in key order.
    pub fn tuples(&self) -> impl Iterator<Item = Arc<Tuple>> {
        self.types()
            .into_iter()
            .flat_map(|type_id| self.graph.nodes_from(type_id, From::Start))
            .flat_map(|node| self.of_object(node, |_| true))
    }

    /// The tuples of a relation of an object, in key order. O(log n + found log found).
    pub fn relation_tuples<'a>(&'a self, object: &ObjectRef, relation: &str) -> impl Iterator<Item = Arc<Tuple>> + use<'a> {
        self.of_relation(object, relation, None)
    }

    /// Those of [`State::relation_tuples`] whose subject is of this type.
    pub fn relation_tuples_of_type<'a>(
        &'a self,
        object: &ObjectRef,
        relation: &str,
        subject_type: &str,
    ) -> impl Iterator<Item = Arc<Tuple>> + use<'a> {
        self.of_relation(object, relation, Some(subject_type))
    }

    fn of_relation(&self, object: &ObjectRef, relation: &str, subject_type: Option<&str>) -> Tuples<'_> {
        let vocabulary = self.graph.vocabulary();
        let type_id = vocabulary.type_id(object.object_type());
        let node = type_id.and_then(|type_id| self.graph.find(type_id, object.id()));
        let (Some(node), Some(relation)) = (node, vocabulary.relation_id(relation)) else { return Box::new(std::iter::empty()) };
        match subject_type.map(|name| vocabulary.type_id(name)) {
            None => Box::new(self.of_object(node, move |class| class.relation == relation)),
            Some(Some(of)) => Box::new(self.of_object(node, move |class| class.relation == relation && class.subject_type == of)),
            Some(None) => Box::new(std::iter::empty()),
        }
    }

    /// The ids after `after` of the objects of a type that some tuple names, as object or as (the object of a) subject, in byte
    /// order, each once. O(log n + found).
    pub fn object_ids<'a>(&'a self, object_type: &str, after: Option<&str>) -> impl Iterator<Item = Id> + use<'a> {
        let type_id = self.graph.vocabulary().type_id(object_type);
        let from = after.map_or(From::Start, From::After);
        let nodes = type_id.map(|type_id| self.graph.nodes_from(type_id, from));
        nodes.into_iter().flatten().filter(|node| self.graph.is_named(*node)).filter_map(|node| {
            let (_, id) = self.graph.name(node)?;
            (id != "*").then(|| Id::from(id))
        })
    }

    /// The tuples that a filter means, from the one after `after` on, in key order. A filter that fixes the object's type, or type and
    /// id of the subject, is answered from the edges of these, O(log n + found log found); others look at every tuple.
    pub fn scan<'a>(&'a self, filter: &'a TupleFilter, after: Option<&'a TupleKey>) -> impl Iterator<Item = Arc<Tuple>> + use<'a> {
        let candidates: Tuples<'a> = match (&filter.object_type, &filter.subject_type, &filter.subject_id) {
            (None, Some(subject_type), Some(subject_id)) => self.scan_subject(filter, subject_type, subject_id),
            (Some(_), _, _) | (None, None, _) | (None, Some(_), None) => self.scan_objects(filter, after),
        };
        candidates.filter(move |tuple| filter.matches(&tuple.key) && after.is_none_or(|after| tuple.key > *after))
    }

    /// A tuple of a shape, if there is one: an example for people.
    #[must_use]
    pub fn example_of(&self, shape: &Shape) -> Option<Arc<Tuple>> {
        let filter = TupleFilter {
            object_type: Some(shape.object_type.clone()),
            relation: Some(shape.relation.clone()),
            subject_type: Some(shape.subject.object_type.clone()),
            ..TupleFilter::default()
        };
        self.scan(&filter, None).find(|tuple| Shape::of(tuple) == *shape)
    }

    fn scan_objects<'a>(&'a self, filter: &'a TupleFilter, after: Option<&'a TupleKey>) -> Tuples<'a> {
        let vocabulary = self.graph.vocabulary();
        let types = match &filter.object_type {
            Some(object_type) => vocabulary.type_id(object_type).into_iter().collect(),
            None => self.types(),
        };
        let relation = filter.relation.as_ref().map(|relation| vocabulary.relation_id(relation));
        let after = after.map(TupleKey::object);
        let nodes = types.into_iter().flat_map(move |type_id| -> Box<dyn Iterator<Item = NodeId> + 'a> {
            let name = vocabulary.type_name(type_id);
            let reached = match (after, name) {
                (Some(after), Some(name)) if after.object_type() > name => return Box::new(std::iter::empty()),
                (Some(after), Some(name)) if after.object_type() == name => Some(&**after.id()),
                (Some(_) | None, _) => None,
            };
            match &filter.object_id {
                Some(IdMatch::Is(id)) => Box::new(self.graph.find(type_id, id).into_iter()),
                Some(IdMatch::Prefix(prefix)) => {
                    let from = reached.filter(|id| *id > prefix.as_str()).unwrap_or(prefix);
                    let begins = move |node: &NodeId| self.graph.name(*node).is_some_and(|(_, id)| id.starts_with(prefix.as_str()));
                    Box::new(self.graph.nodes_from(type_id, From::At(from)).take_while(begins))
                }
                None => Box::new(self.graph.nodes_from(type_id, reached.map_or(From::Start, From::At))),
            }
        });
        Box::new(
            nodes.flat_map(move |node| self.of_object(node, move |class| relation.is_none_or(|relation| relation == Some(class.relation)))),
        )
    }

    fn scan_subject<'a>(&'a self, filter: &TupleFilter, subject_type: &str, subject_id: &str) -> Tuples<'a> {
        let vocabulary = self.graph.vocabulary();
        let node = vocabulary.type_id(subject_type).and_then(|type_id| self.graph.find(type_id, subject_id));
        let Some(node) = node else { return Box::new(std::iter::empty()) };
        let relation = match &filter.subject_relation {
            None => None,
            Some(SubjectRelationMatch::None) => Some(None),
            Some(SubjectRelationMatch::Is(name)) => match vocabulary.relation_id(name) {
                None => return Box::new(std::iter::empty()),
                relation => Some(relation),
            },
        };
        let wanted = |class: &Class| {
            let of = match class.kind {
                Kind::Userset(relation) => Some(relation),
                Kind::Object | Kind::Wildcard => None,
            };
            relation.is_none_or(|relation| relation == of)
        };
        let found = self.found(Direction::Backward, node, wanted);
        Box::new(found.into_iter().filter_map(move |found| self.graph.tuple_of(found.other, found.class, node, found.image)).map(Arc::new))
    }

    /// The types, by name.
    fn types(&self) -> Vec<TypeId> {
        let vocabulary = self.graph.vocabulary();
        let mut types: Vec<TypeId> = (0..).map(TypeId).take(vocabulary.types().len()).collect();
        types.sort_by_key(|type_id| vocabulary.type_name(*type_id));
        types
    }

    /// The tuples of an object that are of wanted classes, in key order.
    fn of_object<'a, W: Fn(&Class) -> bool>(&'a self, node: NodeId, wanted: W) -> impl Iterator<Item = Arc<Tuple>> + use<'a, W> {
        let found = self.found(Direction::Forward, node, wanted);
        found.into_iter().filter_map(move |found| self.graph.tuple_of(node, found.class, found.other, found.image)).map(Arc::new)
    }

    /// The edges of a node that are of wanted classes, in the order of their keys.
    fn found(&self, direction: Direction, node: NodeId, wanted: impl Fn(&Class) -> bool) -> Vec<Found> {
        let vocabulary = self.graph.vocabulary();
        let mut classes: Vec<(ClassId, [&str; 4])> = Vec::new();
        for id in self.graph.classes(direction, node) {
            let Some(class) = vocabulary.class(id) else {
                self.graph.note(DamagedPart::Relation, Some(node), None);
                continue;
            };
            if !wanted(class) {
                continue;
            }
            let relation = vocabulary.relation_name(class.relation).map_or("", |name| &**name);
            let of = match class.kind {
                Kind::Userset(relation) => vocabulary.relation_name(relation).map_or("", |name| &**name),
                Kind::Object | Kind::Wildcard => "",
            };
            let parts = match direction {
                Direction::Forward => [relation, vocabulary.type_name(class.subject_type).map_or("", |name| &**name), of, ""],
                Direction::Backward => [vocabulary.type_name(class.object_type).map_or("", |name| &**name), "", relation, of],
            };
            classes.push((id, parts));
        }
        classes.sort_unstable_by_key(|(_, parts)| *parts);
        let mut found = Vec::new();
        let mut major = 0;
        let mut before: Option<[&str; 2]> = None;
        for (minor, (class, [first, second, ..])) in classes.iter().enumerate() {
            if before.is_some_and(|before| before != [*first, *second]) {
                major += 1;
            }
            before = Some([*first, *second]);
            let ends = self.graph.ends(direction, node, *class);
            found.extend(ends.map(|(other, image)| Found { major, rank: self.graph.rank(other), minor, class: *class, other, image }));
        }
        let name = |found: &Found| self.graph.name(found.other).map(|(_, id)| id);
        found.sort_unstable_by(|a, b| {
            let nodes = (a.major, a.rank).cmp(&(b.major, b.rank));
            nodes.then_with(|| if a.other == b.other { a.minor.cmp(&b.minor) } else { name(a).cmp(&name(b)).then(a.other.cmp(&b.other)) })
        });
        found
    }
}
