//! What a newcomer does first: starts a stack, pays, looks at what became of it, and cleans up.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::processes::cli::{command, run};

/// A folder of its own. Its stack ends with it.
pub(super) struct Newcomer(pub(super) tempfile::TempDir);

impl Newcomer {
    pub(super) fn giro(&self, words: &str, input: &str) -> Output {
        let words: Vec<&str> = words.split(' ').collect();
        run(&mut command(&words, self.0.path()), input.as_bytes())
    }

    /// Runs a command. Checks its exit code and that it says this. Gives all that it said.
    pub(super) fn check(&self, words: &str, code: i32, says: &str) -> String {
        self.check_with(words, "", code, says)
    }

    pub(super) fn check_with(&self, words: &str, input: &str, code: i32, says: &str) -> String {
        let output = self.giro(words, input);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{words}: {text}");
        assert!(text.contains(says), "{words}: expected {says:?} in\n{text}");
        text
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path().join(".giro")).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        let _ = command(&["down"], self.0.path()).output();
    }
}

#[test]
fn a_payment_is_made_and_followed_in_decimals() {
    let newcomer = Newcomer(tempfile::tempdir().unwrap());
    newcomer.check("logs", 1, "no stack was started in this folder");
    newcomer.check("up --detach --data .giro/data --partitions 1", 0, "giro down");
    newcomer.check("accounts open bank --currency EUR --unlimited", 0, "applied open bank");
    newcomer.check("accounts open alice --currency EUR", 0, "applied open alice");
    check_funding(&newcomer);
    let pay = "pay --from bank --to alice";
    for (words, code, says) in [
        (format!("{pay} 5.00 EUR --id p1 --wait"), 0, "settled   p1: 5.00 EUR from bank to alice"),
        (format!("{pay} 5 EUR --id p1 --wait"), 0, "settled   p1: 5.00 EUR from bank to alice"),
        (format!("{pay} 5.01 EUR --id p1 --wait"), 1, "p1 is the id of another payment: settled   p1: 5.00 EUR"),
        (format!("{pay} 5.01 EUR --id p1"), 1, "p1 is the id of another payment: settled   p1: 5.00 EUR"),
        ("pay --from alice --to bank 9.5 EUR --id p2 --wait".into(), 1, "declined  p2: 9.50 EUR from alice to bank: "),
        (format!("{pay} 0.05 EUR --id p3 --wait --json"), 0, r#"{"payment_id":"p3","status":"settled","#),
        (format!("{pay} 1 JPY --id p4 --wait"), 1, "declined  p4: 1 JPY from bank to alice: "),
        (format!("{pay} 1 EUR"), 0, "sent pay-"),
        (format!("{pay} 0.001 EUR"), 2, "expected an amount of EUR with at most 2 decimals, such as 5.00"),
        (format!("{pay} 0 EUR"), 2, "expected an amount of EUR from 0.01 to"),
        ("pay --from alice --to alice 1 EUR --id p5 --wait".into(), 1, "declined  p5: "),
    ] {
        let told = newcomer.check(&words, code, says);
        let said = told.matches("insufficient_funds").count();
        assert!(said <= 1, "a decline is told once: {told}");
    }
    newcomer.check("payments show p1 --text", 0, "settled   p1: 5.00 EUR from bank to alice");
    assert_eq!(
        newcomer.check("payments show p1 --json", 0, ""),
        newcomer.check("payments show p1", 0, "{\"payment_id\"")
    );
    let frozen = newcomer.check("accounts freeze nobody --command-id f1 --json", 1, r#""reason":"account_not_found""#);
    assert!(frozen.starts_with('{') && frozen.lines().count() == 1, "{frozen}");
    newcomer.check("accounts freeze bob --command-id f2 --json --no-wait", 0, r#""status":"sent""#);
    let declined = newcomer.check("payments list --status declined", 0, "declined  p2: 9.50 EUR");
    let ids: Vec<&str> = declined.lines().filter_map(|line| line.split("  ").nth(2)?.split(':').next()).collect();
    assert_eq!(ids, ["p5", "p4", "p2", "funds-dora"], "newest first: {declined}");
    assert_eq!(newcomer.check("payments list --limit 2 --status declined --json", 0, "p5").lines().count(), 2);
    newcomer.check("payments list --account nobody", 0, "no payment\n");

    check_dead_letter(&newcomer);
    check_audit(&newcomer);
    check_list(&newcomer);
    check_env(&newcomer);
    check_variables_of_another_stack(&newcomer);
    check_logs_and_reset(&newcomer);
    newcomer.check("env", 1, "no `giro up` runs in this folder");
}

/// A payment that became a dead letter is told as that, and nobody waits for it.
fn check_dead_letter(newcomer: &Newcomer) {
    newcomer.check_with("publish - --unchecked", r#"{"payment_id":"p6","amount":"much"}"#, 0, "published 1 records");
    let began = Instant::now();
    loop {
        let shown = newcomer.giro("payments show p6", "");
        let text = String::from_utf8_lossy(&shown.stderr).into_owned();
        assert_eq!(shown.status.code(), Some(1), "{text}");
        if text.contains("the payment 'p6' became a dead letter") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{text}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let began = Instant::now();
    newcomer.check("payments show p6 --wait", 1, "the payment 'p6' became a dead letter");
    newcomer.check("payments show p2 --wait", 0, r#""status":"declined""#);
    assert!(began.elapsed() < Duration::from_secs(20), "nobody waits 30 s for it: {:?}", began.elapsed());
}

/// An account is funded once, however often it is opened.
fn check_funding(newcomer: &Newcomer) {
    let carol = "accounts open carol --currency EUR --funded-by bank --balance";
    for _ in 0..2 {
        newcomer.check(&format!("{carol} 12.34"), 0, "settled   funds-carol: 12.34 EUR from bank to carol");
    }
    newcomer.check("accounts show carol", 0, " 12.34 ");
    let dora = "accounts open dora --currency EUR --funded-by stranger --balance 1.50";
    for _ in 0..2 {
        let told = newcomer.check(dora, 1, "declined  funds-dora: 1.50 EUR from stranger to dora: debtor_not_found");
        let way_out = "giro: dora is open, and not funded: funds-dora stays declined for ever. Once stranger can pay, fund the \
                       account by another payment: `giro pay --from stranger --to dora 1.50 EUR --wait`\n";
        assert!(told.ends_with(way_out), "{told}");
    }
    newcomer.check(&format!("{carol} 1.234"), 2, "--balance: expected an amount of EUR with at most 2 decimals");
}

/// Whoever asks reads an answer, and money as it is written elsewhere.
fn check_audit(newcomer: &Newcomer) {
    let told = newcomer.check("audit", 0, " EUR in circulation\n");
    assert!(told.ends_with("\nthe ledger adds up\n"), "{told}");
    let json = newcomer.check("audit --json", 0, "");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    // The payments p1, p3 and one without an id, and the funding of carol.
    assert_eq!(json["circulation"], serde_json::json!({ "EUR": "1839" }));
    assert!(told.contains("18.39 EUR in circulation\n"), "{told}");
}

/// Two thousand accounts of a list, of which some are refused. The same list again changes nothing.
fn check_list(newcomer: &Newcomer) {
    let line = |ix: usize| match ix {
        // It is open, in euros.
        7 => r#"{"account_id":"alice","currency":"USD"}"#.to_owned(),
        8 => r#"{"account_id":"funded","currency":"EUR","balance":507,"funded_by":"bank"}"#.to_owned(),
        9 => r#"{"account_id":"poor","currency":"EUR","balance":507,"funded_by":"nobody"}"#.to_owned(),
        _ => format!(r#"{{"account_id":"many-{ix}","currency":"EUR","overdraft_limit":{ix}}}"#),
    };
    let list: Vec<String> = (0..2_000).map(line).collect();
    let list = list.join("\n");
    for _ in 0..2 {
        let told = newcomer.check_with(
            "accounts open --list -",
            &list,
            1,
            "opened 1999 accounts, 1 of them not funded; refused 1\n",
        );
        assert!(told.contains("refused alice: account_exists\n"), "{told}");
        let poor = "not funded poor, which is open: funds-poor is declined: debtor_not_found. funds-poor stays declined \
                    for ever. Once nobody can pay, fund the account by another payment: `giro pay --from nobody --to poor \
                    5.07 EUR --wait`\n";
        assert!(told.contains(poor), "{told}");
        assert_eq!(told.lines().count(), 3, "{told}");
    }
    let json = newcomer.check_with("accounts open --list - --json", list.lines().nth(9).unwrap(), 1, "");
    let json: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let reason = "funds-poor is declined: debtor_not_found";
    assert_eq!(
        json,
        [
            serde_json::json!({ "account_id": "poor", "status": "not_funded", "reason": reason }),
            serde_json::json!({ "opened": 1, "not_funded": 1, "refused": 0 }),
        ]
    );
    newcomer.check("accounts show poor", 0, " open ");
    newcomer.check("accounts show funded", 0, " 5.07 ");
    newcomer.check("accounts show many-1999", 0, " 19.99");
    newcomer.check_with("accounts open --list -", "{}", 2, "-: line 1: ");
    let typo = r#"{"account_id":"typo","currency":"EUR"}
{"account_id":"typo-2","currency":"EUR","overdraft_limt":500}"#;
    newcomer.check_with(
        "accounts open --list -",
        typo,
        2,
        "-: line 2: overdraft_limt: unknown; expected one of account_id",
    );
    newcomer.check("accounts show typo", 1, "no account 'typo'");
    let told = newcomer.check_with(
        "accounts open --list -",
        "typo,EUR",
        2,
        "-: line 1: expected a JSON object, such as this:\n",
    );
    assert!(told.lines().nth(1).is_some_and(|line| line.contains(r#""account_id":"alice""#)), "{told}");
    newcomer.check("accounts open --list nowhere.jsonl", 2, "nowhere.jsonl: No such file");
    newcomer.check("outcomes --headers", 0, "    ce_type: ");
    newcomer.check("outcomes --headers --json", 0, r#"{"headers":[{"name":"#);
}

/// A shell may still have the variables of a stack that has ended.
fn check_variables_of_another_stack(newcomer: &Newcomer) {
    for (words, variable, address, part) in [
        ("topics list", "KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1", "kafka"),
        ("accounts list", "AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1", "dynamodb"),
    ] {
        let at = newcomer.check(&format!("status {part}"), 0, "");
        let words: Vec<&str> = words.split(' ').collect();
        let output = run(command(&words, newcomer.0.path()).env(variable, address), b"");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(
            text.contains(&format!("comes from the variable {variable}. The `giro up` of this folder has ")),
            "{text}"
        );
        assert!(text.contains(&format!(" at {}: unset the variable", at.trim_end())), "{text}");
    }
}

/// What other emulators of Lambda get, each in the form that it reads.
fn check_env(newcomer: &Newcomer) {
    let at = newcomer.check("status dynamodb", 0, "http://");
    let shell = newcomer.check("env", 0, &format!("export AWS_ENDPOINT_URL_DYNAMODB={at}"));
    assert!(shell.lines().all(|line| line.starts_with("export ")), "{shell}");
    let file =
        newcomer.check("env --for cargo-lambda account-processor", 0, "ACCOUNT_COMMANDS_TABLE=account-commands\n");
    assert!(file.contains(&format!("AWS_ENDPOINT_URL_DYNAMODB={at}")), "{file}");
    assert!(file.lines().all(|line| line.split_once('=').is_some()), "{file}");
    let json = newcomer.check("env --for sam-local", 0, "");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["PaymentApi"]["AWS_ENDPOINT_URL"], at.trim_end());
    newcomer.check("env --for cargo-lambda", 2, "FUNCTION: expected one of account-processor");
    newcomer.check("env payment-processor", 2, "only --for cargo-lambda is for one function");
}

/// The log is shown in both forms, and nothing is left at the end but the lock.
fn check_logs_and_reset(newcomer: &Newcomer) {
    newcomer.check("logs", 0, "export KAFKA_BOOTSTRAP_SERVERS=");
    assert_eq!(newcomer.check("logs --lines 1", 0, "").lines().count(), 1);
    newcomer.check("logs", 0, r#"payment-processor {"timestamp""#);
    let text = newcomer.check("logs --log text", 0, "payment-processor  1 record: 1 settled in ");
    assert!(!text.contains("{\"timestamp") && !text.contains('\u{1b}'), "{text}");
    newcomer.check("logs --log text --color always", 0, "payment-processor  \u{1b}[33m1 record: 1 declined (");
    newcomer.check("reset --yes", 2, "a `giro up` runs in this folder: `giro down` stops it");
    let mut follows = command(&["logs", "--follow"], newcomer.0.path());
    let follows = follows.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    newcomer.check("down", 0, "stopped");
    let followed = follows.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&followed.stdout);
    assert!(followed.status.success() && text.contains("stopping"), "{text}");

    newcomer.check("reset", 1, "would remove .giro/data");
    assert_eq!(newcomer.files(), ["data", "up.lock", "up.log"]);
    newcomer.check("reset --yes", 0, "removing .giro/up.log");
    assert_eq!(newcomer.files(), ["up.lock"]);
    newcomer.check("reset --yes", 0, "nothing to remove");
}

#[test]
fn completions_are_what_each_shell_reads() {
    let folder = tempfile::tempdir().unwrap();
    for (shell, begins) in [("bash", "_giro()"), ("zsh", "#compdef giro"), ("fish", "# Print an optspec")] {
        let printed = run(&mut command(&["completions", shell], folder.path()), b"");
        let text = String::from_utf8(printed.stdout).unwrap();
        assert!(printed.status.success() && text.starts_with(begins) && text.contains("dead-letters"), "{text:.300}");
        assert!(text.contains("dynamodb-endpoint"), "options of engines, which no help of a command shows");
        check_syntax(shell, &text, folder.path());
    }
}

/// Asks the shell itself, if it is there.
fn check_syntax(shell: &str, text: &str, folder: &Path) {
    let path = folder.join(shell);
    std::fs::write(&path, text).unwrap();
    if let Ok(checked) = Command::new(shell).arg("-n").arg(&path).output() {
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }
}
