//! The console: who may ask for what, what it answers, and the page itself in a browser.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;

use super::cli::command;
use super::first_minutes::Newcomer;
use super::stack::http_with;

/// How long something may take that takes a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// A console, and the token of the person who opened it.
struct Opened {
    endpoint: String,
    token: String,
}

impl Opened {
    /// By the address that a person is given.
    fn at(address: &str) -> Self {
        let (endpoint, fragment) = address.trim().split_once('/').map_or((address, ""), |_| {
            let end = address.trim().rfind('/').unwrap();
            (&address[..end], &address.trim()[end + 1..])
        });
        Self { endpoint: endpoint.to_owned(), token: fragment.trim_start_matches("#token=").to_owned() }
    }

    async fn ask(&self, request: &str, token: Option<&str>, body: &str) -> (u16, Value) {
        let token = token.map(|token| format!("X-Giro-Token: {token}\r\n")).unwrap_or_default();
        let (status, head, body) = http_with(&self.endpoint, request, &token, body).await;
        for needed in ["content-security-policy: default-src 'none'", "x-content-type-options: nosniff"] {
            assert!(head.contains(needed), "{request}: {head}");
        }
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(&format!("GET {path}"), None, "").await
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.ask(&format!("POST {path}"), Some(&self.token), &body.to_string()).await
    }

