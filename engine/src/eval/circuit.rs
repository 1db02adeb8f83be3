//! Boolean circuits with cycles, and their well-founded meaning. Knows nothing of tuples or schemas.
//!
//! A gate's value is an interval from `lo` to `hi` in the chain False < Paradox < True. A leaf is False, True, or unknown
//! (False to True). `or` takes the maximum of its inputs' ends, `and` the minimum, `not x` goes from `not hi(x)` to `not lo(x)`, where
//! `not` swaps False and True and keeps Paradox. Where gates depend on themselves, this doubled program (each gate once as `lo`, once
//! as `hi`) is read as a logic program under the well-founded semantics (Van Gelder, Ross and Schlipf, JACM 1991): what supports only
//! itself is False, what rests on its own absence is Paradox.
//!
//! [`Circuit::solve`] goes through the strongly connected components of the doubled program, inputs first. A component is solved
//! by the alternating fixpoint (Van Gelder, JCSS 1993), each inner least fixpoint by counting inputs (Dowling and Gallier, 1984). So a
//! component that does not negate itself costs its size twice, and only one that does costs its size times the rounds it takes;
//! splitting along components is sound because the semantics is modular (a component sees the ones below it as constants). Nothing
//! recurses; every round is charged to the [`Meter`].

use super::meter::{Meter, Stopped};
use components::Components;

mod components;
mod solve;

/// A gate of one circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GateId(u32);

impl GateId {
    /// The gate's number, from 0 in the order of making.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a gate does with its inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// A leaf: no.
    False,
    /// A leaf: yes.
    True,
    /// A leaf: cannot be told.
    Unknown,
    /// At least one input; without inputs False.
    Or,
    /// Every input; without inputs True.
    And,
    /// Not its one input.
    Not,
}

/// One end of a gate's interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Truth {
    /// It does not hold.
    False,
    /// It rests on its own absence.
    Paradox,
    /// It holds.
    True,
}

impl Truth {
    /// Swaps False and True.
    const fn not(self) -> Self {
        match self {
            Self::False => Self::True,
            Self::Paradox => Self::Paradox,
            Self::True => Self::False,
        }
    }
}

/// A circuit under construction. Gates may be wired in any order, and to themselves.
#[derive(Debug, Default)]
pub(crate) struct Circuit {
    gates: Vec<Gate>,
    /// Gate and input, in the order of wiring.
    wires: Vec<(GateId, GateId)>,
}

/// What every gate of a circuit means.
#[derive(Debug)]
pub(crate) struct Solution {
    /// By node: `lo` of gate g at 2g, `hi` at 2g + 1.
    values: Vec<Truth>,
    /// By node: when it became what it is; a True node's reason fired before it.
    ranks: Vec<u32>,
    inputs: Lists,
}

impl Circuit {
    /// Adds a gate without inputs.
    ///
    /// # Errors
    /// When the meter is used up: each gate is a step, so gates never outnumber what `u32` counts ([`Meter::new`]).
    pub(crate) fn add(&mut self, gate: Gate, meter: &mut Meter<'_>) -> Result<GateId, Stopped> {
        meter.charge(1)?;
        let id = GateId(u32::try_from(self.gates.len()).map_err(|_| meter.exceeded())?);
        self.gates.push(gate);
        Ok(id)
    }

    /// Makes `input` an input of `gate`.
    ///
    /// # Errors
    /// When the meter is used up.
    pub(crate) fn wire(&mut self, gate: GateId, input: GateId, meter: &mut Meter<'_>) -> Result<(), Stopped> {
        meter.charge(1)?;
        self.wires.push((gate, input));
        Ok(())
    }

    /// The meaning of every gate. O(gates + wires), times the rounds of components that negate themselves.
    ///
    /// # Errors
    /// When the meter is used up or the deadline has passed.
    pub(crate) fn solve(&self, meter: &mut Meter<'_>) -> Result<Solution, Stopped> {
        let inputs = Lists::new(self.gates.len(), self.wires.iter().map(|(gate, input)| (gate.0, input.0)));
        let outputs = Lists::new(self.gates.len(), self.wires.iter().map(|(gate, input)| (input.0, gate.0)));
        let components = Components::of(&self.gates, &inputs, meter)?;
        solve::solve(&self.gates, inputs, &outputs, &components, meter)
    }
}

impl Solution {
    /// The lower end of a gate's interval.
    pub(crate) fn lo(&self, gate: GateId) -> Truth {
        self.values.get(gate.index() * 2).copied().unwrap_or(Truth::False)
    }

    /// The upper end of a gate's interval.
    pub(crate) fn hi(&self, gate: GateId) -> Truth {
        self.values.get(gate.index() * 2 + 1).copied().unwrap_or(Truth::False)
    }

    /// When the lower end became what it is: if it is True because of inputs, theirs came before.
    pub(crate) fn rank(&self, gate: GateId) -> u32 {
        self.ranks.get(gate.index() * 2).copied().unwrap_or(u32::MAX)
    }

    /// A gate's inputs in the order of wiring.
    pub(crate) fn inputs(&self, gate: GateId) -> impl DoubleEndedIterator<Item = GateId> {
        self.inputs.of(gate.0).iter().map(|input| GateId(*input))
    }
}

/// Lists of numbers by number, in one piece (compressed sparse rows).
#[derive(Debug)]
struct Lists {
    /// Where the list of each number begins, and the end of the last.
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Lists {
    /// The lists of `(of, item)` pairs, each in the order given.
    #[expect(clippy::indexing_slicing, reason = "numbers are gates of this circuit, counted in u32")]
    fn new(count: usize, pairs: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0_u32; count + 1];
        for (of, _) in pairs.clone() {
            starts[of as usize + 1] += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        let mut next = starts.clone();
        let mut items = vec![0; starts[count] as usize];
        for (of, item) in pairs {
            items[next[of as usize] as usize] = item;
            next[of as usize] += 1;
        }
        Self { starts, items }
    }

    fn of(&self, number: u32) -> &[u32] {
        let at = number as usize;
        match (self.starts.get(at), self.starts.get(at + 1)) {
            (Some(from), Some(to)) => self.items.get(*from as usize..*to as usize).unwrap_or_default(),
            (Some(_) | None, _) => &[],
        }
    }
}

/// One end of a gate: a node of the doubled program. `lo` of gate g is 2g, `hi` is 2g + 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Node(u32);

impl Node {
    const fn of(gate: u32, high: u32) -> Self {
        Self(gate * 2 + high)
    }

    const fn gate(self) -> u32 {
        self.0 / 2
    }

    /// 0 for `lo`, 1 for `hi`.
    const fn high(self) -> u32 {
        self.0 % 2
    }

    const fn index(self) -> usize {
        self.0 as usize
    }

    /// The node of an input that this node looks at: the same end, but for `not` the other.
    const fn input(self, gate: Gate, input: u32) -> Self {
        match gate {
            Gate::Not => Self::of(input, 1 - self.high()),
            Gate::False | Gate::True | Gate::Unknown | Gate::Or | Gate::And => Self::of(input, self.high()),
        }
    }
}

#[cfg(test)]
mod tests;
