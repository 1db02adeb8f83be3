use dhow_engine::digest::Digest;

use super::*;
use crate::store::*;

pub(in crate::store) async fn stores_are_made_found_listed_and_removed(database: Arc<dyn Datastore>) {
    for name in ["b", "c", "a"] {
        Tenant::empty(&database, name).await;
    }
    let names = |stores: Vec<StoreInfo>| stores.into_iter().map(|info| info.name).collect::<Vec<_>>();
    assert_eq!(names(database.list_stores().await.unwrap()), ["a", "b", "c"]);
    let found = database.find_store(StoreKey::Name("b")).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.created_at), ("b", at(0)));
    assert_eq!(database.find_store(StoreKey::Id(found.id)).await.unwrap(), Some(found.clone()));
    assert!(database.delete_store(found.id).await.unwrap());
    assert!(!database.delete_store(found.id).await.unwrap());
    assert_eq!(database.find_store(StoreKey::Name("b")).await.unwrap(), None);
    assert_eq!(database.find_store(StoreKey::Id(found.id)).await.unwrap(), None);
    assert_eq!(names(database.list_stores().await.unwrap()), ["a", "c"]);
    assert_eq!(database.find_store(StoreKey::Name("'; DROP TABLE store; --")).await.unwrap(), None);
}

pub(in crate::store) async fn a_store_has_a_sound_name_of_its_own(database: Arc<dyn Datastore>) {
    Tenant::empty(&database, "a").await;
    let refused = async |name: &str| {
        let info = StoreInfo { id: StoreId([9; 16]), name: name.to_owned(), created_at: at(0) };
        database.create_store(&info).await.unwrap_err().code()
    };
    assert_eq!(refused("a").await, "DH-W031");
    assert_eq!(refused("A").await, "DH-W030");
    assert_eq!(refused("01234567-89ab-cdef-0123-456789abcdef").await, "DH-W030");
    assert_eq!(database.list_stores().await.unwrap().len(), 1);
}

pub(in crate::store) async fn a_new_store_is_at_genesis(database: Arc<dyn Datastore>) {
    let tenant = Tenant::empty(&database, "a").await;
    let chain = dhow_engine::entry::Chain::genesis(tenant.store);
    let expected = Head { revision: 0, chain, digest: Digest::default(), time: Timestamp::MIN, schema_version: 0, tuples: 0 };
    assert_eq!(tenant.head().await, expected);
    assert_eq!(tenant.verify().await.revision(), 0);
}

pub(in crate::store) async fn a_removed_store_leaves_nothing_and_others_alone(database: Arc<dyn Datastore>) {
    let other = Tenant::empty(&database, "other").await;
    database.write_schema(other.store, at(0), &schema_command(SCHEMA)).await.unwrap();
    let tenant = Tenant::new(&database).await;
    for tenant in [&tenant, &other] {
        tenant.write(1, [create("doc:1#viewer@user:ada")]).await.unwrap();
    }
    assert!(database.delete_store(tenant.store).await.unwrap());
    assert_eq!(database.head(tenant.store).await.unwrap_err().code(), "DH-D009");
    assert_eq!(other.tuples().await, ["doc:1#viewer@user:ada"]);
    // The same name and even the same id begin anew.
    let again = Tenant::empty(&database, "main").await;
    assert_eq!(again.verify().await.revision(), 0);
    assert_eq!(database.request(again.store, "1-1", at(1)).await.unwrap(), None);
    let refused = again.write(2, [create("doc:1#viewer@user:ada")]).await.unwrap_err();
    assert!(matches!(refused, WriteError::NoSchema));
}

pub(in crate::store) async fn what_is_asked_of_no_store_says_so(database: Arc<dyn Datastore>) {
    let nowhere = StoreId([1; 16]);
    let codes = [
        database.head(nowhere).await.map(|_| ()),
        database.load(nowhere, &mut Loaded::default()).await,
        database.log(nowhere, 0, 1).await.map(|_| ()),
        database.labels(nowhere, &[1].into()).await.map(|_| ()),
        database.request(nowhere, "a", at(0)).await.map(|_| ()),
        database.write(nowhere, at(0), &[command("a", [])]).await.map(|_| ()),
    ]
    .map(|answer| answer.unwrap_err().code());
    assert_eq!(codes, ["DH-D009"; 6]);
    let refused = database.write_schema(nowhere, at(0), &schema_command(SCHEMA)).await.unwrap_err();
    assert_eq!(refused.code(), "DH-D009");
}

