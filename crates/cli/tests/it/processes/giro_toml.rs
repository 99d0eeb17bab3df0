//! `giro.toml`: which one counts, and when it doesn't.

use std::path::Path;

use giro_testkit::dynamodb::EmbeddedDynamoDb;

use super::cli::{command, run};
use super::complaints::topics;

/// Runs a command in a folder. Checks its exit code and that it says this. Gives all that it said.
fn check(folder: &Path, words: &str, variables: &[(&str, &str)], code: i32, says: &str) -> String {
    let words: Vec<&str> = words.split(' ').collect();
    let output = run(command(&words, folder).envs(variables.iter().copied()), b"");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{words:?}: {text}");
    assert!(text.contains(says), "{words:?}: expected {says:?} in\n{text}");
    text
}

/// A DynamoDB with one account.
async fn ledger(account: &str) -> EmbeddedDynamoDb {
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let client = giro_cli::local::aws::dynamodb(Some(engine.endpoint())).await.unwrap();
    giro_testkit::tables::create(&client, &giro::store::Tables::default(), false).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let open = format!("accounts open {account} --currency EUR --direct --dynamodb-endpoint {}", engine.endpoint());
    check(folder.path(), &open, &[], 0, "opened");
    engine
}

#[tokio::test(flavor = "multi_thread")]
async fn engines_of_a_file_count_after_all_others_and_only_together() {
    let (project, above) = (tempfile::tempdir().unwrap(), "giro.toml");
    let folder = project.path().join("a/b");
    std::fs::create_dir_all(&folder).unwrap();
    let (of_the_file, another, kafka) = (ledger("alice").await, ledger("bob").await, topics().await);
    let at = |dynamodb: &str| {
        format!("kafka-bootstrap-servers = '{}'\ndynamodb-endpoint = '{dynamodb}'\n", kafka.bootstrap_servers())
    };
    std::fs::write(project.path().join(above), at(of_the_file.endpoint())).unwrap();
    check(&folder, "accounts list", &[], 0, "alice");
    check(&folder, "topics list", &[], 0, "payment-requests");
    let variable = [("AWS_ENDPOINT_URL_DYNAMODB", another.endpoint())];
    check(&folder, "accounts list", &variable, 0, "bob");
    check(&folder, "topics list", &variable, 2, "which Kafka?");
    check(&folder, &format!("accounts list --dynamodb-endpoint {}", another.endpoint()), &[], 0, "bob");
    // The nearest one alone.
    std::fs::write(folder.join(above), format!("dynamodb-endpoint = '{}'\n", another.endpoint())).unwrap();
    check(&folder, "accounts list", &[], 0, "bob");
    check(&folder, "topics list", &[], 2, "which Kafka?");
    check(folder.parent().unwrap(), "accounts list", &[], 0, "alice");

    // A stack of this folder comes first. This one has engines of its own, because it is told to start a Kafka.
    let file = format!("{}[up]\nonly = 'payment-processor'\npartitions = 3\n", at(another.endpoint()));
    std::fs::write(folder.join(above), file).unwrap();
    check(&folder, "up --detach --kafka embedded", &[], 0, "giro down");
    let topics = check(&folder, "topics list", &[], 0, "payment-requests ");
    let requests = topics.lines().find(|line| line.starts_with("payment-requests "));
    assert!(requests.is_some_and(|line| line.contains(" 3 ")), "{topics}");
    let accounts = check(&folder, "accounts list", &[], 0, "");
    assert!(!accounts.contains("bob"), "{accounts}");
    check(&folder, &format!("accounts list --dynamodb-endpoint {}", another.endpoint()), &[], 0, "bob");
    check(&folder, "down", &[], 0, "stopped");
    check(&folder, "accounts list", &[], 0, "bob");

    // Now it has those of the file.
    check(&folder, "up --detach", &[], 0, "giro down");
    check(&folder, "accounts list", &[], 0, "bob");
    check(&folder, "status dynamodb", &[], 0, another.endpoint());
    check(&folder, "down", &[], 0, "stopped");
}

#[test]
fn a_wrong_file_is_told_by_its_line_and_a_stack_can_still_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, below) = (folder.path().canonicalize().unwrap(), folder.path().join("below"));
    std::fs::create_dir(&below).unwrap();
    let write = |text: &str| std::fs::write(folder.join("giro.toml"), text).unwrap();
    write("# mine\ndynamo = 'x'\n");
    for words in ["accounts list", "up", "pay --from a --to b 1 EUR"] {
        check(&folder, words, &[], 2, "giro: giro.toml, line 2: dynamo: expected one of kafka-bootstrap-servers, ");
    }
    check(&below, "accounts list", &[], 2, &format!("giro: {}/giro.toml, line 2: dynamo: ", folder.display()));
    check(&folder, "down", &[], 1, "no `giro up`");
    check(&folder, "help engines", &[], 0, "giro.toml");
    write("[up]\npartitions = 1001\n");
    check(&folder, "up", &[], 2, "giro.toml, line 2: partitions: expected a whole number from 1 to 1000");
    write("dynamodb-endpoint = 'http://127.0.0.1:1'\n");
    check(&folder, "accounts list", &[], 3, "giro.toml names the engines");
    std::fs::remove_file(folder.join("giro.toml")).unwrap();
    std::fs::create_dir(folder.join("giro.toml")).unwrap();
    check(&below, "accounts list", &[], 2, "giro.toml: ");
}
