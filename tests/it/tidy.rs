//! The house rules that no compiler holds: who may know whom, how long things may be, what documents may say.
//!
//! | part | where |
//! |---|---|
//! | who may know whom, and what is done in one place | `arrows` |
//! | what documents name is there | `documents` |

mod arrows;
mod documents;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder (or the file itself), by its path from the root, with its text.
fn sources(below: &str) -> Vec<(String, String)> {
    fn walk(path: &Path, found: &mut Vec<PathBuf>) {
        if path.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                walk(&entry.unwrap().path(), found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path.to_owned());
        }
    }
    let mut found = Vec::new();
    walk(&root().join(below), &mut found);
    found.sort();
    assert!(!found.is_empty(), "no sources below {below}");
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

#[test]
fn files_are_short_documented_and_finished() {
    let crates = sources("crates").into_iter().filter(|(file, _)| file.contains("/src/"));
    for (file, text) in sources("src").into_iter().chain(crates) {
        assert!(text.lines().count() <= 400, "{file} has more than 400 lines: split it by meaning");
        assert!(text.starts_with("//!"), "{file} doesn't begin by saying what it is");
        for mark in ["todo!", "unimplemented!", "FIXME", "XXX", "#[ignore", "unsafe "] {
            assert!(!code(&text).contains(mark), "{file} holds {mark}");
        }
        for name in ["utils", "common", "helpers", "types"] {
            assert!(
                !Path::new(&file).components().any(|part| part.as_os_str() == name),
                "{file} is a room for anything"
            );
        }
    }
}
