use super::*;
use proptest::prelude::*;

fn meter() -> Meter<'static> {
    Meter::new(u64::MAX, &|| false)
}

/// A circuit of gates and their inputs by number.
fn circuit(gates: &[(Gate, Vec<usize>)]) -> (Circuit, Vec<GateId>) {
    let mut circuit = Circuit::default();
    let ids: Vec<GateId> = gates.iter().map(|(gate, _)| circuit.add(*gate, &mut meter()).unwrap()).collect();
    for (id, (_, inputs)) in ids.iter().zip(gates) {
        for input in inputs {
            circuit.wire(*id, ids[*input], &mut meter()).unwrap();
        }
    }
    (circuit, ids)
}

fn values(gates: &[(Gate, Vec<usize>)]) -> Vec<(Truth, Truth)> {
    let (circuit, ids) = circuit(gates);
    let solution = circuit.solve(&mut meter()).unwrap();
    ids.iter().map(|id| (solution.lo(*id), solution.hi(*id))).collect()
}

const F: (Truth, Truth) = (Truth::False, Truth::False);
const P: (Truth, Truth) = (Truth::Paradox, Truth::Paradox);
const T: (Truth, Truth) = (Truth::True, Truth::True);
const U: (Truth, Truth) = (Truth::False, Truth::True);

#[test]
fn what_supports_only_itself_is_false() {
    assert_eq!(values(&[(Gate::Or, vec![1]), (Gate::Or, vec![0])]), [F, F]);
    assert_eq!(values(&[(Gate::And, vec![0])]), [F]);
    assert_eq!(values(&[(Gate::Or, vec![0, 1]), (Gate::True, vec![])]), [T, T]);
}

#[test]
fn what_rests_on_its_own_absence_is_a_paradox() {
    assert_eq!(values(&[(Gate::Not, vec![0])]), [P]);
    assert_eq!(values(&[(Gate::And, vec![1, 2]), (Gate::True, vec![]), (Gate::Not, vec![0])]), [P, T, P]);
    // Two that exclude each other, and one that follows from either.
    let either = [(Gate::Not, vec![1]), (Gate::Not, vec![0]), (Gate::Or, vec![0, 1])];
    assert_eq!(values(&either), [P, P, P]);
    // Settled from outside, neither is.
    assert_eq!(values(&[(Gate::Or, vec![1, 2]), (Gate::Not, vec![0]), (Gate::True, vec![])]), [T, F, T]);
}

#[test]
fn unknown_leaves_make_intervals() {
    assert_eq!(values(&[(Gate::Or, vec![1, 2]), (Gate::Unknown, vec![]), (Gate::True, vec![])]), [T, U, T]);
    assert_eq!(values(&[(Gate::And, vec![1, 2]), (Gate::Unknown, vec![]), (Gate::False, vec![])]), [F, U, F]);
    assert_eq!(values(&[(Gate::And, vec![1, 2]), (Gate::Not, vec![2]), (Gate::Unknown, vec![])]), [U, U, U]);
    // Unknown whether it negates itself: at worst a paradox, at best false (its support is gone).
    let maybe = [(Gate::And, vec![1, 2]), (Gate::Unknown, vec![]), (Gate::Not, vec![0])];
    assert_eq!(values(&maybe)[0], brute(&maybe)[0]);
}

#[test]
fn empty_gates_are_their_neutral_elements() {
    assert_eq!(values(&[(Gate::Or, vec![]), (Gate::And, vec![])]), [F, T]);
}

#[test]
fn a_reason_fires_before_what_follows_from_it() {
    let gates = [(Gate::Or, vec![1]), (Gate::Or, vec![0, 2]), (Gate::And, vec![3, 4]), (Gate::True, vec![]), (Gate::True, vec![])];
    let (circuit, ids) = circuit(&gates);
    let solution = circuit.solve(&mut meter()).unwrap();
    let rank = |gate: usize| solution.rank(ids[gate]);
    assert!(rank(3) < rank(2) && rank(4) < rank(2) && rank(2) < rank(1) && rank(1) < rank(0));
}

/// A long chain of gates, each reading the next.
fn chain(length: usize, make: impl Fn(usize) -> (Gate, Vec<usize>)) -> Vec<(Gate, Vec<usize>)> {
    (0..length).map(make).chain([(Gate::True, vec![])]).collect()
}

#[test]
fn long_chains_and_cycles_take_linear_time_and_no_stack() {
    let length = 200_000;
    let steps = |gates: &[(Gate, Vec<usize>)]| {
        let (circuit, ids) = circuit(gates);
        let mut meter = meter();
        let solution = circuit.solve(&mut meter).unwrap();
        (solution.lo(ids[0]), meter.steps())
    };
    for (gates, expected) in [
        (chain(length, |n| (Gate::Or, vec![n + 1])), Truth::True),
        (chain(length, |n| (Gate::Not, vec![n + 1])), Truth::True),
        (chain(length, |n| (Gate::Or, vec![(n + 1) % length])), Truth::False),
        (chain(length, |n| (Gate::Or, vec![if n + 1 < length { n + 1 } else { 0 }, if n + 1 < length { n } else { length }])), Truth::True),
    ] {
        let (value, steps) = steps(&gates);
        assert_eq!(value, expected);
        assert!(steps < 12 * length as u64, "{steps}");
    }
}

