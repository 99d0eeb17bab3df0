//! An event of another service at each deployable binary.

use std::time::Duration;

use giro_cli::local::invoke::{InvokeError, Invoker};
use giro_cli::local::lambda::{Function, LocalLambda};
use serde_json::Value;

/// As Lambda sees it: the invocation fails, by a name that an alarm can read, and in no words of Rust's.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_fails_an_sqs_event_so_that_sqs_keeps_its_messages() {
    let value = |name: &str| match name {
        "KAFKA_BOOTSTRAP_SERVERS" => "127.0.0.1:1".to_owned(),
        // No login, and nothing that one would need.
        kafka if kafka.starts_with("KAFKA_") => String::new(),
        "PARTIAL_BATCH_RESPONSE" | "ACCEPT_LIMITS" | "EMBEDDED_METRICS" => "true".to_owned(),
        // Nobody listens there. What isn't told to a collector is no harm.
        collector if collector.starts_with("OTEL_") => "http://127.0.0.1:1/v1/traces".to_owned(),
        "AUTHORIZATION" => "owners".to_owned(),
        "PRINCIPAL_SCOPES" | "ID_PREFIXES" => "{}".to_owned(),
        "REQUESTS_PARTITIONS" => "1".to_owned(),
        "CANARY_ACCOUNTS" => "canary-1,canary-2".to_owned(),
        name => name.to_lowercase(),
    };
    let function = |name: &str| {
        let listed = giro::config::variables().find(|(function, _)| *function == name).unwrap().1;
        let mut environment: Vec<(String, String)> = listed.into_iter().map(|it| (it.to_owned(), value(it))).collect();
        environment.push(("AWS_ENDPOINT_URL_DYNAMODB".into(), "http://127.0.0.1:1".into()));
        let (timeout, asynchronous) = (Duration::from_secs(20), giro_template::Asynchronous::default());
        Function {
            name: name.into(),
            binary: crate::binary(name).into(),
            environment,
            timeout,
            memory_mib: 128,
            concurrency: 1,
            asynchronous,
        }
    };
    let functions: Vec<&str> = giro::config::variables().map(|(function, _)| function).collect();
    let lambda = LocalLambda::start(
        functions.iter().copied().map(function).collect(),
        std::sync::Arc::new(|_: &str, _: &str| {}),
    )
    .await;
    let lambda = lambda.unwrap();
    let sqs = std::fs::read(std::path::Path::new(crate::ROOT).join("events/odd/sqs.json")).unwrap();
    for name in functions {
        let invoker = Invoker::new(Some(lambda.endpoint()), name, Duration::from_secs(20)).await.unwrap();
        let Err(InvokeError::Function { said, .. }) = invoker.invoke(sqs.clone()).await else { panic!("{name}") };
        let told: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(told["errorType"], "Giro.ForeignEvent", "{name}: {told}");
        let text = told["errorMessage"].as_str().unwrap();
        assert!(text.contains("got an Amazon SQS event") && !text.contains(['{', '\n']), "{name}: {text}");
    }
    lambda.stop().await;
}
