//! Arguments, variables, input, ids and names that a command can't take: it says which, and what it expected.

use std::net::TcpListener;

use giro::domain::account_command::{Action, DecidedCommand, Refusal};
use giro::domain::{Account, AccountCommand, AccountId, CommandId, Payment, PaymentId, Timestamp};
use giro::store::items;
use giro_testkit::dynamodb::EmbeddedDynamoDb;
use giro_testkit::given::{self, Placed as _, Setters as _};

use super::{PAYMENT, check, event, run, stderr, tables, topics};

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_are_as_the_readme_has_them() {
    let (dynamodb, kafka) = (tables().await, topics().await);
    let at =
        [("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint()), ("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers())];
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (wrong, file) = (path("wrong.yaml"), path("file"));
    std::fs::write(&wrong, "Resources: [").unwrap();
    std::fs::write(&file, "").unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let dir = folder.path().to_str().unwrap();
    let cases = [
        ("up --template nowhere.yaml".to_owned(), 2, "nowhere.yaml"),
        (format!("up --template {wrong}"), 2, "wrong.yaml"),
        (format!("up --template {dir}"), 2, dir),
        (format!("topics create --template {wrong}"), 2, "wrong.yaml"),
        ("up --only nobody".to_owned(), 2, "no function nobody: expected one of account-processor"),
        (format!("up --http-port {port}"), 2, "the HTTP API can't listen there"),
        ("up --only payment-processor --http-port 0".to_owned(), 2, "--http-port: none of the functions"),
        ("up --http-port 65536".to_owned(), 2, "expected a whole number from 0 to 65535"),
        ("demo --partitions 1001".to_owned(), 2, "expected a whole number from 1 to 1000"),
        (format!("up --data {file}"), 2, "--data: creating the data folder"),
        ("up --data /proc/giro".to_owned(), 2, "--data: creating the data folder /proc/giro"),
        ("topics list --kafka-bootstrap-servers 127.0.0.1:99999".to_owned(), 2, "expected HOST:PORT"),
        ("outcomes --topic nowhere".to_owned(), 2, "has no topic nowhere"),
        ("publish - --topic nowhere".to_owned(), 2, "has no topic nowhere"),
        (format!("publish {dir}"), 2, "Is a directory"),
        (format!("invoke --event {dir}"), 2, "Is a directory"),
        (format!("invoke --event {file}"), 2, "expected an event as JSON"),
        ("accounts list --dynamodb-endpoint nonsense".to_owned(), 2, "nonsense: expected a URL"),
        ("up --lambda-endpoint nonsense".to_owned(), 2, "nonsense: expected a URL"),
        ("payments show p1".to_owned(), 1, "has no outcome"),
        ("dead-letters redrive t/0/1".to_owned(), 1, "no dead letter"),
        ("accounts list".to_owned(), 0, "account"),
        ("topics list".to_owned(), 0, "payment-requests"),
        ("publish -".to_owned(), 0, "published 1 records"),
    ];
    std::thread::scope(|scope| {
        for (words, code, says) in &cases {
            // `giro up` starts its engines itself.
            let variables: &[(&str, &str)] = if words.starts_with("up") { &[] } else { &at };
            scope.spawn(move || check(words, variables, PAYMENT.as_bytes(), *code, says));
        }
    });
    let login = |auth| [("KAFKA_AUTH", auth), ("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers())];
    check("topics list", &login("plain"), b"", 2, "KAFKA_AUTH");
    check("topics list", &login("scram"), b"", 2, "KAFKA_");
    let half = [at[0], ("AWS_ACCESS_KEY_ID", "me")];
    check("accounts list", &half, b"", 2, "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not");
    let half = [at[0], ("AWS_SECRET_ACCESS_KEY", "me")];
    check("accounts list", &half, b"", 2, "AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not");
}

/// One line each: no poller has started, and no advice follows that doesn't help.
#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_can_not_start_says_why_in_one_line() {
    let dynamodb = tables().await;
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = run(&format!("up --http-port {port}"), &[], b"");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    assert!(stderr(&output).starts_with(&format!("giro: --http-port {port}: ")), "{}", stderr(&output));
    // No programs are here, and so no shell.
    let folder = tempfile::tempdir().unwrap();
    let empty = [("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint()), ("PATH", folder.path().to_str().unwrap())];
    let invoke = format!("invoke --event {}", event("msk.json"));
    for words in [invoke.as_str(), "up", "demo"] {
        let output = run(words, &empty, b"");
        let expected = "giro: functions are started by bash, and there is none in PATH: install it\n";
        assert_eq!((output.status.code(), stderr(&output)), (Some(3), expected.into()), "{words}");
    }
}

/// Whoever sets a variable wrong reads its name: neither is it blamed on an engine, nor only on the flag that it stands
/// for.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_variable_is_bad_input_and_told_by_its_name() {
    let dynamodb = tables().await;
    let folder = tempfile::tempdir().unwrap();
    let home = ("HOME", folder.path().to_str().unwrap());
    let at = ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint());
    // Nobody's credentials: neither this machine's nor those of who runs the test.
    let nobody =
        [home, ("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    let aws = |variable| [nobody[0], nobody[1], nobody[2], nobody[3], variable];
    type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], &'c str);
    let cases: [Case<'_>; 9] = [
        ("accounts list", &[at, ("ACCOUNTS_TABLE", "a b")], "the value comes from the variable ACCOUNTS_TABLE"),
        ("up", &[("ACCOUNT_COMMANDS_TABLE", "ab")], "the value comes from the variable ACCOUNT_COMMANDS_TABLE"),
        ("topics list", &[("KAFKA_BOOTSTRAP_SERVERS", "a:x")], "from the variable KAFKA_BOOTSTRAP_SERVERS"),
        ("--aws accounts list", &[("AWS_REGION", "nowhere")], "AWS_REGION: expected a region of AWS, such as"),
        ("--aws audit", &[("AWS_REGION", "eu central 1")], "AWS_REGION: expected a region of AWS, such as"),
        ("--aws accounts list", &aws(("AWS_DEFAULT_REGION", "EU")), "AWS_DEFAULT_REGION: expected a region of AWS"),
        (
            "accounts list --dynamodb-endpoint https://127.0.0.1:1",
            &[("AWS_REGION", "nowhere")],
            "AWS_REGION: expected a region of AWS",
        ),
        (
            "--aws accounts list",
            &aws(("AWS_REGION", "eu-central-1")),
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        ("--aws audit", &aws(("AWS_REGION", "eu-central-1")), "or name a profile by AWS_PROFILE"),
    ];
    for (words, variables, says) in cases {
        let output = run(words, variables, b"");
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{words} {variables:?}: {text}");
        assert!(text.contains(says), "{words} {variables:?}: expected {says:?} in\n{text}");
    }
    let flag = run("accounts list --accounts-table ab", &[at, ("ACCOUNTS_TABLE", "accounts")], b"");
    assert!(!stderr(&flag).contains("variable"), "the flag is at fault: {}", stderr(&flag));
}

#[tokio::test(flavor = "multi_thread")]
async fn input_is_taken_or_refused_in_words() {
    let (dynamodb, kafka) = (tables().await, topics().await);
    let at =
        [("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint()), ("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers())];
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        format!("invoke --function payment-processor --event {}", path.display())
    };
    let marked = |text: &str| [b"\xef\xbb\xbf", text.as_bytes()].concat();

    check("publish -", &at, &marked(PAYMENT), 0, "published 1 records");
    check("publish -", &at, b"", 0, "published 0 records");
    check("publish -", &at, b"\n{\"payment_id\":}", 2, "line 2, column 15: value: expected JSON");
    let output = run("publish -", &at, b"\n{\"payment_id\":}");
    assert_eq!(stderr(&output).matches("line ").count(), 1, "{}", stderr(&output));
    check("publish -", &at, b"\xff\xfe{\0", 2, "line 1: value: expected UTF-8");

    let large = format!(r#"{{"records":{{}},"x":"{}"}}"#, "x".repeat(6 * 1024 * 1024));
    check(&file("large.json", large.as_bytes()), &at, b"", 2, "expected an event of at most 6291456 bytes (6 MB)");
    check(&file("text.json", b"hello"), &at, b"", 2, "text.json: expected an event as JSON");
    check(&file("marked.json", &marked(r#"{"records":{}}"#)), &at, b"", 0, "partition");
}

/// No new id is `.` or `..`. What older versions stored under them can still be shown.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_under_dots_is_found() {
    let (dynamodb, kafka) = (tables().await, topics().await);
    let client = giro_testkit::dynamodb::client(dynamodb.endpoint());
    let (dot, dots) = (AccountId::try_stored(".").unwrap(), AccountId::try_stored("..").unwrap());
    let account = Account { id: dots.clone(), ..given::account("a").unlimited() };
    let payment = Payment {
        id: PaymentId::try_stored(".").unwrap(),
        debtor: dots,
        creditor: dot.clone(),
        ..given::payment("p", "a", "b", 1)
    };
    let request = payment.at(0, 0);
    let entry = given::entry(&request, Ok(()));
    let id = CommandId::try_stored("..").unwrap();
    let command = AccountCommand { id, account: dot, ..given::command("c", "a", Action::Freeze) };
    let command = command.at(0, 0);
    let decided =
        DecidedCommand { request: &command, decision: Err(Refusal::AccountNotFound), decided_at: Timestamp::EPOCH };
    for (table, item) in [
        ("accounts", items::account::encode(&account)),
        ("payments", items::payment::encode(&entry)),
        ("account-commands", items::account_command::encode(&decided)),
    ] {
        client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }
    let at =
        [("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint()), ("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers())];
    for (words, code, says) in [
        ("accounts show ..", 0, "..  "),
        ("accounts show .", 1, "no account '.'"),
        ("accounts commands --account .", 0, "account_not_found"),
        ("payments show .", 0, r#""payment_id":".""#),
        ("payments show ..", 1, "the payment '..' has no outcome: it is on its way"),
        ("outcomes republish --payment .", 0, "published 1 outcomes"),
        ("payments show a/b", 2, "expected 1 to 64 characters"),
        ("accounts freeze .. --no-wait", 2, "neither . nor .."),
        ("accounts open . --currency EUR --direct", 2, "neither . nor .."),
    ] {
        check(words, &at, b"", code, says);
    }
}

/// With a wrong name, or a stack that doesn't exist, DynamoDB answers and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_is_told_by_its_name_and_with_what_to_do() {
    let dynamodb = EmbeddedDynamoDb::start(None).unwrap();
    let at = [
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint()),
        ("ACCOUNTS_TABLE", "one"),
        ("PAYMENTS_TABLE", "two"),
        ("DEAD_LETTERS_TABLE", "three"),
        ("ACCOUNT_COMMANDS_TABLE", "four"),
    ];
    for (words, table) in [
        ("accounts list", "one"),
        ("accounts show a", "one"),
        ("accounts open a --currency EUR --direct", "one"),
        ("audit", "one"),
        ("payments show p", "two"),
        ("dead-letters list", "three"),
        ("accounts commands", "four"),
    ] {
        let output = run(words, &at, b"");
        let expected = format!(
            "giro: DynamoDB has no table {table}. Check that the stack exists, in this account and region, and that this \
             is the table's name\n"
        );
        assert_eq!((output.status.code(), stderr(&output)), (Some(2), expected), "{words}");
    }
}

/// An empty list says so to a person, and nothing to a script.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_empty_says_so_on_stderr_alone() {
    let (dynamodb, kafka) = (tables().await, topics().await);
    let at =
        [("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint()), ("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers())];
    let nothing = |words: &str, says: &str| {
        for words in [words.to_owned(), format!("{words} --json")] {
            let output = run(&words, &at, b"");
            let told = (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), stderr(&output));
            assert_eq!(told, (Some(0), String::new(), format!("{says}\n")), "{words}");
        }
    };
    nothing("accounts list", "no account");
    check("accounts open a --currency EUR --direct", &at, b"", 0, "opened a");
    for (words, says) in [
        ("dead-letters list", "no dead letter"),
        ("failed list", "no record was given up"),
        ("failed list --waiting", "no record was given up and waits"),
        ("payments list", "no payment"),
        ("payments list --account nobody", "no payment"),
        ("accounts statement a", "no posting"),
        ("accounts commands", "no command"),
    ] {
        nothing(words, says);
    }
}
