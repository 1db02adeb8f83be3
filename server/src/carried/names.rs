//! Which stores there are: those with files in the folder, and those that the topic carried entries of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dhow_engine::entry::StoreId;

use super::Carried;
use crate::limits::FOLDER_INTERVAL;
use crate::snapshots::{FileName, Snapshots, blocking};
use crate::store::StoreInfo;

/// What the files' stores are called.
#[derive(Debug, Default)]
pub(super) struct Names {
    of_files: BTreeMap<StoreId, StoreInfo>,
    /// When the folder was last looked at, on the monotonic clock.
    looked: Option<Duration>,
}

impl Carried {
    /// All stores that are known of, by name; of two that have had one name the younger one comes last. The folder is looked at now and
    /// then, and only files of stores that are not known are opened.
    pub(super) async fn stores(&self) -> Vec<StoreInfo> {
        let mut names = self.names.lock().await;
        let now = self.clock.monotonic();
        if names.looked.is_none_or(|looked| now.saturating_sub(looked) >= FOLDER_INTERVAL.duration()) {
            let (snapshots, known) = (Arc::clone(&self.snapshots), names.of_files.clone());
            match blocking(move || Ok(named(&snapshots, known, snapshots.newest_of_each()?))).await {
                Ok(found) => names.of_files = found,
                Err(error) => tracing::warn!(code = error.code(), "the folder of snapshots is not looked at: {error}"),
            }
            names.looked = Some(now);
        }
        let mut stores = names.of_files.clone();
        drop(names);
        let kept = self.kept();
        for info in kept.shelf.stores() {
            let there = stores.entry(info.id).or_insert_with(|| info.clone());
            there.created_at = there.created_at.max(info.created_at);
        }
        let mut stores: Vec<StoreInfo> = stores.into_values().filter(|info| !kept.shelf.is_gone(info.id)).collect();
        stores.sort_unstable_by(|one, other| (&one.name, one.created_at).cmp(&(&other.name, other.created_at)));
        stores
    }
}

/// The stores of these files, as far as their names can be read; `known` are not opened again.
fn named(snapshots: &Snapshots, mut known: BTreeMap<StoreId, StoreInfo>, files: Vec<FileName>) -> BTreeMap<StoreId, StoreInfo> {
    let mut found = BTreeMap::new();
    for file in files {
        let info = known.remove(&file.store).or_else(|| match snapshots.open_file(&file) {
            Ok(snapshot) => {
                let name = snapshot.head().about.store_name.clone();
                Some(StoreInfo { id: file.store, name, created_at: file.made })
            }
            Err(error) => {
                tracing::warn!(%file, code = error.code(), "a snapshot is not used: {error}");
                None
            }
        });
        found.extend(info.map(|info| (file.store, StoreInfo { created_at: info.created_at.max(file.made), ..info })));
    }
    found
}
