//! The compiled form as text of the native language: expressions, subject types, names.

use std::borrow::Cow;
use std::fmt;

use super::{Quantifier, Rewrite, SubjectShape, SubjectType};

/// Words that cannot be a name outside backticks.
const RESERVED: [&str; 6] = ["definition", "caveat", "relation", "permission", "nil", "with"];

/// A name as the native language writes it: in backticks unless it is made of letters, digits and underscores.
///
/// `prefixes`: whether it may have prefixes with `/`, as those of types and caveats do.
#[must_use]
pub fn written_name(name: &str, prefixes: bool) -> Cow<'_, str> {
    let is_plain = |part: &str| {
        let mut characters = part.chars();
        characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && characters.all(|character| character.is_ascii_alphanumeric() || character == '_')
    };
    let plain = if prefixes { name.split('/').all(is_plain) } else { is_plain(name) };
    if plain && !RESERVED.contains(&name) { Cow::Borrowed(name) } else { Cow::Owned(format!("`{name}`")) }
}

/// A name in an expression, where `self` is a word of the language.
fn operand_name(name: &str) -> Cow<'_, str> {
    if name == "self" { Cow::Borrowed("`self`") } else { written_name(name, false) }
}

/// `a + b->c - (d & nil)`: as a permission's expression, parentheses wherever kinds of operators meet. What a relation's own tuples
/// give is written `this`, which is no word of the native language.
impl fmt::Display for Rewrite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rewrite::Direct => formatter.write_str("this"),
            Rewrite::Nil => formatter.write_str("nil"),
            Rewrite::SelfObject => formatter.write_str("self"),
            Rewrite::Computed(name) => formatter.write_str(&operand_name(name)),
            Rewrite::Arrow { tupleset, target, quantifier } => {
                let (tupleset, target) = (operand_name(tupleset), operand_name(target));
                match quantifier {
                    Quantifier::Any => write!(formatter, "{tupleset}->{target}"),
                    Quantifier::All => write!(formatter, "{tupleset}.all({target})"),
                }
            }
            Rewrite::Union(operands) => joined(formatter, operands, " + "),
            Rewrite::Intersection(operands) => joined(formatter, operands, " & "),
            Rewrite::Exclusion { base, subtract } => {
                // A chain of exclusions binds to the left without parentheses.
                if matches!(**base, Rewrite::Exclusion { .. }) {
                    write!(formatter, "{base}")?
                } else {
                    operand(formatter, base)?
                }
                formatter.write_str(" - ")?;
                operand(formatter, subtract)
            }
        }
    }
}

fn joined(formatter: &mut fmt::Formatter<'_>, operands: &[Rewrite], separator: &str) -> fmt::Result {
    for (index, part) in operands.iter().enumerate() {
        if index > 0 {
            formatter.write_str(separator)?;
        }
        operand(formatter, part)?;
    }
    Ok(())
}

fn operand(formatter: &mut fmt::Formatter<'_>, part: &Rewrite) -> fmt::Result {
    match part {
        Rewrite::Union(_) | Rewrite::Intersection(_) | Rewrite::Exclusion { .. } => write!(formatter, "({part})"),
        Rewrite::Direct | Rewrite::Nil | Rewrite::SelfObject | Rewrite::Computed(_) | Rewrite::Arrow { .. } => write!(formatter, "{part}"),
    }
}

/// `team#member with office_hours and expiration`.
impl fmt::Display for SubjectType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&written_name(&self.object_type, true))?;
        match &self.shape {
            SubjectShape::Object => {}
            SubjectShape::Wildcard => formatter.write_str(":*")?,
            SubjectShape::Userset(relation) => write!(formatter, "#{}", written_name(relation, false))?,
        }
        match (&self.caveat, self.expiration) {
            (Some(caveat), expiration) => {
                let caveat = if &**caveat == "expiration" { Cow::Borrowed("`expiration`") } else { written_name(caveat, true) };
                write!(formatter, " with {caveat}{}", if expiration { " and expiration" } else { "" })
            }
            (None, true) => formatter.write_str(" with expiration"),
            (None, false) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_stand_in_backticks() {
        assert_eq!(written_name("acme/document", true), "acme/document");
        assert_eq!(written_name("acme/document", false), "`acme/document`");
        assert_eq!(written_name("can-view", false), "`can-view`");
        assert_eq!(written_name("1st", false), "`1st`");
        assert_eq!(written_name("nil", false), "`nil`");
        assert_eq!(operand_name("self"), "`self`");
    }

    #[test]
    fn parentheses_stand_where_kinds_of_operators_meet() {
        let name = |name: &str| Rewrite::Computed(name.into());
        let exclusion = |base, subtract| Rewrite::Exclusion { base: Box::new(base), subtract: Box::new(subtract) };
        let union = Rewrite::Union(vec![name("a"), Rewrite::Intersection(vec![name("b"), Rewrite::Nil])]);
        assert_eq!(union.to_string(), "a + (b & nil)");
        assert_eq!(exclusion(exclusion(name("a"), name("b")), exclusion(name("c"), union)).to_string(), "a - b - (c - (a + (b & nil)))");
    }
}
