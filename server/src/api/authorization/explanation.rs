//! An explanation of the engine as the wire has it: steps with depths become a tree of nodes, and revisions are told with their time
//! and writer, where the log has them.

use std::collections::BTreeMap;

use dhow_engine::entry::EntryLabel;
use dhow_engine::eval::{Evidence, Explanation, NearMiss, Provenance, Step, Verdict};
use dhow_proto::v1;

use crate::api::convert;

/// Who wrote a revision, and when.
type Labels = BTreeMap<u64, EntryLabel>;

/// The explanation with its tree, its nearest misses and its text. O(steps): the engine bounds their number and their depth, so that
/// readers of messages, who bound how deep those nest, take all of them.
pub(super) fn to_wire(explanation: &Explanation, labels: &Labels) -> v1::Explanation {
    v1::Explanation {
        root: tree(&explanation.steps, explanation.truncated, labels),
        nearest_misses: explanation.nearest_misses.iter().map(ToString::to_string).collect(),
        text: explanation.to_text_with(|evidence| note(evidence, labels)),
        misses: explanation.nearest_misses.iter().map(|miss| near_miss(miss, labels)).collect(),
    }
}

fn near_miss(miss: &NearMiss, labels: &Labels) -> v1::NearMiss {
    v1::NearMiss {
        summary: miss.to_string(),
        tuple: miss.evidence().map(|evidence| convert::tuple_to_wire(&evidence.tuple)),
        provenance: miss.evidence().map(|evidence| provenance(evidence, labels)),
    }
}

fn provenance(evidence: &Evidence, labels: &Labels) -> v1::Provenance {
    match evidence.provenance {
        Provenance::Request => v1::Provenance { contextual: true, ..Default::default() },
        Provenance::Stored { revision: None } => v1::Provenance::default(),
        Provenance::Stored { revision: Some(revision) } => {
            let label = labels.get(&revision);
            v1::Provenance {
                contextual: false,
                revision,
                time: label.map(|label| convert::timestamp_to_wire(label.time)),
                actor: label.map(|label| label.actor.clone()).unwrap_or_default(),
            }
        }
    }
}

/// What stands behind a tuple in a text.
fn note(evidence: &Evidence, labels: &Labels) -> Option<String> {
    let said = evidence.provenance.to_string();
    match evidence.provenance {
        Provenance::Request => Some(said),
        Provenance::Stored { revision: None } => None,
        Provenance::Stored { revision: Some(revision) } => Some(match labels.get(&revision) {
            Some(label) => format!("{said} · {} · {}", label.time, label.actor),
            None => said,
        }),
    }
}

/// The tree of steps that stand in the order of reading; `None`: there is no step.
fn tree(steps: &[Step], truncated: bool, labels: &Labels) -> Option<v1::ExplanationNode> {
    // From the end: each step takes the finished ones that lie deeper than itself as its children.
    let mut open: Vec<(usize, v1::ExplanationNode)> = Vec::new();
    if truncated {
        open.push((1, v1::ExplanationNode { summary: "and more".to_owned(), ..Default::default() }));
    }
    for step in steps.iter().rev() {
        let mut node = node(step, labels);
        while open.last().is_some_and(|(depth, _)| *depth > step.depth) {
            node.children.extend(open.pop().map(|(_, child)| child));
        }
        open.push((step.depth, node));
    }
    open.pop().map(|(_, root)| root)
}

fn node(step: &Step, labels: &Labels) -> v1::ExplanationNode {
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
        provenance: step.evidence().map(|evidence| provenance(evidence, labels)),
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
    fn a_revision_that_the_log_no_longer_has_is_told_by_its_number() {
        let tuple = std::sync::Arc::new("document:plan#viewer@user:ada".parse().unwrap());
        let evidence = |provenance| Evidence { tuple: std::sync::Arc::clone(&tuple), provenance };
        let label = EntryLabel {
            store: dhow_engine::entry::StoreId([1; 16]),
            revision: 7,
            time: "2030-01-01T12:00:00Z".parse().unwrap(),
            actor: "ada".to_owned(),
            request_id: String::new(),
        };
        let labels = Labels::from([(7, label)]);
        let time = Some(prost_types::Timestamp { seconds: 1_893_499_200, nanos: 0 });
        for (from, wire, text) in [
            (
                Provenance::Stored { revision: Some(7) },
                v1::Provenance { contextual: false, revision: 7, time, actor: "ada".to_owned() },
                Some("revision 7 · 2030-01-01T12:00:00Z · ada"),
            ),
            (Provenance::Stored { revision: Some(6) }, v1::Provenance { revision: 6, ..Default::default() }, Some("revision 6")),
            (Provenance::Stored { revision: None }, v1::Provenance::default(), None),
            (Provenance::Request, v1::Provenance { contextual: true, ..Default::default() }, Some("brought by the request")),
        ] {
            assert_eq!(provenance(&evidence(from), &labels), wire);
            assert_eq!(note(&evidence(from), &labels).as_deref(), text);
        }
    }

    #[test]
    fn steps_become_the_tree_that_their_depths_say() {
        let steps = [step(0, "a"), step(1, "b"), step(2, "c"), step(2, "d"), step(1, "e")];
        assert_eq!(tree(&steps, false, &Labels::new()).as_ref().map(shown).as_deref(), Some("a(b(c() d()) e())"));
        assert_eq!(tree(&steps, true, &Labels::new()).as_ref().map(shown).as_deref(), Some("a(b(c() d()) e() and more())"));
        assert_eq!(tree(&[], false, &Labels::new()), None);
    }
}
