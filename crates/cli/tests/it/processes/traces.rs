//! The trace of a payment from its client to its outcome, and metrics, as a collector of OpenTelemetry is told them.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;

use super::first_minutes::Newcomer;
use super::stack::{http_with, payment};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CLIENT: &str = "00f067aa0ba902b7";

/// A collector that writes each request as a line of a file, as the file exporter of OpenTelemetry's own does.
struct Collector {
    address: String,
    folder: PathBuf,
}

impl Collector {
    async fn start(folder: &Path) -> Self {
        let file = |name: &str| {
            let folder = folder.join(name);
            move || OpenOptions::new().create(true).append(true).open(&folder).unwrap()
        };
        let (traces, metrics) = (file("traces.jsonl"), file("metrics.jsonl"));
        let write = |mut file: File, body: &str| file.write_all(format!("{body}\n").as_bytes()).unwrap();
        let routes = Router::new()
            .route(
                "/v1/traces",
                post(move |State(()): State<()>, body: String| async move {
                    write(traces(), &body);
                    (StatusCode::OK, "{}")
                }),
            )
            .route(
                "/v1/metrics",
                post(move |State(()): State<()>, body: String| async move {
                    write(metrics(), &body);
                    (StatusCode::OK, r#"{"partialSuccess":{}}"#)
                }),
            );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, folder: folder.into() }
    }

