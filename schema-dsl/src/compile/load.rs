//! The first file and everything it imports, each file once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::collect::collect;
use super::declaration::Module;
use crate::diagnostic::{
    DUPLICATE_IMPORT, Diagnostic, IMPORT_CYCLE, IMPORT_NOT_FOUND, IMPORT_OUTSIDE, IMPORT_UNREADABLE, Severity, Sink, Span, TEXT_TOO_LONG,
    TOO_MANY_FILES,
};
use crate::limits::{MAX_FILES, MAX_SCHEMA_BYTES};
use crate::source::{FileName, PathProblem, SourceError, Sources, resolve_import};
use crate::syntax::parse;

/// All files of a schema.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) modules: Vec<Module>,
    /// In the order in which they were met, the first one first.
    pub(super) files: Vec<FileName>,
}

/// Reads `main` and its imports.
pub(super) fn load(main: &str, sources: &dyn Sources, sink: &mut Sink) -> Loaded {
    let mut loader = Loader { sources, sink, loaded: Loaded::default(), state: BTreeMap::new(), bytes: 0 };
    loader.file(&Arc::from(main), None);
    loader.loaded
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// On the way from the first file to the one being read.
    Open,
    Done,
}

struct Loader<'s> {
    sources: &'s dyn Sources,
    sink: &'s mut Sink,
    loaded: Loaded,
    state: BTreeMap<FileName, State>,
    bytes: usize,
}

impl Loader<'_> {
    /// Reads one file, then what it imports. `at`: the import's place, `None` for the first file. At most [`MAX_FILES`] deep.
    fn file(&mut self, file: &FileName, at: Option<&Span>) {
        let text = match self.sources.text(file) {
            Ok(text) => text,
            Err(error) => return self.unreadable(file, at, &error),
        };
        self.bytes += text.len();
        if self.bytes > MAX_SCHEMA_BYTES && at.is_some() {
            let message = format!("the schema's files have more than {MAX_SCHEMA_BYTES} bytes together");
            return self.report(TEXT_TOO_LONG, at, message, "split it into schemas of several stores");
        }
        self.loaded.files.push(file.clone());
        self.state.insert(file.clone(), State::Open);
        let parsed = parse(file, &text);
        self.sink.absorb(parsed.diagnostics.iter().cloned());
        let module = collect(&parsed, self.sink);
        let mut seen: BTreeMap<FileName, Span> = BTreeMap::new();
        for import in &module.imports {
            let target: FileName = match resolve_import(file, &import.path) {
                Ok(path) => Arc::from(path),
                Err(problem) => {
                    self.outside(&import.path, &import.span, problem);
                    continue;
                }
            };
            if let Some(first) = seen.get(&target) {
                let warning = Diagnostic::warning(DUPLICATE_IMPORT, &import.span, format!("`{target}` is imported twice"));
                self.sink.push(warning.also(first, "first here").help("remove this line"));
                continue;
            }
            seen.insert(target.clone(), import.span.clone());
            self.import(&target, &import.span);
        }
        self.state.insert(file.clone(), State::Done);
        self.loaded.modules.push(module);
    }

    fn import(&mut self, target: &FileName, at: &Span) {
        match self.state.get(target) {
            Some(State::Done) => {}
            Some(State::Open) => {
                let message = format!("`{target}` imports itself, here through `{}`", at.file);
                self.report(IMPORT_CYCLE, Some(at), message, "move what both files need to a third one");
            }
            None if self.state.len() >= MAX_FILES => {
                let message = format!("the schema has more than {MAX_FILES} files");
                self.report(TOO_MANY_FILES, Some(at), message, "join some of them");
            }
            None => self.file(target, Some(at)),
        }
    }

    fn outside(&mut self, path: &str, at: &Span, problem: PathProblem) {
        let (message, help) = match problem {
            PathProblem::Empty => (format!("`{path}` names no file"), "write the path of a schema file"),
            PathProblem::Absolute => (format!("`{path}` is not a relative path"), "imports are relative to the file that imports"),
            PathProblem::Escapes => (format!("`{path}` goes up with `..`"), "import only from this folder and those below it"),
            PathProblem::Backslash => (format!("`{}` has a `\\`", path.replace('\0', "\\0")), "separate folders with `/`"),
        };
        self.report(IMPORT_OUTSIDE, Some(at), message, help);
    }

    fn unreadable(&mut self, file: &FileName, at: Option<&Span>, error: &SourceError) {
        // A second import of the same missing file would say the same again.
        self.state.insert(file.clone(), State::Done);
        match error {
            SourceError::NotFound => {
                self.report(IMPORT_NOT_FOUND, at, format!("there is no file `{file}`"), "paths are relative to the file that imports");
            }
            SourceError::NotUtf8 { .. } | SourceError::Unreadable { .. } => {
                self.report(IMPORT_UNREADABLE, at, format!("`{file}`: {error}"), "a schema file is UTF-8 text");
            }
        }
    }

    fn report(&mut self, code: &'static str, at: Option<&Span>, message: String, help: &str) {
        let diagnostic = match at {
            Some(span) => Diagnostic::error(code, span, message).help(help),
            None => Diagnostic { code, severity: Severity::Error, message, labels: Vec::new(), help: Some(help.to_owned()) },
        };
        self.sink.push(diagnostic);
    }
}
