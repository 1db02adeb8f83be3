//! The text form of a tuple filter: a tuple with parts left out.
//!
//! `document`, `document:readme`, `document#viewer`, `document:readme#viewer@user:ada`, `#viewer`, `@user:ada`, `@team#member`,
//! `document@user`. A subject without relation matches subjects of any relation; `@user:ada#...` only the object itself. Ids may
//! hold `@`, so an id that is followed by a subject has a `#` between them: `document:readme#@user:ada`.

use dhow_proto::v1;

use super::failure::Failure;

/// What every filter option's help says.
pub(crate) const FILTER_HELP: &str = "a tuple with parts left out, such as `document`, `document:readme`, `document#viewer`, `@user:ada` or \
     `document:readme#@user:ada`";

/// Reads a filter.
///
/// # Errors
/// When it is empty, or cannot be told apart.
pub(crate) fn parse(text: &str) -> Result<v1::TupleFilter, Failure> {
    let refused = |message: String| Failure::new("filter", message).help(format!("a filter is {FILTER_HELP}"));
    let mut filter = v1::TupleFilter::default();
    let rest = head(text, &mut filter).map_err(&refused)?;
    if let Some(subject) = rest {
        subject_part(subject, &mut filter).map_err(&refused)?;
    }
    if filter == v1::TupleFilter::default() {
        return Err(refused(format!("`{text}` chooses everything")));
    }
    Ok(filter)
}

/// Reads the object and the relation; gives back what stands behind the `@`.
fn head<'a>(text: &'a str, filter: &mut v1::TupleFilter) -> Result<Option<&'a str>, String> {
    let end = text.find([':', '#', '@']).unwrap_or(text.len());
    let (object_type, rest) = text.split_at(end);
    filter.object_type = object_type.to_owned();
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(id_on) => {
            let (id, rest) = id_on.split_at(id_on.find('#').unwrap_or(id_on.len()));
            if id.rsplit_once('@').is_some_and(|(_, behind)| behind.contains(':')) {
                return Err(format!("`{text}` can be read in two ways: an id may hold `@`, so write `#` between the object and the `@`"));
            }
            if id.is_empty() {
                return Err(format!("`{text}` has a `:` without an id behind it"));
            }
            filter.object_id = id.to_owned();
            rest
        }
    };
    if let Some(subject) = rest.strip_prefix('@') {
        return Ok(Some(subject));
    }
    let Some(relation_on) = rest.strip_prefix('#') else { return Ok(None) };
    match relation_on.split_once('@') {
        Some((relation, subject)) => {
            filter.relation = relation.to_owned();
            Ok(Some(subject))
        }
        None => {
            filter.relation = relation_on.to_owned();
            Ok(None)
        }
    }
}

fn subject_part(text: &str, filter: &mut v1::TupleFilter) -> Result<(), String> {
    let (subject, relation) = match text.split_once('#') {
        Some((subject, relation)) => (subject, Some(relation)),
        None => (text, None),
    };
    if subject.is_empty() && relation.is_none() {
        return Err("there is nothing behind the `@`".to_owned());
    }
    let (subject_type, id) = subject.split_once(':').unwrap_or((subject, ""));
    filter.subject_type = subject_type.to_owned();
    filter.subject_id = id.to_owned();
    filter.subject_relation = relation.map(|relation| if relation == "..." { String::new() } else { relation.to_owned() });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (type, id, relation, subject type, subject id, subject relation)
    fn parts(text: &str) -> (String, String, String, String, String, Option<String>) {
        let filter = parse(text).unwrap();
        (filter.object_type, filter.object_id, filter.relation, filter.subject_type, filter.subject_id, filter.subject_relation)
    }

    fn owned(parts: (&str, &str, &str, &str, &str, Option<&str>)) -> (String, String, String, String, String, Option<String>) {
        let (a, b, c, d, e, f) = parts;
        (a.into(), b.into(), c.into(), d.into(), e.into(), f.map(Into::into))
    }

    #[test]
    fn any_part_can_be_left_out() {
        for (text, expected) in [
            ("document", ("document", "", "", "", "", None)),
            ("document:readme", ("document", "readme", "", "", "", None)),
            ("user:ada@example.com", ("user", "ada@example.com", "", "", "", None)),
            ("document#viewer", ("document", "", "viewer", "", "", None)),
            ("#viewer", ("", "", "viewer", "", "", None)),
            ("@user:ada", ("", "", "", "user", "ada", None)),
            ("@user:ada@example.com", ("", "", "", "user", "ada@example.com", None)),
            ("@user:ada#...", ("", "", "", "user", "ada", Some(""))),
            ("@team#member", ("", "", "", "team", "", Some("member"))),
            ("document@user", ("document", "", "", "user", "", None)),
            ("document:a#@user:ada", ("document", "a", "", "user", "ada", None)),
            ("a/doc:x#viewer@b/team:core#member", ("a/doc", "x", "viewer", "b/team", "core", Some("member"))),
        ] {
            assert_eq!(parts(text), owned(expected), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for text in ["document:readme@user:ada", "document:readme@team:core#member", "", "document:", "document@"] {
            assert_eq!(parse(text).unwrap_err().code, "filter", "{text}");
        }
    }
}
