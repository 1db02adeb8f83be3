//! Any bytes, through everything that reads schema text: nothing panics, the tree keeps the text, the formatter and the printer
//! keep its meaning.
#![no_main]

use dhow_schema::{Diagnostic, MemorySources, compile, compile_str, diff, format, print, render, syntax};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut sources = MemorySources::new();
    sources.insert_bytes("schema", bytes);
    let compilation = compile("schema", &sources);
    assert_eq!(compilation.schema.is_none(), compilation.diagnostics.iter().any(Diagnostic::is_error));
    let drawn = render(&compilation.diagnostics, &sources, false);
    assert_eq!(drawn.is_empty(), compilation.diagnostics.is_empty());
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    assert_eq!(syntax::parse("schema", text).root().text(), text);
    let Ok(formatted) = format(text) else { return };
    assert_eq!(format(&formatted).as_deref(), Ok(&*formatted));
    let Some(schema) = compilation.schema else { return };
    let again = compile_str(&formatted).expect("a formatted schema compiles if it did before");
    assert_eq!(diff(&schema, &again), []);
    assert_eq!(schema.definitions, again.definitions);
    let printed = print::to_native(&schema).expect("a native schema can be printed");
    let again = compile_str(&printed).expect("a printed schema compiles");
    assert_eq!(diff(&schema, &again), []);
    assert_eq!(schema.definitions, again.definitions);
});
