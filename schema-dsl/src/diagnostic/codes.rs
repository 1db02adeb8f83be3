//! The table of all diagnostic codes of the schema language.
//!
//! A code, once released, keeps its meaning; one that is no longer raised is not given to anything else.

/// What a code means, for documentation and `explain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeInfo {
    /// The code.
    pub code: &'static str,
    /// A few words.
    pub title: &'static str,
    /// One or two sentences: when it is raised, and why.
    pub explanation: &'static str,
    /// A schema, or part of one, that raises it; empty where a few lines cannot show it.
    pub example: &'static str,
}

/// The entry of [`CODES`] for a code.
#[must_use]
pub fn explain(code: &str) -> Option<&'static CodeInfo> {
    CODES.iter().find(|info| info.code == code)
}

/// Declares the constants and the table from one list, so that they cannot differ.
macro_rules! codes {
    ($($name:ident = $code:literal, $title:literal, $explanation:literal, $example:literal;)*) => {
        $(#[doc = $title] pub(crate) const $name: &str = $code;)*

        /// Every code of the schema language, sorted by code. Codes of caveat expressions come from [`crate::caveat`].
        pub const CODES: &[CodeInfo] =
            &[$(CodeInfo { code: $code, title: $title, explanation: $explanation, example: $example }),*];
    };
}

codes! {
    TEXT_TOO_LONG = "DH-S001", "schema too long",
        "All files of a schema together may have 384 KiB: a schema is one log entry.", "";
    TOO_MANY_TOKENS = "DH-S002", "too many words and signs",
        "A file may have 100,000 tokens; the rest is not read.", "";
    TOO_DEEP = "DH-S003", "nested too deeply",
        "Parentheses, parameter types and chains of exclusions nest at most 100 deep.", "";
    TOO_LONG_A_LIST = "DH-S004", "list too long",
        "A chain of operators, an arrow, or a list of subject types has at most 1,000 parts.", "";
    UNEXPECTED = "DH-S005", "unexpected text",
        "The text does not follow the grammar here; the message says what would.", "definition user { relation }";
    UNKNOWN_CHARACTER = "DH-S006", "unknown character",
        "The character means nothing in the schema language.", "definition user { permission view = a @ b }";
    UNCLOSED = "DH-S007", "something is not closed",
        "A block, parenthesis, comment, quoted text or name in backticks has no end.", "definition user {";
    BAD_NAME = "DH-S008", "not a name",
        "Names are letters, digits and underscores; types and caveats may have prefixes with `/`. Any other name stands in backticks, without white space, `:`, `#`, `@`, `*` and `[`, and has at most 254 bytes.",
        "definition user { relation a/b: user }";
    RESERVED_WORD = "DH-S009", "reserved word as a name",
        "`definition`, `caveat`, `relation`, `permission`, `nil` and `with` are names only in backticks.",
        "definition user { relation nil: user }";
    TOO_MANY_FINDINGS = "DH-S010", "too many findings",
        "At most 100 findings are shown at once.", "";

    DUPLICATE_DECLARATION = "DH-S101", "declared twice",
        "Two definitions, two caveats or two partials have the same name.", "definition user {} definition user {}";
    DUPLICATE_MEMBER = "DH-S102", "relation or permission declared twice",
        "Relations and permissions of one definition share their names, those that come from partials included.",
        "definition user { relation a: user permission a = nil }";
    UNKNOWN_TYPE = "DH-S103", "unknown type",
        "No definition has this name.", "definition document { relation viewer: usr }";
    UNKNOWN_RELATION = "DH-S104", "unknown relation or permission",
        "The definition has no relation or permission of this name.",
        "definition user {} definition document { relation viewer: user permission view = viewr }";
    UNKNOWN_SUBJECT_RELATION = "DH-S105", "unknown subject relation",
        "The subject's type has no relation or permission of this name.",
        "definition user {} definition document { relation viewer: user#member }";
    UNKNOWN_CAVEAT = "DH-S106", "unknown caveat",
        "No caveat has this name.", "definition user { relation a: user with office_hours }";
    UNKNOWN_PARTIAL = "DH-S107", "unknown partial",
        "No partial has this name.", "use partial definition user { ...shared }";
    PARTIAL_CYCLE = "DH-S108", "partials include each other",
        "A partial may not include itself, not even through others.", "use partial partial a { ...b } partial b { ...a }";
    DUPLICATE_PARAMETER = "DH-S109", "parameter declared twice",
        "The parameters of a caveat have different names.", "caveat c(a int, a int) { a == 1 }";
    TOO_MANY_MEMBERS = "DH-S110", "partials add too much",
        "All partials together may add 2 MiB of text to the definitions.", "";

    UNKNOWN_USE = "DH-S201", "unknown use flag",
        "The flags are `expiration`, `self`, `typechecking`, `partial` and `import`.", "use expirations definition user {}";
    USE_NOT_FIRST = "DH-S202", "use flag after a declaration",
        "All `use` lines come before the first declaration.", "definition user {} use expiration";
    DUPLICATE_USE = "DH-S203", "use flag given twice",
        "The second one changes nothing.", "use self use self definition user { permission view = self }";
    MISSING_USE = "DH-S204", "missing use flag",
        "The construct has to be switched on by a `use` line at the top of the same file.",
        "definition user { relation viewer: user with expiration }";
    UNUSED_USE = "DH-S205", "unused use flag",
        "Nothing in the file needs the flag.", "use expiration definition user {}";

    IMPORT_NOT_FOUND = "DH-S301", "imported file not found",
        "There is no file of this name, as seen from the folder of the file that imports it.", "use import import \"users.zed\"";
    IMPORT_OUTSIDE = "DH-S302", "import leaves the root",
        "Imports are relative paths below the folder of the first file, without `..`.", "use import import \"../users.zed\"";
    IMPORT_CYCLE = "DH-S303", "files import each other",
        "A file may not import itself, not even through others.", "";
    IMPORT_UNREADABLE = "DH-S304", "file cannot be read as text",
        "A schema file is UTF-8 text.", "";
    TOO_MANY_FILES = "DH-S305", "too many files",
        "A schema has at most 256 files.", "";
    DUPLICATE_IMPORT = "DH-S306", "imported twice",
        "The file imports another one twice; the second line changes nothing.", "";

    DUPLICATE_SUBJECT_TYPE = "DH-S401", "subject type given twice",
        "The same subject type, with the same caveat and expiration, stands twice in one relation.",
        "definition user { relation a: user | user }";
    WILDCARD_WITH_RELATION = "DH-S402", "wildcard with a relation",
        "A wildcard stands for all objects of a type; there is no wildcard of usersets.",
        "definition team { relation member: team relation a: team:*#member }";
    BAD_WITH = "DH-S403", "more than one caveat or expiration",
        "A subject type has at most one caveat and one `expiration`.",
        "use expiration definition user { relation a: user with expiration and expiration }";
    ARROW_OVER_PERMISSION = "DH-S404", "arrow over a permission",
        "An arrow follows the tuples of a relation of the same definition; a permission has no tuples.",
        "definition team { relation parent: team permission up = parent permission top = up->up }";
    ARROW_OVER_WILDCARD = "DH-S405", "arrow over a wildcard",
        "A wildcard names no object that an arrow could follow.",
        "definition team { relation parent: team:* permission up = parent->up }";
    ARROW_WITHOUT_TARGET = "DH-S406", "arrow target not found on any type",
        "None of the types that the relation allows has the arrow's target, so that the arrow finds nobody.",
        "definition user {} definition team { relation parent: user permission up = parent->admin }";
    CHAINED_ARROW = "DH-S407", "arrow after an arrow",
        "An arrow has two sides. The second step is a permission of the type that the first one reaches.",
        "definition team { relation parent: team permission up = parent->parent->parent }";
    UNKNOWN_FUNCTION = "DH-S408", "unknown function on a relation",
        "A relation has `.any(…)`, the same as `->`, and `.all(…)`.",
        "definition team { relation parent: team permission up = parent.some(parent) }";
    INCOMPLETE_ANNOTATION = "DH-S409", "type annotation incomplete",
        "The permission can have subjects of a type that its annotation does not name.",
        "use typechecking definition user {} definition team { relation a: user | team permission b: user = a }";
    IDLE_ANNOTATION = "DH-S410", "type annotation names too much",
        "The annotation names a type that the permission's expression never mentions.",
        "use typechecking definition user {} definition team { relation a: user permission b: user | team = a }";
    DUPLICATE_ANNOTATION = "DH-S411", "type annotated twice",
        "The same type stands twice in one annotation.",
        "use typechecking definition user { relation a: user permission b: user | user = a }";

    NEVER_GRANTED = "DH-S501", "permission that nobody can have",
        "The permission is defined by itself alone, or by parts that are always empty.",
        "definition user { permission view = view }";
    SUBTRACTS_ITSELF = "DH-S502", "permission that subtracts something defined through itself",
        "Where the data closes the circle, membership would be defined by its own absence; such a paradox is denied.",
        "definition user { relation a: user permission b = a - b }";
    DISJOINT_INTERSECTION = "DH-S503", "intersection of different types",
        "The operands of the intersection have no subject type in common, so that nobody is in it.",
        "definition user {} definition robot {} definition doc { relation a: user relation b: robot permission c = a & b }";

    MIXED_OPERATORS = "DH-S601", "different operators without parentheses",
        "`+` binds tightest, then `&`, then `-`. Parentheses say it to the reader.",
        "definition user { relation a: user permission b = a + a & a }";
    ARROW_IGNORES_RELATION = "DH-S602", "arrow ignores a subject relation",
        "An arrow goes on from the object of a subject such as `team#member`; the `#member` plays no part.",
        "definition team { relation member: team relation parent: team#member permission up = parent->member }";
    UNUSED_CAVEAT = "DH-S603", "unused caveat",
        "No relation allows the caveat.", "definition user {} caveat c(a int) { a == 1 }";
    UNUSED_PARAMETER = "DH-S604", "unused caveat parameter",
        "The expression does not mention the parameter.", "caveat c(a int, b int) { a == 1 }";
    UNUSED_PARTIAL = "DH-S605", "unused partial",
        "No definition includes the partial, so that its contents are not looked at.", "use partial partial p {} definition user {}";
    SHADOWED_SELF = "DH-S606", "`self` hides a relation",
        "With `use self` the word means the object itself. A relation of that name is reached in backticks.",
        "use self definition user { relation self: user permission view = self }";
    SHADOWED_EXPIRATION = "DH-S607", "`expiration` hides a caveat",
        "With `use expiration` the word means that tuples expire. A caveat of that name is reached in backticks.", "";
    REPEATED_OPERAND = "DH-S608", "operand given twice",
        "Repeating an operand changes nothing; subtracting it from itself leaves nobody.",
        "definition user { relation a: user permission b = a + a }";
    CAVEAT_WITHOUT_PARAMETERS = "DH-S609", "caveat without parameters",
        "The expression can only ever have one result.", "caveat c() { true }";

    BAD_PARAMETER_TYPE = "DH-S701", "unknown parameter type",
        "The types are any, bool, int, uint, double, string, bytes, duration, timestamp, ipaddress, list<…> and map<…>.",
        "caveat c(a number) { a == 1 }";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_unique_and_explained() {
        assert!(CODES.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert!(CODES.iter().all(|info| !info.title.is_empty() && info.explanation.ends_with('.')));
        assert_eq!(explain(UNKNOWN_TYPE).map(|info| info.title), Some("unknown type"));
        assert_eq!(explain("DH-S999"), None);
    }
}
