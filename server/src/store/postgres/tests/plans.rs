//! How Postgres finds what the hot statements ask for, on tables that are filled and analyzed, with its planner as it is.

use dhow_engine::filter::{IdMatch, SubjectRelationMatch, TupleFilter};
use dhow_engine::state::Shape;

use super::super::super::filter::{Dialect, matching, tuples_of};
use super::super::super::statement::{Bound, Statement};
use super::super::{heads, read, tables, transaction};
use super::*;

/// Tables as they are after a while: some stores, of which one is large, and their log, requests and counts.
async fn filled() -> (Scratch, PgConnection) {
    let scratch = Scratch::migrated().await;
    scratch
        .run(
            "INSERT INTO store (id, name, created_at) SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), 's' || n, 0 FROM generate_series(1, 5000) n;
             INSERT INTO head SELECT key, 100, '\\x00', '\\x00', 0, 1, 100 FROM store;
             INSERT INTO log SELECT 1 + n % 20, n, '\\x00', decode(repeat('ab', 150), 'hex') FROM generate_series(1, 40000) n;
             INSERT INTO tuple SELECT CASE WHEN n % 3 = 0 THEN 1 + n % 20 ELSE 7 END, CASE WHEN n % 10 = 0 THEN 'team' ELSE 'doc' END,
                 'object' || n / 4, CASE WHEN n % 2 = 0 THEN 'viewer' ELSE 'editor' END, CASE WHEN n % 7 = 0 THEN 'team' ELSE 'user' END,
                 'subject' || n * 31 % 20011, CASE WHEN n % 7 = 0 THEN 'member' ELSE '' END, NULL, NULL, NULL, 1
             FROM generate_series(1, 120000) n;
             INSERT INTO shape SELECT key, type, relation, 'user', '', '', 0, 100
             FROM store, unnest(ARRAY['doc', 'team']) type, unnest(ARRAY['viewer', 'editor']) relation WHERE key <= 300;
             INSERT INTO schema_version SELECT key, version, 1, 0, 'ada', '\\x00' FROM store, generate_series(1, 9) version;
             INSERT INTO write_request SELECT 1 + n % 20, decode(md5(n::TEXT), 'hex'), '\\x00', 1, '\\x00', 1, 0, 0, n
             FROM generate_series(1, 40000) n;
             ANALYZE",
        )
        .await;
    let connection = scratch.connect().await;
    (scratch, connection)
}

/// The steps that Postgres takes for a statement with these values in place of its parameters.
async fn plan(connection: &mut PgConnection, sql: &str, values: &[String]) -> String {
    let mut sql = sql.to_owned();
    for (place, value) in values.iter().enumerate().rev() {
        sql = sql.replace(&format!("${}", place + 1), value);
    }
    let sql = AssertSqlSafe(format!("EXPLAIN {sql}"));
    let steps: Vec<String> = sqlx::query_scalar(sql).fetch_all(connection).await.unwrap();
    steps.join("\n")
}

