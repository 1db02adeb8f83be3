//! SchemaService: writing, reading, listing and comparing schema versions.

use super::*;

const LESS: &str = "definition user {} definition document { relation viewer: user permission view = viewer }";

async fn write(bench: &Bench, request: v1::WriteSchemaRequest) -> Result<v1::WriteSchemaResponse, Status> {
    bench.schemas().write(bench.request(request)).await.map(tonic::Response::into_inner)
}

async fn read(bench: &Bench, version: u64) -> Result<v1::ReadSchemaResponse, Status> {
    let request = v1::ReadSchemaRequest { version, ..Default::default() };
    bench.schemas().read(bench.request(request)).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn versions_are_numbered_kept_and_read_back_as_written() {
    let bench = Bench::with(&[]).await;
    let second = write(&bench, write_schema(LESS)).await.unwrap();
    assert_eq!((second.version, second.unchanged), (2, false));
    assert!(second.changes.iter().any(|change| change.kind.contains("removed")), "{:?}", second.changes);
    let again = write(&bench, write_schema(LESS)).await.unwrap();
    assert_eq!((again.version, again.unchanged), (2, true));
    assert_eq!(again.answered_at.unwrap().revision, second.answered_at.unwrap().revision);
    for (version, text) in [(1, SCHEMA), (2, LESS), (0, LESS)] {
        let found = read(&bench, version).await.unwrap();
        assert_eq!((found.source.unwrap().text.as_str(), found.actor.as_str()), (text, "anonymous"));
    }
    assert_told(&read(&bench, 3).await.unwrap_err(), Code::NotFound, "schema_version_unknown", "schema_version");
    let listed = bench.schemas().list_versions(bench.request(v1::ListSchemaVersionsRequest::default())).await.unwrap().into_inner();
    assert_eq!(listed.versions.iter().map(|version| (version.version, version.revision)).collect::<Vec<_>>(), [(2, 2), (1, 1)]);
}

#[tokio::test]
async fn imports_travel_with_the_text() {
    let bench = Bench::empty().await;
    bench.stores().create(bench.request(v1::CreateStoreRequest { name: "main".into() })).await.unwrap();
    let source = v1::SchemaSource {
        text: "use import import \"people.zed\" definition document { relation viewer: user permission view = viewer }".into(),
        imports: [("people.zed".to_owned(), "definition user {}".to_owned())].into(),
    };
    write(&bench, v1::WriteSchemaRequest { source: Some(source.clone()), ..Default::default() }).await.unwrap();
    assert_eq!(read(&bench, 0).await.unwrap().source.unwrap(), source);
    bench.touch(&["document:1#viewer@user:ada"]).await;
    assert_eq!(bench.ask("document:1#view@user:ada").await.unwrap().decision(), v1::Decision::Allowed);
}

#[tokio::test]
async fn a_wrong_schema_is_told_with_all_its_mistakes_and_changes_nothing() {
    let bench = Bench::with(&[]).await;
    let before = bench.revision().await;
    let text = "definition user {}\ndefinition document {\n  relation viewer: usr\n  permission view = veiwer\n}";
    let refused = write(&bench, write_schema(text)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let violations = refused.get_details_bad_request().unwrap().field_violations;
    assert!(violations.len() >= 2, "{violations:?}");
    assert!(violations.iter().any(|violation| violation.description.contains("did you mean `user`")), "{violations:?}");
    assert!(violations.iter().any(|violation| violation.description.contains("did you mean `viewer`")), "{violations:?}");
    assert_eq!(bench.revision().await, before);
    let huge = "// ".to_owned() + &"x".repeat(500_000);
    assert_told(&write(&bench, write_schema(&huge)).await.unwrap_err(), Code::InvalidArgument, "DH-A013", "source");
}

#[tokio::test]
async fn a_schema_that_leaves_tuples_without_meaning_is_refused_and_names_them() {
    let tuples = ["document:1#parent@folder:a", "document:2#parent@folder:a", "document:1#viewer@user:*", "document:1#viewer@user:ada"];
    let bench = Bench::with(&tuples).await;
    let before = bench.revision().await;
    let refused = write(&bench, write_schema(LESS)).await.unwrap_err();
    assert_told(&refused, Code::FailedPrecondition, "DH-W022", "source");
    for named in ["2 tuples of `document#parent: folder`", "document:1#parent@folder:a", "`document#viewer: user:*`"] {
        assert!(refused.message().contains(named), "{}", refused.message());
    }
    assert!(!refused.message().contains("user:ada"), "{}", refused.message());
    assert_eq!(bench.revision().await, before);
    let allowed = v1::WriteSchemaRequest { allow_orphans: true, ..write_schema(LESS) };
    assert_eq!(write(&bench, allowed).await.unwrap().version, 2);
    // Kept, and ignored.
    assert_eq!(bench.tuples().await.len(), tuples.len());
    assert_eq!(bench.ask("document:1#view@user:zoe").await.unwrap().decision(), v1::Decision::Denied);
    assert_eq!(bench.ask("document:1#view@user:ada").await.unwrap().decision(), v1::Decision::Allowed);
}

#[tokio::test]
async fn a_write_names_the_version_that_it_replaces() {
    let bench = Bench::with(&[]).await;
    for wrong in [0, 2] {
        let request = v1::WriteSchemaRequest { expected_version: Some(wrong), ..write_schema(LESS) };
        assert_told(&write(&bench, request).await.unwrap_err(), Code::FailedPrecondition, "DH-W021", "expected_version");
    }
    let request = v1::WriteSchemaRequest { expected_version: Some(1), ..write_schema(LESS) };
    assert_eq!(write(&bench, request).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_changes_nothing() {
    let bench = Bench::with(&["document:1#parent@folder:a"]).await;
    let before = bench.revision().await;
    let request = v1::WriteSchemaRequest { dry_run: true, ..write_schema(LESS) };
    assert_told(&write(&bench, request.clone()).await.unwrap_err(), Code::FailedPrecondition, "DH-W022", "source");
    let answer = write(&bench, v1::WriteSchemaRequest { allow_orphans: true, ..request }).await.unwrap();
    assert_eq!(answer.version, 2);
    assert!(!answer.changes.is_empty());
    assert_eq!((bench.revision().await, read(&bench, 0).await.unwrap().version), (before, 1));
}

#[tokio::test]
async fn versions_and_texts_are_compared() {
    let bench = Bench::with(&[]).await;
    write(&bench, write_schema(LESS)).await.unwrap();
    let compare = async |from_version, to| {
        let request = v1::DiffSchemaRequest { from_version, to: Some(to), ..Default::default() };
        bench.schemas().diff(bench.request(request)).await.unwrap().into_inner().changes
    };
    use v1::diff_schema_request::To;
    let changes = compare(1, To::ToVersion(2)).await;
    assert!(changes.iter().any(|change| change.subject.contains("folder")), "{changes:?}");
    let source = v1::SchemaSource { text: LESS.into(), ..Default::default() };
    assert!(compare(2, To::ToSource(source)).await.is_empty());
}

#[tokio::test]
async fn a_request_may_be_decided_under_an_older_version() {
    let bench = Bench::with(&["document:1#viewer@user:ada", "document:1#banned@user:ada"]).await;
    let open = SCHEMA.replace(" - banned", "");
    write(&bench, write_schema(&open)).await.unwrap();
    for (schema_version, decision) in [(0, v1::Decision::Allowed), (1, v1::Decision::Denied), (2, v1::Decision::Allowed)] {
        let request = v1::CheckRequest { check: Some(item("document:1#view@user:ada")), schema_version, ..Default::default() };
        assert_eq!(bench.check(request).await.unwrap().decision(), decision, "{schema_version}");
    }
}
