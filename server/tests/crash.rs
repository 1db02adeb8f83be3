//! `kill -9` in the middle of a stream of writes: no acknowledged write is lost, no batch is half there, nothing is written twice.
//!
//! The server is the real binary on a real file, the clients are real ones over TCP.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use dhow_proto::v1;
use dhow_proto::v1::relationship_service_client::RelationshipServiceClient;
use dhow_proto::v1::schema_service_client::SchemaServiceClient;
use dhow_proto::v1::store_service_client::StoreServiceClient;
use tokio::sync::watch;
use tonic::transport::{Channel, Endpoint};

/// Tuples of one write: all of them are there, or none.
const BATCH: usize = 3;
const WRITERS: usize = 8;
/// How often the server is killed.
const ROUNDS: usize = 3;
/// Acknowledged writes before it is.
const ACKNOWLEDGED: usize = 120;

const SCHEMA: &str = "definition user {} definition doc { relation viewer: user permission view = viewer }";

struct Server {
    child: Child,
    channel: Channel,
}

impl Server {
    async fn start(folder: &Path) -> Self {
        let port_file = folder.join("port");
        let _ = std::fs::remove_file(&port_file);
        let mut child = Command::new(env!("CARGO_BIN_EXE_dhow"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "warn", "--data"])
            .arg(folder.join("dhow.db"))
            .arg("--port-file")
            .arg(&port_file)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        let address = loop {
            tick.tick().await;
            if let Ok(address) = std::fs::read_to_string(&port_file) {
                break address;
            }
            assert_eq!(child.try_wait().unwrap(), None, "the server ended before it said where it listens");
        };
        let endpoint = Endpoint::from_shared(format!("http://{}", address.trim())).unwrap();
        Self { child, channel: endpoint.connect().await.unwrap() }
    }

    fn relationships(&self) -> RelationshipServiceClient<Channel> {
        RelationshipServiceClient::new(self.channel.clone())
    }

    async fn tuples(&self) -> Vec<v1::Tuple> {
        let consistency = Some(v1::Consistency { requirement: Some(v1::consistency::Requirement::FullyConsistent(true)) });
        let request = v1::ExportRequest { consistency, ..Default::default() };
        let mut stream = self.relationships().export(request).await.unwrap().into_inner();
        let mut tuples = Vec::new();
        while let Some(message) = stream.message().await.unwrap() {
            tuples.extend(message.tuples);
        }
        tuples
    }

    async fn revision(&self) -> u64 {
        let mut stores = StoreServiceClient::new(self.channel.clone());
        stores.get(v1::GetStoreRequest::default()).await.unwrap().into_inner().store.unwrap().revision
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGKILL: nothing is flushed, nothing is said.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A write of one document with several viewers, under a request id that says which.
fn write(name: &str) -> v1::WriteRequest {
    let tuple = |viewer| v1::Tuple {
        object: Some(v1::ObjectRef { r#type: "doc".into(), id: name.into() }),
        relation: "viewer".into(),
        subject: Some(v1::SubjectRef { r#type: "user".into(), id: format!("{viewer}"), relation: String::new() }),
        ..Default::default()
    };
    let change = |viewer| v1::Change { operation: v1::change::Operation::Create.into(), tuple: Some(tuple(viewer)) };
    v1::WriteRequest { changes: (0..BATCH).map(change).collect(), request_id: name.into(), ..Default::default() }
}

/// How many viewers each document has.
fn by_document(tuples: Vec<v1::Tuple>) -> BTreeMap<String, usize> {
    let mut documents = BTreeMap::new();
    for tuple in tuples {
        *documents.entry(tuple.object.unwrap().id).or_default() += 1;
    }
    documents
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killing_the_server_loses_no_acknowledged_write_and_leaves_no_half_batch() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path()).await;
    StoreServiceClient::new(server.channel.clone()).create(v1::CreateStoreRequest { name: "main".into() }).await.unwrap();
    let source = Some(v1::SchemaSource { text: SCHEMA.into(), ..Default::default() });
    SchemaServiceClient::new(server.channel.clone()).write(v1::WriteSchemaRequest { source, ..Default::default() }).await.unwrap();

    let (mut sent, mut acknowledged) = (BTreeSet::new(), BTreeMap::new());
    for round in 0..ROUNDS {
        let (count, mut counted) = watch::channel(0_usize);
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (mut client, count) = (server.relationships(), count.clone());
                tokio::spawn(async move {
                    let (mut sent, mut acknowledged) = (Vec::new(), Vec::new());
                    for number in 0.. {
                        let name = format!("{round}-{writer}-{number}");
                        sent.push(name.clone());
                        let Ok(answer) = client.write(write(&name)).await else { break };
                        acknowledged.push((name, answer.into_inner().answered_at.unwrap().revision));
                        count.send_modify(|count| *count += 1);
                    }
                    (sent, acknowledged)
                })
            })
            .collect();
        drop(count);
        // An error: every writer has ended, though the server is up.
        counted.wait_for(|count| *count >= ACKNOWLEDGED).await.expect("the writers go on until the server is killed");
        drop(server);
        for writer in writers {
            let (names, answers) = writer.await.unwrap();
            sent.extend(names);
            acknowledged.extend(answers);
        }

        server = Server::start(folder.path()).await;
        let documents = by_document(server.tuples().await);
        for (document, viewers) in &documents {
            assert_eq!(*viewers, BATCH, "{document} is half there");
            assert!(sent.contains(document));
        }
        for name in acknowledged.keys() {
            assert!(documents.contains_key(name), "{name} was acknowledged and is lost");
        }
        // One revision for the schema, one for each write: none is missing, none is there twice.
        assert_eq!(server.revision().await, 1 + documents.len() as u64);
        let revisions: BTreeSet<u64> = acknowledged.values().copied().collect();
        assert_eq!(revisions.len(), acknowledged.len(), "two writes were given one revision");

        // Whoever did not get an answer asks again under the same id: what is in is answered as the first time, the rest is written.
        for name in sent.iter().filter(|name| !acknowledged.contains_key(*name)).cloned().collect::<Vec<_>>() {
            let answer = server.relationships().write(write(&name)).await.unwrap().into_inner();
            assert_eq!(answer.repeated, documents.contains_key(&name), "{name}");
            acknowledged.insert(name, answer.answered_at.unwrap().revision);
        }
    }
    assert_eq!(by_document(server.tuples().await).len(), sent.len());
    assert!(acknowledged.len() >= ROUNDS * ACKNOWLEDGED);
}
