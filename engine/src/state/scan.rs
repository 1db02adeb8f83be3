//! Finding tuples in a state, always in key order (object, relation, subject, as bytes).

use std::cmp::Ordering;
use std::iter::Peekable;
use std::sync::Arc;

use super::index::{ByObject, BySubject, KeyOrder, begins_with};
use super::{Shape, State};
use crate::filter::{IdMatch, SubjectRelationMatch, TupleFilter};
use crate::tuple::{Id, ObjectRef, Tuple, TupleKey};

type Tuples<'a> = Box<dyn Iterator<Item = &'a Arc<Tuple>> + 'a>;

impl State {
    /// The tuple with this key. O(log n).
    #[must_use]
    pub fn get(&self, key: &TupleKey) -> Option<&Arc<Tuple>> {
        self.by_object.get(key)
    }

    /// The tuples of a relation of an object, in key order. O(log n + found).
    pub fn relation_tuples<'a>(&'a self, object: &'a ObjectRef, relation: &'a str) -> impl Iterator<Item = &'a Arc<Tuple>> {
        self.by_object.scan([object.object_type(), object.id(), relation])
    }

    /// Those of [`State::relation_tuples`] whose subject is of this type.
    pub fn relation_tuples_of_type<'a>(
        &'a self,
        object: &'a ObjectRef,
        relation: &'a str,
        subject_type: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Tuple>> {
        self.by_object.scan([object.object_type(), object.id(), relation, subject_type])
    }

    /// The ids after `after` of the objects of a type that some tuple names, as object or as (the object of a) subject, in byte
    /// order, each once. O(log n) an id.
    pub fn object_ids<'a>(&'a self, object_type: &'a str, after: Option<&str>) -> impl Iterator<Item = Id> + use<'a> {
        let mut last: Option<Id> = after.map(Id::from);
        std::iter::from_fn(move || {
            loop {
                let next = self.next_id(object_type, last.as_deref())?;
                last = Some(Id::clone(&next));
                if &*next != "*" {
                    return Some(next);
                }
            }
        })
    }

    /// The first id of a type after `after`; `*`, which no object has, included.
    fn next_id(&self, object_type: &str, after: Option<&str>) -> Option<Id> {
        let as_object = match after {
            Some(after) => self.by_object.from(&[object_type, after], Ordering::Greater).next(),
            None => self.by_object.from(&[object_type], Ordering::Less).next(),
        };
        let as_subject = match after {
            Some(after) => self.by_subject.from(&[object_type, after], Ordering::Greater).next(),
            None => self.by_subject.from(&[object_type], Ordering::Less).next(),
        };
        let as_object = as_object.map(|t| t.key.object()).filter(|o| **o.object_type() == *object_type).map(ObjectRef::id);
        let as_subject = as_subject.map(|t| t.key.subject()).filter(|s| **s.object_type() == *object_type).map(|s| s.id());
        match (as_object, as_subject) {
            (Some(a), Some(b)) => Some(a.min(b).clone()),
            (a, b) => a.or(b).cloned(),
        }
    }

    /// The tuples that a filter means, from the one after `after` on, in key order. A filter that fixes the object's type, or type and
    /// id of the subject, is answered from an index, O(log n + found); others look at every tuple.
    pub fn scan<'a>(&'a self, filter: &'a TupleFilter, after: Option<&'a TupleKey>) -> impl Iterator<Item = &'a Arc<Tuple>> {
        let candidates: Tuples<'a> = match (&filter.object_type, &filter.subject_type, &filter.subject_id) {
            (None, Some(subject_type), Some(subject_id)) => self.scan_subject(filter, subject_type, subject_id, after),
            (Some(_), _, _) | (None, None, _) | (None, Some(_), None) => self.scan_objects(filter, after),
        };
        candidates.filter(|tuple| filter.matches(&tuple.key))
    }

    /// A tuple of a shape, if there is one: an example for people.
    #[must_use]
    pub fn example_of(&self, shape: &Shape) -> Option<&Arc<Tuple>> {
        let filter = TupleFilter {
            object_type: Some(shape.object_type.clone()),
            relation: Some(shape.relation.clone()),
            subject_type: Some(shape.subject.object_type.clone()),
            ..TupleFilter::default()
        };
        self.by_object.scan([&*shape.object_type]).find(|tuple| filter.matches(&tuple.key) && Shape::of(tuple) == *shape)
    }

    fn scan_objects<'a>(&'a self, filter: &'a TupleFilter, after: Option<&'a TupleKey>) -> Tuples<'a> {
        let mut prefix: Vec<&str> = Vec::with_capacity(4);
        if let Some(object_type) = &filter.object_type {
            prefix.push(object_type);
            if let Some(IdMatch::Is(id)) = &filter.object_id {
                prefix.push(id);
                if let Some(relation) = &filter.relation {
                    prefix.push(relation);
                    prefix.extend(filter.subject_type.as_deref());
                }
            }
        }
        let mut start = prefix.clone();
        if let (Some(_), Some(IdMatch::Prefix(id))) = (&filter.object_type, &filter.object_id) {
            start.push(id);
        }
        // In this index the order is that of keys, so the key itself says where to go on.
        let from = match after.map(ByObject::parts) {
            Some(after) if after.as_slice() >= start.as_slice() => self.by_object.from(&after, Ordering::Greater),
            Some(_) | None => self.by_object.from(&start, Ordering::Less),
        };
        Box::new(from.take_while(move |tuple| {
            let goes_on = match start.get(prefix.len()) {
                Some(id) => tuple.key.object().id().starts_with(id),
                None => true,
            };
            goes_on && begins_with::<ByObject>(tuple, &prefix)
        }))
    }

    /// The tuples of one subject (type and id; every relation unless the filter says which), in key order: each relation of the
    /// subject has its own run in the index, and the runs are merged.
    fn scan_subject<'a>(
        &'a self,
        filter: &'a TupleFilter,
        subject_type: &'a str,
        subject_id: &'a str,
        after: Option<&'a TupleKey>,
    ) -> Tuples<'a> {
        let relations: Vec<&'a str> = match &filter.subject_relation {
            Some(SubjectRelationMatch::None) => vec![""],
            Some(SubjectRelationMatch::Is(relation)) => vec![relation],
            None => self.subject_relations(subject_type, subject_id),
        };
        let runs = relations
            .into_iter()
            .map(|relation| {
                let run = [subject_type, subject_id, relation];
                let from = match after {
                    None => self.by_subject.from(&run, Ordering::Less),
                    Some(after) => {
                        let [object_type, id, of, after_subject @ ..] = ByObject::parts(after);
                        let side = if run > after_subject { Ordering::Less } else { Ordering::Greater };
                        self.by_subject.from(&[subject_type, subject_id, relation, object_type, id, of], side)
                    }
                };
                from.take_while(move |tuple| begins_with::<BySubject>(tuple, &run)).peekable()
            })
            .collect();
        Box::new(Merged { runs })
    }

    /// The relations with which a subject occurs (`""`: none), in order.
    fn subject_relations<'a>(&'a self, subject_type: &str, subject_id: &str) -> Vec<&'a str> {
        let mut relations = Vec::new();
        let mut next = self.by_subject.from(&[subject_type, subject_id], Ordering::Less).next();
        while let Some(tuple) = next {
            let subject = tuple.key.subject();
            if **subject.object_type() != *subject_type || **subject.id() != *subject_id {
                break;
            }
            let relation = subject.relation().map_or("", |relation| relation);
            relations.push(relation);
            next = self.by_subject.from(&[subject_type, subject_id, relation], Ordering::Greater).next();
        }
        relations
    }
}

/// Runs that are each in key order, merged.
struct Merged<I: Iterator> {
    runs: Vec<Peekable<I>>,
}

impl<'a, I: Iterator<Item = &'a Arc<Tuple>>> Iterator for Merged<I> {
    type Item = &'a Arc<Tuple>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.runs.iter_mut().filter_map(|run| run.peek().map(|tuple| &tuple.key)).min()?.clone();
        self.runs.iter_mut().find_map(|run| run.next_if(|tuple| tuple.key == first))
    }
}
