//! What: Runs Apache Kafka itself, for tests that depend on a real broker. It is fetched from Maven Central once, and
//! runs as one broker or a cluster in KRaft mode.
//!
//! Data: Takes a folder for its jars, and how many brokers. Gives a bootstrap address that answers.
//!
//! The script `scripts/apache-kafka/run.sh` does the work, and can also be run by hand. The script becomes the broker,
//! so the processes that are started here are the brokers themselves. Each broker is also a controller.

use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::future::try_join_all;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::terminal::tell;

const SCRIPT: &str = include_str!("../../../../scripts/apache-kafka/run.sh");
const POM: &str = include_str!("../../../../scripts/apache-kafka/pom.xml");

/// Where the jars are kept, below the current folder.
const LIBS: &str = ".tools/apache-kafka";
/// Where brokers listen: below the ports that a system gives to whoever takes any. A killed broker comes back on its
/// port, and no connection may have taken it meanwhile.
const PORTS: Range<u16> = 15_000..32_000;
const PORT_TRIES_MAX: usize = 1_000;
/// How many lines of a broker that ended are shown.
const LAST_WORDS: usize = 6;
/// How often a broker is started before it is given up. Its port may be taken between the choice and the start, and a
/// killed broker may find its own files half changed.
const STARTS_MAX: usize = 3;
/// How long fetching and starting may take.
const START_TIMEOUT: Duration = Duration::from_secs(300);

/// Running brokers. Killed when dropped, their data removed.
#[derive(Debug)]
pub struct ApacheKafka {
    bootstrap_servers: String,
    brokers: Vec<Child>,
    place: Place,
}

/// Where brokers run.
#[derive(Debug)]
struct Place {
    /// Data and script, for as long as the brokers run.
    folder: TempDir,
    /// Each broker's own port.
    ports: Vec<u16>,
    /// The port of each broker's controller.
    controllers: Vec<u16>,
}

impl ApacheKafka {
    /// Fetches Apache Kafka if needed, and starts this many brokers, at least one. They answer when this returns. Three
    /// or more keep three replicas of everything, two of which must have a record before it is acknowledged.
    ///
    /// # Errors
    /// If Java or Maven is missing, or a broker doesn't start. The error has its last lines.
    pub async fn start(brokers: usize) -> anyhow::Result<Self> {
        let brokers = brokers.max(1);
        let (place, brokers) = again(async || {
            let place = Place::new(brokers)?;
            // They start together: one controller of several has no majority, and doesn't answer.
            let brokers = try_join_all((0..brokers).map(|broker| place.launch(broker))).await?;
            Ok((place, brokers))
        })
        .await?;
        let addresses: Vec<String> = place.ports.iter().map(|&port| address(port)).collect();
        Ok(Self { bootstrap_servers: addresses.join(","), brokers, place })
    }

    /// Where it listens.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Kills a broker, counted from 0 on, as a crash would, by its own process id. Its data stays for
    /// [`restart`](Self::restart).
    ///
    /// # Errors
    /// If it can't be killed.
    pub async fn kill(&mut self, broker: usize) -> anyhow::Result<()> {
        let broker = self.brokers.get_mut(broker).context("there is no such broker")?;
        broker.kill().await.context("killing Apache Kafka")
    }

    /// Starts a broker again after it was killed, on the same port and the same data. It answers when this returns.
    ///
    /// # Errors
    /// If it doesn't start. The error has its last lines.
    pub async fn restart(&mut self, broker: usize) -> anyhow::Result<()> {
        let killed = self.brokers.get_mut(broker).context("there is no such broker")?;
        *killed = again(async || self.place.launch(broker).await).await?;
        Ok(())
    }

    /// Ends the brokers, by their own process ids.
    pub async fn stop(mut self) {
        for broker in &mut self.brokers {
            let _ = broker.kill().await;
        }
    }
}

impl Place {
    /// A new folder, and ports that are free now.
    fn new(brokers: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("making a folder for Kafka's data")?;
        std::fs::write(folder.path().join("run.sh"), SCRIPT)?;
        std::fs::write(folder.path().join("pom.xml"), POM)?;
        let mut ports = free_ports(brokers.saturating_mul(2))?;
        let controllers = ports.split_off(brokers);
        Ok(Self { folder, ports, controllers })
    }

    /// Starts a broker on the data in its folder, and waits until it answers.
    async fn launch(&self, broker: usize) -> anyhow::Result<Child> {
        let port = *self.ports.get(broker).context("there is no such broker")?;
        let node = broker.saturating_add(1);
        let log = self.folder.path().join(format!("broker-{node}.log"));
        let output = std::fs::File::create(&log)?;
        let mut broker = Command::new("bash")
            .arg(self.folder.path().join("run.sh"))
            .arg("start")
            .arg(libs()?)
            .arg(self.folder.path().join(format!("data-{node}")))
            .args([node.to_string(), port.to_string()])
            .args(self.controllers.iter().map(u16::to_string))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .context("starting Apache Kafka: is bash there?")?;
        tokio::select! {
            ready = tokio::time::timeout(START_TIMEOUT, answers(address(port), self.ports.len())) => {
                ready.with_context(|| format!("Apache Kafka did not answer in time: {}", last_words(&log)))??;
            }
            ended = broker.wait() => bail!("Apache Kafka ended with {}: {}", ended?, last_words(&log)),
        }
        Ok(broker)
    }
}

/// Starts something, and again if that fails. Every failure but the last is written to standard error.
async fn again<T>(start: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
    for left in (1..STARTS_MAX).rev() {
        match start().await {
            Ok(started) => return Ok(started),
            Err(error) => tell!("Apache Kafka didn't start, {left} tries are left: {error:#}"),
        }
    }
    start().await
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn libs() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_dir().context("finding the current folder")?.join(LIBS))
}

/// This many ports that are free now.
fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    // They are held until all are chosen, so that none comes twice.
    let mut held: Vec<TcpListener> = Vec::with_capacity(count);
    for _ in 0..PORT_TRIES_MAX {
        if held.len() == count {
            return held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect();
        }
        held.extend(TcpListener::bind(("127.0.0.1", fastrand::u16(PORTS))));
    }
    bail!("no {count} free ports between {} and {}", PORTS.start, PORTS.end)
}

/// Asks for the cluster's metadata until it names this many brokers.
async fn answers(bootstrap_servers: String, brokers: usize) -> anyhow::Result<()> {
    let asked = tokio::task::spawn_blocking(move || {
        let (config, context) = super::kafka::client(&bootstrap_servers)?;
        let consumer: BaseConsumer<_> = config.create_with_context(context)?;
        super::kafka::hear(&consumer);
        let deadline = std::time::Instant::now().checked_add(START_TIMEOUT);
        while consumer
            .fetch_metadata(None, Duration::from_secs(1))
            .map_or(true, |known| known.brokers().len() < brokers)
        {
            if deadline.is_none_or(|deadline| std::time::Instant::now() > deadline) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        anyhow::Ok(())
    });
    asked.await?
}

/// The last lines of a broker's log that tell something. Lines of a stack trace begin with a space.
fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let tells = |line: &&str| !line.is_empty() && !line.starts_with(char::is_whitespace);
    let mut last: Vec<&str> = text.lines().rev().filter(tells).take(LAST_WORDS).collect();
    if last.is_empty() {
        return "it said nothing".to_owned();
    }
    last.reverse();
    last.join("; ")
}
