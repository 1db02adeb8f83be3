//! Laws that hold for every schema and every graph, tried on random ones.

use super::*;
use crate::eval::circuit::{Circuit, Gate, GateId, Truth};
use crate::eval::meter::Meter;
use crate::tuple::Subject;
use dhow_schema::caveat::Outcome;
use dhow_schema::ir::{Name, Quantifier};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;

const RELATIONS: [&str; 3] = ["a", "b", "c"];
const PERMISSIONS: [&str; 4] = ["p", "q", "r", "s"];

/// An expression over relations, permissions (itself included), arrows, `self` and `nil`.
fn any_expression() -> impl Strategy<Value = String> {
    let name = || prop::sample::select([&RELATIONS[..], &PERMISSIONS[..]].concat());
    let relation = || prop::sample::select(RELATIONS.to_vec());
    let leaf = prop_oneof![
        4 => name().prop_map(str::to_owned),
        4 => relation().prop_map(str::to_owned),
        3 => name().prop_map(|target| format!("up->{target}")),
        1 => name().prop_map(|target| format!("up.all({target})")),
        2 => (relation(), prop::sample::select(PERMISSIONS.to_vec())).prop_map(|(base, target)| format!("({base} - up->{target})")),
        1 => Just("self".to_owned()),
        1 => Just("nil".to_owned()),
    ];
    leaf.prop_recursive(3, 8, 2, |inner| {
        (inner.clone(), prop::sample::select(vec!["+", "+", "&", "-", "-"]), inner).prop_map(|(a, op, b)| format!("({a} {op} {b})"))
    })
}

fn any_schema() -> impl Strategy<Value = String> {
    prop::collection::vec(any_expression(), PERMISSIONS.len()).prop_map(|expressions| {
        let permissions: String = PERMISSIONS.iter().zip(expressions).map(|(name, e)| format!("permission {name} = {e}\n")).collect();
        format!(
            "use self\n use expiration\n caveat x(x bool) {{ x }}\n caveat xy(x bool, y bool) {{ x || y }}\n definition user {{}}\n definition d {{
            relation up: d | d with x | d with expiration
            relation a: user | d#a | d#p
            relation b: user | user with x | user:* | d#b with xy | d#q | d
            relation c: user with xy | user:* with x | user with expiration | d#s
            {permissions} }}"
        )
    })
}

