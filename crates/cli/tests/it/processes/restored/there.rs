//! Tables that are there before a restore. DynamoDB tells of which table and of which second they are. The embedded one
//! doesn't, so this one only answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use giro::domain::Timestamp;
use giro::store::Tables;
use giro_cli::restore::point_in_time::second;
use giro_testkit::tables::by_variable;
use serde_json::{Value, json};

use crate::processes::cli::{command as giro, run};

use super::copies::prefixed;

const ARN: &str = "arn:aws:dynamodb:eu-central-1:000000000000:table/";
const SECOND: &str = "2026-11-29T09:41:00Z";
/// The same, in seconds since 1970.
const SECOND_UNIX: i64 = 1_795_945_260;

/// What a table was restored from, and to which second.
type Origin = Option<(String, i64)>;

/// The tables that are there, and the names of those that were asked to be restored.
#[derive(Default)]
struct Account {
    there: BTreeMap<String, Origin>,
    asked: Vec<String>,
}

impl Account {
    fn answer(&mut self, call: &str, body: &Value) -> (u16, Value) {
        let name = body["TableName"].as_str().unwrap_or_default();
        match call {
            "DescribeTable" => {
                let Some(origin) = self.there.get(name) else {
                    return (400, json!({ "__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException" }));
                };
                let mut table = json!({
                    "TableName": name, "TableArn": format!("{ARN}{name}"), "TableStatus": "ACTIVE",
                    "CreationDateTime": SECOND_UNIX + 60,
                    "DeletionProtectionEnabled": true, "LatestStreamArn": format!("{ARN}{name}/stream/1"),
                    "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_IMAGE" },
                });
                if let Some((source, second)) = origin {
                    table["RestoreSummary"] = json!({
                        "SourceTableArn": source, "RestoreDateTime": second, "RestoreInProgress": false,
                    });
                }
                (200, json!({ "Table": table }))
            }
            "DescribeContinuousBackups" => {
                let recovery = json!({ "PointInTimeRecoveryStatus": "ENABLED" });
                let status = "ENABLED";
                (
                    200,
                    json!({ "ContinuousBackupsDescription": {
                    "ContinuousBackupsStatus": status, "PointInTimeRecoveryDescription": recovery } }),
                )
            }
            "RestoreTableToPointInTime" => {
                let (source, target) =
                    (body["SourceTableName"].as_str().unwrap(), body["TargetTableName"].as_str().unwrap());
                let second = body["RestoreDateTime"].as_f64().unwrap() as i64;
                self.there.insert(target.to_owned(), Some((format!("{ARN}{source}"), second)));
                self.asked.push(target.to_owned());
                (200, json!({ "TableDescription": { "TableName": target } }))
            }
            call => panic!("{call} is not expected"),
        }
    }
}

/// Answers as DynamoDB of an account that has these tables. Gives its endpoint.
async fn serve(there: &[(&str, Origin)]) -> (String, Arc<Mutex<Account>>) {
    let there = there.iter().map(|(name, origin)| ((*name).to_owned(), origin.clone())).collect();
    let account = Arc::new(Mutex::new(Account { there, asked: Vec::new() }));
    let answering = Arc::clone(&account);
    let answer = move |headers: HeaderMap, body: Bytes| {
        let target = headers["x-amz-target"].to_str().unwrap().to_owned();
        let call = target.rsplit('.').next().unwrap();
        let (status, value) = answering.lock().unwrap().answer(call, &serde_json::from_slice(&body).unwrap());
        async move { (axum::http::StatusCode::from_u16(status).unwrap(), value.to_string()) }
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
    (endpoint, account)
}

/// Runs `giro restore tables` beside tables that are there. Gives its exit code, its words, and what it restored.
async fn restored(there: &[(&str, Origin)], more: &[&str]) -> (i32, String, Vec<String>) {
    let (endpoint, account) = serve(there).await;
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&["restore", "tables", "--to", SECOND, "--prefix", "restored-"], more].concat();
    let mut command = giro(&arguments, folder.path());
    command.env("AWS_ENDPOINT_URL_DYNAMODB", endpoint).envs(by_variable(&Tables::default()));
    let output = tokio::task::spawn_blocking(move || run(&mut command, b"")).await.unwrap();
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    println!("{text}");
    let asked = account.lock().unwrap().asked.clone();
    (output.status.code().unwrap(), text, asked)
}

fn from(table: &str, second: i64) -> Origin {
    Some((format!("{ARN}{table}"), second))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_restored_unless_it_is_there_as_asked() {
    let names = prefixed("restored-");
    let (code, text, asked) = restored(&[("restored-accounts", from("accounts", SECOND_UNIX))], &[]).await;
    assert_eq!((code, text.contains("restored-accounts is there already")), (0, true), "{text}");
    // Its age tells a person whether it may be in use.
    let made = "made at 2026-11-29T09:42:00.000Z. If a stack has used it, it isn't as restored";
    assert!(text.contains(made), "{text}");
    let mut expected: Vec<_> = by_variable(&names).map(|(_, name)| name.to_owned()).into();
    let not_asked = ["restored-accounts", "restored-checkpoints", "restored-audit-heads"];
    expected.retain(|name| !not_asked.contains(&name.as_str()));
    assert!(text.contains("export CHECKPOINTS_TABLE=restored-checkpoints"), "the stack makes it: {text}");
    assert_eq!(asked, expected);
    assert!(text.contains(&format!("RestoredPaymentsStream={ARN}restored-payments/stream/1")), "{text}");
}

/// A table of an earlier restore has the name, and other money.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_another_second_or_source_is_not_taken() {
    for (origin, told) in [
        (
            from("accounts", SECOND_UNIX - 60),
            "from arn:aws:dynamodb:eu-central-1:000000000000:table/accounts to 2026-11-29T09:40:00",
        ),
        (from("other-accounts", SECOND_UNIX), "table/other-accounts to 2026-11-29T09:41:00"),
    ] {
        for more in [&[][..], &["--believe", "restored-account-commands"]] {
            let (code, text, asked) = restored(&[("restored-account-commands", origin.clone())], more).await;
            assert_eq!((code, asked), (1, vec![]), "{text}");
            assert!(text.contains("restored-account-commands is there already, restored from"), "{text}");
            assert!(text.contains(told) && text.contains("Choose another --prefix"), "{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_unknown_origin_is_believed_if_a_person_says_so() {
    let there = [("restored-payments", None)];
    for more in [&[][..], &["--believe", "restored-accounts"]] {
        let (code, text, asked) = restored(&there, more).await;
        assert_eq!((code, asked), (1, vec![]), "{text}");
        assert!(text.contains("DynamoDB doesn't say that it was restored"), "{text}");
        assert!(text.contains("say --believe restored-payments"), "{text}");
    }
    let (code, text, asked) = restored(&there, &["--believe", "restored-payments"]).await;
    assert_eq!((code, asked.len()), (0, 4), "{text}");
    assert!(text.contains("restored-payments is there already: believed"), "{text}");
}

/// The rebuild compares this second with what the topics still have.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_a_restored_table_is_known() {
    let (endpoint, _) = serve(&[("restored-payments", from("payments", SECOND_UNIX)), ("payments", None)]).await;
    let client = giro_testkit::dynamodb::client(&endpoint);
    let mut seconds = Vec::new();
    for table in ["restored-payments", "payments", "missing"] {
        seconds.push(second(&client, table).await.unwrap());
    }
    assert_eq!(seconds, [Some(Timestamp::parse(SECOND).unwrap()), None, None]);
}
