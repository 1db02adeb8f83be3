use std::sync::Arc;

use dhow_engine::entry::StoreId;
use dhow_engine::filter::TupleFilter;
use dhow_engine::time::Timestamp;

use super::*;
use crate::api::request::FieldProblem;
use crate::identity::Right;

/// Every kind of error, as its caller sees it: status, code, field.
fn table() -> Vec<(ApiError, Code, &'static str, Option<&'static str>)> {
    let forbidden_right = Forbidden::Right { identity: "ci".into(), needs: &[Right::Read, Right::Schema] };
    let forbidden_store = Forbidden::Store { identity: "ci".into(), store: "shop".into() };
    let mut table = vec![
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
    ];
    table.extend(reads().into_iter().map(|(error, code, reason, field)| (error.into(), code, reason, field)));
    table.extend(databases().into_iter().map(|(error, code, reason, field)| (error.into(), code, reason, field)));
    table.extend(snapshots().into_iter().map(|(error, code, reason, field)| (error.into(), code, reason, field)));
    table.extend(repairs().into_iter().map(|(error, code, reason, field)| (error.into(), code, reason, field)));
    table.extend(writes().into_iter().map(|(error, code, reason, field)| (error.into(), code, reason, field)));
    table.extend(schema_writes().into_iter().map(|(error, code, reason, field)| (error.into(), code, reason, field)));
    table.extend(stores().into_iter().map(|(error, code, reason, field)| (error.into(), code, reason, field)));
    table
}

type Row<E> = (E, Code, &'static str, Option<&'static str>);

fn broken() -> Arc<sqlx::Error> {
    Arc::new(sqlx::Error::WorkerCrashed)
}

fn reads() -> Vec<Row<ReadError>> {
    vec![
        (ReadError::NoStore { name: "shop".into() }, Code::NotFound, "DH-R010", Some("store")),
        (ReadError::Foreign, Code::InvalidArgument, "DH-R011", Some("consistency")),
        (ReadError::TooNew { revision: 9, head: 8 }, Code::InvalidArgument, "DH-R012", Some("consistency")),
        (ReadError::TooOld { revision: 1, oldest: 5 }, Code::OutOfRange, "DH-R013", Some("consistency")),
        (ReadError::HistoryReplaced, Code::Aborted, "DH-R014", None),
        (ReadError::Deadline { allowed: SOON }, Code::DeadlineExceeded, "deadline_exceeded", None),
        (ReadError::Loading { waited: SOON }, Code::Unavailable, "DH-R015", None),
        (ReadError::Unanswered { waited: SOON }, Code::Unavailable, "DH-R016", None),
        (ReadError::TooStale { age: LATER, max: SOON }, Code::Unavailable, "DH-R017", None),
        (ReadError::TooManyWaiting { waiting: 9 }, Code::ResourceExhausted, "DH-R018", None),
        (ReadError::Datastore(DatastoreError::Closed), Code::Unavailable, "DH-D011", None),
    ]
}

fn databases() -> Vec<Row<DatastoreError>> {
    let store = StoreId([1; 16]);
    let path = || std::path::PathBuf::from("dhow.db");
    let io = || Arc::new(std::io::Error::other("full"));
    vec![
        (DatastoreError::Open { path: path(), source: broken() }, Code::Unavailable, "DH-D001", None),
        (DatastoreError::File { path: path(), source: io() }, Code::Unavailable, "DH-D002", None),
        (DatastoreError::InUse { path: path() }, Code::Unavailable, "DH-D003", None),
        (DatastoreError::Setting { setting: "a", expected: "b", found: "c".into() }, Code::Unavailable, "DH-D004", None),
        (DatastoreError::Sql { doing: "read", source: broken() }, Code::Unavailable, "DH-D006", None),
        (DatastoreError::Corrupt { table: "log", store, problem: "p".into() }, Code::DataLoss, "DH-D007", None),
        (DatastoreError::CommitUnknown { source: broken() }, Code::Unavailable, "DH-D008", None),
        (DatastoreError::NoStore { store }, Code::NotFound, "DH-D009", Some("store")),
        (DatastoreError::Damaged { doing: "read", source: broken() }, Code::DataLoss, "DH-D012", None),
        (DatastoreError::NotOurs { path: path() }, Code::Unavailable, "DH-D013", None),
        (DatastoreError::Connect { place: "db:5432/dhow".into(), source: broken() }, Code::Unavailable, "DH-D014", None),
        (DatastoreError::Lost { doing: "read", source: broken() }, Code::Unavailable, "DH-D015", None),
        (DatastoreError::Busy { doing: "write", source: broken() }, Code::Unavailable, "DH-D016", None),
        (DatastoreError::NotWritable, Code::Unavailable, "DH-D017", None),
        (DatastoreError::Outdated { missing: 1, first: 2 }, Code::Unavailable, "DH-D018", None),
        (DatastoreError::Silent { silent: LATER }, Code::Unavailable, "DH-D020", None),
        (DatastoreError::ReadsOnly, Code::FailedPrecondition, "DH-D030", None),
        (DatastoreError::NoDatabase, Code::Unavailable, "DH-D031", None),
        (DatastoreError::Unconfirmed { store, problem: "p" }, Code::Unavailable, "DH-D032", None),
        (DatastoreError::Gap { store, carried: 9 }, Code::Unavailable, "DH-D033", None),
        (DatastoreError::Url, Code::Unavailable, "DH-D019", None),
        (DatastoreError::HeadWrong { store, revision: 1, what: "chain" }, Code::DataLoss, "DH-D021", None),
        (DatastoreError::SetAside { store, problem: "p".into() }, Code::DataLoss, "DH-D010", None),
    ]
}

