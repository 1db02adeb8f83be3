//! Schemas, tuples and questions as plain data, with their text forms.
//!
//! The generators make these, the oracle decides over them, and an implementation under test gets their text. So a mistake in
//! the language's parser or in operator precedence is found as well: the oracle never reads the text.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

pub use caveats::{CaveatKind, Judgement};
pub use text::timestamp_text;

mod caveats;
mod text;

/// A schema.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// Object types.
    pub definitions: Vec<Definition>,
    /// The caveats that are declared, whether or not a relation uses them.
    pub caveats: BTreeSet<CaveatKind>,
}

/// An object type: first its relations, then its permissions.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// What holds tuples.
    pub relations: Vec<Relation>,
    /// What is computed.
    pub permissions: Vec<Permission>,
}

/// A relation and the subjects it allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// At least one alternative.
    pub types: Vec<SubjectType>,
}

/// One alternative of a relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubjectType {
    /// The subject's type.
    pub object_type: String,
    /// Object, wildcard or userset.
    pub shape: Shape,
    /// The caveat such a tuple must name.
    pub caveat: Option<CaveatKind>,
    /// Whether such a tuple must have an expiry.
    pub expiration: bool,
}

/// What kind of subject a [`SubjectType`] allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// `user`.
    Object,
    /// `user:*`.
    Wildcard,
    /// `team#member`.
    Userset(String),
}

/// A permission and its expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Permission {
    /// Its name.
    pub name: String,
    /// Who has it.
    pub expression: Expression,
}

/// The right side of a permission.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// A relation or permission of the same object.
    Name(String),
    /// `tupleset->target`, `tupleset.any(target)` or `tupleset.all(target)`.
    Arrow {
        /// The relation that is followed.
        tupleset: String,
        /// What is asked of the objects found.
        target: String,
        /// Whether all of them must have it.
        quantifier: Quantifier,
    },
    /// `a + b`.
    Union(Box<Expression>, Box<Expression>),
    /// `a & b`.
    Intersection(Box<Expression>, Box<Expression>),
    /// `a - b`.
    Exclusion(Box<Expression>, Box<Expression>),
    /// Nobody.
    Nil,
    /// The object itself.
    SelfObject,
}

/// How an arrow is written, and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// `->`.
    Arrow,
    /// `.any`.
    Any,
    /// `.all`.
    All,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Object {
    /// Its type.
    pub object_type: String,
    /// Its id.
    pub id: String,
}

/// A subject; the id `*` without relation is a wildcard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The object, or the type and `*`.
    pub object: Object,
    /// For a userset.
    pub relation: Option<String>,
}

/// A relationship tuple.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuple {
    /// Where.
    pub object: Object,
    /// What.
    pub relation: String,
    /// Who.
    pub subject: Subject,
    /// The caveat and what is stored for it.
    pub caveat: Option<(CaveatKind, Map<String, Value>)>,
    /// In whole seconds since the Unix epoch.
    pub expires_at: Option<i64>,
}

/// A schema, stored tuples and the time of every request.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The schema.
    pub model: Model,
    /// What is stored; of two with the same key the later one counts.
    pub tuples: Vec<Tuple>,
    /// The request time in whole seconds since the Unix epoch.
    pub now: i64,
}

/// A question.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Where.
    pub object: Object,
    /// The relation or permission asked for.
    pub permission: String,
    /// Who.
    pub subject: Subject,
    /// Caveat parameters that come with the request.
    pub context: Map<String, Value>,
    /// Contextual tuples.
    pub contextual: Vec<Tuple>,
}

impl Model {
    /// The definition of a type.
    #[must_use]
    pub fn definition(&self, object_type: &str) -> Option<&Definition> {
        self.definitions.iter().find(|definition| definition.name == object_type)
    }

    /// Whether the type has a relation or permission of that name.
    #[must_use]
    pub fn has(&self, object_type: &str, relation: &str) -> bool {
        self.definition(object_type).is_some_and(|definition| definition.names().any(|name| name == relation))
    }

    /// Whether the schema allows the tuple.
    #[must_use]
    pub fn allows(&self, tuple: &Tuple) -> bool {
        let relation = self.definition(&tuple.object.object_type).and_then(|definition| definition.relation(&tuple.relation));
        relation.is_some_and(|relation| {
            relation.types.iter().any(|allowed| {
                allowed.object_type == tuple.subject.object.object_type
                    && allowed.shape == tuple.subject.shape()
                    && allowed.caveat == tuple.caveat.as_ref().map(|(caveat, _)| *caveat)
                    && allowed.expiration == tuple.expires_at.is_some()
            })
        })
    }

