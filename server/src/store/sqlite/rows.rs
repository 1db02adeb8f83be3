//! SQLite's rows.

use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite};

use super::super::rows::Columns;

impl Columns for SqliteRow {
    fn integer(&self, column: usize) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }

    fn text(&self, column: usize) -> Result<Option<&str>, sqlx::Error> {
        self.try_get(column)
    }

    fn bytes(&self, column: usize) -> Result<Option<&[u8]>, sqlx::Error> {
        self.try_get(column)
    }
}

/// The first column as text, whatever type it has: what a pragma answers.
pub(super) fn loose_text(row: &SqliteRow) -> Result<String, sqlx::Error> {
    let value = row.try_get_raw(0)?;
    <String as Decode<Sqlite>>::decode(value).map_err(sqlx::Error::Decode)
}
