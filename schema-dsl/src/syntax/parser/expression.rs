//! Permission expressions, by precedence: `+` binds tightest, then `&`, then `-`; each level is one flat node.

use super::Parser;
use crate::diagnostic::{Diagnostic, TOO_DEEP};
use crate::limits::MAX_DEPTH;
use crate::syntax::kind::SyntaxKind;

/// One level of operators, loosest first.
#[derive(Clone, Copy)]
enum Level {
    Exclusion,
    Intersection,
    Union,
}

impl Level {
    fn operator(self) -> SyntaxKind {
        match self {
            Level::Exclusion => SyntaxKind::Minus,
            Level::Intersection => SyntaxKind::Ampersand,
            Level::Union => SyntaxKind::Plus,
        }
    }

    fn node(self) -> SyntaxKind {
        match self {
            Level::Exclusion => SyntaxKind::Exclusion,
            Level::Intersection => SyntaxKind::Intersection,
            Level::Union => SyntaxKind::Union,
        }
    }

    fn tighter(self) -> Option<Level> {
        match self {
            Level::Exclusion => Some(Level::Intersection),
            Level::Intersection => Some(Level::Union),
            Level::Union => None,
        }
    }
}

impl Parser<'_> {
    /// `expression := operand (operator operand)*`. Gives `false` where the rest of the statement makes no sense any more.
    pub(super) fn expression(&mut self) -> bool {
        self.chain(Level::Exclusion)
    }

    fn chain(&mut self, level: Level) -> bool {
        let checkpoint = self.checkpoint();
        let mut whole = self.chain_operand(level);
        if !whole || !self.at(level.operator()) {
            return whole;
        }
        self.start_at(checkpoint, level.node());
        let mut count = 0;
        while whole && self.at(level.operator()) {
            if !self.count_part(&mut count) || (matches!(level, Level::Exclusion) && self.exclusion_too_long(count)) {
                break;
            }
            self.bump();
            whole = self.chain_operand(level);
        }
        self.finish();
        whole
    }

    fn chain_operand(&mut self, level: Level) -> bool {
        match level.tighter() {
            Some(tighter) => self.chain(tighter),
            None => self.primary(),
        }
    }

    /// A chain of exclusions nests to the left in the compiled form, so its length counts as depth.
    fn exclusion_too_long(&mut self, count: usize) -> bool {
        let too_long = self.depth + count > MAX_DEPTH;
        if too_long {
            let message = format!("a chain of more than {MAX_DEPTH} exclusions");
            let error = Diagnostic::error(TOO_DEEP, &self.span(0), message).help("subtract a union: `a - (b + c)` is `a - b - c`");
            self.error(error);
            self.skip_until(Self::at_statement_end);
        }
        too_long
    }

    /// `primary := '(' expression ')' | 'nil' | name arrow*`
    fn primary(&mut self) -> bool {
        match self.current() {
            SyntaxKind::LParen => self.parenthesised(),
            SyntaxKind::NilKw => {
                self.start(SyntaxKind::Nil);
                self.bump();
                self.finish();
                true
            }
            SyntaxKind::Ident | SyntaxKind::QuotedIdent => self.reference(),
            kind if kind.is_keyword() && !self.starts_declaration(0) => self.reference(),
            _ => {
                self.expected("a relation, a permission, `nil` or `(`");
                false
            }
        }
    }

    fn parenthesised(&mut self) -> bool {
        self.start(SyntaxKind::Paren);
        let mut whole = false;
        let open = self.span(0);
        self.nested(|parser| {
            parser.bump();
            whole = parser.expression();
            if whole && !parser.eat(SyntaxKind::RParen) {
                parser.unclosed(&open, "parenthesis", ")");
                whole = false;
            }
        });
        self.finish();
        whole
    }

    /// A name, or an arrow; a chain of arrows is one flat node, which a later stage refuses.
    fn reference(&mut self) -> bool {
        let checkpoint = self.checkpoint();
        if !self.name("a relation or permission", false) {
            return false;
        }
        let mut whole = true;
        let mut count = 0;
        match self.current() {
            SyntaxKind::Arrow => {
                self.start_at(checkpoint, SyntaxKind::ArrowExpr);
                while whole && self.at(SyntaxKind::Arrow) && self.count_part(&mut count) {
                    self.bump();
                    whole = self.name("a relation or permission after `->`", false);
                }
                self.finish();
            }
            SyntaxKind::Dot => {
                self.start_at(checkpoint, SyntaxKind::FunctionArrow);
                while whole && self.at(SyntaxKind::Dot) && self.count_part(&mut count) {
                    self.bump();
                    whole = self.call();
                }
                self.finish();
            }
            _ => {
                self.start_at(checkpoint, SyntaxKind::NameRef);
                self.finish();
            }
        }
        whole
    }

    /// `call := name '(' name ')'`
    fn call(&mut self) -> bool {
        if !self.name("`any` or `all` after `.`", false) {
            return false;
        }
        let open = self.span(0);
        if !self.expect(SyntaxKind::LParen, "`(` and a relation or permission") {
            return false;
        }
        if !self.name("a relation or permission", false) {
            return false;
        }
        let closed = self.eat(SyntaxKind::RParen);
        if !closed {
            self.unclosed(&open, "parenthesis", ")");
        }
        closed
    }
}
