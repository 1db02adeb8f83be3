//! Finding one tuple that a filter means.

use dhow_engine::entry::StoreId;
use dhow_engine::filter::{IdMatch, SubjectRelationMatch, TupleFilter};
use dhow_engine::time::Timestamp;
use dhow_engine::tuple::TupleKey;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::super::error::DatastoreError;
use super::super::prefix::behind_prefix;
use super::rows::Reading;

/// A statement for a tuple of a filter that has not expired at `time`.
///
/// The types that a filter leaves open are filled in from the counts of shapes, so that an index is searched for each: a subject by its
/// id alone is found without looking at every tuple of the store.
pub(super) fn matching(key: i64, filter: &TupleFilter, time: Timestamp) -> QueryBuilder<Sqlite> {
    let TupleFilter { object_type, object_id, relation, subject_type, subject_id, subject_relation } = filter;
    // SQLite knows nothing of ids and would guess otherwise: who is named by an id has few tuples, unless one object is named as well.
    let by_subject = match (object_id, subject_id) {
        (Some(IdMatch::Is(_)), _) => false,
        (Some(IdMatch::Prefix(_)) | None, Some(_)) => true,
        (Some(IdMatch::Prefix(_)), None) => false,
        (None, None) => object_type.is_none() && subject_type.is_some(),
    };
    let mut sql = QueryBuilder::new("SELECT object_type, object_id, relation, subject_type, subject_id, subject_relation FROM tuple ");
    sql.push(if by_subject { "INDEXED BY tuple_by_subject WHERE store = " } else { "WHERE store = " });
    sql.push_bind(key);
    match object_type {
        Some(name) => equal(&mut sql, "object_type", name),
        None if object_id.is_some() && !by_subject => of_shapes(&mut sql, "object_type", key),
        None => {}
    }
    match object_id {
        Some(IdMatch::Is(id)) => equal(&mut sql, "object_id", id),
        Some(IdMatch::Prefix(prefix)) => {
            sql.push(" AND object_id >= ").push_bind(prefix.clone());
            if let Some(end) = behind_prefix(prefix) {
                sql.push(" AND object_id < ").push_bind(end);
            }
        }
        None => {}
    }
    if let Some(name) = relation {
        equal(&mut sql, "relation", name);
    }
    match subject_type {
        Some(name) => equal(&mut sql, "subject_type", name),
        None if by_subject => of_shapes(&mut sql, "subject_type", key),
        None => {}
    }
    if let Some(id) = subject_id {
        equal(&mut sql, "subject_id", id);
    }
    match subject_relation {
        Some(SubjectRelationMatch::None) => equal(&mut sql, "subject_relation", ""),
        // The empty name is how the table says "none"; no userset has it.
        Some(SubjectRelationMatch::Is(name)) if name.is_empty() => {
            sql.push(" AND FALSE");
        }
        Some(SubjectRelationMatch::Is(name)) => equal(&mut sql, "subject_relation", name),
        None => {}
    }
    sql.push(" AND (expires_at IS NULL OR expires_at > ").push_bind(time.microseconds()).push(") LIMIT 1");
    sql
}

fn equal(sql: &mut QueryBuilder<Sqlite>, column: &'static str, value: &str) {
    sql.push(" AND ").push(column).push(" = ").push_bind(value.to_owned());
}

fn of_shapes(sql: &mut QueryBuilder<Sqlite>, column: &'static str, key: i64) {
    sql.push(" AND ").push(column).push(" IN (SELECT ").push(column).push(" FROM shape WHERE store = ").push_bind(key).push(")");
}

/// Some tuple of the filter that has not expired at `time`.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    store: StoreId,
    key: i64,
    filter: &TupleFilter,
    time: Timestamp,
) -> Result<Option<TupleKey>, DatastoreError> {
    let mut sql = matching(key, filter, time);
    // Filters have many forms: their statements would push the hot ones out of the connection's cache.
    let row = sql.build().persistent(false).fetch_optional(connection).await;
    match row.map_err(DatastoreError::sql("look for a tuple"))? {
        Some(row) => Reading { row: &row, table: "tuple", store }.key().map(Some),
        None => Ok(None),
    }
}
