use std::fmt::Write as _;
use std::sync::Arc;

use dhow_schema::ir::Schema;

use super::*;
use crate::entry::{Body, Change, StoreId};
use crate::eval::{Decision, Evaluator};
use crate::graph::vocabulary::Vocabulary;
use crate::search::Prepared;
use crate::state::State;
use crate::time::Timestamp;

fn plans_of(schema: &Schema) -> Plans {
    let mut vocabulary = Vocabulary::default();
    vocabulary.learn(schema).unwrap();
    compile(schema, &vocabulary)
}

fn operations(plans: &Plans) -> usize {
    plans.plans.iter().map(|plan| plan.ops.len()).sum()
}

/// The answers to questions, which the circuit gives as well.
fn answers(schema: &Schema, tuples: &[&str], questions: &[&str]) -> Vec<bool> {
    let genesis = State::genesis(StoreId([1; 16]));
    let changes = Body::Changes(tuples.iter().map(|text| Change::created(text.parse().unwrap())).collect());
    let state = genesis.apply(&genesis.next_entry(Timestamp::MIN, "", "", changes).unwrap()).unwrap();
    let (prepared, context) = (Prepared::new(&state, Arc::new(schema.clone())).unwrap(), Default::default());
    let decide = |question: &&str| {
        let key = question.parse().unwrap();
        let found = prepared.evaluator(Timestamp::MIN, &context).check(&key);
        assert_eq!(found, Evaluator::new(schema, &state, Timestamp::MIN, &context).check(&key), "{question}");
        found == Ok(Decision::Allowed)
    };
    questions.iter().map(decide).collect()
}

#[test]
fn what_many_permissions_are_computed_from_is_not_written_out_in_all_of_them() {
    let (permissions, takes) = (3_000, 200);
    let mut text = String::from("definition user {} definition d { relation r: ");
    let types: Vec<String> = (0..takes).map(|number| format!("t{number}")).collect();
    text += &types.join(" | ");
    text += " relation o: user permission p0 = r + o ";
    for number in 1..permissions {
        write!(text, "permission p{number} = p{} + r ", number - 1).unwrap();
    }
    text += "}";
    types.iter().for_each(|name| write!(text, " definition {name} {{}}").unwrap());
    let schema = dhow_schema::compile_str(&text).unwrap();
    let plans = plans_of(&schema);
    assert!(operations(&plans) < permissions * 60 + takes * 10, "{}", operations(&plans));
    assert!(plans.plans.iter().all(|plan| !plan.tangled));
    let last = permissions - 1;
    let questions = [format!("d:1#p{last}@t7:1"), format!("d:1#p{last}@user:1"), format!("d:1#p{last}@user:2"), "d:1#p5@d:1#o".to_owned()];
    let questions: Vec<&str> = questions.iter().map(String::as_str).collect();
    assert_eq!(answers(&schema, &["d:1#r@t7:1", "d:1#o@user:1"], &questions), [true, true, false, true]);
}

#[test]
fn a_schema_that_asks_for_the_square_of_its_length_is_left_to_the_circuit() {
    let (types, arrows) = (900, 1_200);
    let names: Vec<String> = (0..types).map(|number| format!("t{number}")).collect();
    for quantifier in ["parent->p", "parent.all(p)"] {
        let mut text = format!("definition user {{}} definition d {{ relation parent: {} relation o: user ", names.join(" | "));
        (0..arrows).for_each(|number| write!(text, "permission q{number} = o + {quantifier} ").unwrap());
        text += "permission z = o }";
        names.iter().for_each(|name| write!(text, " definition {name} {{ relation p: user }}").unwrap());
        let schema = dhow_schema::compile_str(&text).unwrap();
        let plans = plans_of(&schema);
        assert!(operations(&plans) < 1_000_000, "{}", operations(&plans));
        let tangled = plans.plans.iter().filter(|plan| plan.tangled).count();
        assert!(tangled > 0 && tangled < arrows, "{tangled}");
        let questions = [0, 600, 1_199].map(|number| [format!("d:1#q{number}@user:1"), format!("d:1#q{number}@user:2")]);
        let questions: Vec<&str> = questions.as_flattened().iter().map(String::as_str).collect();
        let found = answers(&schema, &["d:1#parent@t5:1", "t5:1#p@user:1"], &questions);
        assert_eq!(found, [true, false, true, false, true, false], "{quantifier}");
    }
}

#[test]
fn kinds_that_share_a_number_are_told_apart_by_the_answer() {
    let types = 2_000;
    let mut text = String::from("definition d { relation r: t0 | t0#m permission p = r }");
    (0..types).for_each(|number| write!(text, " definition t{number} {{ relation m: t{} }}", (number + 1) % types).unwrap());
    let schema = dhow_schema::compile_str(&text).unwrap();
    let plans = plans_of(&schema);
    let distinct: std::collections::BTreeSet<u32> = plans.kinds.values().map(|kind| kind.0).collect();
    assert!(plans.kinds.len() > distinct.len());
    let questions: Vec<String> = (0..types).map(|number| format!("d:1#p@t{number}:1")).collect();
    let questions: Vec<&str> = questions.iter().map(String::as_str).collect();
    let found = answers(&schema, &["d:1#r@t0:1", "d:1#r@t0:2#m", "t0:2#m@t1:1"], &questions);
    assert_eq!(found.iter().filter(|allowed| **allowed).count(), 2);
}
