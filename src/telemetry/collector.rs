//! What: Tells a collector of OpenTelemetry what a function did, by OTLP over HTTP.
//!
//! Data: Takes bodies. Gives nothing: what the collector doesn't take is lost, and the handler goes on.
//!
//! Invariants: A collector that fails holds up an invocation for `PATIENCE` at the most. After that it holds up none
//! for `PAUSE`, and the same after an answer that took longer than `SLOW`. Each of these is logged. Of an answer no
//! more is read than `ANSWER_BYTES_MAX`, and some bytes that came with it.
//!
//! The endpoint of X-Ray (`https://xray.<region>.amazonaws.com/v1/traces`) takes the same bodies, signed with the
//! function's own credentials. So no collector is needed in front of it.
//!
//! Limits: Nothing is sent again, and nothing is compressed. A collector that asks for a header isn't served.
//!
//! Source: OpenTelemetry protocol specification 1.x, "OTLP/HTTP"; Amazon CloudWatch user guide, "OTLP endpoints".

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use tokio::time::{Instant, timeout_at};

use super::xray_signature::Signer;
use crate::aws::{self, AwsError};
use crate::wire::otlp;

/// How long an invocation waits for an answer. A collector beside the function answers within milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);
/// What takes longer would make each batch longer, and no metric would show it.
const SLOW: Duration = Duration::from_millis(100);
/// An answer is some words.
const ANSWER_BYTES_MAX: usize = 4 * 1024;
/// How long nothing is told after a failure.
const PAUSE: Duration = Duration::from_secs(10);
const JSON: &str = "application/json";

/// Where spans and metrics are told.
#[derive(Debug)]
pub struct Collector {
    traces: Option<Endpoint>,
    metrics: Option<Endpoint>,
}

/// The collector's URLs: of traces, and of metrics.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CollectorConfig {
    /// Where spans go, such as `http://127.0.0.1:4318/v1/traces`. `None`: they aren't told.
    pub traces: Option<String>,
    /// The same of metrics.
    pub metrics: Option<String>,
}

/// The variable that holds the URL of traces.
pub const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
/// The variable that holds the URL of metrics.
pub const METRICS_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";

impl Collector {
    /// A collector at these URLs. `None`: there are none.
    ///
    /// # Errors
    /// [`AwsError`] if one is no URL, or must be signed for without credentials.
    pub fn connect(config: &CollectorConfig) -> Result<Option<Self>, AwsError> {
        let endpoint = |name, url: &Option<String>| url.as_deref().map(|url| Endpoint::at(name, url)).transpose();
        let traces = endpoint(TRACES_ENDPOINT, &config.traces)?;
        let metrics = endpoint(METRICS_ENDPOINT, &config.metrics)?;
        let is_there = traces.is_some() || metrics.is_some();
        Ok(is_there.then_some(Self { traces, metrics }))
    }

    /// Whether it takes spans.
    #[must_use]
    pub fn takes_spans(&self) -> bool {
        self.traces.is_some()
    }

    /// Whether it takes metrics.
    #[must_use]
    pub fn takes_metrics(&self) -> bool {
        self.metrics.is_some()
    }

    /// Tells of a span and of metrics, side by side. Both are bodies. Waits for the answers, but not past `until`.
    pub async fn tell(&self, span: Option<String>, metrics: Option<String>, until: Instant) {
        let tell = async |endpoint: &Option<Endpoint>, body: Option<String>| {
            if let (Some(endpoint), Some(body)) = (endpoint, body) {
                endpoint.tell(body, until).await;
            }
        };
        tokio::join!(tell(&self.traces, span), tell(&self.metrics, metrics));
    }
}

/// Whether it is a URL that a collector can have.
#[must_use]
pub fn is_url(text: &str) -> bool {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let has_host = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/') && !host.contains('@'));
    has_host && HttpRequest::empty().set_uri(text).is_ok()
}

/// One URL.
#[derive(Debug)]
struct Endpoint {
    /// The variable that holds its URL. The URL itself may hold a secret, and isn't logged.
    name: &'static str,
    url: String,
    connector: Connector,
    signer: Option<Signer>,
    /// Until when nothing is told, as the last try failed.
    paused_until: Mutex<Option<Instant>>,
}

