//! The engine as an implementation under test: no server, no store, no wire.

use std::collections::BTreeMap;
use std::sync::Arc;

use dhow_engine::entry::{Body, Change, StoreId};
use dhow_engine::eval::{Decision, EvalError, Evaluator, Exclusion, GraphView, ListedSubject, Overlay, Page, PageRequest};
use dhow_engine::filter::TupleFilter;
use dhow_engine::search::{self, Prepared};
use dhow_engine::state::{Rebuild, State};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{Tuple, TupleCaveat, TupleKey};
use dhow_engine::validate::{TupleRefused, admit};
use dhow_schema::ir::{Name, Schema};
use dhow_schema::value::{Context, context_from_json_object};
use dhow_schema::{MemorySources, compile};
use serde_json::{Map, Value};

use crate::case::{Ask, Decided, Decider, Failure, Leaf, ListedItem, Setup};
use crate::lists::{Lists, the_same};
use crate::model::{Question, World, timestamp_text};
use crate::oracle::Answer;

/// The store of all tests.
pub const STORE: StoreId = StoreId([7; 16]);

/// The most changes of one entry.
const ENTRY: usize = 500;

/// The evaluators over a state: checks by the one that serves, which must come to what the plain one does; all else by the plain one.
#[derive(Debug, Clone, Copy)]
pub struct Engine;

/// A schema and a state.
#[derive(Debug, Clone)]
pub struct EngineStore {
    /// The schema.
    pub schema: Arc<Schema>,
    /// The tuples.
    pub state: State,
    /// Codes of the schema's warnings.
    pub warnings: Vec<String>,
}

impl EngineStore {
    /// The store of a generated world, tuples that its schema does not allow included.
    ///
    /// # Panics
    /// When schema or tuples cannot be read: a generated world is valid.
    #[must_use]
    pub fn of_world(world: &World) -> Self {
        let schema = dhow_schema::compile_str(&world.model.to_string()).unwrap_or_else(|error| panic!("{error}\n{}", world.model));
        let tuples = world.tuples.iter().map(|tuple| stored(&schema, &tuple.to_string()));
        let state = state_of(tuples.collect());
        Self { schema: Arc::new(schema), state, warnings: Vec::new() }
    }

    /// The same tuples, all of them in the base of the graph.
    ///
    /// # Panics
    /// When the engine does not take an entry.
    #[must_use]
    pub fn in_base(&self) -> Self {
        Self { state: settled(self.state.clone()), ..self.clone() }
    }

    /// The same tuples, every other one of which is in the base of the graph, the rest changed after it.
    ///
    /// # Panics
    /// When the engine does not take an entry.
    #[must_use]
    pub fn half_in_base(&self) -> Self {
        let every = TupleFilter::default();
        let all = self.state.scan(&every, None).map(|tuple| (*tuple).clone());
        let (base, after): (Vec<_>, Vec<_>) = all.enumerate().partition(|(place, _)| place % 2 == 0);
        let tuples = |part: Vec<(usize, Tuple)>| part.into_iter().map(|(_, tuple)| tuple).collect::<Vec<_>>();
        let state = settled(state_of(tuples(base)));
        Self { state: with_tuples(state, &tuples(after)), ..self.clone() }
    }

    /// The engine's decision of a generated question.
    ///
    /// # Errors
    /// Why there is none.
    ///
    /// # Panics
    /// When the question cannot be read.
    pub fn check(&self, now: i64, question: &Question) -> Result<Decision, EvalError> {
        let key = format!("{}#{}@{}", question.object, question.permission, question.subject);
        let key: TupleKey = key.parse().unwrap_or_else(|error| panic!("{key}: {error}"));
        self.asking(now, question, |evaluator| evaluator.check(&key))
    }

    /// The decision of the serving path's evaluator.
    ///
    /// # Errors
    /// Why there is none.
    ///
    /// # Panics
    /// When the question cannot be read, or the schema has too many names.
    pub fn check_by_search(&self, now: i64, question: &Question) -> Result<Decision, EvalError> {
        let key = format!("{}#{}@{}", question.object, question.permission, question.subject);
        let key: TupleKey = key.parse().unwrap_or_else(|error| panic!("{key}: {error}"));
        self.asking_search(now, question, |evaluator| evaluator.check(&key))
    }

