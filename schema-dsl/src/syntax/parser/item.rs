//! Declarations: what stands at the top of a file, and the members of blocks.

use super::Parser;
use crate::diagnostic::{Diagnostic, Span, UNCLOSED};
use crate::syntax::kind::SyntaxKind;

impl Parser<'_> {
    /// `file := item*`
    pub(super) fn items(&mut self) {
        loop {
            match self.current() {
                SyntaxKind::End => return,
                SyntaxKind::DefinitionKw => self.definition(SyntaxKind::Definition, "a name after `definition`"),
                SyntaxKind::CaveatKw => self.caveat(),
                SyntaxKind::Semicolon => self.bump(),
                _ if self.at_word("use") => self.use_flag(),
                _ if self.at_word("import") => self.import(),
                _ if self.at_word("partial") => self.definition(SyntaxKind::Partial, "a name after `partial`"),
                _ => {
                    self.expected("`definition`, `caveat`, `partial`, `import` or `use`");
                    self.skip_until(Self::at_item);
                }
            }
        }
    }

    /// Whether the next token begins a declaration at the top of a file.
    fn at_item(&self) -> bool {
        match self.current() {
            SyntaxKind::DefinitionKw | SyntaxKind::CaveatKw => true,
            SyntaxKind::Ident => {
                let named = matches!(self.nth(1), SyntaxKind::Ident | SyntaxKind::QuotedIdent);
                (self.at_word("partial") && named && self.nth(2) == SyntaxKind::LBrace)
                    || (self.at_word("import") && self.nth(1) == SyntaxKind::Text)
                    || (self.at_word("use") && self.nth(1) == SyntaxKind::Ident)
            }
            _ => false,
        }
    }

    /// `use := 'use' name`
    fn use_flag(&mut self) {
        self.start(SyntaxKind::Use);
        self.bump();
        if self.at(SyntaxKind::Ident) {
            self.name("a flag after `use`", false);
        } else {
            self.expected("a flag after `use`");
            self.abandon_item();
        }
        self.finish();
    }

    /// `import := 'import' text`
    fn import(&mut self) {
        self.start(SyntaxKind::Import);
        self.bump();
        if !self.expect(SyntaxKind::Text, "the path of a file in quotes after `import`") {
            self.abandon_item();
        }
        self.finish();
    }

    /// Skips a declaration that is broken beyond this point.
    fn abandon_item(&mut self) {
        if !self.at_item() {
            self.skip_until(Self::at_item);
        }
    }

    /// `definition := ('definition' | 'partial') name '{' member* '}'`
    fn definition(&mut self, kind: SyntaxKind, what: &str) {
        self.start(kind);
        self.bump();
        if self.name(what, true) || self.at(SyntaxKind::LBrace) {
            self.block();
        }
        self.finish();
    }

    fn block(&mut self) {
        if !self.at(SyntaxKind::LBrace) {
            self.expected("`{`");
            if !self.at_member() {
                return;
            }
        }
        self.start(SyntaxKind::Block);
        let open = self.span(0);
        self.eat(SyntaxKind::LBrace);
        while !self.eat(SyntaxKind::RBrace) {
            match self.current() {
                SyntaxKind::RelationKw => self.relation(),
                SyntaxKind::PermissionKw => self.permission(),
                SyntaxKind::Ellipsis => self.spread(),
                SyntaxKind::Semicolon => self.bump(),
                _ if self.at(SyntaxKind::End) || self.at_item() => {
                    self.unclosed(&open, "block", "}");
                    break;
                }
                _ => {
                    self.expected("`relation`, `permission`, `...` or `}`");
                    self.skip_until(|parser| parser.at_statement_end() || parser.at_item());
                }
            }
        }
        self.finish();
    }

    fn at_member(&self) -> bool {
        matches!(self.current(), SyntaxKind::RelationKw | SyntaxKind::PermissionKw | SyntaxKind::Ellipsis)
    }

    /// Says that something opened at `open` has no end.
    pub(super) fn unclosed(&mut self, open: &Span, what: &str, close: &str) {
        let error = Diagnostic::error(UNCLOSED, open, format!("this {what} is not closed")).help(format!("add `{close}`"));
        self.error(error.also(&self.span_before(), format!("`{close}` is missing here")));
    }

    /// After a member: skips what is left of a broken one.
    fn end_of_member(&mut self) {
        if !self.at_statement_end() && !self.at_item() {
            self.expected("the end of the line or a further operator");
            self.skip_until(|parser| parser.at_statement_end() || parser.at_item());
        }
    }

    /// Skips a member that is broken beyond this point.
    fn abandon_member(&mut self) {
        if !self.at_statement_end() && !self.at_item() {
            self.skip_until(|parser| parser.at_statement_end() || parser.at_item());
        }
    }

    /// `spread := '...' name`
    fn spread(&mut self) {
        self.start(SyntaxKind::Spread);
        self.bump();
        let named = self.name("the name of a partial after `...`", true);
        self.finish();
        if named {
            self.end_of_member();
        } else {
            self.abandon_member();
        }
    }

    /// `relation := 'relation' name ':' subject_type ('|' subject_type)*`
    fn relation(&mut self) {
        self.start(SyntaxKind::Relation);
        self.bump();
        let mut whole = self.name("a name after `relation`", false);
        whole = whole && self.expect(SyntaxKind::Colon, "`:` and the subject types of the relation");
        whole = whole && self.subject_types();
        self.finish();
        if whole {
            self.end_of_member();
        } else {
            self.abandon_member();
        }
    }

    fn subject_types(&mut self) -> bool {
        self.start(SyntaxKind::SubjectTypes);
        let mut count = 0;
        let mut whole = self.subject_type();
        while whole && self.at(SyntaxKind::Pipe) {
            if !self.count_part(&mut count) {
                break;
            }
            self.bump();
            whole = self.subject_type();
        }
        self.finish();
        whole
    }

    /// `subject_type := name (':' '*')? ('#' (name | '...'))? ('with' name ('and' name)*)?`
    fn subject_type(&mut self) -> bool {
        self.start(SyntaxKind::SubjectType);
        let mut whole = self.name("a subject type", true);
        if whole && self.at(SyntaxKind::Colon) {
            self.start(SyntaxKind::Wildcard);
            self.bump();
            whole = self.expect(SyntaxKind::Star, "`*`");
            self.finish();
        }
        if whole && self.at(SyntaxKind::Hash) {
            self.start(SyntaxKind::SubjectRelation);
            self.bump();
            whole = self.eat(SyntaxKind::Ellipsis) || self.name("a relation after `#`", false);
            self.finish();
        }
        if whole && self.at(SyntaxKind::WithKw) {
            self.start(SyntaxKind::With);
            self.bump();
            whole = self.name("a caveat or `expiration` after `with`", true);
            let mut count = 0;
            while whole && self.at_word("and") && self.count_part(&mut count) {
                self.bump();
                whole = self.name("a caveat or `expiration` after `and`", true);
            }
            self.finish();
        }
        self.finish();
        whole
    }

    /// `permission := 'permission' name (':' name ('|' name)*)? '=' expression`
    fn permission(&mut self) {
        self.start(SyntaxKind::Permission);
        self.bump();
        let mut whole = self.name("a name after `permission`", false);
        if whole && self.at(SyntaxKind::Colon) {
            self.start(SyntaxKind::Annotation);
            self.bump();
            whole = self.name("a type after `:`", true);
            let mut count = 0;
            while whole && self.at(SyntaxKind::Pipe) && self.count_part(&mut count) {
                self.bump();
                whole = self.name("a type after `|`", true);
            }
            self.finish();
        }
        whole = whole && self.expect(SyntaxKind::Equals, "`=` and the permission's expression");
        whole = whole && self.expression();
        self.finish();
        if whole {
            self.end_of_member();
        } else {
            self.abandon_member();
        }
    }

    /// `caveat := 'caveat' name '(' (parameter (',' parameter)*)? ')' '{' text '}'`
    fn caveat(&mut self) {
        self.start(SyntaxKind::Caveat);
        self.bump();
        if self.name("a name after `caveat`", true) {
            if self.at(SyntaxKind::LParen) {
                self.parameters();
            } else {
                self.expected("`(` and the caveat's parameters");
            }
            if self.at(SyntaxKind::LBrace) {
                self.caveat_body();
            } else if !self.at_item() {
                self.expected("`{` and the caveat's expression");
            }
        }
        self.finish();
    }

    fn parameters(&mut self) {
        self.start(SyntaxKind::Parameters);
        let open = self.span(0);
        self.bump();
        let stops = |parser: &Self| {
            let kind = parser.current();
            matches!(kind, SyntaxKind::Comma | SyntaxKind::RParen | SyntaxKind::LBrace | SyntaxKind::RBrace) || parser.at_item()
        };
        while !self.at(SyntaxKind::RParen) {
            if self.at(SyntaxKind::End) || self.at(SyntaxKind::LBrace) || self.at(SyntaxKind::RBrace) || self.at_item() {
                break;
            }
            self.start(SyntaxKind::Parameter);
            if self.name("a parameter's name", false) {
                self.parameter_type();
            }
            self.finish();
            if !stops(self) {
                self.expected("`,` or `)`");
                self.skip_until(stops);
            }
            self.eat(SyntaxKind::Comma);
        }
        if !self.eat(SyntaxKind::RParen) {
            self.unclosed(&open, "list of parameters", ")");
        }
        self.finish();
    }

    /// `parameter_type := name ('<' parameter_type (',' parameter_type)* '>')?`
    fn parameter_type(&mut self) {
        self.start(SyntaxKind::ParameterType);
        if self.name("a parameter's type", false) && self.at(SyntaxKind::LAngle) {
            self.nested(|parser| {
                let open = parser.span(0);
                parser.bump();
                parser.parameter_type();
                while parser.eat(SyntaxKind::Comma) {
                    parser.parameter_type();
                }
                if !parser.eat(SyntaxKind::RAngle) {
                    parser.unclosed(&open, "bracket", ">");
                }
            });
        }
        self.finish();
    }

    fn caveat_body(&mut self) {
        self.start(SyntaxKind::CaveatBody);
        let open = self.span(0);
        self.bump();
        self.eat(SyntaxKind::CaveatText);
        if !self.eat(SyntaxKind::RBrace) {
            self.unclosed(&open, "caveat", "}");
        }
        self.finish();
    }
}
