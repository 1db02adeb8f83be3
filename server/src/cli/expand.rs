//! `dhow expand`: who has a relation or permission, as a tree.

use std::process::ExitCode;

use clap::Args;
use dhow_proto::v1;
use dhow_proto::v1::expand_node::Kind;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::failure::Failure;
use super::options::{Connection, ReadOptions, SchemaOption};
use super::output::{Output, insert_answered};
use super::wire;

/// Show who has a relation or permission, as the tree of its rewrite.
#[derive(Debug, Args)]
#[command(after_help = "\
JSON: {\"userset\", \"tree\", \"token\", \"revision\", ...}; a node of the tree has \"userset\" (unless it is an operand), \"caveat\" if \
one hangs on it, and one of \"subjects\": [text], \"union\": [node], \"intersection\": [node], \"exclusion\": [base, subtract], \
\"all\": [node], \"reference\": \"repeated|too_deep\".")]
pub(crate) struct ExpandArguments {
    /// `object#permission`, such as `document:readme#view`
    userset: String,
    /// How many usersets deep; 0: the whole tree
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    depth: u32,
    /// A tuple that this request alone sees; may be given many times
    #[arg(long = "with", value_name = "TUPLE")]
    with: Vec<String>,
    #[command(flatten)]
    read: ReadOptions,
    #[command(flatten)]
    schema: SchemaOption,
    #[command(flatten)]
    connection: Connection,
}

