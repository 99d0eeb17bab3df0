//! The header of a file: paragraphs, each with its name, in one order.

use super::sources;

/// The paragraphs of a header, in their order. Others, such as the arrows of `src/lib.rs`, may stand anywhere.
const PARAGRAPHS: [&str; 5] = ["What: ", "Data: ", "Invariants: ", "Limits: ", "Source: "];

/// What is wrong with a file's header.
fn faults(file: &str, text: &str) -> Vec<String> {
    let begins = (!text.starts_with("//! What: ")).then(|| format!("{file} doesn't begin with `//! What: `"));
    let head = text.lines().map_while(|line| line.strip_prefix("//!"));
    let place = |line: &str| PARAGRAPHS.iter().position(|name| line.trim_start().starts_with(name));
    let is_in_order = head.filter_map(place).is_sorted_by(|one, next| one < next);
    let order = (!is_in_order).then(|| format!("{file}: expected What, Data, Invariants, Limits, Source, each once"));
    begins.into_iter().chain(order).collect()
}

#[test]
fn a_file_says_what_it_is_before_anything_else() {
    let crates = sources("crates").into_iter().filter(|(file, _)| file.contains("/src/"));
    for (file, text) in sources("src").into_iter().chain(crates) {
        assert_eq!(faults(&file, &text), [""; 0]);
    }
}

#[test]
fn a_planted_fault_of_a_header_is_found() {
    let begins = "a.rs doesn't begin with `//! What: `";
    let order = "a.rs: expected What, Data, Invariants, Limits, Source, each once";
    for (text, expected) in [
        ("//! What: A.\n//!\n//! Arrows: none.\n//!\n//! Limits: B.\n\nfn f() {}\n//! Data: no header.\n", vec![]),
        ("//! A.\n//!\n//! Data: B.\n", vec![begins]),
        ("// What: A.\n//! What: B.\n", vec![begins]),
        ("//! What: A.\n//!\n//! Limits: B.\n//!\n//! Data: C.\n", vec![order]),
        ("//! What: A.\n//!\n//! What: B.\n", vec![order]),
        ("fn f() {}\n", vec![begins]),
    ] {
        assert_eq!(faults("a.rs", text), expected, "{text}");
    }
}
