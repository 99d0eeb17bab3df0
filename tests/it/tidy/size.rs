//! How long a file, a function, a line may be. Lists beside this file hold what is longer today: they only get shorter.

use std::collections::{BTreeMap, BTreeSet};

use super::documents::{document, documents};
use super::{files, ratchet, scan, sources};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 60;
const LINE_MAX: usize = 120;

#[test]
fn files_are_short() {
    let crates = sources("crates").into_iter().filter(|(file, _)| file.contains("/src/"));
    for (file, text) in sources("src").into_iter().chain(crates).chain(sources("tests/it/tidy")) {
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{file} has {lines} lines, more than {FILE_LINES_MAX}: split it by meaning");
    }
}

/// The functions of a file that are too long.
fn long_functions(file: &str, text: &str) -> Vec<String> {
    let long = scan::functions(text).into_iter().filter(|(_, lines)| *lines > FUNCTION_LINES_MAX);
    long.map(|(name, lines)| format!("{file}::{name} = {lines}")).collect()
}

#[test]
fn functions_are_short() {
    let all = ["src", "crates", "tests"].into_iter().flat_map(sources);
    let found: BTreeSet<String> = all.flat_map(|(file, text)| long_functions(&file, &text)).collect();
    ratchet("long_functions.txt", &found);
}

#[test]
fn a_planted_long_function_is_found() {
    let of = |lines: usize| format!("impl A {{\n    fn f() {{\n{}    }}\n}}\n", "        x();\n".repeat(lines - 2));
    assert_eq!(long_functions("a.rs", &of(60)), [""; 0]);
    assert_eq!(long_functions("a.rs", &of(61)), ["a.rs::f = 61"]);
}

/// How many lines of a file are too long. Tables, samples of what a terminal shows, and texts of programs can't be
/// broken.
fn long_lines(file: &str, text: &str) -> usize {
    let (is_rust, is_page) = (file.ends_with(".rs"), file.ends_with(".md"));
    let text = if is_rust { scan::without_literals(text) } else { text.to_owned() };
    let mut is_sample = false;
    let long = text.lines().filter(|line| {
        let trimmed = line.trim_start();
        is_sample ^= is_page && trimmed.starts_with("```");
        let is_table = trimmed.trim_start_matches("//!").trim_start_matches("///").trim_start().starts_with('|');
        line.chars().count() > LINE_MAX && !is_sample && !(is_table && (is_page || trimmed.starts_with("//")))
    });
    long.count()
}

#[test]
fn lines_are_short() {
    let pages = documents().into_iter().map(|page| (page.clone(), document(&page)));
    let rust = ["src", "crates", "tests", "examples", "fuzz", "benches"].into_iter().flat_map(sources);
    let others = files("infra", "yaml").into_iter().chain(files("template.yaml", "yaml")).chain(files("scripts", "sh"));
    let found: BTreeMap<String, usize> =
        pages.chain(rust).chain(others).map(|(file, text)| (file.clone(), long_lines(&file, &text))).collect();
    assert!(found.len() > 250, "only {} files were measured", found.len());
    let found = found.iter().filter(|(_, lines)| **lines > 0).map(|(file, lines)| format!("{file} = {lines}"));
    ratchet("long_lines.txt", &found.collect());
}

#[test]
fn a_planted_long_line_is_found() {
    let long = "x".repeat(121);
    for (file, text, expected) in [
        ("a.rs", format!("// {long}\n/// {long}\nlet x = {long};\n"), 3),
        ("a.rs", format!("let x = \"{long}\";\n//! | {long} |\n/// | {long} |\n"), 0),
        ("a.md", format!("| {long} |\n```\n{long}\n```\n"), 0),
        ("a.md", format!("{long}\n```\n```\n{long}\n{}\n", "ü".repeat(120)), 2),
        ("a.yaml", format!("# {long}\n| {long}\n"), 2),
    ] {
        assert_eq!(long_lines(file, &text), expected, "{file}: {text}");
    }
}
