//! The gRPC services of package `dhow.v1`.

pub(crate) mod door;
pub(crate) mod request;
