//! Every construct of the schema language and of decisions has a case that is allowed, one denied, one conditional, one erroneous.
//!
//! What a file is about stands in [`CONSTRUCTS`]; a text that its schema must have keeps the file from losing what it is about.

use std::collections::BTreeSet;
use std::path::Path;

use dhow_testkit::case::{Case, Expected, Item, List, case_files};

/// The construct, its file in `testdata/cases`, and what must stand in that file.
const CONSTRUCTS: [(&str, &str, &[&str]); 58] = [
    ("names with prefixes", "definitions-with-prefixes", &["definition "]),
    ("names in backticks", "names-in-backticks", &["`"]),
    ("comments, documentation", "comments", &["//", "/*", "/**"]),
    ("identifiers", "identifiers", &["@example.com"]),
    ("several subject types", "several-subject-types", &[" | "]),
    ("usersets", "usersets", &["#member"]),
    ("wildcards", "wildcards", &["user:*"]),
    ("with a caveat", "with-caveat", &[" with "]),
    ("with expiration", "with-expiration", &["with expiration"]),
    ("with both, in either order", "with-caveat-and-expiration", &[" and expiration", "with expiration and "]),
    ("union, intersection, exclusion", "union-intersection-exclusion", &[" + ", " & ", " - "]),
    ("precedence", "precedence", &[" + ", " & ", " - "]),
    ("parentheses", "parentheses", &["("]),
    ("arrow", "arrow", &["->"]),
    ("any", "arrow-any", &[".any("]),
    ("all", "arrow-all", &[".all("]),
    ("nil", "nil", &["nil"]),
    ("self", "self", &["use self"]),
    ("recursion", "recursive-permissions", &["->"]),
    ("parameters of type any", "caveat-any", &[" any"]),
    ("parameters of type bool", "caveat-bool", &[" bool"]),
    ("parameters of type bytes", "caveat-bytes", &[" bytes"]),
    ("parameters of type double", "caveat-double", &[" double"]),
    ("parameters of type duration", "caveat-duration", &[" duration"]),
    ("parameters of type int", "caveat-int", &[" int"]),
    ("parameters of type ipaddress", "caveat-ipaddress", &[" ipaddress", ".in_cidr("]),
    ("parameters of type list", "caveat-list", &[" list<"]),
    ("parameters of type map", "caveat-map", &[" map<"]),
    ("parameters of nested types", "caveat-nested", &["list<map<", "map<list<"]),
    ("parameters of type string", "caveat-string", &[" string"]),
    ("parameters of type timestamp", "caveat-timestamp", &[" timestamp"]),
    ("parameters of type uint", "caveat-uint", &[" uint"]),
    ("caveats that fail", "caveat-failures", &["DH-C201"]),
    ("use flags", "use-flags", &["use expiration", "use self", "use typechecking"]),
    ("annotations", "typed-permissions", &["use typechecking"]),
    ("partials", "partials", &["use partial", "..."]),
    ("imports", "imports", &["use import", "import \""]),
    ("all errors at once", "all-errors-at-once", &["wrong_schemas"]),
    ("the userset that is asked about", "asked-userset", &["#member', expect: allowed"]),
    ("the wildcard that is asked about", "asked-wildcard", &["@user:*', expect: allowed"]),
    ("missing parameters by name", "missing-parameters", &["missing: [a, b]"]),
    ("the order of contexts", "stored-context-wins", &["context:"]),
    ("contextual tuples", "contextual-tuples", &["with: ["]),
    ("expiry", "expiry-and-lists", &["[expiration:"]),
    ("cycles", "cycles", &["#member@"]),
    ("any depth", "deep-chains", &["->"]),
    ("paradoxes", "paradoxes", &[" - "]),
    ("expand", "expand", &["expand:", "depth: 0"]),
    ("lists of objects", "lists", &["list_objects:"]),
    ("lists of subjects", "lists", &["list_subjects:", "except:"]),
    ("lists of permissions", "lists", &["list_permissions:"]),
    ("lists of subjects with contextual tuples", "contextual-tuples", &["list_subjects:"]),
    ("lists of objects with expiry", "expiry-and-lists", &["list_objects:"]),
    ("lists with cycles", "cycles", &["list_"]),
    ("lists with paradoxes", "paradoxes", &["list_objects:"]),
    ("lists with failures", "caveat-failures", &["list_objects:"]),
    ("refused tuples", "with-caveat", &["refused:"]),
    ("refused questions", "asked-userset", &["unknown_relation"]),
];

/// The four kinds of answer, and whether a case has one of each.
#[derive(Debug, Default)]
struct Answers {
    allowed: bool,
    denied: bool,
    conditional: bool,
    erroneous: bool,
}

impl Answers {
    fn of(case: &Case) -> Self {
        let lists = || case.list_objects.iter().chain(&case.list_subjects).chain(&case.list_permissions);
        let check = |expected| case.checks.iter().any(|check| check.expect == Some(expected));
        let failing = case.checks.iter().any(|check| check.error.is_some())
            || lists().any(|list: &List| list.error.is_some())
            || case.expand.iter().any(|expand| expand.error.is_some());
        Self {
            allowed: check(Expected::Allowed),
            denied: check(Expected::Denied),
            conditional: check(Expected::Conditional),
            erroneous: failing || !case.refused.is_empty() || !case.wrong_schemas.is_empty(),
        }
    }

    const fn are_all(&self) -> bool {
        self.allowed && self.denied && self.conditional && self.erroneous
    }
}

#[test]
fn every_construct_is_allowed_denied_conditional_and_wrong_somewhere() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/cases");
    let mut failures = Vec::new();
    for (construct, file, texts) in CONSTRUCTS {
        let path = folder.join(file).with_extension("yaml");
        let answers = Answers::of(&Case::load(&path).unwrap());
        if !answers.are_all() {
            failures.push(format!("{construct}: {file}.yaml has {answers:?}"));
        }
        let text = std::fs::read_to_string(&path).unwrap();
        failures.extend(texts.iter().filter(|part| !text.contains(**part)).map(|part| format!("{construct}: {file}.yaml has no `{part}`")));
    }
    let known: BTreeSet<&str> = CONSTRUCTS.iter().map(|(_, file, _)| *file).collect();
    for path in case_files(&folder).unwrap() {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if !known.contains(&*name) {
            failures.push(format!("{name}.yaml is about none of the constructs that are listed here"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_kind_of_list_has_certain_and_conditional_items_is_empty_and_fails_somewhere() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/cases");
    let cases: Vec<Case> = case_files(&folder).unwrap().iter().map(|path| Case::load(path).unwrap()).collect();
    let kinds = [
        ("objects", cases.iter().flat_map(|case| &case.list_objects).collect::<Vec<_>>()),
        ("subjects", cases.iter().flat_map(|case| &case.list_subjects).collect()),
        ("permissions", cases.iter().flat_map(|case| &case.list_permissions).collect()),
    ];
    for (kind, lists) in kinds {
        let items = || lists.iter().filter_map(|list| list.expect.as_ref());
        let conditional = |item: &Item| matches!(item, Item::Detailed(item) if !item.missing.is_empty());
        assert!(items().flatten().any(|item| matches!(item, Item::Certain(_))), "no list of {kind} has a certain item");
        assert!(items().flatten().any(conditional), "no list of {kind} has a conditional item");
        assert!(items().any(Vec::is_empty), "no list of {kind} is empty");
        assert!(lists.iter().any(|list| list.error.is_some()), "no list of {kind} fails");
        assert!(lists.iter().any(|list| !list.with.is_empty()), "no list of {kind} has contextual tuples");
    }
}
