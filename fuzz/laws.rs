//! The laws of everything that reads schema text, for any bytes: nothing panics, the tree keeps the text, the formatter and the printer
//! keep its meaning. The fuzz target and the bounded run among the tests of `schema-dsl` share them.

use dhow_schema::{Diagnostic, MemorySources, compile, compile_str, diff, format, print, render, syntax};

/// Panics where a law does not hold; says whether the bytes are a schema.
pub(crate) fn check(bytes: &[u8]) -> bool {
    let mut sources = MemorySources::new();
    sources.insert_bytes("schema", bytes);
    let compilation = compile("schema", &sources);
    assert_eq!(compilation.schema.is_none(), compilation.diagnostics.iter().any(Diagnostic::is_error));
    let drawn = render(&compilation.diagnostics, &sources, false);
    assert_eq!(drawn.is_empty(), compilation.diagnostics.is_empty());
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    assert_eq!(syntax::parse("schema", text).root().text(), text);
    let formatted = format(text);
    if let Ok(formatted) = &formatted {
        assert_eq!(format(formatted).as_deref(), Ok(&**formatted));
    }
    let Some(schema) = compilation.schema else { return false };
    let formatted = formatted.expect("a schema can be formatted");
    let again = compile_str(&formatted).expect("a formatted schema compiles if it did before");
    assert_eq!(diff(&schema, &again), []);
    assert_eq!(schema.definitions, again.definitions);
    let printed = print::to_native(&schema).expect("a native schema can be printed");
    let again = compile_str(&printed).expect("a printed schema compiles");
    assert_eq!(diff(&schema, &again), []);
    assert_eq!(schema.definitions, again.definitions);
    true
}
