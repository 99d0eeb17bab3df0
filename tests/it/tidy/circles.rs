//! Files that import each other can only be read together. `circles.txt` lists the imports that stand in a circle
//! today.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::{self, Import};
use super::{ratchet, sources};

/// The files of one crate, by the path of their module.
struct Crate<'a> {
    modules: BTreeMap<Vec<String>, &'a str>,
    imports: BTreeMap<&'a str, Vec<Import>>,
}

impl<'a> Crate<'a> {
    fn new(folder: &str, files: &'a [(String, String)]) -> Self {
        let (mut modules, mut imports) = (BTreeMap::new(), BTreeMap::new());
        for (file, text) in files {
            let path = file.strip_prefix(folder).unwrap().trim_start_matches('/').trim_end_matches(".rs");
            let mut module: Vec<String> = path.split('/').map(str::to_owned).collect();
            if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                module.pop();
            }
            modules.insert(module, file.as_str());
            imports.insert(file.as_str(), scan::imports(text));
        }
        Self { modules, imports }
    }

    /// The file that an import of a module leads to: through what other files only give on, to where the name is made.
    fn leads_to(&self, module: &[String], path: &[String], within: usize) -> Option<&'a str> {
        let mut at = module.to_vec();
        let mut rest = path;
        while let Some((first, others)) = rest.split_first() {
            match first.as_str() {
                "crate" => at.clear(),
                "super" => drop(at.pop()),
                "self" => {}
                name => {
                    at.push(name.to_owned());
                    if !self.modules.contains_key(&at) {
                        at.pop();
                        // A bare name that is no module of this one is another crate's.
                        let is_ours = rest.len() < path.len();
                        return is_ours.then(|| self.made_in(&at, rest, within)).flatten();
                    }
                }
            }
            rest = others;
        }
        self.modules.get(&at).copied()
    }

    fn made_in(&self, module: &[String], rest: &[String], within: usize) -> Option<&'a str> {
        let file = *self.modules.get(module)?;
        let given_on = self.imports[file].iter().find(|import| import.given_on_as.as_ref() == rest.first());
        match given_on {
            Some(import) if within > 0 => {
                let path: Vec<String> = import.path.iter().chain(&rest[1..]).cloned().collect();
                self.leads_to(module, &path, within - 1)
            }
            _ => Some(file),
        }
    }

    /// Which file imports from which. A module that gives on what its own modules hold doesn't rest on them.
    fn edges(&self) -> BTreeSet<(&'a str, &'a str)> {
        let mut edges = BTreeSet::new();
        for (module, file) in &self.modules {
            for import in &self.imports[file] {
                let Some(target) = self.leads_to(module, &import.path, 8) else { continue };
                let is_below = self.modules.iter().any(|(path, file)| *file == target && path.starts_with(module));
                if target != *file && !(import.given_on_as.is_some() && is_below) {
                    edges.insert((*file, target));
                }
            }
        }
        edges
    }
}

/// The imports whose two files reach each other, one a line.
fn in_circles(edges: &BTreeSet<(&str, &str)>) -> BTreeSet<String> {
    let reaches = |from: &str, to: &str| {
        let (mut seen, mut ahead) = (BTreeSet::new(), vec![from]);
        while let Some(at) = ahead.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                ahead.extend(edges.iter().filter(|(from, _)| *from == at).map(|(_, to)| *to));
            }
        }
        false
    };
    edges.iter().filter(|(from, to)| reaches(to, from)).map(|(from, to)| format!("{from} -> {to}")).collect()
}

#[test]
fn files_dont_import_each_other() {
    let mut found = BTreeSet::new();
    for folder in ["src", "crates/template/src", "crates/testkit/src", "crates/cli/src"] {
        let files = sources(folder);
        let edges = Crate::new(folder, &files).edges();
        assert!(edges.len() > files.len() / 2, "only {} imports were found in {folder}", edges.len());
        found.extend(in_circles(&edges));
    }
    ratchet("circles.txt", &found);
}

#[test]
fn a_planted_circle_is_found() {
    let file = |name: &str, text: &str| (format!("src/{name}.rs"), text.to_owned());
    let files = [
        file("lib", "pub mod a;\npub mod b;\nmod c;\npub use a::A;\n"),
        file("a/mod", "mod inner;\nuse crate::c::C;\nuse other::X;\npub use inner::{Inner, Y as Z};\n"),
        file("a/inner", "use super::A;\n"),
        file("b", "use crate::A;\nuse crate::{a::Z};\n"),
        file("c", "use super::b;\n#[cfg(test)]\nuse crate::C;\n"),
    ];
    // `A` is made in a/mod.rs, whoever gives it on; `Z` in a/inner.rs.
    let edges = Crate::new("src", &files).edges();
    let expected = [
        "src/a/inner.rs -> src/a/mod.rs",
        "src/a/mod.rs -> src/c.rs",
        "src/b.rs -> src/a/inner.rs",
        "src/b.rs -> src/a/mod.rs",
        "src/c.rs -> src/b.rs",
    ];
    assert_eq!(in_circles(&edges), expected.map(str::to_owned).into());
    let without: BTreeSet<_> = edges.into_iter().filter(|(from, _)| *from != "src/c.rs").collect();
    assert_eq!(in_circles(&without), BTreeSet::new());
}
