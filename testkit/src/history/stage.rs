//! Where a history is played: the engine's store beside a plain map of each revision's tuples.

use std::collections::BTreeMap;
use std::sync::Arc;

use dhow_engine::digest::Digest;
use dhow_engine::entry::{Body, Change, Entry, SchemaSource, SchemaText};
use dhow_engine::history::{History, Window};
use dhow_engine::schema_version::WrittenSchema;
use dhow_engine::search::Prepared;
use dhow_engine::snapshot::SnapshotAbout;
use dhow_engine::state::{Part, Position, Rebuild, State};
use dhow_engine::tuple::{Tuple as Stored, TupleKey};
use dhow_engine::words::AlignedBytes;
use dhow_schema::ir::Schema;

use super::asking::Asking;
use super::counts::Counts;
use super::judges::{Judges, Verdict};
use super::{Inquiry, Script, Step};
use crate::engine::{STORE, stored};
use crate::model::{CaveatKind, Definition, Model, Tuple, World};
use crate::plain::PlainView;

/// A tuple in both forms.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) model: Tuple,
    stored: Arc<Stored>,
}

/// The tuples of a revision.
pub(super) type Tuples = Arc<BTreeMap<TupleKey, Known>>;

/// A tuple before and after an entry.
type Images = (Option<Arc<Stored>>, Option<Arc<Stored>>);

/// The type that no schema has.
const PADDING: &str = "padding";

fn padding(place: usize) -> String {
    format!("{PADDING}:{}#of@{PADDING}:{}", 2 * place, 2 * place + 1)
}

/// See the module.
pub(super) struct Stage {
    models: Vec<(Model, Arc<Schema>)>,
    /// Declares every caveat: tuples are read by it, whatever schema they are meant for.
    caveats: Schema,
    /// What is there from the beginning, and in no revision's tuples.
    padding: Vec<Stored>,
    history: History,
    entries: Vec<Entry>,
    /// By revision, from 0 on.
    positions: Vec<Position>,
    tuples: Vec<Tuples>,
    rebuild: Option<Rebuild>,
    waiting: Option<Part>,
    held: Option<State>,
    pub(super) counts: Counts,
}

impl Stage {
    pub(super) fn new(script: &Script) -> Self {
        let compiled = |model: &Model| dhow_schema::compile_str(&model.to_string()).unwrap_or_else(|error| panic!("{error}\n{model}"));
        let user = Definition { name: "user".to_owned(), relations: Vec::new(), permissions: Vec::new() };
        let caveats = compiled(&Model { definitions: vec![user], caveats: CaveatKind::ALL.into() });
        let window = Window { max_states: script.max_states, ..Window::default() };
        let padding: Vec<Stored> = (0..script.padding).map(|place| padding(place).parse().expect("a tuple")).collect();
        let digest = padding.iter().fold(Digest::default(), Digest::with_tuple);
        let first = State::load(STORE, Position::genesis(STORE), digest, [], padding.iter().cloned()).expect("the digest of these tuples");
        Self {
            models: script.models.iter().map(|model| (model.clone(), Arc::new(compiled(model)))).collect(),
            caveats,
            padding,
            history: History::new(first, window),
            entries: Vec::new(),
            positions: vec![Position::genesis(STORE)],
            tuples: vec![Tuples::default()],
            rebuild: None,
            waiting: None,
            held: None,
            counts: Counts::default(),
        }
    }

    /// Plays a whole script.
    pub(super) fn play_all(script: &Script) -> Result<(), String> {
        let mut stage = Self::new(script);
        script.steps.iter().try_for_each(|step| stage.play(step))
    }

