//! Declarations to the compiled form: every name looked up, every rule of relations checked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::caveats;
use super::collect::missing_use;
use super::declaration::{BlockKind, Feature, Ident, Module, PermissionDeclaration, RelationDeclaration, SubjectDeclaration};
use super::expand::{MemberRef, Members, expand};
use super::tables::{Tables, Used};
use super::types;
use crate::diagnostic::{
    BAD_WITH, DUPLICATE_ANNOTATION, DUPLICATE_SUBJECT_TYPE, Diagnostic, SHADOWED_EXPIRATION, Sink, Span, UNKNOWN_CAVEAT,
    UNKNOWN_SUBJECT_RELATION, UNKNOWN_TYPE, WILDCARD_WITH_RELATION,
};
use crate::ir::{Definition, Name, Relation, RelationKind, Rewrite, Schema, SubjectShape, SubjectType};
use crate::suggest::did_you_mean;

/// The compiled form together with what later checks need to point at the text.
#[derive(Debug)]
pub(crate) struct Resolved<'m> {
    /// Holds `nil` where an expression has errors.
    pub(crate) schema: Schema,
    /// Where the name of each relation and permission is declared.
    pub(crate) places: BTreeMap<(Name, Name), Span>,
    pub(crate) modules: &'m [Module],
    pub(crate) tables: Tables<'m>,
    pub(crate) used: Used,
}

/// Resolves all files of a schema.
pub(super) fn resolve<'m>(modules: &'m [Module], sink: &mut Sink) -> Resolved<'m> {
    let tables = Tables::new(modules, sink);
    let mut used = Used::default();
    let members = expand(&tables, &mut used, sink);
    let mut resolver = Resolver { tables: &tables, members: &members, used: &mut used, sink, sound_arrows: BTreeSet::new() };
    let mut schema = Schema::default();
    for (name, block) in &tables.definitions {
        let relations = resolver.members_of(name);
        let source_order = members.get(name).map(|members| members.order.clone()).unwrap_or_default();
        schema.definitions.insert(name.clone(), Definition { name: name.clone(), relations, source_order, doc: block.doc.clone() });
    }
    for (name, declaration) in &tables.caveats {
        if let Some(caveat) = caveats::compile(declaration, sink) {
            schema.caveats.insert(name.clone(), Arc::new(caveat));
        }
    }
    syntactic_uses(modules, &mut used);
    types::check_annotations(&schema, &members, sink);
    let places = places(&members);
    Resolved { schema, places, modules, tables, used }
}

fn places(members: &BTreeMap<Name, Members<'_>>) -> BTreeMap<(Name, Name), Span> {
    let all = members.iter().flat_map(|(object_type, members)| {
        members.by_name.iter().map(move |(name, member)| ((object_type.clone(), name.clone()), member.name().span.clone()))
    });
    all.collect()
}

/// Marks the flags of constructs that can be told without knowing any names.
fn syntactic_uses(modules: &[Module], used: &mut Used) {
    use super::declaration::Member;
    for module in modules {
        let mut mark = |feature| used.features.insert((module.file.clone(), feature));
        if !module.imports.is_empty() {
            mark(Feature::Import);
        }
        for block in &module.blocks {
            let spreads = block.members.iter().any(|member| matches!(member, Member::Spread(_)));
            if spreads || block.kind == BlockKind::Partial {
                mark(Feature::Partial);
            }
            let annotated = |member: &Member| matches!(member, Member::Permission(permission) if permission.annotation_span.is_some());
            if block.members.iter().any(annotated) {
                mark(Feature::Typechecking);
            }
        }
    }
}

pub(super) struct Resolver<'r, 'm> {
    pub(super) tables: &'r Tables<'m>,
    pub(super) members: &'r BTreeMap<Name, Members<'m>>,
    pub(super) used: &'r mut Used,
    pub(super) sink: &'r mut Sink,
    /// Arrows that need no further look: type, relation, target.
    pub(super) sound_arrows: BTreeSet<(Name, Name, Name)>,
}

impl Resolver<'_, '_> {
    fn members_of(&mut self, object_type: &Name) -> BTreeMap<Name, Relation> {
        let Some(members) = self.members.get(object_type) else { return BTreeMap::new() };
        let relations = members.by_name.iter().map(|(name, member)| {
            let relation = match member {
                MemberRef::Relation(relation) => self.relation(relation),
                MemberRef::Permission(permission) => self.permission(object_type, permission),
            };
            (name.clone(), relation)
        });
        relations.collect()
    }

    fn relation(&mut self, declaration: &RelationDeclaration) -> Relation {
        let mut direct = Vec::new();
        let mut seen: BTreeMap<SubjectType, &Span> = BTreeMap::new();
        for subject in &declaration.subjects {
            let Some(resolved) = self.subject(subject) else { continue };
            if let Some(first) = seen.get(&resolved) {
                let error = Diagnostic::error(DUPLICATE_SUBJECT_TYPE, &subject.span, "this subject type is given twice");
                self.sink.push(error.also(first, "first here").help("remove one"));
                continue;
            }
            seen.insert(resolved.clone(), &subject.span);
            direct.push(resolved);
        }
        Relation {
            name: declaration.name.name.clone(),
            kind: RelationKind::Relation,
            direct,
            rewrite: Rewrite::Direct,
            annotations: Vec::new(),
            doc: declaration.doc.clone(),
        }
    }

