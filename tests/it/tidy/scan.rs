//! A reader of Rust as plain text: it tells code from comments and literals, and finds functions, modules and imports.
//!
//! It knows as much of the language as the house rules need. Its tests plant what it must find.

/// What a character of a source file belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// The file's code: comments and literals are blanks, and every line stays where it is.
pub(super) fn code(text: &str) -> String {
    keep(text, |kind| kind == Kind::Code)
}

/// The file's comments, each in its place.
pub(super) fn comments(text: &str) -> String {
    keep(text, |kind| kind == Kind::Comment)
}

/// The file without what stands in literals: those can't be broken.
pub(super) fn without_literals(text: &str) -> String {
    let kinds = kinds(&text.chars().collect::<Vec<char>>());
    text.chars().zip(kinds).filter(|(c, kind)| *c == '\n' || *kind != Kind::Literal).map(|(c, _)| c).collect()
}

fn keep(text: &str, kept: fn(Kind) -> bool) -> String {
    let kinds = kinds(&text.chars().collect::<Vec<char>>());
    text.chars().zip(kinds).map(|(c, kind)| if c == '\n' || kept(kind) { c } else { ' ' }).collect()
}

fn kinds(text: &[char]) -> Vec<Kind> {
    let mut kinds = Vec::with_capacity(text.len());
    while kinds.len() < text.len() {
        let at = kinds.len();
        let (kind, end) = token(text, at);
        kinds.resize(end.clamp(at + 1, text.len()), kind);
    }
    kinds
}

/// What begins at a place of the code, and where it ends.
fn token(text: &[char], at: usize) -> (Kind, usize) {
    let from = |at: usize| text.get(at..).unwrap_or(&[]);
    let is_name = |c: &char| c.is_alphanumeric() || *c == '_';
    match from(at) {
        ['/', '/', ..] => (Kind::Comment, at + from(at).iter().take_while(|c| **c != '\n').count()),
        ['/', '*', ..] => (Kind::Comment, end_of_block_comment(text, at)),
        ['"', ..] => (Kind::Literal, end_of_string(text, at + 1)),
        ['\'', '\\', ..] => {
            let length = from(at + 3).iter().take_while(|c| **c != '\'').count();
            (Kind::Literal, at + 3 + length + 1)
        }
        ['\'', _, '\'', ..] => (Kind::Literal, at + 3),
        [first, ..] if is_name(first) => {
            let name: String = from(at).iter().take_while(|c| is_name(c)).collect();
            let end = at + name.chars().count();
            let hashes = from(end).iter().take_while(|c| **c == '#').count();
            match (name.as_str(), from(end + hashes).first()) {
                ("r" | "br" | "cr", Some('"')) => (Kind::Literal, end_of_raw_string(text, end + hashes + 1, hashes)),
                _ => (Kind::Code, end),
            }
        }
        _ => (Kind::Code, at + 1),
    }
}

