//! The alternating fixpoint, component by component.

#![expect(clippy::indexing_slicing, reason = "nodes are ends of gates of this circuit, counted in u32")]

use super::{Components, Gate, Lists, Node, Solution, Truth};
use crate::eval::meter::{Meter, Stopped};

/// Which of the two sets an inner fixpoint computes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// What surely holds: a paradox below does not count, and `not x` needs x to be impossible.
    Sure,
    /// What possibly holds: a paradox below counts, and `not x` needs x not to be sure.
    Possible,
}

struct Solver<'a, 'm> {
    gates: &'a [Gate],
    inputs: &'a Lists,
    outputs: &'a Lists,
    components: &'a Components,
    meter: &'a mut Meter<'m>,
    values: Vec<Truth>,
    ranks: Vec<u32>,
    /// How many nodes have their rank.
    ranked: u32,
    /// Inputs that a node of the component at hand still waits for.
    waiting: Vec<u32>,
    /// Of the component at hand: what the last fixpoint of each reading derived.
    sure: Vec<bool>,
    possible: Vec<bool>,
}

pub(super) fn solve(
    gates: &[Gate],
    inputs: Lists,
    outputs: &Lists,
    components: &Components,
    meter: &mut Meter<'_>,
) -> Result<Solution, Stopped> {
    let count = gates.len() * 2;
    let mut solver = Solver {
        gates,
        inputs: &inputs,
        outputs,
        components,
        meter,
        values: vec![Truth::False; count],
        ranks: vec![u32::MAX; count],
        ranked: 0,
        waiting: vec![0; count],
        sure: vec![false; count],
        possible: vec![false; count],
    };
    for component in 0..components.len() {
        match components.nodes(component) {
            [node] if !solver.looks_at_itself(*node) => solver.settle(*node),
            nodes => solver.alternate(nodes)?,
        }
    }
    let (values, ranks) = (solver.values, solver.ranks);
    Ok(Solution { values, ranks, inputs })
}

impl Solver<'_, '_> {
    fn gate(&self, node: Node) -> Gate {
        self.gates[node.gate() as usize]
    }

    fn looks_at_itself(&self, node: Node) -> bool {
        let gate = self.gate(node);
        self.inputs.of(node.gate()).iter().any(|input| node.input(gate, *input) == node)
    }

    /// Gives a node that is its own component its value: all inputs have theirs.
    fn settle(&mut self, node: Node) {
        let gate = self.gate(node);
        let inputs = self.inputs.of(node.gate()).iter().map(|input| self.values[node.input(gate, *input).index()]);
        let value = match gate {
            Gate::False => Truth::False,
            Gate::True => Truth::True,
            Gate::Unknown if node.high() == 1 => Truth::True,
            Gate::Unknown => Truth::False,
            Gate::Or => inputs.max().unwrap_or(Truth::False),
            Gate::And => inputs.min().unwrap_or(Truth::True),
            Gate::Not => inputs.max().unwrap_or(Truth::False).not(),
        };
        self.values[node.index()] = value;
        self.rank(node);
    }

    fn rank(&mut self, node: Node) {
        self.ranks[node.index()] = self.ranked;
        self.ranked += 1;
    }

    /// Gives the nodes of a component that depends on itself their values.
    fn alternate(&mut self, nodes: &[Node]) -> Result<(), Stopped> {
        let mut fired;
        loop {
            self.fixpoint(nodes, Reading::Possible)?;
            let before = nodes.iter().filter(|node| self.sure[node.index()]).count();
            fired = self.fixpoint(nodes, Reading::Sure)?;
            // What is sure only grows from round to round; when it does not, both sets stand still. Without a negation inside,
            // neither set looks at the other, and the first round is the last.
            if fired.len() == before || !self.negates_itself(nodes) {
                break;
            }
        }
        for node in &fired {
            self.rank(*node);
        }
        for node in nodes {
            let at = node.index();
            self.values[at] = match (self.sure[at], self.possible[at]) {
                (true, _) => Truth::True,
                (false, true) => Truth::Paradox,
                (false, false) => Truth::False,
            };
            if !self.sure[at] {
                self.rank(*node);
            }
        }
        Ok(())
    }

