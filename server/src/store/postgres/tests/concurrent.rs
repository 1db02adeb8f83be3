//! Several servers that write one store at once.

use dhow_engine::filter::{IdMatch, TupleFilter};

use super::*;
use crate::store::{Expectation, Precondition};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_create_a_tuple_one_wins() {
    let (here, scratch) = tenant().await;
    let there = elsewhere(&here, &scratch).await;
    for round in 0..6 {
        let write = |n: usize| {
            let tenant = if n.is_multiple_of(2) { here.clone() } else { there.clone() };
            let write = command(&format!("{round}-{n}"), [create(&format!("doc:{round}#viewer@user:ada"))]);
            tokio::spawn(async move { tenant.one(round, &write).await })
        };
        let writing: Vec<_> = (0..16).map(write).collect();
        let mut won = 0;
        for write in writing {
            match write.await.unwrap() {
                Ok(committed) => {
                    won += 1;
                    assert!(committed.record.is_some() && !committed.repeated);
                }
                Err(refused) => assert_eq!(refused.code(), "DH-W001"),
            }
        }
        assert_eq!(won, 1, "round {round}");
    }
    assert_eq!(there.verify().await.revision(), 7);
}

fn counter(number: u64) -> String {
    format!("doc:counter#parent@doc:{number}")
}

/// Counts one up where the counter is `from`: what was decided by an old state would count from there twice.
fn increment(id: &str, from: u64) -> WriteCommand {
    let filter = TupleFilter {
        object_type: Some("doc".into()),
        object_id: Some(IdMatch::Is("counter".into())),
        subject_id: Some(from.to_string().into()),
        ..TupleFilter::default()
    };
    let preconditions = vec![Precondition { expectation: Expectation::MustExist, filter }];
    WriteCommand { preconditions, ..command(id, [delete(&counter(from)), create(&counter(from + 1))]) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_precondition_is_judged_by_an_old_state() {
    const EACH: u64 = 8;
    let (here, scratch) = tenant().await;
    let there = elsewhere(&here, &scratch).await;
    here.write(0, [create(&counter(0))]).await.unwrap();
    let count = |task: u64| {
        let tenant = if task.is_multiple_of(2) { here.clone() } else { there.clone() };
        tokio::spawn(async move {
            let (mut at, mut done, mut refused) = (0, 0, 0_u64);
            while done < EACH {
                match tenant.one(1, &increment(&format!("task {task} from {at}"), at)).await {
                    Ok(_) => done += 1,
                    Err(WriteError::Missing { .. }) => refused += 1,
                    Err(other) => panic!("{other:?}"),
                }
                // Whoever counted it up, it is past that now, or will be.
                at = tenant.head().await.revision - 2;
            }
            refused
        })
    };
    let counting: Vec<_> = (0..8).map(count).collect();
    for task in counting {
        task.await.unwrap();
    }
    assert_eq!(here.tuples().await, [counter(8 * EACH)]);
    assert_eq!(here.head().await.revision, 2 + 8 * EACH);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revisions_have_no_gaps_whoever_writes() {
    let (here, scratch) = tenant().await;
    let servers = [here.clone(), elsewhere(&here, &scratch).await, elsewhere(&here, &scratch).await];
    let write = |task: usize| {
        let tenant = servers[task % 3].clone();
        tokio::spawn(async move {
            let mut revisions = Vec::new();
            for n in 0..10 {
                let batch = [n * 2, n * 2 + 1].map(|n| command(&format!("{task}-{n}"), [create(&format!("doc:{task}#viewer@user:{n}"))]));
                let outcomes = tenant.batch(1, &batch).await;
                revisions.extend(outcomes.into_iter().map(|outcome| outcome.unwrap().written.revision));
            }
            revisions
        })
    };
    let writing: Vec<_> = (0..6).map(write).collect();
    let mut revisions = Vec::new();
    for write in writing {
        revisions.extend(write.await.unwrap());
    }
    revisions.sort_unstable();
    assert_eq!(revisions, (2..122).collect::<Vec<u64>>());
    assert_eq!(here.verify().await.len(), 120);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_sent_to_two_servers_at_once_is_applied_once() {
    let (here, scratch) = tenant().await;
    let there = elsewhere(&here, &scratch).await;
    let write = command("r", [touch("doc:1#viewer@user:ada"), create("doc:2#viewer@user:ada")]);
    let send = |n: usize| {
        let (tenant, write) = (if n.is_multiple_of(2) { here.clone() } else { there.clone() }, write.clone());
        tokio::spawn(async move { tenant.one(1, &write).await.unwrap() })
    };
    let sending: Vec<_> = (0..8).map(send).collect();
    let mut first = 0;
    for sent in sending {
        let committed = sent.await.unwrap();
        first += usize::from(!committed.repeated);
        assert_eq!((committed.written.revision, committed.written.created), (2, 2));
    }
    assert_eq!((first, here.verify().await.revision()), (1, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_that_make_a_store_of_one_name_one_wins() {
    let scratch = Scratch::migrated().await;
    let servers = [Arc::new(scratch.open().await), Arc::new(scratch.open().await)];
    let making: Vec<_> = (0..8_u8)
        .map(|n| {
            let server = Arc::clone(&servers[usize::from(n) % 2]);
            let info = StoreInfo { id: StoreId([n; 16]), name: "shop".to_owned(), created_at: at(0) };
            tokio::spawn(async move { server.create_store(&info).await })
        })
        .collect();
    let mut made = 0;
    for one in making {
        match one.await.unwrap() {
            Ok(()) => made += 1,
            Err(refused) => assert_eq!(refused.code(), "DH-W031"),
        }
    }
    assert_eq!((made, servers[0].list_stores().await.unwrap().len()), (1, 1));
}

/// The schema that another server put in force decides at once, although this one has the old one compiled.
#[tokio::test]
async fn a_schema_written_elsewhere_is_in_force_here() {
    let (here, scratch) = tenant().await;
    let there = elsewhere(&here, &scratch).await;
    here.write(1, [create("doc:1#viewer@user:ada")]).await.unwrap();
    let narrower = schema_command("definition user {} definition doc { relation viewer: user }");
    there.database.write_schema(there.store, at(2), &narrower).await.unwrap();
    assert!(here.write(3, [create("doc:1#viewer@team:core#member")]).await.is_err());
    assert!(here.write(4, [create("doc:2#viewer@user:ada")]).await.is_ok());
    there.verify().await;
}
