//! What commands find and what they don't. They find a stack of their folder with any names. They find no engine that
//! nobody named, and no value in an empty variable.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use giro::publish::kafka::{Identity, KafkaProducer, LINGER};
use giro::publish::{Publish, PublishError};
use giro_cli::local::kafka::EmbeddedKafka;
use giro_testkit::dynamodb::EmbeddedDynamoDb;

use crate::processes::cli;

/// How long a process may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A command in a folder, with these variables.
fn command(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = cli::command(arguments, folder);
    command.envs(variables.iter().copied());
    command
}

fn run(folder: &Path, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    cli::run(&mut command(folder, arguments, variables), input.as_bytes())
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A `giro up` in a folder. Ended when dropped.
struct Up<'a> {
    process: Child,
    folder: &'a Path,
    variables: &'a [(&'a str, &'a str)],
}

impl<'a> Up<'a> {
    /// It takes records when this returns.
    fn start(folder: &'a Path, arguments: &[&str], variables: &'a [(&'a str, &'a str)]) -> Self {
        let log = std::fs::File::create(folder.join("up.log")).unwrap();
        let mut command = command(folder, &[&["up"], arguments].concat(), variables);
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut up = Self { process, folder, variables };
        // Its last line of what it tells.
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(up.process.stdout.take().unwrap()));
        let ready = lines.any(|line| line.unwrap().contains("stops everything"));
        assert!(ready, "{}", up.log());
        // What it writes further goes nowhere; it must not go to a closed pipe.
        std::thread::spawn(move || lines.count());
        up
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("up.log")).unwrap_or_default()
    }

    fn run(&self, arguments: &[&str], input: &str) -> Output {
        run(self.folder, arguments, self.variables, input)
    }

    /// Runs a command; what it prints.
    fn check(&self, arguments: &[&str], input: &str, code: i32, says: &str) -> String {
        let output = self.run(arguments, input);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}\n{}", self.log());
        assert!(text.contains(says), "{arguments:?}: expected {says:?} in\n{text}");
        text
    }

    /// Runs commands side by side, each of which says so.
    fn together(&self, commands: &[(&[&str], &str)]) {
        std::thread::scope(|scope| {
            for (arguments, says) in commands {
                scope.spawn(|| self.check(arguments, "", 0, says));
            }
        });
    }

    /// Runs a command until it prints this, because a record takes a little time.
    fn until(&self, arguments: &[&str], says: &str) -> String {
        let since = Instant::now();
        loop {
            let text = text(&self.run(arguments, ""));
            if text.contains(says) {
                return text;
            }
            assert!(since.elapsed() < PATIENCE, "{arguments:?}: expected {says:?} in\n{text}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until it has ended well.
    fn ended(mut self) {
        assert!(self.process.wait().unwrap().success(), "{}", self.log());
    }

    /// Stops it as Ctrl-C does, and waits until it has ended.
    fn stop(self) {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(asked.success());
        self.ended();
    }

    /// Ends it as a crash does.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Up<'_> {
    fn drop(&mut self) {
        // It has ended already, perhaps.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn event(name: &str) -> String {
    format!("{}/events/{name}", crate::ROOT)
}

/// Every command, on a stack whose topics, tables and functions all have other names than the usual ones. The variables
/// that ask AWS for other endpoints concern neither its engines nor its functions.
#[test]
fn every_command_finds_a_stack_in_which_nothing_has_its_usual_name() {
    let folder = tempfile::tempdir().unwrap();
    let tables = ["--accounts-table", "t-a", "--payments-table", "t-p", "--dead-letters-table", "t-d"];
    let arguments = [&tables[..], &["--account-commands-table", "t-c", "--parameter", "NamePrefix=eu-"]].concat();
    let variables = [("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")];
    let up = Up::start(folder.path(), &arguments, &variables);
    let topics = up.check(&["topics", "list"], "", 0, "eu-payment-requests ");
    assert!(topics.lines().all(|line| line.starts_with("eu-")), "{topics}");

    for account in ["alice", "fred", "gone", "shop"] {
        up.check(&["accounts", "open", account, "--currency", "EUR", "--direct"], "", 0, "opened");
    }
    // Each waits for its answer: together they wait once.
    up.together(&[
        (&["accounts", "open", "bank", "--currency", "EUR", "--unlimited"], "applied open bank"),
        (&["accounts", "freeze", "fred"], "applied freeze fred"),
        (&["accounts", "set-limit", "alice", "--overdraft-limit", "5"], "applied set_overdraft_limit"),
        (&["accounts", "add-lanes", "shop", "2"], "applied add_lanes shop"),
        (&["accounts", "close", "gone"], "applied close gone"),
    ]);
    up.check(&["accounts", "unfreeze", "fred"], "", 0, "applied unfreeze fred");
    up.check(&["accounts", "add-lanes", "shop", "3", "--direct"], "", 0, "shop has 3 credit lanes");
    up.check(&["accounts", "commands"], "", 0, "add_lanes");
    up.check(&["accounts", "show", "alice"], "", 0, "open");
    up.check(&["accounts", "list"], "", 0, "bank");

    let payment = crate::processes::stack::payment("p1", "bank", "alice", 7);
    let records = format!("{payment}\nno payment");
    let published = "published 2 records to eu-payment-requests";
    up.check(&["publish", "-", "--unchecked"], &records, 0, published);
    up.until(&["payments", "show", "p1"], r#""status":"settled""#);
    up.until(&["outcomes"], "settled   p1: 0.07 EUR from bank to alice");
    let letters = up.until(&["dead-letters", "list"], "not_json");
    let source = letters.split_whitespace().next().unwrap();
    assert!(source.starts_with("eu-payment-requests/"), "{letters}");
    up.check(&["dead-letters", "show", source], "", 0, "no payment");
    up.check(&["dead-letters", "redrive", source], "", 0, "to eu-payment-requests/");
    up.check(&["outcomes", "republish", "--payment", "p1"], "", 0, "published 1 outcomes to eu-payment-outcomes");
    up.check(&["failed", "list"], "", 0, "");
    up.check(&["failed", "redrive", "--all"], "", 0, "nothing waits");
    up.check(
        &["failed", "list", "--topic", "payment-requests-failed"],
        "",
        2,
        "no topic payment-requests-failed; it has eu-",
    );
    up.check(&["audit"], "", 0, "5 accounts, 1 settled payments");

    for (sample, says) in [
        ("account-commands/open.json", "ev-open-1                applied"),
        ("msk.json", "msk-4                    declined: debtor_not_found"),
        ("outcome-publisher/inserts.json", r#"{"batchItemFailures":[]}"#),
        ("payment-api/get-account.json", r#""statusCode":200"#),
        ("ledger-auditor/schedule.json", "findings"),
    ] {
        up.check(&["invoke", "--event", &event(sample)], "", 0, says);
    }

    up.check(&["topics", "create"], "", 0, "eu-payment-requests was there already");
    // Names that a person gives come before the stack's.
    up.check(
        &["publish", "-", "--topic", "payment-requests"],
        &payment,
        2,
        "has no topic payment-requests; it has eu-",
    );
    up.check(&["outcomes", "--topic", "payment-outcomes"], "", 2, "has no topic payment-outcomes; it has eu-");
    let close = ["accounts", "close", "bank", "--topic", "account-commands"];
    up.check(&close, "", 2, "has no topic account-commands; it has eu-");
    up.check(&["accounts", "list", "--accounts-table", "accounts"], "", 2, "DynamoDB has no table accounts.");
    assert_eq!(up.check(&["topics", "list"], "", 0, ""), topics, "no command makes a topic by publishing to it");
    up.stop();
}

/// For a handler and for a person, a wrong name is an error, and creates no topic with a broker's defaults.
#[tokio::test(flavor = "multi_thread")]
async fn a_producer_makes_no_topic() {
    let kafka = EmbeddedKafka::start(&[]).await.unwrap();
    let wait = Duration::from_millis(500);
    let producer = KafkaProducer::new(kafka.bootstrap_servers(), Identity::None.into(), LINGER, wait).unwrap();
    let sent = producer.send("nowhere", None, Some(b"x"), &[]).await.unwrap().placed().await;
    assert!(matches!(sent, Err(PublishError::Unacknowledged(_))), "{sent:?}");
    assert!(producer.topics(PATIENCE).await.unwrap().is_empty());
}

/// A sample event goes to the function that takes such events, and to no other unless a person insists.
#[test]
fn an_event_goes_to_no_function_that_would_set_its_records_aside() {
    let folder = tempfile::tempdir().unwrap();
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let at = [("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint())];
    let check = |arguments: &[&str], code: i32, says: &str| {
        let output = run(folder.path(), &[&["invoke"], arguments].concat(), &at, "");
        let text = text(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(says), "{arguments:?}: expected {says:?} in\n{text}");
    };
    let (commands, requests) = (event("account-commands/lifecycle.json"), event("msk.json"));
    let other = ["--event", &commands, "--function", "payment-processor"];
    check(&other, 2, "the event is account-processor's, because its records are of the topic account-commands");
    let prefixed = ["--event", &requests, "--function", "eu-account-processor"];
    check(&prefixed, 2, "the event is payment-processor's");
    let arn = ["--event", &requests, "--function", "arn:aws:lambda:eu-central-1:1:function:account-processor:live"];
    check(&arn, 2, "the event is payment-processor's");
    let write = |text: &str| {
        let file = folder.path().join("event.json");
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let unknown = write(r#"{"Records":[{"eventSource":"aws:sqs","body":"{}"}]}"#);
    check(&["--event", &unknown], 2, "which function? The event doesn't say: its records are of aws:sqs");
    let failed = write(r#"{"records":{"payment-requests-failed-0":[{"topic":"payment-requests-failed"}]}}"#);
    check(&["--event", &failed], 2, "no function takes the topic payment-requests-failed");
    check(&["--event", &write("{}")], 2, "Name the function by --function");
    check(&["--event", &write("no event")], 2, "expected an event as JSON");
}

/// A second stack doesn't replace the first. No command gets an address where nothing listens, or uses AWS instead.
#[test]
fn a_second_stack_is_refused_and_one_that_was_killed_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, only) = (folder.path(), ["--only", "payment-processor"]);
    let variables = [("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x")];
    let first = Up::start(folder, &[&only[..], &["--data", "data"]].concat(), &variables);
    let told = std::fs::read(folder.join(".giro/up.json")).unwrap();
    let again = first.check(&["up", "--only", "payment-processor"], "", 2, "a `giro up` runs in this folder already");
    assert!(again.contains(&format!("process {}", first.process.id())), "{again}");
    assert_eq!(std::fs::read(folder.join(".giro/up.json")).unwrap(), told, "the first one's");
    first.check(&["accounts", "list"], "", 0, "");
    let elsewhere = tempfile::tempdir().unwrap();
    let data = folder.join("data");
    let shared = run(elsewhere.path(), &["up", "--data", data.to_str().unwrap()], &variables, "");
    assert!(text(&shared).contains("is in use by another `giro up`"), "{}", text(&shared));
    first.kill();
    let down = run(folder, &["down"], &variables, "");
    assert_eq!(down.status.code(), Some(1), "{}", text(&down));
    assert_eq!(text(&down), "giro: no `giro up` runs in this folder: the last one was killed\n");

    for arguments in [&["accounts", "list"][..], &["publish", "-"], &["outcomes"], &["audit"], &["topics", "list"]] {
        let output = run(folder, arguments, &variables, &crate::processes::stack::payment("p", "a", "b", 1));
        let text = text(&output);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {text}");
        assert!(text.starts_with("giro: the `giro up` of this folder was killed"), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
    }

    let second = Up::start(folder, &only, &variables);
    second.check(&["accounts", "list"], "", 0, "");
    // Another engine is named, so none of the stack's is used.
    let other = ["accounts", "list", "--kafka-bootstrap-servers", "127.0.0.1:1"];
    second.check(&other, "", 2, "which DynamoDB? the `giro up` of this folder has other engines");
    // What it tells was broken by somebody: that is said, and it can be stopped all the same.
    std::fs::write(folder.join(".giro/up.json"), "{").unwrap();
    second.check(&["accounts", "list"], "", 2, "`giro down` stops the stack; then start `giro up` again");
    second.check(&["down"], "", 0, "stopped");
    second.ended();
    let output = run(folder, &["accounts", "list"], &variables, "");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    assert!(text(&output).contains("or say --aws for AWS's own"), "{}", text(&output));
}

/// What stands where a stack keeps its addresses is told, and left as it is.
#[test]
fn a_file_in_the_place_of_the_stacks_folder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".giro"), "mine").unwrap();
    for words in [&["up"][..], &["up", "--detach"]] {
        let output = run(folder.path(), words, &[], "");
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", text(&output));
        let expected =
            "giro: .giro: expected a folder, in which `giro up` keeps its addresses, and got a file: move it";
        assert!(text(&output).starts_with(expected), "{words:?}: {}", text(&output));
    }
    let output = run(folder.path(), &["status"], &[], "");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert_eq!(std::fs::read(folder.path().join(".giro")).unwrap(), b"mine");
}

/// Every variable that stands for an argument, and some that the AWS SDK and the login to Kafka read.
#[test]
fn an_empty_variable_is_an_unset_one() {
    let known = giro_cli::commands::variables();
    for name in ["KAFKA_BOOTSTRAP_SERVERS", "AWS_ENDPOINT_URL_DYNAMODB", "ACCOUNTS_TABLE", "COMMANDS_TOPIC"] {
        assert!(known.contains(name), "{name} is no longer among {known:?}");
    }
    let others = [
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_PROFILE",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_LAMBDA_LOG_LEVEL",
        "AWS_USE_FIPS_ENDPOINT",
        "KAFKA_AUTH",
        "KAFKA_USERNAME",
    ];
    let empty: Vec<(&str, &str)> = known.iter().map(String::as_str).chain(others).map(|name| (name, "")).collect();
    let folder = tempfile::tempdir().unwrap();
    let nobody = run(folder.path(), &["accounts", "list"], &empty, "");
    assert_eq!(nobody.status.code(), Some(2), "{}", text(&nobody));
    assert!(text(&nobody).contains("which DynamoDB?"), "{}", text(&nobody));
    let up = Up::start(folder.path(), &["--only", "payment-processor", "--only", "account-processor"], &empty);
    up.check(&["accounts", "open", "bank", "--currency", "EUR", "--unlimited"], "", 0, "applied open bank");
    up.check(
        &["publish", "-"],
        &crate::processes::stack::payment("p1", "bank", "bank", 1),
        0,
        "published 1 records to payment-requests",
    );
    up.until(&["payments", "show", "p1"], "same_account");
    up.check(&["outcomes"], "", 0, "");
    up.check(&["invoke", "--json", "--event", &event("msk.json")], "", 0, "batchItemFailures");
    up.check(&["dead-letters", "list"], "", 0, "");
    up.check(&["accounts", "list", "--accounts-table", ""], "", 2, "expected a text that isn't empty");
    up.stop();
}

/// Every command that takes parameters refuses the same ones, in the same words, before anything starts.
#[test]
fn a_wrong_parameter_is_wrong_use_in_every_command() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&["up"][..], &["topics", "create", "--kafka-bootstrap-servers", "127.0.0.1:1"]] {
        for (parameter, says) in [
            ("RequestsPartitions=-1", "Parameters.RequestsPartitions: expected a number from 1 to 256, got '-1'"),
            ("RequestsPartitions=0", "Parameters.RequestsPartitions: expected a number from 1 to 256, got '0'"),
            (
                "KafkaAuth=sasl",
                "Parameters.KafkaAuth: expected one of iam, scram, scram-256, plain, mtls, none, got 'sasl'",
            ),
            ("Foo=1", "there is no Foo"),
            ("Foo", "expected NAME=VALUE"),
            ("=1", "expected NAME=VALUE"),
            ("RequestsPartitions=1.5", "--parameter RequestsPartitions=1.5: "),
        ] {
            let output = run(folder.path(), &[command, &["--parameter", parameter]].concat(), &[], "");
            assert_eq!(output.status.code(), Some(2), "{command:?} {parameter}: {}", text(&output));
            assert!(text(&output).contains(says), "{command:?} {parameter}: {}", text(&output));
        }
        let twice = ["--parameter", "Stage=a", "--parameter", "Stage=b"];
        let output = run(folder.path(), &[command, &twice].concat(), &[], "");
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(text(&output).contains("expected each name once, got Stage twice"), "{}", text(&output));
    }
}
