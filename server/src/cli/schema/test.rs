//! `dhow schema test`: runs validation files, without a server.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::super::failure::Failure;
use super::super::options::OutputOptions;
use super::super::output::{Output, columns};
use crate::clock::{Clock as _, SystemClock};
use crate::validation::{self, Failed, Run};

#[derive(Debug, Args)]
#[command(after_help = "\
A validation file has `schema` or `schemaFile`, `relationships`, `assertions` (`assertTrue`, `assertFalse`, `assertCaveated`: lists of \
`object#permission@subject`, each perhaps followed by ` with {json context}`) and `validation` (a map from `object#permission` to who has \
it: `[user:ada] is <document:readme#viewer>`, `[user:ada[...]]` under a condition, `[user:* - {user:eve}]` everybody but one).

An expectation holds when every listed subject is in, every path names a relation that has the subject, and nobody else is in whom a \
listed wildcard does not stand for.

Exit code: 0 everything is as expected, 1 something is not, 2 a file cannot be read or its schema does not compile.

JSON: one object for each failure, {\"file\", \"line\", \"column\", \"question\", \"expected\", \"got\", \"why\"}, for each unusable file, {\"file\", \
\"error\"}, then {\"summary\": {folder: {\"files\", \"assertions\", \"allowed\", \"denied\", \"conditional\", \"expectations\", \"failed\", \"unusable\"}}}.")]
pub(crate) struct TestSchema {
    /// Validation files, or folders whose .yaml files are all run
    #[arg(required = true, value_name = "FILE|FOLDER")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) output: OutputOptions,
}

/// What happened in one folder.
#[derive(Default)]
struct Folder {
    files: usize,
    unusable: usize,
    run: Run,
}

/// Runs `dhow schema test`.
///
/// # Errors
/// When a path cannot be read, or there is nothing to run.
pub(super) fn run(arguments: &TestSchema, output: &Output) -> Result<ExitCode, Failure> {
    let mut folders: BTreeMap<PathBuf, Folder> = BTreeMap::new();
    let now = SystemClock::new().now();
    for path in files(&arguments.paths)? {
        let folder = folders.entry(validation::folder_of(&path)).or_default();
        folder.files += 1;
        let ran = validation::load(&path).and_then(|file| validation::run(&file, now));
        match ran {
            Ok(run) => {
                for failed in &run.failures {
                    print_failure(failed, output)?;
                }
                folder.run.add(run);
            }
            Err(problems) => {
                folder.unusable += 1;
                if output.is_json() {
                    output
                        .json(&json!({"file": problems.path, "error": anstream::adapter::strip_str(&problems.to_string()).to_string()}))?;
                } else {
                    output.line(&format!("{problems}\n"))?;
                }
            }
        }
    }
    print_summary(&folders, output)?;
    let unusable = folders.values().any(|folder| folder.unusable > 0);
    let failed = folders.values().any(|folder| !folder.run.failures.is_empty());
    Ok(match (unusable, failed) {
        (true, _) => ExitCode::from(super::super::EXIT_ERROR),
        (false, true) => ExitCode::from(1),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// The files to run: those named, and those of the folders named, in order of their names.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let mut found = Vec::new();
        let unreadable = |error: std::io::Error| Failure::file(&path.display().to_string(), &error);
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if is_validation_file(&file) {
                found.push(file);
            }
        }
        if found.is_empty() {
            let message = format!("`{}` holds no validation files", path.display());
            return Err(Failure::new("nothing_to_run", message).help("their names end in .yaml or .yml"));
        }
        found.sort_unstable();
        files.append(&mut found);
    }
    Ok(files)
}

fn is_validation_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn print_failure(failed: &Failed, output: &Output) -> Result<(), Failure> {
    let Failed { path, place, question, expected, got, why } = failed;
    if output.is_json() {
        output.json(&json!({
            "file": path, "line": place.line, "column": place.column, "question": question, "expected": expected, "got": got, "why": why,
        }))?;
        return Ok(());
    }
    let (error, strong) = (output.styles().error, output.styles().strong);
    output.line(&format!("{error}failed{error:#} {path}:{}:{}", place.line, place.column))?;
    output.line(&format!("  {strong}{}{strong:#}", abridged(question)))?;
    output.line(&format!("  expected  {}", abridged(expected)))?;
    output.line(&format!("  got       {}", abridged(got)))?;
    for line in why.lines() {
        output.line(&format!("    {}", abridged(line)))?;
    }
    output.line("")?;
    Ok(())
}

/// A line that a person reads; JSON has all of it.
fn abridged(line: &str) -> Cow<'_, str> {
    const MAX_CHARACTERS: usize = 400;
    match line.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => Cow::Owned(format!("{}…", line.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(line),
    }
}

fn print_summary(folders: &BTreeMap<PathBuf, Folder>, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        let summary: serde_json::Map<String, serde_json::Value> = folders
            .iter()
            .map(|(path, Folder { files, unusable, run })| {
                let counts = json!({
                    "files": files,
                    "assertions": run.assertions(),
                    "allowed": run.allowed,
                    "denied": run.denied,
                    "conditional": run.conditional,
                    "expectations": run.expectations,
                    "failed": run.failures.len(),
                    "unusable": unusable,
                });
                (path.display().to_string(), counts)
            })
            .collect();
        output.json(&json!({"summary": summary}))?;
        return Ok(());
    }
    let titles = ["FOLDER", "FILES", "ASSERTIONS", "ALLOWED", "DENIED", "CONDITIONAL", "EXPECTATIONS", "FAILED", "UNUSABLE"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    rows.extend(folders.iter().map(|(path, Folder { files, unusable, run })| {
        let counts = [*files, run.assertions(), run.allowed, run.denied, run.conditional, run.expectations, run.failures.len(), *unusable];
        std::iter::once(path.display().to_string()).chain(counts.iter().map(ToString::to_string)).collect()
    }));
    let muted = output.styles().muted;
    for (index, line) in columns(&rows).into_iter().enumerate() {
        output.line(&if index == 0 { format!("{muted}{line}{muted:#}") } else { line })?;
    }
    Ok(())
}
