//! A table of modules lists each module that is there, and no other.

use std::collections::BTreeSet;

use super::documents::document;
use super::{root, scan, sources};

/// The tables at the head of a file: rows of cells, the heading first.
fn tables(text: &str) -> Vec<Vec<Vec<&str>>> {
    let mut tables: Vec<Vec<Vec<&str>>> = vec![vec![]];
    for line in text.lines() {
        match line.trim_start_matches("//!").trim().strip_prefix('|').and_then(|row| row.strip_suffix('|')) {
            Some(row) if row.starts_with("---") => {}
            Some(row) => tables.last_mut().unwrap().push(row.split('|').map(str::trim).collect()),
            None => tables.push(vec![]),
        }
    }
    tables.retain(|rows| !rows.is_empty());
    tables
}

/// The names between backticks, and whether each is a link, which rustdoc follows.
fn names(cell: &str) -> Vec<(String, bool)> {
    let parts: Vec<&str> = cell.split('`').collect();
    let names = (1..parts.len()).step_by(2).map(|at| {
        let name = parts[at].trim_start_matches("mod@").to_owned();
        (name, parts[at - 1].ends_with('[') && parts.get(at + 1).is_some_and(|after| after.starts_with(']')))
    });
    names.filter(|(name, _)| name.chars().all(|c| c.is_lowercase() || c.is_numeric() || c == '_')).collect()
}

/// What is wrong with the tables at a file's head. A table of parts leaves out no module. A table of modules leaves out
/// none that others may name; where they may name none, it leaves out none at all. No column `where` names a module
/// that isn't there.
fn faults(text: &str) -> Vec<String> {
    let modules = scan::modules(text);
    let offers_some = modules.iter().any(|module| module.is_offered);
    let head: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
    let mut faults = Vec::new();
    for table in tables(&head.join("\n")) {
        let column = match (table[0][0], table[0].iter().position(|heading| *heading == "where")) {
            ("module", _) => 0,
            (_, Some(column)) => column,
            (_, None) => continue,
        };
        let cells = table[1..].iter().filter_map(|row| row.get(column));
        let listed: Vec<(String, bool)> = cells.flat_map(|cell| names(cell)).collect();
        let is_there = |name: &str| modules.iter().any(|module| module.name == name);
        let unknown = listed.iter().filter(|(name, is_link)| !is_link && !is_there(name));
        faults.extend(unknown.map(|(name, _)| format!("names {name}, which is no module of it")));
        let owed = modules.iter().filter(|module| match table[0][0] {
            "module" => module.is_offered || !offers_some,
            heading => heading == "part",
        });
        let left_out = owed.filter(|module| listed.iter().all(|(name, _)| *name != module.name));
        faults.extend(left_out.map(|module| format!("leaves out {}", module.name)));
    }
    faults
}

#[test]
fn tables_of_modules_are_complete() {
    let mut seen = 0;
    for (file, text) in ["src", "crates", "tests"].into_iter().flat_map(sources) {
        seen += usize::from(text.contains("//! | module |") || text.contains("//! | part |"));
        assert_eq!(faults(&text), [""; 0], "the table at the head of {file}");
    }
    assert!(seen > 12, "only {seen} tables were found");
}

#[test]
fn a_planted_gap_in_a_table_is_found() {
    let modules = "mod a;\npub mod b;\n#[cfg(test)]\nmod tests;\n";
    let of = |table: &str| faults(&format!("//! Head.\n//!\n{table}\n\n{modules}"));
    let (offered, parts) = ("//! | module | what |\n//! |---|---|\n", "//! | part | where |\n//! |---|---|\n");
    let unknown = "names c, which is no module of it";
    for (table, expected) in [
        (format!("{offered}//! | [`mod@b`] | `c` |"), vec![]),
        (format!("{offered}//! | `a`, `c` | both |"), vec![unknown, "leaves out b"]),
        (format!("{parts}//! | it | `a`, [`super::x`] |\n//! | that | `b`, here |"), vec![]),
        (format!("{parts}//! | it | `b`, [`c`] |\n//! | that | `c` |"), vec![unknown, "leaves out a"]),
        ("//! | phase | where |\n//! |---|---|\n//! | it | `c` |".to_owned(), vec![unknown]),
        ("//! | phase | what |\n//! |---|---|\n//! | it | `c` |".to_owned(), vec![]),
    ] {
        assert_eq!(of(&table), expected, "{table}");
    }
    assert_eq!(faults(&format!("{offered}//! | `a` | one |\nmod a;\nmod b;\n")), ["leaves out b"]);
}

/// What the code map draws below a folder: the names that begin an indented line.
fn drawn(map: &str, folder: &str) -> BTreeSet<String> {
    let below = map.lines().skip_while(|line| !line.starts_with(folder)).skip(1);
    let entries = below.take_while(|line| line.starts_with("  "));
    let is_entry = |word: &&str| word.ends_with('/') || word.ends_with(".rs");
    entries.flat_map(|line| line.split_whitespace().take_while(is_entry).map(str::to_owned)).collect()
}

/// What stands in a folder, as the code map would name it.
fn there(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap());
    let name = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() { format!("{name}/") } else { name }
    };
    entries.map(name).filter(|name| !name.starts_with('.') && name != "lib.rs").collect()
}

#[test]
fn the_code_map_is_complete() {
    let architecture = document("docs/architecture.md");
    let map = architecture.split("## Code map\n\n```\n").nth(1).unwrap().split("```").next().unwrap();
    for folder in ["src/", "crates/"] {
        assert_eq!(drawn(map, folder), there(folder), "the code map in docs/architecture.md, below {folder}");
    }
    let planted = "src/   it\n  a/   what `b/` is\n  c.rs  d.rs\nother/\n  e/\n";
    assert_eq!(drawn(planted, "src/"), ["a/", "c.rs", "d.rs"].map(str::to_owned).into());
}

/// The names in the first column of the table below a heading.
fn first_column(page: &str, heading: &str) -> BTreeSet<String> {
    let text = document(page);
    let section = text.split(&format!("\n## {heading}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let table = tables(section).into_iter().next().unwrap();
    table[1..].iter().map(|row| row[0].trim_matches('`').to_owned()).collect()
}

#[test]
fn tables_of_binaries_are_complete() {
    let mut binaries: BTreeSet<String> =
        there("src/bin").iter().map(|file| file.trim_end_matches(".rs").to_owned()).collect();
    assert_eq!(first_column("docs/architecture.md", "From a request to its outcome"), binaries);
    binaries.insert("giro".into());
    assert_eq!(first_column("README.md", "The parts"), binaries);
}
