//! From the YAML tree to the parts of a validation file. Collects every problem before it gives up.

use std::path::Path;

use dhow_engine::tuple::Tuple;

use super::expect::{ExpectedSubject, parse_userset};
use super::problem::abridged;
use super::yaml::{self, Entry, Kind, Node, Scalar};
use super::{
    Assertion, Expectation, Expected, LocatedSubject, LocatedTuple, Place, Problem, Problems, Question, SchemaText, ValidationFile,
    folder_of, run,
};

/// The keys of a file.
const KEYS: [&str; 5] = ["schema", "schemaFile", "relationships", "assertions", "validation"];
/// The keys below `assertions`.
const ASSERTION_KEYS: [&str; 3] = ["assertTrue", "assertFalse", "assertCaveated"];

/// Gives the text of a schema file.
pub(super) type ReadFile<'a> = &'a dyn Fn(&Path) -> std::io::Result<String>;

/// Reads the text of the validation file at `path`, and its `schemaFile` by `read_file`.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn file(path: &Path, text: &str, read_file: ReadFile<'_>) -> Result<ValidationFile, Problems> {
    let mut reader = Reader { path, text, read_file, problems: Vec::new() };
    let mut found = Found::default();
    match yaml::parse(text) {
        Err(problem) => reader.problems.push(problem),
        Ok(None) => reader.problem(START, "the file is empty".to_owned(), "it needs at least `schema` or `schemaFile`"),
        Ok(Some(root)) => reader.root(root, &mut found),
    }
    let Reader { mut problems, .. } = reader;
    let Found { schema, tuples, assertions, expectations } = found;
    let file = schema.map(|schema| ValidationFile { path: path.to_path_buf(), schema, tuples, assertions, expectations });
    match file {
        Some(file) if problems.is_empty() => Ok(file),
        file => {
            // What could be read may be wrong as well: whoever mends the file wants to hear all of it at once.
            let more = file.and_then(|file| run::problems(&file));
            let rendered_schema = more.map_or_else(String::new, |more| {
                problems.extend(more.problems);
                more.rendered_schema
            });
            problems.sort_by_key(|problem| problem.place);
            Err(Problems { path: path.display().to_string(), problems, rendered_schema })
        }
    }
}

const START: Place = Place { line: 1, column: 1 };

