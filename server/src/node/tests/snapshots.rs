//! Stores are booted from snapshot files and the log behind them, are then what their tables are, and no file that is not right is used.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use dhow_engine::eval::PageRequest;
use dhow_engine::filter::TupleFilter;
use dhow_engine::snapshot::container::Container;
use dhow_engine::state::State;
use dhow_engine::words::AlignedBytes;
use dhow_schema::value::Context;
use tempfile::TempDir;

use super::history::other_history;
use super::*;
use crate::snapshots::{FileName, Place, Retention, SnapshotOptions, SnapshotsError, Verification};

const RICH: &str = "use expiration definition user {} definition group { relation member: user | group#member }
    definition doc { relation viewer: user | group#member | user with expiration permission view = viewer }";

fn options(folder: &TempDir) -> SnapshotOptions {
    SnapshotOptions {
        folder: folder.path().to_owned(),
        verification: Verification::Bytes,
        retention: Retention { keep: 100, max_age: None },
        every: None,
    }
}

/// A node on the database of a bench that begins anew, and how often it read a table.
struct Rebooted {
    node: Arc<Node>,
    faulty: Arc<Faulty>,
}

async fn reboot_with(bench: &Bench, options: SnapshotOptions) -> Rebooted {
    let faulty = Arc::new(Faulty::new(bench.faulty.inner()));
    let snapshots = Some(Snapshots::open(options).unwrap());
    let database = Arc::clone(&faulty) as Arc<dyn Datastore>;
    let node = booting(database, &bench.clock, Limits::default(), ForeignTokens::Answer, snapshots).await;
    Rebooted { node, faulty }
}

async fn reboot(bench: &Bench, folder: &TempDir) -> Rebooted {
    reboot_with(bench, options(folder)).await
}

impl Rebooted {
    fn loads(&self) -> usize {
        self.faulty.loads.load(Ordering::SeqCst)
    }

    async fn newest(&self, bench: &Bench) -> ReadPoint {
        self.node.read_at(bench.store, &Consistency::MinimizeLatency, None).await.unwrap()
    }

    async fn create(&self, bench: &Bench) -> PathBuf {
        let info = self.node.resolve("main").await.unwrap();
        bench.clock.pass(Duration::from_millis(1));
        let (file, _) = self.node.create_snapshot(&info, "tester").await.unwrap();
        self.node.snapshots().unwrap().path(&file)
    }
}

/// Everything that can be told of a state, in the order in which it comes.
fn told(point: &ReadPoint) -> Vec<String> {
    let state = &point.state;
    let mut told: Vec<String> = state.scan(&TupleFilter::default(), None).map(|tuple| tuple.to_string()).collect();
    told.extend(state.shapes().iter().map(|(shape, count)| format!("{shape} {count}")));
    told.extend(state.schemas().map(|schema| format!("{:?} {} {}", schema.text, schema.revision, schema.actor)));
    told.push(format!("{:?} {} {}", state.position(), state.digest(), state.recomputed_digest()));
    let (context, prepared) = (Context::new(), state.prepare(None).unwrap());
    for user in ["user:0", "user:1", "user:2", "user:late"] {
        let evaluator = prepared.evaluator(point.time, &context);
        let page = PageRequest { limit: 1_000, ..PageRequest::default() };
        let page = evaluator.list_objects(&"doc".into(), &"view".into(), &user.parse().unwrap(), page).unwrap();
        told.push(format!("{user}: {:?}", page.items));
    }
    told
}

/// A store with a snapshot in the middle of its history.
async fn with_history(folder: &TempDir) -> (Bench, Vec<Token>, PathBuf) {
    let bench = Bench::new().await;
    bench.schema(RICH).await.unwrap();
    bench.touch("group:1#member@group:2#member").await;
    bench.touch("group:2#member@user:2").await;
    bench.touch("doc:nested#viewer@group:1#member").await;
    for number in 0..40 {
        // Not in the order of names.
        bench.touch(&format!("doc:{}#viewer@user:{}", number * 17 % 40, number % 3)).await;
    }
    let writer = reboot(&bench, folder).await;
    let file = writer.create(&bench).await;
    let mut tokens = vec![bench.newest().await.token];
    tokens.push(bench.touch("doc:early#viewer@user:late").await);
    tokens.push(bench.touch("doc:17#viewer@user:late[expiration:2100-01-01T00:00:00Z]").await);
    let delete =
        WriteCommand { changes: vec![ChangeRequest::Delete("doc:3#viewer@user:1".parse().unwrap())], ..touch("doc:1#viewer@user:1") };
    tokens.push(bench.node.write(bench.store, delete, None).await.unwrap().token);
    tokens.push(bench.schema(&RICH.replace("permission view = viewer", "permission view = viewer permission see = view")).await.unwrap());
    tokens.push(bench.touch("group:2#member@user:late").await);
    (bench, tokens, file)
}

#[tokio::test]
async fn a_store_booted_from_a_file_is_the_one_of_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, tokens, _) = with_history(&folder).await;
    let table = node(bench.faulty.inner(), &bench.clock, Limits::default(), ForeignTokens::Answer).await;
    let table = table.read_at(bench.store, &Consistency::MinimizeLatency, None).await.unwrap();
    for verification in [Verification::Bytes, Verification::Full] {
        let booted = reboot_with(&bench, SnapshotOptions { verification, ..options(&folder) }).await;
        let point = booted.newest(&bench).await;
        assert_eq!(booted.loads(), 0);
        assert_eq!(told(&point), told(&table));
        assert_eq!((point.token, point.state.recomputed_digest()), (*tokens.last().unwrap(), *table.state.digest()));
        // That of the file and every one behind it.
        for token in &tokens {
            let (here, there) = (Consistency::AtExactSnapshot(*token), bench.read(Consistency::AtExactSnapshot(*token)).await.unwrap());
            let here = booted.node.read_at(bench.store, &here, None).await.unwrap();
            assert_eq!((here.token, told(&here)), (*token, told(&there)));
        }
    }
    // It goes on: with writes of its own, and with snapshots that are the same state again.
    let booted = reboot(&bench, &folder).await;
    booted.node.write(bench.store, touch("doc:more#viewer@user:1"), None).await.unwrap();
    booted.create(&bench).await;
    let again = reboot(&bench, &folder).await;
    assert_eq!(told(&again.newest(&bench).await), told(&booted.newest(&bench).await));
    assert_eq!((again.loads(), booted.loads()), (0, 0));
}

