//! RelationshipService: writes, deletes, reads, imports, exports, watches; and what each token gets.

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use v1::change::Operation;
use v1::precondition::Expectation;
use v1::watch_response::Event;

use super::*;

const TUPLES: &[&str] = &[
    "document:1#viewer@user:ada",
    "document:1#viewer@team:core#member",
    "document:2#viewer@user:bob",
    "folder:a#viewer@user:ada",
    "team:core#member@user:bob",
];

fn filter(object_type: &str) -> v1::TupleFilter {
    v1::TupleFilter { object_type: object_type.into(), ..Default::default() }
}

fn precondition(expectation: Expectation, filter: v1::TupleFilter) -> v1::Precondition {
    v1::Precondition { expectation: expectation.into(), filter: Some(filter) }
}

async fn read(bench: &Bench, request: v1::ReadRequest) -> Result<Vec<String>, Status> {
    let stream = bench.relationships().read(bench.request(request)).await?.into_inner();
    Ok(collect(stream).await?.into_iter().flat_map(|message| message.tuples).map(tuple_text).collect())
}

async fn delete(bench: &Bench, request: v1::DeleteRequest) -> Result<Vec<v1::DeleteResponse>, Status> {
    collect(bench.relationships().delete(bench.request(request)).await?.into_inner()).await
}

async fn import(bench: &Bench, messages: Vec<v1::ImportRequest>) -> Result<Vec<v1::ImportResponse>, Status> {
    collect(bench.relationships().import(bench.request(tokio_stream::iter(messages))).await?.into_inner()).await
}

#[tokio::test]
async fn a_write_is_one_revision_or_nothing() {
    let bench = Bench::with(TUPLES).await;
    let before = bench.revision().await;
    let refused = bench
        .write(vec![change(Operation::Create, "document:3#viewer@user:ada"), change(Operation::Create, "document:1#viewer@user:ada")])
        .await;
    assert_told(&refused.unwrap_err(), Code::AlreadyExists, "DH-W001", "changes[1]");
    assert_eq!((bench.revision().await, bench.tuples().await.len()), (before, TUPLES.len()));
    let written = bench
        .write(vec![
            change(Operation::Create, "document:3#viewer@user:ada"),
            change(Operation::Touch, "document:1#viewer@user:ada[weekday]"),
            change(Operation::Touch, "document:2#viewer@user:bob"),
            change(Operation::Delete, "folder:a#viewer@user:ada"),
            change(Operation::Delete, "folder:b#viewer@user:ada"),
        ])
        .await;
    // With a caveat the tuple is another shape, which this relation takes.
    let written = written.unwrap();
    assert_eq!((written.created, written.replaced, written.deleted, written.repeated), (1, 1, 1, false));
    assert_eq!(bench.revision().await, before + 1);
    assert!(bench.tuples().await.contains(&"document:1#viewer@user:ada[weekday]".to_owned()));
}

