use dhow_engine::limits::{MAX_ENTRY_BYTES, MAX_ENTRY_CHANGES};

use super::*;
use crate::store::*;

const ADA: &str = "doc:1#viewer@user:ada";

pub(in crate::store) async fn creates_touches_and_deletes_do_what_they_say(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let limited = r#"doc:1#viewer@user:ada[limit:{"most":3}]"#;
    assert_eq!(tenant.write(1, [create(ADA), create("doc:1#viewer@user:*")]).await.unwrap(), (2, 0, 0));
    assert_eq!(tenant.head().await.revision, 2);
    assert_eq!(tenant.write(2, [create(ADA)]).await.unwrap_err().code(), "DH-W001");
    assert_eq!(tenant.write(3, [touch(ADA), delete("doc:9#viewer@user:ada")]).await.unwrap(), (0, 0, 0));
    assert_eq!(tenant.head().await.revision, 2, "what changes nothing makes no entry");
    assert_eq!(tenant.write(4, [touch(limited), touch("team:core#member@team:core#member")]).await.unwrap(), (1, 1, 0));
    assert_eq!(tenant.tuples().await, ["doc:1#viewer@user:*", limited, "team:core#member@team:core#member"]);
    assert_eq!(tenant.write(5, [delete(ADA), delete("team:core#member@team:core#member")]).await.unwrap(), (0, 0, 2));
    assert_eq!(tenant.write(6, [create(ADA)]).await.unwrap(), (1, 0, 0));
    assert_eq!(tenant.tuples().await, ["doc:1#viewer@user:*", ADA]);

    let records = database.log(tenant.store, 3, 1).await.unwrap();
    let entry = &records.first().unwrap().entry;
    assert_eq!((entry.actor.as_str(), entry.request_id.as_str(), entry.time), ("ada", "5-3", at(5)));
}

pub(in crate::store) async fn a_tuple_is_of_the_revision_that_wrote_it_last(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let revisions = async || {
        // That loading and folding agree on them is what it verifies.
        let state = tenant.verify().await;
        state.tuples().map(|tuple| (tuple.key.subject().id().to_string(), state.revision_of(&tuple.key).unwrap())).collect::<Vec<_>>()
    };
    let told = |expected: &[(&str, u64)]| expected.iter().map(|(id, revision)| ((*id).to_owned(), *revision)).collect::<Vec<_>>();
    let (ada, ben) = ("doc:1#viewer@user:ada", "doc:1#viewer@user:ben");
    tenant.write(1, [create(ada), create(ben)]).await.unwrap();
    assert_eq!(revisions().await, told(&[("ada", 2), ("ben", 2)]));
    tenant.write(2, [touch(&format!("{ben}[limit]"))]).await.unwrap();
    assert_eq!(revisions().await, told(&[("ada", 2), ("ben", 3)]), "replaced");
    tenant.write(3, [touch(ada), create("doc:1#viewer@user:cyd")]).await.unwrap();
    assert_eq!(revisions().await, told(&[("ada", 2), ("ben", 3), ("cyd", 4)]), "what a touch leaves as it is keeps its revision");
    // Several commands of one transaction, one of which has its tuples saved before the others.
    let filter = dhow_engine::filter::TupleFilter { subject_id: Some("cyd".into()), ..Default::default() };
    let batch = [
        command("a", [delete(ada), touch(ben)]),
        command("b", [touch(&format!("{ada}[limit]"))]),
        WriteCommand {
            preconditions: vec![Precondition { expectation: Expectation::MustExist, filter }],
            ..command("c", [delete("doc:1#viewer@user:cyd")])
        },
        command("d", [touch(&format!("{ben}[limit]"))]),
    ];
    assert!(tenant.batch(4, &batch).await.iter().all(Result::is_ok));
    assert_eq!(revisions().await, told(&[("ada", 6), ("ben", 8)]));
    database.write_schema(tenant.store, at(5), &schema_command(&format!("{SCHEMA} definition more {{}}"))).await.unwrap();
    assert_eq!(revisions().await, told(&[("ada", 6), ("ben", 8)]), "a schema writes no tuple");
}

