//! Builds anew when there is a new migration: they are built in.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
