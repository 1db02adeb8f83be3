//! The caveats that generated schemas use, and what each means in plain Rust.
//!
//! A parameter name has the same type in every caveat, so one request context serves them all.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// One of the caveats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaveatKind {
    /// `a || b`: one known `true` decides.
    Either,
    /// `a && b`: one known `false` decides.
    Both,
    /// `a && !b`.
    Unless,
    /// `n < limit`.
    Under,
    /// `total / parts > 1`: fails for no parts.
    Shared,
    /// `name in names`.
    Listed,
    /// `ip.in_cidr(net)`.
    FromNet,
    /// `at < until`, both timestamps.
    Before,
}

/// What a caveat says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// These parameters are missing and could decide.
    Missing(BTreeSet<String>),
    /// Its evaluation fails.
    Error,
}

impl CaveatKind {
    /// All of them.
    pub const ALL: [Self; 8] =
        [Self::Either, Self::Both, Self::Unless, Self::Under, Self::Shared, Self::Listed, Self::FromNet, Self::Before];

    /// Its name in the schema.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Either => "either",
            Self::Both => "both",
            Self::Unless => "unless",
            Self::Under => "under",
            Self::Shared => "shared",
            Self::Listed => "listed",
            Self::FromNet => "from_net",
            Self::Before => "before",
        }
    }

    /// Its text in the schema.
    #[must_use]
    pub const fn declaration(self) -> &'static str {
        match self {
            Self::Either => "caveat either(a bool, b bool) {\n  a || b\n}",
            Self::Both => "caveat both(a bool, b bool) {\n  a && b\n}",
            Self::Unless => "caveat unless(a bool, b bool) {\n  a && !b\n}",
            Self::Under => "caveat under(n int, limit int) {\n  n < limit\n}",
            Self::Shared => "caveat shared(total int, parts int) {\n  total / parts > 1\n}",
            Self::Listed => "caveat listed(name string, names list<string>) {\n  name in names\n}",
            Self::FromNet => "caveat from_net(ip ipaddress, net string) {\n  ip.in_cidr(net)\n}",
            Self::Before => "caveat before(at timestamp, until timestamp) {\n  at < until\n}",
        }
    }

    /// Its two parameters.
    #[must_use]
    pub const fn parameters(self) -> [&'static str; 2] {
        match self {
            Self::Either | Self::Both | Self::Unless => ["a", "b"],
            Self::Under => ["n", "limit"],
            Self::Shared => ["total", "parts"],
            Self::Listed => ["name", "names"],
            Self::FromNet => ["ip", "net"],
            Self::Before => ["at", "until"],
        }
    }

    /// Values of a parameter that are worth trying.
    #[must_use]
    pub fn values(parameter: &str) -> Vec<Value> {
        match parameter {
            "a" | "b" => vec![json!(true), json!(false)],
            "n" | "limit" => vec![json!(3), json!(7)],
            "total" => vec![json!(12), json!(5)],
            "parts" => vec![json!(4), json!(0)],
            "name" => vec![json!("ada"), json!("bob")],
            "names" => vec![json!(["ada", "cyd"]), json!([])],
            "ip" => vec![json!("10.1.2.3"), json!("192.168.9.9")],
            "net" => vec![json!("10.0.0.0/8"), json!("192.168.9.0/24")],
            "at" | "until" => vec![json!("2030-01-01T00:00:00Z"), json!("2031-06-01T12:00:00Z")],
            unknown => panic!("no caveat has a parameter `{unknown}`"),
        }
    }

    /// What it says for the stored context and the request's; what is stored wins.
    #[must_use]
    pub fn judge(self, stored: &Map<String, Value>, request: &Map<String, Value>) -> Judgement {
        let names = self.parameters();
        let values = names.map(|name| stored.get(name).or_else(|| request.get(name)));
        let missing = || Judgement::Missing((0..2).filter(|i| values[*i].is_none()).map(|i| names[i].to_owned()).collect());
        match self {
            Self::Either => negation(&conjunction(negated(values[0]), negated(values[1]), names)),
            Self::Both => conjunction(values[0].and_then(Value::as_bool), values[1].and_then(Value::as_bool), names),
            Self::Unless => conjunction(values[0].and_then(Value::as_bool), negated(values[1]), names),
            Self::Under | Self::Shared | Self::Listed | Self::FromNet | Self::Before => {
                let [Some(left), Some(right)] = values else { return missing() };
                match self.compare(left, right) {
                    Some(true) => Judgement::True,
                    Some(false) => Judgement::False,
                    None => Judgement::Error,
                }
            }
        }
    }

    /// The comparing caveats with both values known; `None` where the evaluation fails.
    fn compare(self, left: &Value, right: &Value) -> Option<bool> {
        match self {
            Self::Under => Some(left.as_i64()? < right.as_i64()?),
            Self::Shared => Some(left.as_i64()?.checked_div(right.as_i64()?)? > 1),
            Self::Listed => Some(right.as_array()?.contains(left)),
            // Each network of `values` is told by its first part.
            Self::FromNet => Some(left.as_str()?.split('.').next() == right.as_str()?.split('.').next()),
            // Same form and zone, so the order of the texts is the order of the times.
            Self::Before => Some(left.as_str()? < right.as_str()?),
            Self::Either | Self::Both | Self::Unless => None,
        }
    }
}

fn negated(value: Option<&Value>) -> Option<bool> {
    value.and_then(Value::as_bool).map(|known| !known)
}

fn conjunction(left: Option<bool>, right: Option<bool>, names: [&str; 2]) -> Judgement {
    match (left, right) {
        (Some(false), _) | (_, Some(false)) => Judgement::False,
        (Some(true), Some(true)) => Judgement::True,
        (left, right) => {
            let unknown = [left, right].into_iter().zip(names).filter(|(value, _)| value.is_none());
            Judgement::Missing(unknown.map(|(_, name)| name.to_owned()).collect())
        }
    }
}

fn negation(judgement: &Judgement) -> Judgement {
    match judgement {
        Judgement::True => Judgement::False,
        Judgement::False => Judgement::True,
        Judgement::Missing(names) => Judgement::Missing(names.clone()),
        Judgement::Error => Judgement::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_known_value_decides_where_the_other_cannot_change_it() {
        let context = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let missing = |names: &[&str]| Judgement::Missing(names.iter().map(|name| (*name).to_owned()).collect());
        let none = Map::new();
        assert_eq!(CaveatKind::Either.judge(&none, &none), missing(&["a", "b"]));
        assert_eq!(CaveatKind::Either.judge(&context(r#"{"b":true}"#), &none), Judgement::True);
        assert_eq!(CaveatKind::Either.judge(&context(r#"{"b":false}"#), &none), missing(&["a"]));
        assert_eq!(CaveatKind::Unless.judge(&context(r#"{"b":true}"#), &none), Judgement::False);
        assert_eq!(CaveatKind::Under.judge(&context(r#"{"n":7}"#), &context(r#"{"n":3,"limit":7}"#)), Judgement::False, "stored wins");
        assert_eq!(CaveatKind::Shared.judge(&none, &context(r#"{"total":5,"parts":0}"#)), Judgement::Error);
        assert_eq!(CaveatKind::Shared.judge(&none, &context(r#"{"parts":0}"#)), missing(&["total"]));
    }
}
