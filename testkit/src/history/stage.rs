//! Where a history is played: the engine's store beside a plain map of each revision's tuples.

use std::collections::BTreeMap;
use std::sync::Arc;

use dhow_engine::digest::Digest;
use dhow_engine::entry::{Body, Change, Entry, SchemaSource, SchemaText};
use dhow_engine::eval::{Decision, EvalError, Evaluator, GraphView, Overlay};
use dhow_engine::history::{History, Window};
use dhow_engine::schema_version::WrittenSchema;
use dhow_engine::search::Prepared;
use dhow_engine::snapshot::SnapshotAbout;
use dhow_engine::state::{Part, Position, Rebuild, State};
use dhow_engine::tuple::{Tuple as Stored, TupleKey};
use dhow_engine::words::AlignedBytes;
use dhow_schema::ir::Schema;

use super::{Inquiry, Script, Step};
use crate::engine::{STORE, agrees, context_of, stored, time};
use crate::model::{CaveatKind, Definition, Model, Question, Tuple, World};
use crate::oracle::{Answer, decide};
use crate::plain::PlainView;
use crate::runner::Tally;

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

/// What the judges say.
#[derive(Debug)]
pub(super) struct Verdict {
    circuit: Result<Decision, EvalError>,
    oracle: Option<Answer>,
}

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
    pub(super) tally: Tally,
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
            tally: Tally::default(),
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
                let view = self.view(inquiry);
                let verdicts: Vec<_> = inquiry.questions.iter().map(|question| self.judge(&view, inquiry, question)).collect();
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
        let about = SnapshotAbout { time: self.history.head().position().time, actor: "testkit".to_owned() };
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

    /// The tuples that an inquiry is about, for the circuit.
    pub(super) fn view(&self, inquiry: &Inquiry) -> PlainView {
        PlainView::new(self.tuples(inquiry).values().map(|known| Arc::clone(&known.stored)))
    }

    /// What a question's answer must be.
    pub(super) fn judge(&self, view: &PlainView, inquiry: &Inquiry, question: &Question) -> Verdict {
        let (model, schema) = &self.models[inquiry.model];
        let contextual = self.contextual(question);
        let overlay = Overlay::new(view, contextual);
        let view: &dyn GraphView = if question.contextual.is_empty() { view } else { &overlay };
        let context = context_of(&question.context);
        let circuit = Evaluator::new(schema, view, time(inquiry.now), &context).check(&key(question));
        let oracle = inquiry.by_oracle.then(|| {
            let tuples = self.tuples(inquiry).values().map(|known| known.model.clone()).collect();
            decide(&World { model: model.clone(), tuples, now: inquiry.now }, question)
        });
        Verdict { circuit, oracle }
    }

    fn contextual(&self, question: &Question) -> Vec<Stored> {
        question.contextual.iter().map(|tuple| stored(&self.caveats, &tuple.to_string())).collect()
    }

    /// Asks the engine, and compares.
    pub(super) fn ask(&mut self, inquiry: &Inquiry, verdicts: &[Verdict]) -> Result<(), String> {
        let state = self.state(inquiry)?;
        let revision = state.revision();
        if inquiry.by_oracle {
            self.compare_tuples(&state, inquiry)?;
        }
        let prepared = Prepared::new(&state, Arc::clone(&self.models[inquiry.model].1)).map_err(|error| error.to_string())?;
        for (question, verdict) in inquiry.questions.iter().zip(verdicts) {
            let (contextual, context) = (self.contextual(question), context_of(&question.context));
            let evaluator = prepared.evaluator(time(inquiry.now), &context).with_contextual(&contextual);
            let found = evaluator.check(&key(question));
            if !verdict.agrees(&found) {
                let Verdict { circuit, oracle } = verdict;
                return Err(format!(
                    "at revision {revision}: {question}\n  oracle:  {oracle:?}\n  circuit: {circuit:?}\n  search:  {found:?}"
                ));
            }
            self.tally.count(&verdict.answer());
        }
        Ok(())
    }

    fn compare_tuples(&self, state: &State, inquiry: &Inquiry) -> Result<(), String> {
        let expected = self.tuples(inquiry).values().map(|known| &known.stored);
        let found: Vec<Arc<Stored>> = state.tuples().filter(|tuple| **tuple.key.object().object_type() != *PADDING).collect();
        if expected.eq(found.iter()) { Ok(()) } else { Err(format!("at revision {} there are other tuples: {found:?}", state.revision())) }
    }
}

impl Verdict {
    /// Whether an answer is what both judges say.
    fn agrees(&self, found: &Result<Decision, EvalError>) -> bool {
        let same = match (found, &self.circuit) {
            (Ok(found), Ok(circuit)) => found == circuit,
            (Err(EvalError::Caveat(_)), Err(EvalError::Caveat(_))) => true,
            _ => false,
        };
        same && self.oracle.as_ref().is_none_or(|oracle| agrees(found, oracle))
    }

    /// The answer, for counting: a paradox where brute force has told it from another denial.
    pub(super) fn answer(&self) -> Answer {
        match (&self.oracle, &self.circuit) {
            (Some(oracle), _) => oracle.clone(),
            (None, Ok(Decision::Allowed)) => Answer::Allowed,
            (None, Ok(Decision::Denied)) => Answer::Denied { paradox: false },
            (None, Ok(Decision::Conditional { missing })) => Answer::Conditional(missing.iter().map(ToString::to_string).collect()),
            (None, Err(_)) => Answer::Error,
        }
    }
}

fn key(question: &Question) -> TupleKey {
    let text = format!("{}#{}@{}", question.object, question.permission, question.subject);
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn written(schema: &dhow_engine::schema_version::SchemaVersion) -> WrittenSchema {
    WrittenSchema { text: schema.text.clone(), revision: schema.revision, time: schema.time, actor: schema.actor.clone() }
}
