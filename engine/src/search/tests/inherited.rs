//! What objects inherit along arrows, from the index and without it: the same, whatever has changed above.

use proptest::prelude::*;

use super::*;
use crate::entry::{SchemaSource, SchemaText};
use crate::graph::ids::NodeId;
use crate::search::world::Indexed;
use crate::state::{Part, Rebuild};
use crate::tuple::TupleKey;

const FOLDERS: &str = "definition user {}
definition group { relation member: user }
definition folder {
  relation parent: folder
  relation home: folder
  relation viewer: user | user:* | group#member | user with on
  relation editor: user
  relation banned: user
  permission edit = editor + parent->edit
  permission view = viewer + editor + parent->view + home->edit
  permission see = view - banned
}
definition doc {
  relation parent: folder
  relation viewer: user
  permission view = viewer + parent->view
  permission read = view & parent->edit
  permission see = parent->see
}
caveat on(flag bool) { flag }";

fn folders(tuples: impl IntoIterator<Item = String>) -> Prepared {
    let state = after(&State::genesis(StoreId([1; 16])), tuples);
    let prepared = Prepared::new(&state, Arc::new(dhow_schema::compile_str(FOLDERS).unwrap())).unwrap();
    Prepared { state: settled(&prepared.state), ..prepared }
}

/// The same state with all of it in its base: what nobody has just changed is what glances are for.
fn settled(state: &State) -> State {
    let (mut state, mut rebuild) = (state.clone(), Rebuild::begin_now(state));
    while let Some(part) = rebuild.work(&state) {
        state = part.install(&state, state.revision());
    }
    state
}

/// A chain of folders, 0 at its top, with a document in the last.
fn chain(folders: usize) -> impl Iterator<Item = String> {
    let parents = (1..folders).map(|folder| format!("+folder:{folder}#parent@folder:{}", folder - 1));
    parents.chain([format!("+doc:d#parent@folder:{}", folders - 1)])
}

/// Whether the index has what a folder inherits, and it holds.
fn is_inherited(prepared: &Prepared, folder: &str, permission: &str) -> bool {
    let graph = prepared.state.graph();
    let folders = graph.vocabulary().type_id("folder").unwrap();
    let node: NodeId = graph.find(folders, folder).unwrap();
    let plan = prepared.plans.named(folders, graph.vocabulary().relation_id(permission).unwrap()).unwrap();
    graph.inherited(plan.0, node, None::<&fn(NodeId) -> bool>).is_some()
}

fn decision(prepared: &Prepared, question: &str) -> Decision {
    prepared.evaluator(Timestamp::MIN, &Context::new()).check(&question.parse().unwrap()).unwrap()
}

fn allows(prepared: &Prepared, question: &str) -> bool {
    decision(prepared, question) == Decision::Allowed
}

#[test]
fn what_changes_above_changes_all_below_for_whoever_looks_at_that_revision() {
    let prepared = folders(
        chain(6).chain(["+folder:0#viewer@user:ada", "+folder:1#viewer@group:g#member", "+group:g#member@user:bob"].map(str::to_owned)),
    );
    assert!(is_inherited(&prepared, "5", "view"));
    assert!(["ada", "bob"].iter().all(|user| allows(&prepared, &format!("doc:d#view@user:{user}"))));
    assert!(!allows(&prepared, "doc:d#view@user:eve"));
    let taken = prepared.later(&["-folder:0#viewer@user:ada", "+folder:2#viewer@user:eve"]);
    assert!(!is_inherited(&taken, "5", "view") && !is_inherited(&taken, "1", "view"));
    assert!(!allows(&taken, "doc:d#view@user:ada") && allows(&taken, "doc:d#view@user:eve"));
    let cut = taken.later(&["-folder:3#parent@folder:2"]);
    assert!(!allows(&cut, "doc:d#view@user:eve") && !allows(&cut, "doc:d#view@user:bob"));
    // Readers of older revisions share the memory of the newest.
    for (earlier, expected) in [(&prepared, [true, true, false]), (&taken, [false, true, true]), (&cut, [false, false, false])] {
        let state = cut.state.earlier(earlier.state.summary().clone());
        let earlier = Prepared { state, ..cut.clone() };
        assert_eq!(["ada", "bob", "eve"].map(|user| allows(&earlier, &format!("doc:d#view@user:{user}"))), expected);
    }
}

