use super::*;
use proptest::prelude::*;

fn parse(text: &str) -> Tuple {
    text.parse().unwrap_or_else(|error: TupleTextError| panic!("{text}: {error} at {:?}", error.range()))
}

#[test]
fn an_id_may_contain_at_signs_and_colons() {
    let tuple = parse("document:a@b#viewer@user:c@d.com");
    assert_eq!(&**tuple.key.object().id(), "a@b");
    assert_eq!(&**tuple.key.relation(), "viewer");
    assert_eq!(&**tuple.key.subject().id(), "c@d.com");
    assert_eq!(&**"arn:aws:s3:::bucket".parse::<ObjectRef>().unwrap().id(), "aws:s3:::bucket");
}

#[test]
fn text_and_back_is_identity() {
    for text in [
        "document:readme#viewer@user:ada",
        "document:readme#viewer@user:*",
        "acme/document:1#view@team:core#member",
        "my-type:1#can.view@user:a@b",
        "d:1#v@user:ada[ip]",
        r#"d:1#v@user:ada[ip:{"a":1,"b":[true,null,"x]"],"c":{"d":18446744073709551615}}]"#,
        r#"d:1#v@user:ada[ip:{"a":"]["}][expiration:2030-01-01T00:00:00Z]"#,
        "d:1#v@team:core#member[expiration:2030-01-01T00:00:00.000001Z]",
        "d:1#v@user:ada[expiration][expiration:2030-01-01T00:00:00Z]",
        "d:1#v@user:x]y",
    ] {
        assert_eq!(parse(text).to_string(), text);
        assert_eq!(borsh::from_slice::<Tuple>(&parse(text).canonical_bytes()).unwrap(), parse(text));
    }
}

#[test]
fn backticks_and_the_ellipsis_are_read() {
    assert_eq!(parse("`my-type`:1#`can-view`@`my-user`:ada#...").to_string(), "my-type:1#can-view@my-user:ada");
    assert_eq!(parse("d:1#v@team:x#`m-n`[c]").to_string(), "d:1#v@team:x#m-n[c]");
}

#[test]
fn errors_carry_code_and_place() {
    let long = format!("d:{}#v@u:1", "x".repeat(1_025));
    for (text, code, range) in [
        ("", "tuple_text_colon", 0..0),
        ("document", "tuple_text_colon", 0..8),
        ("document#viewer@user:ada", "tuple_text_colon", 0..8),
        (":1#v@u:1", "name_empty", 0..0),
        ("d:#v@u:1", "id_empty", 2..2),
        ("d:1", "tuple_text_relation", 3..3),
        ("d:1#v", "tuple_text_subject", 5..5),
        ("d:1#@u:1", "name_empty", 4..4),
        ("d:1#v@u", "tuple_text_colon", 6..7),
        ("d:1 2#v@u:1", "id_character", 3..4),
        ("d:1#v@u:\u{7}", "id_character", 8..9),
        ("d:*#v@u:1", "id_wildcard", 2..3),
        ("d:1#v@u:*#m", "wildcard_relation", 10..11),
        ("`d:1#v@u:1", "tuple_text_backtick", 0..1),
        ("d:1#v@u:1[c", "tuple_text_bracket", 11..11),
        ("d:1#v@u:1[c]x", "tuple_text_trailing", 12..13),
        ("d:1#v@u:1[c][d]", "tuple_text_repeated", 12..15),
        ("d:1#v@u:1[c:[1]]", "tuple_text_context", 12..13),
        ("d:1#v@u:1[expiration:soon]", "time_invalid", 21..25),
        (&long, "id_too_long", 2..1_027),
    ] {
        let error = text.parse::<Tuple>().unwrap_err();
        assert_eq!(error.code(), code, "{text}");
        if error.code() != "tuple_text_context" {
            assert_eq!(*error.range(), range, "{text}");
        }
        assert!(!error.help().is_empty() && !error.to_string().is_empty());
    }
}

#[test]
fn a_question_takes_no_caveat() {
    assert_eq!("d:1#v@u:1".parse::<TupleKey>().unwrap().to_string(), "d:1#v@u:1");
    assert_eq!("d:1#v@u:1[c]".parse::<TupleKey>().unwrap_err().code(), "tuple_text_trailing");
    assert_eq!("team:1#member".parse::<Subject>().unwrap().shape(), SubjectShape::Userset("member".into()));
    assert_eq!("u:*".parse::<Subject>().unwrap().shape(), SubjectShape::Wildcard);
}

#[test]
fn keys_are_ordered_by_type_id_relation_and_subject_as_bytes() {
    let sorted = ["a:1#r@u:1", "a:1#r@u:1#m", "a:1#r@u:2", "a:1#s@u:*", "a:10#r@u:1", "a:9#r@u:1", "a/b:1#r@u:1", "b:1#r@u:1", "é:1#r@u:1"];
    let keys: Vec<TupleKey> = sorted.iter().map(|text| text.parse().unwrap()).collect();
    assert!(keys.is_sorted());
}

#[test]
fn stored_bytes_are_checked_like_text() {
    let mut bytes = parse("d:1#v@u:1").canonical_bytes();
    let hash = bytes.iter().position(|b| *b == b'1').unwrap();
    bytes[hash] = b'#';
    assert!(borsh::from_slice::<Tuple>(&bytes).is_err());
    assert!(borsh::from_slice::<Tuple>(&bytes[..bytes.len() - 1]).is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_panic(text in ".{0,60}") {
        if let Ok(tuple) = text.parse::<Tuple>() {
            prop_assert_eq!(tuple.to_string().parse::<Tuple>().unwrap(), tuple);
        }
    }

    #[test]
    fn text_of_separators_is_read_or_refused_without_panic(text in "[a:#@*`\\[\\]{}.\" 1é]{0,24}") {
        if let Ok(tuple) = text.parse::<Tuple>() {
            prop_assert_eq!(tuple.to_string().parse::<Tuple>().unwrap(), tuple);
        }
    }

    #[test]
    fn every_valid_key_is_read_back(object in "[^\\s\\p{C}#\\[]{1,12}", subject in "[^\\s\\p{C}#\\[]{1,12}", relation in "[a-z._/-]{1,8}") {
        prop_assume!(object != "*" && relation != "...");
        let text = format!("doc:{object}#{relation}@user:{subject}");
        let key: TupleKey = text.parse().unwrap();
        prop_assert_eq!(&**key.object().id(), object.as_str());
        prop_assert_eq!(&**key.subject().id(), subject.as_str());
    }
}
