//! The names of a graph as small integers: types, relations, and the classes of edges.
//!
//! A class is all that a tuple's shape says without caveat and expiry: `document#viewer@team#member`. Edges are kept apart by class,
//! so that an evaluation touches none that its schema does not allow. A name once numbered keeps its number; there are as
//! many as schemas had relations, not as there are tuples.

use std::collections::HashMap;

use borsh::{BorshDeserialize, BorshSerialize};
use dhow_schema::ir::{Name, Schema, SubjectShape};

use super::ids::{ClassId, RelationId, TypeId};
use crate::limits::{MAX_CLASSES, MAX_TYPES};
use crate::tuple::{Subject, TupleKey, check_name};

/// What a subject is, besides its object. Stored in snapshot files as it stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) enum Kind {
    /// One object.
    Object,
    /// Every object of the type.
    Wildcard,
    /// Whoever has this relation.
    Userset(RelationId),
}

/// A class of edges. Stored in snapshot files as it stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub(crate) struct Class {
    pub(crate) object_type: TypeId,
    pub(crate) relation: RelationId,
    pub(crate) subject_type: TypeId,
    pub(crate) kind: Kind,
}

/// All names of a graph.
#[derive(Debug, Clone, Default)]
pub(crate) struct Vocabulary {
    types: Vec<Name>,
    relations: Vec<Name>,
    classes: Vec<Class>,
    type_ids: HashMap<Name, TypeId, foldhash::fast::FixedState>,
    relation_ids: HashMap<Name, RelationId, foldhash::fast::FixedState>,
    class_ids: HashMap<Class, ClassId, foldhash::fast::FixedState>,
}

impl Vocabulary {
    /// The names with the numbers that they stand at; `None`: one is repeated, cannot be one, or is of a class and not there. O(names).
    pub(crate) fn of_parts(types: &[String], relations: &[String], classes: &[Class]) -> Option<Self> {
        let mut vocabulary = Self::default();
        for (place, name) in types.iter().enumerate() {
            let id = vocabulary.intern_type(&valid(name)?)?;
            (id.0 as usize == place).then_some(())?;
        }
        for (place, name) in relations.iter().enumerate() {
            let id = vocabulary.intern_relation(&valid(name)?)?;
            (id.0 as usize == place).then_some(())?;
        }
        for (place, class) in classes.iter().enumerate() {
            vocabulary.type_name(class.object_type).and(vocabulary.type_name(class.subject_type))?;
            vocabulary.relation_name(class.relation)?;
            if let Kind::Userset(relation) = class.kind {
                vocabulary.relation_name(relation)?;
            }
            let id = vocabulary.intern_class(*class)?;
            (id.0 as usize == place).then_some(())?;
        }
        Some(vocabulary)
    }

    /// The relations' names, in the order of their numbers.
    pub(crate) fn relations(&self) -> &[Name] {
        &self.relations
    }

    /// The classes, in the order of their numbers.
    pub(crate) fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The number of a type, if an edge has it.
    pub(crate) fn type_id(&self, name: &str) -> Option<TypeId> {
        self.type_ids.get(name).copied()
    }

    /// The number of a relation's name, if an edge has it.
    pub(crate) fn relation_id(&self, name: &str) -> Option<RelationId> {
        self.relation_ids.get(name).copied()
    }

    /// The number of a class, if an edge is of it.
    pub(crate) fn class_id(&self, class: &Class) -> Option<ClassId> {
        self.class_ids.get(class).copied()
    }

    /// The class of a key, if an edge is of it. O(1).
    pub(crate) fn class_of(&self, key: &TupleKey) -> Option<ClassId> {
        self.class_id(&Class {
            object_type: self.type_id(key.object().object_type())?,
            relation: self.relation_id(key.relation())?,
            subject_type: self.type_id(key.subject().object_type())?,
            kind: self.kind_of(key.subject())?,
        })
    }

    fn kind_of(&self, subject: &Subject) -> Option<Kind> {
        match subject.relation() {
            Some(relation) => self.relation_id(relation).map(Kind::Userset),
            None if subject.is_wildcard() => Some(Kind::Wildcard),
            None => Some(Kind::Object),
        }
    }

    /// What a class says.
    pub(crate) fn class(&self, id: ClassId) -> Option<&Class> {
        self.classes.get(id.0 as usize)
    }

