//! Compiles the .proto files without a system `protoc`.

use std::error::Error;
use std::path::PathBuf;

use tonic_prost_build::Config;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from("proto");
    let names = ["v1/core", "v1/authorization", "v1/relationships", "v1/schema", "v1/stores", "v1/operator", "changelog/v1/changelog"];
    let files = names.map(|name| root.join(format!("dhow/{name}.proto")));
    let descriptors = protox::compile(files, [&root])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), prost_bytes(&descriptors))?;
    let mut config = Config::new();
    config.btree_map(["."]);
    tonic_prost_build::configure().compile_fds_with_config(descriptors, config)?;
    println!("cargo::rerun-if-changed=proto");
    Ok(())
}

fn prost_bytes(descriptors: &impl prost::Message) -> Vec<u8> {
    descriptors.encode_to_vec()
}
