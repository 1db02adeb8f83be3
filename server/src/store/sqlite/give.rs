//! All rows of a store, as they are, for another database.

use dhow_engine::entry::StoreId;
use futures_util::TryStreamExt;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::super::error::DatastoreError;
use super::super::moving::{Column, Kind, RowSink, TABLES, Table};
use super::SqliteStore;
use super::heads::read_head;

/// Most rows that the sink gets at once, and about the most bytes.
const PIECE_ROWS: usize = 1_000;
const PIECE_BYTES: usize = 4 * 1024 * 1024;

impl SqliteStore {
    /// Reads all rows of a store at one moment, table by table.
    ///
    /// # Errors
    /// When the database fails, there is no such store, or the sink fails.
    pub(in super::super) async fn give(&self, store: StoreId, sink: &mut dyn RowSink) -> Result<(), DatastoreError> {
        let mut reader = self.reader().await?;
        let mut transaction = reader.begin().await?;
        let (key, _) = read_head(&mut transaction, store).await?;
        for table in &TABLES {
            let names: Vec<_> = table.columns.iter().map(|(name, _)| *name).collect();
            let sql = format!("SELECT {} FROM {} WHERE store = ?1 ORDER BY {}", names.join(", "), table.name, order(table));
            let failed = || DatastoreError::sql("read all rows");
            let mut rows = sqlx::query(AssertSqlSafe(sql)).bind(key).fetch(&mut *transaction);
            let mut piece = Piece::new(table);
            while let Some(row) = rows.try_next().await.map_err(failed())? {
                piece.push(&row).map_err(failed())?;
                if piece.rows >= PIECE_ROWS || piece.bytes >= PIECE_BYTES {
                    sink.rows(table, std::mem::replace(&mut piece, Piece::new(table)).columns).await?;
                }
            }
            if piece.rows > 0 {
                sink.rows(table, piece.columns).await?;
            }
        }
        Ok(())
    }
}

/// The columns of a table's key: rows that arrive in its order make a compact index.
fn order(table: &Table) -> String {
    let columns = match table.name {
        "tuple" | "shape" => 6,
        _ => 1,
    };
    (1..=columns).map(|column: u32| column.to_string()).collect::<Vec<_>>().join(", ")
}

struct Piece {
    columns: Vec<Column>,
    rows: usize,
    bytes: usize,
}

impl Piece {
    fn new(table: &Table) -> Self {
        let column = |(_, kind): &(&str, Kind)| match kind {
            Kind::Integer => Column::Integers(Vec::new()),
            Kind::Text => Column::Texts(Vec::new()),
            Kind::Bytes => Column::Bytes(Vec::new()),
        };
        Self { columns: table.columns.iter().map(column).collect(), rows: 0, bytes: 0 }
    }

    fn push(&mut self, row: &SqliteRow) -> Result<(), sqlx::Error> {
        for (place, column) in self.columns.iter_mut().enumerate() {
            match column {
                Column::Integers(values) => values.push(row.try_get(place)?),
                Column::Texts(values) => {
                    let value: Option<String> = row.try_get(place)?;
                    self.bytes += value.as_ref().map_or(0, String::len);
                    values.push(value);
                }
                Column::Bytes(values) => {
                    let value: Option<Vec<u8>> = row.try_get(place)?;
                    self.bytes += value.as_ref().map_or(0, Vec::len);
                    values.push(value);
                }
            }
        }
        self.rows += 1;
        Ok(())
    }
}
