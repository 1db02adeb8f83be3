//! Tuples and questions for a schema.

use serde_json::Map;

use super::{Choices, Profile, model};
use crate::model::{CaveatKind, Definition, Model, Object, Question, Relation, Shape, Subject, SubjectType, Tuple, World};

/// 2030-01-01T00:00:00Z.
const NOW: i64 = 1_893_456_000;
const USERS: [&str; 4] = ["ada", "bob", "cyd", "dan"];
const IDS: [&str; 4] = ["0", "1", "2", "3"];
const LONG: usize = 9;

/// A schema with tuples.
pub fn world(choices: &mut Choices, profile: Profile) -> World {
    let model = model(choices, profile);
    let size = 1 + choices.below(IDS.len());
    let mut tuples = Vec::new();
    let mut maker = Maker { choices, model: &model, size, profile };
    for definition in &model.definitions {
        for relation in &definition.relations {
            for _ in 0..maker.choices.below(5) {
                tuples.push(maker.tuple(definition, relation));
            }
        }
    }
    maker.shapes(&mut tuples);
    World { model, tuples, now: NOW }
}

/// One more tuple for a world.
///
/// # Panics
/// When the world's schema has no relation; generated ones have.
pub fn tuple(choices: &mut Choices, world: &World) -> Tuple {
    let holders: Vec<&Definition> = world.model.definitions.iter().filter(|definition| !definition.relations.is_empty()).collect();
    let definition = *choices.pick(&holders);
    let relation = choices.pick(&definition.relations);
    Maker { choices, model: &world.model, size: IDS.len(), profile: Profile::WRITABLE }.tuple(definition, relation)
}

/// Tuples that make a self-loop, a cycle, a chain or a diamond of one relation whose subjects are of its own type; none where the schema
/// has no such relation.
pub fn nesting(choices: &mut Choices, world: &World) -> Vec<Tuple> {
    let relations =
        world.model.definitions.iter().flat_map(|definition| definition.relations.iter().map(move |relation| (definition, relation)));
    let back = |(definition, relation): (&'_ Definition, &'_ Relation)| {
        let allowed = relation.types.iter().find(|allowed| allowed.object_type == definition.name && allowed.shape != Shape::Wildcard)?;
        Some((definition.clone(), relation.clone(), allowed.clone()))
    };
    let relations: Vec<_> = relations.filter_map(back).collect();
    if relations.is_empty() {
        return Vec::new();
    }
    let (definition, relation, allowed) = choices.pick(&relations);
    let edges = edges(choices);
    let mut maker = Maker { choices, model: &world.model, size: IDS.len(), profile: Profile::WRITABLE };
    edges.iter().map(|(from, to)| maker.between(definition, relation, from, allowed, to)).collect()
}

/// A question about a world.
///
/// # Panics
/// When the world's schema has no relation; generated ones have.
pub fn question(choices: &mut Choices, world: &World) -> Question {
    let (object, permission) = atom(choices, world);
    let subject = subject(choices, world);
    let context = request_context(choices, world);
    let mut contextual = Vec::new();
    if choices.chance(20) {
        for _ in 0..=choices.below(2) {
            contextual.push(tuple(choices, world));
        }
        // Now and then a stored tuple under another caveat, context or expiry.
        if choices.chance(30) && !world.tuples.is_empty() {
            let stored = choices.pick(&world.tuples).clone();
            contextual.extend(rewritten(choices, world, stored));
        }
        contextual = crate::model::latest(&contextual);
    }
    Question { object, permission, subject, context, contextual }
}

/// An object and something to ask of it, mostly an object that a tuple has.
fn atom(choices: &mut Choices, world: &World) -> (Object, String) {
    let known: Vec<&Object> = world.tuples.iter().map(|tuple| &tuple.object).collect();
    let object = if known.is_empty() || choices.chance(10) {
        let definition = choices.pick(&world.model.definitions[1..]);
        Object::new(&definition.name, choices.pick::<&str>(&IDS))
    } else {
        (*choices.pick(&known)).clone()
    };
    let definition = world.model.definition(&object.object_type).unwrap_or(&world.model.definitions[1]);
    let permissions: Vec<&str> = definition.permissions.iter().map(|permission| permission.name.as_str()).collect();
    let names: Vec<&str> = definition.names().collect();
    let name = if permissions.is_empty() || choices.chance(20) { *choices.pick(&names) } else { *choices.pick(&permissions) };
    (object.clone(), name.to_owned())
}

fn subject(choices: &mut Choices, world: &World) -> Subject {
    let named: Vec<&Subject> = world.tuples.iter().map(|tuple| &tuple.subject).collect();
    match choices.below(100) {
        0..=54 => Subject::object(Object::new("user", choices.pick::<&str>(&USERS))),
        55..=74 if !named.is_empty() => (*choices.pick(&named)).clone(),
        75..=82 => Subject::wildcard("user"),
        83..=85 => Subject::object(Object::new("user", "stranger")),
        _ => {
            let (object, relation) = atom(choices, world);
            Subject { object, relation: (!choices.chance(30)).then_some(relation) }
        }
    }
}

