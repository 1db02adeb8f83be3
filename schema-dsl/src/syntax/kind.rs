//! The kinds of tokens and nodes of the syntax tree.

use logos::Logos;

/// What a token or node of the tree is. The first group are tokens; logos recognises those that a pattern can describe, and
/// the lexer the rest.
#[derive(Logos, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[logos(error = ())]
#[repr(u16)]
pub enum SyntaxKind {
    /// Blanks, tabs and line ends.
    #[regex(r"[ \t\r\n\x0C\u{FEFF}]+")]
    Whitespace,
    /// `// …` to the end of the line.
    #[regex(r"//[^\n]*", allow_greedy = true)]
    LineComment,
    /// `/* … */`. The pattern is its start; the lexer finds the end.
    #[token("/*")]
    BlockComment,
    /// `/** … */`: belongs to the declaration that follows.
    DocComment,
    /// A name, perhaps with prefixes: `acme/document`.
    #[regex(r"[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")]
    Ident,
    /// A name in backticks. The pattern is its start.
    #[token("`")]
    QuotedIdent,
    /// A path in quotes, after `import`. The pattern is its start.
    #[token("\"")]
    #[token("'")]
    Text,
    /// `definition`.
    #[token("definition")]
    DefinitionKw,
    /// `caveat`.
    #[token("caveat")]
    CaveatKw,
    /// `relation`.
    #[token("relation")]
    RelationKw,
    /// `permission`.
    #[token("permission")]
    PermissionKw,
    /// `nil`.
    #[token("nil")]
    NilKw,
    /// `with`.
    #[token("with")]
    WithKw,
    /// `{`.
    #[token("{")]
    LBrace,
    /// `}`.
    #[token("}")]
    RBrace,
    /// `(`.
    #[token("(")]
    LParen,
    /// `)`.
    #[token(")")]
    RParen,
    /// `<`.
    #[token("<")]
    LAngle,
    /// `>`.
    #[token(">")]
    RAngle,
    /// `:`.
    #[token(":")]
    Colon,
    /// `;`.
    #[token(";")]
    Semicolon,
    /// `,`.
    #[token(",")]
    Comma,
    /// `=`.
    #[token("=")]
    Equals,
    /// `|`.
    #[token("|")]
    Pipe,
    /// `#`.
    #[token("#")]
    Hash,
    /// `*`.
    #[token("*")]
    Star,
    /// `+`.
    #[token("+")]
    Plus,
    /// `&`.
    #[token("&")]
    Ampersand,
    /// `-`.
    #[token("-")]
    Minus,
    /// `->`.
    #[token("->")]
    Arrow,
    /// `.`.
    #[token(".")]
    Dot,
    /// `...`.
    #[token("...")]
    Ellipsis,
    /// `/`.
    #[token("/")]
    Slash,
    /// The expression between the braces of a caveat, with the white space and comments around it.
    CaveatText,
    /// Text that is no token.
    Unknown,
    /// The end of the text; never in a tree.
    End,

    /// The whole file.
    File,
    /// `use expiration`.
    Use,
    /// `import "file"`.
    Import,
    /// `definition name { … }`.
    Definition,
    /// `partial name { … }`.
    Partial,
    /// `caveat name(…) { … }`.
    Caveat,
    /// The members between braces.
    Block,
    /// `relation name: …`.
    Relation,
    /// `permission name = …`.
    Permission,
    /// `...name`.
    Spread,
    /// A name where it is declared or used.
    Name,
    /// The subject types of a relation.
    SubjectTypes,
    /// `team#member with caveat and expiration`.
    SubjectType,
    /// `#member` of a subject type.
    SubjectRelation,
    /// `:*` of a subject type.
    Wildcard,
    /// `with caveat and expiration`.
    With,
    /// `: user | team` of a permission.
    Annotation,
    /// `a + b + c`.
    Union,
    /// `a & b & c`.
    Intersection,
    /// `a - b - c`.
    Exclusion,
    /// `a->b`.
    ArrowExpr,
    /// `a.any(b)`.
    FunctionArrow,
    /// `( … )`.
    Paren,
    /// `nil`.
    Nil,
    /// A name used as an operand.
    NameRef,
    /// The parameters of a caveat, with their parentheses.
    Parameters,
    /// `name type`.
    Parameter,
    /// A parameter's type: `list<int>`.
    ParameterType,
    /// The body of a caveat with its braces.
    CaveatBody,
    /// Text that fits nowhere.
    Error,
}

