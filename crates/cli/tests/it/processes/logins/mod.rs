//! Every way to log in to Kafka, at a broker of Apache Kafka that asks for it.
//!
//! The function `outcome-publisher` reads its secrets as it does on AWS, and publishes an outcome. `giro` reads files
//! and variables in place of secrets. `make logins` builds both with TLS.

mod broker;
mod certificates;
mod secrets;
mod tokens;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use giro::publish::Publish as _;
use giro::publish::broker::{Mechanism, Password};
use giro::publish::kafka::{Identity, KafkaProducer, Login, Pem, speaks_tls};
use giro_cli::local::invoke::Invoker;
use giro_cli::local::lambda::{Function, LocalLambda};
use giro_cli::local::topic_reader::{Read, TopicReader};
use serde_json::{Value, json};

use crate::processes::cli;
use broker::{Broker, PASSWORD, USER};
use certificates::{Certificates, KEY_PASSWORD};

const TOPIC: &str = "payment-outcomes";
const USER_SECRET: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:user";
const CERTIFICATE_SECRET: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:certificate";
const ENCRYPTED_SECRET: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:encrypted";
const CA_SECRET: &str = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:authority";

/// How long a record may take that no login lets through.
const REFUSED_AFTER: Duration = Duration::from_secs(4);

/// The secrets, in the form that an event source mapping reads them too.
fn secrets(certificates: &Certificates) -> BTreeMap<String, String> {
    let (certificate, plain) = (certificates.text("client.pem"), certificates.text("client.key"));
    let encrypted = certificates.text("encrypted.key");
    let held = [
        (USER_SECRET, json!({ "username": USER, "password": PASSWORD })),
        (CERTIFICATE_SECRET, json!({ "certificate": certificate, "privateKey": plain })),
        (
            ENCRYPTED_SECRET,
            json!({ "certificate": certificate, "privateKey": encrypted, "privateKeyPassword": KEY_PASSWORD }),
        ),
        (CA_SECRET, json!({ "certificate": certificates.text("ca.pem") })),
    ];
    held.map(|(arn, text)| (arn.to_owned(), text.to_string())).into()
}

