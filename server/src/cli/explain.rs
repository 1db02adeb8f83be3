//! An explanation as a tree that a person can follow.

use dhow_proto::v1;
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::{Output, decision_word};
use super::wire;

/// Prints the tree, and the nearest misses of a denial.
///
/// # Errors
/// When stdout cannot be written.
pub(crate) fn print(explanation: &v1::Explanation, output: &Output) -> Result<(), Failure> {
    if let Some(root) = &explanation.root {
        for line in tree(root, output) {
            output.line(&line)?;
        }
    } else if !explanation.text.is_empty() {
        output.line(&explanation.text)?;
    }
    if !explanation.nearest_misses.is_empty() {
        let strong = output.styles().strong;
        output.line(&format!("{strong}what came closest{strong:#}"))?;
        if explanation.misses.is_empty() {
            // A server of a version that did not tell more.
            for miss in &explanation.nearest_misses {
                output.line(&format!("  - {miss}"))?;
            }
        }
        for miss in &explanation.misses {
            output.line(&format!("  - {}{}", miss.summary, note(miss.provenance.as_ref(), output)))?;
        }
    }
    Ok(())
}

/// What stands behind a tuple: its revision with time and writer, as far as they are known, or that the request brought it.
fn note(provenance: Option<&v1::Provenance>, output: &Output) -> String {
    let Some(provenance) = provenance else { return String::new() };
    let mut parts = Vec::new();
    if provenance.contextual {
        parts.push("brought by the request".to_owned());
    }
    if provenance.revision > 0 {
        parts.push(format!("revision {}", provenance.revision));
    }
    parts.extend(provenance.time.as_ref().map(wire::time_text));
    if !provenance.actor.is_empty() {
        parts.push(provenance.actor.clone());
    }
    if parts.is_empty() {
        return String::new();
    }
    let muted = output.styles().muted;
    format!(" {muted}· {}{muted:#}", parts.join(" · "))
}

/// The lines of the tree. Walks with a stack of its own: the tree is as deep as the data.
fn tree(root: &v1::ExplanationNode, output: &Output) -> Vec<String> {
    struct Step<'a> {
        node: &'a v1::ExplanationNode,
        /// What stands before the node's own branch.
        prefix: String,
        last: bool,
        root: bool,
    }
    let mut lines = Vec::new();
    let mut stack = vec![Step { node: root, prefix: String::new(), last: true, root: true }];
    while let Some(Step { node, prefix, last, root }) = stack.pop() {
        let (branch, below) = match (root, last) {
            (true, _) => ("", ""),
            (false, true) => ("└─ ", "   "),
            (false, false) => ("├─ ", "│  "),
        };
        let style = output.styles().decision(node.decision());
        let mark = match node.decision() {
            v1::Decision::Allowed => "✓ ",
            v1::Decision::Denied => "✗ ",
            v1::Decision::Conditional => "? ",
            v1::Decision::Unspecified => "",
        };
        let mut line = format!("{prefix}{branch}{style}{mark}{style:#}{}", node.summary);
        if let Some(tuple) = &node.tuple {
            let text = wire::tuple_text(tuple);
            if !node.summary.contains(&text) {
                let muted = output.styles().muted;
                line.push_str(&format!("  {muted}{text}{muted:#}"));
            }
            line.push_str(&note(node.provenance.as_ref(), output));
        }
        lines.push(line);
        let prefix = format!("{prefix}{below}");
        let count = node.children.len();
        for (index, child) in node.children.iter().enumerate().rev() {
            stack.push(Step { node: child, prefix: prefix.clone(), last: index + 1 == count, root: false });
        }
    }
    lines
}

/// The explanation as JSON. Nodes deeper than `MAX_JSON_DEPTH` are cut: readers of JSON bound its depth.
pub(crate) fn to_json(explanation: &v1::Explanation) -> Value {
    json!({
        "root": explanation.root.as_ref().map(|root| node_json(root, MAX_JSON_DEPTH)),
        "nearest_misses": explanation.nearest_misses,
        "misses": explanation.misses.iter().map(miss_json).collect::<Vec<_>>(),
        "text": explanation.text,
    })
}

fn miss_json(miss: &v1::NearMiss) -> Value {
    let mut json = json!({"summary": miss.summary});
    set_tuple(&mut json, miss.tuple.as_ref(), miss.provenance.as_ref());
    json
}

/// The tuple that something rests on, and where it is from: what is not known is `null`.
fn set_tuple(json: &mut Value, tuple: Option<&v1::Tuple>, provenance: Option<&v1::Provenance>) {
    if let Some(tuple) = tuple {
        wire::set(json, "tuple", wire::tuple_text(tuple).into());
    }
    if let Some(provenance) = provenance {
        let provenance = json!({
            "contextual": provenance.contextual,
            "revision": (provenance.revision > 0).then_some(provenance.revision),
            "time": provenance.time.as_ref().map(wire::time_text),
            "actor": provenance.time.as_ref().map(|_| &provenance.actor),
        });
        wire::set(json, "provenance", provenance);
    }
}

/// Levels of the tree that JSON shows; each takes two levels of JSON, and common readers take 128.
const MAX_JSON_DEPTH: usize = 60;

fn node_json(node: &v1::ExplanationNode, depth: usize) -> Value {
    let mut json = json!({"summary": node.summary, "decision": decision_word(node.decision())});
    set_tuple(&mut json, node.tuple.as_ref(), node.provenance.as_ref());
    match depth.checked_sub(1) {
        Some(below) => {
            wire::set(&mut json, "children", node.children.iter().map(|child| node_json(child, below)).collect());
        }
        None => wire::set(&mut json, "cut", true.into()),
    }
    json
}
