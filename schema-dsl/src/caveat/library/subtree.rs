//! `isSubtreeOf`: whether everything that a map asks for is in another one.

use cel_core::Value;

/// The function's name.
pub(super) const NAME: &str = "isSubtreeOf";

/// `expected.isSubtreeOf(provided)`: every key of the first is in the second, with the same value; a map under it may have more
/// there, as the outermost may. Recurses as deep as the first nests, which the readers of context and of expressions bound.
pub(super) fn is_subtree_of(arguments: &[Value]) -> Value {
    let [expected @ Value::Map(_), provided @ Value::Map(_)] = arguments else {
        return super::no_overload(NAME, arguments);
    };
    Value::Bool(is_within(expected, provided))
}

fn is_within(expected: &Value, provided: &Value) -> bool {
    let (Value::Map(expected), Value::Map(provided)) = (expected, provided) else { return expected == provided };
    expected.iter().all(|(key, expected)| provided.get_with_numeric_coercion(key).is_some_and(|found| is_within(expected, found)))
}
