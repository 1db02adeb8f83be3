//! Declarations: what stands at the top of a file, and the members of blocks.

use super::Parser;
use crate::diagnostic::{Diagnostic, Span, UNCLOSED};
use crate::suggest::did_you_mean;
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
                    let help = self.meant(["definition", "caveat", "partial", "import", "use"]);
                    self.expected_because("`definition`, `caveat`, `partial`, `import` or `use`", help);
                    if self.is_named(1) && self.nth(2) == SyntaxKind::LBrace {
                        self.definition(SyntaxKind::Definition, "a name after `definition`");
                    } else {
                        self.skip_until(Self::at_item);
                    }
                }
            }
        }
    }

    /// Whether the next token begins a declaration at the top of a file.
    fn at_item(&self) -> bool {
        match self.current() {
            SyntaxKind::DefinitionKw | SyntaxKind::CaveatKw => true,
            SyntaxKind::Ident => {
                (self.at_word("partial") && self.is_named(1) && self.nth(2) == SyntaxKind::LBrace)
                    || (self.at_word("import") && self.nth(1) == SyntaxKind::Text)
                    || (self.at_word("use") && self.nth(1) == SyntaxKind::Ident)
            }
            _ => false,
        }
    }

    /// Whether the token `ahead` is a name.
    fn is_named(&self, ahead: usize) -> bool {
        matches!(self.nth(ahead), SyntaxKind::Ident | SyntaxKind::QuotedIdent)
    }

    /// The word that the next token is a slip of, as help.
    fn meant<const N: usize>(&self, words: [&'static str; N]) -> Option<String> {
        if self.at(SyntaxKind::Ident) { did_you_mean(self.token_text(0), words) } else { None }
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
        if self.declared_name(what, true) || self.at(SyntaxKind::LBrace) {
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
                _ => self.stray_member(),
            }
        }
        self.finish();
    }

    /// What is no member: one whose keyword is wrong is read as what it looks like.
    fn stray_member(&mut self) {
        let help = self.meant(["relation", "permission"]);
        self.expected_because("`relation`, `permission`, `...` or `}`", help);
        if self.at(SyntaxKind::Ident) && self.is_named(1) && self.nth(2) == SyntaxKind::Colon {
            self.relation();
        } else if self.at(SyntaxKind::Ident) && self.is_named(1) && self.nth(2) == SyntaxKind::Equals {
            self.permission();
        } else {
            self.skip_until(|parser| parser.at_statement_end() || parser.at_item());
        }
    }

    fn at_member(&self) -> bool {
        matches!(self.current(), SyntaxKind::RelationKw | SyntaxKind::PermissionKw | SyntaxKind::Ellipsis)
    }

    /// Says that something opened at `open` has no end.
    pub(super) fn unclosed(&mut self, open: &Span, what: &str, close: &str) {
        let error = Diagnostic::error(UNCLOSED, open, format!("this {what} is not closed")).help(format!("add `{close}`"));
        self.error(error.also(&self.span_before(), format!("`{close}` is missing here")));
    }

    /// After a member: skips what is left of a broken one. `help`: what the author may have meant.
    fn end_of_member(&mut self, help: impl FnOnce(&Self) -> Option<&'static str>) {
        if !self.at_statement_end() && !self.at_item() {
            let help = help(self).map(str::to_owned);
            self.expected_because("the end of the line or a further operator", help);
            self.skip_until(|parser| parser.at_statement_end() || parser.at_item());
        }
    }

    /// What stands where only the end of an expression or an operator can.
    fn operator_help(&self) -> Option<&'static str> {
        match self.token_text(0) {
            "or" | "|" => Some("a union is written `+`"),
            "and" | "," => Some("an intersection is written `&`, a union `+`"),
            "not" | "but" | "!" => Some("an exclusion is written `-`"),
            "." | "->" => Some("an arrow has one relation on its left and one relation or permission on its right"),
            _ => None,
        }
    }

    /// What stands where only the end of the subject types or a further one can.
    fn subject_help(&self) -> Option<&'static str> {
        match self.token_text(0) {
            "+" | "," | "or" | "&" => Some("subject types are separated by `|`"),
            "=" => Some("only a permission has an expression"),
            _ => None,
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
            self.end_of_member(|_| None);
        } else {
            self.abandon_member();
        }
    }

    /// `relation := 'relation' name ':' subject_type ('|' subject_type)*`
    fn relation(&mut self) {
        self.start(SyntaxKind::Relation);
        self.bump();
        let mut whole = self.declared_name("a name after `relation`", false);
        whole = whole && self.expect(SyntaxKind::Colon, "`:` and the subject types of the relation");
        whole = whole && self.subject_types();
        self.finish();
        if whole {
            self.end_of_member(Self::subject_help);
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
        let mut whole = self.declared_name("a name after `permission`", false);
        let annotated = whole && self.at(SyntaxKind::Colon);
        if annotated {
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
        if whole && !self.eat(SyntaxKind::Equals) {
            let help = annotated.then(|| "`:` names the types of the subjects; the expression follows after `=`".to_owned());
            self.expected_because("`=` and the permission's expression", help);
            whole = false;
        }
        whole = whole && self.expression();
        self.finish();
        if whole {
            self.end_of_member(Self::operator_help);
        } else {
            self.abandon_member();
        }
    }

    /// `caveat := 'caveat' name '(' (parameter (',' parameter)*)? ')' '{' text '}'`
    fn caveat(&mut self) {
        self.start(SyntaxKind::Caveat);
        self.bump();
        if self.declared_name("a name after `caveat`", true) {
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