/// The steps for a prepared statement that is planned once for whatever is bound.
async fn generic_plan(connection: &mut PgConnection, sql: &str, values: &[String]) -> String {
    let sql = format!(
        "SET plan_cache_mode = force_generic_plan; PREPARE hot AS {sql}; CREATE TEMP TABLE steps (step TEXT);
         DO $$ DECLARE step TEXT; BEGIN
             FOR step IN EXECUTE $q$EXPLAIN EXECUTE hot ({})$q$ LOOP INSERT INTO steps VALUES (step); END LOOP;
         END $$;",
        values.join(", ")
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.unwrap();
    let steps: Vec<String> = sqlx::query_scalar("SELECT step FROM steps").fetch_all(&mut *connection).await.unwrap();
    sqlx::raw_sql("DROP TABLE steps; DEALLOCATE hot; RESET plan_cache_mode").execute(connection).await.unwrap();
    steps.join("\n")
}

/// The tables that grow.
const LARGE: [&str; 4] = ["log", "tuple", "write_request", "schema_version"];

#[track_caller]
fn assert_searches(sql: &str, steps: &str, index: &str) {
    for table in LARGE {
        assert!(!steps.contains(&format!("Seq Scan on {table}")), "{sql}\n{steps}");
    }
    assert!(index.is_empty() || steps.contains(index), "{sql}\ndoes not use {index}:\n{steps}");
}

fn array(rows: usize, kind: &str, value: impl Fn(usize) -> String) -> String {
    let values: Vec<String> = (0..rows).map(|n| format!("'{}'", value(n))).collect();
    format!("ARRAY[{}]::{kind}[]", values.join(", "))
}

/// The arrays of `rows` keys.
fn keys(rows: usize) -> Vec<String> {
    let text = |value: &'static str| array(rows, "TEXT", move |_| value.to_owned());
    vec![
        text("doc"),
        array(rows, "TEXT", |n| format!("object{n}")),
        text("viewer"),
        text("user"),
        array(rows, "TEXT", |n| format!("subject{n}")),
        text(""),
    ]
}

#[tokio::test]
async fn hot_statements_search_by_an_index() {
    let (_scratch, mut connection) = filled().await;
    let one = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let id = "'\\x00000000000000000000000000000007'::BYTEA";
    let mut cases = vec![
        (transaction::LOCK_HEAD, one(&[id]), "store_id_key"),
        (heads::SELECT_HEAD, one(&[id]), "store_id_key"),
        (heads::SELECT_HEAD_BY_KEY, one(&["7::BIGINT"]), "head_pkey"),
        (heads::SELECT_BY_ID, one(&[id]), "store_id_key"),
        (heads::SELECT_BY_NAME, one(&["'s7'"]), "store_name_key"),
        (
            heads::UPDATE_HEAD,
            one(&["7::BIGINT", "1::BIGINT", "'\\x00'::BYTEA", "'\\x00'::BYTEA", "1::BIGINT", "1::BIGINT", "1::BIGINT"]),
            "head_pkey",
        ),
        (read::SELECT_LOG, one(&["7::BIGINT", "90::BIGINT", "64::BIGINT"]), "log_pkey"),
        (read::SELECT_LABELS, one(&["7::BIGINT", "ARRAY[6, 26, 46]::BIGINT[]"]), "log_pkey"),
        (read::SELECT_SCHEMA, one(&["7::BIGINT", "3::BIGINT"]), "schema_version_pkey"),
        (tables::PURGE_REQUESTS, one(&["7::BIGINT", "500::BIGINT", "264::BIGINT"]), "write_request_by_time"),
    ];
    for rows in [1, 30, 400, 3_000] {
        let ids = array(rows, "BYTEA", |n| format!("\\x{:032x}", n + 1));
        let chains = array(rows, "BYTEA", |_| "\\x00".to_owned());
        let steps =
            plan(&mut connection, heads::SELECT_MOVED, &[ids.clone(), array(rows, "BIGINT", |_| "100".to_owned()), chains.clone()]).await;
        for table in ["store", "head"] {
            assert!(!steps.contains(&format!("Seq Scan on {table}")), "{rows} stores:\n{steps}");
        }
        cases.push((heads::SELECT_MOVED, vec![ids, array(rows, "BIGINT", |_| "100".to_owned()), chains], "store_id_key"));
    }
    for rows in [1, 30, 400] {
        let store = || one(&["7::BIGINT"]);
        cases.push((tables::SELECT_IMAGES, [store(), keys(rows)].concat(), "tuple_"));
        cases.push((tables::DELETE_TUPLES, [store(), keys(rows)].concat(), "tuple_"));
        let ids = array(rows, "BYTEA", |n| format!("\\x{n:032x}"));
        cases.push((tables::SELECT_REQUESTS, [store(), vec![ids]].concat(), "write_request_pkey"));
    }
    for (sql, values, index) in cases {
        let steps = plan(&mut connection, sql, &values).await;
        assert_searches(sql, &steps, index);
        let generic = generic_plan(&mut connection, sql, &values).await;
        assert_searches(sql, &generic, index);
        if index == "tuple_" {
            // By the whole key, with whichever index: a subject, or an object, may have very many tuples.
            assert!(!steps.contains("Filter:") && !generic.contains("Filter:"), "{sql}\n{steps}\n{generic}");
        }
    }
}

/// What a statement that was put together is bound to, as SQL.
fn values(statement: &Statement) -> Vec<String> {
    let value = |bound: &Bound| match bound {
        Bound::Integer(number) => format!("{number}::BIGINT"),
        Bound::Text(text) => format!("'{text}'::TEXT"),
    };
    statement.bound.iter().map(value).collect()
}

#[tokio::test]
async fn filters_search_by_the_fields_that_they_name() {
    let (_scratch, mut connection) = filled().await;
    let any = TupleFilter::default;
    let by_id = Some(IdMatch::Is("object77".into()));
    let by_prefix = Some(IdMatch::Prefix("object7".into()));
    for (filter, index) in [
        (any(), "tuple_pkey"),
        (TupleFilter { object_type: Some("doc".into()), ..any() }, "tuple_pkey"),
        (TupleFilter { relation: Some("viewer".into()), ..any() }, "tuple_pkey"),
        (TupleFilter { object_id: by_id.clone(), ..any() }, "tuple_pkey"),
        (TupleFilter { object_type: Some("doc".into()), object_id: by_prefix.clone(), ..any() }, "tuple_pkey"),
        (TupleFilter { object_type: Some("doc".into()), object_id: by_id, relation: Some("viewer".into()), ..any() }, "tuple_pkey"),
        (TupleFilter { subject_id: Some("subject8".into()), ..any() }, "tuple_by_subject"),
        (TupleFilter { subject_id: Some("nobody".into()), ..any() }, "tuple_by_subject"),
        (
            TupleFilter {
                subject_type: Some("user".into()),
                subject_id: Some("subject8".into()),
                relation: Some("viewer".into()),
                ..any()
            },
            "tuple_by_subject",
        ),
        (TupleFilter { object_type: Some("doc".into()), subject_id: Some("subject8".into()), ..any() }, "tuple_by_subject"),
        (TupleFilter { object_id: by_prefix, subject_id: Some("subject8".into()), ..any() }, "tuple_by_subject"),
        (
            TupleFilter { subject_type: Some("team".into()), subject_relation: Some(SubjectRelationMatch::Is("member".into())), ..any() },
            "tuple_by_subject",
        ),
    ] {
        let statement = matching(Dialect::Postgres, 7, &filter, at(0));
        let steps = plan(&mut connection, &statement.text, &values(&statement)).await;
        assert_searches(&filter.to_string(), &steps, index);
    }
}

#[tokio::test]
async fn tuples_of_a_shape_are_searched_among_those_of_the_type() {
    let (_scratch, mut connection) = filled().await;
    for text in ["team:1#viewer@user:*", "team:1#viewer@team:1#member", "team:1#viewer@user:1[limit][expiration:2030-01-01T00:00:00Z]"] {
        let statement = tuples_of(3, &Shape::of(&tuple(text)));
        let steps = plan(&mut connection, &statement.text, &values(&statement)).await;
        assert_searches(text, &steps, "tuple_");
    }
}

/// Loading one store among many does not look at the others.
#[tokio::test]
async fn a_store_is_loaded_by_its_own_rows() {
    let (_scratch, mut connection) = filled().await;
    let steps = plan(&mut connection, &read::select_tuples(3), &[]).await;
    // In the order of the key's index, or sorted after a search by either.
    assert_searches("load", &steps, "tuple_");
}