pub(in crate::store) async fn every_qualifier_of_a_tuple_comes_back(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let texts = [
        "doc:ein.Ort/ü😀\"'\\x:1@b#parent@doc:\u{10ffff}",
        r#"doc:a#viewer@user:a[limit:{"most":-9223372036854775808}]"#,
        "doc:a#viewer@user:b[limit]",
        "doc:a#viewer@user:c[expiration:9999-12-30T22:00:00Z]",
        r#"doc:a#viewer@user:d[limit:{"most":1}][expiration:2500-01-01T00:00:00.000001Z]"#,
        "doc:a#viewer@user:e[expiration:0001-01-01T00:00:00Z]",
        "doc:a#viewer@team:f#member",
        "doc:1e5#parent@doc:0017",
        "doc:null#parent@doc:true",
    ];
    tenant.write(1, texts.map(create)).await.unwrap();
    let mut expected = texts.map(tuple);
    expected.sort_by(|a, b| a.key.cmp(&b.key));
    assert_eq!(tenant.tuples().await, expected.map(|tuple| tuple.to_string()));
    assert_eq!(tenant.write(2, texts.map(touch)).await.unwrap(), (0, 0, 0), "what was read back is what was written");
}

pub(in crate::store) async fn an_expired_tuple_counts_as_absent(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let expiring = |us: i64| format!("{ADA}[expiration:{}]", at(us));
    tenant.write(0, [create(&expiring(100))]).await.unwrap();
    assert_eq!(tenant.write(99, [create(ADA)]).await.unwrap_err().code(), "DH-W001");
    assert_eq!(tenant.write(100, [create(&expiring(200))]).await.unwrap(), (1, 0, 0));
    let record = database.log(tenant.store, 2, 1).await.unwrap().remove(0);
    let dhow_engine::entry::Body::Changes(changes) = &record.entry.body else { panic!("{record:?}") };
    let images: Vec<_> = changes.iter().map(|change| (change.before().cloned(), change.after().cloned())).collect();
    assert_eq!(images, [(Some(tuple(&expiring(100))), Some(tuple(&expiring(200))))], "the log says what was there");
    assert_eq!(tenant.write(300, [delete(ADA)]).await.unwrap(), (0, 0, 0));
    assert!(tenant.tuples().await.is_empty(), "a delete purges what is over");
    assert_eq!(tenant.write(301, [create(&expiring(1))]).await.unwrap(), (1, 0, 0), "what is over may be written");
    assert_eq!(tenant.write(302, [touch(ADA)]).await.unwrap(), (1, 0, 0));
}

pub(in crate::store) async fn only_making_tuples_needs_a_schema(database: Arc<dyn Datastore>) {
    let tenant = Tenant::empty(&database, "bare").await;
    assert!(matches!(tenant.write(1, [create(ADA)]).await, Err(WriteError::NoSchema)));
    assert!(matches!(tenant.write(1, [delete(ADA), touch(ADA)]).await, Err(WriteError::NoSchema)));
    assert_eq!(tenant.write(1, [delete(ADA)]).await.unwrap(), (0, 0, 0));
    assert_eq!(tenant.verify().await.revision(), 0);
}