#[tokio::test]
async fn each_wrong_write_is_told_with_code_and_field_and_changes_nothing() {
    let bench = Bench::with(TUPLES).await;
    let (before, tuples) = (bench.revision().await, bench.tuples().await);
    let many = |count: usize| (0..count).map(|i| change(Operation::Touch, &format!("document:m{i}#viewer@user:ada"))).collect();
    let twice = vec![change(Operation::Touch, "document:9#viewer@user:ada"), change(Operation::Delete, "document:9#viewer@user:ada")];
    let nobody = vec![v1::Change { operation: Operation::Touch.into(), tuple: None }];
    let number = vec![v1::Change { operation: 77, tuple: Some(tuple_of("document:9#viewer@user:ada")) }];
    let cases: Vec<(Vec<v1::Change>, Code, &str, &str)> = vec![
        (vec![change(Operation::Touch, "documnt:9#viewer@user:ada")], Code::InvalidArgument, "unknown_type", "changes[0]"),
        (vec![change(Operation::Touch, "document:9#viewr@user:ada")], Code::InvalidArgument, "unknown_relation", "changes[0]"),
        (vec![change(Operation::Touch, "document:9#view@user:ada")], Code::InvalidArgument, "relation_is_computed", "changes[0]"),
        (vec![change(Operation::Touch, "document:9#viewer@folder:a")], Code::InvalidArgument, "subject_not_allowed", "changes[0]"),
        (
            vec![change(Operation::Touch, "document:9#banned@user:ada[weekday]")],
            Code::InvalidArgument,
            "qualifier_not_allowed",
            "changes[0]",
        ),
        (vec![change(Operation::Touch, "document:9#viewer@user:ada[weekdy]")], Code::InvalidArgument, "unknown_caveat", "changes[0]"),
        (twice, Code::InvalidArgument, "DH-W004", "changes[1]"),
        (nobody, Code::InvalidArgument, "DH-A010", "changes[0].tuple"),
        (number, Code::InvalidArgument, "DH-A011", "changes[0].operation"),
        (many(1_001), Code::InvalidArgument, "DH-A012", "changes"),
    ];
    for (changes, code, reason, field) in cases {
        assert_told(&bench.write(changes).await.unwrap_err(), code, reason, field);
    }
    let long = v1::WriteRequest { request_id: "x".repeat(129), changes: many(1), ..Default::default() };
    let refused = bench.relationships().write(bench.request(long)).await.unwrap_err();
    assert_told(&refused, Code::InvalidArgument, "DH-A013", "request_id");
    assert_eq!((bench.revision().await, bench.tuples().await), (before, tuples));
    bench.write(many(1_000)).await.unwrap();
}

#[tokio::test]
async fn preconditions_guard_a_write() {
    let bench = Bench::with(TUPLES).await;
    let before = bench.revision().await;
    let ada = || v1::TupleFilter { subject_type: "user".into(), subject_id: "ada".into(), ..Default::default() };
    let nobody = || v1::TupleFilter { subject_id: "nobody".into(), ..ada() };
    let write = async |preconditions| {
        let changes = vec![change(Operation::Touch, &format!("document:{}#viewer@user:zoe", bench.revision().await))];
        let request = v1::WriteRequest { changes, preconditions, ..Default::default() };
        bench.relationships().write(bench.request(request)).await
    };
    for (wrong, code) in [(Expectation::MustExist, "DH-W002"), (Expectation::MustNotExist, "DH-W003")] {
        let filter = if wrong == Expectation::MustExist { nobody() } else { ada() };
        let good = precondition(Expectation::MustExist, ada());
        let refused = write(vec![good, precondition(wrong, filter)]).await.unwrap_err();
        assert_told(&refused, Code::FailedPrecondition, code, "preconditions[1]");
    }
    assert_eq!(bench.revision().await, before);
    write(vec![precondition(Expectation::MustExist, ada()), precondition(Expectation::MustNotExist, nobody())]).await.unwrap();
}

#[tokio::test]
async fn a_request_id_makes_a_retry_safe() {
    let bench = Bench::with(&[]).await;
    let request = |tuple: &str| v1::WriteRequest {
        changes: vec![change(Operation::Create, tuple)],
        request_id: "order-7".into(),
        ..Default::default()
    };
    let write = async |tuple: &str| bench.relationships().write(bench.request(request(tuple))).await.map(tonic::Response::into_inner);
    let first = write("document:1#viewer@user:ada").await.unwrap();
    bench.touch(&["document:2#viewer@user:ada"]).await;
    let second = write("document:1#viewer@user:ada").await.unwrap();
    assert_eq!((first.repeated, second.repeated, second.created), (false, true, 1));
    assert_eq!(first.answered_at.unwrap().token, second.answered_at.unwrap().token);
    let other = write("document:3#viewer@user:ada").await.unwrap_err();
    assert_told(&other, Code::AlreadyExists, "DH-W011", "request_id");
    let unnamed = bench.write(vec![change(Operation::Touch, "document:4#viewer@user:ada")]).await.unwrap();
    assert!(!unnamed.request_id.is_empty());
}

