//! Laws of values: one form for equal things, exact both ways, and nothing hostile gets in.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

pub(crate) fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::UInt),
        any::<f64>().prop_filter_map("no NaN", Double::new).prop_map(Value::Double),
        ".{0,8}".prop_map(|text| Value::String(text.into())),
        vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
        any::<i64>().prop_map(|nanoseconds| Value::Duration { nanoseconds }),
        (time::MIN_TIMESTAMP_SECONDS..=time::MAX_TIMESTAMP_SECONDS, 0..1_000_000_000u32)
            .prop_map(|(seconds, nanoseconds)| Value::Timestamp { seconds, nanoseconds }),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::List),
            btree_map(".{0,4}".prop_map(Arc::from), inner, 0..4).prop_map(Value::Map),
        ]
    })
}

/// `depth` lists, each in the next.
fn nested(depth: usize) -> Value {
    (0..depth).fold(Value::Int(1), |inner, _| Value::List(vec![inner]))
}

proptest! {
    #[test]
    fn bytes_are_exact_and_canonical(value in values(), other in values()) {
        let bytes = borsh::to_vec(&value).expect("bytes");
        prop_assert_eq!(&borsh::from_slice::<Value>(&bytes).expect("a value"), &value);
        prop_assert_eq!(value == other, bytes == borsh::to_vec(&other).expect("bytes"));
    }

    #[test]
    fn bytes_that_decode_are_those_that_encode(bytes in vec(any::<u8>(), 0..64), kind in 0..12u8) {
        let bytes: Vec<u8> = std::iter::once(kind).chain(bytes).collect();
        if let Ok(value) = borsh::from_slice::<Value>(&bytes) {
            prop_assert_eq!(borsh::to_vec(&value).expect("bytes"), bytes);
        }
    }

    #[test]
    fn json_of_a_value_is_read_as_one_that_writes_the_same_json(value in values()) {
        let json = to_json(&value);
        let read = from_json(&json).expect("a value");
        prop_assert_eq!(to_json(&read), json);
    }

    #[test]
    fn timestamps_and_durations_survive_their_text(
        seconds in time::MIN_TIMESTAMP_SECONDS..=time::MAX_TIMESTAMP_SECONDS,
        nanoseconds in 0..1_000_000_000u32,
        duration in any::<i64>(),
    ) {
        let text = time::format_timestamp(seconds, nanoseconds);
        prop_assert_eq!(time::parse_timestamp(&text), Some((seconds, nanoseconds)), "{}", text);
        let text = time::format_duration(duration);
        prop_assert_eq!(time::parse_duration(&text), Some(i128::from(duration)), "{}", text);
    }

    #[test]
    fn no_text_makes_a_time_parser_panic(text in "[-+0-9a-zT:.µ ]{0,40}") {
        let _ = (time::parse_timestamp(&text), time::parse_duration(&text));
    }
}

#[test]
fn a_double_is_equal_to_itself_and_has_one_zero() {
    assert_eq!(Double::new(f64::NAN), None);
    assert_eq!(Double::new(-0.0).map(Double::get).map(f64::to_bits), Some(0));
    assert_eq!(Double::new(f64::NEG_INFINITY).map(Double::get), Some(f64::NEG_INFINITY));
}

#[test]
fn bytes_with_another_form_of_the_same_value_are_refused() {
    let string = |text: &str| borsh::to_vec(&text).expect("bytes");
    let entry = |key: &str| [string(key), vec![0]].concat();
    let map =
        |entries: &[Vec<u8>]| [vec![10], u32::try_from(entries.len()).expect("few").to_le_bytes().to_vec(), entries.concat()].concat();
    for (why, bytes) in [
        ("NaN", [vec![4], f64::NAN.to_bits().to_le_bytes().to_vec()].concat()),
        ("negative zero", [vec![4], (-0.0f64).to_bits().to_le_bytes().to_vec()].concat()),
        ("keys out of order", map(&[entry("b"), entry("a")])),
        ("a key twice", map(&[entry("a"), entry("a")])),
        ("bool 2", vec![1, 2]),
        ("a second of 10^9 ns", [vec![8], 0i64.to_le_bytes().to_vec(), 1_000_000_000u32.to_le_bytes().to_vec()].concat()),
        ("year 10000", [vec![8], (time::MAX_TIMESTAMP_SECONDS + 1).to_le_bytes().to_vec(), vec![0; 4]].concat()),
        ("an unknown kind", vec![11]),
        ("a length without content", vec![9, 255, 255, 255, 255]),
        ("more than a value", vec![0, 0]),
    ] {
        assert!(borsh::from_slice::<Value>(&bytes).is_err(), "{why}");
    }
    assert!(borsh::from_slice::<Value>(&map(&[entry("a"), entry("b")])).is_ok());
}

