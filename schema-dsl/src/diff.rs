//! What changed between two compiled schemas.
//!
//! Compared is what a schema means, not how it is laid out: order of declarations and ordinary comments do not count, documentation
//! does. Changes come in the order of caveats, then types, then relations, by name. Linear in both schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::caveat::Caveat;
use crate::ir::{Definition, Name, Relation, RelationKind, Rewrite, Schema};

/// What sort of change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChangeKind {
    /// A caveat is new.
    CaveatAdded,
    /// A caveat is gone.
    CaveatRemoved,
    /// A caveat has a new parameter.
    CaveatParameterAdded,
    /// A caveat lost a parameter.
    CaveatParameterRemoved,
    /// A caveat's parameter has another type.
    CaveatParameterTypeChanged,
    /// A caveat's expression reads differently.
    CaveatExpressionChanged,
    /// A caveat's documentation reads differently.
    CaveatDocumentationChanged,
    /// A type is new.
    DefinitionAdded,
    /// A type is gone.
    DefinitionRemoved,
    /// A type's documentation reads differently.
    DefinitionDocumentationChanged,
    /// A relation is new.
    RelationAdded,
    /// A relation is gone.
    RelationRemoved,
    /// A relation allows a further subject type.
    SubjectTypeAdded,
    /// A relation no longer allows a subject type.
    SubjectTypeRemoved,
    /// A permission is new.
    PermissionAdded,
    /// A permission is gone.
    PermissionRemoved,
    /// A relation or permission is computed in another way.
    ExpressionChanged,
    /// A permission's type annotation names other types.
    AnnotationChanged,
    /// A relation became a permission, or the other way round.
    KindChanged,
    /// The documentation of a relation or permission reads differently.
    DocumentationChanged,
}

impl ChangeKind {
    /// Its stable name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::CaveatAdded => "caveat-added",
            ChangeKind::CaveatRemoved => "caveat-removed",
            ChangeKind::CaveatParameterAdded => "caveat-parameter-added",
            ChangeKind::CaveatParameterRemoved => "caveat-parameter-removed",
            ChangeKind::CaveatParameterTypeChanged => "caveat-parameter-type-changed",
            ChangeKind::CaveatExpressionChanged => "caveat-expression-changed",
            ChangeKind::CaveatDocumentationChanged => "caveat-documentation-changed",
            ChangeKind::DefinitionAdded => "definition-added",
            ChangeKind::DefinitionRemoved => "definition-removed",
            ChangeKind::DefinitionDocumentationChanged => "definition-documentation-changed",
            ChangeKind::RelationAdded => "relation-added",
            ChangeKind::RelationRemoved => "relation-removed",
            ChangeKind::SubjectTypeAdded => "subject-type-added",
            ChangeKind::SubjectTypeRemoved => "subject-type-removed",
            ChangeKind::PermissionAdded => "permission-added",
            ChangeKind::PermissionRemoved => "permission-removed",
            ChangeKind::ExpressionChanged => "expression-changed",
            ChangeKind::AnnotationChanged => "annotation-changed",
            ChangeKind::KindChanged => "kind-changed",
            ChangeKind::DocumentationChanged => "documentation-changed",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Of what sort.
    pub kind: ChangeKind,
    /// What changed: a type `document`, a relation `document#view`, or a caveat by its name.
    pub subject: String,
    /// What was there before, as text of the language; `None`: nothing.
    pub before: Option<String>,
    /// What is there now; `None`: nothing.
    pub after: Option<String>,
}

/// A readable line.
impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.kind.as_str().replace('-', " ");
        write!(formatter, "{what}: {}", self.subject)?;
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => write!(formatter, ": `{}` is now `{}`", one_line(before), one_line(after)),
            (Some(text), None) | (None, Some(text)) => write!(formatter, ": `{}`", one_line(text)),
            (None, None) => Ok(()),
        }
    }
}

/// What changed from `before` to `after`; empty where both mean the same.
#[must_use]
pub fn diff(before: &Schema, after: &Schema) -> Vec<Change> {
    let mut changes = Changes(Vec::new());
    for (name, before, after) in paired(&before.caveats, &after.caveats) {
        match (before, after) {
            (Some(before), Some(after)) => changes.caveat(name, before, after),
            (Some(_), None) => changes.push(ChangeKind::CaveatRemoved, name.to_string(), None, None),
            (None, Some(_)) => changes.push(ChangeKind::CaveatAdded, name.to_string(), None, None),
            (None, None) => {}
        }
    }
    for (name, before, after) in paired(&before.definitions, &after.definitions) {
        match (before, after) {
            (Some(before), Some(after)) => changes.definition(before, after),
            (Some(_), None) => changes.push(ChangeKind::DefinitionRemoved, name.to_string(), None, None),
            (None, Some(added)) => {
                changes.push(ChangeKind::DefinitionAdded, name.to_string(), None, None);
                added.relations.values().for_each(|relation| changes.added(name, relation));
            }
            (None, None) => {}
        }
    }
    changes.0
}

