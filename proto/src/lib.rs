//! dhow's wire: the messages and services of package `dhow.v1` and the messages of `dhow.changelog.v1`, generated from the `.proto`
//! files beside this crate.
//!
//! Knows nothing of the rest of dhow. The files themselves are the published interface; clients in other languages are generated
//! from them.

/// Package `dhow`.
pub mod dhow {
    /// Version 1 of the interface.
    #[allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        rustdoc::all,
        reason = "generated code; its comments are those of the .proto files"
    )]
    pub mod v1 {
        tonic::include_proto!("dhow.v1");
    }

    /// What is published to Kafka.
    pub mod changelog {
        /// Version 1 of the changelog's messages.
        #[allow(
            missing_docs,
            clippy::all,
            clippy::pedantic,
            rustdoc::all,
            reason = "generated code; its comments are those of the .proto files"
        )]
        pub mod v1 {
            tonic::include_proto!("dhow.changelog.v1");
        }
    }
}

/// Package `google`.
pub mod google {
    /// The error model of gRPC.
    #[allow(
        missing_docs,
        clippy::all,
        clippy::pedantic,
        rustdoc::all,
        reason = "generated code; its comments are those of the .proto files"
    )]
    pub mod rpc {
        tonic::include_proto!("google.rpc");
    }
}

pub use dhow::changelog::v1 as changelog;
pub use dhow::v1;
pub use google::rpc;

/// The encoded descriptors of all packages, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
