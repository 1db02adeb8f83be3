//! Statements that find tuples: one that a filter means, or those of a shape.

use dhow_engine::filter::{IdMatch, SubjectRelationMatch, TupleFilter};
use dhow_engine::state::Shape;
use dhow_engine::time::Timestamp;
use dhow_schema::ir::SubjectShape;

use super::prefix::behind_prefix;
use super::statement::Statement;

/// Whose SQL is meant, where databases differ in how they are brought to use an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// The index is named.
    Sqlite,
    /// The order asked for is that of the index.
    Postgres,
}

/// A statement for a tuple of a filter that has not expired at `time`.
///
/// The types that a filter leaves open are filled in from the counts of shapes, so that an index is searched for each: a subject by its
/// id alone is found without looking at every tuple of the store.
pub(super) fn matching(dialect: Dialect, key: i64, filter: &TupleFilter, time: Timestamp) -> Statement {
    let TupleFilter { object_type, object_id, relation, subject_type, subject_id, subject_relation } = filter;
    // A database knows nothing of ids and may guess otherwise: who is named by an id has few tuples, unless one object is named as well.
    let by_subject = match (object_id, subject_id) {
        (Some(IdMatch::Is(_)), _) => false,
        (Some(IdMatch::Prefix(_)) | None, Some(_)) => true,
        (Some(IdMatch::Prefix(_)), None) => false,
        (None, None) => object_type.is_none() && subject_type.is_some(),
    };
    let mut sql = Statement::new("SELECT object_type, object_id, relation, subject_type, subject_id, subject_relation FROM tuple ");
    if by_subject && dialect == Dialect::Sqlite {
        sql.push("INDEXED BY tuple_by_subject ");
    }
    sql.push("WHERE store = ").integer(key);
    match object_type {
        Some(name) => equal(&mut sql, "object_type", name),
        None if object_id.is_some() && !by_subject => of_shapes(&mut sql, dialect, "object_type", key),
        None => {}
    }
    match object_id {
        Some(IdMatch::Is(id)) => equal(&mut sql, "object_id", id),
        Some(IdMatch::Prefix(prefix)) => {
            sql.push(" AND object_id >= ").string(prefix);
            if let Some(end) = behind_prefix(prefix) {
                sql.push(" AND object_id < ").string(&end);
            }
        }
        None => {}
    }
    if let Some(name) = relation {
        equal(&mut sql, "relation", name);
    }
    match subject_type {
        Some(name) => equal(&mut sql, "subject_type", name),
        None if by_subject => of_shapes(&mut sql, dialect, "subject_type", key),
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
    sql.push(" AND (expires_at IS NULL OR expires_at > ").integer(time.microseconds()).push(")");
    match (dialect, by_subject) {
        (Dialect::Sqlite, _) => {}
        (Dialect::Postgres, true) => {
            sql.push(" ORDER BY store, subject_type, subject_id, object_type");
        }
        (Dialect::Postgres, false) => {
            sql.push(" ORDER BY store, object_type, object_id, relation, subject_type, subject_id, subject_relation");
        }
    }
    sql.push(" LIMIT 1");
    sql
}

fn equal(sql: &mut Statement, column: &str, value: &str) {
    sql.push(" AND ").push(column).push(" = ").string(value);
}

fn of_shapes(sql: &mut Statement, dialect: Dialect, column: &str, key: i64) {
    let (before, after) = match dialect {
        Dialect::Sqlite => (" IN (SELECT ", ")"),
        // Read first, as a list: a join would be planned by guesses.
        Dialect::Postgres => (" = ANY (ARRAY(SELECT DISTINCT ", "))"),
    };
    sql.push(" AND ").push(column).push(before).push(column).push(" FROM shape WHERE store = ").integer(key).push(after);
}

/// The tuples of a shape, in order of their keys: a search among those of the object's type.
pub(super) fn tuples_of(key: i64, shape: &Shape) -> Statement {
    let Shape { object_type, relation, subject } = shape;
    let mut sql = Statement::new(
        "SELECT object_type, object_id, relation, subject_type, subject_id, subject_relation, caveat, context, expires_at
         FROM tuple WHERE store = ",
    );
    sql.integer(key).push(" AND object_type = ").string(object_type);
    sql.push(" AND relation = ").string(relation);
    sql.push(" AND subject_type = ").string(&subject.object_type);
    match &subject.shape {
        SubjectShape::Object => sql.push(" AND subject_relation = '' AND subject_id <> '*'"),
        SubjectShape::Wildcard => sql.push(" AND subject_relation = '' AND subject_id = '*'"),
        SubjectShape::Userset(relation) => sql.push(" AND subject_relation = ").string(relation),
    };
    match &subject.caveat {
        Some(caveat) => sql.push(" AND caveat = ").string(caveat),
        None => sql.push(" AND caveat IS NULL"),
    };
    sql.push(if subject.expiration { " AND expires_at IS NOT NULL" } else { " AND expires_at IS NULL" });
    // The other columns of the key are the same in all of them.
    sql.push(" ORDER BY object_id, subject_id");
    sql
}
