//! The loader is strict: what a file says is looked at, or it is an error.

use std::path::Path;

use super::*;

fn reason(text: &str) -> String {
    Case::parse(Path::new("case.yaml"), text).map_or_else(|error| error.to_string(), |case| format!("accepted: {case:?}"))
}

#[test]
fn unknown_keys_and_contradictions_are_errors() {
    let head = "about: x\nschema: definition user {}\n";
    assert!(reason(&format!("{head}chekcs: []\n")).contains("unknown field `chekcs`"));
    assert!(reason(head).contains("nothing is expected"));
    assert!(reason(&format!("{head}checks: [{{ask: 'a:b#c@d:e'}}]\n")).contains("needs either"));
    assert!(reason(&format!("{head}checks: [{{ask: 'a:b#c@d:e', expect: conditional}}]\n")).contains("needs either"));
    assert!(reason(&format!("{head}checks: [{{ask: 'a:b#c@d:e', expect: allowed, missing: [x]}}]\n")).contains("needs either"));
    assert!(reason(&format!("{head}checks: [{{ask: 'a:b#c@d:e', expect: perhaps}}]\n")).contains("unknown variant"));
    assert!(reason(&format!("{head}list_subjects: [{{ask: 'a:b#c', expect: []}}]\n")).contains("needs a `type`"));
    assert!(reason(&format!("{head}wrong_schemas: [{{schema: x, errors: []}}]\n")).contains("needs the codes"));
    assert!(reason(&format!("{head}list_objects: [{{ask: 'a#c@d:e', expect: [{{item: x, mising: []}}]}}]\n")).contains("case.yaml"));
}
