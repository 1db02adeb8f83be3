//! Keys and shapes as columns: an array each.

use dhow_engine::state::Shape;
use dhow_engine::tuple::TupleKey;
use dhow_schema::ir::SubjectShape;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

/// The columns of tuples' keys, in the order of the table.
#[derive(Debug)]
pub(super) struct KeyColumns<'k> {
    columns: [Vec<&'k str>; 6],
}

impl<'k> KeyColumns<'k> {
    /// The columns of these keys.
    pub(super) fn of(keys: impl IntoIterator<Item = &'k TupleKey>) -> Self {
        let mut columns: [Vec<&str>; 6] = std::array::from_fn(|_| Vec::new());
        for key in keys {
            let (object, subject) = (key.object(), key.subject());
            let relation: &str = subject.relation().map_or("", |relation| relation);
            let row: [&str; 6] = [object.object_type(), object.id(), key.relation(), subject.object_type(), subject.id(), relation];
            columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
        }
        Self { columns }
    }

    /// Binds them to the next six parameters.
    pub(super) fn bind_to<'q>(self, query: PgQuery<'q>) -> PgQuery<'q> {
        self.columns.into_iter().fold(query, |query, column| query.bind(column))
    }
}

/// The columns of shapes and a number with each, in the order of the table.
#[derive(Debug, Default)]
pub(super) struct ShapeColumns<'s> {
    texts: [Vec<&'s str>; 5],
    expirations: Vec<i64>,
    tuples: Vec<i64>,
}

impl<'s> ShapeColumns<'s> {
    /// The columns of these shapes.
    pub(super) fn of(shapes: impl IntoIterator<Item = (&'s Shape, i64)>) -> Self {
        let mut all = Self::default();
        for (shape, by) in shapes {
            let subject = &shape.subject;
            let kind = match &subject.shape {
                SubjectShape::Object => "",
                SubjectShape::Wildcard => "*",
                SubjectShape::Userset(relation) => relation,
            };
            let caveat: &str = subject.caveat.as_ref().map_or("", |caveat| caveat);
            let row: [&str; 5] = [&shape.object_type, &shape.relation, &subject.object_type, kind, caveat];
            all.texts.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
            all.expirations.push(i64::from(subject.expiration));
            all.tuples.push(by);
        }
        all
    }

    /// How many they are.
    pub(super) const fn rows(&self) -> usize {
        self.tuples.len()
    }

    /// Binds them to the next seven parameters.
    pub(super) fn bind_to<'q>(self, query: PgQuery<'q>) -> PgQuery<'q> {
        let query = self.texts.into_iter().fold(query, |query, column| query.bind(column));
        query.bind(self.expirations).bind(self.tuples)
    }
}
