//! A world like those that authorization engines live in: users in nested groups, folders in trees, documents in folders.
//!
//! For each million tuples: 200,000 users (e-mail addresses); 20,000 groups with 300,000 memberships, their sizes by a power law, nested
//! to depth 5; 50,000 folders (paths) in trees to depth 8, half of them with a viewer; 200,000 documents (UUIDs), each with one parent,
//! one owner and on average one viewer. Half of the viewers are groups. Questions are half yes, over every kind of path, and half no.

use dhow_engine::tuple::{ObjectRef, Subject, Tuple, TupleKey};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::SEED;

/// What the world's tuples mean.
pub const SCHEMA: &str = "definition user {}

definition group {
  relation member: user | group#member
}

definition folder {
  relation parent: folder
  relation viewer: user | group#member
  permission view = viewer + parent->view
}

definition document {
  relation parent: folder
  relation owner: user
  relation viewer: user | group#member
  permission view = viewer + owner + parent->view
}
";

const GROUP_DEPTH: usize = 5;
const FOLDER_DEPTH: usize = 8;

/// A user or a group that may view something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Viewer {
    User(usize),
    Group(usize),
}

#[derive(Debug, Clone, Default)]
struct Group {
    users: Vec<usize>,
    /// Groups whose members are members of this one.
    children: Vec<usize>,
    /// Groups that this one's members are members of.
    parents: Vec<usize>,
}

#[derive(Debug, Clone)]
struct Folder {
    path: String,
    parent: Option<usize>,
    depth: usize,
    viewer: Option<Viewer>,
}

#[derive(Debug, Clone)]
struct Document {
    id: String,
    parent: usize,
    owner: usize,
    viewers: Vec<Viewer>,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct World {
    users: usize,
    groups: Vec<Group>,
    /// The groups that each user is in directly.
    groups_of: Vec<Vec<usize>>,
    folders: Vec<Folder>,
    documents: Vec<Document>,
}

/// May this user view this document? With the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question.
    pub key: TupleKey,
    /// `document:ID`, as a caller has it.
    pub object: String,
    /// `user:ID`, as a caller has it.
    pub subject: String,
    /// The right answer.
    pub allowed: bool,
}

impl World {
    /// A world of about so many tuples: the same for the same number.
    #[must_use]
    pub fn of(tuples: usize) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(SEED);
        let per_thousand = |share: usize| (tuples * share / 1_000).max(2);
        let users = per_thousand(200);
        let (groups, groups_of) = groups(&mut random, users, per_thousand(20), per_thousand(300));
        let folders = folders(&mut random, users, groups.len(), per_thousand(50));
        let documents = (0..per_thousand(200)).map(|_| document(&mut random, users, groups.len(), folders.len())).collect();
        Self { users, groups, groups_of, folders, documents }
    }

    /// All tuples, in an order without meaning.
    #[must_use]
    pub fn tuples(&self) -> Vec<Tuple> {
        let mut tuples = Vec::new();
        for (number, group) in self.groups.iter().enumerate() {
            let object = format!("group:{}", group_name(number));
            tuples.extend(group.users.iter().map(|user| tuple(&object, "member", Viewer::User(*user))));
            tuples.extend(group.children.iter().map(|child| tuple(&object, "member", Viewer::Group(*child))));
        }
        for folder in &self.folders {
            let object = format!("folder:{}", folder.path);
            tuples.extend(folder.parent.and_then(|parent| self.folders.get(parent)).map(|parent| inside(&object, &parent.path)));
            tuples.extend(folder.viewer.map(|viewer| tuple(&object, "viewer", viewer)));
        }
        for document in &self.documents {
            let object = format!("document:{}", document.id);
            tuples.extend(self.folders.get(document.parent).map(|parent| inside(&object, &parent.path)));
            tuples.push(tuple(&object, "owner", Viewer::User(document.owner)));
            tuples.extend(document.viewers.iter().map(|viewer| tuple(&object, "viewer", *viewer)));
        }
        tuples
    }

    /// The name of a user and of a group that are there.
    #[must_use]
    pub fn somebody_and_some_group(&self, random: &mut ChaCha8Rng) -> (String, String) {
        (user_name(random.random_range(0..self.users)), group_name(random.random_range(0..self.groups.len())))
    }

    /// So many questions, drawn uniformly, every second one with the answer yes.
    #[must_use]
    pub fn questions(&self, count: usize) -> Vec<Question> {
        let mut random = ChaCha8Rng::seed_from_u64(SEED + 1);
        (0..count).map(|number| if number % 2 == 0 { self.allowed(&mut random) } else { self.denied(&mut random) }).collect()
    }

    fn allowed(&self, random: &mut ChaCha8Rng) -> Question {
        loop {
            let document = &self.documents[random.random_range(0..self.documents.len())];
            let mut ways = document.viewers.clone();
            ways.push(Viewer::User(document.owner));
            ways.extend(self.above(document).filter_map(|folder| folder.viewer));
            let way = ways[random.random_range(0..ways.len())];
            if let Some(user) = self.somebody(random, way) {
                return question(document, user, true);
            }
        }
    }

    fn denied(&self, random: &mut ChaCha8Rng) -> Question {
        loop {
            let document = &self.documents[random.random_range(0..self.documents.len())];
            let user = random.random_range(0..self.users);
            if !self.may_view(document, user) {
                return question(document, user, false);
            }
        }
    }

    /// The folders that a document is in, from the inside.
    fn above<'w>(&'w self, document: &Document) -> impl Iterator<Item = &'w Folder> {
        std::iter::successors(self.folders.get(document.parent), |folder| folder.parent.and_then(|parent| self.folders.get(parent)))
    }

    /// A user behind a viewer, some groups further perhaps; `None`: the walk came to an empty group.
    fn somebody(&self, random: &mut ChaCha8Rng, viewer: Viewer) -> Option<usize> {
        let mut viewer = viewer;
        loop {
            match viewer {
                Viewer::User(user) => return Some(user),
                Viewer::Group(number) => {
                    let group = &self.groups[number];
                    let members = group.users.len() + group.children.len();
                    let pick = if members == 0 { return None } else { random.random_range(0..members) };
                    viewer = match group.users.get(pick) {
                        Some(user) => Viewer::User(*user),
                        None => Viewer::Group(group.children[pick - group.users.len()]),
                    };
                }
            }
        }
    }

    fn may_view(&self, document: &Document, user: usize) -> bool {
        let mut groups = self.groups_of[user].clone();
        let mut next = 0;
        while let Some(group) = groups.get(next).copied() {
            next += 1;
            for parent in &self.groups[group].parents {
                if !groups.contains(parent) {
                    groups.push(*parent);
                }
            }
        }
        let sees = |viewer: &Viewer| match viewer {
            Viewer::User(viewer) => *viewer == user,
            Viewer::Group(group) => groups.contains(group),
        };
        document.owner == user
            || document.viewers.iter().any(sees)
            || self.above(document).filter_map(|folder| folder.viewer.as_ref()).any(sees)
    }
}