    /// [`EngineStore::asking`] with the serving path's evaluator.
    ///
    /// # Panics
    /// When the question cannot be read, or the schema has too many names.
    pub fn asking_search<T>(&self, now: i64, question: &Question, ask: impl FnOnce(&search::Evaluator<'_>) -> T) -> T {
        let contextual: Vec<Tuple> = question.contextual.iter().map(|tuple| stored(&self.schema, &tuple.to_string())).collect();
        let context = context_of(&question.context);
        ask(&self.prepared().evaluator(time(now), &context).with_contextual(&contextual))
    }

    /// Runs something with each evaluator's lists, the circuit's first, and the evaluator's name.
    ///
    /// # Errors
    /// The first error.
    ///
    /// # Panics
    /// When the question cannot be read, or the schema has too many names.
    pub fn listing(
        &self,
        now: i64,
        question: &Question,
        mut ask: impl FnMut(&str, &dyn Lists) -> Result<(), String>,
    ) -> Result<(), String> {
        self.asking(now, question, |evaluator| ask("circuit", evaluator))?;
        self.asking_search(now, question, |evaluator| ask("search", evaluator))
    }

    /// The state, prepared for the schema.
    ///
    /// # Panics
    /// When the schema has too many names.
    #[must_use]
    pub fn prepared(&self) -> Prepared {
        Prepared::new(&self.state, Arc::clone(&self.schema)).expect("few names")
    }

    /// Runs something with the evaluator for a question's context, contextual tuples and time.
    ///
    /// # Panics
    /// When the question cannot be read.
    pub fn asking<T>(&self, now: i64, question: &Question, ask: impl FnOnce(&Evaluator<'_>) -> T) -> T {
        let contextual = question.contextual.iter().map(|tuple| stored(&self.schema, &tuple.to_string()));
        let view = Overlay::new(&self.state, contextual);
        let view: &dyn GraphView = if question.contextual.is_empty() { &self.state } else { &view };
        let context = context_of(&question.context);
        ask(&Evaluator::new(&self.schema, view, time(now), &context))
    }
}

/// Whether the engine's answer is the oracle's; the engine does not tell a paradox from another denial.
#[must_use]
pub fn agrees(found: &Result<Decision, EvalError>, expected: &Answer) -> bool {
    match (found, expected) {
        (Ok(Decision::Allowed), Answer::Allowed)
        | (Ok(Decision::Denied), Answer::Denied { .. })
        | (Err(EvalError::Caveat(_)), Answer::Error) => true,
        (Ok(Decision::Conditional { missing }), Answer::Conditional(names)) => {
            missing.iter().map(|name| &**name).eq(names.iter().map(String::as_str))
        }
        _ => false,
    }
}

/// A tuple as it is stored, its context converted by its caveat; whether the schema allows it is not looked at.
///
/// # Panics
/// When the text is no tuple, or its context not the caveat's.
#[must_use]
pub fn stored(schema: &Schema, text: &str) -> Tuple {
    let mut tuple: Tuple = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    if let Some(given) = &tuple.caveat {
        let caveat = schema.caveats.get(given.name()).unwrap_or_else(|| panic!("{text}: unknown caveat"));
        let context = caveat.admit(given.context()).unwrap_or_else(|error| panic!("{text}: {error}"));
        tuple.caveat = Some(TupleCaveat::new(given.name().clone(), context).expect("a name that was one stays one"));
    }
    tuple
}

/// The same state with a new base.
fn settled(mut state: State) -> State {
    let mut rebuild = Rebuild::begin_now(&state);
    while let Some(part) = rebuild.work(&state) {
        state = part.install(&state, state.revision());
    }
    state
}

/// A state with these tuples; of two with the same key the later one stays.
///
/// # Panics
/// When the engine does not take an entry.
#[must_use]
pub fn state_of(tuples: Vec<Tuple>) -> State {
    let tuples: BTreeMap<TupleKey, Tuple> = tuples.into_iter().map(|tuple| (tuple.key.clone(), tuple)).collect();
    let tuples: Vec<Tuple> = tuples.into_values().collect();
    with_tuples(State::genesis(STORE), &tuples)
}

fn with_tuples(mut state: State, tuples: &[Tuple]) -> State {
    for part in tuples.chunks(ENTRY) {
        let changes = part.iter().cloned().map(Change::created).collect();
        let entry = state.next_entry(Timestamp::MIN, "testkit", "", Body::Changes(changes)).expect("changes of new keys");
        state = state.apply(&entry).expect("an entry made for this state");
    }
    state
}

/// A request time in whole seconds since the Unix epoch.
///
/// # Panics
/// Outside the years that RFC 3339 has.
#[must_use]
pub fn time(seconds: i64) -> Timestamp {
    timestamp_text(seconds).parse().expect("a time that was printed as RFC 3339")
}

pub(crate) fn context_of(context: &Map<String, Value>) -> Context {
    context_from_json_object(&Value::Object(context.clone())).expect("generated context can be read")
}

fn failure(code: &str, message: &impl ToString) -> Failure {
    Failure { code: code.to_owned(), message: message.to_string() }
}

fn refused(error: &TupleRefused) -> Failure {
    failure(error.code(), error)
}

fn failed(error: &EvalError) -> Failure {
    failure(error.code(), error)
}

/// Parses a text by the engine's own reader.
macro_rules! parse {
    ($text:expr) => {
        $text.parse().map_err(|error| {
            let error: dhow_engine::tuple::TupleTextError = error;
            failure(error.code(), &error)
        })
    };
}

fn admitted(schema: &Schema, text: &str) -> Result<Tuple, Failure> {
    let tuple: Tuple = parse!(text)?;
    admit(schema, &tuple).map_err(|error| refused(&error))
}

/// What comes with a question.
struct Asked {
    time: Timestamp,
    context: Context,
    contextual: Vec<Tuple>,
}

impl Engine {
    fn read(store: &EngineStore, ask: &Ask<'_>) -> Result<Asked, Failure> {
        let time = ask.at.parse().map_err(|error| failure("time", &format!("{error:?}")))?;
        let context = context_from_json_object(&Value::Object(ask.context.clone())).map_err(|error| failure(error.code(), &error))?;
        let contextual = ask.with.iter().map(|text| admitted(&store.schema, text)).collect::<Result<Vec<_>, _>>()?;
        Ok(Asked { time, context, contextual })
    }

    fn ask<T>(store: &EngineStore, ask: &Ask<'_>, question: impl FnOnce(&Evaluator<'_>) -> Result<T, Failure>) -> Result<T, Failure> {
        let Asked { time, context, contextual } = Self::read(store, ask)?;
        let view = Overlay::new(&store.state, contextual);
        question(&Evaluator::new(&store.schema, &view, time, &context))
    }

    /// A list, if both evaluators give the same one.
    fn list<T: PartialEq + std::fmt::Debug>(
        store: &EngineStore,
        ask: &Ask<'_>,
        list: impl Fn(&dyn Lists) -> Result<Page<T>, EvalError>,
    ) -> Result<Vec<T>, Failure> {
        let time: Timestamp = ask.at.parse().map_err(|error| failure("time", &format!("{error:?}")))?;
        let context = context_from_json_object(&Value::Object(ask.context.clone())).map_err(|error| failure(error.code(), &error))?;
        let contextual = ask.with.iter().map(|text| admitted(&store.schema, text)).collect::<Result<Vec<_>, _>>()?;
        let prepared = store.prepared();
        let by_search = list(&prepared.evaluator(time, &context).with_contextual(&contextual));
        let view = Overlay::new(&store.state, contextual);
        let by_circuit = list(&Evaluator::new(&store.schema, &view, time, &context));
        let page = the_same(by_circuit, &by_search).map_err(|differ| failure("evaluators_differ", &differ))?;
        page.map(|page| page.items).map_err(|error| failed(&error))
    }
}

impl Decider for Engine {
    type Store = EngineStore;

