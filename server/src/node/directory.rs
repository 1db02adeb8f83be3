//! The names and ids of all stores, in memory, so that a request does not ask the database which store it means.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use dhow_engine::entry::StoreId;

use crate::store::{StoreInfo, StoreKey};

/// What is known of stores by name and id. O(log stores) a look-up.
#[derive(Debug)]
pub(super) struct Directory {
    /// Guards both maps, which belong together.
    names: RwLock<Names>,
}

#[derive(Debug, Default)]
struct Names {
    by_name: BTreeMap<String, StoreInfo>,
    by_id: BTreeMap<StoreId, String>,
}

impl Names {
    fn add(&mut self, info: StoreInfo) {
        self.by_id.insert(info.id, info.name.clone());
        self.by_name.insert(info.name.clone(), info);
    }
}

impl Directory {
    pub(super) fn new(stores: Vec<StoreInfo>) -> Self {
        let mut names = Names::default();
        stores.into_iter().for_each(|info| names.add(info));
        Self { names: RwLock::new(names) }
    }

    /// Takes what the database has, in place of what was known.
    pub(super) fn replace(&self, stores: Vec<StoreInfo>) {
        let mut names = Names::default();
        stores.into_iter().for_each(|info| names.add(info));
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = names;
    }

    pub(super) fn find(&self, key: &StoreKey<'_>) -> Option<StoreInfo> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        match key {
            StoreKey::Name(name) => names.by_name.get(*name).cloned(),
            // The name may be another store's already: this one was removed, and is about to be forgotten here.
            StoreKey::Id(id) => names.by_name.get(names.by_id.get(id)?).filter(|info| info.id == *id).cloned(),
        }
    }

    /// The stores that `wanted` accepts, in order of their names, at most `limit`.
    pub(super) fn filter(&self, limit: usize, mut wanted: impl FnMut(&StoreInfo) -> bool) -> Vec<StoreInfo> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        names.by_name.values().filter(|info| wanted(info)).take(limit).cloned().collect()
    }

    pub(super) fn add(&self, info: StoreInfo) {
        self.names.write().unwrap_or_else(PoisonError::into_inner).add(info);
    }

    /// Forgets a store; not one that has got its name since.
    pub(super) fn remove(&self, store: StoreId) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names.by_id.remove(&store)
            && names.by_name.get(&name).is_some_and(|info| info.id == store)
        {
            names.by_name.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use dhow_engine::time::Timestamp;

    use super::*;

    #[test]
    fn a_store_made_under_the_name_of_one_that_is_being_removed_stays() {
        let named = |id| StoreInfo { id: StoreId([id; 16]), name: "main".to_owned(), created_at: Timestamp::MIN };
        let (old, new) = (named(1), named(2));
        let directory = Directory::new(vec![old.clone()]);
        // The database removed the old one and made the new one; what it said of that arrives in the other order.
        directory.add(new.clone());
        assert_eq!(directory.find(&StoreKey::Id(old.id)), None);
        directory.remove(old.id);
        assert_eq!(directory.find(&StoreKey::Name("main")), Some(new.clone()));
        assert_eq!(directory.find(&StoreKey::Id(new.id)), Some(new.clone()));
        assert_eq!(directory.filter(10, |_| true), [new]);
    }
}
