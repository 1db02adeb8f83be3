//! Schemas: `user`, and one to three types that hold members, parents and permissions.

use std::collections::BTreeSet;

use super::{Choices, Profile};
use crate::model::{CaveatKind, Definition, Expression, Model, Permission, Quantifier, Relation, Shape, SubjectType};

const TYPES: [&str; 3] = ["team", "folder", "doc"];
const MEMBER_RELATIONS: [&str; 3] = ["member", "viewer", "banned"];
const PARENT_RELATIONS: [&str; 2] = ["parent", "link"];
const PERMISSIONS: [&str; 4] = ["view", "edit", "share", "audit"];

/// A schema.
pub fn model(choices: &mut Choices, profile: Profile) -> Model {
    let types = 1 + choices.below(TYPES.len());
    let mut definitions: Vec<Definition> = TYPES[..types].iter().map(|name| outline(choices, name)).collect();
    let user_permissions = if choices.chance(20) { vec![permission("me", Expression::SelfObject)] } else { Vec::new() };
    definitions.insert(0, Definition { name: "user".to_owned(), relations: Vec::new(), permissions: user_permissions });
    // One or two caveats, so that the context of a request often bears on several tuples.
    let caveats = [*choices.pick(&CaveatKind::ALL), *choices.pick(&CaveatKind::ALL)];
    let outlines = definitions.clone();
    let maker = Maker { outlines: &outlines, caveats, profile };
    for definition in definitions.iter_mut().skip(1) {
        for relation in &mut definition.relations {
            relation.types =
                if PARENT_RELATIONS.contains(&relation.name.as_str()) { maker.parents(choices) } else { maker.members(choices) };
        }
        let outline = definition.clone();
        for permission in &mut definition.permissions {
            permission.expression = maker.expression(choices, &outline, 3);
        }
    }
    Model { definitions, caveats: caveats.into() }
}

fn permission(name: &str, expression: Expression) -> Permission {
    Permission { name: name.to_owned(), expression }
}

/// A definition's names, without their meaning yet.
fn outline(choices: &mut Choices, name: &str) -> Definition {
    let members = 1 + choices.below(MEMBER_RELATIONS.len());
    let parents = choices.below(100) / 40;
    let permissions = 1 + choices.below(PERMISSIONS.len());
    let names = MEMBER_RELATIONS[..members].iter().chain(&PARENT_RELATIONS[..parents.min(2)]);
    Definition {
        name: name.to_owned(),
        relations: names.map(|name| Relation { name: (*name).to_owned(), types: Vec::new() }).collect(),
        permissions: PERMISSIONS[..permissions].iter().map(|name| permission(name, Expression::Nil)).collect(),
    }
}

struct Maker<'a> {
    outlines: &'a [Definition],
    caveats: [CaveatKind; 2],
    profile: Profile,
}

impl Maker<'_> {
    /// The types of a relation that names who is in.
    fn members(&self, choices: &mut Choices) -> Vec<SubjectType> {
        let mut types = BTreeSet::new();
        if !choices.chance(20) {
            types.insert(self.alternative(choices, "user", Shape::Object));
        }
        if choices.chance(25) {
            types.insert(self.alternative(choices, "user", Shape::Object));
        }
        if choices.chance(18) {
            types.insert(self.alternative(choices, "user", Shape::Wildcard));
        }
        for percent in [60, 25] {
            if choices.chance(percent) || types.is_empty() {
                let definition = choices.pick(&self.outlines[1..]);
                let names: Vec<&str> = definition.names().collect();
                let relation = (*choices.pick(&names)).to_owned();
                types.insert(self.alternative(choices, &definition.name, Shape::Userset(relation)));
            }
        }
        // Objects that have members, and all of them: neither takes in their members.
        for shape in [Shape::Object, Shape::Wildcard] {
            if choices.chance(8) {
                let definition = choices.pick(&self.outlines[1..]);
                types.insert(self.alternative(choices, &definition.name, shape));
            }
        }
        types.into_iter().collect()
    }

    /// The types of a relation that arrows follow.
    fn parents(&self, choices: &mut Choices) -> Vec<SubjectType> {
        let mut types = BTreeSet::new();
        for percent in [100, 40] {
            if choices.chance(percent) || types.is_empty() {
                let definition = choices.pick(&self.outlines[1..]);
                types.insert(self.alternative(choices, &definition.name, Shape::Object));
            }
        }
        if choices.chance(12) {
            types.insert(self.alternative(choices, "user", Shape::Object));
        }
        // Arrows follow such a tuple to its object, whatever the relation.
        if choices.chance(10) {
            let definition = choices.pick(&self.outlines[1..]);
            let names: Vec<&str> = definition.names().collect();
            let relation = (*choices.pick(&names)).to_owned();
            types.insert(self.alternative(choices, &definition.name, Shape::Userset(relation)));
        }
        types.into_iter().collect()
    }

    fn alternative(&self, choices: &mut Choices, object_type: &str, shape: Shape) -> SubjectType {
        let condition = if self.profile.conditions { choices.below(100) } else { 0 };
        let caveat = (60..92).contains(&condition).then(|| *choices.pick(&self.caveats));
        SubjectType { object_type: object_type.to_owned(), shape, caveat, expiration: condition >= 85 }
    }

    fn expression(&self, choices: &mut Choices, definition: &Definition, depth: usize) -> Expression {
        if depth == 0 || choices.chance(45) {
            return self.operand(choices, definition);
        }
        let left = Box::new(self.expression(choices, definition, depth - 1));
        let right = Box::new(self.expression(choices, definition, depth - 1));
        match choices.below(100) {
            0..=49 => Expression::Union(left, right),
            50..=69 => Expression::Intersection(left, right),
            _ if self.profile.exclusion => Expression::Exclusion(left, right),
            _ => Expression::Union(left, right),
        }
    }

    fn operand(&self, choices: &mut Choices, definition: &Definition) -> Expression {
        let arrows = self.arrows(definition);
        match choices.below(100) {
            90..=92 => Expression::Nil,
            93..=96 => Expression::SelfObject,
            50..=89 if !arrows.is_empty() => {
                let (tupleset, target) = choices.pick(&arrows).clone();
                let quantifier = match choices.below(10) {
                    0..=3 => Quantifier::Arrow,
                    4..=5 => Quantifier::Any,
                    _ if self.profile.exclusion => Quantifier::All,
                    _ => Quantifier::Any,
                };
                Expression::Arrow { tupleset, target, quantifier }
            }
            _ => {
                let names: Vec<&str> = definition.names().collect();
                Expression::Name((*choices.pick(&names)).to_owned())
            }
        }
    }

    /// The arrows that some type of the followed relation knows.
    fn arrows(&self, definition: &Definition) -> Vec<(String, String)> {
        let followed = definition.relations.iter().filter(|relation| PARENT_RELATIONS.contains(&relation.name.as_str()));
        let targets = followed.flat_map(|relation| {
            relation.types.iter().flat_map(|allowed| {
                let names = self.outlines.iter().filter(|other| other.name == allowed.object_type).flat_map(Definition::names);
                names.map(|target| (relation.name.clone(), target.to_owned()))
            })
        });
        targets.collect::<BTreeSet<_>>().into_iter().collect()
    }
}
