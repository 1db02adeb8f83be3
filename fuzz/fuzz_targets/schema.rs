//! Any bytes, through everything that reads schema text.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../laws.rs"]
mod laws;

fuzz_target!(|bytes: &[u8]| {
    laws::check(bytes);
});