    fn open(&self, setup: &Setup<'_>) -> Result<EngineStore, Vec<Failure>> {
        let mut sources = MemorySources::single(setup.schema);
        for (path, text) in setup.imports {
            sources.insert(path, text);
        }
        let compilation = compile(dhow_schema::source::SINGLE_FILE, &sources);
        let (errors, warnings): (Vec<_>, Vec<_>) = compilation.diagnostics.into_iter().partition(dhow_schema::Diagnostic::is_error);
        let Some(schema) = compilation.schema else {
            return Err(errors.into_iter().map(|error| failure(error.code, &error.message)).collect());
        };
        let tuples = setup
            .tuples
            .iter()
            .map(|text| admitted(&schema, text).map_err(|error| vec![Failure { message: format!("{text}: {}", error.message), ..error }]));
        let state = state_of(tuples.collect::<Result<Vec<_>, _>>()?);
        let warnings = warnings.into_iter().map(|warning| warning.code.to_owned()).collect();
        Ok(EngineStore { schema: Arc::new(schema), state, warnings })
    }

    fn schema_warnings(&self, store: &EngineStore) -> Vec<String> {
        store.warnings.clone()
    }

    fn try_write(&self, store: &EngineStore, tuple: &str) -> Result<(), Failure> {
        admitted(&store.schema, tuple).map(drop)
    }

