//! How large a message may be, both ways.

use super::*;

fn import_of(count: usize) -> v1::ImportRequest {
    v1::ImportRequest { tuples: (0..count).map(|i| tuple_of(&format!("document:{i}#viewer@user:ada"))).collect(), ..Default::default() }
}

#[tokio::test]
async fn an_import_with_a_message_that_is_too_large_fails_and_is_not_taken_for_one_that_ended() {
    let limits = Limits { message_bytes: 10_000, ..Limits::default() };
    let bench = Bench::of(ServeOptions { limits, ..options(Access::Open) }).await;
    bench.stores().create(bench.request(v1::CreateStoreRequest { name: "main".into() })).await.unwrap();
    bench.schemas().write(bench.request(write_schema(SCHEMA))).await.unwrap();
    for messages in [vec![import_of(1_000)], vec![import_of(10), import_of(1_000)]] {
        let sent = bench.relationships().import(bench.request(tokio_stream::iter(messages))).await;
        let refused = match sent {
            Ok(answers) => collect(answers.into_inner()).await.unwrap_err(),
            Err(refused) => refused,
        };
        assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    }
    assert!(bench.tuples().await.is_empty());
}

#[tokio::test]
async fn answers_are_cut_so_that_clients_take_them_with_their_defaults() {
    let bench = Bench::with(&[]).await;
    let context = "x".repeat(15_000);
    let tuples: Vec<_> = (0..400).map(|i| tuple_of(&format!("document:{i}#viewer@user:ada[weekday:{{\"day\":\"{context}\"}}]"))).collect();
    let messages = tuples.chunks(100).map(|tuples| v1::ImportRequest { tuples: tuples.to_vec(), ..Default::default() });
    let messages: Vec<_> = messages.collect();
    let imported = bench.relationships().import(bench.request(tokio_stream::iter(messages))).await.unwrap();
    assert_eq!(collect(imported.into_inner()).await.unwrap().last().unwrap().imported, 400);

    // More than the 4 MiB that a client of gRPC takes in one message.
    assert_eq!(bench.tuples().await.len(), 400);
    let read = bench.relationships().read(bench.request(v1::ReadRequest { page_size: 300, ..Default::default() })).await.unwrap();
    let page = collect(read.into_inner()).await.unwrap();
    assert_eq!(page.iter().map(|message| message.tuples.len()).sum::<usize>(), 300);
    assert!(page.iter().rev().skip(1).all(|message| message.next_cursor.is_empty()));
    assert!(!page.last().unwrap().next_cursor.is_empty());
    let watch = v1::WatchRequest { from_current_state: true, ..Default::default() };
    let mut watch = bench.relationships().watch(bench.request(watch)).await.unwrap().into_inner();
    let mut state = 0;
    while let Some(Ok(v1::WatchResponse { event: Some(v1::watch_response::Event::State(part)), .. })) = watch.next().await {
        state += part.tuples.len();
        if part.complete {
            break;
        }
    }
    assert_eq!(state, 400);
}