#[derive(Default)]
struct Found {
    schema: Option<SchemaText>,
    tuples: Vec<LocatedTuple>,
    assertions: Vec<Assertion>,
    expectations: Vec<Expectation>,
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    read_file: ReadFile<'a>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, place: Place, message: String, help: &str) {
        self.problems.push(Problem::new("validation-file", place, message).help(help));
    }

    fn root(&mut self, root: Node, found: &mut Found) {
        let Some(entries) = self.mapping(root, "the file") else { return };
        let mut schema_seen = false;
        for entry in entries {
            match entry.key.as_str() {
                "schema" | "schemaFile" if schema_seen => {
                    self.problem(entry.place, "`schema` and `schemaFile` both stand here".to_owned(), "keep one of them");
                }
                "schema" => {
                    schema_seen = true;
                    found.schema = self.schema(entry);
                }
                "schemaFile" => {
                    schema_seen = true;
                    found.schema = self.schema_file(entry);
                }
                "relationships" => self.relationships(entry, &mut found.tuples),
                "assertions" => self.assertions(entry, &mut found.assertions),
                "validation" => self.validation(entry, &mut found.expectations),
                unknown => self.unknown_key(unknown, entry.place, &KEYS),
            }
        }
        if !schema_seen {
            self.problem(START, "there is no schema".to_owned(), "add `schema: |` with the schema's text, or `schemaFile` with its path");
        }
    }

    fn unknown_key(&mut self, key: &str, place: Place, known: &[&str]) {
        let nearest = known.iter().copied().find(|candidate| candidate.eq_ignore_ascii_case(key) || near(candidate, key));
        let help = match nearest {
            Some(candidate) => format!("did you mean `{candidate}`?"),
            None => format!("the keys here are {}", known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")),
        };
        self.problem(place, format!("there is no key `{}` here", abridged(key)), &help);
    }

    /// The entries of a mapping; nothing at all counts as an empty one.
    fn mapping(&mut self, node: Node, what: &str) -> Option<Vec<Entry>> {
        match node.kind {
            Kind::Mapping(entries) => Some(entries),
            Kind::Null => Some(Vec::new()),
            kind @ (Kind::Scalar(_) | Kind::Sequence(_)) => {
                self.problem(node.place, format!("{what} must be a mapping, and this is {}", kind.name()), "write `key: value` lines");
                None
            }
        }
    }

    /// The items of a list of texts; nothing at all counts as an empty one.
    fn texts(&mut self, node: Node, what: &str) -> Vec<(Place, Scalar)> {
        let place = node.place;
        let items = match node.kind {
            Kind::Sequence(items) => items,
            Kind::Null => Vec::new(),
            kind @ (Kind::Scalar(_) | Kind::Mapping(_)) => {
                self.problem(place, format!("`{what}` must be a list, and this is {}", kind.name()), "begin each line with `- `");
                Vec::new()
            }
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item.kind {
                Kind::Scalar(scalar) => texts.push((item.place, scalar)),
                kind @ (Kind::Null | Kind::Sequence(_) | Kind::Mapping(_)) => {
                    let message = format!("an entry of `{what}` must be text, and this is {}", kind.name());
                    self.problem(item.place, message, "put it into quotes: braces, `: ` and ` #` mean something in YAML");
                }
            }
        }
        texts
    }

    fn text(&mut self, node: Node, what: &str) -> Option<(Place, Scalar)> {
        match node.kind {
            Kind::Scalar(scalar) => Some((node.place, scalar)),
            Kind::Null => None,
            kind @ (Kind::Sequence(_) | Kind::Mapping(_)) => {
                self.problem(
                    node.place,
                    format!("`{what}` must be text, and this is {}", kind.name()),
                    &format!("write `{what}: |` and indent the text below"),
                );
                None
            }
        }
    }

    fn schema(&mut self, entry: Entry) -> Option<SchemaText> {
        if matches!(entry.value.kind, Kind::Null) {
            self.problem(entry.place, "`schema` is empty".to_owned(), "write the schema's text below, indented");
        }
        let (start, scalar) = self.text(entry.value, "schema")?;
        let padding = "\n".repeat(start.line.saturating_sub(1));
        let located = if scalar.literal {
            // The file's own lines: columns are right too, and the indentation means nothing to the schema language.
            let lines = self.text.lines().skip(start.line.saturating_sub(1)).take(scalar.end_line.saturating_sub(start.line));
            lines.fold(padding, |mut all, line| {
                all.push_str(line);
                all.push('\n');
                all
            })
        } else {
            padding + &scalar.text
        };
        Some(SchemaText { text: scalar.text, located, file: self.path.to_path_buf() })
    }

    fn schema_file(&mut self, entry: Entry) -> Option<SchemaText> {
        if matches!(entry.value.kind, Kind::Null) {
            self.problem(entry.place, "`schemaFile` is empty".to_owned(), "give the path of the schema, as seen from this file");
        }
        let (place, scalar) = self.text(entry.value, "schemaFile")?;
        let file = folder_of(self.path).join(scalar.text.trim());
        match (self.read_file)(&file) {
            Ok(text) => Some(SchemaText { located: text.clone(), text, file }),
            Err(error) => {
                let message = format!("the schema file `{}` cannot be read: {error}", scalar.text.trim());
                self.problem(place, message, "the path is as seen from this file's folder");
                None
            }
        }
    }

    fn relationships(&mut self, entry: Entry, tuples: &mut Vec<LocatedTuple>) {
        let Some((start, scalar)) = self.text(entry.value, "relationships") else { return };
        let mut lines = LineFinder::new(self.text, start, &scalar);
        for line in scalar.text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with("//") {
                continue;
            }
            let place = lines.find(line);
            match line.parse::<Tuple>() {
                Ok(tuple) => tuples.push(LocatedTuple { tuple, place }),
                Err(error) => {
                    let message = format!("`{}` is no relationship: {error}", abridged(line));
                    let help = if line.starts_with('#') { "a comment begins with `//` here" } else { error.help() };
                    self.problems.push(Problem::new(error.code(), place, message).help(help));
                }
            }
        }
    }

    fn assertions(&mut self, entry: Entry, assertions: &mut Vec<Assertion>) {
        let Some(entries) = self.mapping(entry.value, "`assertions`") else { return };
        for entry in entries {
            let expected = match entry.key.as_str() {
                "assertTrue" => Expected::Allowed,
                "assertFalse" => Expected::Denied,
                "assertCaveated" => Expected::Conditional,
                unknown => {
                    self.unknown_key(unknown, entry.place, &ASSERTION_KEYS);
                    continue;
                }
            };
            for (place, scalar) in self.texts(entry.value, &entry.key) {
                match Question::parse(&scalar.text) {
                    Ok(question) => assertions.push(Assertion { expected, question, text: scalar.text.trim().to_owned(), place }),
                    Err(error) => {
                        let message = format!("`{}` is no question: {error}", abridged(scalar.text.trim()));
                        self.problems.push(Problem::new("assertion", place, message).help(error.help()));
                    }
                }
            }
        }
    }

    fn validation(&mut self, entry: Entry, expectations: &mut Vec<Expectation>) {
        let Some(entries) = self.mapping(entry.value, "`validation`") else { return };
        for entry in entries {
            let Some((object, permission)) = parse_userset(&entry.key) else {
                let message = format!("`{}` is no permission of an object", abridged(&entry.key));
                self.problem(entry.place, message, "write `document:readme#view`");
                continue;
            };
            let mut subjects = Vec::new();
            for (place, scalar) in self.texts(entry.value, &entry.key) {
                match ExpectedSubject::parse(&scalar.text) {
                    Ok(expected) => subjects.push(LocatedSubject { expected, text: scalar.text.trim().to_owned(), place }),
                    Err(error) => {
                        let message = format!("`{}` is no expected subject: {error}", abridged(scalar.text.trim()));
                        self.problems.push(Problem::new("validation", place, message).help(error.help()));
                    }
                }
            }
            expectations.push(Expectation { object, permission, place: entry.place, subjects });
        }
    }
}