    /// Plays a step; says what is wrong afterwards.
    pub(super) fn play(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Write(wanted) => self.write(wanted),
            Step::Schema(model) => self.write_schema(*model),
            Step::Work => self.work(),
            Step::Install => self.install(),
            Step::Restart(back) => self.restart(*back),
            Step::Hold(age) => self.hold(*age),
            Step::Ask(inquiry) => {
                let judges = self.judges(inquiry);
                let verdicts: Vec<_> = inquiry.questions.iter().map(|asked| judges.check(&asked.question)).collect();
                self.ask(inquiry, &verdicts)
            }
        }
    }

    fn write(&mut self, wanted: &[(Tuple, bool)]) -> Result<(), String> {
        let mut next = (**self.newest()).clone();
        let mut images: BTreeMap<TupleKey, Images> = BTreeMap::new();
        for (tuple, keep) in wanted {
            let read = Arc::new(stored(&self.caveats, &tuple.to_string()));
            let key = read.key.clone();
            let known = Known { model: tuple.clone(), stored: Arc::clone(&read) };
            let before = if *keep { next.insert(key.clone(), known) } else { next.remove(&key) };
            let image = images.entry(key).or_insert_with(|| (before.map(|known| known.stored), None));
            image.1 = keep.then_some(read);
        }
        let owned = |image: Option<Arc<Stored>>| image.map(|tuple| (*tuple).clone());
        let changes = images.into_values().filter_map(|(before, after)| Change::new(owned(before), owned(after))).collect();
        self.push(Body::Changes(changes), Arc::new(next))
    }

    fn write_schema(&mut self, model: usize) -> Result<(), String> {
        let version = self.history.head().latest_schema().map_or(0, |schema| schema.version()) + 1;
        let text = SchemaText { version, source: SchemaSource::native(self.models[model].0.to_string()) };
        self.push(Body::Schema(text), Arc::clone(self.newest()))
    }

    fn push(&mut self, body: Body, tuples: Tuples) -> Result<(), String> {
        let head = self.history.head();
        let entry = head.next_entry(head.position().time.plus_microseconds(1), "testkit", "", body).map_err(|error| error.to_string())?;
        let next = head.apply(&entry).map_err(|error| error.to_string())?;
        self.positions.push(*next.position());
        self.history.push(next, 1).map_err(|error| error.to_string())?;
        self.entries.push(entry);
        self.tuples.push(tuples);
        Ok(())
    }

    fn work(&mut self) -> Result<(), String> {
        if self.waiting.is_none() {
            let rebuild = self.rebuild.get_or_insert_with(|| Rebuild::begin_now(self.history.head()));
            self.waiting = rebuild.work(self.history.head());
            if self.waiting.is_none() {
                self.rebuild = None;
            }
        }
        Ok(())
    }

    fn install(&mut self) -> Result<(), String> {
        let Some(part) = self.waiting.take() else { return Ok(()) };
        let head = part.install(self.history.head(), self.history.oldest());
        self.history.replace_head(head).map_err(|error| error.to_string())
    }

    fn restart(&mut self, back: usize) -> Result<(), String> {
        (self.rebuild, self.waiting) = (None, None);
        // Whatever memory the head is in just now; every other time it comes from a table.
        let head = if self.entries.len().is_multiple_of(2) { self.through_file()? } else { self.through_table()? };
        self.history = History::new(head, self.history.window());
        for (entry, before) in self.entries.iter().zip(&self.positions).rev().take(back) {
            let oldest = self.history.at(self.history.oldest()).map_err(|error| error.to_string())?;
            let previous = oldest.unapply(entry, before).map_err(|error| error.to_string())?;
            if !self.history.push_older(previous, 1).map_err(|error| error.to_string())? {
                break;
            }
        }
        Ok(())
    }

    /// The head, through a snapshot file.
    fn through_file(&self) -> Result<State, String> {
        let mut file = Vec::new();
        let about = SnapshotAbout {
            time: self.history.head().position().time,
            actor: "testkit".to_owned(),
            store_name: String::new(),
            program: String::new(),
        };
        self.history.head().write_snapshot(&about, &mut file).map_err(|error| error.to_string())?;
        let snapshot = State::open_snapshot(Arc::new(AlignedBytes::copy_of(&file)), Some(STORE)).map_err(|error| error.to_string())?;
        snapshot.verify().map_err(|error| error.to_string())?;
        Ok(snapshot.into_state())
    }

    /// The head, from its schema versions and tuples.
    fn through_table(&self) -> Result<State, String> {
        let head = self.history.head();
        let schemas: Vec<WrittenSchema> = head.schemas().map(|schema| written(schema)).collect();
        let tuples = self.padding.iter().cloned().chain(self.newest().values().map(|known| (*known.stored).clone()));
        State::load(STORE, *head.position(), *head.digest(), schemas, tuples).map_err(|error| error.to_string())
    }

    /// The tuples of the head.
    pub(super) fn newest(&self) -> &Tuples {
        self.tuples.last().expect("there is the first")
    }

    /// The first revision of the window, and the last.
    pub(super) fn window(&self) -> (u64, u64) {
        (self.history.oldest(), self.history.head().revision())
    }

    fn state_back(&self, age: u64) -> Result<State, String> {
        let (oldest, head) = self.window();
        self.history.at(head.saturating_sub(age).max(oldest)).map_err(|error| error.to_string())
    }

    fn hold(&mut self, age: u64) -> Result<(), String> {
        self.held = Some(self.state_back(age)?);
        Ok(())
    }

    /// The state that an inquiry is about.
    fn state(&self, inquiry: &Inquiry) -> Result<State, String> {
        match &self.held {
            Some(held) if inquiry.held => Ok(held.clone()),
            Some(_) | None => self.state_back(inquiry.age),
        }
    }

    /// The tuples that an inquiry is about.
    pub(super) fn tuples(&self, inquiry: &Inquiry) -> &Tuples {
        let revision = self.state(inquiry).expect("within the window").revision();
        &self.tuples[usize::try_from(revision).expect("few revisions")]
    }

    /// The judges of an inquiry.
    pub(super) fn judges(&self, inquiry: &Inquiry) -> Judges<'_> {
        let tuples = self.tuples(inquiry);
        let (model, schema) = &self.models[inquiry.model];
        let world = || World { model: model.clone(), tuples: tuples.values().map(|known| known.model.clone()).collect(), now: inquiry.now };
        Judges {
            schema,
            caveats: &self.caveats,
            view: PlainView::new(tuples.values().map(|known| Arc::clone(&known.stored))),
            now: inquiry.now,
            world: inquiry.by_oracle.then(world),
        }
    }

    /// Asks the engine, and compares; the verdicts are those on the questions as checks.
    pub(super) fn ask(&mut self, inquiry: &Inquiry, verdicts: &[Verdict]) -> Result<(), String> {
        let state = self.state(inquiry)?;
        if inquiry.by_oracle {
            self.compare_tuples(&state, inquiry)?;
        }
        let prepared = Prepared::new(&state, Arc::clone(&self.models[inquiry.model].1)).map_err(|error| error.to_string())?;
        let judges = self.judges(inquiry);
        let mut asking = Asking { judges: &judges, prepared: &prepared, counts: Counts::default() };
        asking.all(&inquiry.questions, verdicts).map_err(|wrong| format!("at revision {}: {wrong}", state.revision()))?;
        let counts = asking.counts;
        self.counts.add(&counts);
        Ok(())
    }

    fn compare_tuples(&self, state: &State, inquiry: &Inquiry) -> Result<(), String> {
        let expected = self.tuples(inquiry).values().map(|known| &known.stored);
        let found: Vec<Arc<Stored>> = state.tuples().filter(|tuple| **tuple.key.object().object_type() != *PADDING).collect();
        if expected.eq(found.iter()) { Ok(()) } else { Err(format!("at revision {} there are other tuples: {found:?}", state.revision())) }
    }
}

fn written(schema: &dhow_engine::schema_version::SchemaVersion) -> WrittenSchema {
    WrittenSchema { text: schema.text.clone(), revision: schema.revision, time: schema.time, actor: schema.actor.clone() }
}