/// The bytes of a file with a change.
fn changed(file: &PathBuf, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap();
    change(&mut bytes);
    // A new file under the name, as a copy would be: what is mapped is not changed.
    fs::remove_file(file).unwrap();
    fs::write(file, bytes).unwrap();
}

/// Where a section lies in a file.
fn section(file: &PathBuf, name: &str) -> std::ops::Range<usize> {
    let container = Container::open(Arc::new(AlignedBytes::copy_of(&fs::read(file).unwrap()))).unwrap();
    let section = container.sections().find(|section| section.name == name).unwrap();
    let begin = usize::try_from(section.offset).unwrap();
    begin..begin + usize::try_from(section.bytes).unwrap()
}

#[tokio::test]
async fn what_is_not_whole_or_not_ours_is_never_served_and_stays_where_it_is() {
    type Damage = fn(&mut Vec<u8>, usize);
    let damages: [(&str, Damage); 7] = [
        ("empty", |bytes, _| bytes.clear()),
        ("foreign", |bytes, _| *bytes = b"SQLite format 3\0 and so on, for more than a header and a footer have".repeat(10)),
        ("cut", |bytes, _| bytes.truncate(bytes.len() - 1)),
        ("cut in the middle", |bytes, _| bytes.truncate(bytes.len() / 2)),
        ("longer", |bytes, _| bytes.push(0)),
        ("flipped in a segment", |bytes, segment| bytes[segment] ^= 1),
        ("flipped in the footer", |bytes, _| {
            let last = bytes.len() - 40;
            bytes[last] ^= 1;
        }),
    ];
    for (what, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        let (bench, _, file) = with_history(&folder).await;
        let segment = section(&file, "seg.0.records").start + 9;
        changed(&file, |bytes| damage(bytes, segment));
        let written = fs::read(&file).unwrap();
        let booted = reboot(&bench, &folder).await;
        assert_eq!(told(&booted.newest(&bench).await), told(&bench.newest().await), "{what}");
        assert_eq!(booted.loads(), 1, "{what}");
        let name: FileName = file.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let refused = booted.node.snapshots().unwrap().verify_file(name).await.unwrap_err();
        assert!(refused.code().starts_with("snapshot_"), "{what}: {refused}");
        // The next one is good, and what is not is neither counted nor removed.
        let good = booted.create(&bench).await;
        let booted = reboot(&bench, &folder).await;
        booted.newest(&bench).await;
        assert_eq!((booted.loads(), good.exists()), (0, true), "{what}");
        assert_eq!(fs::read(&file).unwrap(), written, "{what}");
    }
}