fn any_tuple() -> impl Strategy<Value = String> {
    let object = || "d:[012]";
    let user = "user:[uv]";
    let expiry = || prop::sample::select(vec!["[expiration:2020-01-01T00:00:00Z]", "[expiration:2040-01-01T00:00:00Z]"]);
    let x = || prop::sample::select(vec!["[x]", "[x]", r#"[x:{"x":true}]"#, r#"[x:{"x":false}]"#]);
    let xy = || prop::sample::select(vec!["[xy]", "[xy]", r#"[xy:{"x":true}]"#, r#"[xy:{"x":false}]"#, r#"[xy:{"y":false}]"#]);
    prop_oneof![
        3 => (object(), object()).prop_map(|(o, s)| format!("{o}#up@{s}")),
        1 => (object(), object(), x()).prop_map(|(o, s, x)| format!("{o}#up@{s}{x}")),
        1 => (object(), object(), expiry()).prop_map(|(o, s, e)| format!("{o}#up@{s}{e}")),
        3 => (object(), user).prop_map(|(o, s)| format!("{o}#a@{s}")),
        2 => (object(), object(), "[ap]").prop_map(|(o, s, r)| format!("{o}#a@{s}#{r}")),
        2 => (object(), user).prop_map(|(o, s)| format!("{o}#b@{s}")),
        1 => (object(), user, x()).prop_map(|(o, s, x)| format!("{o}#b@{s}{x}")),
        1 => object().prop_map(|o| format!("{o}#b@user:*")),
        1 => (object(), object(), xy()).prop_map(|(o, s, x)| format!("{o}#b@{s}#b{x}")),
        1 => (object(), object(), "[q]").prop_map(|(o, s, r)| format!("{o}#b@{s}#{r}")),
        1 => (object(), object()).prop_map(|(o, s)| format!("{o}#b@{s}")),
        2 => (object(), user, xy()).prop_map(|(o, s, x)| format!("{o}#c@{s}{x}")),
        1 => (object(), x()).prop_map(|(o, x)| format!("{o}#c@user:*{x}")),
        1 => (object(), user, expiry()).prop_map(|(o, s, e)| format!("{o}#c@{s}{e}")),
        1 => (object(), object()).prop_map(|(o, s)| format!("{o}#c@{s}#s")),
        1 => (object(), user).prop_map(|(o, s)| format!("{o}#a@{s}[x]")),
    ]
}

fn any_bench() -> impl Strategy<Value = Bench> {
    let contexts = prop::sample::select(vec!["{}", "{}", r#"{"x":true}"#, r#"{"x":false,"y":true}"#]);
    (any_schema(), prop::collection::vec(any_tuple(), 6..30), contexts)
        .prop_map(|(schema, tuples, context)| Bench::of(&schema, tuples.iter().map(|text| text.parse().unwrap())).with(context))
}

fn names() -> Vec<&'static str> {
    [&["up"], &RELATIONS[..], &PERMISSIONS[..]].concat()
}

fn any_subject() -> impl Strategy<Value = Subject> {
    let userset = (0..4_usize, prop::sample::select(names())).prop_map(|(id, name)| format!("d:{id}#{name}"));
    prop_oneof![6 => "user:[uv]", 1 => "user:[wz]", 1 => Just("user:*".to_owned()), 1 => "d:[0123]", 2 => userset]
        .prop_map(|text| text.parse().unwrap())
}

/// Decides by the tree of an expansion alone, which was made without knowing the subject.
fn decide_by_expansion(bench: &Bench, expansion: &Expansion, subject: &Subject) -> (Truth, Truth) {
    let mut meter = Meter::new(u64::MAX, &|| false);
    let mut circuit = Circuit::default();
    let gates: Vec<GateId> = expansion.usersets.iter().map(|_| circuit.add(Gate::Or, &mut meter).unwrap()).collect();
    for (userset, gate) in expansion.usersets.iter().zip(&gates) {
        let itself = Subject::userset(userset.object.clone(), userset.relation.clone()).unwrap();
        let input = if itself == *subject {
            circuit.add(Gate::True, &mut meter).unwrap()
        } else {
            operand(bench, &mut circuit, &gates, userset, userset.rewrite.as_ref().unwrap(), subject)
        };
        circuit.wire(*gate, input, &mut meter).unwrap();
    }
    let solution = circuit.solve(&mut meter).unwrap();
    (solution.lo(gates[0]), solution.hi(gates[0]))
}

fn operand(bench: &Bench, circuit: &mut Circuit, gates: &[GateId], of: &ExpandedUserset, operand_: &Operand, subject: &Subject) -> GateId {
    let meter = &mut Meter::new(u64::MAX, &|| false);
    let mut inputs = Vec::new();
    let caveat = |circuit: &mut Circuit, tuple: &Tuple| {
        let outcome = match &tuple.caveat {
            None => Outcome::True,
            Some(caveat) => bench.schema.caveats[caveat.name()].evaluate(caveat.context(), &bench.context),
        };
        let gate = match outcome {
            Outcome::True => Gate::True,
            Outcome::False => Gate::False,
            Outcome::Missing(_) | Outcome::Error(_) => Gate::Unknown,
        };
        circuit.add(gate, &mut Meter::new(u64::MAX, &|| false)).unwrap()
    };
    let kind = match operand_ {
        Operand::Computed(index) => return gates[*index],
        Operand::Nil => Gate::False,
        Operand::SelfObject if *subject == Subject::object(of.object.clone()) => Gate::True,
        Operand::SelfObject => Gate::False,
        Operand::Direct(tuples) => {
            for step in tuples {
                let named = step.tuple.key.subject();
                let matches =
                    named == subject || named.is_wildcard() && subject.is_object() && named.object_type() == subject.object_type();
                let gate = circuit.add(Gate::And, meter).unwrap();
                let caveat = caveat(circuit, &step.tuple);
                circuit.wire(gate, caveat, meter).unwrap();
                match step.userset {
                    _ if matches => {}
                    Some(index) => circuit.wire(gate, gates[index], meter).unwrap(),
                    None => continue,
                }
                inputs.push(gate);
            }
            Gate::Or
        }
        Operand::Arrow { quantifier, steps, .. } => {
            for step in steps {
                let gate = circuit.add(Gate::And, meter).unwrap();
                let target = step.userset.map_or_else(|| circuit.add(Gate::False, meter).unwrap(), |index| gates[index]);
                let caveat = caveat(circuit, &step.tuple);
                circuit.wire(gate, caveat, meter).unwrap();
                circuit.wire(gate, target, meter).unwrap();
                inputs.push(gate);
            }
            if *quantifier == Quantifier::All && !steps.is_empty() { Gate::And } else { Gate::Or }
        }
        Operand::Union(operands) | Operand::Intersection(operands) => {
            inputs = operands.iter().map(|inner| operand(bench, circuit, gates, of, inner, subject)).collect();
            if matches!(operand_, Operand::Union(_)) { Gate::Or } else { Gate::And }
        }
        Operand::Exclusion { base, subtract } => {
            let not = circuit.add(Gate::Not, meter).unwrap();
            let subtract = operand(bench, circuit, gates, of, subtract, subject);
            circuit.wire(not, subtract, meter).unwrap();
            inputs = vec![operand(bench, circuit, gates, of, base, subject), not];
            Gate::And
        }
    };
    let gate = circuit.add(kind, meter).unwrap();
    for input in inputs {
        circuit.wire(gate, input, meter).unwrap();
    }
    gate
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn expand_agrees_with_check(bench in any_bench(), subject in any_subject()) {
        for name in names() {
            let expansion = bench.evaluator().expand(&"d:0".parse().unwrap(), &name.into(), None).unwrap();
            let expected = match decide_by_expansion(&bench, &expansion, &subject) {
                (Truth::True, _) => "yes",
                (_, Truth::True) => "if",
                (_, _) => "no",
            };
            let asked = bench.ask(&format!("d:0#{name}@{subject}"));
            prop_assert_eq!(asked.split(' ').next().unwrap(), expected, "{}", name);
        }
    }

    #[test]
    fn an_explanation_agrees_with_check_and_its_first_step_with_both(bench in any_bench(), subject in any_subject()) {
        for name in names() {
            let question: TupleKey = format!("d:0#{name}@{subject}").parse().unwrap();
            let explanation = bench.evaluator().explain(&question).unwrap();
            let verdict = match &explanation.decision {
                Decision::Allowed => vec![Verdict::Holds],
                Decision::Conditional { .. } => vec![Verdict::Depends],
                Decision::Denied => vec![Verdict::Fails, Verdict::Paradox],
            };
            prop_assert!(verdict.contains(&explanation.steps[0].verdict));
            prop_assert_eq!(shown(Ok(explanation.decision.clone())), bench.ask(&question.to_string()));
            if explanation.decision == Decision::Allowed {
                // What is shown as used is enough: with it alone, and nothing that could deny, the answer stays.
                prop_assert!(explanation.steps.iter().all(|step| step.verdict == Verdict::Holds), "{}", explanation.to_text());
            }
        }
    }

    #[test]
    fn a_list_of_objects_is_what_check_does_not_deny(bench in any_bench(), subject in any_subject(), limit in 1_usize..4) {
        for name in names() {
            let mut listed = Vec::new();
            let mut after = None;
            loop {
                let page = PageRequest { after: after.as_deref(), limit };
                let page = bench.evaluator().list_objects(&"d".into(), &name.into(), &subject, page).unwrap();
                prop_assert!(page.items.len() <= limit);
                listed.extend(page.items.into_iter().map(|item| (item.object.id().to_string(), shown(Ok(item.decision)))));
                after = page.next;
                if after.is_none() { break }
            }
            let checked: Vec<(String, String)> = (0..4).map(|id| id.to_string())
                .map(|id| { let answer = bench.ask(&format!("d:{id}#{name}@{subject}")); (id, answer) })
                .filter(|(_, answer)| answer != "no").collect();
            prop_assert_eq!(listed, checked, "{}", name);
        }
    }

    #[test]
    fn a_list_of_permissions_is_what_check_does_not_deny(bench in any_bench(), subject in any_subject()) {
        let page = bench.evaluator().list_permissions(&"d:0".parse().unwrap(), &subject, PageRequest::default()).unwrap();
        let listed: BTreeSet<(String, String)> = page.items.into_iter().map(|item| (item.name.to_string(), shown(Ok(item.decision)))).collect();
        let checked = names().into_iter().map(|name| (name.to_owned(), bench.ask(&format!("d:0#{name}@{subject}")))).filter(|(_, answer)| answer != "no").collect();
        prop_assert_eq!(listed, checked);
    }

    #[test]
    fn a_list_of_subjects_is_what_check_does_not_deny(bench in any_bench()) {
        for name in names() {
            for kind in ["user", "d", "d#a", "d#b", "d#c", "d#p", "d#q", "d#s"] {
                let (subject_type, relation) = kind.split_once('#').map_or((kind, None), |(t, r)| (t, Some(Name::from(r))));
                let page = bench.evaluator()
                    .list_subjects(&"d:0".parse().unwrap(), &name.into(), &subject_type.into(), relation.as_ref(), PageRequest::default()).unwrap();
                let suffix = relation.as_ref().map_or(String::new(), |relation| format!("#{relation}"));
                // `z` and `3` are named by no tuple: they are as the wildcard is.
                let ids: &[&str] = if subject_type == "user" { &["u", "v", "w", "z"] } else { &["0", "1", "2", "3"] };
                let wildcard = page.items.iter().find(|item| item.subject.is_wildcard());
                for id in ids {
                    let subject: Subject = format!("{subject_type}:{id}{suffix}").parse().unwrap();
                    let item = page.items.iter().find(|item| item.subject == subject).map(|item| item.decision.clone());
                    let excluded = wildcard.and_then(|w| w.exclusions.iter().find(|e| e.subject == subject)).map(|e| e.decision.clone());
                    let listed = match (item, wildcard, excluded) {
                        (Some(item), Some(_), Some(excluded)) => { prop_assert_eq!(&item, &excluded); item }
                        (Some(item), _, None) => item,
                        (None, Some(_), Some(excluded)) => excluded,
                        (None, Some(wildcard), None) => wildcard.decision.clone(),
                        (None, None, _) => Decision::Denied,
                        (Some(item), None, Some(_)) => item,
                    };
                    prop_assert_eq!(shown(Ok(listed)), bench.ask(&format!("d:0#{name}@{subject}")), "{} {}", name, subject);
                }
            }
        }
    }
}

/// The generators make what the laws are about.
#[test]
fn random_questions_have_every_kind_of_answer() {
    let mut runner = TestRunner::deterministic();
    let (mut asked, mut counts) = (0, BTreeMap::new());
    for _ in 0..300 {
        let bench = any_bench().new_tree(&mut runner).unwrap().current();
        let subject = any_subject().new_tree(&mut runner).unwrap().current();
        for name in names() {
            let question: TupleKey = format!("d:0#{name}@{subject}").parse().unwrap();
            let (solved, root) = bench.evaluator().solve(&question, &mut bench.evaluator().meter()).unwrap();
            *counts.entry((solved.solution.lo(root), solved.solution.hi(root))).or_insert(0) += 1;
            asked += 1;
        }
    }
    for (answer, percent) in [
        ((Truth::True, Truth::True), 10),
        ((Truth::False, Truth::True), 2),
        ((Truth::False, Truth::False), 10),
        ((Truth::Paradox, Truth::Paradox), 1),
    ] {
        assert!(counts[&answer] * 100 >= asked * percent, "{counts:?}");
    }
}