/// The function's environment on AWS, with this login and this secret of its own.
fn environment(auth: &str, secret: (&str, &str), brokers: &str, aws: &str) -> Vec<(String, String)> {
    let pairs = [
        ("OUTCOMES_TOPIC", TOPIC),
        ("KAFKA_BOOTSTRAP_SERVERS", brokers),
        ("KAFKA_AUTH", auth),
        secret,
        ("KAFKA_CA_SECRET_ARN", CA_SECRET),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The event of a settled payment, under another id.
fn event(id: &str) -> Value {
    let known = Path::new(crate::ROOT).join("tests/golden/tables/payments.json");
    let known: Value = serde_json::from_str(&std::fs::read_to_string(known).unwrap()).unwrap();
    let mut item = known.as_array().unwrap().iter().find(|it| it["payment_id"]["S"] == "pay-exact").unwrap().clone();
    item["payment_id"]["S"] = json!(id);
    json!({ "Records": [{
        "eventID": "1", "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": { "Keys": { "payment_id": { "S": id } }, "NewImage": item, "SequenceNumber": "100",
                      "StreamViewType": "NEW_IMAGE" },
    }]})
}

async fn started() -> Option<(tempfile::TempDir, Certificates, Broker)> {
    if !speaks_tls() {
        eprintln!("SKIPPED: this build has no TLS for Kafka; make logins has");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::make(folder.path());
    let broker = Broker::start(folder.path(), &certificates, TOPIC).await;
    Some((folder, certificates, broker))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_publishes_by_every_login() {
    let Some((_folder, certificates, broker)) = started().await else { return };
    let aws = secrets::serve(secrets(&certificates)).await;
    let user = ("KAFKA_SCRAM_SECRET_ARN", USER_SECRET);
    let logins = [
        ("scram", user, &broker.sasl),
        ("scram-256", user, &broker.sasl),
        ("plain", user, &broker.sasl),
        ("mtls", ("KAFKA_CERTIFICATE_SECRET_ARN", CERTIFICATE_SECRET), &broker.mtls),
        ("mtls", ("KAFKA_CERTIFICATE_SECRET_ARN", ENCRYPTED_SECRET), &broker.mtls),
    ];
    let mut outcomes = TopicReader::from_start(&broker.open, TOPIC).await.unwrap();
    for (ix, (auth, secret, brokers)) in logins.into_iter().enumerate() {
        let function = Function {
            name: "outcome-publisher".into(),
            binary: crate::binary("outcome-publisher").into(),
            environment: environment(auth, secret, brokers, &aws),
            timeout: Duration::from_secs(60),
            memory_mib: 128,
            concurrency: 1,
            asynchronous: giro_template::Asynchronous::default(),
        };
        let log = Arc::new(|_: &str, line: &str| eprintln!("{line}"));
        let lambda = LocalLambda::start(vec![function], log).await.unwrap();
        let wait = Duration::from_secs(60);
        let invoker = Invoker::new(Some(lambda.endpoint()), "outcome-publisher", wait).await.unwrap();
        let id = format!("login-{ix}");
        let answer: Value = serde_json::from_slice(&invoker.invoke(event(&id).to_string()).await.unwrap()).unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }), "{auth} {secret:?}");
        let record = loop {
            if let Read::Record(record) = outcomes.next().await.unwrap() {
                break record;
            }
        };
        assert_eq!(record.key.as_deref(), Some(id.as_bytes()), "{auth} {secret:?}");
        lambda.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_publishes_without_the_right_login() {
    let Some((_folder, certificates, broker)) = started().await else { return };
    let authority = || Some(Pem::File(certificates.path("ca.pem")));
    let user = |mechanism, password: &str| Identity::User {
        mechanism,
        username: USER.into(),
        password: Password(password.into()),
    };
    let certificate = |key: &str, password: Option<&str>| Identity::Certificate {
        certificate: Pem::File(certificates.path("client.pem")),
        key: Pem::File(certificates.path(key)),
        password: password.map(|password| Password(password.into())),
    };
    let publish = async |brokers: &str, login: Login| {
        let producer = KafkaProducer::new(brokers, login, Duration::ZERO, REFUSED_AFTER).ok()?;
        let sending = producer.send(TOPIC, None, Some(b"x"), &[]).await.ok()?;
        sending.placed().await.ok()
    };
    let right = Login { identity: user(Mechanism::Plain, PASSWORD), authority: authority() };
    assert!(publish(&broker.sasl, right).await.is_some(), "the test's own set-up");
    for (brokers, login, why) in [
        (&broker.sasl, Login { identity: user(Mechanism::Plain, "wrong"), authority: authority() }, "a wrong password"),
        (&broker.sasl, Login { identity: user(Mechanism::ScramSha256, "x"), authority: authority() }, "SCRAM's too"),
        (&broker.sasl, user(Mechanism::Plain, PASSWORD).into(), "a broker whose authority nobody knows"),
        (&broker.sasl, Identity::None.into(), "no login"),
        (&broker.mtls, Login { identity: user(Mechanism::Plain, PASSWORD), authority: authority() }, "no certificate"),
        (&broker.mtls, certificate("client.key", None).into(), "a broker that the certificate's owner doesn't know"),
        (
            &broker.mtls,
            Login { identity: certificate("encrypted.key", Some("wrong")), authority: authority() },
            "a key that stays shut",
        ),
    ] {
        assert!(publish(brokers, login).await.is_none(), "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_logs_in_with_files() {
    let Some((folder, certificates, broker)) = started().await else { return };
    let (ca, certificate) = (certificates.path("ca.pem"), certificates.path("client.pem"));
    let (key, encrypted) = (certificates.path("client.key"), certificates.path("encrypted.key"));
    let user = [("KAFKA_USERNAME", USER), ("KAFKA_PASSWORD", PASSWORD)];
    let plain_key = [("KAFKA_CERTIFICATE_FILE", certificate.as_str()), ("KAFKA_KEY_FILE", &key)];
    let opened_key = [
        ("KAFKA_CERTIFICATE_FILE", certificate.as_str()),
        ("KAFKA_KEY_FILE", &encrypted),
        ("KAFKA_KEY_PASSWORD", KEY_PASSWORD),
    ];
    for (auth, variables, brokers) in [
        ("scram", &user[..], &broker.sasl),
        ("scram-256", &user[..], &broker.sasl),
        ("plain", &user[..], &broker.sasl),
        ("mtls", &plain_key[..], &broker.mtls),
        ("mtls", &opened_key[..], &broker.mtls),
    ] {
        let mut command = cli::command(&["topics", "list", "--kafka-bootstrap-servers", brokers], folder.path());
        command.env("KAFKA_AUTH", auth).env("KAFKA_CA_FILE", &ca).envs(variables.iter().copied());
        let output = tokio::task::spawn_blocking(move || cli::run(&mut command, b"")).await.unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out.contains(TOPIC), "{auth}: {out}{err}");
    }
}
