//! What an evaluation sees of the graph: edges, asked for one relation at a time.
//!
//! The evaluator knows this trait alone, so that a view may be a state in memory, a state with a request's own tuples on top
//! ([`Overlay`]), or something remote. Views of the same tuples must answer in the same order.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::sync::Arc;

use super::provenance::Provenance;
use crate::state::{MemoryDamaged, State};
use crate::tuple::{Id, ObjectRef, Tuple, TupleKey};

/// Tuples in key order.
pub type Edges<'a> = Box<dyn Iterator<Item = Arc<Tuple>> + 'a>;

/// Tuples as a graph: expired ones, and ones that no schema allows, included.
pub trait GraphView {
    /// The tuple with this key.
    fn tuple(&self, key: &TupleKey) -> Option<Arc<Tuple>>;

    /// The tuples of a relation of an object, or those of them whose subject has a type, in key order.
    fn tuples<'a>(&'a self, object: &'a ObjectRef, relation: &'a str, subject_type: Option<&'a str>) -> Edges<'a>;

    /// The ids after `after` of the objects of a type that some tuple names as object or (within a) subject: in byte order, each once.
    fn object_ids<'a>(&'a self, object_type: &'a str, after: Option<&str>) -> Box<dyn Iterator<Item = Id> + 'a>;

    /// Whether all that was asked for so far could be read. What cannot be read is left out of the other answers; so nothing may be made
    /// of them before this was asked.
    ///
    /// # Errors
    /// What could not be read first.
    fn intact(&self) -> Result<(), MemoryDamaged>;

    /// Where the tuple with this key, which is there, is from. Asked for explanations alone.
    fn provenance(&self, key: &TupleKey) -> Provenance;
}

impl GraphView for State {
    fn tuple(&self, key: &TupleKey) -> Option<Arc<Tuple>> {
        self.get(key)
    }

    fn tuples<'a>(&'a self, object: &'a ObjectRef, relation: &'a str, subject_type: Option<&'a str>) -> Edges<'a> {
        match subject_type {
            Some(subject_type) => Box::new(self.relation_tuples_of_type(object, relation, subject_type)),
            None => Box::new(self.relation_tuples(object, relation)),
        }
    }

    fn object_ids<'a>(&'a self, object_type: &'a str, after: Option<&str>) -> Box<dyn Iterator<Item = Id> + 'a> {
        Box::new(State::object_ids(self, object_type, after))
    }

    fn intact(&self) -> Result<(), MemoryDamaged> {
        Self::intact(self)
    }

    fn provenance(&self, key: &TupleKey) -> Provenance {
        Provenance::Stored { revision: self.revision_of(key) }
    }
}

/// A view with some tuples on top, as if they were stored: each takes the place of one with the same key. The view below does not
/// change.
pub struct Overlay<'v> {
    base: &'v dyn GraphView,
    added: BTreeMap<TupleKey, Arc<Tuple>>,
}

impl<'v> Overlay<'v> {
    /// `base` with contextual tuples; of two with the same key the later one counts.
    #[must_use]
    pub fn new(base: &'v dyn GraphView, contextual: impl IntoIterator<Item = Tuple>) -> Self {
        let added = contextual.into_iter().map(|tuple| (tuple.key.clone(), Arc::new(tuple))).collect();
        Self { base, added }
    }
}

