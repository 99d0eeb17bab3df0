//! The local Lambda's Invoke call, over HTTP, and as the command line and the pollers make it.

use std::sync::Arc;
use std::time::Duration;

use giro::domain::DeadLetter;
use giro::store::dynamodb::DynamoDb;
use giro::store::{LedgerQueries, Tables};
use giro_cli::local::invoke::{InvokeError, Invoker};
use giro_cli::local::lambda::{Function, LocalLambda};
use giro_template::Asynchronous;
use giro_testkit::dynamodb::EmbeddedDynamoDb;

use crate::processes::stack::http_with;

/// A payment processor behind the Invoke call, and its ledger.
struct Called {
    lambda: LocalLambda,
    ledger: DynamoDb,
    _engine: EmbeddedDynamoDb,
}

impl Called {
    async fn start() -> Self {
        let engine = EmbeddedDynamoDb::start(None).unwrap();
        let client = giro_cli::local::aws::dynamodb(Some(engine.endpoint())).await.unwrap();
        giro_testkit::tables::create(&client, &Tables::default(), false).await.unwrap();
        let environment = [
            ("ACCOUNTS_TABLE", "accounts"),
            ("PAYMENTS_TABLE", "payments"),
            ("DEAD_LETTERS_TABLE", "dead-letters"),
            ("PARTIAL_BATCH_RESPONSE", "true"),
            ("REQUESTS_PARTITIONS", "1"),
            ("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint()),
        ];
        let function = Function {
            name: "eu-payment-processor".into(),
            binary: crate::binary("payment-processor").into(),
            environment: environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            memory_mib: 128,
            timeout: Duration::from_secs(30),
            concurrency: 1,
            asynchronous: Asynchronous::default(),
        };
        let lambda = LocalLambda::start(vec![function], Arc::new(|_: &str, _: &str| {})).await.unwrap();
        Self { lambda, ledger: DynamoDb::new(client, Tables::default()), _engine: engine }
    }

    /// Calls a path below `functions/`; the status, the headers and the body.
    async fn call(&self, path: &str, headers: &str, body: &str) -> (u16, String, String) {
        let request = format!("POST /2015-03-31/functions/{path}");
        http_with(self.lambda.endpoint(), &request, headers, body).await
    }

    async fn letters(&self) -> Vec<DeadLetter> {
        self.ledger.dead_letters().await.unwrap()
    }

    async fn letter_of(&self, offset: i64) {
        let comes = async {
            while !self.letters().await.iter().any(|letter| letter.source.offset == offset) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), comes).await.expect("it runs");
    }
}

/// An event of one record that is no payment.
fn event(offset: i64) -> String {
    format!(r#"{{"records":{{"t-0":[{{"topic":"t","partition":0,"offset":{offset},"value":"eA=="}}]}}}}"#)
}

const DONE: &str = r#"{"batchItemFailures":[]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_runs_nothing_and_an_event_is_answered_before_it_runs() {
    let called = Called::start().await;
    let path = "eu-payment-processor/invocations";
    let of_type = |kind: &str| format!("X-Amz-Invocation-Type: {kind}\r\n");

    let (status, _, body) = called.call(path, &of_type("DryRun"), &event(1)).await;
    assert_eq!((status, body.as_str()), (204, ""));
    let (status, head, body) = called.call(path, &of_type("RequestResponse"), &event(2)).await;
    assert_eq!((status, body.as_str()), (200, DONE));
    assert!(head.contains("x-amz-executed-version: $latest"), "{head}");
    let places: Vec<i64> = called.letters().await.iter().map(|letter| letter.source.offset).collect();
    assert_eq!(places, [2], "the dry run came first and did nothing");
    let (status, _, body) = called.call(path, &of_type("Event"), &event(3)).await;
    assert_eq!((status, body.as_str()), (202, ""));
    called.letter_of(3).await;

    let name = "arn:aws:lambda:eu-central-1:123456789012:function:eu-payment-processor:$LATEST";
    let invoker =
        async |name| Invoker::new(Some(called.lambda.endpoint()), name, Duration::from_secs(30)).await.unwrap();
    assert_eq!(invoker(name).await.invoke(event(6)).await, Ok(DONE.as_bytes().to_vec()));
    let mut places: Vec<i64> = called.letters().await.iter().map(|letter| letter.source.offset).collect();
    places.sort_unstable();
    assert_eq!(places, [2, 3, 6]);
    let unknown = invoker("nobody").await.invoke("{}").await;
    assert!(matches!(unknown, Err(InvokeError::NoFunction(_))), "{unknown:?}");
    called.lambda.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_found_by_every_name_that_lambda_takes() {
    let called = Called::start().await;
    let event = r#"{"records":{}}"#;
    for name in [
        "eu-payment-processor",
        "eu-payment-processor:$LATEST",
        "eu-payment-processor:live",
        "eu%2Dpayment%2dprocessor%3A%24LATEST",
        "123456789012:function:eu-payment-processor",
        "123456789012:function:eu-payment-processor:7",
        "arn:aws:lambda:eu-central-1:123456789012:function:eu-payment-processor",
        "arn%3Aaws%3Alambda%3Aeu-central-1%3A123456789012%3Afunction%3Aeu-payment-processor%3Alive",
    ] {
        let (status, _, body) = called.call(&format!("{name}/invocations"), "", event).await;
        assert_eq!((status, body.as_str()), (200, DONE), "{name}");
    }
    for query in ["Qualifier=$LATEST", "Qualifier=%24LATEST", "x=y&Qualifier=live"] {
        let (status, _, body) = called.call(&format!("eu-payment-processor/invocations?{query}"), "", event).await;
        assert_eq!((status, body.as_str()), (200, DONE), "{query}");
    }
    let not_found =
        |name: &str| format!("Function not found: arn:aws:lambda:eu-central-1:000000000000:function:{name}");
    for (path, headers, status, kind, message) in [
        ("nobody/invocations", "", 404, "resourcenotfoundexception", not_found("nobody")),
        ("nobody/invocations?Qualifier=7", "", 404, "resourcenotfoundexception", not_found("nobody:7")),
        (
            "123456789012:function:payment-processor/invocations",
            "",
            404,
            "resourcenotfoundexception",
            not_found("payment-processor"),
        ),
        ("no%20name/invocations", "", 400, "validationexception", "Value at 'functionName'".into()),
        ("eu-payment-processor/invocations?Qualifier=%20", "", 400, "validationexception", "'qualifier'".into()),
        (
            "eu-payment-processor:7/invocations?Qualifier=8",
            "",
            400,
            "invalidparametervalueexception",
            "The derived qualifier from the function name does not match the specified qualifier.".into(),
        ),
        (
            "eu-payment-processor/invocations",
            "X-Amz-Invocation-Type: Wet\r\n",
            400,
            "validationexception",
            "[Event, RequestResponse, DryRun]".into(),
        ),
    ] {
        let (answered, head, body) = called.call(path, headers, event).await;
        assert_eq!(answered, status, "{path} {body}");
        assert!(head.contains(&format!("x-amzn-errortype: {kind}\r\n")), "{path} {head}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(body["Message"].as_str().unwrap().contains(&message), "{path} {body}");
    }
    let (status, _, body) = called.call("eu-payment-processor/invocations", "", "{").await;
    assert_eq!(status, 400, "{body}");
    let (status, _, body) = called.call("eu-payment-processor/invocations", "", &"1".repeat(6_291_457)).await;
    assert_eq!(status, 413, "{body}");
    called.lambda.stop().await;
}
