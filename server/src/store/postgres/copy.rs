//! Rows out of a binary COPY, as Postgres's manual describes it ("COPY", "Binary Format"): the cheapest way to read a whole table.
//!
//! Memory: the bytes of one row, and what the network brought with it.

use std::ops::Range;

use super::super::rows::Columns;

/// What every such stream begins with; 4 bytes of flags and 4 for the length of an extension follow.
const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// Columns of a row of tuples.
const COLUMNS: usize = 10;

/// A stream of rows, taken apart.
#[derive(Debug, Default)]
pub(super) struct CopyReader {
    bytes: Vec<u8>,
    /// How far `bytes` was read.
    at: usize,
    begun: bool,
    ended: bool,
}

/// One row: where its columns are.
#[derive(Debug)]
pub(super) struct CopyRow<'b> {
    bytes: &'b [u8],
    columns: [Option<Range<usize>>; COLUMNS],
}

/// A stream that is not what the manual says.
#[derive(Debug, thiserror::Error)]
#[error("the server's COPY stream cannot be read: {problem}")]
pub(super) struct CopyError {
    problem: &'static str,
}

impl From<CopyError> for sqlx::Error {
    fn from(error: CopyError) -> Self {
        Self::Decode(Box::new(error))
    }
}

impl CopyReader {
    /// Takes the next bytes of the stream. Amortized O(bytes).
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether the stream's end was read.
    pub(super) const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next row that is there as a whole. O(its bytes).
    ///
    /// # Errors
    /// When the bytes are none of such a stream.
    pub(super) fn row(&mut self) -> Result<Option<CopyRow<'_>>, CopyError> {
        let mut at = self.at;
        if !self.begun {
            let Some(header) = self.bytes.get(..SIGNATURE.len() + 8) else { return Ok(None) };
            let extension = header.get(SIGNATURE.len() + 4..).and_then(|bytes| bytes.first_chunk()).copied().map(u32::from_be_bytes);
            if !header.starts_with(SIGNATURE) || extension != Some(0) {
                return Err(CopyError { problem: "it begins otherwise" });
            }
            self.begun = true;
            at = header.len();
            self.at = at;
        }
        let Some(count) = number(&self.bytes, &mut at) else { return Ok(None) };
        match i16::from_be_bytes(count) {
            -1 => {
                self.ended = true;
                self.at = at;
                return Ok(None);
            }
            count if usize::try_from(count) == Ok(COLUMNS) => {}
            _ => return Err(CopyError { problem: "a row has another number of columns" }),
        }
        let mut columns = [const { None }; COLUMNS];
        for column in &mut columns {
            let Some(length) = number(&self.bytes, &mut at) else { return Ok(None) };
            // -1 stands for NULL.
            if let Ok(length) = usize::try_from(i32::from_be_bytes(length)) {
                let end = at.saturating_add(length);
                if end > self.bytes.len() {
                    return Ok(None);
                }
                *column = Some(at..end);
                at = end;
            }
        }
        self.at = at;
        Ok(Some(CopyRow { bytes: &self.bytes, columns }))
    }
}

fn number<const N: usize>(bytes: &[u8], at: &mut usize) -> Option<[u8; N]> {
    let found = *bytes.get(*at..)?.first_chunk()?;
    *at += N;
    Some(found)
}

impl CopyRow<'_> {
    fn column(&self, column: usize) -> Option<&[u8]> {
        self.bytes.get(self.columns.get(column)?.clone()?)
    }
}

impl Columns for CopyRow<'_> {
    fn integer(&self, column: usize) -> Result<Option<i64>, sqlx::Error> {
        let Some(bytes) = self.column(column) else { return Ok(None) };
        let number = bytes.try_into().map_err(|_| CopyError { problem: "a number has not 8 bytes" })?;
        Ok(Some(i64::from_be_bytes(number)))
    }

    fn text(&self, column: usize) -> Result<Option<&str>, sqlx::Error> {
        let text = self.column(column).map(std::str::from_utf8).transpose();
        text.map_err(|_| CopyError { problem: "a text is not UTF-8" }.into())
    }

    fn bytes(&self, column: usize) -> Result<Option<&[u8]>, sqlx::Error> {
        Ok(self.column(column))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(rows: &[[Option<&[u8]>; COLUMNS]]) -> Vec<u8> {
        let mut bytes = [&SIGNATURE[..], &[0; 8]].concat();
        for row in rows {
            bytes.extend(10_i16.to_be_bytes());
            for column in row {
                bytes.extend(column.map_or(-1, |column| i32::try_from(column.len()).unwrap()).to_be_bytes());
                bytes.extend(column.unwrap_or_default());
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        bytes
    }

    #[test]
    fn rows_come_out_whole_however_the_stream_is_cut() {
        let seven = 7_i64.to_be_bytes();
        let mut first = [None; COLUMNS];
        (first[0], first[3], first[9]) = (Some(&b"doc"[..]), Some(&b""[..]), Some(&seven[..]));
        let second = [Some(&b"\xff"[..]); COLUMNS];
        let bytes = stream(&[first, second]);
        for piece in [1, 2, 7, 19, 1_000] {
            let mut reader = CopyReader::default();
            let mut rows = 0;
            for bytes in bytes.chunks(piece) {
                assert!(!reader.has_ended());
                reader.push(bytes);
                while let Some(row) = reader.row().unwrap() {
                    rows += 1;
                    if rows == 1 {
                        assert_eq!((row.text(0).unwrap(), row.text(3).unwrap()), (Some("doc"), Some("")));
                        assert_eq!((row.integer(9).unwrap(), row.integer(1).unwrap(), row.bytes(2).unwrap()), (Some(7), None, None));
                        assert_eq!(row.bytes(99).unwrap(), None);
                    } else {
                        assert!(row.text(0).is_err() && row.integer(0).is_err());
                        assert_eq!(row.bytes(0).unwrap(), Some(&b"\xff"[..]));
                    }
                }
            }
            assert_eq!((rows, reader.has_ended()), (2, true), "pieces of {piece}");
        }
    }

    #[test]
    fn what_is_no_such_stream_is_told() {
        for bytes in
            [&b"PGCOPY\n\xff\r\n\x01________"[..], b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\x01", &[&SIGNATURE[..], &[0; 8], &[0, 3]].concat()]
        {
            let mut reader = CopyReader::default();
            reader.push(bytes);
            assert!(reader.row().is_err(), "{bytes:?}");
        }
    }
}
