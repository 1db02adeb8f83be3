use std::time::Duration;

use dhow_engine::entry::{Body, SchemaSource, SchemaText, StoreId};
use dhow_engine::state::State;
use dhow_engine::time::Timestamp;
use dhow_schema::value::Context;
use tokio::sync::Semaphore;

use super::*;
use crate::api::deadline::Deadline;
use crate::api::question::Item;
use crate::api::target::Session;
use crate::clock::{Clock, ManualClock, SteadyClock};
use crate::node::{ReadPoint, Vintage};

/// A store with so many versions of a schema.
fn state(store: u8, versions: u64) -> State {
    let mut state = State::genesis(StoreId([store; 16]));
    for version in 1..=versions {
        let text = format!("definition user {{}} definition document {{ relation viewer: user relation v{version}: user }}");
        let schema = Body::Schema(SchemaText { version, source: SchemaSource::native(text) });
        state = state.apply(&state.next_entry(Timestamp::MIN, "", "", schema).unwrap()).unwrap();
    }
    state
}

fn posed(state: &State, schema: Option<u64>, time: i64, contextual: &[&str]) -> Posed {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(Timestamp::MIN));
    let position = state.position();
    let point = ReadPoint {
        token: Token::new(state.store(), position.revision, &position.chain),
        state: state.clone(),
        vintage: Vintage::of_tests(SteadyClock::new(Arc::clone(&clock), Duration::ZERO)),
        time: Timestamp::from_microseconds(time),
        note: None,
    };
    let schema = state.schema(schema).ok().cloned();
    let session = Session { point, schema, deadline: Deadline::after(&clock, Duration::from_secs(1)) };
    let item = Item { key: "document:plan#viewer@user:ada".parse().unwrap(), context: Context::new() };
    let contextual = contextual.iter().map(|text| text.parse().unwrap()).collect();
    Posed { session, contextual, item, explain: false }
}

/// Which of the checks share a group; one without a group has an answer.
fn groups(checks: Vec<Posed>) -> (Vec<Vec<u64>>, usize) {
    let room = Arc::new(Semaphore::new(checks.len()));
    let (mut groups, mut answers) = (Vec::new(), 0);
    for (id, posed) in (0..).zip(checks) {
        let room = Arc::clone(&room).try_acquire_owned().unwrap();
        answers += usize::from(join(&mut groups, 1_000, posed, id, room).is_some());
    }
    (groups.iter().map(|group| group.members.iter().map(|member| member.id).collect()).collect(), answers)
}

#[test]
fn checks_share_a_group_when_they_are_answered_at_the_same_point() {
    let (two, three, other) = (state(1, 2), state(1, 3), state(2, 2));
    let brought = ["document:a#viewer@user:ada"];
    let also_brought = ["document:b#viewer@user:ada"];
    let checks = vec![
        posed(&two, None, 0, &[]),
        // At another time, and under the version that is in force anyway.
        posed(&two, Some(2), 5, &[]),
        // Each of these somewhere else: an older version, another revision, another store.
        posed(&two, Some(1), 0, &[]),
        posed(&three, Some(2), 0, &[]),
        posed(&other, None, 0, &[]),
        posed(&two, None, 0, &brought),
        posed(&two, None, 0, &[]),
        posed(&two, None, 0, &brought),
        posed(&two, None, 0, &also_brought),
        // Only the newest group with tuples is compared.
        posed(&two, None, 0, &brought),
        posed(&other, None, 0, &[]),
    ];
    assert_eq!(groups(checks), (vec![vec![0, 1, 6], vec![2], vec![3], vec![4, 10], vec![5, 7], vec![8], vec![9]], 0));
}

#[test]
fn a_check_that_no_schema_can_decide_is_answered_and_opens_no_group() {
    let without = || posed(&state(1, 0), None, 0, &[]);
    assert_eq!(groups(vec![without(), posed(&state(2, 1), None, 0, &[]), without()]), (vec![vec![1]], 2));
}
