//! What the intermediate form can say and the native language cannot: relations with direct types and a rewrite, arrows over wildcards.

use super::*;
use dhow_schema::ir::{Rewrite, SubjectShape, SubjectType};

const SCHEMA: &str = "
    caveat on(on bool) { on }
    definition user {}
    definition team { relation member: user }
    definition folder { relation viewer: user }
    definition doc {
        relation owner: user
        relation banned: user | user with on
        relation parent: folder
        relation viewer: user | user:* | team#member | user with on
        relation editor: user | doc#viewer
        permission any = parent.any(viewer)
        permission every = parent.all(viewer)
    }";

/// `viewer` is its tuples or the owner or who views a parent, without the banned; `editor` is its tuples who are viewers as well; `parent` takes `folder:*`.
fn bench(tuples: &[&str]) -> Bench {
    let mut bench = Bench::new(SCHEMA, tuples);
    let computed = |name: &str| Rewrite::Computed(name.into());
    let above = Rewrite::Arrow { tupleset: "parent".into(), target: "viewer".into(), quantifier: Quantifier::Any };
    let doc = bench.schema.definitions.get_mut("doc").unwrap();
    doc.relations.get_mut("viewer").unwrap().rewrite = Rewrite::Exclusion {
        base: Box::new(Rewrite::Union(vec![Rewrite::Direct, computed("owner"), above])),
        subtract: Box::new(computed("banned")),
    };
    doc.relations.get_mut("editor").unwrap().rewrite = Rewrite::Intersection(vec![Rewrite::Direct, computed("viewer")]);
    let everything = SubjectType { object_type: "folder".into(), shape: SubjectShape::Wildcard, caveat: None, expiration: false };
    doc.relations.get_mut("parent").unwrap().direct.push(everything);
    bench
}

#[test]
fn a_relation_may_have_tuples_and_a_rewrite() {
    let bench = bench(&[
        "doc:d#owner@user:olga",
        "doc:d#owner@user:ben",
        "doc:d#banned@user:ben",
        "doc:d#viewer@user:ada",
        "doc:d#viewer@user:cleo[on]",
        "doc:d#viewer@team:t#member",
        "doc:d#parent@folder:f",
        "doc:d#banned@user:gus[on]",
        "doc:d#editor@user:ada",
        "doc:d#editor@user:eve",
        "doc:d#editor@user:cleo",
        "doc:d#editor@doc:e#viewer",
        "doc:e#owner@user:olga",
        "folder:f#viewer@user:finn",
        "folder:f#viewer@user:gus",
        "team:t#member@user:tom",
    ]);
    bench.expect(&[
        ("doc:d#viewer@user:ada", "yes"),
        ("doc:d#viewer@user:olga", "yes"),
        ("doc:d#viewer@user:ben", "no"),
        ("doc:d#viewer@user:finn", "yes"),
        ("doc:d#viewer@user:gus", "if on"),
        ("doc:d#viewer@user:tom", "yes"),
        ("doc:d#viewer@team:t#member", "yes"),
        ("doc:d#viewer@user:cleo", "if on"),
        ("doc:d#viewer@user:eve", "no"),
        ("doc:d#editor@user:ada", "yes"),
        ("doc:d#editor@user:eve", "no"),
        ("doc:d#editor@user:cleo", "if on"),
        // In over the other document's owner, and an owner here.
        ("doc:d#editor@user:olga", "yes"),
        ("doc:d#editor@user:tom", "no"),
    ]);
    let evaluator = bench.evaluator();
    let listed = evaluator.list_subjects(&"doc:d".parse().unwrap(), &"viewer".into(), &"user".into(), None, PageRequest::default());
    let listed: Vec<String> = listed.unwrap().items.into_iter().map(|item| item.subject.id().to_string()).collect();
    assert_eq!(listed, ["ada", "cleo", "finn", "gus", "olga", "tom"]);
    let objects = evaluator.list_objects(&"doc".into(), &"viewer".into(), &"user:olga".parse().unwrap(), PageRequest::default());
    assert_eq!(objects.unwrap().items.len(), 2);
    let tree = evaluator.expand(&"doc:d".parse().unwrap(), &"viewer".into(), None).unwrap();
    assert_eq!(tree.direct_tuples().filter(|tuple| &**tuple.key.relation() == "viewer").count(), 5);
    // A tuple may be written although the relation is computed as well.
    crate::validate::admit(&bench.schema, &"doc:d#viewer@user:x".parse().unwrap()).unwrap();
    let why = evaluator.explain(&"doc:d#viewer@user:olga".parse().unwrap()).unwrap().to_text();
    assert!(why.contains("yes: tuple doc:d#owner@user:olga"), "{why}");
}

#[test]
fn a_wildcard_leads_an_arrow_nowhere() {
    let bench = bench(&[
        "folder:f#viewer@user:ada",
        "doc:both#parent@folder:f",
        "doc:both#parent@folder:*",
        "doc:all#parent@folder:*",
        "doc:one#parent@folder:f",
    ]);
    bench.expect(&[
        ("doc:both#any@user:ada", "yes"),
        // It is no object that has the target, so not every one has it.
        ("doc:both#every@user:ada", "no"),
        ("doc:all#any@user:ada", "no"),
        ("doc:all#every@user:ada", "no"),
        ("doc:one#every@user:ada", "yes"),
        ("doc:all#parent@folder:f", "yes"),
    ]);
}