#[test]
fn a_caveat_above_a_cycle_and_what_is_too_long_are_walked() {
    let conditional = folders(chain(4).chain(["+folder:0#viewer@user:ada[on]".to_owned()]));
    assert!(!is_inherited(&conditional, "3", "view") && is_inherited(&conditional, "3", "edit"));
    assert_eq!(decision(&conditional, "doc:d#view@user:ada"), Decision::Conditional { missing: ["flag".into()].into() });
    let ring = folders(chain(4).chain(["+folder:0#parent@folder:3", "+folder:2#viewer@user:ada"].map(str::to_owned)));
    assert!(is_inherited(&ring, "3", "view"));
    assert!(allows(&ring, "doc:d#view@user:ada") && !allows(&ring, "doc:d#view@user:bob"));
    let long = folders(chain(5_000).chain(["+folder:0#viewer@user:ada".to_owned()]));
    assert!(!is_inherited(&long, "4999", "view") && is_inherited(&long, "30", "view"));
    assert!(allows(&long, "doc:d#view@user:ada") && !allows(&long, "doc:d#view@user:bob"));
}

#[test]
fn wildcards_and_a_requests_own_tuples_count_above() {
    let prepared = folders(chain(5).chain(["+folder:4#viewer@user:somebody".to_owned()]));
    let everybody = prepared.later(&["+folder:1#viewer@user:*"]);
    assert!(allows(&everybody, "doc:d#view@user:nobody-knows"));
    let context = Context::new();
    let question: TupleKey = "doc:d#view@user:ada".parse().unwrap();
    for brought in ["folder:0#viewer@user:ada", "folder:2#parent@folder:new"] {
        let brought = [tuple(brought), tuple("folder:new#viewer@user:ada")];
        let evaluator = prepared.evaluator(Timestamp::MIN, &context);
        assert_eq!(evaluator.check(&question), Ok(Decision::Denied));
        assert_eq!(evaluator.with_contextual(&brought).check(&question), Ok(Decision::Allowed));
    }
}

#[test]
fn a_budget_ends_the_same_questions_with_the_index_and_without() {
    let more = [
        "+folder:2#viewer@user:ada",
        "+folder:0#editor@user:bob",
        "+folder:4#home@folder:5",
        "+folder:5#editor@user:eve",
        "+folder:3#banned@user:eve",
    ];
    let indexed = folders(chain(5).chain(more.map(str::to_owned)));
    let walked = Prepared { indexed: Indexed::none(), ..indexed.clone() };
    let context = Context::new();
    for permission in ["view", "read", "see"] {
        for user in ["ada", "bob", "eve", "joe"] {
            let question: TupleKey = format!("doc:d#{permission}@user:{user}").parse().unwrap();
            for max_steps in 0..120 {
                let limits = Limits { max_steps, ..Limits::default() };
                let [found, expected] =
                    [&indexed, &walked].map(|prepared| prepared.evaluator(Timestamp::MIN, &context).with_limits(limits).check(&question));
                assert_eq!(found, expected, "{question} within {max_steps}");
            }
        }
    }
}

#[test]
fn an_index_of_the_schema_in_force_is_there_after_a_rebuild_that_a_schema_came_between() {
    let version = |state: &State, version, text: &str| {
        let text = SchemaText { version, source: SchemaSource::native(text) };
        state.apply(&state.next_entry(Timestamp::MIN, "", "", Body::Schema(text)).unwrap()).unwrap()
    };
    // With owners, so that its links are others, and with groups in groups, so that its nesting is.
    let owned = FOLDERS.replacen(
        "member: user }\ndefinition folder {",
        "member: user | group#member }\ndefinition folder { relation owner: user",
        1,
    );
    let owned = owned.replacen("= viewer +", "= owner + viewer +", 1);
    // It comes between the making of a part, of which the last two are the indexes, and its being put in place.
    for moment in 1..4 {
        let mut state = after(&version(&State::genesis(StoreId([1; 16])), 1, FOLDERS), chain(4));
        let (mut rebuild, mut parts) = (Rebuild::begin_now(&state), 0);
        while let Some(part) = rebuild.work(&state) {
            parts += 1;
            if parts == moment {
                state = version(&state, 2, &owned);
            }
            state = part.install(&state, state.revision());
        }
        assert!(parts >= moment);
        let prepared = state.prepare(None).unwrap();
        assert!(prepared.schema().definitions["folder"].relations.contains_key("owner"));
        assert!(prepared.indexed.is_whole(), "{moment}: {:?}", prepared.indexed);
    }
}