/// Groups of one level are in groups of the level above; sizes follow a power law.
fn groups(random: &mut ChaCha8Rng, users: usize, count: usize, memberships: usize) -> (Vec<Group>, Vec<Vec<usize>>) {
    let mut groups = vec![Group::default(); count];
    let mut groups_of = vec![Vec::new(); users];
    let level = count.div_ceil(GROUP_DEPTH);
    for child in level..count {
        let above = child / level - 1;
        let parent = above * level + random.random_range(0..level);
        groups[child].parents.push(parent);
        groups[parent].children.push(child);
    }
    for _ in level..memberships.saturating_sub(count) + level {
        let share: f64 = random.random();
        let group = truncated(share.powi(3) * count as f64).min(count - 1);
        let user = random.random_range(0..users);
        if !groups_of[user].contains(&group) {
            groups_of[user].push(group);
            groups[group].users.push(user);
        }
    }
    (groups, groups_of)
}

fn folders(random: &mut ChaCha8Rng, users: usize, groups: usize, count: usize) -> Vec<Folder> {
    let mut folders: Vec<Folder> = Vec::with_capacity(count);
    for number in 0..count {
        let parent = (number > count / 50).then(|| random.random_range(0..number));
        let parent = parent.filter(|parent| folders[*parent].depth + 1 < FOLDER_DEPTH);
        let (depth, path) = match parent.map(|parent| &folders[parent]) {
            Some(parent) => (parent.depth + 1, format!("{}/{number:x}", parent.path)),
            None => (0, format!("/teams/{number:x}")),
        };
        let viewer = (number % 2 == 0).then(|| viewer(random, users, groups));
        folders.push(Folder { path, parent, depth, viewer });
    }
    folders
}

fn document(random: &mut ChaCha8Rng, users: usize, groups: usize, folders: usize) -> Document {
    let (parent, owner) = (random.random_range(0..folders), random.random_range(0..users));
    let mut viewers: Vec<Viewer> = Vec::new();
    for _ in 0..[0, 1, 1, 2][random.random_range(0..4)] {
        let viewer = viewer(random, users, groups);
        if !viewers.contains(&viewer) {
            viewers.push(viewer);
        }
    }
    let bits: u128 = random.random();
    let hex = format!("{bits:032x}");
    let id = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-");
    Document { id, parent, owner, viewers }
}

fn viewer(random: &mut ChaCha8Rng, users: usize, groups: usize) -> Viewer {
    if random.random() { Viewer::User(random.random_range(0..users)) } else { Viewer::Group(random.random_range(0..groups)) }
}

fn user_name(number: usize) -> String {
    format!("user.{number}@example.com")
}

fn group_name(number: usize) -> String {
    format!("staff-{number}")
}

