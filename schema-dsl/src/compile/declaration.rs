//! Declarations as they stand in the files: names not yet resolved, every part with its place.

use std::collections::BTreeMap;

use crate::diagnostic::Span;
use crate::ir::{Name, Quantifier};
use crate::source::FileName;

/// A name at a place.
#[derive(Debug, Clone)]
pub(crate) struct Ident {
    pub(crate) name: Name,
    /// In backticks, so never a word of the language.
    pub(crate) quoted: bool,
    pub(crate) span: Span,
}

impl Ident {
    /// Whether it is the word of the language and not a name in backticks.
    pub(crate) fn is_word(&self, word: &str) -> bool {
        !self.quoted && &*self.name == word
    }
}

/// What a `use` line can switch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Feature {
    Expiration,
    SelfObject,
    Typechecking,
    Partial,
    Import,
}

impl Feature {
    pub(crate) const ALL: [Feature; 5] =
        [Feature::Expiration, Feature::SelfObject, Feature::Typechecking, Feature::Partial, Feature::Import];

    pub(crate) fn flag(self) -> &'static str {
        match self {
            Feature::Expiration => "expiration",
            Feature::SelfObject => "self",
            Feature::Typechecking => "typechecking",
            Feature::Partial => "partial",
            Feature::Import => "import",
        }
    }
}

/// The declarations of one file.
#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) file: FileName,
    pub(crate) uses: BTreeMap<Feature, Span>,
    pub(crate) imports: Vec<Import>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) caveats: Vec<CaveatDeclaration>,
}

/// `import "path"`.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) path: String,
    pub(crate) span: Span,
}

/// A definition or a partial.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: BlockKind,
    pub(crate) name: Ident,
    pub(crate) members: Vec<Member>,
    pub(crate) doc: Option<String>,
}

impl Block {
    /// The expressions of its own permissions.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.members.iter().filter_map(|member| match member {
            Member::Permission(permission) => permission.expression.as_ref(),
            Member::Relation(_) | Member::Spread(_) => None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockKind {
    Definition,
    Partial,
}

#[derive(Debug)]
pub(crate) enum Member {
    Relation(RelationDeclaration),
    Permission(Box<PermissionDeclaration>),
    Spread(Ident),
}

impl Member {
    /// The bytes of its text, at least one.
    pub(crate) fn bytes(&self) -> usize {
        let span = match self {
            Member::Relation(relation) => &relation.span,
            Member::Permission(permission) => &permission.span,
            Member::Spread(name) => &name.span,
        };
        span.range.len().max(1)
    }
}

#[derive(Debug)]
pub(crate) struct RelationDeclaration {
    pub(crate) name: Ident,
    pub(crate) subjects: Vec<SubjectDeclaration>,
    pub(crate) doc: Option<String>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct SubjectDeclaration {
    pub(crate) object_type: Ident,
    pub(crate) wildcard: Option<Span>,
    pub(crate) relation: Option<Ident>,
    pub(crate) with: Vec<Ident>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct PermissionDeclaration {
    pub(crate) name: Ident,
    pub(crate) annotations: Vec<Ident>,
    pub(crate) annotation_span: Option<Span>,
    pub(crate) expression: Option<Expression>,
    pub(crate) doc: Option<String>,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) kind: ExpressionKind,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum ExpressionKind {
    Name(Ident),
    Nil,
    Arrow {
        tupleset: Ident,
        target: Ident,
        function: Option<(Ident, Option<Quantifier>)>,
    },
    /// An arrow with more than two sides; not part of the language.
    ArrowChain(Vec<Ident>),
    Chain(Operator, Vec<Expression>),
    Paren(Box<Expression>),
    /// What could not be read; a syntax error says so.
    Missing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Union,
    Intersection,
    Exclusion,
}

#[derive(Debug)]
pub(crate) struct CaveatDeclaration {
    pub(crate) name: Ident,
    pub(crate) parameters: Vec<ParameterDeclaration>,
    /// The expression without the white space around it, and where it begins.
    pub(crate) expression: Option<(String, Span)>,
    pub(crate) doc: Option<String>,
}

#[derive(Debug)]
pub(crate) struct ParameterDeclaration {
    pub(crate) name: Ident,
    pub(crate) parameter_type: Option<TypeDeclaration>,
}

/// `list<int>`.
#[derive(Debug)]
pub(crate) struct TypeDeclaration {
    pub(crate) name: Ident,
    pub(crate) arguments: Vec<TypeDeclaration>,
    pub(crate) span: Span,
}
