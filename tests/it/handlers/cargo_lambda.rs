//! The sample events through cargo-lambda's emulator: the same binary under another's runtime API.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use giro::store::dynamodb::DynamoDb;
use giro::store::{LedgerQueries, Tables};
use giro_testkit::dynamodb::EmbeddedDynamoDb;
use giro_testkit::given::{Setters as _, account};
use giro_testkit::open_accounts::OpenAccounts;
use giro_testkit::tables;

/// A process that ends with the test, by its own id.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn cargo_lambda() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/python/bin/cargo-lambda");
    installed.is_file().then_some(installed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_event_settles_through_cargo_lambda() {
    let Some(cargo_lambda) = cargo_lambda() else {
        eprintln!("SKIPPED: cargo-lambda is not installed; `make tools` installs it");
        return;
    };
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let client = giro_testkit::dynamodb::client(engine.endpoint());
    tables::create(&client, &Tables::default(), false).await.unwrap();
    let ledger = DynamoDb::new(client, Tables::default());
    for id in ["alice", "bob", "shop-1"] {
        ledger.open_account(&account(id).limit(5_000)).await.unwrap();
    }

    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port().to_string();
    let _emulator = Running(
        Command::new(&cargo_lambda)
            .args(["lambda", "watch", "--only-lambda-apis", "-A", "127.0.0.1", "-P", &port])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let address = format!("127.0.0.1:{port}");
    let listening = async {
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), listening).await.expect("cargo lambda watch listens");
    let _worker = Running(
        Command::new(env!("CARGO_BIN_EXE_payment-processor"))
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt/payment-processor"))
            .envs([("AWS_LAMBDA_FUNCTION_NAME", "payment-processor"), ("AWS_LAMBDA_FUNCTION_VERSION", "1")])
            .envs([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"), ("PARTIAL_BATCH_RESPONSE", "true")])
            .envs([
                ("ACCOUNTS_TABLE", "accounts"),
                ("PAYMENTS_TABLE", "payments"),
                ("DEAD_LETTERS_TABLE", "dead-letters"),
            ])
            .env("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint())
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    for (event, payments) in [("msk.json", 4), ("odd/partition-string.json", 5), ("odd/value-not-base64.json", 5)] {
        let output = Command::new(&cargo_lambda)
            .args(["lambda", "invoke", "payment-processor", "-A", "127.0.0.1", "-P", &port, "--data-file"])
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("events").join(event))
            .output()
            .unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && text.contains(r#"{"batchItemFailures":[]}"#), "{event}: {text}");
        assert_eq!(ledger.payments().await.unwrap().len(), payments, "{event}");
    }
    assert_eq!(ledger.dead_letters().await.unwrap().len(), 1);
}
