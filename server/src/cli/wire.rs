//! Between the text that people write and the messages of the wire.
//!
//! JSON has fewer types than caveats: a whole number goes out as an integer, a text as a string, and the server turns each into
//! what the caveat declares. Coming back, what JSON cannot say is written as text (durations, timestamps, bytes in base64).

use std::collections::BTreeMap;

use base64::Engine as _;
use dhow_engine::tuple::{ObjectRef, Subject, Tuple};
use dhow_proto::v1;
use dhow_schema::value::Context;
use dhow_schema::value::time::format_duration;

use super::failure::Failure;
use crate::api::convert;
pub(crate) use crate::api::convert::{object_to_wire, subject_to_wire, tuple_to_wire};
use crate::validation::Question;

/// Reads what a person wrote as an object, `document:readme`.
///
/// # Errors
/// When it is none.
pub(crate) fn object(text: &str) -> Result<v1::ObjectRef, Failure> {
    let object: ObjectRef = text.parse().map_err(|error| text_failure(text, "object", &error))?;
    Ok(object_to_wire(&object))
}

/// Reads a subject: `user:ada`, `user:*`, `team:core#member`.
///
/// # Errors
/// When it is none.
pub(crate) fn subject(text: &str) -> Result<v1::SubjectRef, Failure> {
    let subject: Subject = text.parse().map_err(|error| text_failure(text, "subject", &error))?;
    Ok(subject_to_wire(&subject))
}

/// Reads a tuple with its caveat and expiry.
///
/// # Errors
/// When it is none.
pub(crate) fn tuple(text: &str) -> Result<v1::Tuple, Failure> {
    let tuple: Tuple = text.parse().map_err(|error| text_failure(text, "relationship", &error))?;
    Ok(tuple_to_wire(&tuple))
}

/// Reads each text as a tuple.
///
/// # Errors
/// At the first that is none.
pub(crate) fn tuples(texts: &[String]) -> Result<Vec<v1::Tuple>, Failure> {
    texts.iter().map(|text| tuple(text)).collect()
}

fn text_failure(text: &str, what: &str, error: &dhow_engine::tuple::TupleTextError) -> Failure {
    Failure::new(error.code(), format!("`{text}` is no {what}: {error}")).help(error.help())
}

/// A question as one item of a check.
pub(crate) fn question_to_wire(question: &Question) -> v1::CheckItem {
    v1::CheckItem {
        object: Some(object_to_wire(question.key.object())),
        permission: question.key.relation().to_string(),
        subject: Some(subject_to_wire(question.key.subject())),
        context: context_to_wire(&question.context),
    }
}

/// `None` for no values at all.
pub(crate) fn context_to_wire(context: &Context) -> Option<v1::Context> {
    if context.is_empty() { None } else { Some(convert::context_to_wire(context)) }
}

/// `document:readme`.
pub(crate) fn object_text(object: Option<&v1::ObjectRef>) -> String {
    object.map_or_else(String::new, |object| format!("{}:{}", object.r#type, object.id))
}

/// `user:ada`, `team:core#member`.
pub(crate) fn subject_text(subject: Option<&v1::SubjectRef>) -> String {
    let Some(subject) = subject else { return String::new() };
    match subject.relation.as_str() {
        "" => format!("{}:{}", subject.r#type, subject.id),
        relation => format!("{}:{}#{relation}", subject.r#type, subject.id),
    }
}

/// The text form of a tuple; reading it again gives the same tuple.
pub(crate) fn tuple_text(tuple: &v1::Tuple) -> String {
    let mut text = format!("{}#{}@{}", object_text(tuple.object.as_ref()), tuple.relation, subject_text(tuple.subject.as_ref()));
    if let Some(caveat) = &tuple.caveat {
        text.push_str(&caveat_text(caveat));
    }
    if let Some(expires_at) = &tuple.expires_at {
        text.push_str(&format!("[expiration:{}]", time_text(expires_at)));
    }
    text
}

/// `[name]` or `[name:{"parameter": value}]`.
pub(crate) fn caveat_text(caveat: &v1::TupleCaveat) -> String {
    match &caveat.context {
        Some(context) if !context.values.is_empty() => format!("[{}:{}]", caveat.name, context_json(context)),
        Some(_) | None => format!("[{}]", caveat.name),
    }
}

/// A tuple as JSON: its parts, and its text form.
pub(crate) fn tuple_json(tuple: &v1::Tuple) -> serde_json::Value {
    let mut json = serde_json::json!({
        "tuple": tuple_text(tuple),
        "object": object_text(tuple.object.as_ref()),
        "relation": tuple.relation,
        "subject": subject_text(tuple.subject.as_ref()),
    });
    if let Some(caveat) = &tuple.caveat {
        let context = caveat.context.as_ref().map_or_else(|| serde_json::json!({}), context_json);
        set(&mut json, "caveat", serde_json::json!({"name": caveat.name, "context": context}));
    }
    if let Some(expires_at) = &tuple.expires_at {
        set(&mut json, "expires_at", time_text(expires_at).into());
    }
    json
}

/// Sets a field of a JSON object; nothing happens to other values.
pub(crate) fn set(json: &mut serde_json::Value, field: &str, value: serde_json::Value) {
    if let Some(object) = json.as_object_mut() {
        object.insert(field.to_owned(), value);
    }
}

fn context_json(context: &v1::Context) -> serde_json::Value {
    let sorted: BTreeMap<&String, &v1::Value> = context.values.iter().collect();
    serde_json::Value::Object(sorted.into_iter().map(|(name, value)| (name.clone(), value_json(value))).collect())
}

fn value_json(value: &v1::Value) -> serde_json::Value {
    use v1::value::Kind;
    match &value.kind {
        None | Some(Kind::Null(_)) => serde_json::Value::Null,
        Some(Kind::Bool(bool)) => (*bool).into(),
        Some(Kind::Int(int)) => (*int).into(),
        Some(Kind::Uint(uint)) => (*uint).into(),
        Some(Kind::Double(double)) => serde_json::Number::from_f64(*double).map_or_else(|| double.to_string().into(), Into::into),
        Some(Kind::String(string)) => string.clone().into(),
        Some(Kind::Bytes(bytes)) => base64::engine::general_purpose::STANDARD.encode(bytes).into(),
        Some(Kind::DurationNs(nanoseconds)) => format_duration(*nanoseconds).into(),
        Some(Kind::Timestamp(time)) => time_text(time).into(),
        Some(Kind::List(list)) => list.items.iter().map(value_json).collect(),
        Some(Kind::Map(map)) => context_json(map),
    }
}

/// RFC 3339, in UTC.
pub(crate) fn time_text(time: &prost_types::Timestamp) -> String {
    match jiff::Timestamp::new(time.seconds, time.nanos) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{}.{:09}s", time.seconds, time.nanos),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_reads_back_what_it_prints() {
        for text in [
            "document:readme#viewer@user:ada",
            "document:readme#viewer@team:core#member",
            "document:readme#viewer@user:*",
            r#"document:readme#viewer@user:ada@example.com[net:{"cidr":"10.0.0.0/8","list":[1,-2,true,null,1.5]}]"#,
            "document:readme#viewer@user:ada[net][expiration:2100-01-01T00:00:00.5Z]",
        ] {
            assert_eq!(tuple_text(&tuple(text).unwrap()), text);
        }
    }

    #[test]
    fn a_text_that_is_no_tuple_says_how_to_write_one() {
        let failure = tuple("document#viewer@user:ada").unwrap_err();
        assert_eq!(failure.code, "tuple_text_colon");
        assert!(!failure.help.is_empty());
    }
}