    /// Asks until the answer fits.
    async fn until(&self, path: &str, fits: impl Fn(u16, &Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let (status, answer) = self.get(path).await;
            if fits(status, &answer) {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "{path}: {status} {answer}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The counts of the first event whose counts fit.
    async fn flow(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let address = self.endpoint.strip_prefix("http://").unwrap();
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let ask = format!("GET /api/events HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(ask.as_bytes()).await.unwrap();
        let (mut text, mut bytes, began) = (String::new(), vec![0; 64 * 1024], Instant::now());
        loop {
            let read = stream.read(&mut bytes).await.unwrap();
            text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
            let flows = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
            if let Some(flow) = flows.filter(|flow| flow.get("at_ms").is_some()).find(&fits) {
                return flow;
            }
            assert!(began.elapsed() < PATIENCE && read > 0, "{text}");
        }
    }
}

/// A stack with two accounts and its console.
fn stack() -> (Newcomer, Opened) {
    let newcomer = Newcomer(tempfile::tempdir().unwrap());
    newcomer.check("up --detach --partitions 2", 0, "# console http://127.0.0.1:");
    newcomer.check("accounts open bank --currency EUR --unlimited", 0, "applied open bank");
    newcomer.check("accounts open alice --currency EUR", 0, "applied open alice");
    let opened = Opened::at(&newcomer.check("status console", 0, "/#token="));
    (newcomer, opened)
}

/// A record whose amount is a text, so that it becomes a dead letter.
fn broken(id: &str) -> String {
    json!({ "payment_id": id, "debtor_account": "bank", "creditor_account": "alice", "amount": "250", "currency": "EUR" })
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_does_goes_over_the_topics_and_is_counted_as_the_audit_does() {
    let (newcomer, console) = stack();
    let pay = json!({ "id": "c1", "from": "bank", "to": "alice", "amount": "5.00", "currency": "EUR" });
    for token in [None, Some(""), Some("0123456789abcdef0123456789abcdef")] {
        let (status, told) = console.ask("POST /api/payments", token, &pay.to_string()).await;
        assert_eq!((status, &told["field"]), (401, &Value::Null), "{told}");
    }
    assert_eq!(console.post("/api/payments", &pay).await, (202, json!({ "payment_id": "c1" })));
    let told = console.until("/api/payments/c1", |status, _| status == 200).await;
    assert_eq!((&told["payment"]["status"], &told["payment"]["amount"]), (&json!("settled"), &json!(500)), "{told}");
    // The same once more is the same payment. Another under its id is refused.
    assert_eq!(console.post("/api/payments", &pay).await.0, 202);
    let mut another = pay.clone();
    another["amount"] = json!("5.01");
    let (status, told) = console.post("/api/payments", &another).await;
    assert_eq!((status, &told["field"]), (409, &json!("id")), "{told}");
    another["amount"] = json!("5.001");
    let (status, told) = console.post("/api/payments", &another).await;
    assert_eq!((status, &told["field"]), (400, &json!("amount")), "{told}");

    check_reads(&console).await;
    check_letters(&newcomer, &console).await;
    check_audit(&newcomer, &console).await;
    check_reading_alone(&newcomer).await;
}

async fn check_reads(console: &Opened) {
    let (_, found) = console.get("/api/accounts?search=ali&limit=1").await;
    assert_eq!((&found["accounts"][0]["balance"], &found["total"]), (&json!(500), &json!(2)), "{found}");
    let (_, found) = console.get("/api/accounts/alice").await;
    assert_eq!((&found["account"]["currency"], &found["proved"]), (&json!("EUR"), &Value::Null), "{found}");
    let (_, found) = console.get("/api/accounts/alice/statement?limit=1").await;
    assert_eq!(found["postings"][0]["payment_id"], json!("c1"), "{found}");
    for (path, status) in [
        ("/api/accounts/nobody", 404),
        ("/api/accounts/alice/statement?limit=0", 400),
        ("/api/accounts/alice/statement?cursor=x", 400),
        ("/api/payments/nothing", 404),
        ("/api/nowhere", 404),
        ("/../Cargo.toml", 404),
        ("/api/http/accounts/alice", 200),
        ("/api/http/nowhere", 404),
        ("/api/openapi", 200),
        ("/api/stack", 200),
        ("/", 200),
        ("/main.js", 200),
    ] {
        assert_eq!(console.get(path).await.0, status, "{path}");
    }
    let seen = console.until("/api/payments", |_, told| told["payments"][0]["payment_id"] == json!("c1")).await;
    assert_eq!(seen["payments"][0]["source"]["topic"], json!("payment-requests"), "{seen}");
    let dry = pay_over_http();
    assert_eq!(console.ask("POST /api/http/payments?dry_run=true", None, &dry).await.0, 401);
    let (status, told) = console.ask("POST /api/http/payments?dry_run=true", Some(&console.token), &dry).await;
    assert_eq!((status, &told["status"]), (200, &json!("settled")), "{told}");
}

fn pay_over_http() -> String {
    json!({ "debtor_account": "bank", "creditor_account": "alice", "amount": 1, "currency": "EUR" }).to_string()
}

async fn check_letters(newcomer: &Newcomer, console: &Opened) {
    newcomer.check_with("publish - --unchecked", &broken("c2"), 0, "published 1 records");
    let told = console.until("/api/dead-letters", |_, told| told["total"] == json!(1)).await;
    let letter = &told["dead_letters"][0];
    let value = STANDARD.decode(letter["value"].as_str().unwrap()).unwrap();
    assert_eq!(String::from_utf8(value).unwrap(), broken("c2"));
    let (_, found) = console.get("/api/payments/c2").await;
    assert_eq!((&found["payment"], &found["dead_letters"][0]), (&Value::Null, letter), "{found}");

    let mended = broken("c2").replace("\"250\"", "250");
    let redrive = json!({ "source": letter["source"], "value": STANDARD.encode(mended) });
    let (status, told) = console.post("/api/dead-letters/redrive", &redrive).await;
    assert!(status == 200 && told["redriven"].as_str().unwrap().starts_with("payment-requests/"), "{told}");
    console.until("/api/payments/c2", |_, told| told["payment"]["status"] == json!("settled")).await;
    let (_, told) = console.get("/api/dead-letters").await;
    assert_eq!(told["dead_letters"][0]["status"], json!("redriven"));
    let (status, told) = console.post("/api/dead-letters/redrive", &redrive).await;
    assert_eq!((status, &told["field"]), (409, &json!("again")), "{told}");
    let mut again = redrive.clone();
    again["again"] = json!(true);
    assert_eq!(console.post("/api/dead-letters/redrive", &again).await.0, 200);
    for (body, status) in [
        (json!({ "source": "x" }), 400),
        (json!({ "source": letter["source"], "value": "?" }), 400),
        (json!({ "source": letter["source"], "value": "" }), 400),
        (json!({ "source": "payment-requests/0/99/0123456789abcdef" }), 404),
        (json!({}), 400),
    ] {
        assert_eq!(console.post("/api/dead-letters/redrive", &body).await.0, status, "{body}");
    }
}

/// What the page counts is what `giro audit` finds.
async fn check_audit(newcomer: &Newcomer, console: &Opened) {
    let audited: Value = serde_json::from_str(&newcomer.check("audit --json", 0, "settled")).unwrap();
    // The ends of topics are read a little later than what functions tell.
    let is_whole = |flow: &Value| flow["requests"] == json!({ "end": 5, "lag": 0 });
    let flow = console.flow(|flow| flow["total"]["settled"] == audited["settled"] && is_whole(flow)).await;
    assert_eq!((&flow["payments"]["settled"], &flow["payments"]["dead_letters"]), (&json!(2), &json!(1)), "{flow}");
    assert_eq!(flow["commands_done"]["applied"], json!(2), "{flow}");
    assert_eq!(console.post("/api/audit", &json!({})).await.0, 202);
    let told = console.until("/api/audit", |_, told| !told["last"].is_null() && told["running"] == json!(false)).await;
    for field in ["accounts", "settled", "dead_letters", "undecided", "complete", "findings"] {
        assert_eq!(told["last"][field], audited[field], "{field}: {told} and {audited}");
    }
}

/// A `giro console` beside the stack of a folder, and its address. It ends with this value.
struct Reading {
    process: Child,
    address: String,
}

impl Reading {
    fn beside(newcomer: &Newcomer) -> Self {
        let mut command = command(&["console"], newcomer.0.path());
        let mut process = command.stdout(Stdio::piped()).stdin(Stdio::null()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Self { process, address: address.trim().to_owned() }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `giro console` serves the same page, and changes nothing.
async fn check_reading_alone(newcomer: &Newcomer) {
    let reading = Reading::beside(newcomer);
    let address = &reading.address;
    let console = Opened::at(address);
    assert_eq!(console.token, "", "there is none: {address}");
    let (_, stack) = console.get("/api/stack").await;
    assert_eq!((&stack["read_only"], &stack["live"], &stack["explorer"]), (&json!(true), &json!(false), &json!(false)));
    let (_, found) = console.get("/api/payments/c2").await;
    assert_eq!(found["payment"]["status"], json!("settled"));
    for path in ["/api/payments", "/api/dead-letters/redrive", "/api/audit"] {
        assert_eq!(console.post(path, &json!({})).await.0, 403, "{path}");
    }
    let flow = console.flow(|flow| flow["outcomes"]["end"] == json!(2)).await;
    assert_eq!(flow["functions"], Value::Null, "{flow}");
}

/// The root of the project.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// In headless Chromium: `scripts/console/test.mjs` says what.
#[test]
fn the_page_in_a_browser() {
    let is_there = Command::new("node").arg("--version").output().is_ok();
    if !is_there || !root().join(".tools/console/node_modules/puppeteer-core").is_dir() {
        eprintln!("SKIPPED: the page in a browser: there is no node, or no Chromium; scripts/tools.sh installs it");
        return;
    }
    let (newcomer, _) = stack();
    newcomer.check_with("publish - --unchecked", &broken("c9"), 0, "published 1 records");
    let address = newcomer.check("status console", 0, "/#token=");
    let words = ["scripts/console/test.mjs", address.trim(), "--from", "bank", "--to", "alice", "--letter", "c9"];
    let mut test = Command::new("node");
    // The same ledger on the page for reading: what `test.mjs` changes first is there for its checks.
    let reading = Reading::beside(&newcomer);
    test.args(words).args(["--reading", &reading.address]).current_dir(root());
    if let Ok(folder) = std::env::var("GIRO_SCREENSHOTS") {
        test.args(["--screenshots", &folder]);
    }
    let tested = test.output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&tested.stdout), String::from_utf8_lossy(&tested.stderr));
    assert!(tested.status.success(), "{text}");
}
