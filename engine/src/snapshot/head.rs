//! The head of a snapshot file: what is to be known of a state besides the arrays of its graph.

use borsh::{BorshDeserialize, BorshSerialize};
use dhow_schema::ir::{Name, SubjectShape, SubjectType};

use super::SnapshotError;
use crate::digest::Digest;
use crate::entry::{Chain, SchemaText, StoreId};
use crate::graph::stored::GraphHead;
use crate::schema_version::{SchemaVersion, WrittenSchema};
use crate::state::Shape;
use crate::time::Timestamp;
use crate::tuple::check_name;

/// The section of the head.
pub(crate) const HEAD: &str = "head";

/// The form of the head that this build writes and reads; it stands before the rest.
const HEAD_VERSION: u32 = 4;

/// When a snapshot was written, by whom and by what: for people, and nothing depends on it.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SnapshotAbout {
    /// When it was written.
    pub time: Timestamp,
    /// By whom: a person, a node.
    pub actor: String,
    /// What the store was called then.
    pub store_name: String,
    /// The program that wrote it, with its version.
    pub program: String,
}

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Head {
    pub(crate) about: SnapshotAbout,
    pub(crate) store: StoreId,
    pub(crate) revision: u64,
    pub(crate) time: Timestamp,
    pub(crate) chain: Chain,
    pub(crate) digest: Digest,
    pub(crate) tuples: u64,
    /// In order.
    pub(crate) shapes: Vec<StoredShape>,
    /// Oldest first.
    pub(crate) schemas: Vec<StoredSchema>,
    pub(crate) graph: GraphHead,
}

impl Head {
    /// Version and content, in Borsh.
    pub(crate) fn encode(&self) -> std::io::Result<Vec<u8>> {
        borsh::to_vec(&(HEAD_VERSION, self))
    }

    /// What [`Head::encode`] has written.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let (found, rest) = bytes.split_first_chunk().ok_or(SnapshotError::Head)?;
        let found = u32::from_le_bytes(*found);
        if found != HEAD_VERSION {
            return Err(SnapshotError::Version { found, known: HEAD_VERSION });
        }
        borsh::from_slice(rest).map_err(|_| SnapshotError::Head)
    }
}

/// A schema version as it was written.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct StoredSchema {
    text: SchemaText,
    revision: u64,
    time: Timestamp,
    actor: String,
}

impl StoredSchema {
    pub(crate) fn of(schema: &SchemaVersion) -> Self {
        Self { text: schema.text.clone(), revision: schema.revision, time: schema.time, actor: schema.actor.clone() }
    }

    pub(crate) fn written(self) -> WrittenSchema {
        let Self { text, revision, time, actor } = self;
        WrittenSchema { text, revision, time, actor }
    }
}

/// How many tuples there are of a shape.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct StoredShape {
    object_type: String,
    relation: String,
    subject_type: String,
    subject: StoredSubject,
    caveat: Option<String>,
    expiration: bool,
    pub(crate) count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
enum StoredSubject {
    Object,
    Wildcard,
    Userset(String),
}

impl StoredShape {
    pub(crate) fn of(shape: &Shape, count: u64) -> Self {
        Self {
            object_type: shape.object_type.to_string(),
            relation: shape.relation.to_string(),
            subject_type: shape.subject.object_type.to_string(),
            subject: match &shape.subject.shape {
                SubjectShape::Object => StoredSubject::Object,
                SubjectShape::Wildcard => StoredSubject::Wildcard,
                SubjectShape::Userset(relation) => StoredSubject::Userset(relation.to_string()),
            },
            caveat: shape.subject.caveat.as_ref().map(ToString::to_string),
            expiration: shape.subject.expiration,
            count,
        }
    }

    /// The shape; `None`: a name in it can be none.
    pub(crate) fn shape(&self) -> Option<Shape> {
        let caveat = match &self.caveat {
            None => None,
            Some(name) => Some(valid(name)?),
        };
        let shape = match &self.subject {
            StoredSubject::Object => SubjectShape::Object,
            StoredSubject::Wildcard => SubjectShape::Wildcard,
            StoredSubject::Userset(relation) => SubjectShape::Userset(valid(relation)?),
        };
        let subject = SubjectType { object_type: valid(&self.subject_type)?, shape, caveat, expiration: self.expiration };
        Some(Shape { object_type: valid(&self.object_type)?, relation: valid(&self.relation)?, subject })
    }
}

fn valid(name: &str) -> Option<Name> {
    check_name(name).ok()?;
    Some(Name::from(name))
}