#[test]
fn a_component_that_negates_itself_over_and_over_ends_at_the_budget() {
    // x(n) = not x(n+1) and not x(n+1)'s own cycle: a ladder inside one component needs a round a rung.
    let length = 2_000;
    let mut gates = chain(length, |n| (Gate::Not, vec![n + 1]));
    gates[length] = (Gate::And, vec![length + 1, 0]);
    gates.push((Gate::False, vec![]));
    let (circuit, _) = circuit(&gates);
    let mut small = Meter::new(100_000, &|| false);
    assert_eq!(circuit.solve(&mut small).unwrap_err().code(), "budget_exceeded");
    assert!(circuit.solve(&mut meter()).is_ok());
    assert_eq!(circuit.solve(&mut Meter::new(u64::MAX, &|| true)).unwrap_err().code(), "deadline_exceeded");
}

/// The definition (Van Gelder, Ross and Schlipf 1991), by brute force: the least fixpoint of "derive what follows, and make false the
/// greatest unfounded set", the latter found among all subsets.
fn brute(gates: &[(Gate, Vec<usize>)]) -> Vec<(Truth, Truth)> {
    let count = gates.len() * 2;
    let input = |node: usize, input: usize| if gates[node / 2].0 == Gate::Not { input * 2 + 1 - node % 2 } else { input * 2 + node % 2 };
    let inputs = |node: usize| gates[node / 2].1.iter().map(move |i| input(node, *i)).collect::<Vec<_>>();
    let mut value: Vec<Option<bool>> = vec![None; count];
    loop {
        // A node holds if the rule for it holds with what is known.
        let derived = |node: usize| match gates[node / 2].0 {
            Gate::True => true,
            Gate::Unknown => node % 2 == 1,
            Gate::False => false,
            Gate::Or => inputs(node).iter().any(|i| value[*i] == Some(true)),
            Gate::And => inputs(node).iter().all(|i| value[*i] == Some(true)),
            Gate::Not => inputs(node).iter().all(|i| value[*i] == Some(false)),
        };
        // Unfounded: no rule for a member can hold unless a member holds already, or something known false is needed.
        let unfounded = |set: usize| {
            (0..count).filter(|node| set >> node & 1 == 1).all(|node| {
                let blocked = |i: &usize| value[*i] == Some(false) || set >> i & 1 == 1;
                match gates[node / 2].0 {
                    Gate::True => false,
                    Gate::Unknown => node % 2 == 0,
                    Gate::False => true,
                    Gate::Or => inputs(node).iter().all(blocked),
                    Gate::And => inputs(node).iter().any(blocked),
                    Gate::Not => inputs(node).iter().any(|i| value[*i] == Some(true)),
                }
            })
        };
        // Unions of unfounded sets are unfounded: the greatest is the union of all.
        let greatest = (0..1_usize << count).filter(|set| unfounded(*set)).fold(0, |union, set| union | set);
        let next: Vec<Option<bool>> =
            (0..count).map(|node| if derived(node) { Some(true) } else { (greatest >> node & 1 == 1).then_some(false) }).collect();
        if next == value {
            break;
        }
        value = next;
    }
    let truth = |node: usize| match value[node] {
        Some(true) => Truth::True,
        Some(false) => Truth::False,
        None => Truth::Paradox,
    };
    (0..gates.len()).map(|gate| (truth(gate * 2), truth(gate * 2 + 1))).collect()
}

fn any_gates() -> impl Strategy<Value = Vec<(Gate, Vec<usize>)>> {
    let gate = prop_oneof![
        1 => Just(Gate::True), 1 => Just(Gate::False), 1 => Just(Gate::Unknown),
        4 => Just(Gate::Or), 3 => Just(Gate::And), 4 => Just(Gate::Not)
    ];
    prop::collection::vec((gate, prop::collection::vec(any::<prop::sample::Index>(), 1..4)), 1..6).prop_map(|gates| {
        let count = gates.len();
        gates
            .into_iter()
            .map(|(gate, inputs)| {
                let inputs: Vec<usize> = inputs.iter().map(|index| index.index(count)).collect();
                match gate {
                    Gate::True | Gate::False | Gate::Unknown => (gate, vec![]),
                    Gate::Not => (gate, inputs[..1].to_vec()),
                    Gate::Or | Gate::And => (gate, inputs),
                }
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn the_solver_agrees_with_the_definition(gates in any_gates()) {
        prop_assert_eq!(values(&gates), brute(&gates));
    }

    #[test]
    fn lo_is_never_above_hi_and_true_gates_have_earlier_reasons(gates in any_gates()) {
        let (circuit, ids) = circuit(&gates);
        let solution = circuit.solve(&mut meter()).unwrap();
        for (id, (gate, _)) in ids.iter().zip(&gates) {
            prop_assert!(solution.lo(*id) <= solution.hi(*id));
            if solution.lo(*id) == Truth::True {
                let earlier = |input: &GateId| solution.lo(*input) == Truth::True && solution.rank(*input) < solution.rank(*id);
                match gate {
                    Gate::Or => prop_assert!(solution.inputs(*id).any(|input| earlier(&input))),
                    Gate::And => prop_assert!(solution.inputs(*id).all(|input| earlier(&input))),
                    Gate::Not => prop_assert!(solution.inputs(*id).all(|input| solution.hi(input) == Truth::False)),
                    Gate::True | Gate::False | Gate::Unknown => {}
                }
            }
        }
    }
}
