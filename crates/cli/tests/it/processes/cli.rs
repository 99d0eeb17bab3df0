//! The command line as a person or a script meets it: what it prints, and its exit codes.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use giro_testkit::dynamodb::EmbeddedDynamoDb;

/// The path of a handler's binary: beside the command line's.
pub(crate) fn binary(name: &str) -> String {
    let path = Path::new(env!("CARGO_BIN_EXE_giro")).with_file_name(name);
    assert!(path.is_file(), "{} is not built: run `make build`", path.display());
    path.to_str().unwrap().to_owned()
}

/// The command in a folder, with no engines but those that its arguments name.
pub(crate) fn command(arguments: &[&str], folder: &Path) -> Command {
    command_of(Path::new(env!("CARGO_BIN_EXE_giro")), arguments, folder)
}

/// The same of a copy of the program.
pub(crate) fn command_of(program: &Path, arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    for name in ["KAFKA_BOOTSTRAP_SERVERS", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_LAMBDA"] {
        command.env_remove(name);
    }
    command
}

/// Puts these files into a folder, to be run there. Another process does it: a file that this one has open for writing
/// may be open in children of other tests too, and can't be run as long as it is.
pub(crate) fn executables(files: impl IntoIterator<Item = String>, folder: &Path) {
    let output = run(Command::new("cp").args(files).arg(folder), b"");
    assert!(output.status.success(), "{output:?}");
}

/// Writes a script, to be run. Another process does it, as in [`executables`].
pub(crate) fn script(path: &Path, text: &str) {
    let output = run(Command::new("install").args(["-m", "755", "/dev/stdin"]).arg(path), text.as_bytes());
    assert!(output.status.success(), "{output:?}");
}

/// Runs a command to its end. Checks that its errors are for people.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that doesn't read its input has closed it, perhaps.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    if let Some(line) = complaints.lines().find(|line| !is_in_words(line)) {
        panic!(
            "{:?} complains in Rust: {line}
in\n{complaints}",
            command.get_args()
        );
    }
    output
}

/// Whether a line is for a person: it has no Rust in it. What a function logs is JSON, and its texts are for people.
fn is_in_words(line: &str) -> bool {
    let is_log = serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line.is_object());
    // CloudFormation has such names of its own.
    let own: Vec<&str> = line.split(' ').filter(|word| !word.contains("AWS::") && !word.contains("Fn::")).collect();
    let line = own.join(" ");
    let rust = ["::", "Error(", "Error {", "invalid digit", "panicked", "fault of giro's own"];
    !rust.iter().any(|rust| line.contains(rust)) && (is_log || !line.contains('{'))
}

#[test]
fn complaints_in_rust_are_noticed() {
    for rust in [
        "giro: unhandled error: ServiceError(ServiceError { source: .. })",
        r#"giro: dispatch failure (ConnectorError { kind: Io, source: "x" })"#,
        r#"{"errorType":"&lambda_runtime::deserializer::DeserializeError"}"#,
        "error: invalid value 'x' for '--http-port <PORT>': invalid digit found in string",
        "thread 'main' panicked at src/x.rs:1:2",
    ] {
        assert!(!is_in_words(rust), "{rust}");
    }
    for words in [
        "giro: DynamoDB at http://127.0.0.1:1: Connection refused",
        r#"{"level":"INFO","message":"batch finished"}"#,
        "giro: template.yaml: Resources.X.Type: expected AWS::Serverless::Function",
    ] {
        assert!(is_in_words(words), "{words}");
    }
}

fn giro(arguments: &[&str], engine: Option<&EmbeddedDynamoDb>, input: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(arguments, folder.path());
    if let Some(engine) = engine {
        command.env("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint());
    }
    run(&mut command, input.as_bytes())
}

fn check(arguments: &[&str], engine: Option<&EmbeddedDynamoDb>, input: &str, code: i32, says: &str) {
    let output = giro(arguments, engine, input);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(says), "{arguments:?}: expected {says:?} in\n{text}");
}

