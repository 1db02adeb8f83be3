use dhow_schema::value::{Context, Double, Value};

use super::*;
use crate::limits::{REQUEST_CONTEXT_BYTES, VALUE_DEPTH};

fn full_tuple() -> Tuple {
    let values = [
        ("null", Value::Null),
        ("bool", Value::Bool(true)),
        ("int", Value::Int(i64::MIN)),
        ("uint", Value::UInt(u64::MAX)),
        ("double", Value::Double(Double::new(-0.5).unwrap())),
        ("string", Value::String("ü".into())),
        ("bytes", Value::Bytes(vec![0, 255])),
        ("duration", Value::Duration { nanoseconds: -1 }),
        ("time", Value::Timestamp { seconds: -1, nanoseconds: 999_999_999 }),
        ("list", Value::List(vec![Value::Int(1), Value::List(vec![])])),
        ("map", Value::Map([("a b".into(), Value::Null)].into())),
    ];
    let context: Context = values.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Tuple {
        key: "acme/doc:1#viewer@team:core#member".parse().unwrap(),
        caveat: Some(TupleCaveat::new("everything", context).unwrap()),
        expires_at: Some("1969-12-31T23:59:59.5Z".parse().unwrap()),
    }
}

#[test]
fn a_tuple_survives_the_wire() {
    for one in [full_tuple(), "doc:1#viewer@user:*".parse().unwrap(), "doc:1#viewer@user:ada@example.com".parse().unwrap()] {
        assert_eq!(tuple(tuple_to_wire(&one)), Ok(one));
    }
}

/// One way to spoil a tuple, the field that is told, and the code.
type Spoiled = (fn(&mut v1::Tuple), &'static str, &'static str);

#[test]
fn each_wrong_field_is_named() {
    let cases: &[Spoiled] = &[
        (|t| t.object = None, "object", "DH-A010"),
        (|t| t.object.as_mut().unwrap().id = String::new(), "object.id", "id_empty"),
        (|t| t.object.as_mut().unwrap().id = "a b".into(), "object.id", "id_character"),
        (|t| t.object.as_mut().unwrap().id = "x".repeat(1_025), "object.id", "id_too_long"),
        (|t| t.object.as_mut().unwrap().id = "*".into(), "object.id", "id_wildcard"),
        (|t| t.object.as_mut().unwrap().r#type = "a:b".into(), "object.type", "name_character"),
        (|t| t.relation = String::new(), "relation", "DH-A010"),
        (|t| t.subject = None, "subject", "DH-A010"),
        (|t| t.subject.as_mut().unwrap().id = "*".into(), "subject.relation", "wildcard_relation"),
        (|t| t.subject.as_mut().unwrap().relation = "a#b".into(), "subject.relation", "name_character"),
        (|t| t.caveat.as_mut().unwrap().name = String::new(), "caveat.name", "DH-A010"),
        (|t| t.expires_at.as_mut().unwrap().nanos = -1, "expires_at", "DH-A018"),
        (|t| t.expires_at.as_mut().unwrap().seconds = i64::MAX, "expires_at", "DH-A018"),
    ];
    for (spoil, field, code) in cases {
        let mut wire = tuple_to_wire(&full_tuple());
        spoil(&mut wire);
        let error = tuple(wire).unwrap_err();
        assert_eq!((error.field(), error.problem().code()), (*field, *code));
    }
}

#[test]
fn each_wrong_value_is_named() {
    let of = |value: v1::value::Kind| v1::Value { kind: Some(value) };
    let mut deep = of(v1::value::Kind::Bool(true));
    for _ in 0..=VALUE_DEPTH.value {
        deep = of(v1::value::Kind::List(v1::ListValue { items: vec![deep] }));
    }
    let deep_field = format!("context.values[\"x\"]{}", "[0]".repeat(VALUE_DEPTH.count() + 1));
    let large = of(v1::value::Kind::Bytes(vec![0; REQUEST_CONTEXT_BYTES.count()]));
    let late = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
    for (value, field, code) in [
        (v1::Value { kind: None }, "context.values[\"x\"]", "DH-A016"),
        (of(v1::value::Kind::Double(f64::NAN)), "context.values[\"x\"]", "DH-A016"),
        (of(v1::value::Kind::Timestamp(late)), "context.values[\"x\"]", "DH-A016"),
        (deep, deep_field.as_str(), "DH-A015"),
        (large, "context", "DH-A014"),
    ] {
        let wire = v1::Context { values: [("x".to_owned(), value)].into() };
        let error = context("context", Some(wire), &REQUEST_CONTEXT_BYTES).unwrap_err();
        assert_eq!((error.field(), error.problem().code()), (field, code));
    }
}

#[test]
fn an_empty_filter_field_chooses_all() {
    assert_eq!(filter(None), Ok(TupleFilter::default()));
    assert_eq!(filter(Some(v1::TupleFilter::default())), Ok(TupleFilter::default()));
    let none = filter(Some(v1::TupleFilter { subject_relation: Some(String::new()), ..Default::default() })).unwrap();
    assert_eq!(none.subject_relation, Some(SubjectRelationMatch::None));
    let error = filter(Some(v1::TupleFilter { object_id: "a b".into(), ..Default::default() })).unwrap_err();
    assert_eq!((error.field(), error.problem().code()), ("object_id", "id_character"));
}