impl ExpandArguments {
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Splits `document:readme#view`.
///
/// # Errors
/// When it is not of that form.
pub(super) fn userset(text: &str) -> Result<(v1::ObjectRef, String), Failure> {
    match text.rsplit_once('#') {
        Some((object, permission)) if !permission.is_empty() => Ok((wire::object(object)?, permission.to_owned())),
        Some(_) | None => {
            Err(Failure::new("userset", format!("`{text}` names no permission of an object")).help("write it as document:readme#view"))
        }
    }
}

/// Runs `dhow expand`.
///
/// # Errors
/// When the arguments cannot be read, or the server refuses the request.
pub(crate) async fn run(arguments: ExpandArguments, output: &Output) -> Result<ExitCode, Failure> {
    let (object, permission) = userset(&arguments.userset)?;
    let contextual_tuples = wire::tuples(&arguments.with)?;
    let client = Client::connect(&arguments.connection).await?;
    let request = v1::ExpandRequest {
        store: client.store.clone(),
        consistency: Some(arguments.read.consistency.to_wire()),
        object: Some(object),
        permission,
        max_depth: arguments.depth,
        contextual_tuples,
        schema_version: arguments.schema.schema_version,
    };
    let response = client.authorization().expand(client.request(request)).await?.into_inner();
    let at = response.answered_at.as_ref();
    if output.is_json() {
        let mut object = Map::new();
        object.insert("userset".to_owned(), arguments.userset.into());
        object.insert("tree".to_owned(), response.root.as_ref().map_or(Value::Null, |root| node_json(root, MAX_JSON_DEPTH)));
        insert_answered(&mut object, at);
        output.json(&Value::Object(object))?;
    } else if let Some(root) = &response.root {
        for line in tree(root, output) {
            output.line(&line)?;
        }
        output.answered(at);
    }
    Ok(ExitCode::SUCCESS)
}

/// What a node says, without its children.
fn label(node: &v1::ExpandNode) -> String {
    let mut label = match (&node.object, node.relation.as_str()) {
        (Some(object), relation) => format!("{}#{relation}", wire::object_text(Some(object))),
        (None, _) => String::new(),
    };
    if let Some(caveat) = &node.caveat {
        label.push_str(&wire::caveat_text(caveat));
    }
    let operator = match &node.kind {
        Some(Kind::Leaf(leaf)) if leaf.subjects.is_empty() => "nobody",
        Some(Kind::Leaf(_)) | None => "",
        // Of one side alone there is nothing to choose from.
        Some(Kind::Union(_)) if node.object.is_some() && children(node).len() == 1 => "",
        Some(Kind::Union(_)) => "any of",
        Some(Kind::Intersection(_)) => "all of",
        Some(Kind::Exclusion(_)) => "the first, without the second",
        Some(Kind::All(_)) => "in every one of",
        Some(Kind::Reference(reference)) => match reference.reason() {
            v1::expand_reference::Reason::Repeated => "(stands elsewhere in this tree)",
            v1::expand_reference::Reason::TooDeep => "(below the depth asked for)",
            v1::expand_reference::Reason::Unspecified => "(elsewhere)",
        },
    };
    match (label.is_empty(), operator.is_empty()) {
        (false, false) => format!("{label}  {operator}"),
        (false, true) => label,
        (true, false) => operator.to_owned(),
        (true, true) => "tuples".to_owned(),
    }
}

/// What is shown below a node: of a union only the sides that somebody could be in, unless nobody could be in any.
fn children(node: &v1::ExpandNode) -> Vec<&v1::ExpandNode> {
    match &node.kind {
        Some(Kind::Union(below)) => {
            let sides: Vec<_> = below.children.iter().map(inner).collect();
            let some: Vec<_> = sides.iter().copied().filter(|side| !is_empty_operand(side)).collect();
            if some.is_empty() { sides } else { some }
        }
        Some(Kind::Intersection(below) | Kind::Exclusion(below) | Kind::All(below)) => below.children.iter().map(inner).collect(),
        Some(Kind::Leaf(_) | Kind::Reference(_)) | None => Vec::new(),
    }
}

/// The node that an operand with a single side comes to.
fn inner(mut node: &v1::ExpandNode) -> &v1::ExpandNode {
    while let (None, None, Some(Kind::Union(below))) = (&node.object, &node.caveat, &node.kind)
        && let [only] = below.children.as_slice()
    {
        node = only;
    }
    node
}

fn is_empty_operand(node: &v1::ExpandNode) -> bool {
    node.object.is_none() && matches!(&node.kind, Some(Kind::Leaf(leaf)) if leaf.subjects.is_empty())
}

fn subjects(node: &v1::ExpandNode) -> Vec<String> {
    match &node.kind {
        Some(Kind::Leaf(leaf)) => leaf
            .subjects
            .iter()
            .map(|one| wire::subject_text(one.subject.as_ref()) + &one.caveat.as_ref().map_or_else(String::new, wire::caveat_text))
            .collect(),
        Some(Kind::Union(_) | Kind::Intersection(_) | Kind::Exclusion(_) | Kind::All(_) | Kind::Reference(_)) | None => Vec::new(),
    }
}

/// The lines of the tree; walks with a stack of its own, because the tree is as deep as the data.
fn tree(root: &v1::ExpandNode, output: &Output) -> Vec<String> {
    let strong = output.styles().strong;
    let mut lines = Vec::new();
    let mut stack = vec![(root, 0_usize)];
    while let Some((node, depth)) = stack.pop() {
        let indentation = "  ".repeat(depth);
        lines.push(format!("{indentation}{strong}{}{strong:#}", label(node)));
        lines.extend(subjects(node).into_iter().map(|subject| format!("{indentation}  {subject}")));
        stack.extend(children(node).into_iter().rev().map(|child| (child, depth + 1)));
    }
    lines
}

/// Levels of the tree that JSON shows; each takes two levels of JSON, and common readers take 128.
const MAX_JSON_DEPTH: usize = 60;

fn node_json(node: &v1::ExpandNode, depth: usize) -> Value {
    let mut json = json!({});
    if node.object.is_some() {
        wire::set(&mut json, "userset", format!("{}#{}", wire::object_text(node.object.as_ref()), node.relation).into());
    }
    if let Some(caveat) = &node.caveat {
        wire::set(&mut json, "caveat", wire::caveat_text(caveat).into());
    }
    let Some(below) = depth.checked_sub(1) else {
        wire::set(&mut json, "cut", true.into());
        return json;
    };
    let nodes = |children: &v1::ExpandChildren| children.children.iter().map(|child| node_json(child, below)).collect::<Value>();
    let (field, value) = match &node.kind {
        Some(Kind::Leaf(_)) => ("subjects", subjects(node).into()),
        Some(Kind::Union(children)) => ("union", nodes(children)),
        Some(Kind::Intersection(children)) => ("intersection", nodes(children)),
        Some(Kind::Exclusion(children)) => ("exclusion", nodes(children)),
        Some(Kind::All(children)) => ("all", nodes(children)),
        Some(Kind::Reference(reference)) => {
            let reason = match reference.reason() {
                v1::expand_reference::Reason::TooDeep => "too_deep",
                v1::expand_reference::Reason::Repeated | v1::expand_reference::Reason::Unspecified => "repeated",
            };
            ("reference", reason.into())
        }
        None => ("subjects", json!([])),
    };
    wire::set(&mut json, field, value);
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::options::Format;

    fn node(object: Option<&str>, kind: Kind) -> v1::ExpandNode {
        let object = object.map(|id| v1::ObjectRef { r#type: "team".to_owned(), id: id.to_owned() });
        let relation = if object.is_some() { "member".to_owned() } else { String::new() };
        v1::ExpandNode { object, relation, caveat: None, kind: Some(kind) }
    }

    fn union(children: Vec<v1::ExpandNode>) -> Kind {
        Kind::Union(v1::ExpandChildren { children })
    }

    fn leaf(ids: &[&str]) -> Kind {
        let subject = |id: &&str| v1::SubjectRef { r#type: "user".to_owned(), id: (*id).to_owned(), relation: String::new() };
        let subjects = ids.iter().map(|id| v1::ExpandSubject { subject: Some(subject(id)), caveat: None, expires_at: None });
        Kind::Leaf(v1::ExpandLeaf { subjects: subjects.collect() })
    }

    fn shown(root: &v1::ExpandNode) -> Vec<String> {
        let plain = |line: String| anstream::adapter::strip_str(&line).to_string();
        tree(root, &Output::with_format(Format::Text)).into_iter().map(plain).collect()
    }

    #[test]
    fn sides_that_nobody_is_in_are_left_out() {
        let root = node(Some("a"), union(vec![node(None, leaf(&[])), node(Some("b"), leaf(&["ada"]))]));
        assert_eq!(shown(&root), ["team:a#member", "  team:b#member", "    user:ada"]);
        let root = node(Some("a"), union(vec![node(None, leaf(&["eve"])), node(Some("b"), leaf(&["ada"]))]));
        assert_eq!(shown(&root), ["team:a#member  any of", "  tuples", "    user:eve", "  team:b#member", "    user:ada"]);
    }

    #[test]
    fn a_union_without_anybody_says_so() {
        let root = node(Some("a"), union(vec![node(None, union(vec![node(None, leaf(&[]))]))]));
        assert_eq!(shown(&root), ["team:a#member", "  nobody"]);
    }
}
