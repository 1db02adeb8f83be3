//! Declarations by name, and which of them are used.

use std::collections::{BTreeMap, BTreeSet};

use super::declaration::{Block, BlockKind, CaveatDeclaration, Feature, Ident, Module};
use crate::diagnostic::{DUPLICATE_DECLARATION, Diagnostic, Sink, Span};
use crate::ir::Name;
use crate::source::FileName;

/// All declarations of a schema's files. Of two with the same name the first one counts.
#[derive(Debug, Default)]
pub(crate) struct Tables<'m> {
    pub(crate) definitions: BTreeMap<Name, &'m Block>,
    pub(crate) partials: BTreeMap<Name, &'m Block>,
    pub(crate) caveats: BTreeMap<Name, &'m CaveatDeclaration>,
    uses: BTreeMap<FileName, &'m BTreeMap<Feature, Span>>,
}

/// What has been needed so far; the rest is reported as unused.
#[derive(Debug, Default)]
pub(crate) struct Used {
    pub(crate) features: BTreeSet<(FileName, Feature)>,
    pub(crate) caveats: BTreeSet<Name>,
    pub(crate) partials: BTreeSet<Name>,
}

impl<'m> Tables<'m> {
    pub(super) fn new(modules: &'m [Module], sink: &mut Sink) -> Self {
        let mut tables = Tables::default();
        for module in modules {
            tables.uses.insert(module.file.clone(), &module.uses);
            for block in &module.blocks {
                let (table, what) = match block.kind {
                    BlockKind::Definition => (&mut tables.definitions, "definition"),
                    BlockKind::Partial => (&mut tables.partials, "partial"),
                };
                if let Some(first) = table.get(&block.name.name) {
                    sink.push(declared_twice(what, &block.name, &first.name));
                } else {
                    table.insert(block.name.name.clone(), block);
                }
            }
            for caveat in &module.caveats {
                if let Some(first) = tables.caveats.get(&caveat.name.name) {
                    sink.push(declared_twice("caveat", &caveat.name, &first.name));
                } else {
                    tables.caveats.insert(caveat.name.name.clone(), caveat);
                }
            }
        }
        tables
    }

    /// Whether the file has switched the feature on.
    pub(super) fn is_on(&self, file: &FileName, feature: Feature) -> bool {
        self.uses.get(file).is_some_and(|uses| uses.contains_key(&feature))
    }
}

fn declared_twice(what: &str, second: &Ident, first: &Ident) -> Diagnostic {
    let error = Diagnostic::error(DUPLICATE_DECLARATION, &second.span, format!("{what} `{}` is declared twice", second.name));
    error.also(&first.span, "first here").help("remove one, or give it another name")
}
