//! A real hierarchy that nobody made up: the packages of a Debian machine, what they depend on, and who maintains them.
//!
//! Reads the stanzas of `/var/lib/dpkg/status` (what is installed, on every Debian machine) or of a `Packages` file (what could be:
//! `apt-cache dumpavail` prints all of it), and gives a schema and tuples as text. Linear in the input.

use std::collections::{BTreeMap, BTreeSet};

/// Where every Debian machine lists what is installed.
pub const STATUS_FILE: &str = "/var/lib/dpkg/status";

/// The schema that [`Package::tuples`] fits.
pub const SCHEMA: &str = r#"use self

/** A person or a team, by the address they maintain packages under. */
definition maintainer {}

/** The shelf that a package stands on: `libs`, `net`, `python`. */
definition section {
  relation package: package

  /** Everybody who keeps something on this shelf. */
  permission keep = package->maintain
}

/** A package; or a name that other packages provide, such as `awk`. */
definition package {
  relation maintainer: maintainer

  /** Every name in `Depends` and `Pre-Depends`; of alternatives, each. */
  relation depends: package

  /** The packages that provide this name. */
  relation provider: package

  /** Written as `maintainer:*` for packages that no machine does without. */
  relation essential: maintainer:*

  permission maintain = maintainer

  /** Who could take it off a machine: nobody, if it is essential. */
  permission retire = maintainer - essential

  /** The packages that may come along when this one is installed, itself included. */
  permission needs = self + depends->needs + provider->needs

  /** Everybody whose work may come along when this package is installed. */
  permission trusts = maintainer + depends->trusts + provider->trusts

  /** Those who maintain every single thing that this package names as a dependency. */
  permission maintains_all_below = depends.all(maintain)
}
"#;

/// What one stanza says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The address of its maintainer.
    pub maintainer: Option<String>,
    /// Its section.
    pub section: Option<String>,
    /// Whether no machine does without it.
    pub essential: bool,
    /// The names it depends on, sorted.
    pub depends: BTreeSet<String>,
    /// The names it provides besides its own, sorted.
    pub provides: BTreeSet<String>,
}

/// The packages of a package index, by name; of several stanzas of one name, the first. Removed packages are left out.
#[must_use]
pub fn packages(index: &str) -> BTreeMap<String, Package> {
    let mut packages = BTreeMap::new();
    for stanza in index.split("\n\n") {
        let fields = fields(stanza);
        let removed = fields.get("Status").is_some_and(|status| !status.ends_with(" installed"));
        let Some(name) = fields.get("Package").filter(|_| !removed) else { continue };
        let of = |field: &str| fields.get(field).map(|value| names(value)).unwrap_or_default();
        let package = Package {
            name: name.clone(),
            maintainer: fields.get("Maintainer").and_then(|value| address(value)),
            section: fields.get("Section").cloned(),
            essential: fields.get("Essential").is_some_and(|value| value == "yes"),
            depends: of("Depends").union(&of("Pre-Depends")).cloned().collect(),
            provides: of("Provides"),
        };
        packages.entry(package.name.clone()).or_insert(package);
    }
    packages
}

/// Field names to values; a value goes on in lines that begin with white space.
fn fields(stanza: &str) -> BTreeMap<&str, String> {
    let mut fields = BTreeMap::new();
    let mut current = None;
    for line in stanza.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some(value) = current.and_then(|name| fields.get_mut(name)) {
                *value = format!("{value} {}", line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.insert(name, value.trim().to_owned());
            current = Some(name);
        }
    }
    fields
}

/// The package names of a dependency field: `a (>= 1), b:any | c [amd64]` names a, b and c.
fn names(value: &str) -> BTreeSet<String> {
    let words = value.split([',', '|']).filter_map(|part| part.split_whitespace().next());
    words.map(|word| word.split(':').next().unwrap_or(word).to_owned()).collect()
}

/// The address in `Ada Lovelace <ada@example.org>`.
fn address(value: &str) -> Option<String> {
    let address = value.split_once('<').map_or(value, |(_, rest)| rest.trim_end_matches('>')).trim().to_lowercase();
    let fits = !address.is_empty() && !address.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '#' | '['));
    fits.then_some(address)
}

impl Package {
    /// The package's tuples, in the text form.
    pub fn tuples(&self) -> impl Iterator<Item = String> {
        let name = &self.name;
        let own = [
            self.maintainer.as_ref().map(|maintainer| format!("package:{name}#maintainer@maintainer:{maintainer}")),
            self.section.as_ref().map(|section| format!("section:{section}#package@package:{name}")),
            self.essential.then(|| format!("package:{name}#essential@maintainer:*")),
        ];
        let depends = self.depends.iter().map(move |other| format!("package:{name}#depends@package:{other}"));
        let provides = self.provides.iter().filter(move |other| *other != name);
        let provides = provides.map(move |other| format!("package:{other}#provider@package:{name}"));
        own.into_iter().flatten().chain(depends).chain(provides)
    }
}

/// Every name that may come along when `name` is installed, itself included: a plain walk over the parsed data.
#[must_use]
pub fn needs(packages: &BTreeMap<String, Package>, name: &str) -> BTreeSet<String> {
    let mut providers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in packages.values() {
        for provided in package.provides.iter().filter(|provided| **provided != package.name) {
            providers.entry(provided).or_default().push(&package.name);
        }
    }
    let mut found = BTreeSet::from([name.to_owned()]);
    let mut waiting = vec![name.to_owned()];
    while let Some(next) = waiting.pop() {
        let depends = packages.get(&next).into_iter().flat_map(|package| package.depends.iter().map(String::as_str));
        for other in depends.chain(providers.get(next.as_str()).into_iter().flatten().copied()) {
            if found.insert(other.to_owned()) {
                waiting.push(other.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "Package: mawk\nStatus: install ok installed\nMaintainer: Boyuan Yang <byang@debian.org>\nSection: utils\n\
        Provides: awk\nPre-Depends: libc6 (>= 2.36)\n\nPackage: base-files\nEssential: yes\nStatus: install ok installed\n\
        Pre-Depends: awk\nDescription: x\n goes on\n: here\n\nPackage: gone\nStatus: deinstall ok config-files\nDepends: mawk\n\n\
        Package: libc6\nDepends: libgcc-s1, libcrypt1 (>= 1:4.4) | libcrypt2:any\n";

    #[test]
    fn a_stanza_becomes_tuples() {
        let packages = packages(INDEX);
        assert_eq!(packages.keys().collect::<Vec<_>>(), ["base-files", "libc6", "mawk"]);
        let tuples: Vec<String> = packages.values().flat_map(Package::tuples).collect();
        assert_eq!(
            tuples,
            [
                "package:base-files#essential@maintainer:*",
                "package:base-files#depends@package:awk",
                "package:libc6#depends@package:libcrypt1",
                "package:libc6#depends@package:libcrypt2",
                "package:libc6#depends@package:libgcc-s1",
                "package:mawk#maintainer@maintainer:byang@debian.org",
                "section:utils#package@package:mawk",
                "package:mawk#depends@package:libc6",
                "package:awk#provider@package:mawk",
            ]
        );
        let needed: Vec<String> = needs(&packages, "base-files").into_iter().collect();
        assert_eq!(needed, ["awk", "base-files", "libc6", "libcrypt1", "libcrypt2", "libgcc-s1", "mawk"]);
    }
}
