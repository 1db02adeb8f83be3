//! Laws of explanations.

use super::*;
use crate::eval::build::World;
use crate::limits::{MAX_EXPLANATION_DEPTH, MAX_EXPLANATION_STEPS};

const SCHEMA: &str = "
    use expiration
    caveat office(ip ipaddress, network string) { ip.in_cidr(network) }
    definition user {}
    definition team { relation member: user | team#member | user with expiration }
    definition folder {
        relation parent: folder
        relation viewer: user | team#member
        permission view = viewer + parent->view
    }
    definition document {
        relation parent: folder | folder with expiration
        relation viewer: user | user with office | user:* | team#member | team#member with expiration | user with expiration
        relation banned: user | team#member
        relation approver: user
        permission view = viewer + parent->view - banned
        permission approve = view & approver
        permission everywhere = parent.all(view)
    }
    definition d {
        relation next: d
        relation v: user
        permission odd = v - next->odd
    }";

fn text(tuples: &[&str], question: &str) -> String {
    text_with(tuples, question, "{}")
}

fn text_with(tuples: &[&str], question: &str, context: &str) -> String {
    let bench = Bench::new(SCHEMA, tuples).with(context);
    bench.evaluator().explain(&question.parse().unwrap()).unwrap().to_text_with(|_| None)
}

#[test]
fn an_allowed_answer_is_proved_step_by_step() {
    let tuples =
        ["document:1#parent@folder:a", "folder:a#parent@folder:b", "folder:b#viewer@team:core#member", "team:core#member@user:ada"];
    assert_eq!(
        text(&tuples, "document:1#view@user:ada"),
        "document:1#view@user:ada: allowed
`- yes: document:1#view = (viewer + parent->view) - banned
   |- yes: parent->view
   |  `- yes: tuple document:1#parent@folder:a
   |     `- yes: folder:a#view = viewer + parent->view
   |        `- yes: parent->view
   |           `- yes: tuple folder:a#parent@folder:b
   |              `- yes: folder:b#view = viewer + parent->view
   |                 `- yes: folder:b#viewer
   |                    `- yes: tuple folder:b#viewer@team:core#member
   |                       `- yes: team:core#member
   |                          `- yes: tuple team:core#member@user:ada
   `- yes: not in banned
"
    );
}

#[test]
fn a_proof_never_goes_in_a_circle() {
    let tuples = ["team:a#member@team:b#member", "team:b#member@team:a#member", "team:b#member@user:ada"];
    assert_eq!(
        text(&tuples, "team:a#member@user:ada"),
        "team:a#member@user:ada: allowed
`- yes: team:a#member
   `- yes: tuple team:a#member@team:b#member
      `- yes: team:b#member
         `- yes: tuple team:b#member@user:ada
"
    );
    assert!(text(&[], "team:a#member@team:a#member").contains("a userset contains itself"));
}

#[test]
fn a_denial_says_what_was_looked_for() {
    let tuples = ["document:1#viewer@team:a#member", "team:a#member@team:a#member"];
    assert_eq!(
        text(&tuples, "document:1#view@user:ada"),
        "document:1#view@user:ada: denied
`- no: document:1#view = (viewer + parent->view) - banned
   |- no: document:1#viewer
   |  `- no: tuple document:1#viewer@team:a#member
   |     `- no: team:a#member
   |        `- no: tuple team:a#member@team:a#member
   |           `- no: team:a#member, as above
   `- no: parent->view
      `- no: no tuple of document:1#parent matches
"
    );
}

#[test]
fn a_denial_names_its_nearest_misses() {
    let misses = |tuples: &[&str], question: &str, context: &str| {
        let text = text_with(tuples, question, context);
        text.split_once("nearest misses:\n").map_or(String::new(), |(_, misses)| misses.to_owned())
    };
    let expired = "[expiration:2025-01-01T00:00:00Z]";
    let ask = "document:1#view@user:ada";
    assert_eq!(
        misses(&[&format!("document:1#viewer@user:ada{expired}")], ask, "{}"),
        format!("- document:1#viewer@user:ada{expired} has expired\n")
    );
    let team = format!("document:1#viewer@team:a#member{expired}");
    assert_eq!(misses(&[&team], ask, "{}"), "");
    assert_eq!(misses(&[&team, "team:a#member@user:ada"], ask, "{}"), format!("- {team} has expired\n"));
    let parent = format!("document:1#parent@folder:a{expired}");
    assert_eq!(misses(&[&parent, "folder:a#viewer@user:ada"], ask, "{}"), format!("- {parent} has expired\n"));
    assert_eq!(
        misses(&["document:1#approver@team:a#member", "document:1#approver@user:ada[gone]"], "document:1#approver@user:ada", "{}"),
        "- document:1#approver@user:ada[gone] is not allowed by the schema and is ignored\n"
    );
    assert_eq!(
        misses(&[r#"document:1#viewer@user:ada[office:{"network":"10.0.0.0/8"}]"#], ask, r#"{"ip":"192.0.2.1"}"#),
        "- document:1#viewer@user:ada: caveat office (ip.in_cidr(network)) does not hold with ip = \"192.0.2.1\", network = \"10.0.0.0/8\"\n"
    );
    assert_eq!(
        misses(&["document:1#viewer@user:ada", "document:1#banned@team:b#member", "team:b#member@user:ada"], ask, "{}"),
        "- document:1#view: taken out by banned\n"
    );
    assert_eq!(misses(&["document:1#viewer@user:ada"], "document:1#approve@user:ada", "{}"), "- document:1#approve: lacks approver\n");
    assert_eq!(
        misses(
            &["document:1#parent@folder:a", "document:1#parent@folder:b", "folder:a#viewer@user:ada"],
            "document:1#everywhere@user:ada",
            "{}"
        ),
        "- document:1#parent@folder:b: does not lead there, and all must\n"
    );
}

#[test]
fn who_was_taken_out_is_told_why() {
    let tuples = ["document:1#viewer@user:*", "document:1#banned@user:ada"];
    assert_eq!(
        text(&tuples, "document:1#view@user:ada"),
        "document:1#view@user:ada: denied
`- no: document:1#view = (viewer + parent->view) - banned
   `- no: not in banned
      `- yes: document:1#banned
         `- yes: tuple document:1#banned@user:ada
nearest misses:
- document:1#view: taken out by banned
"
    );
}

#[test]
fn a_conditional_answer_says_which_caveat_waits_for_what() {
    assert_eq!(
        text(&[r#"document:1#viewer@user:ada[office:{"network":"10.0.0.0/8"}]"#], "document:1#view@user:ada"),
        "document:1#view@user:ada: depends on ip
`- depends: document:1#view = (viewer + parent->view) - banned
   `- depends: document:1#viewer
      `- depends: tuple document:1#viewer@user:ada[office:{\"network\":\"10.0.0.0/8\"}]
         `- depends: caveat office (ip.in_cidr(network)) waits for ip with network = \"10.0.0.0/8\"
"
    );
}

#[test]
fn a_paradox_shows_its_way_back() {
    assert_eq!(
        text(&["d:1#next@d:2", "d:2#next@d:1", "d:1#v@user:ada", "d:2#v@user:ada"], "d:1#odd@user:ada"),
        "d:1#odd@user:ada: denied
`- paradox: d:1#odd = v - next->odd
   `- paradox: not in next->odd
      `- paradox: next->odd
         `- paradox: tuple d:1#next@d:2
            `- paradox: d:2#odd = v - next->odd
               `- paradox: not in next->odd
                  `- paradox: next->odd
                     `- paradox: tuple d:2#next@d:1
                        `- paradox: d:1#odd again: it rests on its own absence
"
    );
}

#[test]
fn each_tuple_comes_with_its_revision_or_from_the_request() {
    let mut bench = Bench::new(SCHEMA, &["document:1#parent@folder:a", "folder:a#viewer@team:core#member", "team:core#member@user:ada"]);
    let ben = "team:core#member@user:ben[expiration:2025-01-01T00:00:00Z]";
    let touched = Change::new(Some(tuple("team:core#member@user:ada")), Some(tuple("team:core#member@user:ada[gone]"))).unwrap();
    for changes in [
        vec![Change::created(tuple(ben)), touched.clone()],
        vec![Change::new(touched.after().cloned(), touched.before().cloned()).unwrap()],
    ] {
        let entry = bench.state.next_entry(Timestamp::MIN, "", "", Body::Changes(changes)).unwrap();
        bench.state = bench.state.apply(&entry).unwrap();
    }
    let view = Overlay::new(&bench.state, [tuple("folder:a#viewer@team:core#member"), tuple("document:1#approver@user:ada")]);
    let evaluator = Evaluator { world: World { view: &view, ..bench.evaluator().world }, ..bench.evaluator() };
    let why = |question: &str| evaluator.explain(&question.parse().unwrap()).unwrap();
    assert_eq!(
        why("document:1#approve@user:ada").to_text(),
        "document:1#approve@user:ada: allowed
`- yes: document:1#approve = view & approver
   |- yes: document:1#view = (viewer + parent->view) - banned
   |  |- yes: parent->view
   |  |  `- yes: tuple document:1#parent@folder:a · revision 1
   |  |     `- yes: folder:a#view = viewer + parent->view
   |  |        `- yes: folder:a#viewer
   |  |           `- yes: tuple folder:a#viewer@team:core#member · brought by the request
   |  |              `- yes: team:core#member
   |  |                 `- yes: tuple team:core#member@user:ada · revision 3
   |  `- yes: not in banned
   `- yes: document:1#approver
      `- yes: tuple document:1#approver@user:ada · brought by the request
"
    );
    let denied = why("document:1#view@user:ben");
    assert!(denied.to_text().ends_with(&format!("nearest misses:\n- {ben} has expired · revision 2\n")), "{}", denied.to_text());
    assert_eq!(denied.evidence().filter_map(Evidence::revision).collect::<Vec<_>>(), [1, 2], "of its steps, and of its misses");
    let noted = denied.to_text_with(|evidence| evidence.revision().map(|revision| format!("noted {revision}")));
    assert!(noted.ends_with("has expired · noted 2\n"), "{noted}");
}

#[test]
fn what_was_loaded_without_revisions_shows_none() {
    let bench = Bench::new(SCHEMA, &["team:core#member@user:ada"]);
    let tuples = bench.state.tuples().map(|tuple| (*tuple).clone());
    let state = State::load(bench.state.store(), *bench.state.position(), *bench.state.digest(), [], tuples).unwrap();
    let bench = Bench { state, ..bench };
    let why = bench.evaluator().explain(&"team:core#member@user:ada".parse().unwrap()).unwrap();
    let told: Vec<Provenance> = why.steps.iter().filter_map(Step::evidence).map(|evidence| evidence.provenance).collect();
    assert_eq!(told, [Provenance::Stored { revision: None }]);
    assert!(why.to_text().ends_with("yes: tuple team:core#member@user:ada\n"), "{}", why.to_text());
}

#[test]
fn an_explanation_is_bounded_in_steps_depth_and_width() {
    let chain = (0..5_000).map(|n| tuple(&format!("team:{n}#member@team:{}#member", n + 1)));
    let bench = Bench::of(SCHEMA, chain.chain([tuple("team:5000#member@user:ada")]));
    for subject in ["ada", "bob"] {
        let explanation = bench.evaluator().explain(&format!("team:0#member@user:{subject}").parse().unwrap()).unwrap();
        assert!(explanation.truncated);
        assert_eq!(explanation.steps.len(), MAX_EXPLANATION_STEPS);
        assert!(explanation.steps.iter().all(|step| step.depth <= MAX_EXPLANATION_DEPTH));
    }
    let wide = Bench::of(SCHEMA, (0..500).map(|n| tuple(&format!("team:0#member@team:x{n}#member"))));
    let text = wide.evaluator().explain(&"team:0#member@user:ada".parse().unwrap()).unwrap().to_text();
    assert!(text.contains("no: and 492 more"), "{text}");
}

fn tuple(text: &str) -> Tuple {
    text.parse().unwrap()
}
