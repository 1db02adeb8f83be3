use dhow_engine::entry::Body;
use dhow_engine::validate::OrphanReason;

use super::*;
use crate::store::*;

pub(in crate::store) async fn schema_versions_are_numbered_and_kept(database: Arc<dyn Datastore>) {
    let tenant = Tenant::empty(&database, "a").await;
    let write = async |command: &SchemaCommand| database.write_schema(tenant.store, at(5), command).await.unwrap();
    let first = write(&schema_command(SCHEMA)).await;
    assert_eq!((first.version, first.revision, first.unchanged), (1, 1, false));
    let record = first.record.unwrap();
    assert!(matches!(&record.entry.body, Body::Schema(text) if text.version == 1));
    assert_eq!((record.entry.time, record.entry.actor.as_str(), record.chain), (at(5), "ada", first.chain));

    let same = write(&SchemaCommand { expected_version: Some(0), ..schema_command(SCHEMA) }).await;
    assert_eq!((same.version, same.revision, same.unchanged, same.record), (1, 1, true, None));
    let longer = format!("{SCHEMA}\ndefinition more {{}}");
    let dry = write(&SchemaCommand { dry_run: true, ..schema_command(&longer) }).await;
    assert_eq!((dry.version, dry.revision, dry.unchanged, dry.record, dry.chain), (2, 1, false, None, first.chain));
    assert_eq!(tenant.head().await.revision, 1);
    let second = write(&SchemaCommand { expected_version: Some(1), ..schema_command(&longer) }).await;
    assert_eq!((second.version, second.revision), (2, 2));
    // The text of an older version is a new version again.
    assert_eq!(write(&schema_command(SCHEMA)).await.version, 3);
    let state = tenant.verify().await;
    let texts: Vec<_> = state.schemas().map(|schema| schema.text.source.text.clone()).collect();
    assert_eq!(texts, [SCHEMA, &longer, SCHEMA]);
}

pub(in crate::store) async fn a_schema_write_is_refused_with_its_reason(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let refused = async |command: &SchemaCommand| database.write_schema(tenant.store, at(5), command).await.unwrap_err();
    let wrong = refused(&schema_command("definition doc { relation a: nobody relation a: doc }")).await;
    let SchemaWriteError::Wrong { problem } = &wrong else { panic!("{wrong:?}") };
    assert!(problem.contains("nobody") && problem.lines().count() > 1, "{problem}");
    let other = schema_command("definition user {}");
    for expected in [0, 2] {
        let refused = refused(&SchemaCommand { expected_version: Some(expected), ..other.clone() }).await;
        assert!(matches!(refused, SchemaWriteError::Version { expected: e, found: 1 } if e == expected), "{refused:?}");
    }
    let long = refused(&SchemaCommand { actor: "a".repeat(2_000), ..other.clone() }).await;
    assert!(matches!(long, SchemaWriteError::Entry(_)), "{long:?}");
    assert_eq!(tenant.verify().await.revision(), 1);
}

pub(in crate::store) async fn orphans_are_found_by_shape_and_by_context(database: Arc<dyn Datastore>) {
    let tenant = Tenant::new(&database).await;
    let texts = [
        "doc:2#viewer@user:bob",
        "doc:1#viewer@user:bob",
        "doc:1#viewer@user:*",
        "doc:1#viewer@team:core#member",
        r#"doc:3#viewer@user:a[limit:{"most":1}]"#,
        r#"doc:4#viewer@user:a[limit:{"most":2}]"#,
        "doc:5#viewer@user:a[limit]",
        "doc:6#viewer@user:a[expiration:2020-01-01T00:00:00Z]",
    ];
    tenant.write(1, texts.map(create)).await.unwrap();
    let write = async |command: &SchemaCommand| database.write_schema(tenant.store, at(5), command).await;
    let orphans = async |text: &str| {
        let refused = write(&schema_command(text)).await.unwrap_err();
        let SchemaWriteError::Orphans { orphans } = refused else { panic!("{refused:?}") };
        orphans
    };
    let named = |orphans: &[dhow_engine::validate::Orphans]| {
        let name = |o: &dhow_engine::validate::Orphans| (o.shape.to_string(), o.count, o.example.as_ref().unwrap().to_string());
        orphans.iter().map(name).collect::<Vec<_>>()
    };
    let viewers = |text: &str| SCHEMA.replace("user | user:* | team#member | user with limit | user with expiration", text);

    let found = orphans(&viewers("user:* | team#member | user with limit")).await;
    let expected = [("doc#viewer: user", 2, "doc:1#viewer@user:bob"), ("doc#viewer: user with expiration", 1, texts[7])];
    assert_eq!(named(&found), expected.map(|(shape, count, example)| (shape.to_owned(), count, example.to_owned())));
    assert!(found.iter().all(|orphans| orphans.reason == OrphanReason::Shape));
    // The same answer as from the state, whatever the schema.
    let state = tenant.verify().await;
    let current = state.latest_schema().unwrap().schema().unwrap();
    let candidates = [
        viewers("user:* | team#member | user with limit"),
        viewers("user | user with limit | user with expiration"),
        SCHEMA.replace("most int", "most string").replace("amount <= most", "string(amount) == most"),
        SCHEMA.replace("most int", "most uint").replace("amount <= most", "uint(amount) <= most"),
        "definition user {}".to_owned(),
    ];
    for text in &candidates {
        let next = dhow_engine::entry::SchemaSource::native(text).compile().schema.unwrap();
        let expected = dhow_engine::validate::orphans(&next, Some(current), &state);
        assert!(!expected.is_empty());
        assert_eq!(orphans(text).await, expected, "{text}");
    }
    let contexts = orphans(&candidates[2]).await;
    assert!(matches!(&contexts[..], [one] if one.count == 2 && matches!(one.reason, OrphanReason::Context(Some(_)))), "{contexts:?}");

    // A dry run is refused in the same way; allowed, they are kept and may be deleted.
    let dry = SchemaCommand { dry_run: true, ..schema_command("definition user {}") };
    assert_eq!(write(&dry).await.unwrap_err().code(), "DH-W022");
    assert_eq!(tenant.head().await.revision, 2);
    let allowed = SchemaCommand { allow_orphans: true, ..schema_command("definition user {}") };
    assert_eq!(write(&allowed).await.unwrap().version, 2);
    assert_eq!(tenant.tuples().await.len(), texts.len());
    assert_eq!(tenant.write(6, [touch("doc:2#viewer@user:bob")]).await.unwrap_err().code(), "unknown_type");
    assert_eq!(tenant.write(6, texts.map(delete)).await.unwrap(), (0, 0, 7));
    assert!(tenant.tuples().await.is_empty());
}
