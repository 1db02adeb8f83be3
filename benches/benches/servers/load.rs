//! Clients that write or ask, as many at once as wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use dhow_benches::world::Question;
use dhow_proto::v1;
use dhow_proto::v1::authorization_service_client::AuthorizationServiceClient;
use dhow_proto::v1::relationship_service_client::RelationshipServiceClient;

use super::process::{Server, write};
use super::stores::question;
use super::times::Times;

/// Writers that share a connection.
const TOGETHER: usize = 64;

/// Acknowledged writes in a second, by so many writers spread over the servers, each writing when its last write was answered.
pub(crate) async fn writes(servers: &[&Server], store: &str, writers: usize, lasting: Duration) -> f64 {
    let done = Arc::new(AtomicU64::new(0));
    let warm = Duration::from_secs(1);
    let mut tasks = Vec::new();
    let mut channels = Vec::new();
    for number in 0..writers.div_ceil(TOGETHER).max(servers.len()) {
        channels.push(servers[number % servers.len()].connect().await);
    }
    let begun = Instant::now();
    for number in 0..writers {
        let mut client = RelationshipServiceClient::new(channels[number % channels.len()].clone());
        let (store, done) = (store.to_owned(), Arc::clone(&done));
        tasks.push(tokio::spawn(async move {
            let mut count = 0_u64;
            while begun.elapsed() < warm + lasting {
                let document = format!("{number}-{count}-{}", begun.elapsed().as_nanos());
                client.write(write(&store, &document, "one")).await.unwrap();
                count += 1;
                if begun.elapsed() > warm {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    done.load(Ordering::Relaxed) as f64 / lasting.as_secs_f64()
}

/// How long each of so many checks at once took, their answers looked at.
pub(crate) async fn checks(server: &Server, store: &str, questions: &Arc<Vec<Question>>, at_once: usize, lasting: Duration) -> Times {
    let channel = server.connect().await;
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for number in 0..at_once {
        let mut client = AuthorizationServiceClient::new(channel.clone());
        let (store, questions) = (store.to_owned(), Arc::clone(questions));
        tasks.push(tokio::spawn(async move {
            let mut times = Vec::new();
            for asked in questions.iter().cycle().skip(number * questions.len() / at_once) {
                if begun.elapsed() >= lasting {
                    break;
                }
                let (document, user) = (asked.object.split_once(':').unwrap().1, asked.subject.split_once(':').unwrap().1);
                let request =
                    v1::CheckRequest { store: store.clone(), check: Some(question(document, user)), ..v1::CheckRequest::default() };
                let sent = Instant::now();
                let answer = client.check(request).await.unwrap().into_inner();
                times.push(sent.elapsed());
                assert_eq!(answer.decision() == v1::Decision::Allowed, asked.allowed, "{} {}", asked.object, asked.subject);
            }
            times
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.unwrap());
    }
    Times::of(times)
}

/// So many writes in a second, until it is dropped.
pub(crate) async fn steadily(server: &Server, store: &str, in_a_second: u32) -> tokio::task::JoinHandle<()> {
    let client = RelationshipServiceClient::new(server.connect().await);
    let (store, run) = (store.to_owned(), rand::random::<u64>());
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_secs(1) / in_a_second);
        for number in 0_u64.. {
            ticks.tick().await;
            let (mut client, request) = (client.clone(), write(&store, &format!("{run}-{number}"), "one"));
            tokio::spawn(async move { client.write(request).await.unwrap() });
        }
    })
}
