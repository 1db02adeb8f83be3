use super::*;
use crate::compile_str;

fn node(text: &str) -> RelationNode {
    let (object_type, relation) = text.split_once('#').unwrap();
    RelationNode { object_type: object_type.into(), relation: relation.into() }
}

fn graph(text: &str) -> (Schema, RelationGraph) {
    let schema = compile_str(text).unwrap();
    let graph = RelationGraph::new(&schema);
    (schema, graph)
}

const FOLDERS: &str = "definition user {}
    definition group { relation member: user | group#member }
    definition folder {
      relation parent: folder
      relation viewer: user | group#member
      relation banned: user
      relation unused: user
      permission view = (viewer + parent->view) - banned
    }";

#[test]
fn recursion_is_a_circle_of_definitions() {
    let (_, graph) = graph(FOLDERS);
    assert_eq!(graph.recursive(), [vec![node("folder#view")], vec![node("group#member")]]);
    let (_, graph) = self::graph("definition a { relation x: a permission p = q permission q = r permission r = p + x }");
    assert_eq!(graph.recursive(), [vec![node("a#p"), node("a#q"), node("a#r")]]);
}

#[test]
fn reachable_is_everything_that_a_permission_is_defined_through() {
    let (schema, graph) = graph(FOLDERS);
    let reachable: Vec<String> = graph.reachable(&node("folder#view")).iter().map(ToString::to_string).collect();
    assert_eq!(reachable, ["folder#banned", "folder#parent", "folder#view", "folder#viewer", "group#member"]);
    assert_eq!(graph.dead(&schema), [node("folder#unused")]);
    assert_eq!(graph.dependents(&node("group#member")), [node("folder#viewer"), node("group#member")]);
    assert!(graph.reachable(&node("folder#none")).is_empty());
}

#[test]
fn only_what_is_subtracted_within_a_circle_can_be_a_paradox() {
    let (_, plain) = graph(FOLDERS);
    assert_eq!(plain.subtracting_themselves(), []);
    let (_, paradox) = graph("definition a { relation x: a permission p = x - q permission q = p permission s = x - p }");
    assert_eq!(paradox.subtracting_themselves(), [node("a#p")]);
    let (_, arrow) = graph("definition a { relation up: a relation x: a permission p = x - up->p }");
    assert_eq!(arrow.subtracting_themselves(), [node("a#p")]);
    let (_, userset) = graph("definition a { relation x: a#p relation y: a permission p = y - x }");
    assert_eq!(userset.subtracting_themselves(), [node("a#p")]);
}

#[test]
fn dependencies_say_in_which_way() {
    let (_, graph) = graph(FOLDERS);
    let found: Vec<String> = graph
        .dependencies(&node("folder#view"))
        .iter()
        .map(|(node, dependency)| format!("{node} {:?} {}", dependency.kind, dependency.subtracted))
        .collect();
    let expected =
        ["folder#banned Computed true", "folder#parent Tupleset false", "folder#view Target false", "folder#viewer Computed false"];
    assert_eq!(found, expected);
}

#[test]
fn the_picture_names_every_relation_and_edge() {
    let (_, graph) = graph("definition a { relation x: a permission p = x - x->p }");
    let dot = graph.to_dot();
    assert!(dot.starts_with("digraph schema {"), "{dot}");
    for line in ["\"a#x\" [label=\"x\"];", "\"a#p\" -> \"a#x\" [style=solid];", "\"a#p\" -> \"a#p\" [style=bold, color=red];"] {
        assert!(dot.contains(line), "{line} is not in {dot}");
    }
}

#[test]
fn a_long_chain_of_definitions_needs_no_stack() {
    let members: String = (0..9_000).map(|number| format!("permission p{number}=p{}\n", number + 1)).collect();
    let text = format!("definition a{{relation p9000:a\n{members}}}");
    let run = move || {
        let (_, graph) = graph(&text);
        assert_eq!(graph.reachable(&node("a#p0")).len(), 9_001);
        assert_eq!(graph.recursive(), Vec::<Vec<RelationNode>>::new());
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}
