//! Hostile shapes for what is inherited along arrows: every answer is the circuit's, and every budget ends alike whatever is indexed.

use std::collections::BTreeMap;

use super::*;
use crate::state::Rebuild;
use crate::tuple::TupleKey;

const HOSTILE: &str = "use expiration
caveat on(flag bool) { flag }
definition user {}
definition bot {}
definition group { relation member: user | user:* | bot | group#member | group#member with on | user with on }
definition folder {
  relation parent: folder | folder with on | folder with expiration | folder#viewer
  relation other: folder
  relation viewer: user | user:* | bot | bot:* | group#member | folder#viewer | user with on | user with expiration | folder | folder#view
  relation banned: user | group#member
  permission view = viewer + parent->view + other->view
  permission see = viewer + parent->see + other->view + other->see
  permission edit = parent->view & viewer
  permission safe = parent->view - banned
  permission deep = other->safe + viewer
  permission every = parent.all(view)
  permission around = view + around2
  permission around2 = other->around
}
definition doc {
  relation parent: folder
  relation viewer: user | group#member | folder#view
  permission view = viewer + parent->view
  permission x = parent->safe + parent->edit + parent->every
  permission y = view - parent->deep
  permission z = parent->around + parent->see
}";

/// The same, but `see` is excluded from what the other inherits.
fn excluded() -> String {
    HOSTILE
        .replace("permission view = viewer + parent->view + other->view", "permission view = (viewer + parent->see + other->see) - banned")
}

struct Rng(u64);
impl Rng {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
    fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.next(len as u64)).unwrap()
    }
    fn of<'t>(&mut self, all: &[&'t str]) -> &'t str {
        all[self.place(all.len())]
    }
}

fn random_tuple(rng: &mut Rng, folders: u64) -> String {
    let folder = |rng: &mut Rng| format!("folder:{}", rng.next(folders));
    let group = |rng: &mut Rng| format!("group:{}", rng.next(3));
    let user = |rng: &mut Rng| format!("user:{}", rng.next(3));
    match rng.next(24) {
        0..=5 => format!(
            "{}#parent@{}{}",
            folder(rng),
            folder(rng),
            rng.of(&["", "", "", "", "", "[on]", "[expiration:2020-01-01T00:00:00Z]", "[expiration:2040-01-01T00:00:00Z]"])
        ),
        6 => format!("{}#parent@{}#viewer", folder(rng), folder(rng)),
        7..=8 => format!("{}#other@{}", folder(rng), folder(rng)),
        9..=10 => format!(
            "{}#viewer@{}{}",
            folder(rng),
            user(rng),
            rng.of(&["", "", "", "[on]", "[expiration:2020-01-01T00:00:00Z]", "[expiration:2040-01-01T00:00:00Z]"])
        ),
        11 => format!("{}#viewer@{}", folder(rng), rng.of(&["user:*", "bot:*", "bot:0", "bot:1"])),
        12 => format!("{}#viewer@{}#member", folder(rng), group(rng)),
        13 => format!("{}#viewer@{}{}", folder(rng), folder(rng), rng.of(&["", "#viewer", "#view"])),
        14 => format!("{}#banned@{}", folder(rng), user(rng)),
        15 => format!("{}#banned@{}#member", folder(rng), group(rng)),
        16 => format!("{}#member@{}#member{}", group(rng), group(rng), rng.of(&["", "", "[on]"])),
        17 => format!("{}#member@{}{}", group(rng), user(rng), rng.of(&["", "", "[on]"])),
        18 => format!("{}#member@{}", group(rng), rng.of(&["user:*", "bot:0"])),
        19..=21 => format!("doc:{}#parent@{}", rng.next(3), folder(rng)),
        22 => format!("doc:{}#viewer@{}", rng.next(3), user(rng)),
        _ => format!("doc:{}#viewer@{}", rng.next(3), rng.of(&["group:0#member", "group:1#member", "folder:0#view", "folder:1#view"])),
    }
}

fn random_question(rng: &mut Rng, folders: u64) -> TupleKey {
    let object = if rng.next(2) == 0 {
        format!("doc:{}#{}", rng.next(3), rng.of(&["view", "x", "y", "z", "viewer"]))
    } else {
        format!("folder:{}#{}", rng.next(folders), rng.of(&["view", "see", "edit", "safe", "deep", "every", "around", "viewer"]))
    };
    let subject = rng.of(&[
        "user:0",
        "user:1",
        "user:2",
        "user:0",
        "user:1",
        "user:nobody",
        "user:*",
        "bot:0",
        "bot:1",
        "bot:*",
        "group:0#member",
        "group:1#member",
        "folder:0",
        "folder:1",
        "folder:2",
        "folder:0#viewer",
        "folder:1#view",
        "folder:0#around",
    ]);
    format!("{object}@{subject}").parse().unwrap()
}

