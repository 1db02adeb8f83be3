//! Partials put into the definitions that include them.

use std::collections::BTreeMap;

use super::declaration::{Block, Ident, Member, PermissionDeclaration, RelationDeclaration};
use super::tables::{Tables, Used};
use crate::diagnostic::{DUPLICATE_MEMBER, Diagnostic, PARTIAL_CYCLE, Sink, TOO_DEEP, TOO_MANY_MEMBERS, UNKNOWN_PARTIAL};
use crate::ir::Name;
use crate::limits::{MAX_DEPTH, MAX_EXPANDED_BYTES};
use crate::suggest::did_you_mean;

/// A relation or permission of a definition.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MemberRef<'m> {
    Relation(&'m RelationDeclaration),
    Permission(&'m PermissionDeclaration),
}

impl<'m> MemberRef<'m> {
    pub(crate) fn name(self) -> &'m Ident {
        match self {
            MemberRef::Relation(relation) => &relation.name,
            MemberRef::Permission(permission) => &permission.name,
        }
    }
}

/// The members of one definition, those of its partials included.
#[derive(Debug, Default)]
pub(crate) struct Members<'m> {
    pub(crate) by_name: BTreeMap<Name, MemberRef<'m>>,
    /// The names in the order of the text.
    pub(crate) order: Vec<Name>,
}

/// The members of every definition.
pub(super) fn expand<'m>(tables: &Tables<'m>, used: &mut Used, sink: &mut Sink) -> BTreeMap<Name, Members<'m>> {
    let mut budget = MAX_EXPANDED_BYTES;
    let mut all = BTreeMap::new();
    for (name, block) in &tables.definitions {
        let mut expansion = Expansion { tables, used, sink, budget: &mut budget, members: Members::default(), path: Vec::new() };
        expansion.block(block, None);
        all.insert(name.clone(), expansion.members);
    }
    // What a partial includes is checked even where no definition includes the partial.
    for block in tables.partials.values() {
        for member in &block.members {
            if let Member::Spread(name) = member
                && !tables.partials.contains_key(&name.name)
            {
                sink.push(unknown_partial(tables, name, sink.is_full()));
            }
        }
    }
    cycles(tables, sink);
    all
}

struct Expansion<'e, 'm> {
    tables: &'e Tables<'m>,
    used: &'e mut Used,
    sink: &'e mut Sink,
    budget: &'e mut usize,
    members: Members<'m>,
    /// The partials being expanded, outermost first.
    path: Vec<&'m Name>,
}

impl<'m> Expansion<'_, 'm> {
    /// Adds the members of a block; `via`: the `...name` of the definition that led here. At most [`MAX_DEPTH`] deep.
    fn block(&mut self, block: &'m Block, via: Option<&'m Ident>) {
        for member in &block.members {
            if via.is_some() {
                if *self.budget == 0 {
                    return;
                }
                *self.budget = self.budget.saturating_sub(member.bytes());
                if *self.budget == 0 {
                    let message = format!("partials add more than {MAX_EXPANDED_BYTES} bytes to the definitions");
                    let error = Diagnostic::error(TOO_MANY_MEMBERS, &block.name.span, message);
                    self.sink.push(error.help("include fewer partials in partials"));
                    return;
                }
            }
            match member {
                Member::Relation(relation) => self.add(MemberRef::Relation(relation), via),
                Member::Permission(permission) => self.add(MemberRef::Permission(permission), via),
                Member::Spread(name) => self.spread(name, via.unwrap_or(name)),
            }
        }
    }

    fn spread(&mut self, name: &'m Ident, via: &'m Ident) {
        let Some((key, partial)) = self.tables.partials.get_key_value(&name.name) else {
            let error = unknown_partial(self.tables, name, self.sink.is_full());
            self.sink.push(error);
            return;
        };
        self.used.partials.insert(key.clone());
        if self.path.iter().any(|open| **open == name.name) {
            return; // Reported by `cycles`.
        }
        if self.path.len() >= MAX_DEPTH {
            let message = format!("partials include each other more than {MAX_DEPTH} deep");
            self.sink.push(Diagnostic::error(TOO_DEEP, &name.span, message).help("include the innermost ones directly"));
            return;
        }
        self.path.push(&partial.name.name);
        self.block(partial, Some(via));
        self.path.pop();
    }

    fn add(&mut self, member: MemberRef<'m>, via: Option<&'m Ident>) {
        let name = member.name();
        if let Some(first) = self.members.by_name.get(&name.name) {
            let message = format!("`{}` is declared twice in this definition", name.name);
            let place = via.map_or(&name.span, |via| &via.span);
            let mut error = Diagnostic::error(DUPLICATE_MEMBER, place, message).also(&first.name().span, "first here");
            if via.is_some() && first.name().span != name.span {
                error = error.also(&name.span, "again here");
            }
            self.sink.push(error.help("remove one, or give it another name"));
            return;
        }
        self.members.by_name.insert(name.name.clone(), member);
        self.members.order.push(name.name.clone());
    }
}

fn unknown_partial(tables: &Tables<'_>, name: &Ident, quick: bool) -> Diagnostic {
    let error = Diagnostic::error(UNKNOWN_PARTIAL, &name.span, format!("unknown partial `{}`", name.name));
    if tables.definitions.contains_key(&name.name) {
        return error.help(format!("`{}` is a definition; only a `partial` can be included", name.name));
    }
    if tables.caveats.contains_key(&name.name) {
        return error.help(format!("`{}` is a caveat; only a `partial` can be included", name.name));
    }
    if quick {
        return error;
    }
    error.help_if(did_you_mean(&name.name, tables.partials.keys()))
}

/// Reports every `...name` that closes a circle of partials. Depth-first with a stack of its own; linear.
fn cycles(tables: &Tables<'_>, sink: &mut Sink) {
    let mut done: BTreeMap<&Name, bool> = BTreeMap::new();
    for root in tables.partials.values() {
        if done.contains_key(&root.name.name) {
            continue;
        }
        let mut stack = vec![(*root, root.members.iter())];
        done.insert(&root.name.name, false);
        while let Some((block, members)) = stack.last_mut() {
            let Some(member) = members.next() else {
                done.insert(&block.name.name, true);
                stack.pop();
                continue;
            };
            let Member::Spread(name) = member else { continue };
            let Some(next) = tables.partials.get(&name.name) else { continue };
            match done.get(&name.name) {
                Some(true) => {}
                Some(false) => {
                    let message = format!("partial `{}` includes itself", name.name);
                    let error = Diagnostic::error(PARTIAL_CYCLE, &name.span, message).saying("this closes the circle");
                    sink.push(error.also(&next.name.span, "declared here").help("take one of the includes out"));
                }
                None => {
                    done.insert(&next.name.name, false);
                    stack.push((*next, next.members.iter()));
                }
            }
        }
    }
}