#[tokio::test]
async fn an_older_file_is_taken_where_the_newest_is_not_right() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, _, _) = with_history(&folder).await;
    let newest = reboot(&bench, &folder).await.create(&bench).await;
    let segment = section(&newest, "seg.0.records").start + 9;
    changed(&newest, |bytes| bytes[segment] ^= 1);
    let booted = reboot(&bench, &folder).await;
    assert_eq!(told(&booted.newest(&bench).await), told(&bench.newest().await));
    assert_eq!(booted.loads(), 0);
}

#[tokio::test]
async fn the_file_of_another_store_under_our_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, _, file) = with_history(&folder).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let (_, _, other) = with_history(&elsewhere).await;
    fs::copy(&other, &file).unwrap();
    let booted = reboot(&bench, &folder).await;
    assert_eq!(told(&booted.newest(&bench).await), told(&bench.newest().await));
    assert_eq!(booted.loads(), 1);
    let name = file.file_name().unwrap().to_str().unwrap().parse().unwrap();
    assert_eq!(booted.node.snapshots().unwrap().verify_file(name).await.unwrap_err().code(), "DH-F004");
}

#[tokio::test]
async fn the_file_of_a_lost_history_is_refused() {
    for (tuples, code) in [(0, "DH-F005"), (60, "DH-F007")] {
        let folder = tempfile::tempdir().unwrap();
        let (bench, _, file) = with_history(&folder).await;
        let texts: Vec<String> = (0..tuples).map(|number| format!("doc:{number}#viewer@user:eve")).collect();
        bench.faulty.exchange(other_history(&bench, &texts.iter().map(String::as_str).collect::<Vec<_>>()).await);
        let booted = reboot(&bench, &folder).await;
        assert_eq!((booted.newest(&bench).await.state.len(), booted.loads()), (tuples, 1));
        let name = file.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let snapshot = booted.node.snapshots().unwrap().open_file(&name).unwrap();
        let place = Place::from(snapshot.head());
        assert_eq!(booted.node.verify_place(&place).await.unwrap_err().code(), code);
        // Of the history that there is one is made, and it is the one that stays.
        let kept = SnapshotOptions { retention: Retention { keep: 1, max_age: None }, ..options(&folder) };
        let good = reboot_with(&bench, kept).await.create(&bench).await;
        assert_eq!((good.exists(), file.exists()), (true, false));
        let booted = reboot(&bench, &folder).await;
        assert_eq!((booted.newest(&bench).await.state.len(), booted.loads()), (tuples, 0));
    }
}

#[tokio::test]
async fn a_log_that_begins_behind_the_file_leaves_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, tokens, file) = with_history(&folder).await;
    let booted = reboot(&bench, &folder).await;
    booted.faulty.log_begins.store(tokens[0].revision + 1, Ordering::SeqCst);
    assert_eq!(told(&booted.newest(&bench).await), told(&bench.newest().await));
    assert_eq!(booted.loads(), 1);
    let name = file.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let place = Place::from(booted.node.snapshots().unwrap().open_file(&name).unwrap().head());
    let gone = booted.node.verify_place(&place).await.unwrap_err();
    assert!(matches!(gone, SnapshotsError::Gone { revision } if revision == tokens[0].revision), "{gone}");
    booted.faulty.log_begins.store(0, Ordering::SeqCst);
    assert_eq!(booted.node.verify_place(&place).await.unwrap(), tokens.last().unwrap().revision);
    let other = Place { digest: dhow_engine::digest::Digest::default(), ..place };
    assert_eq!(booted.node.verify_place(&other).await.unwrap_err().code(), "DH-F008");
}