impl GraphView for Overlay<'_> {
    fn tuple(&self, key: &TupleKey) -> Option<Arc<Tuple>> {
        self.added.get(key).cloned().or_else(|| self.base.tuple(key))
    }

    fn tuples<'a>(&'a self, object: &'a ObjectRef, relation: &'a str, subject_type: Option<&'a str>) -> Edges<'a> {
        let added = self.added.values().filter(move |tuple| {
            tuple.key.object() == object
                && **tuple.key.relation() == *relation
                && subject_type.is_none_or(|wanted| **tuple.key.subject().object_type() == *wanted)
        });
        let base = self.base.tuples(object, relation, subject_type);
        Box::new(Merged { base: base.peekable(), added: added.cloned().peekable(), key: |tuple: &Arc<Tuple>| tuple.key.clone() })
    }

    fn object_ids<'a>(&'a self, object_type: &'a str, after: Option<&str>) -> Box<dyn Iterator<Item = Id> + 'a> {
        let named = self.added.keys().flat_map(|key| [Some(key.object().clone()), key.subject().object_ref()]).flatten();
        let added: BTreeSet<Id> = named
            .filter(|object| **object.object_type() == *object_type && after.is_none_or(|after| **object.id() > *after))
            .map(|object| object.id().clone())
            .collect();
        let base = self.base.object_ids(object_type, after);
        Box::new(Merged { base: base.peekable(), added: added.into_iter().peekable(), key: Id::clone })
    }

    fn intact(&self) -> Result<(), MemoryDamaged> {
        self.base.intact()
    }

    fn provenance(&self, key: &TupleKey) -> Provenance {
        if self.added.contains_key(key) { Provenance::Request } else { self.base.provenance(key) }
    }
}

/// Two runs in the same order, merged; where both have a key, the added one counts.
struct Merged<B: Iterator, A: Iterator, F> {
    base: Peekable<B>,
    added: Peekable<A>,
    key: F,
}

impl<T, K: Ord, B: Iterator<Item = T>, A: Iterator<Item = T>, F: Fn(&T) -> K> Iterator for Merged<B, A, F> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let (Some(base), Some(added)) = (self.base.peek(), self.added.peek()) else {
            return self.base.next().or_else(|| self.added.next());
        };
        match (self.key)(base).cmp(&(self.key)(added)) {
            Ordering::Less => self.base.next(),
            Ordering::Equal => {
                self.base.next();
                self.added.next()
            }
            Ordering::Greater => self.added.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Body, Change, StoreId};
    use crate::time::Timestamp;

    fn state(texts: &[&str]) -> State {
        let genesis = State::genesis(StoreId([1; 16]));
        let changes = texts.iter().map(|text| Change::created(text.parse().unwrap())).collect();
        let entry = genesis.next_entry(Timestamp::MIN, "", "", Body::Changes(changes)).unwrap();
        genesis.apply(&entry).unwrap()
    }

    #[test]
    fn an_overlay_is_as_if_its_tuples_were_stored() {
        let base = state(&["d:1#v@u:1", "d:1#v@u:3", "d:1#w@u:1", "d:2#v@t:1#m"]);
        let extra = ["d:1#v@u:2", "d:1#v@u:1[c]", "d:0#v@u:9", "d:1#v@t:5#m", "d:1#v@u:*", "d:3#v@u:4[x]", "d:3#v@u:4[y]"];
        let view = Overlay::new(&base, extra.iter().map(|text| text.parse().unwrap()));
        let object = "d:1".parse().unwrap();
        let found = |subject_type| view.tuples(&object, "v", subject_type).map(|tuple| tuple.to_string()).collect::<Vec<_>>();
        assert_eq!(found(None), ["d:1#v@t:5#m", "d:1#v@u:*", "d:1#v@u:1[c]", "d:1#v@u:2", "d:1#v@u:3"]);
        assert_eq!(found(Some("t")), ["d:1#v@t:5#m"]);
        let tuple = |text: &str| view.tuple(&text.parse().unwrap()).map(|tuple| tuple.to_string());
        assert_eq!(tuple("d:1#v@u:1").as_deref(), Some("d:1#v@u:1[c]"));
        assert_eq!(tuple("d:1#w@u:1").as_deref(), Some("d:1#w@u:1"));
        assert_eq!(tuple("d:3#v@u:4").as_deref(), Some("d:3#v@u:4[y]"));
        assert_eq!(tuple("d:1#w@u:2"), None);
        let ids = |object_type, after| view.object_ids(object_type, after).map(|id| id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids("d", None), ["0", "1", "2", "3"]);
        assert_eq!(ids("u", Some("1")), ["2", "3", "4", "9"]);
        assert_eq!(ids("t", None), ["1", "5"]);
        assert_eq!(base.get(&"d:1#v@u:1".parse().unwrap()).unwrap().to_string(), "d:1#v@u:1");
    }
}
