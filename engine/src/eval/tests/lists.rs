//! Laws of lists.

use super::*;
use crate::tuple::{ObjectRef, Subject};
use dhow_schema::ir::Name;

const SCHEMA: &str = "
    use self
    caveat on(on bool) { on }
    definition user {}
    definition team { relation member: user | team#member }
    definition doc {
        relation parent: doc
        relation viewer: user | user with on | user:* | user:* with on | team#member
        relation banned: user | user with on | team#member
        permission view = viewer + parent->view - banned
        permission me = self
    }";

fn objects(bench: &Bench, relation: &str, subject: &str, after: Option<&str>, limit: usize) -> (Vec<String>, Option<String>) {
    let page = PageRequest { after, limit };
    let page = bench.evaluator().list_objects(&"doc".into(), &relation.into(), &subject.parse().unwrap(), page).unwrap();
    let item = |item: ListedObject| match item.decision {
        Decision::Allowed => item.object.id().to_string(),
        decision @ (Decision::Denied | Decision::Conditional { .. }) => format!("{} {}", item.object.id(), shown(Ok(decision))),
    };
    (page.items.into_iter().map(item).collect(), page.next.map(|id| id.to_string()))
}

fn subjects(bench: &Bench, question: &str, kind: &str, page: PageRequest<'_>) -> (Vec<String>, Option<String>) {
    let (object, relation) = question.split_once('#').unwrap();
    let object: ObjectRef = object.parse().unwrap();
    let (subject_type, subject_relation) = match kind.split_once('#') {
        Some((subject_type, relation)) => (Name::from(subject_type), Some(Name::from(relation))),
        None => (Name::from(kind), None),
    };
    let page = bench.evaluator().list_subjects(&object, &relation.into(), &subject_type, subject_relation.as_ref(), page).unwrap();
    let with_decision = |subject: &Subject, decision: &Decision| match decision {
        Decision::Allowed => subject.to_string(),
        Decision::Denied => format!("-{subject}"),
        Decision::Conditional { .. } => format!("{subject} {}", shown(Ok(decision.clone()))),
    };
    let item = |item: &ListedSubject| {
        let exclusions: Vec<String> = item.exclusions.iter().map(|e| format!("[{}]", with_decision(&e.subject, &e.decision))).collect();
        [vec![with_decision(&item.subject, &item.decision)], exclusions].concat().join(" ")
    };
    (page.items.iter().map(item).collect(), page.next.map(|id| id.to_string()))
}

fn all(bench: &Bench, question: &str, kind: &str) -> Vec<String> {
    subjects(bench, question, kind, PageRequest::default()).0
}

#[test]
fn objects_come_by_id_in_pages_that_join_up() {
    let bench = Bench::new(
        SCHEMA,
        &["doc:2#viewer@user:ada", "doc:10#viewer@user:ada", "doc:1#viewer@user:ada[on]", "doc:3#viewer@user:bob", "doc:4#parent@doc:10"],
    );
    let every = ["1 if on", "10", "2", "4"];
    assert_eq!(objects(&bench, "view", "user:ada", None, 99), (every.map(str::to_owned).to_vec(), None));
    let (mut joined, mut after) = (Vec::new(), None);
    loop {
        let (items, next) = objects(&bench, "view", "user:ada", after.as_deref(), 1);
        joined.extend(items);
        if next.is_none() {
            break;
        }
        after = next;
    }
    assert_eq!(joined, every);
    assert_eq!(objects(&bench, "me", "doc:2", None, 99).0, ["2"]);
    assert_eq!(objects(&bench, "me", "doc:never-heard-of", None, 99).0, ["never-heard-of"]);
    assert_eq!(objects(&bench, "view", "doc:never-heard-of#view", None, 99).0, ["never-heard-of"]);
    assert_eq!(objects(&bench, "view", "doc:3#view", Some("3"), 99).0, [""; 0]);
}

#[test]
fn a_wildcard_is_an_item_with_those_it_does_not_stand_for() {
    let bench = Bench::new(
        SCHEMA,
        &[
            "doc:1#viewer@user:*",
            "doc:1#viewer@user:ada",
            "doc:1#banned@user:eve",
            "doc:1#banned@user:bob[on]",
            "doc:1#banned@team:t#member",
            "team:t#member@user:cyd",
        ],
    );
    let wildcard = "user:* [user:bob if on] [-user:cyd] [-user:eve]";
    assert_eq!(all(&bench, "doc:1#view", "user"), [wildcard, "user:ada", "user:bob if on"]);
    assert_eq!(all(&bench, "doc:1#view", "team#member"), ["team:t#member"; 0]);
    let conditional =
        Bench::new(SCHEMA, &["doc:1#viewer@user:*[on]", "doc:1#viewer@user:ada", "doc:1#banned@user:eve", "doc:1#viewer@user:!"]);
    assert_eq!(all(&conditional, "doc:1#view", "user"), ["user:!", "user:* if on [-user:eve]", "user:ada"]);
    let page = |after, limit| subjects(&conditional, "doc:1#view", "user", PageRequest { after, limit });
    assert_eq!(page(Some("!"), 1), (vec!["user:* if on [-user:eve]".to_owned()], Some("*".to_owned())));
    assert_eq!(page(Some("*"), 9), (vec!["user:ada".to_owned()], None));
}

#[test]
fn subjects_of_every_kind_are_found() {
    let bench =
        Bench::new(SCHEMA, &["doc:1#parent@doc:2", "doc:2#viewer@team:a#member", "team:a#member@team:b#member", "team:b#member@user:ada"]);
    assert_eq!(all(&bench, "doc:1#view", "user"), ["user:ada"]);
    assert_eq!(all(&bench, "doc:1#view", "team#member"), ["team:a#member", "team:b#member"]);
    assert_eq!(all(&bench, "doc:1#view", "doc#view"), ["doc:1#view", "doc:2#view"]);
    assert_eq!(all(&bench, "doc:1#view", "doc"), [""; 0]);
    assert_eq!(all(&bench, "doc:1#me", "doc"), ["doc:1"]);
}

#[test]
fn permissions_come_by_name_with_their_kind() {
    let bench = Bench::new(SCHEMA, &["doc:1#viewer@user:ada[on]", "doc:1#banned@user:bob"]);
    let list = |subject: &str, page| {
        let page = bench.evaluator().list_permissions(&"doc:1".parse().unwrap(), &subject.parse().unwrap(), page).unwrap();
        let items: Vec<String> =
            page.items.into_iter().map(|item| format!("{} {:?} {}", item.name, item.kind, shown(Ok(item.decision)))).collect();
        (items, page.next)
    };
    let every = PageRequest::default();
    assert_eq!(list("user:ada", every).0, ["view Permission if on", "viewer Relation if on"]);
    assert_eq!(list("user:bob", every).0, ["banned Relation yes"]);
    assert_eq!(list("doc:1", every).0, ["me Permission yes"]);
    let first = list("user:ada", PageRequest { after: None, limit: 1 });
    assert_eq!(first.1.as_deref(), Some("view"));
    assert_eq!(list("user:ada", PageRequest { after: first.1.as_deref(), limit: 1 }), (vec!["viewer Relation if on".to_owned()], None));
}

#[test]
fn unknown_names_are_errors() {
    let bench = Bench::new(SCHEMA, &[]);
    let evaluator = bench.evaluator();
    let (doc, user, page) = (Name::from("doc"), Subject::wildcard("user").unwrap(), PageRequest::default());
    assert_eq!(evaluator.list_objects(&doc, &"vew".into(), &user, page).unwrap_err().code(), "unknown_relation");
    assert_eq!(evaluator.list_objects(&"dog".into(), &"view".into(), &user, page).unwrap_err().code(), "unknown_type");
    let object = "doc:1".parse().unwrap();
    assert_eq!(evaluator.list_subjects(&object, &"view".into(), &"usr".into(), None, page).unwrap_err().code(), "unknown_type");
    let unknown = Some(&"m".into());
    assert_eq!(evaluator.list_subjects(&object, &"view".into(), &"team".into(), unknown, page).unwrap_err().code(), "unknown_relation");
    assert_eq!(evaluator.list_permissions(&"dog:1".parse().unwrap(), &user, page).unwrap_err().code(), "unknown_type");
    assert_eq!(evaluator.expand(&object, &"vew".into(), None).unwrap_err().code(), "unknown_relation");
}

#[test]
fn a_list_longer_than_a_budget_comes_in_more_pages() {
    let tuples = (0..300).map(|n| format!("doc:{n:03}#viewer@user:ada").parse().unwrap());
    let bench = Bench::of(SCHEMA, tuples);
    for max_steps in [60, 1_000, 100_000] {
        let evaluator = bench.evaluator().with_limits(Limits { max_steps, ..Limits::default() });
        let (mut found, mut after, mut pages) = (0, None, 0);
        loop {
            let page = PageRequest { after: after.as_deref(), limit: usize::MAX };
            let page = evaluator.list_objects(&"doc".into(), &"view".into(), &"user:ada".parse().unwrap(), page).unwrap();
            found += page.items.len();
            pages += 1;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, 300);
        assert_eq!(pages > 1, max_steps < 100_000, "{pages}");
    }
    let starved = bench.evaluator().with_limits(Limits { max_steps: 5, ..Limits::default() });
    let page = starved.list_objects(&"doc".into(), &"view".into(), &"user:ada".parse().unwrap(), PageRequest::default());
    assert_eq!(page.unwrap_err().code(), "budget_exceeded");
}