pub(in crate::store) async fn heads_that_moved_are_found_among_those_known(database: Arc<dyn Datastore>) {
    let known = async |tenant: &Tenant| {
        let Head { revision, chain, .. } = tenant.head().await;
        KnownHead { store: tenant.store, revision, chain }
    };
    let (still, moves, goes) =
        (Tenant::empty(&database, "still").await, Tenant::new(&database).await, Tenant::empty(&database, "goes").await);
    let mut all = vec![known(&still).await, known(&moves).await, known(&goes).await];
    let found = async |all: &[KnownHead]| {
        let MovedHeads { moved, writable, time, .. } = database.moved_heads(all).await.unwrap();
        assert!(writable);
        // One that others write, too, has a clock that all of them share.
        assert_eq!(time.is_none(), database.is_sole_writer());
        moved
    };
    assert!(found(&[]).await.is_empty());
    assert!(found(&all).await.is_empty());
    moves.write(1, [create("doc:1#viewer@user:ada")]).await.unwrap();
    database.delete_store(goes.store).await.unwrap();
    assert_eq!(found(&all).await, [(moves.store, Some(moves.head().await)), (goes.store, None)]);
    // Another history at the same revision is another head.
    let chain = dhow_engine::entry::Chain([7; 32]);
    all[0].chain = chain;
    all[1] = KnownHead { chain, ..known(&moves).await };
    let heads = [(still.store, Some(still.head().await)), (moves.store, Some(moves.head().await)), (goes.store, None)];
    assert_eq!(found(&all).await, heads);
}

pub(in crate::store) async fn the_log_is_read_in_parts(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    for n in 0..5 {
        tenant.write(n, [create(&format!("doc:{n}#viewer@user:ada"))]).await.unwrap();
    }
    let revisions = async |after, limit| {
        let records = database.log(tenant.store, after, limit).await.unwrap();
        records.iter().map(|record| record.entry.revision).collect::<Vec<_>>()
    };
    assert_eq!(revisions(0, 100).await, [1, 2, 3, 4, 5, 6]);
    assert_eq!(revisions(2, 3).await, [3, 4, 5]);
    assert_eq!(revisions(5, 3).await, [6]);
    for beyond in [6, 7, u64::MAX] {
        assert!(revisions(beyond, 3).await.is_empty(), "{beyond}");
    }
    assert!(revisions(0, 0).await.is_empty());
}

pub(in crate::store) async fn who_wrote_a_revision_is_told_by_the_log(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    for (n, actor) in [(1, "ada"), (2, "ben"), (3, "cyd")] {
        let write = WriteCommand { actor: actor.to_owned(), ..command(&format!("r{n}"), [create(&format!("doc:{n}#viewer@user:ada"))]) };
        tenant.one(n, &write).await.unwrap();
    }
    let records = database.log(tenant.store, 0, 10).await.unwrap();
    let labels = async |revisions: &[u64]| database.labels(tenant.store, &revisions.iter().copied().collect()).await.unwrap();
    let found = labels(&[2, 4, 1, 9, u64::MAX]).await;
    let told: Vec<_> =
        found.iter().map(|found| (found.label.revision, &*found.label.actor, &*found.label.request_id, found.label.time)).collect();
    assert_eq!(told, [(4, "cyd", "r3", at(3)), (2, "ada", "r1", at(1)), (1, "ada", "", at(0))], "newest first, and what there is");
    for LogLabel { chain, label } in &found {
        let record = records.iter().find(|record| record.entry.revision == label.revision).unwrap();
        assert_eq!((record.chain, record.entry.store), (*chain, label.store));
    }
    assert!(labels(&[]).await.is_empty());
    // At most some megabytes of entries, the newest.
    let long = "x".repeat(1_000);
    for n in 10..36 {
        let changes = (0..400).map(|user| create(&format!("doc:{n}#viewer@user:{long}{user}")));
        tenant.write(n, changes).await.unwrap();
    }
    let found = labels(&(0..100).collect::<Vec<_>>()).await;
    assert!(found.len() > 10 && found.len() < 30, "{}", found.len());
    assert!(found.is_sorted_by(|a, b| a.label.revision > b.label.revision) && found[0].label.revision == 30);
}

pub(in crate::store) async fn a_store_is_loaded_in_pieces_in_key_order(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    for part in 0..6 {
        let changes = (0..1_000).map(|n| create(&format!("doc:{}#viewer@user:{part}", (n * 7) % 1_000)));
        assert_eq!(tenant.write(part, changes).await.unwrap(), (1_000, 0, 0));
    }
    let mut sink = Loaded::default();
    database.load(tenant.store, &mut sink).await.unwrap();
    assert!(sink.pieces.len() > 1 && sink.pieces.iter().all(|piece| (1..=5_000).contains(&piece.len())));
    let tuples = sink.pieces.concat();
    assert_eq!(tuples.len(), 6_000);
    assert!(tuples.is_sorted_by(|a, b| a.tuple.key < b.tuple.key));
    tenant.verify().await;
}