    /// Writes a line of its own.
    fn write(&self, file: &str, line: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.folder.join(file)).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// How many records the metrics so far tell of.
    fn records(&self) -> u64 {
        let text = std::fs::read_to_string(self.folder.join("metrics.jsonl")).unwrap_or_default();
        let told = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let of = told
            .map(|told| told["resourceMetrics"][0].clone())
            .filter(|of| of["resource"]["attributes"][0]["value"]["stringValue"] == "payment-processor");
        let metrics = of.flat_map(|of| of["scopeMetrics"][0]["metrics"].as_array().unwrap().clone());
        let records = metrics.filter(|metric| metric["name"] == "giro.records");
        records.map(|metric| metric["sum"]["dataPoints"][0]["asInt"].as_str().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// The spans so far, each with its function.
    fn spans(&self) -> Vec<(String, Value)> {
        let text = std::fs::read_to_string(self.folder.join("traces.jsonl")).unwrap_or_default();
        let spans = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).map(|told| {
            let of = &told["resourceSpans"][0];
            let function = of["resource"]["attributes"][0]["value"]["stringValue"].as_str().unwrap().to_owned();
            (function, of["scopeSpans"][0]["spans"][0].clone())
        });
        spans.collect()
    }

    /// Waits until so many spans of a function link to this trace.
    async fn linked(&self, function: &str, count: usize) {
        let began = Instant::now();
        let is_linked = |(of, span): &(String, Value)| {
            of == function && span["links"].as_array().unwrap().iter().any(|link| link["traceId"] == TRACE)
        };
        while self.spans().iter().filter(|span| is_linked(span)).count() < count {
            assert!(began.elapsed() < Duration::from_secs(60), "{function}: {:?}", self.spans());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Runs the script that reads with the types generated from opentelemetry-proto. `None` where they aren't installed,
/// and then it says so.
fn read_by_generated_types(words: &[&str], file: &Path) -> Option<String> {
    let root = Path::new(crate::ROOT);
    let python = root.join(".tools/otlp/bin/python");
    if !python.exists() {
        eprintln!("SKIPPED: the types of opentelemetry-proto: scripts/tools.sh installs them");
        return None;
    }
    let mut command = Command::new(python);
    command.arg("-B").arg(root.join("scripts/otlp.py")).arg(words[0]).arg(file).args(&words[1..]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    Some(said)
}

/// The HTTP endpoint of a newcomer's stack.
fn endpoint(newcomer: &Newcomer) -> String {
    let text = std::fs::read_to_string(newcomer.0.path().join(".giro/up.json")).unwrap();
    let up: Value = serde_json::from_str(&text).unwrap();
    up["http"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_whole_from_the_client_to_the_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let collector = Collector::start(folder.path()).await;
    let newcomer = Newcomer(tempfile::tempdir().unwrap());
    let url = &collector.address;
    let parameters = format!("--parameter TracesEndpoint={url}/v1/traces --parameter MetricsEndpoint={url}/v1/metrics");
    newcomer.check(&format!("up --detach --partitions 1 {parameters}"), 0, "giro down");
    newcomer.check("accounts open bank --currency EUR --unlimited", 0, "applied");
    newcomer.check("accounts open alice --currency EUR", 0, "applied");

    let endpoint = endpoint(&newcomer);
    let ask = async |id: &str, amount, flags: &str| {
        let traced = format!("traceparent: 00-{TRACE}-{CLIENT}-{flags}\r\n");
        let (status, head, _) =
            http_with(&endpoint, "POST /payments", &traced, &payment(id, "bank", "alice", amount)).await;
        assert_eq!(status, 202, "{head}");
    };
    ask("p1", 500, "01").await;
    collector.linked("payment-processor", 1).await;
    collector.linked("outcome-publisher", 1).await;
    // A client that doesn't record its trace has no spans, and the next payment has no trace at all.
    ask("p2", 600, "00").await;
    newcomer.check("pay --from bank --to alice 7.00 EUR --id p3 --wait", 0, "settled");

    // The outcome tells the span that has handed its request over, so a consumer's span belongs to that.
    let outcomes = newcomer.check("outcomes --headers", 0, "traceparent");
    let spans = collector.spans();
    let of_trace: Vec<_> = spans.iter().filter(|(_, span)| span["traceId"] == TRACE).collect();
    let [(function, asked)] = &of_trace[..] else { panic!("{of_trace:?}") };
    assert_eq!((function.as_str(), &asked["parentSpanId"]), ("payment-api", &Value::from(CLIENT)));
    let place = format!("00-{TRACE}-{}-01", asked["spanId"].as_str().unwrap());
    assert!(outcomes.contains(&place), "{place}: {outcomes}");
    assert!(outcomes.contains(&format!("00-{TRACE}-{CLIENT}-00")), "{outcomes}");
    check_batches(&spans);
    assert!(!format!("{spans:?}").contains("alice") && !format!("{spans:?}").contains("p1"), "{spans:?}");

    let traces = folder.path().join("traces.jsonl");
    collector.write("traces.jsonl", &client_span());
    if let Some(drawn) = read_by_generated_types(&["trace", TRACE], &traces) {
        let without_times: Vec<&str> = drawn.lines().map(without_time).collect();
        assert_eq!(without_times, DRAWN, "{drawn}");
    }
    check_metrics(&collector).await;
}

/// Metrics add up to what was paid.
async fn check_metrics(collector: &Collector) {
    let began = Instant::now();
    while collector.records() < 3 {
        assert!(began.elapsed() < Duration::from_secs(60), "{}", collector.records());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let metrics = collector.folder.join("metrics.jsonl");
    if let Some(read) = read_by_generated_types(&["metrics"], &metrics) {
        let sums: BTreeMap<&str, &str> = read.lines().filter_map(|line| line.rsplit_once("  ")).collect();
        for (name, value) in [
            ("payment-processor  sum  giro.decisions  giro.decision=settled giro.kind=payment", "3"),
            ("payment-processor  sum  giro.records", "3"),
            ("payment-processor  histogram  giro.finished_after", "3"),
            ("account-processor  sum  giro.decisions  giro.decision=applied giro.kind=account_command", "2"),
        ] {
            assert_eq!(sums.get(name), Some(&value), "{name}: {read}");
        }
        assert!(sums.contains_key("outcome-publisher  histogram  giro.published_after"), "{read}");
    }
}

/// The client's own span, as its own library would tell it: of another form than ours.
fn client_span() -> String {
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop-front"}}}}],"droppedAttributesCount":0}},"scopeSpans":[{{"scope":{{"name":"shop"}},"spans":[{{"traceId":"{TRACE}","spanId":"{CLIENT}","traceState":"","name":"pay","kind":3,"startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001000000000","attributes":[],"events":[],"links":[],"status":{{"code":1}}}}],"schemaUrl":""}}]}}]}}"#
    )
}

/// What the script draws, without how long each took.
const DRAWN: [&str; 6] = [
    TRACE,
    "  it begins here",
    "    pay  shop-front  client",
    "      POST /payments  payment-api  server",
    "        <- process payment-requests  payment-processor  consumer  giro.decisions.payment.settled=1",
    "        <- send payment-outcomes  outcome-publisher  producer",
];

/// A drawn line without how long it took.
fn without_time(line: &str) -> &str {
    match line.rsplit_once("  ") {
        Some((rest, last)) if last.ends_with(" ms") => rest,
        _ => line,
    }
}

/// A batch has a trace of its own, and says how many records it had.
fn check_batches(spans: &[(String, Value)]) {
    for function in ["payment-processor", "outcome-publisher", "account-processor"] {
        let batches: Vec<&Value> = spans.iter().filter(|(of, _)| of == function).map(|(_, span)| span).collect();
        assert!(!batches.is_empty(), "{function}: {spans:?}");
        for span in batches {
            assert!(span["traceId"] != TRACE && span.get("parentSpanId").is_none(), "{span}");
            let attributes = span["attributes"].as_array().unwrap();
            let said = |name: &str| attributes.iter().any(|attribute| attribute["key"] == name);
            assert!(said("messaging.batch.message_count") && said("faas.invocation_id"), "{span}");
            let links = span["links"].as_array().unwrap();
            assert!(links.iter().all(|link| link["flags"] == 1), "a trace that isn't recorded: {span}");
        }
    }
}