#[tokio::test]
async fn a_file_that_rots_while_it_is_served_is_mended_from_the_table() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, _, _) = with_history(&folder).await;
    let file = reboot(&bench, &folder).await.create(&bench).await;
    let booted = reboot(&bench, &folder).await;
    let point = booted.newest(&bench).await;
    assert_eq!(booted.loads(), 0);
    let expected = told(&bench.newest().await);
    // Into the very file that is mapped.
    let rotten = section(&file, "seg.0.qualifiers");
    let mut disk = fs::OpenOptions::new().write(true).open(&file).unwrap();
    disk.seek(SeekFrom::Start(rotten.start as u64)).unwrap();
    disk.write_all(&vec![0xFF; rotten.len()]).unwrap();
    let (context, question) = (Context::new(), "doc:17#view@user:late".parse().unwrap());
    let answer = point.state.prepare(None).unwrap().evaluator(point.time, &context).check(&question);
    assert_eq!(answer.unwrap_err().code(), "memory_damaged");
    assert_eq!(told(&booted.newest(&bench).await), expected);
    assert_eq!(booted.loads(), 1);
}

#[tokio::test]
async fn only_whole_files_of_ours_are_counted_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, _, first) = with_history(&folder).await;
    changed(&first, |bytes| bytes[70] ^= 1);
    let strange = folder.path().join("notes.snapshot");
    fs::write(&strange, "mine").unwrap();
    let left = folder.path().join(".dhow-killed.snapshot-part");
    fs::write(&left, "half").unwrap();
    let busy = folder.path().join(".dhow-busy.snapshot-part");
    fs::write(&busy, "half").unwrap();
    let held = fs::File::open(&busy).unwrap();
    held.lock().unwrap();
    let kept = SnapshotOptions { retention: Retention { keep: 2, max_age: None }, ..options(&folder) };
    let booted = reboot_with(&bench, kept).await;
    let mut made = Vec::new();
    for number in 0..4 {
        booted.node.write(bench.store, touch(&format!("doc:n{number}#viewer@user:1")), None).await.unwrap();
        made.push(booted.create(&bench).await);
    }
    assert_eq!(made.iter().map(|file| file.exists()).collect::<Vec<_>>(), [false, false, true, true]);
    assert_eq!([&first, &strange, &left, &busy].map(|file| file.exists()), [true, true, false, true]);
    let listed = booted.node.snapshots().unwrap().files(Some(bench.store)).unwrap();
    assert_eq!(listed.len(), 3);
    assert!(listed[0].revision > listed[1].revision && listed[1].revision > listed[2].revision);
}

#[tokio::test]
async fn a_file_says_what_it_is_of() {
    let folder = tempfile::tempdir().unwrap();
    let (bench, tokens, file) = with_history(&folder).await;
    let snapshot = crate::snapshots::map(&file).unwrap();
    let head = crate::snapshots::head_to_wire(&snapshot);
    assert_eq!((head.store_id.as_str(), head.store_name.as_str()), (bench.store.to_string().as_str(), "main"));
    assert_eq!((head.revision, head.token.as_str()), (tokens[0].revision, tokens[0].to_string().as_str()));
    assert_eq!((head.schema_version, head.schema_hash.len(), head.tuple_count), (2, 64, 43));
    let counts: Vec<_> = head.counts.iter().map(|count| (count.object_type.as_str(), count.relation.as_str(), count.tuples)).collect();
    assert_eq!(counts, [("doc", "viewer", 41), ("group", "member", 2)]);
    assert_eq!((head.made_by.as_str(), head.program.as_str()), ("tester", concat!("dhow ", env!("CARGO_PKG_VERSION"))));
    let state: &State = snapshot.state();
    assert_eq!(head.digest, state.recomputed_digest().to_string());
}