/// The entries of two maps side by side, by key.
fn paired<'a, V>(
    before: &'a BTreeMap<Name, V>,
    after: &'a BTreeMap<Name, V>,
) -> impl Iterator<Item = (&'a Name, Option<&'a V>, Option<&'a V>)> {
    let names: BTreeSet<&Name> = before.keys().chain(after.keys()).collect();
    names.into_iter().map(|name| (name, before.get(name), after.get(name)))
}

struct Changes(Vec<Change>);

impl Changes {
    fn push(&mut self, kind: ChangeKind, subject: String, before: Option<String>, after: Option<String>) {
        self.0.push(Change { kind, subject, before, after });
    }

    fn push_if_different(&mut self, kind: ChangeKind, subject: &str, before: Option<String>, after: Option<String>) {
        if before != after {
            self.push(kind, subject.to_owned(), before, after);
        }
    }

    fn caveat(&mut self, name: &Name, before: &Caveat, after: &Caveat) {
        for (parameter, before, after) in paired(before.parameters(), after.parameters()) {
            let kind = match (before, after) {
                (Some(_), Some(_)) => ChangeKind::CaveatParameterTypeChanged,
                (Some(_), None) => ChangeKind::CaveatParameterRemoved,
                (None, Some(_) | None) => ChangeKind::CaveatParameterAdded,
            };
            let text = |parameter_type: Option<&_>| parameter_type.map(|parameter_type| format!("{parameter} {parameter_type}"));
            self.push_if_different(kind, name, text(before), text(after));
        }
        let expression = |caveat: &Caveat| Some(caveat.expression().to_owned());
        self.push_if_different(ChangeKind::CaveatExpressionChanged, name, expression(before), expression(after));
        let doc = |caveat: &Caveat| caveat.doc().map(str::to_owned);
        self.push_if_different(ChangeKind::CaveatDocumentationChanged, name, doc(before), doc(after));
    }

    fn definition(&mut self, before: &Definition, after: &Definition) {
        let kind = ChangeKind::DefinitionDocumentationChanged;
        self.push_if_different(kind, &after.name, before.doc.clone(), after.doc.clone());
        for (_, old, new) in paired(&before.relations, &after.relations) {
            match (old, new) {
                (Some(old), Some(new)) => self.relation(&after.name, old, new),
                (Some(old), None) => {
                    let kind = match old.kind {
                        RelationKind::Relation => ChangeKind::RelationRemoved,
                        RelationKind::Permission => ChangeKind::PermissionRemoved,
                    };
                    self.push(kind, format!("{}#{}", after.name, old.name), Some(declared_as(old)), None);
                }
                (None, Some(new)) => self.added(&after.name, new),
                (None, None) => {}
            }
        }
    }

    fn added(&mut self, object_type: &Name, relation: &Relation) {
        let kind = match relation.kind {
            RelationKind::Relation => ChangeKind::RelationAdded,
            RelationKind::Permission => ChangeKind::PermissionAdded,
        };
        self.push(kind, format!("{object_type}#{}", relation.name), None, Some(declared_as(relation)));
    }

    fn relation(&mut self, object_type: &Name, before: &Relation, after: &Relation) {
        let subject = format!("{object_type}#{}", after.name);
        if before.kind != after.kind {
            self.push(ChangeKind::KindChanged, subject, Some(declared_as(before)), Some(declared_as(after)));
            return;
        }
        let (old, new): (BTreeSet<_>, BTreeSet<_>) = (before.direct.iter().collect(), after.direct.iter().collect());
        for gone in old.difference(&new) {
            self.push(ChangeKind::SubjectTypeRemoved, subject.clone(), Some(gone.to_string()), None);
        }
        for added in new.difference(&old) {
            self.push(ChangeKind::SubjectTypeAdded, subject.clone(), None, Some(added.to_string()));
        }
        if before.rewrite != after.rewrite {
            let (before, after) = (before.rewrite.to_string(), after.rewrite.to_string());
            self.push(ChangeKind::ExpressionChanged, subject.clone(), Some(before), Some(after));
        }
        let types = |relation: &Relation| {
            let types: BTreeSet<&str> = relation.annotations.iter().map(|name| &**name).collect();
            (!types.is_empty()).then(|| types.into_iter().collect::<Vec<_>>().join(" | "))
        };
        self.push_if_different(ChangeKind::AnnotationChanged, &subject, types(before), types(after));
        self.push_if_different(ChangeKind::DocumentationChanged, &subject, before.doc.clone(), after.doc.clone());
    }
}

/// What follows the name of a relation or permission where it is declared.
fn declared_as(relation: &Relation) -> String {
    let direct = relation.direct.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
    match (direct.is_empty(), &relation.rewrite) {
        (false, Rewrite::Direct) => direct,
        (true, rewrite) => rewrite.to_string(),
        (false, rewrite) => format!("{direct} = {rewrite}"),
    }
}

#[cfg(test)]
mod tests;
