//! Documents name files, headings, targets and variables, and all of those move.

use std::collections::BTreeSet;

use super::{root, scan, sources};

/// Every page for people, by its path from the root.
pub(super) fn documents() -> Vec<String> {
    let mut pages: Vec<String> = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "benches/README.md",
        "events/README.md",
        "examples/README.md",
    ]
    .map(str::to_owned)
    .into();
    for folder in ["docs", "docs/adr"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            pages.extend(name.ends_with(".md").then(|| format!("{folder}/{name}")));
        }
    }
    pages
}

pub(super) fn document(page: &str) -> String {
    std::fs::read_to_string(root().join(page)).unwrap()
}

/// A link leads to a page that is there, and to a heading of it.
#[test]
fn every_link_between_documents_leads_somewhere() {
    let anchor = |heading: &str| -> String {
        let heading = heading.to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    let mut seen = 0;
    for page in documents() {
        let text = document(&page);
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("http") {
                continue;
            }
            seen += 1;
            let (path, heading) = link.split_once('#').map_or((link, None), |(path, heading)| (path, Some(heading)));
            let target = match path {
                "" => root().join(&page),
                path => root().join(&page).parent().unwrap().join(path),
            };
            assert!(target.exists(), "{page} links to {link}, which is not there");
            if let Some(heading) = heading {
                let text = std::fs::read_to_string(target).unwrap();
                let there = text
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .any(|line| anchor(line.trim_start_matches('#').trim()) == heading);
                assert!(there, "{page} links to {link}, which has no such heading");
            }
        }
    }
    assert!(seen > 50, "only {seen} links were found in the documents");
}

#[test]
fn the_readme_names_what_there_is() {
    let readme = document("README.md");
    for named in [
        "make demo",
        "make test",
        "make bench",
        "payment-processor",
        "events/README.md",
        "CONTRIBUTING.md",
        "docs/architecture.md",
        "docs/glossary.md",
    ] {
        assert!(readme.contains(named), "README.md doesn't speak of {named}");
    }
    assert!(readme.lines().count() <= 120, "README.md has more than 120 lines: the rest belongs below docs/");
    let contributing = document("CONTRIBUTING.md");
    for named in ["## How to add a decline reason", "## How to add a record kind", "## How to add a table", "make test"]
    {
        assert!(contributing.contains(named), "CONTRIBUTING.md doesn't speak of {named}");
    }
    assert!(document("docs/glossary.md").starts_with("# Glossary\n"));
}

#[test]
fn every_make_target_that_a_document_names_is_there() {
    let makefile = document("Makefile");
    let mut seen = 0;
    for page in documents() {
        let text = document(&page);
        for target in text.split("`make ").skip(1).map(|rest| rest.split(['`', ' ']).next().unwrap()) {
            seen += 1;
            assert!(makefile.contains(&format!("\n{target}:")), "{page} speaks of make {target}, which is not there");
        }
    }
    assert!(seen > 30, "only {seen} targets were found in the documents");
}

#[test]
fn every_variable_of_the_handlers_is_documented() {
    let explained = document("docs/configuration.md");
    for (function, variables) in giro::config::variables() {
        for variable in variables {
            assert!(explained.contains(variable), "docs/configuration.md doesn't explain {variable} of {function}");
        }
    }
}

/// Words in the code of metrics that are units or dimensions.
const NO_METRICS: [&str; 6] = ["Count", "Decision", "Kind", "Milliseconds", "Reason", "Seconds"];

