//! Strongly connected components of the doubled program, inputs first (Tarjan 1972, with the stack as data).

#![expect(clippy::indexing_slicing, clippy::cast_possible_truncation, reason = "nodes are ends of gates of this circuit, counted in u32")]

use super::{Gate, Lists, Node};
use crate::eval::meter::{Meter, Stopped};

/// Nodes grouped by component; components in an order in which inputs come first.
pub(super) struct Components {
    /// Where each component begins in `nodes`, and the end of the last.
    starts: Vec<u32>,
    nodes: Vec<Node>,
    /// The component of each node.
    pub(super) of: Vec<u32>,
}

const UNSEEN: u32 = u32::MAX;

/// A node that is being visited, and which of its inputs comes next.
struct Visit {
    node: Node,
    next: usize,
}

impl Components {
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn nodes(&self, component: usize) -> &[Node] {
        &self.nodes[self.starts[component] as usize..self.starts[component + 1] as usize]
    }

    /// O(gates + wires).
    pub(super) fn of(gates: &[Gate], inputs: &Lists, meter: &mut Meter<'_>) -> Result<Self, Stopped> {
        let count = gates.len() * 2;
        let mut found = Self { starts: vec![0], nodes: Vec::with_capacity(count), of: vec![UNSEEN; count] };
        // Order of discovery, and the earliest node known to be in the same component.
        let (mut order, mut low) = (vec![UNSEEN; count], vec![0_u32; count]);
        let (mut open, mut visits): (Vec<Node>, Vec<Visit>) = (Vec::new(), Vec::new());
        let mut discovered = 0_u32;
        for root in (0..count as u32).map(Node) {
            if order[root.index()] != UNSEEN {
                continue;
            }
            visits.push(Visit { node: root, next: 0 });
            while let Some(visit) = visits.last_mut() {
                let node = visit.node;
                if visit.next == 0 {
                    meter.charge(1)?;
                    order[node.index()] = discovered;
                    low[node.index()] = discovered;
                    discovered += 1;
                    open.push(node);
                }
                let gate = gates[node.gate() as usize];
                if let Some(input) = inputs.of(node.gate()).get(visit.next) {
                    visit.next += 1;
                    let input = node.input(gate, *input);
                    if order[input.index()] == UNSEEN {
                        visits.push(Visit { node: input, next: 0 });
                    } else if found.of[input.index()] == UNSEEN {
                        low[node.index()] = low[node.index()].min(order[input.index()]);
                    }
                    continue;
                }
                visits.pop();
                if let Some(parent) = visits.last() {
                    low[parent.node.index()] = low[parent.node.index()].min(low[node.index()]);
                }
                if low[node.index()] == order[node.index()] {
                    found.close(node, &mut open);
                }
            }
        }
        Ok(found)
    }

    /// Takes the component that `root` was the first of off the open nodes.
    fn close(&mut self, root: Node, open: &mut Vec<Node>) {
        let component = self.len() as u32;
        while let Some(node) = open.pop() {
            self.of[node.index()] = component;
            self.nodes.push(node);
            if node == root {
                break;
            }
        }
        self.starts.push(self.nodes.len() as u32);
    }
}