/// Whether two keys are a slip apart: one is the other with one character more, less or different.
fn near(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let same_start = short.bytes().zip(long.bytes()).take_while(|(a, b)| a == b).count();
    let same_end = short.bytes().rev().zip(long.bytes().rev()).take_while(|(a, b)| a == b).count();
    same_start + same_end + 1 >= long.len()
}

/// Finds the file's line of each line of a text: folding and quoting move them.
struct LineFinder<'a> {
    file: Vec<&'a str>,
    next: usize,
    fallback: Place,
}

impl<'a> LineFinder<'a> {
    fn new(file: &'a str, start: Place, scalar: &Scalar) -> Self {
        let first = start.line.saturating_sub(1);
        let count = if scalar.block { scalar.end_line.saturating_sub(start.line) } else { 1 };
        Self { file: file.lines().skip(first).take(count.max(1)).collect(), next: 0, fallback: start }
    }

    fn find(&mut self, text: &str) -> Place {
        for (index, line) in self.file.iter().enumerate().skip(self.next) {
            if line.trim() == text {
                self.next = index + 1;
                let indentation = line.chars().take_while(|character| character.is_whitespace()).count();
                return Place { line: self.fallback.line + index, column: indentation + 1 };
            }
        }
        self.fallback
    }
}

#[cfg(test)]
mod tests;
