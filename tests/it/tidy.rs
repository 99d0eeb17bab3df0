//! The house rules that no compiler holds: who may know whom, how long things may be, what documents may say.
//!
//! | part | where |
//! |---|---|
//! | who may know whom, and what is done in one place | `arrows` |
//! | no file imports one that imports it | `circles` |
//! | how long files, functions and lines may be | `size` |
//! | what a file says of itself | `headers` |
//! | tables of modules are complete | `tables` |
//! | what documents and comments name is there | `documents` |
//! | Rust, read as plain text | `scan` |
//!
//! Three rules have a list beside them of what breaks them today. A list only gets shorter: what is new fails, and so
//! does a line that holds no longer.

mod arrows;
mod circles;
mod documents;
mod headers;
mod scan;
mod size;
mod tables;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder (or the file itself), by its path from the root, with its text.
fn sources(below: &str) -> Vec<(String, String)> {
    files(below, "rs")
}

/// The same of files that end otherwise. What is built, and what begins with a dot, is left out.
fn files(below: &str, extension: &str) -> Vec<(String, String)> {
    fn walk(path: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                let name = entry.as_ref().unwrap().file_name();
                if name != "target" && !name.as_encoded_bytes().starts_with(b".") {
                    walk(&entry.unwrap().path(), extension, found);
                }
            }
        } else if path.extension().is_some_and(|known| known == extension) {
            found.push(path.to_owned());
        }
    }
    let mut found = Vec::new();
    walk(&root().join(below), extension, &mut found);
    found.sort();
    assert!(!found.is_empty(), "no .{extension} below {below}");
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    found.into_iter().map(read).collect()
}

/// The code of a file: without its comments and its unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Compares what breaks a rule with the list of what broke it before.
fn ratchet(list: &str, found: &BTreeSet<String>) {
    let listed = std::fs::read_to_string(root().join("tests/it/tidy").join(list)).unwrap();
    let changes = changes(&listed, found);
    assert!(changes.is_empty(), "tests/it/tidy/{list}\n{}", changes.join("\n"));
}

/// What a list says no longer rightly: lines in order, each once, and just those that were found.
fn changes(listed: &str, found: &BTreeSet<String>) -> Vec<String> {
    let lines: Vec<&str> = listed.lines().collect();
    let known: BTreeSet<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let new = found.difference(&known).map(|line| format!("breaks the rule, mend it: {line}"));
    let gone = known.difference(found).map(|line| format!("is so no longer, take it off the list: {line}"));
    let unordered = (!lines.is_sorted_by(|one, next| one < next)).then(|| "sort its lines, each once".to_owned());
    new.chain(gone).chain(unordered).collect()
}

#[test]
fn a_list_only_gets_shorter() {
    let found = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<BTreeSet<String>>();
    assert_eq!(changes("a = 61\nb = 70\n", &found(&["a = 61", "b = 70"])), [""; 0]);
    let new = ["breaks the rule, mend it: b = 71", "is so no longer, take it off the list: b = 70"];
    assert_eq!(changes("a = 61\nb = 70\n", &found(&["a = 61", "b = 71"])), new);
    assert_eq!(changes("a = 61\n", &found(&[])), ["is so no longer, take it off the list: a = 61"]);
    assert_eq!(changes("b\na\n", &found(&["a", "b"])), ["sort its lines, each once"]);
}

/// What is wrong with a file's state.
fn unfinished(file: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let marks = ["todo!", "unimplemented!", "FIXME", "XXX", "#[ignore", "unsafe "].into_iter();
    let marks = marks.filter(|mark| code.contains(mark)).map(|mark| format!("{file} holds {mark}"));
    let rooms = ["utils", "common", "helpers", "types"].into_iter();
    let rooms = rooms.filter(|name| file.trim_end_matches(".rs").split('/').any(|part| part == *name));
    marks.chain(rooms.map(|_| format!("{file} is a room for anything"))).collect()
}

#[test]
fn files_are_finished() {
    let crates = sources("crates").into_iter().filter(|(file, _)| file.contains("/src/"));
    for (file, text) in sources("src").into_iter().chain(crates) {
        assert_eq!(unfinished(&file, &text), [""; 0]);
    }
}

#[test]
fn a_planted_unfinished_file_is_found() {
    assert_eq!(unfinished("src/a.rs", "//! A.\n// todo!\nfn f() {}\n"), [""; 0]);
    let planted = unfinished("src/common/helpers.rs", "fn f() { todo!() }\n");
    let rooms = "src/common/helpers.rs is a room for anything";
    assert_eq!(planted, ["src/common/helpers.rs holds todo!", rooms, rooms]);
}