impl SyntaxKind {
    /// Every kind, in the order of declaration, so that a number can be turned back into its kind.
    const ALL: [SyntaxKind; 67] = {
        use SyntaxKind::*;
        [
            Whitespace,
            LineComment,
            BlockComment,
            DocComment,
            Ident,
            QuotedIdent,
            Text,
            DefinitionKw,
            CaveatKw,
            RelationKw,
            PermissionKw,
            NilKw,
            WithKw,
            LBrace,
            RBrace,
            LParen,
            RParen,
            LAngle,
            RAngle,
            Colon,
            Semicolon,
            Comma,
            Equals,
            Pipe,
            Hash,
            Star,
            Plus,
            Ampersand,
            Minus,
            Arrow,
            Dot,
            Ellipsis,
            Slash,
            CaveatText,
            Unknown,
            End,
            File,
            Use,
            Import,
            Definition,
            Partial,
            Caveat,
            Block,
            Relation,
            Permission,
            Spread,
            Name,
            SubjectTypes,
            SubjectType,
            SubjectRelation,
            Wildcard,
            With,
            Annotation,
            Union,
            Intersection,
            Exclusion,
            ArrowExpr,
            FunctionArrow,
            Paren,
            Nil,
            NameRef,
            Parameters,
            Parameter,
            ParameterType,
            CaveatBody,
            Error,
            Error,
        ]
    };

    /// Whether it is white space or a comment: what the grammar does not see.
    #[must_use]
    pub fn is_trivia(self) -> bool {
        self == SyntaxKind::Whitespace || self.is_comment()
    }

    /// Whether it is a comment of any sort.
    #[must_use]
    pub fn is_comment(self) -> bool {
        matches!(self, SyntaxKind::LineComment | SyntaxKind::BlockComment | SyntaxKind::DocComment)
    }

    /// Whether it is a word that cannot be a name unless in backticks.
    #[must_use]
    pub fn is_keyword(self) -> bool {
        use SyntaxKind::*;
        matches!(self, DefinitionKw | CaveatKw | RelationKw | PermissionKw | NilKw | WithKw)
    }
}

/// The schema language, for rowan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SchemaLanguage {}

impl rowan::Language for SchemaLanguage {
    type Kind = SyntaxKind;

    fn kind_from_raw(raw: rowan::SyntaxKind) -> SyntaxKind {
        SyntaxKind::ALL.get(usize::from(raw.0)).copied().unwrap_or(SyntaxKind::Error)
    }

    fn kind_to_raw(kind: SyntaxKind) -> rowan::SyntaxKind {
        rowan::SyntaxKind(kind as u16)
    }
}

/// A node of the tree.
pub type SyntaxNode = rowan::SyntaxNode<SchemaLanguage>;
/// A token of the tree.
pub type SyntaxToken = rowan::SyntaxToken<SchemaLanguage>;
/// A node or a token.
pub type SyntaxElement = rowan::SyntaxElement<SchemaLanguage>;

#[cfg(test)]
mod tests {
    use super::*;
    use rowan::Language;

    #[test]
    fn every_kind_survives_the_way_through_its_number() {
        for (number, kind) in SyntaxKind::ALL.iter().enumerate().take(SyntaxKind::Error as usize + 1) {
            assert_eq!(*kind as usize, number);
            assert_eq!(SchemaLanguage::kind_from_raw(SchemaLanguage::kind_to_raw(*kind)), *kind);
        }
    }
}
