//! Permission expressions to rewrites.

use super::collect::missing_use;
use super::declaration::{Expression, ExpressionKind, Feature, Ident, Operator, RelationDeclaration, SubjectDeclaration};
use super::expand::MemberRef;
use super::resolve::Resolver;
use crate::diagnostic::{
    ARROW_IGNORES_RELATION, ARROW_OVER_PERMISSION, ARROW_OVER_WILDCARD, ARROW_WITHOUT_TARGET, CHAINED_ARROW, Diagnostic, SHADOWED_SELF,
    TOO_DEEP, UNKNOWN_FUNCTION, UNKNOWN_RELATION,
};
use crate::ir::{Name, Quantifier, Rewrite};
use crate::limits::MAX_DEPTH;
use crate::suggest::did_you_mean;

/// Levels that a compiled expression may have: parentheses, and up to two levels of operators in each.
const MAX_REWRITE_DEPTH: usize = 3 * MAX_DEPTH;

/// A rewrite and how deep it nests.
struct Lowered {
    rewrite: Rewrite,
    depth: usize,
}

impl Lowered {
    fn leaf(rewrite: Rewrite) -> Self {
        Lowered { rewrite, depth: 1 }
    }

    fn nothing() -> Self {
        Self::leaf(Rewrite::Nil)
    }
}

impl Resolver<'_, '_> {
    /// The rewrite of a permission of `object_type`; where the expression has errors, they are reported and stand for `nil`.
    pub(super) fn expression(&mut self, object_type: &Name, expression: &Expression) -> Rewrite {
        let lowered = self.lower(object_type, expression);
        if lowered.depth > MAX_REWRITE_DEPTH {
            let message = format!("the expression nests more than {MAX_REWRITE_DEPTH} operators deep");
            let error = Diagnostic::error(TOO_DEEP, &expression.span, message);
            self.sink.push(error.help("give the inner part a permission of its own"));
        }
        lowered.rewrite
    }

    fn lower(&mut self, object_type: &Name, expression: &Expression) -> Lowered {
        match &expression.kind {
            ExpressionKind::Nil | ExpressionKind::Missing => Lowered::nothing(),
            ExpressionKind::Name(name) => Lowered::leaf(self.reference(object_type, name)),
            ExpressionKind::Paren(inner) => self.lower(object_type, inner),
            ExpressionKind::Arrow { tupleset, target, function } => {
                Lowered::leaf(self.arrow(object_type, tupleset, target, function.as_ref()))
            }
            ExpressionKind::ArrowChain(names) => {
                let steps: Vec<&str> = names.iter().map(|name| &*name.name).collect();
                let error = Diagnostic::error(CHAINED_ARROW, &expression.span, "an arrow cannot follow an arrow");
                let first = steps.first().copied().unwrap_or_default();
                let help =
                    format!("give the type that `{first}` leads to a permission for the rest, and write `{first}->` that permission");
                self.sink.push(error.help(help));
                Lowered::nothing()
            }
            ExpressionKind::Chain(operator, operands) => {
                let lowered: Vec<Lowered> = operands.iter().map(|operand| self.lower(object_type, operand)).collect();
                join(*operator, lowered)
            }
        }
    }

    fn reference(&mut self, object_type: &Name, name: &Ident) -> Rewrite {
        let member = self.members.get(object_type).and_then(|members| members.by_name.get(&name.name)).copied();
        if name.is_word("self") {
            if self.tables.is_on(&name.span.file, Feature::SelfObject) {
                self.used.features.insert((name.span.file.clone(), Feature::SelfObject));
                if let Some(member) = member {
                    let warning = Diagnostic::warning(SHADOWED_SELF, &name.span, "`self` means the object itself, not the relation");
                    let help = "write `` `self` `` in backticks for the relation";
                    self.sink.push(warning.also(&member.name().span, "the relation of this name").help(help));
                }
                return Rewrite::SelfObject;
            }
            if member.is_none() {
                self.sink.push(missing_use(Feature::SelfObject, &name.span, "`self`"));
                return Rewrite::Nil;
            }
        }
        if member.is_some() {
            return Rewrite::Computed(name.name.clone());
        }
        self.unknown(object_type, name);
        Rewrite::Nil
    }

    fn unknown(&mut self, object_type: &Name, name: &Ident) {
        let message = format!("`{object_type}` has no relation or permission `{}`", name.name);
        let mut error = Diagnostic::error(UNKNOWN_RELATION, &name.span, message);
        if let Some(members) = self.members.get(object_type)
            && !self.sink.is_full()
        {
            error = error.help_if(did_you_mean(&name.name, members.by_name.keys()));
        }
        if error.help.is_none() {
            error = error.help_if(did_you_mean(&name.name, ["self", "nil"]));
        }
        if error.help.is_none() && self.tables.definitions.contains_key(&name.name) {
            error = error.help(format!("`{}` is a type; an expression names relations and permissions of `{object_type}`", name.name));
        }
        self.sink.push(error);
    }

