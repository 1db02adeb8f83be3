//! Between the wire's messages and the engine's types. Whatever comes in is checked here, once; errors carry the path of the field.
//!
//! Knows no schema: whether a tuple makes sense is decided later.

mod value;

use dhow_engine::filter::{IdMatch, SubjectRelationMatch, TupleFilter};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::{ObjectRef, Subject, Tuple, TupleCaveat, TupleKey, check_id, check_name};
use dhow_proto::v1;

use super::request::{FieldProblem, RequestError, at_most};
use crate::limits;

pub(crate) use value::{context, context_to_wire};

/// A required message field.
fn required<T>(field: &str, value: Option<T>) -> Result<T, RequestError> {
    value.ok_or_else(|| RequestError::missing(field))
}

/// An object reference in field `field`.
///
/// # Errors
/// When it is missing or a part of it is not valid.
pub(crate) fn object(field: &str, object: Option<v1::ObjectRef>) -> Result<ObjectRef, RequestError> {
    let v1::ObjectRef { r#type, id } = required(field, object)?;
    check_name(&r#type).map_err(|error| RequestError::new("type", error).within(field))?;
    check_id(&id).map_err(|error| RequestError::new("id", error).within(field))?;
    ObjectRef::new(r#type, id).map_err(|error| RequestError::new(field, error))
}

/// A subject reference in field `field`.
///
/// # Errors
/// When it is missing or a part of it is not valid.
pub(crate) fn subject(field: &str, subject: Option<v1::SubjectRef>) -> Result<Subject, RequestError> {
    let v1::SubjectRef { r#type, id, relation } = required(field, subject)?;
    check_name(&r#type).map_err(|error| RequestError::new("type", error).within(field))?;
    if id != "*" {
        check_id(&id).map_err(|error| RequestError::new("id", error).within(field))?;
    }
    Subject::from_parts(r#type, id, &relation).map_err(|error| RequestError::new("relation", error).within(field))
}

/// A name in field `field`.
///
/// # Errors
/// When it is empty or no name.
pub(crate) fn name(field: &str, name: &str) -> Result<(), RequestError> {
    if name.is_empty() {
        return Err(RequestError::missing(field));
    }
    check_name(name).map_err(|error| RequestError::new(field, error))
}

/// A tuple.
///
/// # Errors
/// When a part of it is missing or not valid.
pub(crate) fn tuple(tuple: v1::Tuple) -> Result<Tuple, RequestError> {
    let v1::Tuple { object: object_ref, relation, subject: subject_ref, caveat, expires_at } = tuple;
    let object = object("object", object_ref)?;
    name("relation", &relation)?;
    let subject = subject("subject", subject_ref)?;
    let key = TupleKey::new(object, relation, subject).map_err(|error| RequestError::new("relation", error))?;
    let caveat = caveat.map(tuple_caveat).transpose().map_err(|error| error.within("caveat"))?;
    let expires_at = expires_at.as_ref().map(|time| timestamp("expires_at", time)).transpose()?;
    Ok(Tuple { key, caveat, expires_at })
}

fn tuple_caveat(caveat: v1::TupleCaveat) -> Result<TupleCaveat, RequestError> {
    name("name", &caveat.name)?;
    let values = context("context", caveat.context, &limits::REQUEST_CONTEXT_BYTES)?;
    TupleCaveat::new(caveat.name, values).map_err(|error| RequestError::new("name", error))
}

/// The contextual tuples of a request.
///
/// # Errors
/// When there are too many, or one is not valid.
pub(crate) fn contextual_tuples(tuples: Vec<v1::Tuple>) -> Result<Vec<Tuple>, RequestError> {
    at_most(&limits::CONTEXTUAL_TUPLES, "contextual_tuples", tuples.len())?;
    tuples.into_iter().enumerate().map(|(i, one)| tuple(one).map_err(|error| error.within(format!("contextual_tuples[{i}]")))).collect()
}

/// A filter; a missing one means every tuple.
///
/// # Errors
/// When a field is no name or id.
pub(crate) fn filter(filter: Option<v1::TupleFilter>) -> Result<TupleFilter, RequestError> {
    let Some(filter) = filter else { return Ok(TupleFilter::default()) };
    let v1::TupleFilter { object_type, object_id, relation, subject_type, subject_id, subject_relation } = filter;
    let optional_name = |field: &str, text: String| -> Result<Option<dhow_schema::ir::Name>, RequestError> {
        if text.is_empty() {
            return Ok(None);
        }
        check_name(&text).map_err(|error| RequestError::new(field, error))?;
        Ok(Some(text.into()))
    };
    let optional_id = |field: &str, text: String| -> Result<Option<dhow_engine::tuple::Id>, RequestError> {
        if text.is_empty() {
            return Ok(None);
        }
        if text != "*" {
            check_id(&text).map_err(|error| RequestError::new(field, error))?;
        }
        Ok(Some(text.into()))
    };
    Ok(TupleFilter {
        object_type: optional_name("object_type", object_type)?,
        object_id: optional_id("object_id", object_id)?.map(IdMatch::Is),
        relation: optional_name("relation", relation)?,
        subject_type: optional_name("subject_type", subject_type)?,
        subject_id: optional_id("subject_id", subject_id)?,
        subject_relation: match subject_relation {
            None => None,
            Some(none) if none.is_empty() || none == "..." => Some(SubjectRelationMatch::None),
            Some(name) => optional_name("subject_relation", name)?.map(SubjectRelationMatch::Is),
        },
    })
}

/// A point in time.
///
/// # Errors
/// When it is not within years 1 to 9999. Nanoseconds are cut to whole microseconds.
pub(crate) fn timestamp(field: &str, time: &prost_types::Timestamp) -> Result<Timestamp, RequestError> {
    let wrong = || RequestError::new(field, FieldProblem::Time);
    if !(0..1_000_000_000).contains(&time.nanos) {
        return Err(wrong());
    }
    let microseconds = time.seconds.checked_mul(1_000_000).ok_or_else(wrong)?;
    let microseconds = microseconds.checked_add(i64::from(time.nanos) / 1_000).ok_or_else(wrong)?;
    let converted = Timestamp::from_microseconds(microseconds);
    if converted.microseconds() == microseconds { Ok(converted) } else { Err(wrong()) }
}

/// A point in time, for the wire.
pub(crate) fn timestamp_to_wire(time: Timestamp) -> prost_types::Timestamp {
    let microseconds = time.microseconds();
    let nanos = i32::try_from(microseconds.rem_euclid(1_000_000) * 1_000).unwrap_or_default();
    prost_types::Timestamp { seconds: microseconds.div_euclid(1_000_000), nanos }
}

/// An object, for the wire.
pub(crate) fn object_to_wire(object: &ObjectRef) -> v1::ObjectRef {
    v1::ObjectRef { r#type: object.object_type().to_string(), id: object.id().to_string() }
}

/// A subject, for the wire.
pub(crate) fn subject_to_wire(subject: &Subject) -> v1::SubjectRef {
    v1::SubjectRef {
        r#type: subject.object_type().to_string(),
        id: subject.id().to_string(),
        relation: subject.relation().map(ToString::to_string).unwrap_or_default(),
    }
}

/// A tuple's caveat, for the wire.
pub(crate) fn caveat_to_wire(caveat: &TupleCaveat) -> v1::TupleCaveat {
    let context = (!caveat.context().is_empty()).then(|| context_to_wire(caveat.context()));
    v1::TupleCaveat { name: caveat.name().to_string(), context }
}

/// A tuple, for the wire.
pub(crate) fn tuple_to_wire(tuple: &Tuple) -> v1::Tuple {
    v1::Tuple {
        object: Some(object_to_wire(tuple.key.object())),
        relation: tuple.key.relation().to_string(),
        subject: Some(subject_to_wire(tuple.key.subject())),
        caveat: tuple.caveat.as_ref().map(caveat_to_wire),
        expires_at: tuple.expires_at.map(timestamp_to_wire),
    }
}

#[cfg(test)]
mod tests;
