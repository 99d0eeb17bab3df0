//! A proxy before DynamoDB that spoils calls on purpose, and can be cut.
//!
//! | fate of a call | the engine | the caller |
//! |---|---|---|
//! | passed | gets it | gets the answer |
//! | delayed | gets it a little later | gets the answer |
//! | refused | never gets it | loses its connection |
//! | unanswered | gets it | loses its connection: the lost acknowledgement |
//! | late | gets it once its caller has given up | gets no answer |
//!
//! A cut ends every connection at once, and refuses new ones until it is over. The engine's address may change, because
//! the engine may be killed and started again.
//!
//! Limits: HTTP/1.1 with `Content-Length`, which is what the SDK and the engine speak.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Longer than a caller waits for an answer (3 seconds, `src/aws.rs`).
const LATE: Duration = Duration::from_millis(3_500);
/// The longest delay that a caller still waits for.
const DELAY_MAX_MS: u64 = 200;

/// How many calls of a thousand are spoilt, and how.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    pub(super) delayed: u32,
    pub(super) refused: u32,
    pub(super) unanswered: u32,
    pub(super) late: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passed,
    Delayed(Duration),
    Refused,
    Unanswered,
    Late,
}

/// How many calls had which fate.
#[derive(Debug, Default)]
pub(super) struct Fates {
    passed: AtomicU64,
    delayed: AtomicU64,
    refused: AtomicU64,
    unanswered: AtomicU64,
    late: AtomicU64,
}

impl fmt::Display for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let [passed, delayed, refused] = [&self.passed, &self.delayed, &self.refused].map(read);
        let [unanswered, late] = [&self.unanswered, &self.late].map(read);
        write!(f, "{passed} passed, {delayed} delayed, {refused} refused, {unanswered} unanswered, {late} late")
    }
}

struct Shared {
    /// The engine's address, where it has one now.
    engine: Mutex<Option<String>>,
    weather: Mutex<Weather>,
    random: Mutex<fastrand::Rng>,
    cut: watch::Sender<bool>,
    fates: Fates,
    /// Calls in flight. A late call no longer has a caller.
    on_the_way: AtomicU64,
}

/// The proxy, listening.
pub(super) struct FaultProxy {
    endpoint: String,
    shared: Arc<Shared>,
    accepting: tokio::task::JoinHandle<()>,
}

impl FaultProxy {
    /// Listens on a free port. Nothing is behind it yet.
    pub(super) async fn start(seed: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared {
            engine: Mutex::default(),
            weather: Mutex::default(),
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            cut: watch::Sender::new(false),
            fates: Fates::default(),
            on_the_way: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { endpoint, shared, accepting })
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(super) fn fates(&self) -> &Fates {
        &self.shared.fates
    }

    /// Where calls go from now on; nowhere while the engine is down.
    pub(super) fn point_to(&self, endpoint: Option<&str>) {
        let address = endpoint.map(|endpoint| endpoint.trim_start_matches("http://").to_owned());
        *self.shared.engine.lock().unwrap() = address;
    }

    pub(super) fn set_weather(&self, weather: Weather) {
        *self.shared.weather.lock().unwrap() = weather;
    }

    /// Cuts every connection, and refuses new ones, for a while.
    pub(super) async fn cut(&self, duration: Duration) {
        self.shared.cut.send_replace(true);
        tokio::time::sleep(duration).await;
        self.shared.cut.send_replace(false);
    }

    /// Waits until no late call is in flight.
    pub(super) async fn quiet(&self) {
        while self.shared.on_the_way.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((caller, _)) = listener.accept().await else { continue };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let mut cut = shared.cut.subscribe();
            tokio::select! {
                biased;
                _ = cut.wait_for(|&cut| cut) => {}
                // What went wrong with a connection is told to its caller by closing it.
                _ = converse(caller, &shared) => {}
            }
        });
    }
}

/// A call that is on its way, for as long as this lives.
struct OnTheWay<'a>(&'a AtomicU64);

impl<'a> OnTheWay<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for OnTheWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Takes a caller's requests, one after the other, until one isn't to be answered.
async fn converse(caller: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut caller = BufReader::new(caller);
    let mut engine: Option<BufReader<TcpStream>> = None;
    while let Some((request, last)) = message(&mut caller).await? {
        let _on_the_way = OnTheWay::new(&shared.on_the_way);
        let fate = shared.fate();
        match fate {
            Fate::Passed | Fate::Unanswered => {}
            Fate::Refused => return Ok(()),
            Fate::Delayed(delay) => tokio::time::sleep(delay).await,
            Fate::Late => tokio::time::sleep(LATE).await,
        }
        let mut to = match engine.take() {
            Some(engine) => engine,
            None => {
                let address = shared.engine.lock().unwrap().clone().ok_or(std::io::ErrorKind::ConnectionRefused)?;
                BufReader::new(TcpStream::connect(address).await?)
            }
        };
        to.write_all(&request).await?;
        let (answer, _) = message(&mut to).await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        if fate == Fate::Unanswered {
            return Ok(());
        }
        caller.write_all(&answer).await?;
        if last {
            return Ok(());
        }
        engine = Some(to);
    }
    Ok(())
}