#[test]
fn wrong_use_and_bad_input_exit_with_2_and_say_what_was_expected() {
    check(&["frobnicate"], None, "", 2, "unrecognized subcommand");
    check(&["accounts", "open", "a/b", "--currency", "EUR"], None, "", 2, "expected 1 to 64 characters");
    check(&["accounts", "open", "a", "--currency", "euro"], None, "", 2, "ISO 4217");
    check(&["dead-letters", "show", "x"], None, "", 2, "expected topic/partition/offset");
    check(&["demo", "--partitions", "0"], None, "", 2, "expected a whole number from 1 to 1000");
    let lines = "{\"payment_id\":\"k1\",\"debtor_account\":\"a\",\"creditor_account\":\"b\",\"amount\":1,\"currency\":\"EUR\"}\n\n{\"payment_id\":\"k2\",\"debtor_account\":\"a\",\"creditor_account\":\"b\",\"amount\":1.5,\"currency\":\"EUR\"}\n";
    check(&["publish", "-"], None, lines, 2, "line 3: amount: expected an integer of minor units");
    check(&["publish", "-"], None, lines.lines().next().unwrap(), 2, "which Kafka?");
    check(&["publish", "nowhere.ndjson"], None, "", 2, "reading nowhere.ndjson");
    check(&["invoke", "--event", "nowhere.json"], None, "", 2, "reading nowhere.json");
}