pub(in crate::store) async fn a_refused_write_changes_nothing(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    tenant.write(1, [create(ADA)]).await.unwrap();
    let before = tenant.head().await;
    for (text, code) in [
        ("doc:1#viewer@robot:1", "unknown_type"),
        ("doc:1#view@user:bob", "relation_is_computed"),
        (r#"doc:1#viewer@user:bob[limit:{"most":"x"}]"#, "DH-C302"),
    ] {
        let refused = tenant.write(2, [create("doc:2#viewer@user:ada"), touch(text)]).await.unwrap_err();
        assert_eq!((refused.code(), refused.index()), (code, Some(1)));
    }
    let refused = tenant.write(2, [delete("doc:2#viewer@user:x"), create("doc:2#viewer@user:ada"), create(ADA)]).await.unwrap_err();
    assert_eq!((refused.code(), refused.index()), ("DH-W001", Some(2)));
    assert_eq!(tenant.head().await, before);
    assert_eq!(tenant.tuples().await, [ADA]);
    assert_eq!(database.request(tenant.store, "2-2", at(2)).await.unwrap(), None, "a refusal takes no request id");
}

pub(in crate::store) async fn a_dry_run_says_what_would_be_and_leaves_no_trace(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    tenant.write(1, [create(ADA)]).await.unwrap();
    let before = tenant.head().await;
    let dry = |changes: Vec<ChangeRequest>| WriteCommand { dry_run: true, ..command("dry", changes) };
    let batch = [
        dry(vec![create("doc:2#viewer@user:ada"), delete(ADA), touch("doc:1#viewer@user:*")]),
        dry(vec![create(ADA)]),
        command("wet", [create("doc:2#viewer@user:ada")]),
    ];
    let outcomes = tenant.batch(2, &batch).await;
    let [Ok(first), Err(WriteError::Exists { .. }), Ok(second)] = &outcomes[..] else { panic!("{outcomes:?}") };
    let written = &first.written;
    assert_eq!((written.created, written.replaced, written.deleted), (2, 0, 1));
    assert_eq!((written.revision, written.chain), (before.revision, before.chain));
    assert!(first.record.is_none() && !first.repeated);
    assert_eq!(second.written.created, 1, "the dry run before it did not happen");
    assert_eq!(database.request(tenant.store, "dry", at(2)).await.unwrap(), None);
    assert_eq!(tenant.tuples().await, [ADA, "doc:2#viewer@user:ada"]);
}

pub(in crate::store) async fn time_never_goes_back(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    for (n, now) in [500, 100, 600, 0].into_iter().enumerate() {
        tenant.one(now, &command(&format!("{n}"), [create(&format!("doc:{n}#viewer@user:ada"))])).await.unwrap();
    }
    tenant.database.write_schema(tenant.store, at(1), &schema_command(&format!("{SCHEMA}\n"))).await.unwrap();
    let records = database.log(tenant.store, 1, 10).await.unwrap();
    let times: Vec<_> = records.iter().map(|record| record.entry.time).collect();
    assert_eq!(times, [at(500), at(500), at(600), at(600), at(600)]);
    tenant.verify().await;
}

pub(in crate::store) async fn an_entry_keeps_to_its_limits(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let many = |count: usize| (0..count).map(|n| create(&format!("doc:{n}#viewer@user:ada")));
    let refused = tenant.write(1, many(MAX_ENTRY_CHANGES + 1)).await.unwrap_err();
    assert!(matches!(refused, WriteError::TooManyChanges { changes: 1_001, limit: MAX_ENTRY_CHANGES }), "{refused:?}");
    // Two ids of 1,024 bytes a change: 300 of them are more than 512 KiB.
    let long = |n: usize| format!("doc:{n:01024}#viewer@user:{n:01024}");
    for dry_run in [true, false] {
        let too_large = WriteCommand { dry_run, ..command("large", (0..300).map(|n| create(&long(n)))) };
        let refused = tenant.one(1, &too_large).await.unwrap_err();
        assert!(matches!(refused, WriteError::TooLarge { bytes, limit: MAX_ENTRY_BYTES } if bytes > MAX_ENTRY_BYTES), "{refused:?}");
    }
    assert_eq!(tenant.head().await.revision, 1);
    assert_eq!(tenant.write(2, many(MAX_ENTRY_CHANGES)).await.unwrap(), (1_000, 0, 0));
    assert_eq!(tenant.write(3, (0..250).map(|n| create(&long(n)))).await.unwrap(), (250, 0, 0));
    assert_eq!(tenant.verify().await.len(), 1_250);
}
