//! The topic itself.

use super::super::follow::{Follower, Start};
use super::super::{Settings, topic};
use super::support::*;

#[tokio::test]
async fn a_topic_is_made_once_and_then_left_as_it_is() {
    let settings = settings();
    let clock = clock();
    let (one, other) = tokio::join!(topic::ensure(&settings, &clock), topic::ensure(&settings, &clock));
    one.unwrap();
    other.unwrap();
    topic::ensure(&Settings { partitions: 2, ..settings.clone() }, &clock).await.unwrap();
    let refused = topic::ensure(&Settings { partitions: 4, ..settings.clone() }, &clock).await.unwrap_err();
    assert_eq!(refused.code(), "DH-L006");
    assert!(refused.to_string().contains("has 3 partitions, the settings say 4"), "{refused}");
}

#[tokio::test]
async fn a_topic_that_is_not_there_is_said() {
    let missing = Follower::open(&settings(), Start::Beginning, &clock()).await.err().map(|error| error.code());
    assert_eq!(missing, Some("DH-L005"));
}

#[tokio::test]
async fn copies_that_the_brokers_cannot_make_are_refused_with_their_reason() {
    let refused = topic::ensure(&Settings { replication: Some(3), ..settings() }, &clock()).await.unwrap_err();
    assert_eq!(refused.code(), "DH-L004", "{refused:?}");
}

#[tokio::test]
async fn a_broker_that_is_away_is_said() {
    let away = Follower::open(&settings_on("127.0.0.1:1".to_owned()), Start::Beginning, &clock()).await.err().map(|error| error.code());
    assert_eq!(away, Some("DH-L003"));
}
