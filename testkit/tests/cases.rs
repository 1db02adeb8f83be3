//! Every case file of `testdata/cases`, run by the engine.

use std::path::Path;

use dhow_testkit::case::{Case, case_files, check_case};
use dhow_testkit::engine::Engine;

#[test]
fn every_case_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/cases");
    let (mut asked, mut failures) = (0, Vec::new());
    let files = case_files(&folder).unwrap();
    for path in &files {
        let case = Case::load(path).unwrap();
        let report = check_case(&Engine, &case);
        asked += report.asked;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        failures.extend(report.failures.into_iter().map(|failure| format!("{name}: {failure}")));
    }
    eprintln!("{asked} expectations in {} files", files.len());
    assert!(files.len() >= 40 && asked >= 500, "the folder is half empty");
    assert!(failures.is_empty(), "{} of {asked} expectations fail\n\n{}", failures.len(), failures.join("\n\n"));
}
