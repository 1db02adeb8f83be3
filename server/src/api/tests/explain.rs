//! Explanations: where each tuple is from, who wrote it, and when.

use dhow_proto::v1::Decision;

use super::*;
use crate::identity::{Identity, KeyDigest, KeyRing};

async fn why(bench: &Bench, question: &str, with: &[&str], consistency: Option<v1::Consistency>) -> v1::Explanation {
    let request = v1::CheckRequest {
        check: Some(item(question)),
        contextual_tuples: with.iter().map(|text| tuple_of(text)).collect(),
        consistency,
        explain: true,
        ..Default::default()
    };
    bench.check(request).await.unwrap().explanation.unwrap()
}

/// The tuples of a tree and then of the nearest misses, with where they are from; a time that is not recent fails.
fn told(explanation: &v1::Explanation) -> Vec<(String, v1::Provenance)> {
    let mut open: Vec<&v1::ExplanationNode> = explanation.root.iter().collect();
    let mut found = Vec::new();
    while let Some(node) = open.pop() {
        open.extend(node.children.iter().rev());
        found.push((node.tuple.clone(), node.provenance.clone()));
    }
    found.extend(explanation.misses.iter().map(|miss| (miss.tuple.clone(), miss.provenance.clone())));
    let told = found.into_iter().filter_map(|(tuple, provenance)| {
        assert_eq!(tuple.is_some(), provenance.is_some());
        Some((tuple_text(tuple?), provenance?))
    });
    told.collect()
}

/// Without the time, which is there where the actor is.
fn timeless(told: Vec<(String, v1::Provenance)>) -> Vec<(String, v1::Provenance)> {
    let timeless = told.into_iter().map(|(tuple, provenance)| {
        assert_eq!(provenance.time.is_some(), !provenance.actor.is_empty());
        (tuple, v1::Provenance { time: None, ..provenance })
    });
    timeless.collect()
}

fn stored(tuple: &str, revision: u64) -> (String, v1::Provenance) {
    (tuple.to_owned(), v1::Provenance { revision, actor: "anonymous".to_owned(), ..Default::default() })
}

fn contextual(tuple: &str) -> (String, v1::Provenance) {
    (tuple.to_owned(), v1::Provenance { contextual: true, ..Default::default() })
}

#[tokio::test]
async fn each_tuple_has_its_revision_time_and_actor_or_is_the_requests_own() {
    let bench = Bench::with(&["document:plan#viewer@team:core#member", "document:plan#banned@user:eve"]).await;
    let (group, ada) = ("document:plan#viewer@team:core#member", "team:core#member@user:ada");
    let first = bench.touch(&[ada]).await;
    let question = "document:plan#view@user:ada";
    assert_eq!(timeless(told(&why(&bench, question, &[], newest()).await)), [stored(group, 2), stored(ada, 3)]);
    assert_eq!(timeless(told(&why(&bench, question, &[ada], newest()).await)), [stored(group, 2), contextual(ada)]);

    // Written anew, and still explained as it was at the older revision.
    bench.write(vec![change(v1::change::Operation::Delete, ada)]).await.unwrap();
    bench.touch(&[ada]).await;
    assert_eq!(timeless(told(&why(&bench, question, &[], newest()).await)), [stored(group, 2), stored(ada, 5)]);
    let then = why(&bench, question, &[], exactly(&first)).await;
    assert_eq!(timeless(told(&then)), [stored(group, 2), stored(ada, 3)]);

    // The text says the same, and times are those that Watch tells.
    let times: Vec<_> = told(&then).into_iter().filter_map(|(_, provenance)| provenance.time).collect();
    let watch = v1::WatchRequest { after_token: first, ..Default::default() };
    let later = bench.relationships().watch(bench.request(watch)).await.unwrap().into_inner().next().await.unwrap().unwrap();
    assert!(times.iter().all(|time| time.seconds > 1_700_000_000 && time.seconds <= later.time.as_ref().unwrap().seconds));
    let time = super::super::convert::timestamp("time", &times[1]).unwrap();
    assert!(then.text.contains(&format!("yes: tuple {ada} · revision 3 · {time} · anonymous\n")), "{}", then.text);
}

#[tokio::test]
async fn a_near_miss_says_where_the_tuple_in_the_way_is_from() {
    let bench = Bench::with(&["document:plan#viewer@user:ada[weekday]"]).await;
    let expired = "document:plan#viewer@user:ben[expiration:2020-01-01T00:00:00Z]";
    bench.touch(&[expired, "document:plan#viewer@user:eve", "document:plan#banned@user:eve"]).await;
    let denied = why(&bench, "document:plan#view@user:ben", &[], newest()).await;
    assert_eq!(timeless(told(&denied)), [stored(expired, 3)]);
    assert_eq!(denied.nearest_misses, denied.misses.iter().map(|miss| miss.summary.clone()).collect::<Vec<_>>());
    let own = why(&bench, "document:plan#view@user:ben", &[expired], newest()).await;
    assert_eq!(timeless(told(&own)), [contextual(expired)]);
    assert!(own.text.ends_with(&format!("- {expired} has expired · brought by the request\n")), "{}", own.text);
    let out = why(&bench, "document:plan#view@user:eve", &[], newest()).await;
    assert_eq!(out.root.as_ref().unwrap().decision(), Decision::Denied);
    let miss = out.misses.first().unwrap();
    assert_eq!((miss.summary.as_str(), &miss.tuple, &miss.provenance), ("document:plan#view: taken out by banned", &None, &None));
}

#[tokio::test]
async fn who_wrote_it_is_the_name_of_the_key() {
    let mut keys = KeyRing::default();
    for name in ["importer", "checkout"] {
        let identity = Identity { name: std::sync::Arc::from(name), ..Identity::anonymous() };
        assert!(keys.add(KeyDigest::of(&format!("a-key-of-the-{name}")), identity));
    }
    let bench = Bench::of(options(Access::Keys(keys))).await;
    let (importer, checkout) = (Some("a-key-of-the-importer"), Some("a-key-of-the-checkout"));
    bench.stores().create(request(importer, v1::CreateStoreRequest { name: "main".into() })).await.unwrap();
    bench.schemas().write(request(importer, write_schema(SCHEMA))).await.unwrap();
    for (key, tuple) in [(importer, "document:plan#viewer@team:core#member"), (checkout, "team:core#member@user:ada")] {
        let changes = vec![change(v1::change::Operation::Create, tuple)];
        bench.relationships().write(request(key, v1::WriteRequest { changes, ..Default::default() })).await.unwrap();
    }
    let check = v1::CheckRequest { check: Some(item("document:plan#view@user:ada")), explain: true, ..Default::default() };
    let answer = bench.authorization().check(request(checkout, check)).await.unwrap().into_inner();
    let actors: Vec<String> = told(&answer.explanation.unwrap()).into_iter().map(|(_, provenance)| provenance.actor).collect();
    assert_eq!(actors, ["importer", "checkout"]);
}
