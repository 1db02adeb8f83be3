//! A view of tuples in a map, nothing more: what the circuit decides over where the engine's own graph is under test.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dhow_engine::eval::{Edges, GraphView, Provenance};
use dhow_engine::state::MemoryDamaged;
use dhow_engine::tuple::{Id, ObjectRef, Tuple, TupleKey};
use dhow_schema::ir::Name;

/// Tuples by object and relation, then by key.
#[derive(Debug, Clone, Default)]
pub struct PlainView {
    relations: BTreeMap<ObjectRef, BTreeMap<Name, BTreeMap<TupleKey, Arc<Tuple>>>>,
}

impl PlainView {
    /// A view of these tuples; of two with the same key the later one counts.
    #[must_use]
    pub fn new(tuples: impl IntoIterator<Item = Arc<Tuple>>) -> Self {
        let mut view = Self::default();
        tuples.into_iter().for_each(|tuple| view.insert(tuple));
        view
    }

    /// Puts a tuple in the place of what has its key.
    pub fn insert(&mut self, tuple: Arc<Tuple>) {
        let relations = self.relations.entry(tuple.key.object().clone()).or_default();
        relations.entry(tuple.key.relation().clone()).or_default().insert(tuple.key.clone(), tuple);
    }

    /// Takes a tuple away; gives what there was.
    pub fn remove(&mut self, key: &TupleKey) -> Option<Arc<Tuple>> {
        self.relations.get_mut(key.object())?.get_mut(key.relation())?.remove(key)
    }

    /// All tuples.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Tuple>> {
        self.relations.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values)
    }
}

impl GraphView for PlainView {
    fn tuple(&self, key: &TupleKey) -> Option<Arc<Tuple>> {
        self.relations.get(key.object())?.get(key.relation())?.get(key).cloned()
    }

    fn tuples<'a>(&'a self, object: &'a ObjectRef, relation: &'a str, subject_type: Option<&'a str>) -> Edges<'a> {
        let found = self.relations.get(object).and_then(|relations| relations.get(&Name::from(relation)));
        let found = found.into_iter().flat_map(BTreeMap::values);
        Box::new(found.filter(move |tuple| subject_type.is_none_or(|wanted| **tuple.key.subject().object_type() == *wanted)).cloned())
    }

    fn object_ids<'a>(&'a self, object_type: &'a str, after: Option<&str>) -> Box<dyn Iterator<Item = Id> + 'a> {
        let named = self.iter().flat_map(|tuple| [Some(tuple.key.object().clone()), tuple.key.subject().object_ref()]).flatten();
        let ids: BTreeSet<Id> = named
            .filter(|object| **object.object_type() == *object_type && after.is_none_or(|after| **object.id() > *after))
            .map(|object| object.id().clone())
            .collect();
        Box::new(ids.into_iter())
    }

    fn intact(&self) -> Result<(), MemoryDamaged> {
        Ok(())
    }

    fn provenance(&self, _key: &TupleKey) -> Provenance {
        Provenance::Stored { revision: None }
    }
}
