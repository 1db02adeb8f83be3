//! Syntax trees to declarations. What the parser could not read is left out: it has an error already.

use std::collections::BTreeMap;

use super::declaration::{
    Block, BlockKind, CaveatDeclaration, Expression, ExpressionKind, Feature, Ident, Import, Member, Module, Operator,
    ParameterDeclaration, PermissionDeclaration, RelationDeclaration, SubjectDeclaration, TypeDeclaration,
};
use crate::diagnostic::{DUPLICATE_USE, Diagnostic, MISSING_USE, Sink, Span, UNKNOWN_USE, USE_NOT_FIRST};
use crate::ir::Quantifier;
use crate::source::FileName;
use crate::suggest::did_you_mean;
use crate::syntax::ast::{self, Written};
use crate::syntax::{Parse, SyntaxKind, SyntaxNode};

/// The declarations of a parsed file.
pub(super) fn collect(parse: &Parse, sink: &mut Sink) -> Module {
    let root = parse.root();
    let collector = Collector { file: &parse.file };
    let uses = collector.uses(&root, sink);
    let mut module = Module { file: parse.file.clone(), uses, imports: Vec::new(), blocks: Vec::new(), caveats: Vec::new() };
    for node in root.children() {
        if node.kind() == SyntaxKind::Import {
            module.imports.extend(collector.import(&node));
        } else if node.kind() == SyntaxKind::Definition {
            module.blocks.extend(collector.block(&node, BlockKind::Definition));
        } else if node.kind() == SyntaxKind::Partial {
            module.blocks.extend(collector.block(&node, BlockKind::Partial));
        } else if node.kind() == SyntaxKind::Caveat {
            module.caveats.extend(collector.caveat(&node));
        }
    }
    require_flags(&module, sink);
    module
}

/// The error for a construct that is not switched on.
pub(super) fn missing_use(feature: Feature, at: &Span, construct: &str) -> Diagnostic {
    let flag = feature.flag();
    Diagnostic::error(MISSING_USE, at, format!("{construct} needs `use {flag}`")).help(format!("add `use {flag}` at the top of this file"))
}

/// Checks the constructs that can be told without knowing any names.
fn require_flags(module: &Module, sink: &mut Sink) {
    let mut require = |feature: Feature, at: &Span, construct: &str| {
        if !module.uses.contains_key(&feature) {
            sink.push(missing_use(feature, at, construct));
        }
    };
    for import in &module.imports {
        require(Feature::Import, &import.span, "`import`");
    }
    for block in &module.blocks {
        if block.kind == BlockKind::Partial {
            require(Feature::Partial, &block.name.span, "`partial`");
        }
        for member in &block.members {
            match member {
                Member::Spread(name) => require(Feature::Partial, &name.span, "`...`"),
                Member::Permission(permission) => {
                    if let Some(span) = &permission.annotation_span {
                        require(Feature::Typechecking, span, "a type annotation");
                    }
                }
                Member::Relation(_) => {}
            }
        }
    }
}

struct Collector<'t> {
    file: &'t FileName,
}