/// Values for the parameters of the schema's caveats: none, some or all of them.
fn request_context(choices: &mut Choices, world: &World) -> Map<String, serde_json::Value> {
    let percent = *choices.pick(&[0, 50, 0, 30, 90]);
    let mut context = Map::new();
    for parameter in world.model.caveats.iter().flat_map(|caveat| caveat.parameters()) {
        if choices.chance(percent) {
            context.insert(parameter.to_owned(), choices.pick(&CaveatKind::values(parameter)).clone());
        }
    }
    context
}

/// A tuple under another alternative of its relation with the same subject shape, if the schema still allows its key.
pub fn rewritten(choices: &mut Choices, world: &World, stored: Tuple) -> Option<Tuple> {
    let relation = world.model.definition(&stored.object.object_type)?.relation(&stored.relation)?;
    let fits = |allowed: &&SubjectType| allowed.object_type == stored.subject.object.object_type && allowed.shape == stored.subject.shape();
    let alternatives: Vec<&SubjectType> = relation.types.iter().filter(fits).collect();
    if alternatives.is_empty() {
        return None;
    }
    let allowed = *choices.pick(&alternatives);
    let (caveat, expires_at) = conditions(choices, allowed);
    Some(Tuple { caveat, expires_at, ..stored })
}

type Conditions = (Option<(CaveatKind, Map<String, serde_json::Value>)>, Option<i64>);

fn conditions(choices: &mut Choices, allowed: &SubjectType) -> Conditions {
    let caveat = allowed.caveat.map(|caveat| {
        let mut stored = Map::new();
        for parameter in caveat.parameters() {
            if choices.chance(45) {
                stored.insert(parameter.to_owned(), choices.pick(&CaveatKind::values(parameter)).clone());
            }
        }
        (caveat, stored)
    });
    // Ended an hour ago, ending at this very moment (so ended), and two that last.
    let expires_at = allowed.expiration.then(|| NOW + *choices.pick(&[3_600, 1, 0, -3_600]));
    (caveat, expires_at)
}

struct Maker<'a> {
    choices: &'a mut Choices,
    model: &'a Model,
    size: usize,
    profile: Profile,
}

impl Maker<'_> {
    fn tuple(&mut self, definition: &Definition, relation: &Relation) -> Tuple {
        let id = *self.choices.pick(&IDS[..self.size]);
        let allowed = self.choices.pick(&relation.types).clone();
        let subject_id = if allowed.object_type == "user" { *self.choices.pick(&USERS) } else { *self.choices.pick(&IDS[..self.size]) };
        let mut tuple = self.between(definition, relation, id, &allowed, subject_id);
        if self.profile.orphans && self.choices.chance(3) {
            tuple.expires_at = match tuple.expires_at {
                Some(_) => None,
                None => Some(NOW + 60),
            };
        }
        tuple
    }

    fn between(&mut self, definition: &Definition, relation: &Relation, id: &str, allowed: &SubjectType, subject_id: &str) -> Tuple {
        let (subject_id, subject_relation) = match &allowed.shape {
            Shape::Object => (subject_id, None),
            Shape::Wildcard => ("*", None),
            Shape::Userset(relation) => (subject_id, Some(relation.clone())),
        };
        let (caveat, expires_at) = conditions(self.choices, allowed);
        Tuple {
            object: Object::new(&definition.name, id),
            relation: relation.name.clone(),
            subject: Subject { object: Object::new(&allowed.object_type, subject_id), relation: subject_relation },
            caveat,
            expires_at,
        }
    }

    /// Adds a self-loop, a cycle, a chain, a diamond or a wide group where a relation leads back to its own type.
    fn shapes(&mut self, tuples: &mut Vec<Tuple>) {
        let model = self.model;
        for definition in &model.definitions {
            for relation in &definition.relations {
                let back = relation.types.iter().find(|allowed| allowed.object_type == definition.name);
                let (Some(allowed), true) = (back, self.choices.chance(35)) else { continue };
                for (from, to) in edges(self.choices) {
                    tuples.push(self.between(definition, relation, &from, allowed, &to));
                }
            }
            let wide = definition.relations.first().filter(|_| self.choices.chance(4));
            let allowed = wide
                .and_then(|relation| relation.types.iter().find(|allowed| allowed.shape == Shape::Object && allowed.object_type == "user"));
            if let (Some(relation), Some(allowed)) = (wide, allowed) {
                for number in 0..LONG {
                    tuples.push(self.between(definition, relation, "0", allowed, &format!("many-{number}")));
                }
            }
        }
    }
}

/// Edges between ids that make one of the shapes.
fn edges(choices: &mut Choices) -> Vec<(String, String)> {
    let pairs: &[(usize, usize)] = match choices.below(6) {
        0 => &[(0, 1), (1, 2)],
        1 => &[(0, 0)],
        2 => &[(0, 1), (1, 0)],
        3 => &[(0, 1), (1, 2), (2, 0)],
        4 => &[(0, 1), (0, 2), (1, 3), (2, 3)],
        _ => {
            let chain = (0..LONG).map(|link| (link.to_string(), (link + 1).to_string()));
            return chain.collect();
        }
    };
    pairs.iter().map(|(from, to)| (from.to_string(), to.to_string())).collect()
}