    /// The name of a type.
    pub(crate) fn type_name(&self, id: TypeId) -> Option<&Name> {
        self.types.get(id.0 as usize)
    }

    /// The name of a relation.
    pub(crate) fn relation_name(&self, id: RelationId) -> Option<&Name> {
        self.relations.get(id.0 as usize)
    }

    /// The types, in the order of their numbers.
    pub(crate) fn types(&self) -> &[Name] {
        &self.types
    }

    /// The number of a type, a new one if need be; `None`: there are no more numbers.
    pub(crate) fn intern_type(&mut self, name: &Name) -> Option<TypeId> {
        if let Some(known) = self.type_ids.get(name) {
            return Some(*known);
        }
        let id = u32::try_from(self.types.len()).ok().filter(|id| *id < MAX_TYPES).map(TypeId)?;
        self.types.push(name.clone());
        self.type_ids.insert(name.clone(), id);
        Some(id)
    }

    /// The number of a relation's name, a new one if need be; `None`: there are no more numbers.
    pub(crate) fn intern_relation(&mut self, name: &Name) -> Option<RelationId> {
        if let Some(known) = self.relation_ids.get(name) {
            return Some(*known);
        }
        let id = RelationId(u32::try_from(self.relations.len()).ok()?);
        self.relations.push(name.clone());
        self.relation_ids.insert(name.clone(), id);
        Some(id)
    }

    /// The number of a class, a new one if need be; `None`: there are [`MAX_CLASSES`] already.
    pub(crate) fn intern_class(&mut self, class: Class) -> Option<ClassId> {
        if let Some(known) = self.class_ids.get(&class) {
            return Some(*known);
        }
        let id = u32::try_from(self.classes.len()).ok().filter(|id| *id < MAX_CLASSES).map(ClassId)?;
        self.classes.push(class);
        self.class_ids.insert(class, id);
        Some(id)
    }

    /// Numbers every type, relation and class of a schema, unless so few numbers are left that tuples could lack them: whether it did. What
    /// schemas bring is bounded so that a tuple, whose own names are few, always finds numbers. O(names).
    pub(crate) fn learn_within_bounds(&mut self, schema: &Schema) -> bool {
        let mut grown = self.clone();
        let fits = |len: usize, most: u32| len as u64 <= u64::from(most) / 4 * 3;
        let learned = grown.learn(schema).is_some() && fits(grown.types.len(), MAX_TYPES) && fits(grown.classes.len(), MAX_CLASSES);
        if learned {
            *self = grown;
        }
        learned
    }

    /// Numbers every type, relation and class of a schema; `None`: there are no more numbers. O(schema).
    pub(crate) fn learn(&mut self, schema: &Schema) -> Option<()> {
        for definition in schema.definitions.values() {
            let object_type = self.intern_type(&definition.name)?;
            for relation in definition.relations.values() {
                let relation_id = self.intern_relation(&relation.name)?;
                for direct in &relation.direct {
                    let subject_type = self.intern_type(&direct.object_type)?;
                    let kind = match &direct.shape {
                        SubjectShape::Object => Kind::Object,
                        SubjectShape::Wildcard => Kind::Wildcard,
                        SubjectShape::Userset(name) => Kind::Userset(self.intern_relation(name)?),
                    };
                    self.intern_class(Class { object_type, relation: relation_id, subject_type, kind })?;
                }
            }
        }
        Some(())
    }

    /// The class of a key, a new one if need be; `None`: there are no more numbers.
    pub(crate) fn intern_key(&mut self, key: &TupleKey) -> Option<ClassId> {
        let object_type = self.intern_type(key.object().object_type())?;
        let relation = self.intern_relation(key.relation())?;
        let subject_type = self.intern_type(key.subject().object_type())?;
        let kind = match key.subject().relation() {
            Some(relation) => Kind::Userset(self.intern_relation(relation)?),
            None if key.subject().is_wildcard() => Kind::Wildcard,
            None => Kind::Object,
        };
        self.intern_class(Class { object_type, relation, subject_type, kind })
    }
}

/// The name with this text, if it can be one.
fn valid(text: &str) -> Option<Name> {
    check_name(text).ok()?;
    Some(Name::from(text))
}
