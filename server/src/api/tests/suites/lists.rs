//! Each list that a file's questions name: ListObjects for (type, permission, subject), ListSubjects for (object, permission, kind of
//! subject). It must be what checks of everything that a tuple or the question names say, no more and no less.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use dhow_engine::eval::{Decision, Exclusion, ListedSubject};
use dhow_engine::tuple::{ObjectRef, Subject, Tuple, TupleKey};
use dhow_proto::v1;
use dhow_testkit::implied::{said, well_formed};
use futures_util::{StreamExt as _, stream};

use super::super::collect;
use super::calls::{Store, decision};
use super::{Asked, Counts};
use crate::api::convert::{context_to_wire, object_to_wire, subject_to_wire};

/// Lists of a file that are asked for at the same time.
const LISTS_AT_ONCE: usize = 8;

/// An object that nothing names.
const STRANGER: &str = "nothing-names-this";

/// Checks, each asked once.
#[derive(Default)]
struct Implied {
    places: HashMap<String, usize>,
    asked: Vec<Asked>,
}

impl Implied {
    /// The place of a check among the answers.
    fn add(&mut self, asked: Asked) -> usize {
        *self.places.entry(asked.text()).or_insert_with(|| {
            self.asked.push(asked);
            self.asked.len() - 1
        })
    }
}

/// What is asked about, and the places of the checks that it implies.
struct List<T> {
    asked: Asked,
    implied: Vec<(T, usize)>,
}

/// The objects that a tuple names, by type.
fn named(tuples: &[Tuple]) -> BTreeSet<ObjectRef> {
    tuples.iter().flat_map(|tuple| [Some(tuple.key.object().clone()), tuple.key.subject().object_ref()]).flatten().collect()
}

/// The objects of a type that a tuple or the question names, and one that nothing does.
fn candidates(named: &BTreeSet<ObjectRef>, asked: &Asked, object_type: &str) -> BTreeSet<ObjectRef> {
    let stranger = ObjectRef::new(object_type, STRANGER).unwrap();
    let more = [Some(asked.key.object().clone()), asked.key.subject().object_ref(), Some(stranger)];
    let all = named.iter().cloned().chain(more.into_iter().flatten());
    all.filter(|object| **object.object_type() == *object_type && &**object.id() != "*").collect()
}

fn objects_of(named: &BTreeSet<ObjectRef>, asked: &Asked, implied: &mut Implied) -> List<String> {
    let Asked { key, context } = asked;
    let check = |object: ObjectRef| {
        let id = object.id().to_string();
        let key = TupleKey::new(object, key.relation().clone(), key.subject().clone()).unwrap();
        (id, implied.add(Asked { key, context: context.clone() }))
    };
    let implied = candidates(named, asked, key.object().object_type()).into_iter().map(check).collect();
    List { asked: asked.clone(), implied }
}

fn subjects_of(named: &BTreeSet<ObjectRef>, asked: &Asked, implied: &mut Implied) -> List<Subject> {
    let Asked { key, context } = asked;
    let (of, relation) = (key.subject().object_type(), key.subject().relation());
    let subject = |object: ObjectRef| match relation {
        Some(relation) => Subject::userset(object, relation.clone()).unwrap(),
        None => Subject::object(object),
    };
    let everybody = relation.is_none().then(|| Subject::wildcard(of.clone()).unwrap());
    let subjects = candidates(named, asked, of).into_iter().map(subject).chain(everybody);
    let check = |subject: Subject| {
        let key = TupleKey::new(key.object().clone(), key.relation().clone(), subject.clone()).unwrap();
        (subject, implied.add(Asked { key, context: context.clone() }))
    };
    List { asked: asked.clone(), implied: subjects.map(check).collect() }
}

