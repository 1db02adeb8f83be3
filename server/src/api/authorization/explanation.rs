//! An explanation of the engine as the wire has it: steps with depths become a tree of nodes.

use dhow_engine::eval::{Explanation, Step, Verdict};
use dhow_proto::v1;

use crate::api::convert;

/// The explanation with its tree, its nearest misses and its text. O(steps): the engine bounds their number and their depth, so that
/// readers of messages, who bound how deep those nest, take all of them.
pub(super) fn to_wire(explanation: &Explanation) -> v1::Explanation {
    v1::Explanation {
        root: tree(&explanation.steps, explanation.truncated),
        nearest_misses: explanation.nearest_misses.iter().map(ToString::to_string).collect(),
        text: explanation.to_text(),
    }
}

/// The tree of steps that stand in the order of reading; `None`: there is no step.
fn tree(steps: &[Step], truncated: bool) -> Option<v1::ExplanationNode> {
    // From the end: each step takes the finished ones that lie deeper than itself as its children.
    let mut open: Vec<(usize, v1::ExplanationNode)> = Vec::new();
    if truncated {
        open.push((1, v1::ExplanationNode { summary: "and more".to_owned(), ..Default::default() }));
    }
    for step in steps.iter().rev() {
        let mut node = node(step);
        while open.last().is_some_and(|(depth, _)| *depth > step.depth) {
            node.children.extend(open.pop().map(|(_, child)| child));
        }
        open.push((step.depth, node));
    }
    open.pop().map(|(_, root)| root)
}

fn node(step: &Step) -> v1::ExplanationNode {
    let decision = match step.verdict {
        Verdict::Holds => v1::Decision::Allowed,
        Verdict::Depends => v1::Decision::Conditional,
        Verdict::Paradox | Verdict::Fails => v1::Decision::Denied,
    };
    v1::ExplanationNode {
        summary: step.to_string(),
        tuple: step.evidence().map(|evidence| convert::tuple_to_wire(&evidence.tuple)),
        decision: decision.into(),
        children: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhow_engine::eval::What;

    fn step(depth: usize, rule: &str) -> Step {
        Step { depth, verdict: Verdict::Fails, what: What::Rule { rule: rule.to_owned() } }
    }

    fn shown(node: &v1::ExplanationNode) -> String {
        let children: Vec<String> = node.children.iter().map(shown).collect();
        format!("{}({})", node.summary, children.join(" "))
    }

    #[test]
    fn steps_become_the_tree_that_their_depths_say() {
        let steps = [step(0, "a"), step(1, "b"), step(2, "c"), step(2, "d"), step(1, "e")];
        assert_eq!(tree(&steps, false).as_ref().map(shown).as_deref(), Some("a(b(c() d()) e())"));
        assert_eq!(tree(&steps, true).as_ref().map(shown).as_deref(), Some("a(b(c() d()) e() and more())"));
        assert_eq!(tree(&[], false), None);
    }
}
