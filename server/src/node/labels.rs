//! Who wrote a revision, and when, as the log tells: what an explanation shows of the tuples that it names.

use std::collections::{BTreeMap, BTreeSet};

use dhow_engine::entry::EntryLabel;

use super::{Node, ReadPoint};
use crate::store::DatastoreError;

impl Node {
    /// Who wrote these revisions of the history that `point` is a moment of, and when, as far as the log has them. One statement; none
    /// where nothing is asked.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn labels(&self, point: &ReadPoint, revisions: BTreeSet<u64>) -> Result<BTreeMap<u64, EntryLabel>, DatastoreError> {
        if revisions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let position = *point.state.position();
        let asked = revisions.iter().copied().chain([position.revision]).collect();
        let found = self.datastore.labels(point.state.store(), &asked).await?;
        // The database may have been exchanged, and this node not have noticed yet: revisions of another history have other writers.
        // Where the chain is the same, everything before it is.
        let ours = |revision, chain| revision == position.revision && chain == position.chain;
        if !found.iter().any(|found| ours(found.label.revision, found.chain)) {
            return Ok(BTreeMap::new());
        }
        let labels = found.into_iter().map(|found| (found.label.revision, found.label));
        Ok(labels.filter(|(revision, _)| revisions.contains(revision)).collect())
    }
}