/// Asks for every list, then for the checks, and holds them against each other.
pub(super) async fn ask(store: &Store<'_>, path: &Path, asked: &[Asked], tuples: &[Tuple]) -> Counts {
    let named = named(tuples);
    let mut implied = Implied::default();
    let (mut objects, mut subjects) = (BTreeMap::new(), BTreeMap::new());
    for asked in asked {
        let Asked { key, context } = asked;
        let name = format!("{}#{}@{} {context:?}", key.object().object_type(), key.relation(), key.subject());
        objects.entry(name).or_insert_with(|| objects_of(&named, asked, &mut implied));
        let kind = (key.subject().object_type(), key.subject().relation());
        let name = format!("{}#{}@{kind:?} {context:?}", key.object(), key.relation());
        subjects.entry(name).or_insert_with(|| subjects_of(&named, asked, &mut implied));
    }
    let (objects, subjects): (Vec<_>, Vec<_>) = (objects.into_values().collect(), subjects.into_values().collect());
    let of_objects: Vec<_> =
        stream::iter(objects.iter().map(|list| list_objects(store, &list.asked))).buffered(LISTS_AT_ONCE).collect().await;
    let of_subjects: Vec<_> =
        stream::iter(subjects.iter().map(|list| list_subjects(store, &list.asked))).buffered(LISTS_AT_ONCE).collect().await;
    let answers = store.batch(&implied.asked).await;

    for (List { asked, implied }, found) in objects.iter().zip(&of_objects) {
        let allowed = implied.iter().map(|(id, place)| (id.clone(), answers[*place].clone()));
        let expected: Vec<(String, Decision)> = allowed.filter(|(_, decision)| !decision.is_denied()).collect();
        assert_eq!(*found, expected, "{}: objects of {}", path.display(), asked.text());
    }
    for (List { asked, implied }, found) in subjects.iter().zip(&of_subjects) {
        well_formed(found).unwrap_or_else(|wrong| panic!("{}: subjects of {}: {wrong}", path.display(), asked.text()));
        for (subject, place) in implied {
            let expected =
                said(&[ListedSubject { subject: subject.clone(), decision: answers[*place].clone(), exclusions: Vec::new() }], subject);
            assert_eq!(said(found, subject), expected, "{}: {subject} among the subjects of {}: {found:?}", path.display(), asked.text());
        }
        let stranger = found.iter().find(|item| !implied.iter().any(|(subject, _)| *subject == item.subject));
        assert!(stranger.is_none(), "{}: {stranger:?} among the subjects of {}", path.display(), asked.text());
    }
    let listed = of_objects.iter().map(Vec::len).sum::<usize>() + of_subjects.iter().map(Vec::len).sum::<usize>();
    Counts {
        lists_of_objects: objects.len() as u64,
        lists_of_subjects: subjects.len() as u64,
        listed: listed as u64,
        implied: answers.len() as u64,
        ..Counts::default()
    }
}

fn context(asked: &Asked) -> Option<v1::Context> {
    (!asked.context.is_empty()).then(|| context_to_wire(&asked.context))
}

async fn list_objects(store: &Store<'_>, asked: &Asked) -> Vec<(String, Decision)> {
    let request = v1::ListObjectsRequest {
        store: store.name.clone(),
        object_type: asked.key.object().object_type().to_string(),
        permission: asked.key.relation().to_string(),
        subject: Some(subject_to_wire(asked.key.subject())),
        context: context(asked),
        ..Default::default()
    };
    let messages = store.bench.authorization().list_objects(store.bench.request(request)).await.unwrap();
    let objects = collect(messages.into_inner()).await.unwrap().into_iter().flat_map(|message| message.objects);
    objects.map(|object| (object.object_id.clone(), decision(object.decision(), &object.missing_parameters))).collect()
}

async fn list_subjects(store: &Store<'_>, asked: &Asked) -> Vec<ListedSubject> {
    let (of, relation) = (asked.key.subject().object_type(), asked.key.subject().relation().map(ToString::to_string).unwrap_or_default());
    let request = v1::ListSubjectsRequest {
        store: store.name.clone(),
        object: Some(object_to_wire(asked.key.object())),
        permission: asked.key.relation().to_string(),
        subject_type: of.to_string(),
        subject_relation: relation.clone(),
        context: context(asked),
        ..Default::default()
    };
    let messages = store.bench.authorization().list_subjects(store.bench.request(request)).await.unwrap();
    let subject = |id: String| Subject::from_parts(of.clone(), id, &relation).unwrap();
    let exclusion = |excluded: v1::ExcludedSubject| Exclusion {
        decision: decision(excluded.decision(), &excluded.missing_parameters),
        subject: subject(excluded.subject_id),
    };
    let subjects = collect(messages.into_inner()).await.unwrap().into_iter().flat_map(|message| message.subjects);
    subjects
        .map(|listed| ListedSubject {
            decision: decision(listed.decision(), &listed.missing_parameters),
            subject: subject(listed.subject_id),
            exclusions: listed.excluded.into_iter().map(exclusion).collect(),
        })
        .collect()
}
