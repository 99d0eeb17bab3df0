//! Who may know whom, what the domain may not touch, and what is done in one place.

use super::{code, root, scan, sources};

/// The paths below `crate::` that a file's code names, imported or in place.
fn names(text: &str) -> Vec<String> {
    let code = scan::code(text.split("\n#[cfg(test)]\nmod ").next().unwrap());
    let flat: String = code.lines().flat_map(|line| [line.trim_start(), "\n"]).collect();
    let imports = scan::imports(&flat).into_iter().filter(|import| import.path[0] == "crate");
    let in_place =
        flat.lines().filter(|line| !line.contains("use crate::")).flat_map(|line| line.split("crate::").skip(1));
    let path = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
    imports.map(|import| import.path[1..].join("::")).chain(in_place.map(path)).collect()
}

/// Who may know whom beside itself: the beginnings of the paths that it may name. `store::*` is what stands in `store`
/// itself: the ports and what they speak of, and no adapter.
const ARROWS: [(&str, &[&str]); 14] = [
    ("src/domain", &[]),
    ("src/wire", &["domain"]),
    ("src/store", &["aws::in_words", "domain"]),
    ("src/settle", &["domain", "store::*"]),
    ("src/account_commands", &["domain", "settle", "store::*"]),
    ("src/audit", &["domain", "settle::Backoff", "store::*"]),
    ("src/balances", &["domain", "store::*"]),
    (
        "src/handlers",
        &["account_commands", "audit", "balances", "domain", "publish::*", "settle", "store::*", "telemetry", "wire"],
    ),
    ("src/publish", &["aws", "domain", "wire::kafka_secret"]),
    ("src/config.rs", &["domain", "publish::broker", "store::Tables", "telemetry::collector"]),
    ("src/telemetry.rs", &["domain", "wire"]),
    ("src/telemetry", &["aws", "domain", "wire"]),
    ("src/aws.rs", &[]),
    ("src/bin", &[]),
];

/// Whether what is allowed covers a name: itself, or what stands in it.
fn covers(allowed: &str, name: &str) -> bool {
    match allowed.strip_suffix('*') {
        Some(module) => name.strip_prefix(module).is_some_and(|rest| rest.starts_with(char::is_uppercase)),
        None => name.strip_prefix(allowed).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")),
    }
}

/// What the files of a folder name and may not, and what they may name and none does.
fn astray(own: &str, allowed: &[&str], files: &[(String, String)]) -> Vec<String> {
    let named: Vec<(&str, String)> =
        files.iter().flat_map(|(file, text)| names(text).into_iter().map(move |name| (file.as_str(), name))).collect();
    let strange =
        named.iter().filter(|(_, name)| !covers(own, name) && !allowed.iter().any(|allowed| covers(allowed, name)));
    let unused = allowed.iter().filter(|allowed| !named.iter().any(|(_, name)| covers(allowed, name)));
    let strange = strange.map(|(file, name)| format!("{file} may not know crate::{name}"));
    strange.chain(unused.map(|allowed| format!("nobody names crate::{allowed}: take it off ARROWS"))).collect()
}

#[test]
fn the_arrows_between_modules_hold() {
    for (folder, allowed) in ARROWS {
        let own = folder.trim_start_matches("src/").trim_end_matches(".rs");
        assert_eq!(astray(own, allowed, &sources(folder)), [""; 0], "{folder}");
    }
}

#[test]
fn a_planted_arrow_is_found() {
    let file = |text: &str| [("src/a.rs".to_owned(), text.to_owned())];
    let held = "use crate::store::{Ledger, READS_MAX as R};\n// crate::x\nuse crate::a::B;\n#[cfg(test)]\nmod tests {\n    \
                use crate::y::Y;\n}\n";
    for allowed in ["store", "store::*"] {
        assert_eq!(astray("a", &[allowed], &file(held)), [""; 0]);
    }
    let unused = "nobody names crate::store::Reader: take it off ARROWS";
    assert_eq!(astray("a", &["store", "store::Reader"], &file(held)), [unused]);
    let planted = "fn f() {\n    use crate::{domain::X, store::{Ledger, items::Item}};\n    crate::wire::g();\n}\n";
    let strange = ["store::items::Item", "wire::g"].map(|name| format!("src/a.rs may not know crate::{name}"));
    assert_eq!(astray("a", &["domain", "store::*"], &file(planted)), strange);
}

/// The files whose code holds one of these words, and which.
fn holding(words: &[&str], files: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    let held = |(file, text): (String, String)| {
        let code = code(&text);
        words.iter().filter(move |word| code.contains(**word)).map(move |word| format!("{file}: {word}"))
    };
    files.into_iter().flat_map(held).collect()
}

#[test]
fn a_planted_word_is_found() {
    let file = |text: &str| [("src/a.rs".to_owned(), text.to_owned())];
    let sound = "// serde\nuse std::fmt;\n#[cfg(test)]\nmod tests {\n    use serde::X;\n}\n";
    assert_eq!(holding(&["serde", "f64"], file(sound)), [""; 0]);
    assert_eq!(holding(&["serde", "f64"], file("fn f(x: f64) {}\n")), ["src/a.rs: f64"]);
}

#[test]
fn handlers_and_settling_know_the_port_and_no_adapter() {
    let adapters =
        ["dynamodb", "memory", "items", "DynamoDb", "MemoryStore", "aws_sdk", "kafka::", "KafkaProducer", "rdkafka"];
    let files = ["src/handlers", "src/settle", "src/account_commands"].into_iter().flat_map(sources);
    assert_eq!(holding(&adapters, files), [""; 0]);
}

/// `aws.rs` makes the clients. `publish` and `telemetry` sign with their credentials, and the latter uses their HTTP.
#[test]
fn only_the_store_names_what_dynamodb_stores() {
    for (file, text) in sources("src") {
        let code = code(&text);
        let stores = file.starts_with("src/store/");
        assert!(stores || !code.contains("AttributeValue"), "{file} names DynamoDB's AttributeValue");
        let clients = stores
            || [
                "src/aws.rs",
                "src/publish/kafka/iam.rs",
                "src/telemetry/collector.rs",
                "src/telemetry/xray_signature.rs",
            ]
            .contains(&file.as_str());
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
    assert_eq!(holding(&impure, sources("src/domain")), [""; 0]);
}

#[test]
fn only_the_wire_and_the_local_tools_know_serde() {
    let folders = [
        "src/store",
        "src/publish",
        "src/settle",
        "src/account_commands",
        "src/handlers",
        "src/config.rs",
        "src/telemetry.rs",
        "src/aws.rs",
    ];
    assert_eq!(holding(&["serde"], folders.into_iter().flat_map(sources)), [""; 0]);
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
    let others = ["cfg(feature", "giro_testkit", "giro_template", "giro_cli"];
    assert_eq!(holding(&others, sources("src")), [""; 0]);
}

/// A reader may go away: only one place knows what becomes of a command then.
#[test]
fn the_local_tools_print_in_one_place() {
    let is_local = |file: &str| file.contains("/src/") && file != "crates/cli/src/local/terminal.rs";
    let local = sources("crates").into_iter().filter(|(file, _)| is_local(file));
    let prints = ["println!(", "print!(", "io::stdout()", "io::stdout;"];
    assert_eq!(holding(&prints, local), [""; 0], "these print past crates/cli/src/local/terminal.rs");
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
