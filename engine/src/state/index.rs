//! Tuples in one order, persistent: a copy shares everything with its original, a change costs O(log n).
//!
//! A key is six strings; an order is a permutation of them. A scan names the first few of the six and finds the tuples that begin
//! so with one descent, without building a key.

use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::Arc;

use equivalent::{Comparable, Equivalent};
use imbl::OrdSet;

use crate::tuple::{Tuple, TupleKey};

/// A key's strings in some order. A missing subject relation is `""`, which no name is.
pub(super) type Parts<'a> = [&'a str; 6];

/// A total order of tuple keys.
pub(super) trait KeyOrder {
    /// The strings, most significant first.
    fn parts(key: &TupleKey) -> Parts<'_>;
}

/// Object, relation, subject: the order of [`TupleKey`] itself.
#[derive(Clone, Copy)]
pub(super) struct ByObject;

impl KeyOrder for ByObject {
    fn parts(key: &TupleKey) -> Parts<'_> {
        let (object, subject) = (key.object(), key.subject());
        [object.object_type(), object.id(), key.relation(), subject.object_type(), subject.id(), subject_relation(key)]
    }
}

/// Subject, object, relation.
#[derive(Clone, Copy)]
pub(super) struct BySubject;

impl KeyOrder for BySubject {
    fn parts(key: &TupleKey) -> Parts<'_> {
        let (object, subject) = (key.object(), key.subject());
        [subject.object_type(), subject.id(), subject_relation(key), object.object_type(), object.id(), key.relation()]
    }
}

fn subject_relation(key: &TupleKey) -> &str {
    key.subject().relation().map_or("", |relation| relation)
}

/// A tuple, ordered by its key in the order `O`.
pub(super) struct Item<O> {
    tuple: Arc<Tuple>,
    order: PhantomData<fn() -> O>,
}

impl<O> Item<O> {
    const fn new(tuple: Arc<Tuple>) -> Self {
        Self { tuple, order: PhantomData }
    }
}

impl<O> Clone for Item<O> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.tuple))
    }
}

impl<O: KeyOrder> Ord for Item<O> {
    fn cmp(&self, other: &Self) -> Ordering {
        O::parts(&self.tuple.key).cmp(&O::parts(&other.tuple.key))
    }
}

impl<O: KeyOrder> PartialOrd for Item<O> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<O: KeyOrder> PartialEq for Item<O> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<O: KeyOrder> Eq for Item<O> {}

/// A place between items: before or after everything that begins with `parts`, or at it.
struct Place<'a> {
    parts: &'a [&'a str],
    side: Ordering,
}

impl<O: KeyOrder> Equivalent<Item<O>> for Place<'_> {
    fn equivalent(&self, item: &Item<O>) -> bool {
        self.compare(item) == Ordering::Equal
    }
}

impl<O: KeyOrder> Comparable<Item<O>> for Place<'_> {
    fn compare(&self, item: &Item<O>) -> Ordering {
        let item = O::parts(&item.tuple.key);
        self.parts.iter().copied().cmp(item.iter().copied().take(self.parts.len())).then(self.side)
    }
}

/// All tuples in the order `O`.
#[derive(Clone)]
pub(super) struct Index<O: KeyOrder> {
    items: OrdSet<Item<O>>,
}

impl<O: KeyOrder> Default for Index<O> {
    fn default() -> Self {
        Self { items: OrdSet::new() }
    }
}

impl<O: KeyOrder> fmt::Debug for Index<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.items.iter().map(|item| item.tuple.to_string())).finish()
    }
}

impl<O: KeyOrder> Index<O> {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Puts a tuple in, in place of one with the same key.
    pub(super) fn insert(&mut self, tuple: Arc<Tuple>) {
        self.items.insert(Item::new(tuple));
    }

    pub(super) fn remove(&mut self, key: &TupleKey) {
        self.items.remove(&Place { parts: &O::parts(key), side: Ordering::Equal });
    }

    pub(super) fn get(&self, key: &TupleKey) -> Option<&Arc<Tuple>> {
        self.items.get(&Place { parts: &O::parts(key), side: Ordering::Equal }).map(|item| &item.tuple)
    }

    /// The tuples that begin with `prefix`, in order.
    pub(super) fn scan<'a, 'p, P>(&'a self, prefix: P) -> impl Iterator<Item = &'a Arc<Tuple>> + use<'a, 'p, O, P>
    where
        P: AsRef<[&'p str]>,
    {
        let start = self.from(prefix.as_ref(), Ordering::Less);
        start.take_while(move |tuple| begins_with::<O>(tuple, prefix.as_ref()))
    }

    /// All tuples from before (`Less`) or after (`Greater`) those that begin with `parts`, to the end of the order.
    pub(super) fn from<'a>(&'a self, parts: &[&str], side: Ordering) -> impl Iterator<Item = &'a Arc<Tuple>> + use<'a, O> {
        let start = Bound::Included(Place { parts, side });
        self.items.range::<_, Place<'_>>((start, Bound::Unbounded)).map(|item| &item.tuple)
    }
}

/// Whether a tuple's strings begin with these.
pub(super) fn begins_with<O: KeyOrder>(tuple: &Tuple, prefix: &[&str]) -> bool {
    O::parts(&tuple.key).starts_with(prefix)
}