fn end_of_block_comment(text: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while at < text.len() {
        match text[at..] {
            ['/', '*', ..] => (at, depth) = (at + 2, depth + 1),
            ['*', '/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_string(text: &[char], mut at: usize) -> usize {
    while at < text.len() && text[at] != '"' {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn end_of_raw_string(text: &[char], start: usize, hashes: usize) -> usize {
    let ends =
        |at: &usize| text[*at] == '"' && text[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    (start..text.len()).find(ends).map_or(text.len(), |at| at + 1 + hashes)
}

/// Every function that has a body: its name, and its lines from `fn` to the closing brace.
pub(super) fn functions(text: &str) -> Vec<(String, usize)> {
    let code: Vec<char> = code(text).chars().collect();
    let mut found = Vec::new();
    for at in 0..code.len() {
        let before = at.checked_sub(1).map_or(' ', |before| code[before]);
        let is_fn = matches!(code[at..], ['f', 'n', ' ', ..]) && !before.is_alphanumeric() && before != '_';
        let name: String = code[at..].iter().skip(3).take_while(|c| c.is_alphanumeric() || **c == '_').collect();
        if !is_fn || name.is_empty() {
            continue;
        }
        if let Some(end) = end_of_function(&code[at..]) {
            found.push((name, code[at..at + end].iter().filter(|c| **c == '\n').count() + 1));
        }
    }
    found
}

/// Where the body of the function that begins here ends; nothing if it has none.
fn end_of_function(code: &[char]) -> Option<usize> {
    let (mut brackets, mut braces) = (0_i32, 0_i32);
    for (at, c) in code.iter().enumerate() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if brackets == 0 && braces == 0 => return None,
            '{' => braces += 1,
            '}' if braces == 1 => return Some(at),
            '}' => braces -= 1,
            _ => {}
        }
    }
    None
}

/// The items at the edge of a file that begin so, with their visibility, each in one line; none that only tests have.
fn items(text: &str, keyword: &str) -> Vec<(String, String)> {
    let code = code(text);
    let mut found = Vec::new();
    let mut is_for_tests = false;
    for (at, line) in
        code.split_inclusive('\n').scan(0, |at, line| Some((std::mem::replace(at, *at + line.len()), line)))
    {
        let (visibility, item) = match line.find(keyword) {
            Some(0) => ("", line),
            Some(start) if matches!(&line[..start], "pub " | "pub(crate) " | "pub(super) ") => line.split_at(start),
            _ => {
                is_for_tests = line.starts_with("#[cfg(test)]") || is_for_tests && line.trim().is_empty();
                continue;
            }
        };
        let rest = &code[at + line.len() - item.len() + keyword.len()..];
        if let Some((item, _)) = rest.split_once(';').filter(|_| !is_for_tests) {
            found.push((visibility.trim().to_owned(), item.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
        is_for_tests = false;
    }
    found
}

/// A module that a file declares and that stands in a file of its own.
#[derive(Debug, PartialEq)]
pub(super) struct Module {
    pub(super) name: String,
    /// Whether others may name it.
    pub(super) is_offered: bool,
}

/// The modules of a file, without its tests.
pub(super) fn modules(text: &str) -> Vec<Module> {
    let declared = items(text, "mod ").into_iter().filter(|(_, name)| !name.contains('{'));
    declared.map(|(visibility, name)| Module { name, is_offered: !visibility.is_empty() }).collect()
}

/// Something that a file imports.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Import {
    /// Its path, as the file names it.
    pub(super) path: Vec<String>,
    /// The name by which the file gives it on, if it does.
    pub(super) given_on_as: Option<String>,
}

/// What a file imports outside of functions and tests.
pub(super) fn imports(text: &str) -> Vec<Import> {
    let mut imports = Vec::new();
    for (visibility, tree) in items(text, "use ") {
        let mut paths = Vec::new();
        unfold(&mut paths, &[], &tree);
        for (path, name) in paths {
            imports.push(Import { path, given_on_as: (!visibility.is_empty()).then_some(name) });
        }
    }
    imports
}

/// Every path of a tree such as `a::{b, c::{self, d as e}}`, and the name that it gets.
fn unfold(found: &mut Vec<(Vec<String>, String)>, before: &[String], tree: &str) {
    let tree = tree.trim();
    if let Some((front, inside)) = tree.split_once('{') {
        let front = front.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned);
        let before: Vec<String> = before.iter().cloned().chain(front).collect();
        let inside = inside.trim_end().strip_suffix('}').unwrap_or(inside);
        let mut depth = 0_i32;
        let parts = inside.split(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        });
        parts.filter(|part| !part.trim().is_empty()).for_each(|part| unfold(found, &before, part));
        return;
    }
    let (path, name) = tree.split_once(" as ").map_or((tree, None), |(path, name)| (path, Some(name)));
    let mut path: Vec<String> = before.iter().cloned().chain(path.split("::").map(|part| part.trim().into())).collect();
    if path.last().is_some_and(|last| last == "self") && path.len() > 1 {
        path.pop();
    }
    let name = name.map(str::to_owned).or_else(|| path.last().cloned()).unwrap_or_default();
    found.push((path, name));
}

#[test]
fn code_is_told_from_comments_and_literals() {
    let text = "let a = \"{ // \\\" }\"; // {\nlet b = br#\"{\"#; /* { /* } */ { */ let c: &'static str = f('{', '\\'', b'}');";
    assert_eq!(code(text).chars().filter(|c| matches!(c, '{' | '}')).count(), 0, "{}", code(text));
    for kept in ["let a = ", "let b = ", "let c: &'static str = f("] {
        assert!(code(text).contains(kept), "{}", code(text));
    }
    assert_eq!(comments(text).split_whitespace().collect::<String>(), "//{/*{/*}*/{*/");
    assert_eq!(without_literals("x(\"long\");\ny('c')"), "x();\ny()");
    assert_eq!(code("r#fn x").trim(), "r#fn x");
}

#[test]
fn functions_are_measured() {
    let text = "fn one() {}\nimpl X {\n    pub async fn of_three<T: Y<[u8; 4]>>(\n    ) -> Z {\n    }\n\n    fn without_body(&self);\n}\n\
                fn outer() {\n    fn inner() {\n    }\n    let text = \"}\";\n}\nlet f: fn (u8) = x;";
    let named = |name: &str, lines| (name.to_owned(), lines);
    assert_eq!(functions(text), [named("one", 1), named("of_three", 3), named("outer", 5), named("inner", 2)]);
}

#[test]
fn modules_and_imports_are_found() {
    let text = "mod a;\npub(crate) mod b;\n#[cfg(test)]\nmod tests;\nmod inline {\n}\n// mod c;\nuse x::Y;\n\
                pub use a::{B, c::{self, D as E}};\nuse crate::{\n    f::*,\n};\n#[cfg(test)]\nuse g::H;\nfn f() {\n    use i::J;\n}\n";
    let module = |name: &str, is_offered| Module { name: name.to_owned(), is_offered };
    assert_eq!(modules(text), [module("a", false), module("b", true)]);
    let seen: Vec<(String, Option<String>)> =
        imports(text).into_iter().map(|import| (import.path.join("::"), import.given_on_as)).collect();
    let import = |path: &str, name: Option<&str>| (path.to_owned(), name.map(str::to_owned));
    let given_on = [import("a::B", Some("B")), import("a::c", Some("c")), import("a::c::D", Some("E"))];
    assert_eq!(seen, [vec![import("x::Y", None)], given_on.to_vec(), vec![import("crate::f::*", None)]].concat());
}