    fn negates_itself(&self, nodes: &[Node]) -> bool {
        nodes.iter().any(|node| {
            self.gate(*node) == Gate::Not
                && self.inputs.of(node.gate()).iter().any(|input| self.is_inside(*node, node.input(Gate::Not, *input)))
        })
    }

    fn is_inside(&self, node: Node, other: Node) -> bool {
        self.components.of[node.index()] == self.components.of[other.index()]
    }

    /// Derives all that a reading can derive from nothing; returns it in the order of deriving.
    fn fixpoint(&mut self, nodes: &[Node], reading: Reading) -> Result<Vec<Node>, Stopped> {
        let mut fired = Vec::new();
        // The old set of this reading goes; the set of the other one is what negations look at.
        for node in nodes {
            self.derived(reading)[node.index()] = false;
        }
        for node in nodes {
            self.meter.charge(1)?;
            if self.prepare(*node, reading) {
                self.derived(reading)[node.index()] = true;
                fired.push(*node);
            }
        }
        let mut next = 0;
        while let Some(node) = fired.get(next).copied() {
            next += 1;
            self.meter.charge(1)?;
            self.propagate(node, reading, &mut fired);
        }
        Ok(fired)
    }

    const fn derived(&mut self, reading: Reading) -> &mut Vec<bool> {
        match reading {
            Reading::Sure => &mut self.sure,
            Reading::Possible => &mut self.possible,
        }
    }

    /// Sets up how many inputs a node waits for; true when it waits for none.
    fn prepare(&mut self, node: Node, reading: Reading) -> bool {
        let gate = self.gate(node);
        let (mut inside, mut holding, mut failing) = (0, 0, 0);
        for input in self.inputs.of(node.gate()) {
            let input = node.input(gate, *input);
            if self.is_inside(node, input) {
                let negated = match reading {
                    Reading::Sure => !self.possible[input.index()],
                    Reading::Possible => !self.sure[input.index()],
                };
                match gate {
                    Gate::Not if negated => holding += 1,
                    Gate::Not => failing += 1,
                    Gate::False | Gate::True | Gate::Unknown | Gate::Or | Gate::And => inside += 1,
                }
                continue;
            }
            let value = self.values[input.index()];
            let value = if gate == Gate::Not { value.not() } else { value };
            match (value, reading) {
                (Truth::True, _) | (Truth::Paradox, Reading::Possible) => holding += 1,
                (Truth::False, _) | (Truth::Paradox, Reading::Sure) => failing += 1,
            }
        }
        self.waiting[node.index()] = match gate {
            Gate::Or if holding > 0 => 0,
            Gate::Or => 1,
            Gate::And | Gate::Not if failing > 0 => u32::MAX,
            Gate::And => inside,
            Gate::Not | Gate::True => 0,
            Gate::Unknown if node.high() == 1 => 0,
            Gate::False | Gate::Unknown => u32::MAX,
        };
        self.waiting[node.index()] == 0
    }

    /// Tells the gates that look at `node` that it holds. (A `not` looks at the other reading's set, which does not change here.)
    fn propagate(&mut self, node: Node, reading: Reading, fired: &mut Vec<Node>) {
        for output in self.outputs.of(node.gate()) {
            let output = Node::of(*output, node.high());
            let waiting = self.waiting[output.index()];
            let positive = matches!(self.gate(output), Gate::Or | Gate::And);
            if !positive || !self.is_inside(node, output) || waiting == 0 || waiting == u32::MAX {
                continue;
            }
            self.waiting[output.index()] = waiting - 1;
            if waiting == 1 {
                self.derived(reading)[output.index()] = true;
                fired.push(output);
            }
        }
    }
}
