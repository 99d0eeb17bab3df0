//! `giro bench latency`: a short run counts right. What it measures depends on the machine, so no time is tested.

use serde_json::Value;

use super::cli::{command, run};

#[test]
fn a_short_run_loses_nothing_and_does_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["bench", "latency", "--kafka", "embedded", "--rate", "100", "--seconds", "2", "--warm-up", "1"];
    let mut command = command(&arguments, folder.path());
    let output = run(command.args(["--window-ms", "100", "--accounts", "20", "--json"]), b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let counts = ["payments_per_s", "window_ms", "payments", "lost", "again"].map(|name| told[name].as_u64().unwrap());
    assert_eq!(counts, [100, 100, 200, 0, 0], "{told}");
    let ms = ["p50_ms", "p99_ms", "p99_9_ms", "max_ms"].map(|name| told[name].as_u64().unwrap());
    assert!(ms.is_sorted() && ms[0] > 0, "{told}");
    assert!(told["cpu_stack_s"].is_number(), "{told}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the stack has a folder of its own");
}

#[test]
fn engines_that_are_named_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&["bench", "latency"], folder.path());
    let output = run(command.env("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"), b"");
    assert_eq!(output.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("bench latency starts engines of its own"), "{complaint}");
}
