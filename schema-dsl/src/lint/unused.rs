//! Lints for what is declared and never used.

use crate::compile::Resolved;
use crate::diagnostic::{Diagnostic, Sink, UNUSED_CAVEAT, UNUSED_PARAMETER, UNUSED_PARTIAL, UNUSED_USE};

pub(super) fn lint(resolved: &Resolved<'_>, sink: &mut Sink) {
    for module in resolved.modules {
        for (feature, span) in &module.uses {
            if !resolved.used.features.contains(&(module.file.clone(), *feature)) {
                let message = format!("`use {}` is not needed", feature.flag());
                sink.push(Diagnostic::warning(UNUSED_USE, span, message).help("remove the line"));
            }
        }
    }
    for (name, block) in &resolved.tables.partials {
        if !resolved.used.partials.contains(name) {
            let warning = Diagnostic::warning(UNUSED_PARTIAL, &block.name.span, format!("partial `{name}` is not used"));
            sink.push(warning.help(format!("include it with `...{name}`, or remove it")));
        }
    }
    for (name, declaration) in &resolved.tables.caveats {
        if !resolved.used.caveats.contains(name) {
            let warning = Diagnostic::warning(UNUSED_CAVEAT, &declaration.name.span, format!("caveat `{name}` is not used"));
            sink.push(warning.help(format!("allow it in a relation: `user with {name}`, or remove it")));
        }
        let Some(caveat) = resolved.schema.caveats.get(name) else { continue };
        for parameter in &declaration.parameters {
            if !caveat.references().contains(&parameter.name.name) {
                let message = format!("parameter `{}` is not used", parameter.name.name);
                let warning = Diagnostic::warning(UNUSED_PARAMETER, &parameter.name.span, message);
                sink.push(warning.help("use it in the expression, or remove it"));
            }
        }
    }
}