/// One thing that happens.
#[derive(Debug, Clone)]
enum Step {
    /// An edge comes, or goes if it was there.
    Toggle(usize, usize, usize),
    /// The next part of a rebuild is made, or put in place if one waits.
    Tend,
    /// All is asked of the revision so far back.
    Ask(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..7_usize, 0..5_usize, 0..5_usize).prop_map(|(kind, one, other)| Step::Toggle(kind, one, other)),
        3 => Just(Step::Tend),
        2 => prop_oneof![Just(0_usize), 0..12_usize].prop_map(Step::Ask),
    ];
    prop::collection::vec(step, 1..80)
}

fn edge(kind: usize, one: usize, other: usize) -> String {
    match kind {
        0 | 1 => format!("folder:{one}#parent@folder:{other}"),
        2 => format!("folder:{one}#home@folder:{other}"),
        3 => format!("folder:{one}#viewer@user:{other}"),
        4 => format!("folder:{one}#viewer@group:{other}#member"),
        5 => format!("folder:{one}#editor@user:{other}"),
        _ => format!("doc:{one}#parent@folder:{other}"),
    }
}

proptest! {
    #[test]
    fn what_is_inherited_is_what_the_circuit_finds(steps in steps()) {
        let mut prepared = folders((0..5).map(|number| format!("+group:{number}#member@user:{number}")).chain(chain(4)));
        let mut past = vec![prepared.state.clone()];
        let (mut rebuild, mut waiting): (Option<Rebuild>, Option<Part>) = (None, None);
        for step in steps.into_iter().chain([Step::Ask(0)]) {
            match step {
                Step::Toggle(kind, one, other) => {
                    let key = edge(kind, one, other);
                    let is_there = prepared.state.graph().tuple(&key.parse().unwrap()).is_some();
                    prepared.state = after(&prepared.state, [format!("{}{key}", if is_there { '-' } else { '+' })]);
                    past.push(prepared.state.clone());
                }
                Step::Tend => match waiting.take() {
                    Some(part) => prepared.state = part.install(&prepared.state, past[0].revision()),
                    None => {
                        waiting = rebuild.get_or_insert_with(|| Rebuild::begin_now(&prepared.state)).work(&prepared.state);
                        if waiting.is_none() {
                            rebuild = None;
                        }
                    }
                },
                Step::Ask(back) => {
                    let summary = past[past.len().saturating_sub(back + 1)].summary().clone();
                    let prepared = Prepared { state: prepared.state.earlier(summary), ..prepared.clone() };
                    let context = Context::new();
                    let evaluator = prepared.evaluator(Timestamp::MIN, &context);
                    let questions: Vec<TupleKey> = (0..5)
                        .flat_map(|doc| ["view", "read", "see"].map(|permission| (doc, permission)))
                        .flat_map(|(doc, permission)| (0..5).map(move |user| format!("doc:{doc}#{permission}@user:{user}").parse().unwrap()))
                        .collect();
                    let batch = evaluator.batch(questions.iter().map(Question::from));
                    for (place, question) in questions.iter().enumerate() {
                        let expected = evaluator.by_circuit(Limits::default(), |circuit| circuit.check(question));
                        prop_assert_eq!(&evaluator.check(question), &expected, "{} at {} revisions back", question, back);
                        prop_assert_eq!(batch.decide(place), Some(expected), "{} in a batch", question);
                    }
                }
            }
        }
    }
}
