//! The head of a snapshot file, as people and the wire see it.

use std::collections::BTreeMap;

use dhow_engine::snapshot::Snapshot;
use dhow_proto::v1;

use crate::api::convert::timestamp_to_wire;
use crate::node::token::Token;

/// What a file says of itself. O(shapes of tuples + bytes of the schema).
pub(crate) fn head_to_wire(snapshot: &Snapshot) -> v1::SnapshotHead {
    let (head, state) = (snapshot.head(), snapshot.state());
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (shape, count) in state.shapes().iter() {
        *counts.entry((&shape.object_type, &shape.relation)).or_default() += count;
    }
    let counts = counts.into_iter().map(|((object_type, relation), tuples)| v1::SnapshotCount {
        object_type: object_type.to_owned(),
        relation: relation.to_owned(),
        tuples,
    });
    let schema = state.latest_schema();
    v1::SnapshotHead {
        store_id: head.store.to_string(),
        store_name: head.about.store_name.clone(),
        revision: head.position.revision,
        chain: head.position.chain.to_string(),
        digest: head.digest.to_string(),
        time: Some(timestamp_to_wire(head.position.time)),
        token: Token::new(head.store, head.position.revision, &head.position.chain).to_string(),
        schema_version: schema.map_or(0, |schema| schema.version()),
        schema_hash: schema.map_or_else(String::new, |schema| blake3::hash(&schema.text.canonical_bytes()).to_hex().to_string()),
        tuple_count: head.tuples,
        counts: counts.collect(),
        made_at: Some(timestamp_to_wire(head.about.time)),
        made_by: head.about.actor.clone(),
        program: head.about.program.clone(),
        bytes: head.bytes,
        root: head.root.to_string(),
    }
}