/// The names of the metrics of batches that code writes: its texts in camel case.
fn metrics() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in ["src/wire/batch_metrics.rs", "src/wire/published_metrics.rs"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        names.extend(code.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    names.retain(|name| name.starts_with(char::is_uppercase) && !NO_METRICS.contains(&name.as_str()));
    names
}

/// Each metric of a batch is described, and the dashboard shows none that nobody writes.
#[test]
fn every_metric_of_a_batch_is_documented() {
    let (names, page) = (metrics(), document("docs/metrics.md"));
    for name in &names {
        assert!(page.contains(&format!("`{name}`")), "docs/metrics.md doesn't describe {name}");
    }
    assert_eq!(names.len(), 20, "{names:?}");
    let shown = shown();
    let unknown: Vec<&String> = shown.difference(&names).collect();
    assert_eq!(unknown, Vec::<&String>::new(), "the dashboard shows metrics that nobody writes");
    assert!(shown.len() > 10, "{shown:?}");
}

/// The metrics of batches that the dashboard shows. In a row, `.` is as in the row before, and so is all of `...`.
fn shown() -> BTreeSet<String> {
    let alarms = std::fs::read_to_string(root().join("infra/alarms.yaml")).unwrap();
    let body = alarms.split("DashboardBody: !Sub |").nth(1).unwrap().split("\nOutputs:").next().unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let mut shown = BTreeSet::new();
    for widget in body["widgets"].as_array().unwrap() {
        let (mut namespace, mut name) = ("", "");
        for row in widget["properties"]["metrics"].as_array().into_iter().flatten() {
            let cells: Vec<&str> = row.as_array().unwrap().iter().filter_map(serde_json::Value::as_str).collect();
            if let [first, second, ..] = cells[..]
                && first != "..."
            {
                namespace = if first == "." { namespace } else { first };
                name = if second == "." { name } else { second };
            }
            if namespace == "Giro" && !cells.is_empty() && !name.starts_with("${NamePrefix}") {
                shown.insert(name.to_owned());
            }
        }
    }
    shown
}

/// Folders at the root, by which a path of this repository is known.
const FOLDERS: [&str; 13] = [
    "analytics",
    ".cargo",
    ".ci",
    "benches",
    "crates",
    "docs",
    "events",
    "examples",
    "fuzz",
    "infra",
    "scripts",
    "src",
    "tests",
];

/// What looks like a path of this repository, in a page or a comment. One with a gap (`src/*.rs`, `docs/<page>`) is
/// none.
fn paths(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let mut paths = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        let path = word.trim_end_matches('.');
        let is_ours = FOLDERS.iter().any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
        let has_a_gap = path.len() == word.len() && after.starts_with(['*', '<', '{', '$', '…']);
        if is_ours && !has_a_gap && !rest[..start].ends_with(['$', '}', '*', '>', '~', '@']) {
            paths.push(path.to_owned());
        }
        rest = after;
    }
    paths
}

/// Documents and comments name files, and files move.
#[test]
fn every_path_that_a_document_or_a_comment_names_is_there() {
    let pages = documents().into_iter().map(|page| (page.clone(), document(&page)));
    let rust = ["src", "crates", "tests", "examples", "fuzz", "benches"].into_iter().flat_map(sources);
    let rust = rust.filter(|(file, _)| file != "tests/it/tidy/documents.rs");
    let comments = rust.map(|(file, text)| (file, scan::comments(&text)));
    let mut seen = 0;
    for (file, text) in pages.chain(comments) {
        for path in paths(&text) {
            seen += 1;
            assert!(root().join(&path).exists(), "{file} names {path}, which is not there");
        }
    }
    assert!(seen > 250, "only {seen} paths were found in documents and comments");
}

#[test]
fn a_planted_path_is_found() {
    let planted =
        "(docs/a.md): `crates/x's`, src/b.rs. Not: https://x.y/src/c, my-src/e, src/*.rs, docs/<f>, src, srcs/g.";
    assert_eq!(paths(planted), ["docs/a.md", "crates/x", "src/b.rs"]);
}

#[test]
fn every_folder_is_known_to_hold_paths() {
    let entries = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    let ours = folders.filter(|name| name != "target" && !name.starts_with('.'));
    let unknown: Vec<String> = ours.filter(|name| !FOLDERS.contains(&name.as_str())).collect();
    assert_eq!(unknown, [""; 0], "FOLDERS, beside this test, leaves them out");
}
