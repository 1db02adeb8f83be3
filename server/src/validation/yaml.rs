//! YAML as a small tree that knows where everything stands.
//!
//! Only what validation files need: scalars, sequences and mappings with scalar keys. Anchors, tags and several documents are
//! refused, so that what a reader sees is what is tested. Nothing here knows what the keys mean. Cost: linear in the text.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::problem::{Place, Problem};

/// How deep a file may nest; validation files need four levels.
const MAX_DEPTH: usize = 16;

/// A node and the place of its first character.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// `null`, `~`, or nothing at all.
    Null,
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

impl Kind {
    /// What a message calls it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar(_) => "text",
            Self::Sequence(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

/// A text, and whether its lines are those of the file.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// A literal block (`|`): its lines are the file's lines without their indentation.
    pub(super) literal: bool,
    /// A literal or folded block: its first line is the line of its place.
    pub(super) block: bool,
    /// The line behind its last one.
    pub(super) end_line: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Node,
}

/// A sequence or mapping whose end has not come yet.
struct Open {
    place: Place,
    kind: OpenKind,
}

enum OpenKind {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        /// The lines of the keys so far.
        lines: BTreeMap<String, usize>,
        key: Option<(String, Place)>,
    },
}

/// Reads the one document of `text`; `None` where it is empty.
///
/// # Errors
/// The first thing that is not YAML, or that validation files must not have.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Problem> {
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    let mut documents = 0_usize;
    for item in Parser::new_from_str(text) {
        let (event, span) = item.map_err(|error| {
            let place = Place { line: error.marker().line(), column: error.marker().col() + 1 };
            let problem = Problem::new("yaml", place, format!("this is not YAML: {}", error.info()));
            if has_bare_context(text, place.line) { problem.help(BARE_CONTEXT) } else { problem }
        })?;
        let place = place_of(span);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(Problem::new("yaml", place, "a second document starts here").help("put each document in a file of its own"));
                }
            }
            Event::Alias(_) => return Err(Problem::new("yaml", place, "aliases (`*name`) are not read").help("write the value out")),
            Event::Scalar(value, style, anchor, tag) => {
                refuse_extras(place, anchor, tag.is_some())?;
                let node = Node { place, kind: scalar(value.into_owned(), style, span) };
                attach(&mut open, &mut root, node)?;
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_extras(place, anchor, tag.is_some())?;
                start(&mut open, place, OpenKind::Sequence(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                refuse_extras(place, anchor, tag.is_some())?;
                start(&mut open, place, OpenKind::Mapping { entries: Vec::new(), lines: BTreeMap::new(), key: None })?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(done) = open.pop() {
                    let kind = match done.kind {
                        OpenKind::Sequence(items) => Kind::Sequence(items),
                        OpenKind::Mapping { entries, .. } => Kind::Mapping(entries),
                    };
                    attach(&mut open, &mut root, Node { place: done.place, kind })?;
                }
            }
        }
    }
    Ok(root)
}

/// What is said of a question whose context is not quoted: by far the most frequent mistake in these files.
const BARE_CONTEXT: &str = "put a question with context into single quotes: 'document:readme#view@user:ada with {\"name\": 1}'";

/// Whether one of the lines at which YAML gave up has context outside of quotes: the parser often notices only in the next one.
fn has_bare_context(text: &str, line: usize) -> bool {
    let near = text.lines().skip(line.saturating_sub(2)).take(2);
    near.map(|line| line.trim_start().trim_start_matches("- ")).any(|line| line.contains(" with {") && !line.starts_with('\''))
}

fn place_of(span: Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

fn refuse_extras(place: Place, anchor: usize, tagged: bool) -> Result<(), Problem> {
    if anchor != 0 {
        return Err(Problem::new("yaml", place, "anchors (`&name`) are not read").help("write the value out where it is used"));
    }
    if tagged {
        return Err(Problem::new("yaml", place, "tags (`!name`) are not read").help("take the tag away"));
    }
    Ok(())
}

fn scalar(text: String, style: ScalarStyle, span: Span) -> Kind {
    let end_line = span.end.line();
    match style {
        ScalarStyle::Plain if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL") => Kind::Null,
        ScalarStyle::Plain | ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => {
            Kind::Scalar(Scalar { text, literal: false, block: false, end_line })
        }
        ScalarStyle::Literal => Kind::Scalar(Scalar { text, literal: true, block: true, end_line }),
        ScalarStyle::Folded => Kind::Scalar(Scalar { text, literal: false, block: true, end_line }),
    }
}

fn start(open: &mut Vec<Open>, place: Place, kind: OpenKind) -> Result<(), Problem> {
    if open.len() >= MAX_DEPTH {
        return Err(Problem::new("yaml", place, format!("this nests more than {MAX_DEPTH} levels deep")));
    }
    open.push(Open { place, kind });
    Ok(())
}

/// Puts a finished node into what is open, or makes it the root.
fn attach(open: &mut [Open], root: &mut Option<Node>, node: Node) -> Result<(), Problem> {
    let Some(parent) = open.last_mut() else {
        *root = match node.kind {
            Kind::Null => None,
            kind @ (Kind::Scalar(_) | Kind::Sequence(_) | Kind::Mapping(_)) => Some(Node { place: node.place, kind }),
        };
        return Ok(());
    };
    match &mut parent.kind {
        OpenKind::Sequence(items) => items.push(node),
        OpenKind::Mapping { entries, lines, key } => match key.take() {
            Some((key, place)) => entries.push(Entry { key, place, value: node }),
            None => {
                let Kind::Scalar(text) = node.kind else {
                    return Err(Problem::new("yaml", node.place, format!("a key must be text, and this is {}", node.kind.name())));
                };
                if let Some(first) = lines.insert(text.text.clone(), node.place.line) {
                    let message = format!("`{}` stands here a second time", text.text);
                    return Err(Problem::new("yaml", node.place, message).help(format!("the first one is in line {first}")));
                }
                *key = Some((text.text, node.place));
            }
        },
    }
    Ok(())
}
