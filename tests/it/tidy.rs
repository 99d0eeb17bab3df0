//! The house rules that no compiler holds: who may know whom, what the domain may not touch, what a Lambda may not
//! carry.

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

/// The paths below `crate::` that a file's code names.
fn names(text: &str) -> Vec<String> {
    let code = code(text);
    let path = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
    code.split("crate::").skip(1).map(path).collect()
}

/// Who may know whom, by folder: the beginnings of the paths that it may name. `bin` and the local tools may name all.
const ARROWS: [(&str, &[&str]); 12] = [
    ("src/domain", &["domain"]),
    ("src/wire", &["domain", "wire"]),
    ("src/store", &["domain", "store", "aws::in_words"]),
    ("src/settle", &["domain", "settle", "store::{", "store::AccountRead", "store::Ledger", "store::StoreError"]),
    ("src/account_commands", &["account_commands", "domain", "settle", "store::{"]),
    ("src/audit", &["domain", "audit", "settle::Backoff", "store::{"]),
    (
        "src/handlers",
        &[
            "account_commands",
            "audit",
            "domain",
            "settle",
            "handlers",
            "wire",
            "publish::Publish",
            "store::AccountLedger",
            "store::Inspect",
            "store::Ledger",
            "store::Survey",
            "store::Usage",
            "telemetry",
        ],
    ),
    ("src/publish", &["domain", "publish", "aws", "wire::kafka_secret"]),
    ("src/config.rs", &["publish::broker", "store::Tables"]),
    ("src/telemetry.rs", &[]),
    ("src/aws.rs", &[]),
    ("src/bin", &[]),
];

#[test]
fn the_arrows_between_modules_hold() {
    for (folder, allowed) in ARROWS {
        for (file, text) in sources(folder) {
            for name in names(&text) {
                // `use crate::store::{A, B}` ends at the brace; what stands in it is the port's own.
                let allowed = matches!(name.as_str(), "store::" | "publish::")
                    || allowed.iter().any(|known| name.starts_with(known));
                assert!(allowed, "{file} may not know crate::{name}");
            }
        }
    }
}

#[test]
fn handlers_and_settling_know_the_port_and_no_adapter() {
    for (file, text) in ["src/handlers", "src/settle", "src/account_commands"].into_iter().flat_map(sources) {
        let code = code(&text);
        for adapter in
            ["dynamodb", "memory", "items", "DynamoDb", "MemoryStore", "aws_sdk", "kafka::", "KafkaProducer", "rdkafka"]
        {
            assert!(!code.contains(adapter), "{file} names the adapter {adapter}");
        }
    }
}

/// `aws.rs` makes the clients, and `publish` signs with their credentials.
#[test]
fn only_the_store_names_what_dynamodb_stores() {
    for (file, text) in sources("src") {
        let code = code(&text);
        let stores = file.starts_with("src/store/");
        assert!(stores || !code.contains("AttributeValue"), "{file} names DynamoDB's AttributeValue");
        let clients = stores || ["src/aws.rs", "src/publish/kafka/iam.rs"].contains(&file.as_str());
        assert!(clients || !code.contains("aws_"), "{file} names AWS's SDK");
    }
}

#[test]
fn the_domain_is_pure() {
    let impure = [
        "async ",
        "tokio",
        "serde",
        "aws_",
        "lambda_",
        "rdkafka",
        "tracing",
        "std::env",
        "std::fs",
        "std::net",
        "std::process",
        "std::time",
        "SystemTime",
        "Instant",
        "now_utc",
        "println!",
        "f32",
        "f64",
    ];
    for (file, text) in sources("src/domain") {
        let code = code(&text);
        for word in impure {
            assert!(!code.contains(word), "{file} names {word}");
        }
    }
}

#[test]
fn only_the_wire_and_the_local_tools_know_serde() {
    for folder in [
        "src/store",
        "src/publish",
        "src/settle",
        "src/account_commands",
        "src/handlers",
        "src/config.rs",
        "src/telemetry.rs",
        "src/aws.rs",
    ] {
        for (file, text) in sources(folder) {
            assert!(!code(&text).contains("serde"), "{file} names serde");
        }
    }
}

#[test]
fn binaries_only_wire_and_run() {
    for (file, text) in sources("src/bin") {
        assert!(text.lines().count() <= 30, "{file} has more than 30 lines");
    }
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

/// What deploys knows nothing of what proves it or of the command line.
#[test]
fn what_deploys_stands_alone() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let deploys = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    assert!(deploys.contains("lambda_runtime") && !deploys.contains("giro-"), "{deploys}");
    for (file, text) in sources("src") {
        for word in ["cfg(feature", "giro_testkit", "giro_template", "giro_cli"] {
            assert!(!code(&text).contains(word), "{file} names {word}");
        }
    }
}

/// A reader may go away: only one place knows what becomes of a command then.
#[test]
fn the_local_tools_print_in_one_place() {
    let local = sources("crates").into_iter().filter(|(file, _)| file.contains("/src/"));
    for (file, text) in local.filter(|(file, _)| file != "crates/cli/src/local/terminal.rs") {
        let code = code(&text);
        for print in ["println!(", "print!(", "io::stdout()", "io::stdout;"] {
            assert!(!code.contains(print), "{file} prints past crates/cli/src/local/terminal.rs: {print}");
        }
    }
}

/// Every complaint of a command is read by the one function that starts it.
#[test]
fn tests_start_the_command_line_in_one_place() {
    let program = concat!("CARGO_BIN_EXE_", "giro\"");
    let started: Vec<String> = sources("tests")
        .into_iter()
        .chain(sources("crates"))
        .filter(|(_, text)| text.contains(program))
        .map(|(file, _)| file)
        .collect();
    assert_eq!(started, ["crates/cli/tests/it/processes/cli.rs"]);
}

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
