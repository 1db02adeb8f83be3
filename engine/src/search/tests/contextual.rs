//! Tuples that a request brings along: few or many, known or unknown ids, in place of stored ones and of each other.

use proptest::prelude::*;

use super::*;

/// A tuple among a few groups, users and documents, of which half are stored nowhere.
fn brought() -> impl Strategy<Value = String> {
    let node = || 0..6_usize;
    let on = prop::bool::weighted(0.2).prop_map(|waits| if waits { "[on]" } else { "" });
    prop_oneof![
        3 => (node(), node(), on).prop_map(|(above, below, on)| format!("group:{above}#member@group:{below}#member{on}")),
        2 => (node(), node()).prop_map(|(group, user)| format!("group:{group}#member@user:{user}")),
        2 => (node(), node()).prop_map(|(doc, group)| format!("doc:{doc}#viewer@group:{group}#member")),
        1 => node().prop_map(|group| format!("group:{group}#member@user:*")),
        1 => (node(), node()).prop_map(|(doc, user)| format!("doc:{doc}#viewer@user:{user}")),
        // What nobody asks about, so that there are many.
        4 => (0..200_usize, 0..200_usize).prop_map(|(group, user)| format!("group:idle-{group}#member@user:idle-{user}")),
        1 => node().prop_map(|type_name| format!("unheard-of-{type_name}:a#b@user:c")),
    ]
}

fn stored() -> Prepared {
    prepared(
        [
            "+group:1#member@group:0#member",
            "+group:2#member@group:1#member[on]",
            "+doc:0#viewer@group:2#member",
            "+doc:1#viewer@group:1#member",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain((0..3).map(|number| format!("+group:{number}#member@user:{number}"))),
    )
}

proptest! {
    #[test]
    fn tuples_of_a_request_are_those_that_the_circuit_sees(texts in prop_oneof![
        prop::collection::vec(brought(), 0..16),
        prop::collection::vec(brought(), 14..70),
    ]) {
        let tuples: Vec<Tuple> = texts.iter().map(|text| tuple(text)).collect();
        let (prepared, context) = (stored().later(&["+group:0#member@group:5#member", "-group:1#member@group:0#member"]), Context::new());
        let evaluator = prepared.evaluator(Timestamp::MIN, &context).with_contextual(&tuples);
        let pairs = (0..6).flat_map(|object| (0..6).map(move |user| (object, user)));
        for (object, user) in pairs {
            let question: TupleKey = format!("doc:{object}#view@user:{user}").parse().unwrap();
            let expected = evaluator.by_circuit(Limits::default(), |circuit| circuit.check(&question));
            prop_assert_eq!(evaluator.check(&question), expected, "{}", question);
        }
    }
}

#[test]
fn of_two_tuples_with_one_key_the_later_counts_among_few_and_among_many() {
    let (prepared, context) = (stored(), Context::new());
    let question = "doc:new#view@user:new".parse().unwrap();
    let waits = Decision::Conditional { missing: ["flag".into()].into() };
    for idle in [0, 5, 1_000] {
        let ask = |last: [&str; 4]| {
            let idle = (0..idle).map(|number| format!("group:idle-{number}#member@user:idle-{number}"));
            let way = last.into_iter().map(str::to_owned).chain(idle).map(|text| tuple(&text));
            let tuples: Vec<Tuple> = way.collect();
            prepared.evaluator(Timestamp::MIN, &context).with_contextual(&tuples).check(&question).unwrap()
        };
        let (to, from) = ("doc:new#viewer@group:b#member", "group:a#member@user:new");
        let (plain, waiting) = ("group:b#member@group:a#member", "group:b#member@group:a#member[on]");
        assert_eq!(ask([to, from, waiting, plain]), Decision::Allowed, "{idle}");
        assert_eq!(ask([to, from, plain, waiting]), waits, "{idle}");
        assert_eq!(ask([to, from, to, from]), Decision::Denied, "{idle}");
    }
}
