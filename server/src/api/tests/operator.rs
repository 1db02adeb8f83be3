//! OperatorService: what it answers, and to whom.

use dhow_proto::v1::operator_service_client::OperatorServiceClient;
use dhow_proto::v1::verify_snapshot_request::What;
use tempfile::TempDir;

use super::access::{by, identity, only, ring};
use super::*;
use crate::identity::{Right, Scope};
use crate::snapshots::{Retention, SnapshotOptions, Verification};

/// A server with a folder, two stores, and keys that may operate one, both, or none.
async fn guarded(folder: &TempDir) -> Bench {
    let keys = vec![
        identity("root", Scope::All, &Right::ALL, None),
        identity("shopkeeper", only(&["shop"]), &[Right::Operate], None),
        identity("reader", only(&["shop"]), &[Right::Read, Right::Write, Right::Schema, Right::Admin], None),
    ];
    let snapshots = SnapshotOptions {
        folder: folder.path().join("made"),
        verification: Verification::Bytes,
        retention: Retention::default(),
        every: None,
    };
    let bench = Bench::of(ServeOptions { snapshots: Some(snapshots), ..options(ring(keys)) }).await;
    for store in ["shop", "bank"] {
        bench.stores().create(by("root", v1::CreateStoreRequest { name: store.into() })).await.unwrap();
        bench.schemas().write(by("root", v1::WriteSchemaRequest { store: store.into(), ..write_schema(SCHEMA) })).await.unwrap();
    }
    bench
}

fn operator(bench: &Bench) -> OperatorServiceClient<Channel> {
    OperatorServiceClient::new(bench.channel.clone())
}

async fn create(bench: &Bench, key: &str, store: &str) -> Result<v1::CreateSnapshotResponse, Status> {
    let request = by(key, v1::CreateSnapshotRequest { store: store.into() });
    operator(bench).create_snapshot(request).await.map(tonic::Response::into_inner)
}

async fn verify(bench: &Bench, key: &str, what: What) -> Result<v1::VerifySnapshotResponse, Status> {
    let request = by(key, v1::VerifySnapshotRequest { what: Some(what) });
    operator(bench).verify_snapshot(request).await.map(tonic::Response::into_inner)
}

async fn inspect(bench: &Bench, key: &str, file: &str) -> Result<v1::InspectSnapshotResponse, Status> {
    let request = by(key, v1::InspectSnapshotRequest { file: file.into() });
    operator(bench).inspect_snapshot(request).await.map(tonic::Response::into_inner)
}

