//! The gRPC services of package `dhow.v1`.

pub(crate) mod convert;
pub(crate) mod deadline;
pub(crate) mod door;
pub(crate) mod request;
