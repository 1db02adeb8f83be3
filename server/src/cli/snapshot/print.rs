//! Snapshots as text and as JSON.

use dhow_proto::v1;
use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::output::{Output, columns};
use super::super::wire;

/// What a file says of itself.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn head(file: &str, head: &v1::SnapshotHead, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return Ok(output.json(&head_json(file, head))?);
    }
    let schema = match head.schema_version {
        0 => "none".to_owned(),
        version => format!("version {version}, blake3 {}", head.schema_hash),
    };
    let mut rows: Vec<Vec<String>> = [
        ("file", file.to_owned()),
        ("store", format!("{} ({})", head.store_name, head.store_id)),
        ("revision", format!("{} of {}", head.revision, time(head.time.as_ref()))),
        ("token", head.token.clone()),
        ("chain", head.chain.clone()),
        ("digest", head.digest.clone()),
        ("schema", schema),
        ("made", format!("{} by {}, {}", time(head.made_at.as_ref()), head.made_by, head.program)),
        ("size", format!("{} bytes", head.bytes)),
        ("tuples", head.tuple_count.to_string()),
    ]
    .map(|(what, is)| vec![what.to_owned(), is])
    .to_vec();
    rows.extend(head.counts.iter().map(|count| vec![String::new(), format!("{} {}#{}", count.tuples, count.object_type, count.relation)]));
    for line in columns(&rows) {
        output.line(&line)?;
    }
    Ok(())
}

/// The files of a folder.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn files(listed: &v1::ListSnapshotsResponse, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        for file in &listed.files {
            output.json(&file_json(file))?;
        }
        return Ok(());
    }
    if listed.files.is_empty() {
        output.remark(&format!("there are no snapshots in {}; make one with `dhow snapshot create`", listed.folder));
        return Ok(());
    }
    let mut rows = vec![["STORE", "REVISION", "MADE", "BYTES", "FILE"].map(str::to_owned).to_vec()];
    rows.extend(listed.files.iter().map(|file| {
        let store = if file.store_name.is_empty() { "(no such store)" } else { &file.store_name };
        vec![store.to_owned(), file.revision.to_string(), time(file.made_at.as_ref()), file.bytes.to_string(), file.file.clone()]
    }));
    let muted = output.styles().muted;
    for (index, line) in columns(&rows).into_iter().enumerate() {
        output.line(&if index == 0 { format!("{muted}{line}{muted:#}") } else { line })?;
    }
    output.remark(&format!("{muted}in {}{muted:#}", listed.folder));
    Ok(())
}

/// A file that was verified, perhaps against a server whose log ends at a revision.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn verified(file: &str, head: &v1::SnapshotHead, live: Option<(&str, u64)>, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        let verified = json!({
            "file": file,
            "verified": true,
            "store_id": head.store_id,
            "store_name": head.store_name,
            "revision": head.revision,
            "chain": head.chain,
            "digest": head.digest,
            "tuple_count": head.tuple_count,
            "endpoint": live.map(|(endpoint, _)| endpoint),
            "head_revision": live.map(|(_, revision)| revision),
        });
        return Ok(output.json(&verified)?);
    }
    let good = output.styles().allowed;
    let against = match live {
        None => String::new(),
        Some((endpoint, revision)) => format!("; in the log of the store at {endpoint}, whose head is revision {revision}"),
    };
    let (store, tuples, digest) = (&head.store_name, head.tuple_count, &head.digest);
    let line = format!("{good}verified{good:#} {store} at revision {}: {tuples} tuples, digest {digest}{against}", head.revision);
    Ok(output.line(&line)?)
}

fn head_json(file: &str, head: &v1::SnapshotHead) -> Value {
    let count = |count: &v1::SnapshotCount| json!({"object_type": count.object_type, "relation": count.relation, "tuples": count.tuples});
    json!({
        "file": file,
        "store_id": head.store_id,
        "store_name": head.store_name,
        "revision": head.revision,
        "chain": head.chain,
        "digest": head.digest,
        "time": head.time.as_ref().map(wire::time_text),
        "token": head.token,
        "schema_version": head.schema_version,
        "schema_hash": head.schema_hash,
        "tuple_count": head.tuple_count,
        "counts": head.counts.iter().map(count).collect::<Vec<_>>(),
        "made_at": head.made_at.as_ref().map(wire::time_text),
        "made_by": head.made_by,
        "program": head.program,
        "bytes": head.bytes,
        "root": head.root,
    })
}

/// A file by its name.
pub(in super::super) fn file_json(file: &v1::SnapshotFile) -> Value {
    json!({
        "file": file.file,
        "store_id": file.store_id,
        "store_name": file.store_name,
        "revision": file.revision,
        "made_at": file.made_at.as_ref().map(wire::time_text),
        "bytes": file.bytes,
    })
}

fn time(time: Option<&prost_types::Timestamp>) -> String {
    time.map(wire::time_text).unwrap_or_default()
}
