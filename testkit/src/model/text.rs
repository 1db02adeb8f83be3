//! The text of schemas, tuples and questions.

use std::fmt::{self, Write as _};

use super::{Definition, Expression, Model, Quantifier, Question, Shape, SubjectType, Tuple, World};

/// How tightly an operator binds: `+` binds tightest, then `&`, then `-`, all to the left.
const EXCLUSION: u8 = 0;
const INTERSECTION: u8 = 1;
const UNION: u8 = 2;
const OPERAND: u8 = 3;

impl Expression {
    fn strength(&self) -> u8 {
        match self {
            Self::Exclusion(..) => EXCLUSION,
            Self::Intersection(..) => INTERSECTION,
            Self::Union(..) => UNION,
            Self::Name(_) | Self::Arrow { .. } | Self::Nil | Self::SelfObject => OPERAND,
        }
    }

    /// Writes the expression with no more parentheses than it needs where at least `needed` strength stands.
    fn write(&self, out: &mut String, needed: u8) {
        if self.strength() < needed {
            out.push('(');
            self.write(out, EXCLUSION);
            out.push(')');
            return;
        }
        match self {
            Self::Name(name) => out.push_str(name),
            Self::Nil => out.push_str("nil"),
            Self::SelfObject => out.push_str("self"),
            Self::Arrow { tupleset, target, quantifier } => {
                let text = match quantifier {
                    Quantifier::Arrow => format!("{tupleset}->{target}"),
                    Quantifier::Any => format!("{tupleset}.any({target})"),
                    Quantifier::All => format!("{tupleset}.all({target})"),
                };
                out.push_str(&text);
            }
            Self::Union(left, right) => binary(out, left, " + ", right, UNION),
            Self::Intersection(left, right) => binary(out, left, " & ", right, INTERSECTION),
            Self::Exclusion(left, right) => binary(out, left, " - ", right, EXCLUSION),
        }
    }

    fn mentions_self(&self) -> bool {
        match self {
            Self::SelfObject => true,
            Self::Name(_) | Self::Nil | Self::Arrow { .. } => false,
            Self::Union(left, right) | Self::Intersection(left, right) | Self::Exclusion(left, right) => {
                left.mentions_self() || right.mentions_self()
            }
        }
    }
}

fn binary(out: &mut String, left: &Expression, operator: &str, right: &Expression, strength: u8) {
    left.write(out, strength);
    out.push_str(operator);
    right.write(out, strength + 1);
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out, EXCLUSION);
        f.write_str(&out)
    }
}

impl fmt::Display for SubjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.object_type)?;
        match &self.shape {
            Shape::Object => {}
            Shape::Wildcard => f.write_str(":*")?,
            Shape::Userset(relation) => write!(f, "#{relation}")?,
        }
        match (self.caveat, self.expiration) {
            (None, false) => Ok(()),
            (None, true) => f.write_str(" with expiration"),
            (Some(caveat), false) => write!(f, " with {}", caveat.name()),
            (Some(caveat), true) => write!(f, " with {} and expiration", caveat.name()),
        }
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "definition {} {{", self.name)?;
        for relation in &self.relations {
            let types: Vec<String> = relation.types.iter().map(ToString::to_string).collect();
            writeln!(f, "  relation {}: {}", relation.name, types.join(" | "))?;
        }
        for permission in &self.permissions {
            writeln!(f, "  permission {} = {}", permission.name, permission.expression)?;
        }
        f.write_str("}\n")
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relations = || self.definitions.iter().flat_map(|definition| &definition.relations);
        if relations().any(|relation| relation.types.iter().any(|allowed| allowed.expiration)) {
            f.write_str("use expiration\n")?;
        }
        if self.definitions.iter().flat_map(|definition| &definition.permissions).any(|permission| permission.expression.mentions_self()) {
            f.write_str("use self\n")?;
        }
        for caveat in &self.caveats {
            writeln!(f, "\n{}", caveat.declaration())?;
        }
        for definition in &self.definitions {
            write!(f, "\n{definition}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Tuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}@{}", self.object, self.relation, self.subject)?;
        match &self.caveat {
            None => {}
            Some((caveat, context)) if context.is_empty() => write!(f, "[{}]", caveat.name())?,
            Some((caveat, context)) => write!(f, "[{}:{}]", caveat.name(), json(context))?,
        }
        self.expires_at.map_or(Ok(()), |seconds| write!(f, "[expiration:{}]", timestamp_text(seconds)))
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}@{}", self.object, self.permission, self.subject)?;
        if !self.context.is_empty() {
            write!(f, " with {}", json(&self.context))?;
        }
        for tuple in &self.contextual {
            write!(f, "\n  contextual {tuple}")?;
        }
        Ok(())
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n// at {}\n", self.model, timestamp_text(self.now))?;
        let mut lines = String::new();
        for tuple in &self.tuples {
            writeln!(lines, "{tuple}")?;
        }
        f.write_str(&lines)
    }
}

fn json(context: &serde_json::Map<String, serde_json::Value>) -> String {
    serde_json::Value::Object(context.clone()).to_string()
}

/// RFC 3339, in UTC, of whole seconds since the Unix epoch.
///
/// The days are turned into a date as in H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
#[must_use]
pub fn timestamp_text(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_as_rfc_3339() {
        assert_eq!(timestamp_text(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp_text(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(timestamp_text(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(timestamp_text(4_102_444_800), "2100-01-01T00:00:00Z");
    }

    #[test]
    fn parentheses_stand_only_where_the_operators_do_not_bind_that_way() {
        let name = |text: &str| Box::new(Expression::Name(text.to_owned()));
        let union = Box::new(Expression::Union(name("a"), name("b")));
        let intersection = Box::new(Expression::Intersection(union.clone(), name("c")));
        assert_eq!(Expression::Exclusion(intersection.clone(), name("d")).to_string(), "a + b & c - d");
        assert_eq!(Expression::Union(name("d"), intersection).to_string(), "d + (a + b & c)");
        assert_eq!(Expression::Union(name("c"), union).to_string(), "c + (a + b)");
    }
}
