use dhow_engine::filter::{IdMatch, SubjectRelationMatch, TupleFilter};
use dhow_engine::state::Shape;

use super::super::super::filter::{self, Dialect};
use super::super::super::suite::tuple;
use super::super::{heads, read, revisions, tables};
use super::*;

/// The steps that SQLite takes for a statement.
async fn plan(database: &SqliteStore, sql: &str) -> Vec<String> {
    let mut writer = database.writer.lock().await;
    let connection = writer.connection().await.unwrap();
    let query = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
    let rows = query.fetch_all(connection).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    rows.iter().map(|row| row.try_get("detail").unwrap()).collect()
}

/// Asserts that a statement searches: it looks at no whole table and sorts nothing.
async fn assert_searches(database: &SqliteStore, sql: &str) -> Vec<String> {
    let steps = plan(database, sql).await;
    for step in &steps {
        let of_input = ["SCAN wanted", "SCAN json_each"].iter().any(|input| step.starts_with(input));
        assert!(of_input || !step.starts_with("SCAN"), "{sql}\n{steps:#?}");
        assert!(!step.contains("TEMP B-TREE") && !step.contains("AUTOMATIC"), "{sql}\n{steps:#?}");
    }
    steps
}

#[tokio::test]
async fn hot_statements_search_by_an_index() {
    let database = SqliteStore::in_memory().await.unwrap();
    for (sql, step) in [
        (heads::SELECT_HEAD, "SEARCH h USING INTEGER PRIMARY KEY (rowid=?)"),
        (heads::SELECT_LOGGED, "SEARCH log USING INDEX sqlite_autoindex_log_1 (store=? AND revision=?)"),
        (heads::SELECT_BY_ID, "SEARCH store USING INDEX sqlite_autoindex_store_1 (id=?)"),
        (heads::SELECT_BY_NAME, "SEARCH store USING INDEX sqlite_autoindex_store_2 (name=?)"),
        (read::SELECT_LOG, "SEARCH log USING INDEX sqlite_autoindex_log_1 (store=? AND revision>?)"),
        (read::SELECT_LABELS, "SEARCH log USING INDEX sqlite_autoindex_log_1 (store=? AND revision=?)"),
        (revisions::SELECT_LOG_BACK, "SEARCH log USING INDEX sqlite_autoindex_log_1 (store=? AND revision<?)"),
        (
            revisions::SET_REVISION,
            "SEARCH tuple USING PRIMARY KEY (store=? AND object_type=? AND object_id=? AND relation=? AND subject_type=? AND \
             subject_id=? AND subject_relation=?)",
        ),
        (read::SELECT_TUPLES, "SEARCH tuple USING PRIMARY KEY (store=?)"),
        (read::SELECT_SCHEMA, "SEARCH schema_version USING INDEX sqlite_autoindex_schema_version_1 (store=? AND version=?)"),
        (
            tables::SELECT_IMAGES,
            "SEARCH t USING PRIMARY KEY (store=? AND object_type=? AND object_id=? AND relation=? AND subject_type=? AND \
             subject_id=? AND subject_relation=?)",
        ),
        (
            tables::DELETE_TUPLES,
            "SEARCH tuple USING PRIMARY KEY (store=? AND object_type=? AND object_id=? AND relation=? AND subject_type=? AND \
             subject_id=? AND subject_relation=?)",
        ),
        (tables::UPSERT_TUPLES, ""),
        (tables::ADD_SHAPES, ""),
        (
            tables::TAKE_SHAPE,
            "SEARCH shape USING PRIMARY KEY (store=? AND object_type=? AND relation=? AND subject_type=? AND subject_shape=? AND \
             caveat=? AND expiration=?)",
        ),
        (tables::DROP_EMPTY_SHAPES, "SEARCH shape USING PRIMARY KEY (store=?)"),
        (tables::SELECT_REQUESTS, "SEARCH r USING INDEX sqlite_autoindex_write_request_1 (store=? AND request_id=?)"),
        (tables::UPSERT_REQUESTS, ""),
        (tables::PURGE_REQUESTS, "SEARCH write_request USING COVERING INDEX write_request_by_time (store=? AND time<?)"),
    ] {
        let steps = assert_searches(&database, sql).await;
        assert!(step.is_empty() || steps.iter().any(|taken| taken == step), "{sql}\n{steps:#?}");
    }
}

#[tokio::test]
async fn filters_search_by_the_fields_that_they_name() {
    let database = SqliteStore::in_memory().await.unwrap();
    let any = TupleFilter::default;
    let by_id = Some(IdMatch::Is("1".into()));
    for (filter, step) in [
        (any(), "PRIMARY KEY (store=?)"),
        (TupleFilter { object_type: Some("doc".into()), ..any() }, "PRIMARY KEY (store=? AND object_type=?)"),
        (TupleFilter { object_id: by_id.clone(), ..any() }, "PRIMARY KEY (store=? AND object_type=? AND object_id=?)"),
        (
            TupleFilter { object_type: Some("doc".into()), object_id: Some(IdMatch::Prefix("1".into())), ..any() },
            "PRIMARY KEY (store=? AND object_type=? AND object_id>? AND object_id<?)",
        ),
        (
            TupleFilter { object_type: Some("doc".into()), object_id: by_id, relation: Some("viewer".into()), ..any() },
            "PRIMARY KEY (store=? AND object_type=? AND object_id=? AND relation=?)",
        ),
        (TupleFilter { subject_id: Some("ada".into()), ..any() }, "INDEX tuple_by_subject (store=? AND subject_type=? AND subject_id=?)"),
        (
            TupleFilter { subject_type: Some("user".into()), subject_id: Some("ada".into()), relation: Some("viewer".into()), ..any() },
            "INDEX tuple_by_subject (store=? AND subject_type=? AND subject_id=?)",
        ),
        (
            TupleFilter { object_type: Some("doc".into()), subject_id: Some("ada".into()), ..any() },
            "INDEX tuple_by_subject (store=? AND subject_type=? AND subject_id=? AND object_type=?)",
        ),
        (
            TupleFilter { object_id: Some(IdMatch::Prefix("1".into())), subject_id: Some("ada".into()), ..any() },
            "INDEX tuple_by_subject (store=? AND subject_type=? AND subject_id=?)",
        ),
        (
            TupleFilter { subject_type: Some("team".into()), subject_relation: Some(SubjectRelationMatch::Is("m".into())), ..any() },
            "INDEX tuple_by_subject (store=? AND subject_type=?)",
        ),
    ] {
        let sql = filter::matching(Dialect::Sqlite, 1, &filter, at(0)).text;
        let steps = assert_searches(&database, &sql).await;
        assert!(steps.iter().any(|taken| taken.starts_with("SEARCH tuple USING ") && taken.ends_with(step)), "{filter}\n{steps:#?}");
    }
}

#[tokio::test]
async fn tuples_of_a_shape_are_searched_among_those_of_the_type() {
    let database = SqliteStore::in_memory().await.unwrap();
    for text in ["doc:1#viewer@user:*", "doc:1#viewer@team:1#member", "doc:1#viewer@user:1[limit][expiration:2030-01-01T00:00:00Z]"] {
        let sql = filter::tuples_of(1, &Shape::of(&tuple(text))).text;
        let steps = plan(&database, &sql).await;
        assert!(steps.first().unwrap().starts_with("SEARCH") && steps.first().unwrap().contains("object_type=?"), "{steps:#?}");
        // At most the few tuples of one object are sorted, which the index has in order but for columns that are all the same.
        assert!(steps.iter().skip(1).all(|step| step == "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"), "{steps:#?}");
    }
}