/// Lines that lack a value or hold one that can't be used, and a part of the answer.
const ASKED_FOR: &[(&str, &str)] = &[
    ("", "Usage: giro"),
    ("accounts", "Usage: giro accounts"),
    ("accounts open alice", "--currency <CURRENCY>"),
    ("accounts open --currency EUR", "<ID>"),
    ("accounts open alice --currency EUR --overdraft-limit", "a value is required"),
    ("accounts open alice --currency EUR --overdraft-limit 1 --unlimited", "cannot be used with"),
    ("accounts open alice --currency EUR --direct --wait 5", "cannot be used with"),
    ("accounts set-limit erin", "<--overdraft-limit <AMOUNT>|--unlimited>"),
    ("accounts set-limit --unlimited", "<ID>"),
    ("accounts set-limit erin --overdraft-limit", "a value is required"),
    ("accounts set-limit erin --overdraft-limit 1 --unlimited", "cannot be used with"),
    ("accounts set-limit . --unlimited", "neither . nor .."),
    ("accounts freeze", "<ID>"),
    ("accounts freeze alice --no-wait --wait 5", "cannot be used with"),
    ("accounts freeze alice --command-id ..", "neither . nor .."),
    ("accounts unfreeze", "<ID>"),
    ("accounts close", "<ID>"),
    ("accounts show", "<ID>"),
    ("accounts add-lanes", "<LANES>"),
    ("accounts add-lanes alice", "<LANES>"),
    ("accounts add-lanes alice 0", "at least 1 credit lane"),
    ("accounts add-lanes alice 2 --all", "cannot be used with"),
    ("accounts add-lanes --all --no-wait", "cannot be used with"),
    ("accounts add-lanes --all --lanes 0", "at least 1 credit lane"),
    ("accounts add-lanes alice 2 --lanes 3", "cannot be used with"),
    ("payments show", "<ID>"),
    ("payments show a/b", "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -\n"),
    ("accounts show a/b", "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -\n"),
    ("accounts commands --account a/b", "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -\n"),
    ("outcomes republish --payment a/b", "expected 1 to 64 characters of A-Z a-z 0-9 . _ : -\n"),
    (
        "accounts set-limit erin --overdraft-limit -5",
        "'--overdraft-limit <AMOUNT>': expected zero or an amount in the decimals of its currency",
    ),
    (
        "accounts open erin --currency EUR --overdraft-limit 0.001",
        "--overdraft-limit: expected an amount of EUR with at",
    ),
    ("accounts set-limits erin --max-payment 1,000", "'--max-payment <AMOUNT>': expected zero or an amount"),
    ("accounts open erin --currency EUR --credit-lanes -5", "at most 1024 credit lanes"),
    ("accounts add-lanes alice -5", "at most 1024 credit lanes"),
    ("accounts close ..", "neither . nor .."),
    ("publish", "expected <FILE>, or - for standard input: "),
    ("publish --json", "`… | giro publish -`"),
    ("invoke", "--event <FILE>"),
    ("invoke events/msk.json", "expected --event before it: `giro invoke --event events/msk.json`"),
    ("invoke --function payment-processor x.json", "expected --event before it: `giro invoke --event x.json`"),
    ("topics", "Usage: giro topics"),
    ("topics create --replication", "a value is required"),
    ("topics create --replication 0", "expected a whole number from 1"),
    ("dead-letters", "Usage: giro dead-letters"),
    ("dead-letters show", "<TOPIC/PARTITION/OFFSET[/DIGEST]>"),
    ("dead-letters redrive", "say --all for every one that waits, or --reason"),
    ("dead-letters redrive --again --edit", "topic/partition/offset/digest"),
    ("failed redrive", "say --all for every one that waits"),
    ("failed redrive --again", "topic/partition/offset"),
    ("outcomes republish", "by --payment, or a time range by --from and --to, or say --undelivered"),
    ("outcomes republish --read-units 1", "the queue of undelivered outcomes; --queue names another"),
    ("simulate --seeds 0", "expected a whole number from 1"),
    ("simulate --steps 0", "expected a whole number from 1"),
    ("simulate --seconds 0", "expected a whole number from 1"),
    ("simulate --jobs 0", "expected a whole number from 1"),
    ("bench", "Usage: giro bench"),
    ("bench model", "--workload <WORKLOAD>"),
    ("bench model --workload x", "'--workload <WORKLOAD>'"),
    ("bench model --workload zipf --exponent x", "'--exponent <E>': expected a number from 0 to 5"),
    ("bench model --workload uniform --exponent 1", "--exponent: only --workload zipf and round are skewed"),
    ("bench model --workload uniform --accounts 1", "'--accounts <N>': expected a whole number from 2"),
    (
        "bench model --workload uniform --accounts 3 --partitions 4",
        "--accounts: with --keys even, expected at least as",
    ),
    ("bench model --workload uniform --partitions 0", "'--partitions <P>': expected a whole number from 1"),
    ("bench model --workload uniform --batch 10001", "'--batch <B>': expected a whole number from 1 to 10000"),
    ("bench model --workload uniform --batches 0", "'--batches <N>': expected a whole number from 1"),
    ("bench model --workload uniform --balance -1", "'--balance <MINOR>': expected a whole number from 0"),
    ("bench model --workload uniform --declines 101", "'--declines <PERCENT>': expected a whole number from 0 to 100"),
    ("bench model --workload settlement --declines 1", "--declines: the account of --workload settlement has no limit"),
    ("bench model --workload uniform --duplicates x", "'--duplicates <PERCENT>': expected a whole number from 0"),
    ("bench model --workload uniform --lanes 1025", "'--lanes <N>': expected at most 1024 credit lanes"),
    ("bench model --workload uniform --keys x", "'--keys <KEYS>'"),
    ("bench model --workload uniform --seed x", "'--seed <S>': expected a whole number from 0"),
    ("bench model --workload uniform --rate 0", "'--rate <R>': expected a whole number from 1"),
    ("bench model --workload uniform --rate 1 --carries", "cannot be used with"),
    ("bench model --workload uniform --rate 1 --batches 3", "--batches: with --rate or --carries, expected at least 4"),
    ("bench model --workload uniform --window-ms 0", "--window-ms: expected --rate or --carries beside it"),
    ("bench model --workload uniform --carries --window-ms x", "'--window-ms <W>': expected a whole number from 0"),
    ("bench check --group x", "'--group <GROUP>'"),
    ("bench contend --contender giro --endpoint http://127.0.0.1:1", "<EVENTS>"),
    ("outcomes --topic", "a value is required"),
    ("up --parameter", "a value is required"),
    ("up --parameter NamePrefix", "expected NAME=VALUE"),
    ("up --parameter =1", "expected NAME=VALUE"),
    ("up --accounts-table a/b", "'--accounts-table <NAME>': expected the name of a table: 3 to 255 characters"),
    ("demo --payments-table ab", "'--payments-table <NAME>': expected the name of a table"),
    ("accounts list --dead-letters-table a+b", "'--dead-letters-table <NAME>': expected the name of a table"),
    ("audit --timeout", "a value is required"),
];

/// No command takes a missing value as a value. It asks for required values, and refuses an option that would do
/// nothing.
#[test]
fn a_value_that_a_command_needs_is_asked_for() {
    for (line, says) in ASKED_FOR {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        check(&arguments, None, "", 2, says);
    }
}

