//! Nested groups: right under adds and removes, whatever their shape.

use super::*;

fn chain(groups: usize) -> impl Iterator<Item = String> {
    let nested = (1..groups).map(|group| format!("+group:{group}#member@group:{}#member", group - 1));
    nested.chain(["+group:0#member@user:ada".to_owned(), format!("+doc:d#viewer@group:{}#member", groups - 1)])
}

#[test]
fn a_chain_of_any_length_answers() {
    for groups in [10, 10_000, 100_000] {
        let prepared = prepared(chain(groups));
        assert!(prepared.allows("doc:d#view@user:ada"));
        assert!(!prepared.allows("doc:d#view@user:bob"));
        let middle = groups / 2;
        let cut = prepared.later(&[&format!("-group:{middle}#member@group:{}#member", middle - 1)]);
        assert!(!cut.allows("doc:d#view@user:ada"));
        assert!(cut.allows(&format!("group:{}#member@user:ada", middle - 1)));
        let mended = cut.later(&[&format!("+group:{}#member@group:0#member", groups - 1)]);
        assert!(mended.allows("doc:d#view@user:ada"));
    }
}

#[test]
fn cycles_self_loops_and_diamonds_end() {
    let ring = (0..100).map(|group| format!("+group:{group}#member@group:{}#member", (group + 1) % 100));
    let prepared = prepared(
        ring.chain(["+group:7#member@group:7#member", "+group:50#member@user:ada", "+doc:d#viewer@group:3#member"].map(str::to_owned)),
    );
    assert!(prepared.allows("doc:d#view@user:ada") && !prepared.allows("doc:d#view@user:bob"));
    let open = prepared.later(&["-group:10#member@group:11#member"]);
    assert!(!open.allows("doc:d#view@user:ada"), "the way from 50 down to 3 is cut");
    assert!(open.allows("group:11#member@user:ada"));
    let diamond = open.later(&["+group:3#member@group:20#member", "+group:3#member@group:30#member"]);
    assert!(diamond.allows("doc:d#view@user:ada"));
    assert!(diamond.later(&["-group:3#member@group:20#member"]).allows("doc:d#view@user:ada"), "one side of it is left");
}

#[test]
fn a_wildcard_makes_everybody_a_member_of_what_is_above() {
    let nested = ["+group:1#member@group:0#member", "+doc:d#viewer@group:1#member"].map(str::to_owned);
    let prepared = prepared(nested).later(&["+group:0#member@user:*"]);
    assert!(prepared.allows("doc:d#view@user:nobody"));
    assert!(!prepared.later(&["-group:0#member@user:*"]).allows("doc:d#view@user:nobody"));
}

#[test]
fn a_userset_is_in_itself_and_in_what_it_is_nested_in() {
    let prepared = prepared(["+group:1#member@group:0#member", "+doc:d#viewer@group:1#member"].map(str::to_owned));
    for subject in ["group:0#member", "group:1#member"] {
        assert!(prepared.allows(&format!("doc:d#view@{subject}")), "{subject}");
    }
    assert!(!prepared.allows("doc:d#view@group:2#member"));
}

#[test]
fn nesting_that_expires_or_waits_is_never_indexed() {
    let nested = [
        "+group:1#member@group:0#member[expiration:2030-01-01T00:00:00Z]",
        "+group:2#member@group:0#member[on]",
        "+group:3#member@group:2#member",
        "+group:0#member@user:ada",
        "+doc:d#viewer@group:1#member",
        "+doc:e#viewer@group:3#member",
    ];
    let prepared = prepared(nested.map(str::to_owned));
    let context = Context::new();
    let check = |time: &str, question: &str| prepared.evaluator(time.parse().unwrap(), &context).check(&question.parse().unwrap()).unwrap();
    assert_eq!(check("2029-12-31T23:59:59Z", "doc:d#view@user:ada"), Decision::Allowed);
    assert_eq!(check("2030-01-01T00:00:00Z", "doc:d#view@user:ada"), Decision::Denied);
    let waits = check("2029-01-01T00:00:00Z", "doc:e#view@user:ada");
    assert_eq!(waits, Decision::Conditional { missing: ["flag".into()].into() });
}

#[test]
fn contextual_nesting_counts_for_one_request() {
    let prepared =
        prepared(["+group:0#member@user:ada", "+group:2#member@group:1#member", "+doc:d#viewer@group:2#member"].map(str::to_owned));
    let context = Context::new();
    let question = "doc:d#view@user:ada".parse().unwrap();
    let evaluator = prepared.evaluator(Timestamp::MIN, &context);
    assert_eq!(evaluator.check(&question).unwrap(), Decision::Denied);
    let brought = [tuple("group:new#member@group:0#member"), tuple("group:1#member@group:new#member")];
    assert_eq!(evaluator.clone().with_contextual(&brought).check(&question).unwrap(), Decision::Allowed);
    assert_eq!(evaluator.check(&question).unwrap(), Decision::Denied);
}