impl Endpoint {
    fn at(name: &'static str, url: &str) -> Result<Self, AwsError> {
        if !is_url(url) {
            return Err(AwsError::NotAUrl(name.into()));
        }
        let is_local = aws::is_local(url);
        let builder = Connector::builder();
        let connector = match is_local {
            true => builder.build_http(),
            false => builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).build(),
        };
        let signer = Signer::of(url, JSON)?;
        Ok(Self { name, url: url.into(), connector, signer, paused_until: Mutex::new(None) })
    }

    async fn tell(&self, body: String, until: Instant) {
        let now = Instant::now();
        if until <= now || self.paused_until().is_some_and(|paused| now < paused) {
            return;
        }
        let patience = now.checked_add(PATIENCE).unwrap_or(until);
        let told = timeout_at(patience.min(until), self.post(body)).await;
        let took = now.elapsed();
        let fault = match told {
            Ok(Ok(())) if took <= SLOW => None,
            Ok(Ok(())) => Some("it is slow".to_owned()),
            Ok(Err(fault)) => Some(fault),
            // The invocation was late, and not the collector.
            Err(_) if until < patience => None,
            Err(_) => Some("it gives no answer".to_owned()),
        };
        let paused_until = fault.and_then(|fault| {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(endpoint = self.name, fault, took_ms, "nothing is told to the collector for ten seconds");
            Instant::now().checked_add(PAUSE)
        });
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner) = paused_until;
    }

    fn paused_until(&self) -> Option<Instant> {
        *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn post(&self, body: String) -> Result<(), String> {
        let request = self.request(body, SystemTime::now())?;
        let response: HttpResponse = self.connector.call(request).await.map_err(|error| aws::root(&error))?;
        let status = response.status();
        // The connection can be used again once the answer was read.
        let answer = read(ByteStream::new(response.into_body())).await?;
        if !status.is_success() {
            return Err(format!("HTTP status {}: {}", status.as_u16(), otlp::words(&answer)));
        }
        if let Some(refusal) = otlp::refusal(&answer) {
            tracing::warn!(endpoint = self.name, refusal, "a collector refused what it was told");
        }
        Ok(())
    }

    fn request(&self, body: String, now: SystemTime) -> Result<HttpRequest, String> {
        let signed = self.signer.as_ref().map(|signer| signer.headers(&self.url, &body, now)).transpose()?;
        let mut request = HttpRequest::new(SdkBody::from(body));
        let failed = |error: &dyn std::fmt::Display| error.to_string();
        request.set_method("POST").map_err(|error| failed(&error))?;
        request.set_uri(&*self.url).map_err(|error| failed(&error))?;
        let json = ("content-type".to_owned(), JSON.to_owned());
        for (name, value) in signed.unwrap_or_default().into_iter().chain([json]) {
            request.headers_mut().try_insert(name, value).map_err(|error| failed(&error))?;
        }
        Ok(request)
    }
}