#[test]
fn help_says_what_it_does_and_the_exit_codes() {
    check(&["--help"], None, "", 0, "3  an engine can't be reached");
    for page in [&["help", "engines"][..], &["engines"], &["engines", "--help"]] {
        check(page, None, "", 0, "--kafka-bootstrap-servers <HOST:PORT>");
        check(page, None, "", 0, "AUDIT_HEADS_TABLE");
        check(page, None, "", 0, "the `giro up` that runs in this folder");
    }
    check(&["demo", "--help"], None, "", 0, "Starts the stack");
    check(&["publish", "--help"], None, "", 0, "Example:");
}

#[test]
fn an_engine_that_is_not_there_exits_with_3_and_is_named() {
    let nowhere = ["--dynamodb-endpoint", "http://127.0.0.1:1"];
    check(&[&["accounts", "list"], &nowhere[..]].concat(), None, "", 3, "DynamoDB at http://127.0.0.1:1: ");
    check(&[&["payments", "show", "k1"], &nowhere[..]].concat(), None, "", 3, "DynamoDB at http://127.0.0.1:1: ");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_opened_shown_and_listed() {
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let client = giro_cli::local::aws::dynamodb(Some(engine.endpoint())).await.unwrap();
    giro_testkit::tables::create(&client, &giro::store::Tables::default(), false).await.unwrap();
    let engine = Some(&engine);
    check(
        &["accounts", "open", "alice", "--currency", "EUR", "--overdraft-limit", "0.05", "--direct"],
        engine,
        "",
        0,
        "opened alice",
    );
    check(
        &["accounts", "open", "alice", "--currency", "EUR", "--overdraft-limit", "0.05", "--direct"],
        engine,
        "",
        0,
        "open already",
    );
    check(&["accounts", "open", "alice", "--currency", "EUR", "--direct"], engine, "", 1, "overdraft limit 0.05");
    check(&["accounts", "open", "alice", "--currency", "USD", "--direct"], engine, "", 1, "open already, in EUR");
    check(&["accounts", "open", "bank", "--currency", "EUR", "--unlimited", "--direct"], engine, "", 0, "opened bank");
    let shop = ["accounts", "open", "shop", "--currency", "EUR", "--direct", "--credit-lanes"];
    check(&[&shop[..], &["1025"]].concat(), engine, "", 2, "at most 1024 credit lanes");
    check(&[&shop[..], &["2"]].concat(), engine, "", 0, "opened shop");
    check(&[&shop[..], &["3"]].concat(), engine, "", 1, "with 2 credit lanes: `giro accounts add-lanes`");
    check(&["accounts", "add-lanes", "nobody", "3", "--direct"], engine, "", 1, "no account 'nobody'");
    check(&["accounts", "add-lanes", "shop", "3", "--direct"], engine, "", 0, "shop has 3 credit lanes");
    check(&["accounts", "add-lanes", "shop", "1", "--direct"], engine, "", 0, "shop has 3 credit lanes");
    let lane = giro::domain::Lane { version: 2, ..giro_testkit::given::lane("shop/1", 7) };
    let credited = giro::store::items::lane::encode(&lane);
    client.put_item().table_name("accounts").set_item(Some(credited)).send().await.unwrap();
    check(
        &["accounts", "list"],
        engine,
        "",
        0,
        "shop                     EUR      open                     0.07           0.00",
    );
    let shown = giro(&["accounts", "show", "shop", "--json"], engine, "");
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!((&json["balance"], &json["credit_lanes"]), (&7.into(), &3.into()));
    assert_eq!(json["lanes"][0], serde_json::json!({ "lane": 1, "balance": 7, "version": 2 }));
    check(&["audit"], engine, "", 1, "account shop: its settled payments make 0, its balance is 7");
    let empty = giro::store::items::lane::encode(&giro::domain::Lane { balance: giro::domain::Balance::ZERO, ..lane });
    client.put_item().table_name("accounts").set_item(Some(empty)).send().await.unwrap();
    check(&["accounts", "show", "nobody"], engine, "", 1, "no account 'nobody'");
    check(&["accounts", "list"], engine, "", 0, "unlimited");
    check(&["payments", "show", "k1"], engine, "", 1, "has no outcome");
    check(&["dead-letters", "show", "t/0/1"], engine, "", 1, "no dead letter t/0/1");
    check(&["audit"], engine, "", 0, "3 accounts, 0 settled payments");
    let shown = giro(&["accounts", "show", "alice", "--json"], engine, "");
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(
        (&json["account_id"], &json["balance"], &json["overdraft_limit"]),
        (&"alice".into(), &0.into(), &5.into())
    );

    // Every sample event through the real handler, one after the other.
    check(&["accounts", "open", "bob", "--currency", "EUR", "--direct"], engine, "", 0, "opened bob");
    let events = std::path::Path::new(crate::ROOT).join("events");
    for entry in std::fs::read_dir(events.join("odd")).unwrap().chain(std::fs::read_dir(&events).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let (code, says) = match path.file_stem().unwrap().to_str().unwrap() {
            "offset-missing" => (1, "records[\\\"payment-requests-sample-0\\\"][0].offset: expected a whole number"),
            "no-records" => (1, "got an object without records"),
            "sqs" => (1, r#""errorType":"Giro.ForeignEvent""#),
            _ => (0, r#"{"batchItemFailures":[]}"#),
        };
        let mut arguments = vec!["invoke", "--json", "--event", path.to_str().unwrap()];
        if says.contains("object without records") || says.contains("Foreign") {
            // Nothing in it says which function it is for.
            arguments.extend(["--function", "payment-processor"]);
        }
        check(&arguments, engine, "", code, says);
    }
    let elsewhere = ["invoke", "--timeout", "2", "--lambda-endpoint", "http://127.0.0.1:1", "--event"];
    let event = events.join("msk.json");
    let arguments: Vec<&str> = elsewhere.iter().copied().chain([event.to_str().unwrap()]).collect();
    check(&arguments, engine, "", 2, "--timeout: expected none: a function that Lambda runs has a time-out of its own");
    check(&["payments", "show", "msk-1"], engine, "", 0, r#""status":"declined""#);
    check(&["dead-letters", "show", "payment-requests-sample/0/31"], engine, "", 0, "header       name = Köln");
    check(&["dead-letters", "list"], engine, "", 0, "not_base64");
    // Another program computed the names from the samples' bytes. One is in docs/dead-letters.md.
    for name in ["payment-requests-sample/0/20/1c15605fe08daa6d", "payment-requests-sample/0/31/54d193be982f6684"] {
        check(&["dead-letters", "list"], engine, "", 0, &format!("{name}  parked"));
        check(&["dead-letters", "show", name], engine, "", 0, &format!("source       {name}"));
    }
    check(&["dead-letters", "show", "payment-requests-sample/0/20", "--value"], engine, "", 0, "");
}

/// Each record's fate is told, and a second time it is another.
#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_tells_what_became_of_each_record() {
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let client = giro_cli::local::aws::dynamodb(Some(engine.endpoint())).await.unwrap();
    giro_testkit::tables::create(&client, &giro::store::Tables::default(), false).await.unwrap();
    let (engine, events) = (Some(&engine), Path::new(crate::ROOT).join("events"));
    let tell = |event: &str| {
        let output = giro(&["invoke", "--event", events.join(event).to_str().unwrap()], engine, "");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let row = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        text.lines().map(row).collect::<Vec<_>>()
    };
    let told = tell("msk.json");
    assert_eq!(
        told[..2],
        ["partition offset id fate", "payment-requests-sample-0 15 msk-1 declined: debtor_not_found"]
    );
    let again = tell("msk.json");
    assert_eq!(again[1], "payment-requests-sample-0 15 msk-1 replayed");
    assert_eq!(again.len(), 5, "{again:?}");
    let letters = tell("odd/only-bad-records.json");
    assert_eq!(letters[1], "payment-requests-sample-0 20 - dead letter: not_json");
    // Two accounts are opened, one twice; then the answers were there before.
    let first = tell("account-commands/open.json");
    assert!(
        first[1].ends_with("applied") && first.iter().any(|row| row.ends_with("refused: account_exists")),
        "{first:?}"
    );
    let second = tell("account-commands/open.json");
    assert!(second[1..].iter().all(|row| row.ends_with("replayed")), "{second:?}");
}

/// A name of a topic in the environment, as a deployment has it, does not stop a dry run. It gets as far as its engine.
#[test]
fn a_dry_run_takes_no_offence_at_a_topic_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--dynamodb-endpoint", "http://127.0.0.1:9", "publish", "--dry-run", "-"];
    let refund = br#"{"refund_id":"r1","original_payment_id":"p1","debtor_account":"shop"}"#;
    let output = run(command(&arguments, folder.path()).env("REQUESTS_TOPIC", "x-payment-requests"), refund);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}