fn toggled(state: &State, there: &mut BTreeMap<TupleKey, Tuple>, texts: &[String]) -> State {
    let mut changes: BTreeMap<TupleKey, Change> = BTreeMap::new();
    for text in texts {
        let new = tuple(text);
        if changes.contains_key(&new.key) {
            continue;
        }
        let change = match there.remove(&new.key) {
            Some(old) => Change::deleted(old),
            None => {
                there.insert(new.key.clone(), new.clone());
                Change::created(new.clone())
            }
        };
        changes.insert(new.key.clone(), change);
    }
    if changes.is_empty() {
        return state.clone();
    }
    let entry = state.next_entry(Timestamp::MIN, "", "", Body::Changes(changes.into_values().collect())).unwrap();
    state.apply(&entry).unwrap()
}

fn context_of(rng: &mut Rng) -> Context {
    match rng.next(3) {
        0 => Context::new(),
        n => dhow_schema::value::context_from_json_object(&serde_json::json!({ "flag": n == 1 })).unwrap(),
    }
}

fn bare(prepared: &Prepared) -> Prepared {
    Prepared { indexed: Indexed::none(), ..prepared.clone() }
}

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().unwrap()
}

#[test]
fn hostile_histories_answer_as_the_circuit_does() {
    let [plain, excluded] = [HOSTILE.to_owned(), excluded()].map(|text| Arc::new(dhow_schema::compile_str(&text).unwrap()));
    let (mut yes, mut asked) = (0_u64, 0_u64);
    for seed in 0..300_u64 {
        let mut rng = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let folders = 3 + rng.next(5);
        let mut there = BTreeMap::new();
        let first: Vec<String> = (0..10 + rng.next(20)).map(|_| random_tuple(&mut rng, folders)).collect();
        let mut state = toggled(&State::genesis(StoreId([1; 16])), &mut there, &first);
        state = Prepared::new(&state, Arc::clone(&plain)).unwrap().state;
        let mut past = vec![state.summary().clone()];
        if rng.next(3) > 0 {
            let mut all = Rebuild::begin_now(&state);
            while let Some(part) = all.work(&state) {
                state = part.install(&state, 0);
            }
        }
        let mut rebuild: Option<Rebuild> = None;
        let mut waiting = None;
        for _ in 0..8 {
            match rng.next(8) {
                0 if rebuild.is_none() => rebuild = Some(Rebuild::begin_now(&state)),
                0..=2 => {
                    if let Some(part) = waiting.take() {
                        let part: crate::state::Part = part;
                        state = part.install(&state, past[0].position().revision);
                    } else if let Some(making) = &mut rebuild {
                        waiting = making.work(&state);
                        if waiting.is_none() {
                            rebuild = None;
                        }
                    }
                }
                3 => {
                    let which = if rng.next(2) == 0 { &plain } else { &excluded };
                    state = Prepared::new(&state, Arc::clone(which)).unwrap().state;
                }
                _ => {
                    let some: Vec<String> = (0..1 + rng.next(3)).map(|_| random_tuple(&mut rng, folders)).collect();
                    state = toggled(&state, &mut there, &some);
                    past.push(state.summary().clone());
                }
            }
            let schema = if rng.next(3) == 0 { &excluded } else { &plain };
            let at = past[rng.place(past.len())].clone();
            let looked_at = if rng.next(2) == 0 { state.clone() } else { state.earlier(at) };
            let plans = Arc::new(compile(schema, looked_at.graph().vocabulary()));
            let prepared = Prepared::of_parts(looked_at, Arc::clone(schema), plans);
            let bare = bare(&prepared);
            let context = context_of(&mut rng);
            let brought: Vec<Tuple> = match rng.next(3) {
                0 => vec![tuple("folder:idle#viewer@user:idle")],
                1 => (0..1 + rng.next(3)).map(|_| tuple(&random_tuple(&mut rng, folders))).collect(),
                _ => Vec::new(),
            };
            let evaluator = prepared.evaluator(now(), &context).with_contextual(&brought);
            let without = bare.evaluator(now(), &context).with_contextual(&brought);
            let idle = [tuple("folder:idle#viewer@user:idle")];
            let idle = if brought.is_empty() { prepared.evaluator(now(), &context).with_contextual(&idle) } else { evaluator.clone() };
            let questions: Vec<TupleKey> = (0..12).map(|_| random_question(&mut rng, folders)).collect();
            let batch = evaluator.batch(questions.iter().map(Question::from));
            for (place, question) in questions.iter().enumerate() {
                let expected = evaluator.by_circuit(Limits::default(), |circuit| circuit.check(question));
                let found = evaluator.check(question);
                asked += 1;
                yes += u64::from(found == Ok(Decision::Allowed));
                assert_eq!(found, expected, "seed {seed}: {question}");
                assert_eq!(batch.decide(place), Some(expected.clone()), "seed {seed}: {question} in a batch");
                assert_eq!(without.check(question), expected, "seed {seed}: {question} without an index");
                for max_steps in (0..40).filter(|_| seed % 4 == 0) {
                    let max_steps = if max_steps > 20 { max_steps * 4 } else { max_steps };
                    let limits = Limits { max_steps, ..Limits::default() };
                    let found = evaluator.clone().with_limits(limits).check(question);
                    let bare = without.clone().with_limits(limits).check(question);
                    assert_eq!(found, bare, "seed {seed}: {question} within {max_steps}, with and without an index");
                    assert_eq!(
                        idle.clone().with_limits(limits).check(question),
                        bare,
                        "seed {seed}: {question} within {max_steps}, with idle tuples"
                    );
                    let (batched, _) =
                        batch.decide_with(place, &context, limits).unwrap().map_or_else(|e| (Err(e), 0), |(d, s)| (Ok(d), s));
                    assert_eq!(batched, bare, "seed {seed}: {question} within {max_steps}, in a batch");
                }
            }
        }
    }
    assert!(asked > 20_000 && yes > 4_000, "{asked} asked, {yes} yes");
}

