//! A program without handlers beside it, as after `cargo build -p giro-cli`: it says which are missing.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::processes::cli::{binary, command_of, executables, run};

/// The program in a folder, with only these handlers beside it.
fn program(folder: &Path, handlers: &[&str]) -> PathBuf {
    executables(handlers.iter().chain(&["giro"]).map(|name| binary(name)), folder);
    folder.join("giro")
}

fn check(program: &Path, words: &str, code: i32) -> (String, String) {
    let folder = program.parent().unwrap();
    let arguments: Vec<&str> = words.split(' ').collect();
    let output = run(&mut command_of(program, &arguments, folder), b"");
    let (told, complaints) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(code), "{words}: {told}{complaints}");
    (told, complaints)
}

#[test]
fn a_demo_without_a_handler_that_it_needs_is_refused_at_once() {
    for (handlers, missing) in
        [(&["outcome-publisher"][..], "payment-processor"), (&["payment-processor"][..], "outcome-publisher")]
    {
        let folder = tempfile::tempdir().unwrap();
        let program = program(folder.path(), handlers);
        let since = Instant::now();
        let (_, complaints) = check(&program, "demo --payments 1", 2);
        assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
        assert!(complaints.starts_with(&format!("giro: the function {missing}: no binary at ")), "{complaints}");
        assert!(complaints.ends_with("; `make build` builds it\n"), "{complaints}");
    }
}

#[test]
fn a_detached_stack_says_which_functions_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let program = program(folder.path(), &["payment-processor"]);
    let (told, _) = check(&program, "up --detach", 0);
    let (status, _) = check(&program, "status --json", 0);
    check(&program, "down", 0);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    let missing = ["account-processor", "ledger-auditor", "outcome-publisher", "payment-api"];
    for missing in missing {
        let line = format!("# {missing} is left out: it isn't built; `make build` builds it\n");
        assert!(told.contains(&line), "expected {line:?} in {told}");
        assert!(status["left_out"].as_array().unwrap().contains(&missing.into()), "{status}");
    }
    assert!(!told.contains("payment-processor"), "{told}");
}