    fn check(&self, store: &EngineStore, ask: &Ask<'_>) -> Result<Decided, Failure> {
        let key: TupleKey = parse!(ask.text)?;
        let Asked { time, context, contextual } = Self::read(store, ask)?;
        let prepared = store.prepared();
        let served = prepared.evaluator(time, &context).with_contextual(&contextual).check(&key);
        let view = Overlay::new(&store.state, contextual);
        let plain = Evaluator::new(&store.schema, &view, time, &context).check(&key);
        if served != plain {
            return Err(failure("contradiction", &format!("by search {served:?}, by the circuit {plain:?}")));
        }
        served.map_err(|error| failed(&error)).map(decided)
    }

    fn list_objects(&self, store: &EngineStore, ask: &Ask<'_>) -> Result<Vec<ListedItem>, Failure> {
        // `document#view@user:ada` with an id for the type to stand before.
        let (object_type, rest) = ask.text.split_once('#').unwrap_or((ask.text, ""));
        let key: TupleKey = parse!(format!("{object_type}:any#{rest}"))?;
        let items = Self::list(store, ask, |lists| {
            lists.objects(key.object().object_type(), key.relation(), key.subject(), PageRequest::default())
        })?;
        Ok(items.into_iter().map(|item| listed(item.object.id(), item.decision, Vec::new())).collect())
    }

    fn list_subjects(&self, store: &EngineStore, ask: &Ask<'_>, subject_type: &str) -> Result<Vec<ListedItem>, Failure> {
        let key: TupleKey = parse!(format!("{}@any:any", ask.text))?;
        let (subject_type, relation) = match subject_type.split_once('#') {
            Some((subject_type, relation)) => (Name::from(subject_type), Some(Name::from(relation))),
            None => (Name::from(subject_type), None),
        };
        let items = Self::list(store, ask, |lists| {
            lists.subjects(key.object(), key.relation(), (&subject_type, relation.as_ref()), PageRequest::default())
        })?;
        let except = |exclusion: Exclusion| listed(exclusion.subject.id(), exclusion.decision, Vec::new());
        let item = |item: ListedSubject| listed(item.subject.id(), item.decision, item.exclusions.into_iter().map(except).collect());
        Ok(items.into_iter().map(item).collect())
    }

    fn list_permissions(&self, store: &EngineStore, ask: &Ask<'_>) -> Result<Vec<ListedItem>, Failure> {
        let (object, subject) = ask.text.split_once('@').unwrap_or((ask.text, ""));
        let key: TupleKey = parse!(format!("{object}#any@{subject}"))?;
        let items = Self::list(store, ask, |lists| lists.permissions(key.object(), key.subject(), PageRequest::default()))?;
        Ok(items.into_iter().map(|item| listed(&item.name, item.decision, Vec::new())).collect())
    }

    fn expand(&self, store: &EngineStore, ask: &Ask<'_>, depth: Option<u32>) -> Result<Vec<Leaf>, Failure> {
        let key: TupleKey = parse!(format!("{}@any:any", ask.text))?;
        Self::ask(store, ask, |evaluator| {
            let expansion = evaluator.expand(key.object(), key.relation(), depth).map_err(|error| failed(&error))?;
            let leaf = |tuple: &Arc<Tuple>| {
                let caveat = tuple.caveat.as_ref().map(|caveat| format!(" [{}]", caveat.name())).unwrap_or_default();
                let userset = format!("{}#{}", tuple.key.object(), tuple.key.relation());
                Leaf { userset, subject: format!("{}{caveat}", tuple.key.subject()) }
            };
            Ok(expansion.direct_tuples().map(leaf).collect())
        })
    }
}

fn listed(item: &str, decision: Decision, except: Vec<ListedItem>) -> ListedItem {
    let missing = match decided(decision) {
        Decided::Conditional(missing) => missing,
        Decided::Allowed | Decided::Denied => Vec::new(),
    };
    ListedItem { item: item.to_owned(), missing, except }
}

fn decided(decision: Decision) -> Decided {
    match decision {
        Decision::Allowed => Decided::Allowed,
        Decision::Denied => Decided::Denied,
        Decision::Conditional { missing } => Decided::Conditional(missing.iter().map(ToString::to_string).collect()),
    }
}
