use super::*;
use crate::compile_str;

fn changes(before: &str, after: &str) -> Vec<(&'static str, String)> {
    let (before, after) = (compile_str(before).unwrap(), compile_str(after).unwrap());
    diff(&before, &after).iter().map(|change| (change.kind.as_str(), change.to_string())).collect()
}

#[test]
fn layout_order_and_ordinary_comments_are_no_change() {
    let before = "definition user {} definition doc { relation a: user relation b: user permission c = a + b }";
    let after = "// new\ndefinition doc { relation b: user\n relation a: user /* x */\n permission c = (a + (b)) }\ndefinition user {}";
    assert_eq!(changes(before, after), []);
}

#[test]
fn every_kind_of_change_is_told_apart() {
    let before = "use expiration use typechecking
        caveat gone(a int) { a == 1 }
        caveat kept(a int, b int) { a == b }
        definition user {} definition old { relation a: user with gone }
        /** old words */ definition doc {
          relation a: user | user:*
          relation b: user with kept
          relation c: user
          relation d: user
          permission p = a
          permission q: user = a
          permission r = a
        }";
    let after = "use typechecking
        caveat kept(a string, c int) { a == 'x' && c == 1 }
        caveat fresh(a int) { a == 1 }
        definition user {} definition young { relation a: user with fresh }
        /** new words */ definition doc {
          relation a: user | user with fresh
          relation b: user with kept
          permission c = a
          relation e: user
          permission p = a + b
          permission q = a
          /** said now */ permission s = a
        }";
    let expected = [
        ("caveat-added", "caveat added: fresh"),
        ("caveat-removed", "caveat removed: gone"),
        ("caveat-parameter-type-changed", "caveat parameter type changed: kept: `a int` is now `a string`"),
        ("caveat-parameter-removed", "caveat parameter removed: kept: `b int`"),
        ("caveat-parameter-added", "caveat parameter added: kept: `c int`"),
        ("caveat-expression-changed", "caveat expression changed: kept: `a == b` is now `a == 'x' && c == 1`"),
        ("definition-documentation-changed", "definition documentation changed: doc: `old words` is now `new words`"),
        ("subject-type-removed", "subject type removed: doc#a: `user:*`"),
        ("subject-type-added", "subject type added: doc#a: `user with fresh`"),
        ("kind-changed", "kind changed: doc#c: `user` is now `a`"),
        ("relation-removed", "relation removed: doc#d: `user`"),
        ("relation-added", "relation added: doc#e: `user`"),
        ("expression-changed", "expression changed: doc#p: `a` is now `a + b`"),
        ("annotation-changed", "annotation changed: doc#q: `user`"),
        ("permission-removed", "permission removed: doc#r: `a`"),
        ("permission-added", "permission added: doc#s: `a`"),
        ("definition-removed", "definition removed: old"),
        ("definition-added", "definition added: young"),
        ("relation-added", "relation added: young#a: `user with fresh`"),
    ];
    assert_eq!(changes(before, after), expected.map(|(kind, line)| (kind, line.to_owned())));
}

#[test]
fn a_diff_of_a_schema_with_itself_is_empty_and_backwards_mirrors_forwards() {
    let (one, two) = ("definition a { relation x: a }", "definition a { relation y: a }");
    assert_eq!(changes(one, one), []);
    let kinds = |changes: Vec<(&'static str, String)>| changes.into_iter().map(|(kind, _)| kind).collect::<Vec<_>>();
    assert_eq!(kinds(changes(one, two)), ["relation-removed", "relation-added"]);
    assert_eq!(kinds(changes(two, one)), ["relation-added", "relation-removed"]);
}
