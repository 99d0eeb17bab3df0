//! `analytics/athena.sh`, with an `aws` that only says what it was asked.

use std::path::Path;
use std::process::{Command, Output};

use crate::processes::cli::script;

/// Writes each statement to `said`. The one that holds STARTS-NOT is refused, and that with ENDS-NOT fails.
const AWS: &str = r#"#!/usr/bin/env bash
cd "$(dirname "$0")"
case "$2 $*" in
  start-query-execution*STARTS-NOT*) echo refused >&2; exit 254 ;;
  start-query-execution*) printf '%s|' "$@" >>said; printf '%s' "$*" >last; echo id ;;
  get-query-results*) echo "a row" ;;
  *StateChangeReason*) echo "a reason" ;;
  *) if grep -q ENDS-NOT last; then echo FAILED; else echo SUCCEEDED; fi ;;
esac
"#;

/// Runs a file of SQL. Gives what the script says, and the statements that `aws` was asked to run.
fn run(sql: &str) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let aws = folder.path().join("aws");
    script(&aws, AWS);
    let file = folder.path().join("questions.sql");
    std::fs::write(&file, sql).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(Path::new(crate::ROOT).join("analytics/athena.sh"));
    let output = command.args(["s3://b/athena/", file.to_str().unwrap()]).env("PATH", path).output().unwrap();
    (output, std::fs::read_to_string(folder.path().join("said")).unwrap_or_default())
}

#[test]
fn statements_go_one_by_one_without_comments_and_rows_are_shown() {
    let (output, said) = run("-- Why.\nCREATE VIEW v AS SELECT 1; -- More.\n\nSELECT *\nFROM v;\n");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "a row\n");
    let places = ["|CREATE DATABASE IF NOT EXISTS giro|", "|CREATE VIEW v AS SELECT 1|", "|SELECT *\nFROM v|"]
        .map(|statement| said.find(statement).unwrap_or_else(|| panic!("{statement}: {said}")));
    assert!(places.is_sorted() && said.matches("start-query-execution").count() == 3, "{said}");
    assert_eq!(said.matches("Database=giro").count(), 2, "the database isn't there for the first");
}

#[test]
fn the_first_failure_ends_it() {
    for (wrong, complaint) in [("STARTS-NOT", "refused"), ("ENDS-NOT", "a reason\nathena.sh: FAILED: SELECT")] {
        let (output, said) = run(&format!("SELECT '{wrong}';\nSELECT 2;"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains(complaint), "{wrong}: {stderr}");
        assert!(!said.contains("SELECT 2") && output.stdout.is_empty(), "{wrong}: {said}");
    }
}

#[test]
fn a_bucket_must_be_named() {
    let (output, said) = run("CREATE EXTERNAL TABLE t (line string) LOCATION 's3://BUCKET/x/';");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && stderr.contains("expected your bucket") && said.is_empty(), "{stderr}");
}