async fn listed(bench: &Bench, key: &str, store: &str) -> Vec<v1::SnapshotFile> {
    let request = by(key, v1::ListSnapshotsRequest { store: store.into() });
    operator(bench).list_snapshots(request).await.unwrap().into_inner().files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_made_listed_shown_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let bench = guarded(&folder).await;
    let made = create(&bench, "shopkeeper", "").await.unwrap();
    let head = made.head.unwrap();
    assert_eq!((head.store_name.as_str(), head.revision, head.made_by.as_str()), ("shop", 1, "shopkeeper"));
    assert_eq!(inspect(&bench, "root", &made.file).await.unwrap().head.unwrap(), head);
    let files = listed(&bench, "shopkeeper", "").await;
    assert_eq!((files.len(), &files[0].file, files[0].bytes), (1, &made.file, head.bytes));
    let whole = verify(&bench, "root", What::File(made.file.clone())).await.unwrap();
    assert_eq!((whole.head.as_ref(), whole.head_revision), (Some(&head), 1));
    let place = v1::SnapshotPlace { store_id: head.store_id.clone(), revision: 1, chain: head.chain.clone(), digest: head.digest.clone() };
    assert_eq!(verify(&bench, "root", What::Place(place.clone())).await.unwrap().head_revision, 1);
    let refused = verify(&bench, "root", What::Place(v1::SnapshotPlace { revision: 2, ..place.clone() })).await.unwrap_err();
    assert_told(&refused, Code::FailedPrecondition, "DH-F005", "");
    let refused = verify(&bench, "root", What::Place(v1::SnapshotPlace { chain: head.digest.clone(), ..place.clone() })).await.unwrap_err();
    assert_told(&refused, Code::FailedPrecondition, "DH-F007", "");
    let refused = verify(&bench, "root", What::Place(v1::SnapshotPlace { digest: head.chain.clone(), ..place.clone() })).await.unwrap_err();
    assert_told(&refused, Code::DataLoss, "DH-F008", "");
    let refused = verify(&bench, "root", What::Place(v1::SnapshotPlace { digest: "ab".into(), ..place })).await.unwrap_err();
    assert_told(&refused, Code::InvalidArgument, "DH-A026", "place.digest");
    let nothing = operator(&bench).verify_snapshot(by("root", v1::VerifySnapshotRequest { what: None })).await.unwrap_err();
    assert_told(&nothing, Code::InvalidArgument, "DH-A010", "what");

    // A flipped byte is told with its place, and nothing is removed for it.
    let path = folder.path().join("made").join(&made.file);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[64] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let refused = verify(&bench, "root", What::File(made.file.clone())).await.unwrap_err();
    assert_told(&refused, Code::DataLoss, "snapshot_damaged", "");
    assert!(refused.message().contains(&made.file) && refused.message().contains("in bytes"), "{refused:?}");
    assert_eq!(listed(&bench, "root", "shop").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_sees_the_stores_of_its_key_alone() {
    let folder = tempfile::tempdir().unwrap();
    let bench = guarded(&folder).await;
    let (shop, bank) = (create(&bench, "root", "shop").await.unwrap().file, create(&bench, "root", "bank").await.unwrap().file);
    for refused in [
        create(&bench, "reader", "shop").await.map(|_| ()),
        inspect(&bench, "reader", &shop).await.map(|_| ()),
        verify(&bench, "reader", What::File(shop.clone())).await.map(|_| ()),
        operator(&bench).list_snapshots(by("reader", v1::ListSnapshotsRequest::default())).await.map(|_| ()),
        operator(&bench).status(by("reader", v1::StatusRequest {})).await.map(|_| ()),
    ] {
        assert_told(&refused.unwrap_err(), Code::PermissionDenied, "DH-A004", "");
    }
    for refused in [
        create(&bench, "shopkeeper", "bank").await.map(|_| ()),
        inspect(&bench, "shopkeeper", &bank).await.map(|_| ()),
        verify(&bench, "shopkeeper", What::File(bank.clone())).await.map(|_| ()),
    ] {
        assert_told(&refused.unwrap_err(), Code::PermissionDenied, "DH-A005", "");
    }
    for absent in ["nothing", "../made", &format!("../made/{shop}"), &shop.replace(".0000", ".0009")] {
        let refused = inspect(&bench, "root", absent).await.unwrap_err();
        assert_told(&refused, Code::NotFound, "DH-F002", "file");
    }
    assert_eq!(listed(&bench, "root", "").await.len(), 2);
    assert_eq!(listed(&bench, "shopkeeper", "").await.iter().map(|file| &file.file).collect::<Vec<_>>(), [&shop]);
    let status = operator(&bench).status(by("shopkeeper", v1::StatusRequest {})).await.unwrap().into_inner();
    assert_eq!((status.version.as_str(), status.stores_known, status.stores.len()), (env!("CARGO_PKG_VERSION"), 1, 1));
    let store = &status.stores[0];
    assert_eq!((store.name.as_str(), store.applied_revision, store.head_revision, store.lag_revisions), ("shop", 1, Some(1), Some(0)));
    assert_eq!((store.set_aside.as_str(), &store.newest_snapshot.as_ref().unwrap().file), ("", &shop));
    // The files of a store that is gone are for who may see all.
    let gone = v1::DeleteStoreRequest { store: "shop".into(), confirm_name: "shop".into() };
    bench.stores().delete(by("root", gone)).await.unwrap();
    assert_eq!(listed(&bench, "root", "").await.iter().filter(|file| file.store_name.is_empty()).count(), 1);
    assert!(listed(&bench, "shopkeeper", "").await.is_empty());
}

#[tokio::test]
async fn a_server_without_a_folder_says_so() {
    let bench = Bench::with(&[]).await;
    let refused = operator(&bench).create_snapshot(bench.request(v1::CreateSnapshotRequest::default())).await.unwrap_err();
    assert_told(&refused, Code::FailedPrecondition, "DH-F001", "");
    assert!(refused.message().contains("--snapshots"));
    let status = operator(&bench).status(bench.request(v1::StatusRequest {})).await.unwrap().into_inner();
    assert_eq!((status.snapshot_folder.as_str(), status.stores.len()), ("", 1));
}
