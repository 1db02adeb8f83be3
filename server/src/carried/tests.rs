//! What was carried, made by hand: no broker, no database.