/// Reads an answer.
async fn read(mut answer: ByteStream) -> Result<String, String> {
    let mut read = Vec::new();
    while let Some(bytes) = answer.next().await {
        read.extend_from_slice(&bytes.map_err(|error| aws::root(&error))?);
        if read.len() > ANSWER_BYTES_MAX {
            return Err(format!("its answer is longer than {ANSWER_BYTES_MAX} bytes"));
        }
    }
    Ok(String::from_utf8_lossy(&read).into_owned())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A collector that gives these answers, one a connection. Gives its URL, and what it was told.
    fn answering(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let told = move || {
            let answer = |answer: &&str| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut told = Vec::new();
                let mut buffer = [0; 4096];
                while !told.ends_with(b"}") {
                    let read = stream.read(&mut buffer).unwrap();
                    told.extend_from_slice(&buffer[..read]);
                }
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8(told).unwrap()
            };
            answers.iter().map(answer).collect()
        };
        (url, std::thread::spawn(told))
    }

    fn collector(url: &str) -> Collector {
        let config = CollectorConfig { traces: Some(url.into()), metrics: None };
        Collector::connect(&config).unwrap().unwrap()
    }

    fn is_paused(collector: &Collector) -> bool {
        collector.traces.as_ref().unwrap().paused_until().is_some()
    }

    fn soon() -> Instant {
        Instant::now().checked_add(Duration::from_secs(60)).unwrap()
    }

    #[tokio::test]
    async fn a_body_is_posted_as_json() {
        let (url, told) = answering(&["HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"]);
        let collector = collector(&url);
        collector.tell(Some(r#"{"resourceSpans":[]}"#.into()), Some("not told".into()), soon()).await;
        let told = told.join().unwrap().concat().to_lowercase();
        assert!(told.starts_with("post /v1/traces http/1.1\r\n"), "{told}");
        assert!(told.contains("\r\ncontent-type: application/json\r\n"), "{told}");
        assert!(told.ends_with(r#"{"resourcespans":[]}"#), "{told}");
        assert!(!is_paused(&collector));
    }

    #[tokio::test]
    async fn a_failure_makes_a_pause() {
        for answer in [
            "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "HTTP/1.1 307 Elsewhere\r\nlocation: /v2\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "garbage\r\n\r\n",
        ] {
            let answers: &'static [&'static str] = Box::leak(Box::new([answer]));
            let (url, told) = answering(answers);
            let collector = collector(&url);
            collector.tell(Some("{}".into()), None, soon()).await;
            assert!(is_paused(&collector), "{answer}");
            // Nobody listens any more, and nobody is asked.
            told.join().unwrap();
            collector.tell(Some("{}".into()), None, soon()).await;
        }
    }

    #[tokio::test]
    async fn a_refusal_is_no_failure() {
        let (url, told) = answering(&[REFUSAL, REFUSAL]);
        let collector = collector(&url);
        collector.tell(Some("{}".into()), None, soon()).await;
        collector.tell(Some("{}".into()), None, soon()).await;
        assert_eq!(told.join().unwrap().len(), 2);
    }

    const REFUSAL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 40\r\nconnection: close\r\n\r\n\
        {\"partialSuccess\":{\"rejectedSpans\":\"1\"}}";

    /// An answer of any length must not fill the memory of the function.
    #[tokio::test]
    async fn an_endless_answer_is_left() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let written = tokio::task::spawn_blocking(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 230000000\r\n\r\n").unwrap();
            let mut written = 0_usize;
            while written < 230_000_000 && stream.write_all(&[b' '; 65_536]).is_ok() {
                written += 65_536;
            }
            written
        });
        let collector = collector(&url);
        collector.tell(Some("{}".into()), None, soon()).await;
        assert!(is_paused(&collector));
        let written = written.await.unwrap();
        assert!(written < 100_000_000, "it read on: {written}");
    }

    #[tokio::test]
    async fn a_slow_collector_is_left_alone_for_a_while() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let answered = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            std::thread::sleep(SLOW + Duration::from_millis(20));
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
            stream
        });
        let collector = collector(&url);
        collector.tell(Some("{}".into()), None, soon()).await;
        assert!(is_paused(&collector));
        answered.join().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_collector_that_is_silent_is_not_waited_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = collector(&format!("http://{}/v1/traces", listener.local_addr().unwrap()));
        let began = Instant::now();
        collector.tell(Some("{}".into()), None, soon()).await;
        assert_eq!(began.elapsed().as_millis(), PATIENCE.as_millis());
        collector.tell(Some("{}".into()), None, soon()).await;
        assert_eq!(began.elapsed().as_millis(), PATIENCE.as_millis(), "it was asked in its pause");
        tokio::time::sleep(PAUSE).await;
        let until = Instant::now().checked_add(Duration::from_millis(20)).unwrap();
        collector.tell(Some("{}".into()), None, until).await;
        assert!(Instant::now() <= until + Duration::from_millis(1), "it goes on past the deadline");
        assert!(!is_paused(&collector), "the invocation was late");
    }

    #[test]
    fn what_is_no_url_is_named() {
        for url in
            ["collector:4318", "http://", "ftp://collector/v1/traces", "https://a b/v1/traces", "http://user:key@host/"]
        {
            let config = CollectorConfig { traces: None, metrics: Some(url.into()) };
            assert_eq!(Collector::connect(&config).unwrap_err(), AwsError::NotAUrl(METRICS_ENDPOINT.into()), "{url}");
        }
        assert!(Collector::connect(&CollectorConfig::default()).unwrap().is_none());
    }
}
