//! This server's fold of every store it serves, and at which moment of history a request is answered.
pub(crate) mod cursor;
pub(crate) mod memory;
pub(crate) mod token;
pub(crate) use memory::*;