#[tokio::test]
async fn a_dry_run_of_a_write_says_what_would_happen() {
    let bench = Bench::with(TUPLES).await;
    let before = bench.revision().await;
    let dry = |changes| v1::WriteRequest { changes, dry_run: true, ..Default::default() };
    let changes = vec![change(Operation::Create, "document:3#viewer@user:ada"), change(Operation::Delete, "document:2#viewer@user:bob")];
    let answer = bench.relationships().write(bench.request(dry(changes))).await.unwrap().into_inner();
    assert_eq!((answer.created, answer.deleted, answer.answered_at.unwrap().revision), (1, 1, before));
    let refused = bench.relationships().write(bench.request(dry(vec![change(Operation::Create, TUPLES[0])]))).await;
    assert_told(&refused.unwrap_err(), Code::AlreadyExists, "DH-W001", "changes[0]");
    assert_eq!((bench.revision().await, bench.tuples().await.len()), (before, TUPLES.len()));
}

#[tokio::test]
async fn reads_choose_by_any_fields_in_order_and_in_pages() {
    let bench = Bench::with(TUPLES).await;
    let of = |filter| v1::ReadRequest { filter: Some(filter), ..Default::default() };
    let ada = v1::TupleFilter { subject_type: "user".into(), subject_id: "ada".into(), ..Default::default() };
    assert_eq!(read(&bench, of(ada)).await.unwrap(), ["document:1#viewer@user:ada", "folder:a#viewer@user:ada"]);
    let usersets = v1::TupleFilter { subject_relation: Some("member".into()), ..Default::default() };
    assert_eq!(read(&bench, of(usersets)).await.unwrap(), ["document:1#viewer@team:core#member"]);
    let plain = v1::TupleFilter { subject_relation: Some(String::new()), ..filter("document") };
    assert_eq!(read(&bench, of(plain)).await.unwrap().len(), 2);
    let whole = read(&bench, v1::ReadRequest::default()).await.unwrap();
    assert!(whole.is_sorted() && whole.len() == TUPLES.len());

    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let request = v1::ReadRequest { page_size: 2, cursor, ..Default::default() };
        let messages = collect(bench.relationships().read(bench.request(request)).await.unwrap().into_inner()).await.unwrap();
        cursor = messages.last().unwrap().next_cursor.clone();
        paged.extend(messages.into_iter().flat_map(|message| message.tuples).map(tuple_text));
        if cursor.is_empty() {
            break;
        }
        bench.touch(&[&format!("team:core#member@user:later-{}", paged.len())]).await;
    }
    assert_eq!(paged, whole);
}

#[tokio::test]
async fn expired_tuples_are_shown_on_request_and_may_be_created_anew() {
    let bench = Bench::with(&["document:1#viewer@user:ada[expiration:2020-01-01T00:00:00Z]"]).await;
    assert!(read(&bench, v1::ReadRequest::default()).await.unwrap().is_empty());
    assert_eq!(read(&bench, v1::ReadRequest { include_expired: true, ..Default::default() }).await.unwrap().len(), 1);
    let written = bench.write(vec![change(Operation::Create, "document:1#viewer@user:ada")]).await.unwrap();
    assert_eq!((written.created, written.replaced), (1, 0));
    assert_eq!(bench.tuples().await, ["document:1#viewer@user:ada"]);
}

#[tokio::test]
async fn a_delete_takes_expired_tuples_along_and_counts_those_that_were_there() {
    let bench = Bench::with(&["document:1#viewer@user:ada[expiration:2020-01-01T00:00:00Z]", "document:1#viewer@user:bob"]).await;
    let request = |dry_run| v1::DeleteRequest { filter: Some(filter("document")), max_tuples: 1, dry_run, ..Default::default() };
    for dry_run in [true, false] {
        assert_eq!(delete(&bench, request(dry_run)).await.unwrap().last().unwrap().deleted, 1, "{dry_run}");
    }
    assert!(bench.tuples().await.is_empty());
}