fn snapshots() -> Vec<Row<SnapshotsError>> {
    let path = || std::path::PathBuf::from("snapshots");
    let io = || std::io::Error::other("full");
    let unlike = || Box::new(dhow_engine::snapshot::SnapshotError::Head);
    let write = || dhow_engine::snapshot::container::WriteError::Io(io());
    vec![
        (SnapshotsError::NoFolder, Code::FailedPrecondition, "DH-F001", None),
        (SnapshotsError::NoFile { file: "a".into() }, Code::NotFound, "DH-F002", Some("file")),
        (SnapshotsError::Folder { path: path(), doing: "read", source: io() }, Code::Unavailable, "DH-F003", None),
        (SnapshotsError::Misnamed { file: "a".into() }, Code::DataLoss, "DH-F004", None),
        (SnapshotsError::Ahead { revision: 9, head: 8 }, Code::FailedPrecondition, "DH-F005", None),
        (SnapshotsError::Gone { revision: 9 }, Code::OutOfRange, "DH-F006", None),
        (SnapshotsError::Fork { revision: 9 }, Code::FailedPrecondition, "DH-F007", None),
        (SnapshotsError::Diverged { revision: 9 }, Code::DataLoss, "DH-F008", None),
        (SnapshotsError::Lost, Code::Internal, "DH-F009", None),
        (SnapshotsError::Refused { path: path(), source: unlike() }, Code::DataLoss, "snapshot_head", None),
        (SnapshotsError::Write { folder: path(), source: write() }, Code::Unavailable, "snapshot_write", None),
        (SnapshotsError::Datastore(DatastoreError::Closed), Code::Unavailable, "DH-D011", None),
    ]
}

fn repairs() -> Vec<Row<RepairError>> {
    vec![
        (RepairError::NoSource, Code::FailedPrecondition, "DH-V001", None),
        (RepairError::Log { revision: 1, problem: "p".into() }, Code::DataLoss, "DH-V002", None),
        (RepairError::Unreadable { problem: "p".into() }, Code::FailedPrecondition, "DH-V003", None),
        (RepairError::Apart { head: 1, log: 2 }, Code::DataLoss, "DH-V004", None),
        (RepairError::Busy, Code::Unavailable, "DH-V005", None),
        (RepairError::Datastore(DatastoreError::Closed), Code::Unavailable, "DH-D011", None),
    ]
}

