//! Documents name files, headings, targets and variables, and all of those move.

use super::{root, sources};

/// Every page for people, by its path from the root.
fn documents() -> Vec<String> {
    let mut pages: Vec<String> =
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "benches/README.md", "events/README.md"]
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

fn document(page: &str) -> String {
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
fn the_code_map_names_every_folder() {
    let architecture = document("docs/architecture.md");
    for (folder, _) in
        sources("src").iter().filter_map(|(file, _)| Some((file.strip_prefix("src/")?.split_once('/')?.0, ())))
    {
        assert!(
            architecture.contains(&format!("{folder}/")),
            "the code map in docs/architecture.md leaves out src/{folder}"
        );
    }
}

#[test]
fn every_variable_of_the_handlers_is_documented() {
    let explained = document("docs/configuration.md");
    for (function, variables) in giro::config::VARIABLES {
        for variable in variables {
            assert!(explained.contains(variable), "docs/configuration.md doesn't explain {variable} of {function}");
        }
    }
}

/// Documents name files, and files move.
#[test]
fn every_path_that_a_document_names_is_there() {
    let folders =
        ["src/", "crates/", "tests/", "docs/", "scripts/", "infra/", "benches/", "fuzz/", "events/", ".cargo/"];
    let mut seen = 0;
    for page in documents() {
        let text = document(&page);
        // Between backticks: every second part.
        for named in text.split('`').skip(1).step_by(2) {
            let is_path = folders.iter().any(|folder| named.starts_with(folder)) && !named.contains(['*', ' ', '<']);
            if is_path {
                seen += 1;
                assert!(root().join(named).exists(), "{page} names {named}, which is not there");
            }
        }
    }
    assert!(seen > 50, "only {seen} paths were found in the documents");
}
