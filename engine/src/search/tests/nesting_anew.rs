//! Groups nested and taken out after the index was built, again and again: what is left of it counts, for readers of any revision.

use proptest::prelude::*;

use super::*;
use crate::graph::nesting::{Nested, group};
use crate::state::{Part, Rebuild};
use crate::tuple::TupleKey;

const TWO_RELATIONS: &str = "use expiration
definition user {}
definition group {
  relation member: user | group#member | group#admin | group#member with on
  relation admin: user | group#admin | group#member
}
definition doc { relation viewer: group#member | group#admin | user permission view = viewer }
caveat on(flag bool) { flag }";

const RELATIONS: [&str; 2] = ["member", "admin"];

/// Whether a group is nested in all that the index has, and in what besides, as far as that is known.
fn anew(prepared: &Prepared, id: &str, relation: &str) -> Option<(bool, usize)> {
    let graph = prepared.state.graph();
    let node = graph.find(graph.vocabulary().type_id("group").unwrap(), id).unwrap();
    let relation = graph.vocabulary().relation_id(relation).unwrap();
    match graph.nested(group(node, relation)) {
        Nested::AsIndexed => Some((true, 0)),
        Nested::Anew(anew) => Some((anew.only_adds(), anew.added().count())),
        Nested::Unknown => None,
    }
}

#[test]
fn a_group_that_was_nested_and_taken_out_again_and_again_is_nested_as_it_was() {
    let mut prepared = prepared(["+group:all#member@user:ada".to_owned(), "+doc:d#viewer@group:up#member".to_owned()]);
    for round in 0..200 {
        prepared = prepared.later(&[&format!("+group:up-{round}#member@group:all#member")]);
        assert_eq!(anew(&prepared, "all", "member"), Some((true, 1)), "round {round}");
        prepared = prepared.later(&[&format!("-group:up-{round}#member@group:all#member")]);
        assert_eq!(anew(&prepared, "all", "member"), Some((true, 0)), "round {round}");
    }
    assert!(!prepared.allows("doc:d#view@user:ada"));
    let nested = prepared.later(&["+group:up#member@group:all#member"]);
    assert!(nested.allows("doc:d#view@user:ada"));
    assert!(!nested.later(&["-group:up#member@group:all#member"]).allows("doc:d#view@user:ada"));
}

#[test]
fn what_is_taken_out_of_a_group_is_taken_out_of_all_above_it() {
    let nested = ["+group:1#member@group:0#member", "+group:2#member@group:1#member", "+group:0#member@user:ada"];
    let documents = (0..4).map(|group| format!("+doc:{group}#viewer@group:{group}#member"));
    let prepared = prepared(nested.map(str::to_owned).into_iter().chain(documents));
    let of = |prepared: &Prepared| (0..4).map(|doc| prepared.allows(&format!("doc:{doc}#view@user:ada"))).collect::<Vec<_>>();
    assert_eq!(of(&prepared), [true, true, true, false]);
    let cut = prepared.later(&["-group:2#member@group:1#member", "+group:3#member@group:1#member"]);
    assert_eq!(of(&cut), [true, true, false, true]);
    assert_eq!(anew(&cut, "1", "member"), Some((false, 1)));
    // The difference is that of the newest revision, and these readers look at others of the same graph.
    let newest = cut.later(&["-group:1#member@group:0#member"]);
    assert_eq!(of(&newest), [true, false, false, false]);
    for (earlier, expected) in [(&prepared, [true, true, true, false]), (&cut, [true, true, false, true])] {
        let state = newest.state.earlier(earlier.state.summary().clone());
        assert_eq!(of(&Prepared { state, ..newest.clone() }), expected);
    }
}

#[test]
fn a_difference_past_its_bound_is_not_kept_and_the_group_is_walked() {
    let prepared = prepared(["+group:all#member@user:ada".to_owned(), "+doc:d#viewer@group:99#member".to_owned()]);
    let many: Vec<String> = (0..100).map(|group| format!("+group:{group}#member@group:all#member")).collect();
    let nested = prepared.later(&many.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(anew(&nested, "all", "member"), None);
    assert!(nested.state.graph().is_nesting_due());
    let context = Context::new();
    let evaluator = nested.evaluator(Timestamp::MIN, &context);
    assert_eq!(evaluator.check(&"doc:d#view@user:ada".parse().unwrap()), Ok(Decision::Allowed));
    assert_eq!(evaluator.check(&"doc:d#view@user:bob".parse().unwrap()), Ok(Decision::Denied));
}

#[test]
fn one_relation_of_an_object_that_is_nested_anew_leaves_the_others_as_they_were() {
    let schema = Arc::new(dhow_schema::compile_str(TWO_RELATIONS).unwrap());
    let state = after(&State::genesis(StoreId([1; 16])), ["+group:0#member@user:ada".to_owned()]);
    let prepared = Prepared::new(&state, schema).unwrap().later(&["+group:1#member@group:0#admin"]);
    assert_eq!(anew(&prepared, "0", "member"), Some((true, 0)));
    assert_eq!(anew(&prepared, "0", "admin"), Some((true, 1)));
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// A relation of one group is nested in one of another, or taken out if it was, plainly or under a caveat.
    Toggle([usize; 4], bool),
    /// The next part of a rebuild is made, or put in place if one waits.
    Tend,
    /// All is asked of the revision so far back.
    Ask(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let toggle = ([0..4_usize, 0..2, 0..4, 0..2], prop::bool::weighted(0.05));
    let step = prop_oneof![
        6 => toggle.prop_map(|(ends, caveat)| Step::Toggle(ends, caveat)),
        3 => Just(Step::Tend),
        2 => prop_oneof![Just(0_usize), 0..12_usize].prop_map(Step::Ask),
    ];
    prop::collection::vec(step, 1..80)
}

/// A store that lives through steps: of which every revision is kept, by memory that it shares with the newest.
struct Life {
    prepared: Prepared,
    past: Vec<State>,
    rebuild: Option<Rebuild>,
    waiting: Option<Part>,
}

impl Life {
    fn begin() -> Self {
        let schema = dhow_schema::compile_str(TWO_RELATIONS).unwrap();
        let members = (0..4).flat_map(|group| {
            let documents = RELATIONS.map(|relation| format!("+doc:{group}-{relation}#viewer@group:{group}#{relation}"));
            documents.into_iter().chain(RELATIONS.map(|relation| format!("+group:{group}#{relation}@user:{group}-{relation}")))
        });
        let state = after(&State::genesis(StoreId([1; 16])), members);
        let prepared = Prepared::new(&state, Arc::new(schema)).unwrap();
        Self { past: vec![prepared.state.clone()], prepared, rebuild: None, waiting: None }
    }

    fn toggle(&mut self, [group, relation, below, of]: [usize; 4], caveat: bool) {
        let key = format!("group:{group}#{}@group:{below}#{}", RELATIONS[relation], RELATIONS[of]);
        let known = self.prepared.state.graph().tuple(&key.parse::<TupleKey>().unwrap());
        let change = match known {
            Some(known) => format!("-{known}"),
            None if caveat && (relation, of) == (0, 0) => format!("+{key}[on]"),
            None => format!("+{key}"),
        };
        self.prepared.state = after(&self.prepared.state, [change]);
        self.past.push(self.prepared.state.clone());
    }

    fn tend(&mut self) {
        let newest = &mut self.prepared.state;
        match self.waiting.take() {
            Some(part) => *newest = part.install(newest, self.past[0].revision()),
            None => {
                self.waiting = self.rebuild.get_or_insert_with(|| Rebuild::begin_now(newest)).work(newest);
                if self.waiting.is_none() {
                    self.rebuild = None;
                }
            }
        }
    }

    /// Asks about all pairs at a revision, and the circuit, which knows of no index.
    fn ask(&self, back: usize) -> Result<(), TestCaseError> {
        let summary = self.past[self.past.len().saturating_sub(back + 1)].summary().clone();
        let prepared = Prepared { state: self.prepared.state.earlier(summary), ..self.prepared.clone() };
        let context = Context::new();
        let evaluator = prepared.evaluator(Timestamp::MIN, &context);
        let all = || (0..4).flat_map(|group| RELATIONS.map(|relation| format!("{group}-{relation}")));
        for (document, user) in all().flat_map(|document| all().map(move |user| (document.clone(), user))) {
            let question: TupleKey = format!("doc:{document}#view@user:{user}").parse().unwrap();
            let expected = evaluator.by_circuit(Limits::default(), |circuit| circuit.check(&question));
            prop_assert_eq!(evaluator.check(&question), expected, "{} at {} revisions back", question, back);
        }
        Ok(())
    }
}

proptest! {
    #[test]
    fn groups_nested_anew_are_those_that_the_circuit_finds(steps in steps()) {
        let mut life = Life::begin();
        for step in steps {
            match step {
                Step::Toggle(ends, caveat) => life.toggle(ends, caveat),
                Step::Tend => life.tend(),
                Step::Ask(back) => life.ask(back)?,
            }
        }
        life.ask(0)?;
    }
}
