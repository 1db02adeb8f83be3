use super::*;
use crate::api::request::FieldProblem;
use crate::identity::Right;

/// Every kind of error, as its caller sees it: status, code, field.
fn table() -> Vec<(ApiError, Code, &'static str, Option<&'static str>)> {
    let forbidden_right = Forbidden::Right { identity: "ci".into(), needs: &[Right::Read, Right::Schema] };
    let forbidden_store = Forbidden::Store { identity: "ci".into(), store: "shop".into() };
    vec![
        (Unauthenticated::Missing.into(), Code::Unauthenticated, "DH-A001", None),
        (Unauthenticated::Malformed.into(), Code::Unauthenticated, "DH-A002", None),
        (Unauthenticated::Unknown.into(), Code::Unauthenticated, "DH-A003", None),
        (forbidden_right.into(), Code::PermissionDenied, "DH-A004", None),
        (forbidden_store.into(), Code::PermissionDenied, "DH-A005", None),
        (RequestError::missing("check.object").into(), Code::InvalidArgument, "DH-A010", Some("check.object")),
        (
            RequestError::new("checks", FieldProblem::TooMany { got: 1_001, max: 1_000 }).into(),
            Code::InvalidArgument,
            "DH-A012",
            Some("checks"),
        ),
    ]
}

#[test]
fn each_error_is_told_with_status_code_and_field() {
    for (error, status, code, field) in table() {
        let told = Status::from(error);
        assert_eq!(told.code(), status, "{code}");
        let info = told.get_details_error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), (code, "dhow"));
        let violation = told.get_details_bad_request().and_then(|details| details.field_violations.into_iter().next());
        assert_eq!(violation.map(|violation| violation.field).as_deref(), field, "{code}");
    }
}

#[test]
fn a_sentence_says_what_was_wrong_where_and_what_to_do() {
    let status = Status::from(ApiError::from(RequestError::new("checks", FieldProblem::TooMany { got: 1_001, max: 1_000 })));
    assert_eq!(status.message(), "field `checks`: has 1001 elements, at most 1000 are allowed; send several requests");
    let status = Status::from(ApiError::from(Forbidden::Right { identity: "ci".into(), needs: &[Right::Read, Right::Schema] }));
    assert_eq!(status.message(), "key `ci` lacks the right `read` or `schema`; an operator can add it to the key's `rights`");
}

#[test]
fn an_error_inside_an_answer_keeps_its_details() {
    let status = to_rpc_status(RequestError::missing("check.object").into());
    assert_eq!(status.code, i32::from(Code::InvalidArgument));
    assert_eq!(status.details.len(), 2);
}
