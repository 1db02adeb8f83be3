//! dhow inside a program: no server, no database, no network. The engine decides; the program keeps what it wants kept.
//!
//! `cargo run -p dhow-engine --example embed`
//!
//! A schema, tuples as an entry of a store's history, a check, a list, the reasons for both answers, and the whole store as a snapshot file
//! that another process could map. Everything ends on standard output.
#![expect(clippy::print_stdout, reason = "an example that shows what it does")]

use std::error::Error;
use std::sync::Arc;

use dhow_engine::entry::{Body, Change, SchemaSource, SchemaText, StoreId};
use dhow_engine::eval::{Evaluator, PageRequest};
use dhow_engine::snapshot::SnapshotAbout;
use dhow_engine::state::State;
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleKey};
use dhow_engine::validate::admit;
use dhow_engine::words::AlignedBytes;
use dhow_schema::value::Context;

const SCHEMA: &str = "use expiration

definition user {}

definition team {
  relation member: user | team#member
}

definition document {
  relation owner: user
  relation viewer: user | team#member | user with expiration
  relation blocked: user
  permission view = (viewer + owner) - blocked
}
";

const TUPLES: [&str; 7] = [
    "team:core#member@user:ada",
    "team:all#member@team:core#member",
    "document:plan#viewer@team:all#member",
    "document:plan#owner@user:bob",
    "document:plan#blocked@user:eve",
    "document:plan#viewer@user:eve",
    "document:memo#viewer@user:ada[expiration:2030-01-01T00:00:00Z]",
];

fn main() -> Result<(), Box<dyn Error>> {
    // The engine has no clock: the time of an entry, and that of a question, are arguments.
    let now: Timestamp = "2026-11-24T12:00:00Z".parse()?;

    // A store begins empty; its history is entries, one behind the other. The first one brings a schema.
    let genesis = State::genesis(StoreId([1; 16]));
    let schema = SchemaText { version: 1, source: SchemaSource::native(SCHEMA) };
    let first = genesis.next_entry(now, "setup", "request-1", Body::Schema(schema))?;
    let with_schema = genesis.apply(&first)?;

    // The second brings tuples. `admit` is what says whether the schema allows one; a state takes what it is given.
    let schema = Arc::clone(with_schema.prepare(None)?.schema());
    let admitted = TUPLES.iter().map(|text| Ok(admit(&schema, &text.parse::<Tuple>()?)?));
    let tuples: Vec<Tuple> = admitted.collect::<Result<_, Box<dyn Error>>>()?;
    let second = with_schema.next_entry(now, "ada", "request-2", Body::Changes(tuples.into_iter().map(Change::created).collect()))?;
    let state = with_schema.apply(&second)?;
    println!("revision {} with {} tuples, digest {}", state.revision(), state.len(), state.digest());
    // `second.encode()` is what a program would keep: folding all entries again gives the same state, or an error that says which is wrong.
    println!("the entry has {} bytes\n", second.encode()?.len());

    // A state with its schema compiled: what checks are asked of, from as many threads as there are.
    let context = Context::new();
    let questions = ["document:plan#view@user:ada", "document:plan#view@user:eve", "document:memo#view@user:ada"];
    ask(&state, now, &context, &questions)?;

    // A list is what its checks say.
    let prepared = state.prepare(None)?;
    let ada = "user:ada".parse()?;
    let page = prepared.evaluator(now, &context).list_objects(&"document".into(), &"view".into(), &ada, PageRequest::default())?;
    let documents: Vec<String> = page.items.iter().map(|item| item.object.to_string()).collect();
    println!("\nuser:ada may view {}", documents.join(", "));

    // Why: the plain evaluator takes its time, and looks at everything.
    let evaluator = Evaluator::new(&schema, &state, now, &context);
    for question in questions.into_iter().take(2) {
        let explanation = evaluator.explain(&question.parse()?)?;
        println!("\n{question}: {:?}", explanation.decision);
        for step in &explanation.steps {
            let provenance = step.evidence().map(|evidence| format!(" ({})", evidence.provenance)).unwrap_or_default();
            println!("{}{:<4} {step}{provenance}", "  ".repeat(step.depth + 1), step.verdict.to_string());
        }
        for miss in &explanation.nearest_misses {
            println!("  what came closest: {miss}");
        }
    }

    // The whole store as a file: here in memory; a program writes it under another name, syncs and renames it, and maps it when it starts.
    let mut file = Vec::new();
    let about = SnapshotAbout { time: now, actor: "the example".into(), store_name: "main".into(), program: "embed".into() };
    let written = state.write_snapshot(&about, &mut file)?;
    println!("\na snapshot of {} bytes in {} sections, root {}", written.bytes, written.sections, written.root);
    let snapshot = State::open_snapshot(Arc::new(AlignedBytes::copy_of(&file)), Some(state.store()))?;
    snapshot.verify()?;
    println!(
        "opened: revision {}, written by {} at {}",
        snapshot.head().position.revision,
        snapshot.head().about.actor,
        snapshot.head().about.time
    );
    ask(snapshot.state(), now, &context, &questions)?;

    // It goes on where it was: the memo's viewer is taken away.
    let gone = Change::deleted("document:memo#viewer@user:ada[expiration:2030-01-01T00:00:00Z]".parse()?);
    let third = snapshot.state().next_entry(now, "bob", "request-3", Body::Changes(vec![gone]))?;
    let next = snapshot.state().apply(&third)?;
    println!("\nrevision {}", next.revision());
    ask(&next, now, &context, &questions)
}

fn ask(state: &State, now: Timestamp, context: &Context, questions: &[&str]) -> Result<(), Box<dyn Error>> {
    let prepared = state.prepare(None)?;
    let evaluator = prepared.evaluator(now, context);
    for question in questions {
        let key: TupleKey = question.parse()?;
        println!("{question}: {:?}", evaluator.check(&key)?);
    }
    Ok(())
}
