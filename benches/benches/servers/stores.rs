//! Stores for the bench: small ones by the API, large ones past it, as fast as Postgres takes rows.

use std::fmt::Write as _;

use dhow_benches::world::{SCHEMA, World};
use dhow_engine::digest::Digest;
use dhow_engine::tuple::Tuple;
use dhow_proto::v1;
use dhow_proto::v1::relationship_service_client::RelationshipServiceClient;
use dhow_proto::v1::schema_service_client::SchemaServiceClient;
use dhow_proto::v1::store_service_client::StoreServiceClient;
use sqlx::Row;

use super::database::Database;
use super::process::{Server, write};

/// Makes a store with the world's schema; its id.
pub(crate) async fn empty(server: &Server, name: &str) -> String {
    let channel = server.connect().await;
    let made = StoreServiceClient::new(channel.clone()).create(v1::CreateStoreRequest { name: name.to_owned() }).await.unwrap();
    let source = v1::SchemaSource { text: SCHEMA.to_owned(), ..v1::SchemaSource::default() };
    let request = v1::WriteSchemaRequest { store: name.to_owned(), source: Some(source), ..v1::WriteSchemaRequest::default() };
    SchemaServiceClient::new(channel).write(request).await.unwrap();
    made.into_inner().store.unwrap().id
}

/// Makes a store of a world, by COPY: its rows and the head that they come to, as an import would have left them, and one write behind.
pub(crate) async fn of_world(database: &Database, name: &str, world: &World) {
    let server = Server::start(&["--database", &database.url]).await;
    empty(&server, name).await;
    drop(server);
    let mut connection = database.connect().await;
    let row = sqlx::query("SELECT s.key, h.digest FROM store AS s JOIN head AS h ON h.store = s.key WHERE s.name = $1");
    let row = row.bind(name).fetch_one(&mut connection).await.unwrap();
    let (key, stored): (i64, Vec<u8>) = (row.get(0), row.get(1));
    let mut digest: Digest = borsh::from_slice(&stored).unwrap();
    let tuples = world.tuples();
    let mut copy = connection.copy_in_raw("COPY tuple FROM STDIN").await.unwrap();
    for chunk in tuples.chunks(10_000) {
        let mut text = String::new();
        for tuple in chunk {
            line(&mut text, key, tuple);
            digest = digest.with_tuple(tuple);
        }
        copy.send(text.as_bytes()).await.unwrap();
    }
    copy.finish().await.unwrap();
    let head = sqlx::query("UPDATE head SET digest = $2, tuples = $3 WHERE store = $1");
    let count = i64::try_from(tuples.len()).unwrap();
    head.bind(key).bind(borsh::to_vec(&digest).unwrap()).bind(count).execute(&mut connection).await.unwrap();
    let shapes = sqlx::query(
        "INSERT INTO shape SELECT store, object_type, relation, subject_type, CASE subject_id WHEN '*' THEN '*' ELSE subject_relation END,
            '', 0, count(*) FROM tuple WHERE store = $1 GROUP BY 1, 2, 3, 4, 5",
    );
    shapes.bind(key).execute(&mut connection).await.unwrap();
    sqlx::raw_sql("ANALYZE tuple").execute(&mut connection).await.unwrap();
    let server = Server::start(&["--database", &database.url]).await;
    patiently(&server, name).await;
    RelationshipServiceClient::new(server.connect().await).write(write(name, "first", "one")).await.unwrap();
}

/// Asks until the store is in memory: a large one takes longer than a deadline.
pub(crate) async fn patiently(server: &Server, store: &str) {
    let mut client = v1::authorization_service_client::AuthorizationServiceClient::new(server.connect().await);
    loop {
        let check = v1::CheckRequest { store: store.to_owned(), check: Some(question("first", "one")), ..v1::CheckRequest::default() };
        match client.check(check).await {
            Ok(_) => return,
            Err(status) => assert!(status.code() == tonic::Code::Unavailable, "{status}"),
        }
    }
}

/// May this user view this document?
pub(crate) fn question(document: &str, user: &str) -> v1::CheckItem {
    v1::CheckItem {
        object: Some(v1::ObjectRef { r#type: "document".to_owned(), id: document.to_owned() }),
        permission: "view".to_owned(),
        subject: Some(v1::SubjectRef { r#type: "user".to_owned(), id: user.to_owned(), relation: String::new() }),
        context: None,
    }
}

/// A row of COPY's text form. The world's names need no escapes.
fn line(text: &mut String, key: i64, tuple: &Tuple) {
    let (object, subject) = (tuple.key.object(), tuple.key.subject());
    let written = tuple.key.to_string();
    let relation = tuple.key.relation();
    let subject_text = subject.to_string();
    let (subject_type, rest) = subject_text.split_once(':').unwrap();
    let (subject_id, subject_relation) = rest.split_once('#').unwrap_or((rest, ""));
    assert!(!written.contains(['\\', '\t', '\n']), "{written}");
    writeln!(
        text,
        "{key}\t{}\t{}\t{relation}\t{subject_type}\t{subject_id}\t{subject_relation}\t\\N\t\\N\t\\N\t0",
        object.to_string().split_once(':').unwrap().0,
        object.to_string().split_once(':').unwrap().1,
    )
    .unwrap();
}