#[tokio::test]
async fn a_delete_takes_what_matches_in_as_many_revisions_as_it_needs() {
    let bench = Bench::with(TUPLES).await;
    for part in 0..3 {
        let many: Vec<_> = (0..900).map(|i| format!("document:{part}-{i}#viewer@user:ada")).collect();
        bench.touch(&many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    let before = bench.revision().await;
    let of = |filter| v1::DeleteRequest { filter: Some(filter), ..Default::default() };
    let refused = delete(&bench, v1::DeleteRequest { max_tuples: 2_000, ..of(filter("document")) }).await.unwrap_err();
    assert_told(&refused, Code::FailedPrecondition, "DH-W014", "max_tuples");
    let guarded =
        v1::DeleteRequest { preconditions: vec![precondition(Expectation::MustNotExist, filter("team"))], ..of(filter("document")) };
    assert_told(&delete(&bench, guarded).await.unwrap_err(), Code::FailedPrecondition, "DH-W003", "preconditions[0]");
    let dry = delete(&bench, v1::DeleteRequest { dry_run: true, ..of(filter("document")) }).await.unwrap();
    assert_eq!((dry.last().unwrap().deleted, bench.revision().await), (2_703, before));
    let steps = delete(&bench, of(filter("document"))).await.unwrap();
    assert_eq!(steps.last().map(|step| (step.deleted, step.done)), Some((2_703, true)));
    assert_eq!((bench.revision().await, bench.tuples().await.len()), (before + 3, 2));
    assert_eq!(steps.len(), 3);
    assert_eq!(delete(&bench, of(filter("document"))).await.unwrap()[0].deleted, 0);
}

#[tokio::test]
async fn an_import_sent_again_passes_over_what_is_in() {
    let bench = Bench::with(&[]).await;
    let before = bench.revision().await;
    let message = |part: usize| v1::ImportRequest {
        import_id: if part == 0 { "nightly".into() } else { String::new() },
        tuples: (0..700).map(|i| tuple_of(&format!("document:{part}-{i}#viewer@user:ada"))).collect(),
        ..Default::default()
    };
    let broken = v1::ImportRequest { tuples: vec![tuple_of("document:x#viewer@folder:a")], ..Default::default() };
    let failed = import(&bench, vec![message(0), message(1), broken.clone()]).await.unwrap_err();
    assert!(failed.message().contains("the first 1000 tuples are in"), "{}", failed.message());
    assert_eq!(told(&failed).1, "subject_not_allowed");
    assert_eq!(bench.tuples().await.len(), 1_000);
    let steps = import(&bench, vec![message(0), message(1)]).await.unwrap();
    assert_eq!(steps.iter().map(|step| (step.imported, step.done)).collect::<Vec<_>>(), [(1_000, false), (1_400, true)]);
    assert_eq!(steps[0].import_id, "nightly");
    assert_eq!((bench.tuples().await.len(), bench.revision().await), (1_400, before + 2));
    // Export and import make the same store again.
    let exported = bench.tuples().await;
    let again = Bench::with(&[]).await;
    let tuples = exported.iter().map(|text| tuple_of(text)).collect();
    import(&again, vec![v1::ImportRequest { tuples, ..Default::default() }]).await.unwrap();
    assert_eq!(again.tuples().await, exported);
}

#[tokio::test]
async fn large_tuples_are_cut_by_bytes_and_a_write_of_too_many_bytes_is_refused() {
    let bench = Bench::with(&[]).await;
    let long = "x".repeat(1_000);
    let tuples: Vec<_> = (0..900).map(|i| format!("document:{i}-{long}#viewer@user:{i}-{long}")).collect();
    let changes = tuples.iter().map(|text| change(Operation::Touch, text)).collect();
    assert_told(&bench.write(changes).await.unwrap_err(), Code::InvalidArgument, "DH-W008", "changes");
    let before = bench.revision().await;
    let steps =
        import(&bench, vec![v1::ImportRequest { tuples: tuples.iter().map(|text| tuple_of(text)).collect(), ..Default::default() }]);
    let steps = steps.await.unwrap();
    assert_eq!(steps.last().unwrap().imported, 900);
    assert_eq!(bench.revision().await, before + steps.len() as u64);
    // What was there before counts as well: an import that replaces everything is cut finer, not refused.
    let replaced: Vec<_> = tuples.iter().map(|text| tuple_of(&format!("{text}[weekday]"))).collect();
    let steps = import(&bench, vec![v1::ImportRequest { tuples: replaced, ..Default::default() }]).await.unwrap();
    assert_eq!(steps.last().unwrap().imported, 900);
    let deleted = delete(&bench, v1::DeleteRequest { filter: Some(filter("document")), ..Default::default() }).await.unwrap();
    assert_eq!(deleted.last().unwrap().deleted, 900);
}

#[tokio::test]
async fn a_watcher_gets_the_state_then_every_change_that_matters_then_heartbeats() {
    let bench = Bench::with(TUPLES).await;
    let request = v1::WatchRequest { from_current_state: true, filters: vec![filter("document")], heartbeat_ms: 100, ..Default::default() };
    let mut events = bench.relationships().watch(bench.request(request)).await.unwrap().into_inner();
    let mut state = Vec::new();
    loop {
        let Some(Event::State(part)) = events.next().await.unwrap().unwrap().event else { panic!("the state comes first") };
        state.extend(part.tuples.into_iter().map(tuple_text));
        if part.complete {
            break;
        }
    }
    assert_eq!(state.len(), 3);
    bench.touch(&["folder:z#viewer@user:ada"]).await;
    let token = bench.touch(&["document:1#viewer@user:ada[weekday]", "folder:y#viewer@user:ada"]).await;
    let change = next_but_heartbeats(&mut events).await;
    assert_eq!((change.token, change.actor.as_str()), (token.clone(), "anonymous"));
    let Some(Event::Changes(changes)) = change.event else { panic!("changes") };
    assert_eq!(changes.changes.len(), 1);
    let one = changes.changes[0].clone();
    assert_eq!(tuple_text(one.before.unwrap()), "document:1#viewer@user:ada");
    assert_eq!(tuple_text(one.after.unwrap()), "document:1#viewer@user:ada[weekday]");
    let silence = events.next().await.unwrap().unwrap();
    assert!(matches!(silence.event, Some(Event::Heartbeat(_))));
    assert_eq!(silence.token, token);
}

async fn next_but_heartbeats(events: &mut Streaming<v1::WatchResponse>) -> v1::WatchResponse {
    loop {
        let event = events.next().await.unwrap().unwrap();
        if !matches!(event.event, Some(Event::Heartbeat(_))) {
            return event;
        }
    }
}

#[tokio::test]
async fn a_watcher_that_comes_back_with_its_token_misses_nothing() {
    let bench = Bench::with(&[]).await;
    let first = bench.touch(&["document:1#viewer@user:ada"]).await;
    let second = bench.touch(&["document:2#viewer@user:ada"]).await;
    bench.schemas().write(bench.request(write_schema(&format!("{SCHEMA} definition robot {{}}")))).await.unwrap();
    let watch = async |after_token: &str, without_schema_changes| {
        let request = v1::WatchRequest { after_token: after_token.into(), without_schema_changes, ..Default::default() };
        bench.relationships().watch(bench.request(request)).await.map(tonic::Response::into_inner)
    };
    let mut events = watch(&first, false).await.unwrap();
    let change = next_but_heartbeats(&mut events).await;
    assert_eq!(change.token, second);
    assert!(matches!(next_but_heartbeats(&mut events).await.event, Some(Event::Schema(v1::WatchSchema { version: 2 }))));
    let mut events = watch(&first, true).await.unwrap();
    next_but_heartbeats(&mut events).await;
    let third = bench.touch(&["document:3#viewer@user:ada"]).await;
    assert_eq!(next_but_heartbeats(&mut events).await.token, third);
    assert_told(&watch("no token", false).await.unwrap_err(), Code::InvalidArgument, "DH-R001", "consistency");
    let both = v1::WatchRequest { after_token: first, from_current_state: true, ..Default::default() };
    let refused = bench.relationships().watch(bench.request(both)).await.unwrap_err();
    assert_told(&refused, Code::InvalidArgument, "DH-A019", "from_current_state");
}

#[tokio::test]
async fn each_token_gets_what_its_mode_promises() {
    let bench = Bench::with(&[]).await;
    let old = bench.touch(&["document:1#viewer@user:ada"]).await;
    let new = bench.touch(&["document:2#viewer@user:ada"]).await;
    let ask = async |question: &str, consistency| {
        bench.check(v1::CheckRequest { check: Some(item(question)), consistency, ..Default::default() }).await
    };
    use v1::Decision::{Allowed, Denied};
    assert_eq!(ask("document:2#view@user:ada", exactly(&old)).await.unwrap().decision(), Denied);
    assert_eq!(ask("document:2#view@user:ada", exactly(&new)).await.unwrap().decision(), Allowed);
    assert_eq!(ask("document:2#view@user:ada", at_least(&old)).await.unwrap().decision(), Allowed);
    assert_eq!(ask("document:2#view@user:ada", newest()).await.unwrap().answered_at.unwrap().token, new);

    let mut token: crate::node::token::Token = new.parse().unwrap();
    token.revision += 1;
    for future in [exactly(&token.to_string()), at_least(&token.to_string())] {
        let refused = ask("document:1#view@user:ada", future).await.unwrap_err();
        assert_told(&refused, Code::InvalidArgument, "DH-R012", "consistency");
    }
    token.revision -= 1;
    token.store.0[0] ^= 1;
    let foreign = token.to_string();
    assert_told(&ask("document:1#view@user:ada", exactly(&foreign)).await.unwrap_err(), Code::InvalidArgument, "DH-R011", "consistency");
    let flagged = ask("document:1#view@user:ada", at_least(&foreign)).await.unwrap().answered_at.unwrap();
    assert_eq!(flagged.token, new);
    assert!(!flagged.token_note.is_empty());
}

#[tokio::test]
async fn a_revision_that_left_the_hot_window_is_refused_with_the_oldest_that_is_kept() {
    let limits = Limits { hot_window_revisions: 3, ..Limits::default() };
    let bench = Bench::of(ServeOptions { limits, ..options(Access::Open) }).await;
    bench.stores().create(bench.request(v1::CreateStoreRequest { name: "main".into() })).await.unwrap();
    bench.schemas().write(bench.request(write_schema(SCHEMA))).await.unwrap();
    let old = bench.touch(&["document:0#viewer@user:ada"]).await;
    for number in 1..5 {
        bench.touch(&[&format!("document:{number}#viewer@user:ada")]).await;
    }
    let request = v1::CheckRequest { check: Some(item("document:1#view@user:ada")), consistency: exactly(&old), ..Default::default() };
    let refused = bench.check(request).await.unwrap_err();
    assert_told(&refused, Code::OutOfRange, "DH-R013", "consistency");
    assert_eq!(refused.get_details_error_info().unwrap().metadata["oldest"], "4");
}

#[tokio::test]
async fn a_stream_that_breaks_off_leaves_whole_parts_and_goes_on_when_sent_again() {
    let bench = Bench::with(&[]).await;
    let address = format!("http://{}", bench.server.address());
    let client = std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        // Kept until the connection is gone: its end would be the end of the stream.
        let (send, messages) = mpsc::channel(4);
        let first = runtime.block_on(async {
            let tuples = (0..1_500).map(|i| tuple_of(&format!("document:{i}#viewer@user:ada"))).collect();
            send.send(v1::ImportRequest { import_id: "cut".into(), tuples, ..Default::default() }).await.unwrap();
            let mut client = RelationshipServiceClient::connect(address).await.unwrap();
            let mut steps = client.import(ReceiverStream::new(messages)).await.unwrap().into_inner();
            steps.next().await.unwrap().unwrap().imported
        });
        // The connection goes with the runtime, in the middle of the stream.
        runtime.shutdown_background();
        first
    });
    assert_eq!(tokio::task::spawn_blocking(|| client.join().unwrap()).await.unwrap(), 1_000);
    // What came of the rest may be in or not, but not half of it.
    let left = bench.tuples().await.len();
    assert!([1_000, 1_500].contains(&left), "{left}");
    // Sent again and to its end, it goes on where it broke off.
    let tuples = (0..2_500).map(|i| tuple_of(&format!("document:{i}#viewer@user:ada"))).collect();
    let again = v1::ImportRequest { import_id: "cut".into(), tuples, ..Default::default() };
    assert_eq!(import(&bench, vec![again]).await.unwrap().last().unwrap().imported, 2_500);
    assert_eq!(bench.tuples().await.len(), 2_500);
}
