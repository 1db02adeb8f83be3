//! Laws of values.