fn writes() -> Vec<Row<WriteError>> {
    let key = || Box::new("document:1#viewer@user:ada".parse().unwrap());
    let filter = Box::<TupleFilter>::default;
    let request_id = || "r".to_owned();
    let first_used = Timestamp::from_microseconds(0);
    vec![
        (WriteError::Exists { index: 3, key: key() }, Code::AlreadyExists, "DH-W001", Some("changes[3]")),
        (WriteError::Missing { index: 1, filter: filter() }, Code::FailedPrecondition, "DH-W002", Some("preconditions[1]")),
        (WriteError::Present { index: 1, filter: filter(), found: key() }, Code::FailedPrecondition, "DH-W003", Some("preconditions[1]")),
        (WriteError::Twice { first: 0, second: 2, key: key() }, Code::InvalidArgument, "DH-W004", Some("changes[2]")),
        (WriteError::NoSchema, Code::FailedPrecondition, "DH-W006", None),
        (WriteError::TooManyChanges { changes: 1_001, limit: 1_000 }, Code::InvalidArgument, "DH-W007", Some("changes")),
        (WriteError::TooLarge { bytes: 9, limit: 8 }, Code::InvalidArgument, "DH-W008", Some("changes")),
        (WriteError::TooManyPreconditions { preconditions: 101, limit: 100 }, Code::InvalidArgument, "DH-W009", Some("preconditions")),
        (WriteError::LabelTooLong { what: "actor", bytes: 9, limit: 8 }, Code::InvalidArgument, "DH-W010", None),
        (WriteError::RequestIdTaken { request_id: request_id(), first_used }, Code::AlreadyExists, "DH-W011", Some("request_id")),
        (WriteError::ClockJumped { ahead_s: 60 }, Code::FailedPrecondition, "DH-W012", None),
        (WriteError::Overloaded { waiting: 1_000 }, Code::ResourceExhausted, "DH-W013", None),
        (WriteError::TooManyMatches { matching: 9, limit: 8 }, Code::FailedPrecondition, "DH-W014", Some("max_tuples")),
        (WriteError::Unknown { request_id: request_id(), source: DatastoreError::Closed }, Code::Unavailable, "DH-W015", None),
        (WriteError::NotApplied { request_id: request_id(), revision: 7, source: broken() }, Code::Unavailable, "DH-W016", None),
        (WriteError::ShuttingDown, Code::Unavailable, "DH-W017", None),
        (WriteError::SchemaUnreadable { version: 2 }, Code::Internal, "DH-W019", None),
        (WriteError::Deadline { request_id: request_id() }, Code::DeadlineExceeded, "DH-W023", None),
        (WriteError::Datastore(DatastoreError::Closed), Code::Unavailable, "DH-D011", None),
    ]
}

fn schema_writes() -> Vec<Row<SchemaWriteError>> {
    vec![
        (SchemaWriteError::Wrong { problem: "p".into() }, Code::InvalidArgument, "DH-W020", Some("source")),
        (SchemaWriteError::Version { expected: 1, found: 2 }, Code::FailedPrecondition, "DH-W021", Some("expected_version")),
        (SchemaWriteError::ClockJumped { ahead_s: 60 }, Code::FailedPrecondition, "DH-W012", None),
        (SchemaWriteError::Overloaded { waiting: 1_000 }, Code::ResourceExhausted, "DH-W013", None),
        (SchemaWriteError::Deadline, Code::DeadlineExceeded, "DH-W023", None),
        (SchemaWriteError::NotApplied { revision: 7, source: broken() }, Code::Unavailable, "DH-W016", None),
        (SchemaWriteError::ShuttingDown, Code::Unavailable, "DH-W017", None),
        (SchemaWriteError::Datastore(DatastoreError::Closed), Code::Unavailable, "DH-D011", None),
    ]
}

fn stores() -> Vec<Row<CreateStoreError>> {
    vec![
        (CreateStoreError::Name { name: "A".into() }, Code::InvalidArgument, "DH-W030", Some("name")),
        (CreateStoreError::NameTaken { name: "a".into() }, Code::AlreadyExists, "DH-W031", Some("name")),
        (CreateStoreError::Datastore(DatastoreError::Closed), Code::Unavailable, "DH-D011", None),
    ]
}

#[test]
fn only_what_may_succeed_later_says_when() {
    for (error, status, code, _) in table() {
        let told = Status::from(error);
        let busy = matches!(status, Code::Unavailable | Code::ResourceExhausted);
        assert_eq!(told.get_details_retry_info().is_some(), busy, "{code}");
    }
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

#[test]
fn an_error_that_quotes_the_request_fits_into_headers() {
    let long = "x\u{20ac}".repeat(100_000);
    let finding = |number: u32| dhow_proto::v1::SchemaDiagnostic {
        severity: "error".into(),
        message: long.chars().take(100).collect(),
        line: number,
        ..Default::default()
    };
    let errors: [ApiError; 4] = [
        ReadError::NoStore { name: long.clone() }.into(),
        CreateStoreError::Name { name: long.clone() }.into(),
        RequestError::missing(format!("context.values[{long:?}]")).into(),
        SchemaWrong { findings: (0..100).map(finding).collect() }.into(),
    ];
    for error in errors {
        let status = Status::from(error);
        assert!(status.message().len() <= SENTENCE_BYTES && status.details().len() <= 6_000, "{}", status.details().len());
        assert!(status.get_details_bad_request().is_some_and(|details| !details.field_violations.is_empty()));
    }
}