    fn arrow(&mut self, object_type: &Name, tupleset: &Ident, target: &Ident, function: Option<&(Ident, Option<Quantifier>)>) -> Rewrite {
        let quantifier = match function {
            None => Some(Quantifier::Any),
            Some((_, Some(quantifier))) => Some(*quantifier),
            Some((name, None)) => {
                let error = Diagnostic::error(UNKNOWN_FUNCTION, &name.span, format!("unknown function `{}`", name.name));
                let help = did_you_mean(&name.name, ["any", "all"]);
                self.sink.push(error.help(help.unwrap_or_else(|| "the functions are `any` and `all`".to_owned())));
                None
            }
        };
        let member = self.members.get(object_type).and_then(|members| members.by_name.get(&tupleset.name)).copied();
        match member {
            None => self.unknown(object_type, tupleset),
            Some(MemberRef::Permission(permission)) => {
                let message = format!("`{}` is a permission; an arrow starts from a relation", tupleset.name);
                let error = Diagnostic::error(ARROW_OVER_PERMISSION, &tupleset.span, message);
                let help = "name the relation whose tuples are to be followed";
                self.sink.push(error.also(&permission.name.span, "declared here").help(help));
            }
            Some(MemberRef::Relation(relation)) => {
                self.arrow_from(object_type, relation, tupleset, target);
            }
        }
        match (member, quantifier) {
            (Some(MemberRef::Relation(_)), Some(quantifier)) => {
                Rewrite::Arrow { tupleset: tupleset.name.clone(), target: target.name.clone(), quantifier }
            }
            _ => Rewrite::Nil,
        }
    }

    /// Checks an arrow from a relation; one that was found in order is not looked at again.
    fn arrow_from(&mut self, object_type: &Name, relation: &RelationDeclaration, tupleset: &Ident, target: &Ident) {
        let key = (object_type.clone(), tupleset.name.clone(), target.name.clone());
        if self.sound_arrows.contains(&key) {
            return;
        }
        let mut sound = true;
        for subject in &relation.subjects {
            sound = sound && subject.wildcard.is_none() && subject.relation.is_none();
            if let Some(wildcard) = &subject.wildcard {
                let message = format!("`{}` allows a wildcard, which an arrow cannot follow", tupleset.name);
                let error = Diagnostic::error(ARROW_OVER_WILDCARD, &tupleset.span, message);
                let help = format!("take `{}:*` out of `{}`, or use another relation", subject.object_type.name, tupleset.name);
                self.sink.push(error.also(wildcard, "the wildcard").help(help));
            }
            self.ignored_relation(tupleset, target, subject);
        }
        sound = self.target(relation, tupleset, target) && sound;
        if sound {
            self.sound_arrows.insert(key);
        }
    }

    /// Warns where an arrow follows `team#member`: it goes on from the team, whoever its members are.
    fn ignored_relation(&mut self, tupleset: &Ident, target: &Ident, subject: &SubjectDeclaration) {
        let Some(relation) = &subject.relation else { return };
        let object_type = &subject.object_type.name;
        let message = format!("`{}->{}` ignores the `#{}` of its subjects", tupleset.name, target.name, relation.name);
        let warning = Diagnostic::warning(ARROW_IGNORES_RELATION, &tupleset.span, message);
        let help =
            format!("it asks for `{0}` of the `{object_type}` itself; a relation to `{object_type}` says that more plainly", target.name);
        self.sink.push(warning.also(&subject.span, "allowed here").help(help));
    }

    /// Whether some type that the relation leads to has the target; warns where none has.
    fn target(&mut self, relation: &RelationDeclaration, tupleset: &Ident, target: &Ident) -> bool {
        let types = || relation.subjects.iter().map(|subject| &subject.object_type.name);
        let tables = || types().filter_map(|object_type| self.members.get(object_type));
        if tables().next().is_none() || tables().any(|members| members.by_name.contains_key(&target.name)) {
            return true;
        }
        if self.sink.is_full() {
            self.sink.skip();
            return false;
        }
        let message = format!("no subject of `{}` has `{}`, so the arrow finds nobody", tupleset.name, target.name);
        let named: Vec<String> = types().take(3).map(|object_type| format!("`{object_type}`")).collect();
        let more = if relation.subjects.len() > 3 { " and others" } else { "" };
        let help = did_you_mean(&target.name, tables().flat_map(|members| members.by_name.keys()));
        let warning = Diagnostic::warning(ARROW_WITHOUT_TARGET, &target.span, message);
        self.sink.push(warning.help(help.unwrap_or_else(|| format!("`{}` leads to {}{more}", tupleset.name, named.join(", ")))));
        false
    }
}

/// Joins the operands of a chain; nested unions and intersections become one.
fn join(operator: Operator, operands: Vec<Lowered>) -> Lowered {
    let deepest = operands.iter().map(|operand| operand.depth).max().unwrap_or_default();
    match operator {
        Operator::Union => {
            let mut flat = Vec::new();
            for operand in operands {
                if let Rewrite::Union(inner) = operand.rewrite { flat.extend(inner) } else { flat.push(operand.rewrite) }
            }
            Lowered { rewrite: single_or(flat, Rewrite::Union), depth: deepest + 1 }
        }
        Operator::Intersection => {
            let mut flat = Vec::new();
            for operand in operands {
                if let Rewrite::Intersection(inner) = operand.rewrite { flat.extend(inner) } else { flat.push(operand.rewrite) }
            }
            Lowered { rewrite: single_or(flat, Rewrite::Intersection), depth: deepest + 1 }
        }
        Operator::Exclusion => {
            let joined = operands.into_iter().reduce(|base, subtract| Lowered {
                depth: base.depth.max(subtract.depth) + 1,
                rewrite: Rewrite::Exclusion { base: Box::new(base.rewrite), subtract: Box::new(subtract.rewrite) },
            });
            joined.unwrap_or_else(Lowered::nothing)
        }
    }
}

/// One operand stands for itself: a chain that lost operands to errors may have one or none.
fn single_or(mut operands: Vec<Rewrite>, join: impl FnOnce(Vec<Rewrite>) -> Rewrite) -> Rewrite {
    if operands.len() >= 2 { join(operands) } else { operands.pop().unwrap_or(Rewrite::Nil) }
}