/// The same tuples in another order of writing: other numbers for the same nodes.
#[test]
fn budgets_end_alike_however_nodes_are_numbered() {
    let plain = Arc::new(dhow_schema::compile_str(HOSTILE).unwrap());
    for seed in 0..300_u64 {
        let mut rng = Rng(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let folders = 6;
        let texts: Vec<String> = (0..20 + rng.next(20)).map(|_| random_tuple(&mut rng, folders)).collect();
        let mut unique: BTreeMap<TupleKey, String> = BTreeMap::new();
        texts.into_iter().for_each(|text| {
            unique.entry(tuple(&text).key).or_insert(text);
        });
        let texts: Vec<String> = unique.into_values().collect();
        let one = texts
            .iter()
            .fold(State::genesis(StoreId([1; 16])), |state, text| toggled(&state, &mut BTreeMap::new(), std::slice::from_ref(text)));
        let other = texts
            .iter()
            .rev()
            .fold(State::genesis(StoreId([1; 16])), |state, text| toggled(&state, &mut BTreeMap::new(), std::slice::from_ref(text)));
        let [one, other] = [one, other].map(|state| Prepared::new(&state, Arc::clone(&plain)).unwrap());
        let context = context_of(&mut rng);
        for _ in 0..60 {
            let question = random_question(&mut rng, folders);
            for max_steps in 0..100 {
                let limits = Limits { max_steps, ..Limits::default() };
                let found = [&one, &other].map(|prepared| prepared.evaluator(now(), &context).with_limits(limits).check(&question));
                assert_eq!(found[0], found[1], "seed {seed}: {question} within {max_steps}");
            }
        }
    }
}

/// What a state that folded its history and one that was read from a table of the same tuples say of the same question.
fn folded_and_loaded(schema: &str, tuples: &[&str], question: &str, max_steps: u64, circuit: bool) -> [Result<Decision, EvalError>; 2] {
    let schema = Arc::new(dhow_schema::compile_str(schema).unwrap());
    // An entry each, since an entry puts its changes in order.
    let folded = tuples.iter().fold(State::genesis(StoreId([1; 16])), |state, text| after(&state, [format!("+{text}")]));
    let mut stored: Vec<Tuple> = tuples.iter().map(|text| tuple(text)).collect();
    stored.sort_by(|a, b| a.key.cmp(&b.key));
    let loaded = State::load(folded.store(), *folded.position(), *folded.digest(), [], stored).unwrap();
    let context = Context::new();
    [folded, loaded].map(|state| {
        let prepared = Prepared::new(&state, Arc::clone(&schema)).unwrap();
        let limits = Limits { max_steps, ..Limits::default() };
        let evaluator = prepared.evaluator(Timestamp::MIN, &context).with_limits(limits);
        let question: TupleKey = question.parse().unwrap();
        if circuit { evaluator.by_circuit(limits, |circuit| circuit.check(&question)) } else { evaluator.check(&question) }
    })
}

const NUMBERED: &str = "definition user {}
definition folder { relation parent: folder relation a: user relation b: user permission up = a + parent->up permission both = up & b permission all = parent.all(b) }
definition doc { relation parent: folder permission both = parent->both permission all = parent.all(both) }";

const TUPLES: [&str; 8] = [
    // Said first, and so numbered first, though its name is the last.
    "folder:z#b@user:ada",
    "folder:z#a@user:ada",
    "folder:a#parent@folder:b",
    "folder:b#parent@folder:c",
    "folder:c#parent@folder:d",
    "folder:a#b@user:ada",
    "doc:1#parent@folder:a",
    "doc:1#parent@folder:z",
];

#[test]
fn a_union_of_expressions_ends_alike_before_and_after_a_restart() {
    for max_steps in 0..60 {
        let [folded, loaded] = folded_and_loaded(NUMBERED, &TUPLES, "doc:1#both@user:ada", max_steps, false);
        assert_eq!(folded, loaded, "within {max_steps}");
    }
}

#[test]
fn all_ends_alike_before_and_after_a_restart() {
    // Who is in no folder's `b` but that of the last: the first one says no.
    for max_steps in 0..60 {
        let tuples: Vec<&str> = TUPLES.iter().copied().filter(|text| *text != "folder:z#a@user:ada").collect();
        let [folded, loaded] = folded_and_loaded(NUMBERED, &tuples, "doc:1#all@user:ada", max_steps, false);
        assert_eq!(folded, loaded, "within {max_steps}");
    }
}

#[test]
fn the_circuit_ends_alike_before_and_after_a_restart() {
    for max_steps in 0..200 {
        let [folded, loaded] = folded_and_loaded(NUMBERED, &TUPLES, "doc:1#both@user:ada", max_steps, true);
        assert_eq!(folded, loaded, "within {max_steps}");
    }
}

/// The same store, all of it in the base: only then does a glance answer, and look at what is inherited.
fn settled(prepared: &Prepared) -> Prepared {
    let mut state = prepared.state.clone();
    let mut rebuild = Rebuild::begin_now(&state);
    while let Some(part) = rebuild.work(&state) {
        state = part.install(&state, 0);
    }
    Prepared { state, ..prepared.clone() }
}

fn tree() -> Prepared {
    let tuples = (1..5).map(|folder| format!("+folder:{folder}#parent@folder:{}", folder - 1));
    let tuples = tuples.chain(["+doc:0#parent@folder:4", "+folder:0#viewer@user:0", "+doc:1#viewer@user:1[on]"].map(str::to_owned));
    let schema = HOSTILE.replace("viewer: user | group#member | folder#view", "viewer: user | user with on | group#member | folder#view");
    let state = after(&State::genesis(StoreId([1; 16])), tuples);
    settled(&Prepared::new(&state, Arc::new(dhow_schema::compile_str(&schema).unwrap())).unwrap())
}

#[test]
fn of_a_base_a_requests_own_tuples_count_above() {
    let (tree, context) = (tree(), Context::new());
    let check = |question: &str, brought: &[Tuple]| {
        let evaluator = tree.evaluator(now(), &context).with_contextual(brought);
        evaluator.check(&question.parse().unwrap()).unwrap()
    };
    assert_eq!(check("doc:0#view@user:0", &[]), Decision::Allowed);
    assert_eq!(check("doc:0#view@user:1", &[]), Decision::Denied);
    assert_eq!(check("doc:0#view@user:1", &[tuple("folder:1#viewer@user:1")]), Decision::Allowed);
    // In place of a stored one, and over by now: a yes would be wrong.
    assert_eq!(check("doc:0#view@user:0", &[tuple("folder:0#viewer@user:0[expiration:2020-01-01T00:00:00Z]")]), Decision::Denied);
}

#[test]
fn of_a_base_what_changes_above_counts_for_whoever_looks_at_that_revision() {
    let says = |prepared: &Prepared, expected| {
        prepared.evaluator(now(), &Context::new()).check(&"doc:0#view@user:0".parse().unwrap()) == Ok(expected)
    };
    let tree = tree();
    assert!(says(&tree, Decision::Allowed));
    let gone = tree.later(&["-folder:0#viewer@user:0"]);
    assert!(says(&gone, Decision::Denied));
    let earlier = Prepared { state: gone.state.earlier(tree.state.summary().clone()), ..gone };
    assert!(says(&earlier, Decision::Allowed));
}

#[test]
fn of_a_base_what_hangs_on_a_caveat_is_not_given_at_a_glance() {
    let (tree, context) = (tree(), Context::new());
    let found = tree.evaluator(now(), &context).check(&"doc:1#view@user:1".parse().unwrap());
    assert_eq!(found, Ok(Decision::Conditional { missing: ["flag".into()].into() }));
}