fn tuple(object: &str, relation: &str, viewer: Viewer) -> Tuple {
    let subject = match viewer {
        Viewer::User(user) => Subject::object(object_ref(&format!("user:{}", user_name(user)))),
        Viewer::Group(group) => Subject::userset(object_ref(&format!("group:{}", group_name(group))), "member").expect("a userset"),
    };
    Tuple::plain(TupleKey::new(object_ref(object), relation, subject).expect("a tuple"))
}

fn inside(object: &str, folder: &str) -> Tuple {
    let subject = Subject::object(object_ref(&format!("folder:{folder}")));
    Tuple::plain(TupleKey::new(object_ref(object), "parent", subject).expect("a tuple"))
}

fn question(document: &Document, user: usize, allowed: bool) -> Question {
    let (object, subject) = (format!("document:{}", document.id), format!("user:{}", user_name(user)));
    let key = TupleKey::new(object_ref(&object), "view", Subject::object(object_ref(&subject))).expect("a question");
    Question { key, object, subject, allowed }
}

fn object_ref(text: &str) -> ObjectRef {
    text.parse().expect("an object")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a number of groups")]
fn truncated(number: f64) -> usize {
    number as usize
}

/// Places in a list of `len` by Zipf's law with the exponent 1.1: the first ones come up most often.
#[must_use]
pub fn zipf_places(len: usize, count: usize) -> Vec<usize> {
    const ONE_LESS: f64 = 1.0 - 1.1;
    let mut random = ChaCha8Rng::seed_from_u64(SEED + 2);
    let last = (len.max(1) as f64).powf(ONE_LESS);
    let place = |share: f64| truncated(((last - 1.0) * share + 1.0).powf(1.0 / ONE_LESS)).saturating_sub(1);
    (0..count).map(|_| place(random.random()).min(len.saturating_sub(1))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use dhow_engine::entry::{SchemaSource, StoreId};
    use dhow_engine::eval::{Decision, Evaluator};
    use dhow_engine::state::{Position, State};
    use dhow_engine::time::Timestamp;
    use dhow_schema::value::Context;

    use super::*;
    use crate::yardstick::Yardstick;

    #[test]
    fn the_world_has_the_shape_that_is_promised() {
        let world = World::of(20_000);
        let tuples = world.tuples();
        let keys: BTreeSet<_> = tuples.iter().map(|tuple| tuple.key.to_string()).collect();
        assert_eq!(keys.len(), tuples.len(), "no tuple is there twice");
        assert!((18_000..22_000).contains(&tuples.len()), "{}", tuples.len());
        assert_eq!(world.folders.iter().map(|folder| folder.depth).max(), Some(FOLDER_DEPTH - 1));
        let longest = |start: usize| {
            let mut depth = 1;
            let mut group = &world.groups[start];
            while let Some(parent) = group.parents.first() {
                (group, depth) = (&world.groups[*parent], depth + 1);
            }
            depth
        };
        assert_eq!((0..world.groups.len()).map(longest).max(), Some(GROUP_DEPTH));
        let largest = world.groups.iter().map(|group| group.users.len()).max().unwrap();
        let mean = tuples.len() * 300 / 1_000 / world.groups.len();
        assert!(largest > 10 * mean, "sizes follow a power law: {largest}, mean {mean}");
    }

    #[test]
    fn the_answers_are_those_of_the_evaluator() {
        let world = World::of(20_000);
        let schema = SchemaSource::native(SCHEMA).compile().schema.unwrap();
        let store = StoreId([3; 16]);
        let tuples = world.tuples();
        let digest = tuples.iter().fold(Default::default(), |digest: dhow_engine::digest::Digest, tuple| digest.with_tuple(tuple));
        let state = State::load(store, Position::genesis(store), digest, [], tuples).unwrap();
        let context = Context::new();
        let evaluator = Evaluator::new(&schema, &state, Timestamp::MIN, &context);
        let questions = world.questions(2_000);
        for question in &questions {
            let expected = if question.allowed { Decision::Allowed } else { Decision::Denied };
            assert_eq!(evaluator.check(&question.key).unwrap(), expected, "{}", question.key);
        }
        // What the yardstick can decide by itself are the direct viewers.
        let yardstick = Yardstick::of(&state.scan(&Default::default(), None).map(|tuple| (*tuple).clone()).collect::<Vec<_>>());
        let direct = questions.iter().filter(|question| yardstick.probe(&question.object, &question.subject)).count();
        assert!(direct > 0 && questions.iter().all(|question| question.allowed || !yardstick.probe(&question.object, &question.subject)));
    }

    #[test]
    fn zipf_prefers_the_first() {
        let places = zipf_places(1_000, 10_000);
        let first = places.iter().filter(|place| **place == 0).count();
        let second = places.iter().filter(|place| **place == 1).count();
        assert!(first > second && second > 10_000 / 1_000 * 10, "{first} {second}");
        assert!(places.iter().all(|place| *place < 1_000));
    }
}