impl Shared {
    fn fate(&self) -> Fate {
        let Weather { delayed, refused, unanswered, late } = *self.weather.lock().unwrap();
        let mut random = self.random.lock().unwrap();
        let mut pick = random.u32(0..1_000);
        let mut falls_in = |share: u32| {
            let falls = pick < share;
            pick = pick.wrapping_sub(share);
            falls
        };
        let (fate, count) = if falls_in(delayed) {
            (Fate::Delayed(Duration::from_millis(random.u64(1..=DELAY_MAX_MS))), &self.fates.delayed)
        } else if falls_in(refused) {
            (Fate::Refused, &self.fates.refused)
        } else if falls_in(unanswered) {
            (Fate::Unanswered, &self.fates.unanswered)
        } else if falls_in(late) {
            (Fate::Late, &self.fates.late)
        } else {
            (Fate::Passed, &self.fates.passed)
        };
        count.fetch_add(1, Ordering::Relaxed);
        fate
    }
}

/// One request or answer with its head, and whether it is its connection's last; none where the connection ends before
/// it.
async fn message(from: &mut BufReader<TcpStream>) -> std::io::Result<Option<(Vec<u8>, bool)>> {
    let (mut message, mut last) = (Vec::new(), false);
    let mut length = 0_usize;
    loop {
        let start = message.len();
        if from.read_until(b'\n', &mut message).await? == 0 {
            return if start == 0 { Ok(None) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) };
        }
        let line = String::from_utf8_lossy(&message[start..]).trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| std::io::ErrorKind::InvalidData)?;
        }
        last |= line == "connection: close";
        if line.starts_with("transfer-encoding:") {
            return Err(std::io::ErrorKind::Unsupported.into());
        }
    }
    let head = message.len();
    message.resize(head + length, 0);
    from.read_exact(&mut message[head..]).await?;
    Ok(Some((message, last)))
}

/// A small engine that counts what it got and echoes it.
async fn echo() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let got = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&got);
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut caller = BufReader::new(caller);
                while let Ok(Some((_, last))) = message(&mut caller).await {
                    count.fetch_add(1, Ordering::Relaxed);
                    caller.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
                    if last {
                        break;
                    }
                }
            });
        }
    });
    (endpoint, got)
}

/// Asks through a proxy in some weather. Returns the status, 0 where there was no answer, and how often the engine was
/// asked.
async fn asked_in(weather: Weather) -> (u16, u64) {
    let (engine, got) = echo().await;
    let proxy = FaultProxy::start(1).await.unwrap();
    proxy.point_to(Some(&engine));
    proxy.set_weather(weather);
    let (status, _, _) = crate::processes::stack::http(proxy.endpoint(), "POST /", "{}").await;
    proxy.quiet().await;
    (status, got.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_call_meets_its_fate() {
    let all = 1_000;
    assert_eq!(asked_in(Weather::default()).await, (200, 1));
    assert_eq!(asked_in(Weather { delayed: all, ..Weather::default() }).await, (200, 1));
    assert_eq!(asked_in(Weather { refused: all, ..Weather::default() }).await, (0, 0));
    assert_eq!(asked_in(Weather { unanswered: all, ..Weather::default() }).await, (0, 1), "the lost acknowledgement");
}

/// Its caller has long gone, but the engine still gets it.
#[tokio::test]
async fn a_late_call_lands_without_its_caller() {
    let (engine, got) = echo().await;
    let proxy = FaultProxy::start(1).await.unwrap();
    proxy.point_to(Some(&engine));
    proxy.set_weather(Weather { late: 1_000, ..Weather::default() });
    let gone = tokio::time::timeout(
        Duration::from_millis(50),
        crate::processes::stack::http(proxy.endpoint(), "POST /", "{}"),
    );
    assert!(gone.await.is_err());
    proxy.quiet().await;
    assert_eq!(got.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_cut_refuses_calls_until_it_is_over() {
    let (engine, got) = echo().await;
    let proxy = FaultProxy::start(1).await.unwrap();
    proxy.point_to(Some(&engine));
    proxy.shared.cut.send_replace(true);
    assert_eq!(crate::processes::stack::http(proxy.endpoint(), "POST /", "{}").await.0, 0);
    proxy.cut(Duration::ZERO).await;
    assert_eq!(crate::processes::stack::http(proxy.endpoint(), "POST /", "{}").await.0, 200);
    assert_eq!(got.load(Ordering::Relaxed), 1);
}
