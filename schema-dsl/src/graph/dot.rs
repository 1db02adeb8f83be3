//! The graph as a picture, in Graphviz' language.

use std::fmt::Write as _;

use petgraph::visit::EdgeRef;

use super::{DependencyKind, RelationGraph};

impl RelationGraph {
    /// The graph in DOT, one box of relations a type; the same text for the same schema.
    #[must_use]
    pub fn to_dot(&self) -> String {
        let mut out = String::from("digraph schema {\n  rankdir=LR;\n  node [shape=box];\n");
        let mut open: Option<&str> = None;
        for node in self.index.keys() {
            if open != Some(&*node.object_type) {
                if open.is_some() {
                    out.push_str("  }\n");
                }
                let name = quoted(&node.object_type);
                let _infallible = write!(out, "  subgraph {} {{\n    label={name};\n", quoted(&format!("cluster_{}", node.object_type)));
                open = Some(&node.object_type);
            }
            let _infallible = writeln!(out, "    {} [label={}];", quoted(&node.to_string()), quoted(&node.relation));
        }
        if open.is_some() {
            out.push_str("  }\n");
        }
        let mut edges: Vec<String> = self
            .graph
            .edge_references()
            .filter_map(|edge| {
                let (source, target) = (self.graph.node_weight(edge.source())?, self.graph.node_weight(edge.target())?);
                let style = match edge.weight().kind {
                    DependencyKind::Computed => "solid",
                    DependencyKind::Tupleset => "dotted",
                    DependencyKind::Target => "bold",
                    DependencyKind::Userset => "dashed",
                };
                let color = if edge.weight().subtracted { ", color=red" } else { "" };
                Some(format!("  {} -> {} [style={style}{color}];\n", quoted(&source.to_string()), quoted(&target.to_string())))
            })
            .collect();
        edges.sort();
        out.extend(edges);
        out.push_str("}\n");
        out
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