#[test]
fn nesting_is_limited_on_every_way_in_and_out() {
    assert!(borsh::from_slice::<Value>(&borsh::to_vec(&nested(MAX_DEPTH)).expect("bytes")).is_ok());
    assert!(borsh::to_vec(&nested(MAX_DEPTH + 1)).is_err());
    let bytes: Vec<u8> = [9, 1, 0, 0, 0].repeat(100_000);
    assert!(borsh::from_slice::<Value>(&bytes).is_err());

    let json = |depth: usize| (0..depth).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    assert!(from_json(&json(MAX_DEPTH)).is_ok());
    let error = from_json(&json(MAX_DEPTH + 1)).expect_err("too deep");
    assert_eq!((error.code(), error.kind()), ("DH-V002", JsonErrorKind::TooDeep));
}

#[test]
fn json_numbers_are_exact_or_doubles() {
    for (json, expected) in [
        ("9223372036854775807", Value::Int(i64::MAX)),
        ("-9223372036854775808", Value::Int(i64::MIN)),
        ("9223372036854775808", Value::UInt(1 << 63)),
        ("18446744073709551615", Value::UInt(u64::MAX)),
        ("1.0", Value::Double(Double::new(1.0).expect("no NaN"))),
        ("-0.0", Value::Double(Double::new(0.0).expect("no NaN"))),
        ("1e3", Value::Double(Double::new(1000.0).expect("no NaN"))),
    ] {
        assert_eq!(from_json(&serde_json::from_str(json).expect("JSON")), Ok(expected), "{json}");
    }
}

#[test]
fn an_error_in_json_names_its_path() {
    let deep = (0..40).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    let error = context_from_json_object(&serde_json::json!({"a": {"b": [0, deep]}})).expect_err("too deep");
    assert!(error.path().starts_with("$.a.b[1][0][0]"), "{error}");
    let error = context_from_json_object(&serde_json::json!([1])).expect_err("no object");
    assert_eq!((error.code(), error.path()), ("DH-V001", "$"));
    assert_eq!(error.to_string(), "a context is a JSON object; found something else at `$`");
}

#[test]
fn timestamps_are_rfc_3339_and_nothing_else() {
    for (text, expected) in [
        ("1970-01-01T00:00:00Z", Some((0, 0))),
        ("1970-01-01t00:00:00.000000001z", Some((0, 1))),
        ("1969-12-31T23:59:59.5Z", Some((-1, 500_000_000))),
        ("2024-02-29T12:00:00+05:30", Some((1_709_188_200, 0))),
        ("0001-01-01T00:00:00Z", Some((time::MIN_TIMESTAMP_SECONDS, 0))),
        ("9999-12-31T23:59:59.999999999Z", Some((time::MAX_TIMESTAMP_SECONDS, 999_999_999))),
        ("0001-01-01T00:00:00+00:01", None),
        ("9999-12-31T23:59:59-00:01", None),
        ("0000-01-01T00:00:00Z", None),
        ("2023-02-29T12:00:00Z", None),
        ("2024-01-01 00:00:00Z", None),
        ("2024-01-01T00:00:00", None),
        ("2024-01-01T00:00Z", None),
        ("2024-01-01T24:00:00Z", None),
        ("2024-01-01T23:59:60Z", None),
        ("2024-01-01T00:00:00.Z", None),
        ("2024-01-01T00:00:00.1234567890Z", None),
        ("2024-01-01T00:00:00+24:00", None),
        ("2024-01-01T00:00:00+0100", None),
        ("+024-01-01T00:00:00Z", None),
        ("2024-1-01T00:00:00Z", None),
        ("", None),
    ] {
        assert_eq!(time::parse_timestamp(text), expected, "{text}");
    }
}

#[test]
fn durations_are_exact_and_nothing_else() {
    let second = 1_000_000_000i128;
    for (text, expected) in [
        ("0", Some(0)),
        ("0s", Some(0)),
        ("1h30m", Some(5400 * second)),
        ("-1.5s", Some(-3 * second / 2)),
        ("+2ms", Some(2_000_000)),
        ("0.1s", Some(100_000_000)),
        ("2.3s", Some(2_300_000_000)),
        ("1.000000001s", Some(second + 1)),
        ("1.0000000019s", Some(second + 1)),
        (".5m", Some(30 * second)),
        ("1.s", Some(second)),
        ("7µs3ns", Some(7_003)),
        ("99999999999999999999h", Some(99_999_999_999_999_999_999 * 3600 * second)),
        ("999999999999999999999h", None),
        ("1", None),
        ("s", None),
        (".s", None),
        ("1.2.3s", None),
        ("1d", None),
        ("1 s", None),
        ("--1s", None),
        ("", None),
        ("-", None),
    ] {
        assert_eq!(time::parse_duration(text), expected, "{text}");
    }
}