impl Collector<'_> {
    fn span(&self, node: &SyntaxNode) -> Span {
        Span::new(self.file, ast::range(node))
    }

    fn ident(&self, written: Written) -> Ident {
        Ident { name: written.name, quoted: written.quoted, span: Span::new(self.file, written.range) }
    }

    fn name(&self, node: &SyntaxNode) -> Option<Ident> {
        ast::name(node).map(|written| self.ident(written))
    }

    fn names(&self, node: &SyntaxNode) -> Vec<Ident> {
        ast::names(node).map(|written| self.ident(written)).collect()
    }

    fn uses(&self, root: &SyntaxNode, sink: &mut Sink) -> BTreeMap<Feature, Span> {
        let mut uses: BTreeMap<Feature, Span> = BTreeMap::new();
        let mut declared = false;
        for node in root.children() {
            if node.kind() != SyntaxKind::Use {
                declared = declared || node.kind() != SyntaxKind::Error;
                continue;
            }
            let Some(flag) = self.name(&node) else { continue };
            if declared {
                let message = format!("`use {}` stands after a declaration", flag.name);
                sink.push(Diagnostic::error(USE_NOT_FIRST, &self.span(&node), message).help("move it to the top of the file"));
            }
            let Some(feature) = Feature::ALL.into_iter().find(|feature| feature.flag() == &*flag.name) else {
                let flags = Feature::ALL.map(Feature::flag);
                let help = did_you_mean(&flag.name, flags).unwrap_or_else(|| format!("the flags are {}", flags.join(", ")));
                sink.push(Diagnostic::error(UNKNOWN_USE, &flag.span, format!("unknown flag `{}`", flag.name)).help(help));
                continue;
            };
            if let Some(first) = uses.get(&feature) {
                let warning = Diagnostic::warning(DUPLICATE_USE, &self.span(&node), format!("`use {}` is given twice", flag.name));
                sink.push(warning.also(first, "first here").help("remove this line"));
            } else {
                uses.insert(feature, self.span(&node));
            }
        }
        uses
    }

    fn import(&self, node: &SyntaxNode) -> Option<Import> {
        let token = ast::token(node, SyntaxKind::Text)?;
        let path = token.text().trim_matches(['"', '\'']).to_owned();
        Some(Import { path, span: Span::new(self.file, ast::token_range(&token)) })
    }

    fn block(&self, node: &SyntaxNode, kind: BlockKind) -> Option<Block> {
        let name = self.name(node)?;
        let members = ast::child(node, SyntaxKind::Block).into_iter().flat_map(|block| block.children().collect::<Vec<_>>());
        let members = members.filter_map(|member| self.member(&member)).collect();
        Some(Block { kind, name, members, doc: ast::doc(node) })
    }

    fn member(&self, node: &SyntaxNode) -> Option<Member> {
        let name = self.name(node)?;
        if node.kind() == SyntaxKind::Spread {
            return Some(Member::Spread(name));
        }
        let doc = ast::doc(node);
        if node.kind() == SyntaxKind::Relation {
            let types = ast::child(node, SyntaxKind::SubjectTypes);
            let types = types.into_iter().flat_map(|types| ast::children(&types, SyntaxKind::SubjectType).collect::<Vec<_>>());
            let subjects = types.filter_map(|subject| self.subject(&subject)).collect();
            return Some(Member::Relation(RelationDeclaration { name, subjects, doc, span: self.span(node) }));
        }
        if node.kind() == SyntaxKind::Permission {
            let annotation = ast::child(node, SyntaxKind::Annotation);
            let expression = node.children().find_map(|child| self.expression(&child));
            return Some(Member::Permission(Box::new(PermissionDeclaration {
                name,
                annotations: annotation.as_ref().map(|annotation| self.names(annotation)).unwrap_or_default(),
                annotation_span: annotation.as_ref().map(|annotation| self.span(annotation)),
                expression,
                doc,
                span: self.span(node),
            })));
        }
        None
    }

    fn subject(&self, node: &SyntaxNode) -> Option<SubjectDeclaration> {
        Some(SubjectDeclaration {
            object_type: self.name(node)?,
            wildcard: ast::child(node, SyntaxKind::Wildcard).map(|wildcard| self.span(&wildcard)),
            relation: ast::child(node, SyntaxKind::SubjectRelation).and_then(|relation| self.name(&relation)),
            with: ast::child(node, SyntaxKind::With).map(|with| self.names(&with)).unwrap_or_default(),
            span: self.span(node),
        })
    }

    /// The expression that a node is, if it is one. Depth is bounded by the parser.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of expressions are few among the kinds of nodes")]
    fn expression(&self, node: &SyntaxNode) -> Option<Expression> {
        let mut names = self.names(node).into_iter();
        let operands = |operator| {
            let operands = node.children().filter_map(|child| self.expression(&child)).collect();
            ExpressionKind::Chain(operator, operands)
        };
        let kind = match node.kind() {
            SyntaxKind::NameRef => names.next().map_or(ExpressionKind::Missing, ExpressionKind::Name),
            SyntaxKind::Nil => ExpressionKind::Nil,
            SyntaxKind::ArrowExpr => match (names.next(), names.next(), names.next()) {
                (Some(tupleset), Some(target), None) => ExpressionKind::Arrow { tupleset, target, function: None },
                (_, _, Some(_)) => ExpressionKind::ArrowChain(self.names(node)),
                (_, _, None) => ExpressionKind::Missing,
            },
            SyntaxKind::FunctionArrow => match (names.next(), names.next(), names.next(), names.next()) {
                (Some(tupleset), Some(function), Some(target), None) => {
                    let quantifier = match &*function.name {
                        "any" => Some(Quantifier::Any),
                        "all" => Some(Quantifier::All),
                        _ => None,
                    };
                    ExpressionKind::Arrow { tupleset, target, function: Some((function, quantifier)) }
                }
                (_, _, _, Some(_)) => ExpressionKind::ArrowChain(self.names(node)),
                (_, _, _, None) => ExpressionKind::Missing,
            },
            SyntaxKind::Union => operands(Operator::Union),
            SyntaxKind::Intersection => operands(Operator::Intersection),
            SyntaxKind::Exclusion => operands(Operator::Exclusion),
            SyntaxKind::Paren => {
                let inner = node.children().find_map(|child| self.expression(&child));
                inner.map_or(ExpressionKind::Missing, |inner| ExpressionKind::Paren(Box::new(inner)))
            }
            _ => return None,
        };
        Some(Expression { kind, span: self.span(node) })
    }

    fn caveat(&self, node: &SyntaxNode) -> Option<CaveatDeclaration> {
        let name = self.name(node)?;
        let parameters = ast::child(node, SyntaxKind::Parameters);
        let parameters =
            parameters.into_iter().flat_map(|parameters| ast::children(&parameters, SyntaxKind::Parameter).collect::<Vec<_>>());
        let parameters = parameters.filter_map(|parameter| {
            let parameter_type = ast::child(&parameter, SyntaxKind::ParameterType).and_then(|node| self.parameter_type(&node));
            Some(ParameterDeclaration { name: self.name(&parameter)?, parameter_type })
        });
        let parameters = parameters.collect();
        let expression = ast::child(node, SyntaxKind::CaveatBody).map(|body| self.caveat_expression(&body));
        Some(CaveatDeclaration { name, parameters, expression, doc: ast::doc(node) })
    }

    fn parameter_type(&self, node: &SyntaxNode) -> Option<TypeDeclaration> {
        let arguments = ast::children(node, SyntaxKind::ParameterType).filter_map(|argument| self.parameter_type(&argument)).collect();
        Some(TypeDeclaration { name: self.name(node)?, arguments, span: self.span(node) })
    }

    fn caveat_expression(&self, body: &SyntaxNode) -> (String, Span) {
        let Some(token) = ast::token(body, SyntaxKind::CaveatText) else { return (String::new(), self.span(body)) };
        let text = token.text();
        let expression = text.trim();
        let start = ast::token_range(&token).start + (text.len() - text.trim_start().len());
        (expression.to_owned(), Span::new(self.file, start..start + expression.len()))
    }
}
