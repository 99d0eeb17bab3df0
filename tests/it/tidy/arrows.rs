//! Who may know whom, what the domain may not touch, and what is done in one place.

use super::{code, root, sources};

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
    ("src/store", &["domain", "store", "aws::in_words", "wire::never"]),
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