    /// Whether every name that the schema uses is there.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.definitions.iter().all(|definition| {
            let types = definition.relations.iter().flat_map(|relation| &relation.types);
            let mut usersets = types.filter_map(|allowed| match &allowed.shape {
                Shape::Userset(relation) => Some((&allowed.object_type, relation)),
                Shape::Object | Shape::Wildcard => None,
            });
            usersets.all(|(object_type, relation)| self.has(object_type, relation))
                && definition.permissions.iter().all(|permission| self.is_closed_in(definition, &permission.expression))
        })
    }

    fn is_closed_in(&self, definition: &Definition, expression: &Expression) -> bool {
        match expression {
            Expression::Nil | Expression::SelfObject => true,
            Expression::Name(name) => definition.names().any(|known| known == name),
            Expression::Arrow { tupleset, target, .. } => definition
                .relation(tupleset)
                .is_some_and(|relation| relation.types.iter().any(|allowed| self.has(&allowed.object_type, target))),
            Expression::Union(left, right) | Expression::Intersection(left, right) | Expression::Exclusion(left, right) => {
                self.is_closed_in(definition, left) && self.is_closed_in(definition, right)
            }
        }
    }

    /// Whether a permission uses `-` or `.all`: without them, more tuples never mean less.
    #[must_use]
    pub fn is_monotonic(&self) -> bool {
        self.definitions.iter().flat_map(|definition| &definition.permissions).all(|permission| permission.expression.is_monotonic())
    }
}

impl Definition {
    /// The relation of that name.
    #[must_use]
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        self.relations.iter().find(|relation| relation.name == name)
    }

    /// Names of relations, then of permissions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let relations = self.relations.iter().map(|relation| relation.name.as_str());
        relations.chain(self.permissions.iter().map(|permission| permission.name.as_str()))
    }
}

impl Expression {
    fn is_monotonic(&self) -> bool {
        match self {
            Self::Name(_) | Self::Nil | Self::SelfObject => true,
            Self::Arrow { quantifier, .. } => *quantifier != Quantifier::All,
            Self::Union(left, right) | Self::Intersection(left, right) => left.is_monotonic() && right.is_monotonic(),
            Self::Exclusion(..) => false,
        }
    }
}

impl Object {
    /// `object_type:id`.
    #[must_use]
    pub fn new(object_type: &str, id: &str) -> Self {
        Self { object_type: object_type.to_owned(), id: id.to_owned() }
    }
}

impl Subject {
    /// The object itself.
    #[must_use]
    pub const fn object(object: Object) -> Self {
        Self { object, relation: None }
    }

    /// Every object of the type.
    #[must_use]
    pub fn wildcard(object_type: &str) -> Self {
        Self::object(Object::new(object_type, "*"))
    }

    /// Which kind of subject this is.
    #[must_use]
    pub fn shape(&self) -> Shape {
        match &self.relation {
            Some(relation) => Shape::Userset(relation.clone()),
            None if self.object.id == "*" => Shape::Wildcard,
            None => Shape::Object,
        }
    }
}

impl Tuple {
    /// Whether both have the same object, relation and subject.
    #[must_use]
    pub fn same_key(&self, other: &Self) -> bool {
        self.object == other.object && self.relation == other.relation && self.subject == other.subject
    }
}

impl World {
    /// What is stored in the end: of tuples with the same key, the last.
    #[must_use]
    pub fn stored(&self) -> Vec<Tuple> {
        latest(&self.tuples)
    }

    /// Every object that a tuple names, and a stranger of each type.
    #[must_use]
    pub fn objects(&self) -> BTreeSet<Object> {
        let named = self.tuples.iter().flat_map(|tuple| [&tuple.object, &tuple.subject.object]).filter(|object| object.id != "*");
        let strangers = self.model.definitions.iter().map(|definition| Object::new(&definition.name, "stranger"));
        named.cloned().chain(strangers).collect()
    }
}

/// Of tuples with the same key, the last, in the order of their last appearance.
#[must_use]
pub fn latest(tuples: &[Tuple]) -> Vec<Tuple> {
    let is_last = |(index, tuple): &(usize, &Tuple)| !tuples.iter().skip(index + 1).any(|later| later.same_key(tuple));
    tuples.iter().enumerate().filter(is_last).map(|(_, tuple)| tuple.clone()).collect()
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.object_type, self.id)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.object)?;
        self.relation.as_ref().map_or(Ok(()), |relation| write!(f, "#{relation}"))
    }
}