    fn permission(&mut self, object_type: &Name, declaration: &PermissionDeclaration) -> Relation {
        let rewrite = match &declaration.expression {
            Some(expression) => self.expression(object_type, expression),
            None => Rewrite::Nil,
        };
        let mut annotations: Vec<Name> = Vec::new();
        let mut seen = BTreeSet::new();
        for annotation in &declaration.annotations {
            if !seen.insert(&annotation.name) {
                let warning = Diagnostic::warning(DUPLICATE_ANNOTATION, &annotation.span, format!("`{}` is named twice", annotation.name));
                self.sink.push(warning.help("remove one"));
            } else if self.type_exists(annotation) {
                annotations.push(annotation.name.clone());
            }
        }
        let name = declaration.name.name.clone();
        let doc = declaration.doc.clone();
        Relation { name, kind: RelationKind::Permission, direct: Vec::new(), rewrite, annotations, doc }
    }

    /// Whether a type is declared; says so where it is not.
    fn type_exists(&mut self, name: &Ident) -> bool {
        if self.tables.definitions.contains_key(&name.name) {
            return true;
        }
        let mut error = Diagnostic::error(UNKNOWN_TYPE, &name.span, format!("unknown type `{}`", name.name));
        if self.tables.partials.contains_key(&name.name) {
            error = error.help(format!("`{}` is a partial; a subject is an object of a `definition`", name.name));
        } else if !self.sink.is_full() {
            let help = did_you_mean(&name.name, self.tables.definitions.keys());
            error = error.help(help.unwrap_or_else(|| format!("declare it: `definition {} {{}}`", name.name)));
        }
        self.sink.push(error);
        false
    }

    fn subject(&mut self, subject: &SubjectDeclaration) -> Option<SubjectType> {
        let known = self.type_exists(&subject.object_type);
        let (caveat, expiration) = self.with(&subject.with);
        let shape = match (&subject.wildcard, &subject.relation) {
            (Some(_), Some(relation)) => {
                let message = "a wildcard cannot have a relation";
                let help = format!("write `{0}:*`, or `{0}#{1}`", subject.object_type.name, relation.name);
                self.sink.push(Diagnostic::error(WILDCARD_WITH_RELATION, &subject.span, message).help(help));
                return None;
            }
            (Some(_), None) => SubjectShape::Wildcard,
            (None, Some(relation)) => {
                if known && !self.subject_relation_exists(&subject.object_type, relation) {
                    return None;
                }
                SubjectShape::Userset(relation.name.clone())
            }
            (None, None) => SubjectShape::Object,
        };
        known.then(|| SubjectType { object_type: subject.object_type.name.clone(), shape, caveat, expiration })
    }

    fn subject_relation_exists(&mut self, object_type: &Ident, relation: &Ident) -> bool {
        let Some(members) = self.members.get(&object_type.name) else { return false };
        if members.by_name.contains_key(&relation.name) {
            return true;
        }
        let message = format!("`{}` has no relation or permission `{}`", object_type.name, relation.name);
        let mut error = Diagnostic::error(UNKNOWN_SUBJECT_RELATION, &relation.span, message);
        if !self.sink.is_full() {
            error = error.help_if(did_you_mean(&relation.name, members.by_name.keys()));
        }
        if let Some(block) = self.tables.definitions.get(&object_type.name) {
            error = error.also(&block.name.span, format!("`{}` is declared here", object_type.name));
        }
        self.sink.push(error);
        false
    }

    /// The caveat and expiration that a `with` asks for.
    fn with(&mut self, words: &[Ident]) -> (Option<Name>, bool) {
        let mut caveat: Option<Name> = None;
        let mut expiration = false;
        for word in words {
            let is_twice = if self.is_expiration(word) {
                std::mem::replace(&mut expiration, true)
            } else {
                self.caveat_exists(word);
                caveat.replace(word.name.clone()).is_some()
            };
            if is_twice {
                let message = format!("`{}` is more than a subject type can have", word.name);
                let help = "one caveat and one `expiration` at most; write several alternatives with `|`, or join the caveats into one";
                self.sink.push(Diagnostic::error(BAD_WITH, &word.span, message).help(help));
            }
        }
        (caveat, expiration)
    }

    /// Whether the word means that tuples expire, and not a caveat of that name.
    fn is_expiration(&mut self, word: &Ident) -> bool {
        if !word.is_word("expiration") {
            return false;
        }
        let caveat = self.tables.caveats.get("expiration");
        if self.tables.is_on(&word.span.file, Feature::Expiration) {
            self.used.features.insert((word.span.file.clone(), Feature::Expiration));
            if let Some(caveat) = caveat {
                let warning = Diagnostic::warning(SHADOWED_EXPIRATION, &word.span, "`expiration` means that tuples expire, not the caveat");
                let help = "write the caveat's name in backticks";
                self.sink.push(warning.also(&caveat.name.span, "the caveat of this name").help(help));
            }
            return true;
        }
        if caveat.is_none() {
            self.sink.push(missing_use(Feature::Expiration, &word.span, "`with expiration`"));
        }
        caveat.is_none()
    }

    fn caveat_exists(&mut self, word: &Ident) {
        if self.tables.caveats.contains_key(&word.name) {
            self.used.caveats.insert(word.name.clone());
            return;
        }
        let mut error = Diagnostic::error(UNKNOWN_CAVEAT, &word.span, format!("unknown caveat `{}`", word.name));
        if !self.sink.is_full() {
            let words = self.tables.caveats.keys().map(|name| &**name).chain(std::iter::once("expiration"));
            let help = did_you_mean(&word.name, words);
            error = error.help(help.unwrap_or_else(|| format!("declare it: `caveat {}(…) {{ … }}`", word.name)));
        }
        self.sink.push(error);
    }
}
