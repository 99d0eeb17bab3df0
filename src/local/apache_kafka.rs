//! Apache Kafka itself, for what depends on a faithful broker: fetched from Maven Central once, one broker in KRaft mode.
//!
//! In: a folder for its jars. Out: a bootstrap address that answers.
//!
//! The script of the project (`scripts/apache-kafka/run.sh`, which is also of use by hand) does the work; it becomes the
//! broker, so the process started here is the broker's own.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;
use tokio::process::{Child, Command};

const SCRIPT: &str = include_str!("../../scripts/apache-kafka/run.sh");
const POM: &str = include_str!("../../scripts/apache-kafka/pom.xml");

/// Where the jars are kept, below the current folder.
const LIBS: &str = ".tools/apache-kafka";
/// How long fetching and starting may take.
const START_TIMEOUT: Duration = Duration::from_secs(300);

/// A running broker. Killed when dropped, its data removed.
#[derive(Debug)]
pub struct ApacheKafka {
    bootstrap_servers: String,
    /// The broker's own port, and its controller's.
    ports: (u16, u16),
    broker: Child,
    /// Data and script, for as long as the broker runs.
    folder: TempDir,
}

impl ApacheKafka {
    /// Fetches Apache Kafka if need be, and starts a broker; it answers when this returns.
    ///
    /// # Errors
    /// If Java or Maven is missing, or the broker doesn't come up; says what it wrote last.
    pub async fn start() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("making a folder for Kafka's data")?;
        let script = folder.path().join("run.sh");
        std::fs::write(&script, SCRIPT)?;
        std::fs::write(folder.path().join("pom.xml"), POM)?;
        let ports = (free_port()?, free_port()?);
        let broker = launch(folder.path(), ports).await?;
        Ok(Self { ports, bootstrap_servers: address(ports.0), broker, folder })
    }

    /// Where it listens.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Kills the broker as a crash would, by its own process id. Its data stays for [`restart`](Self::restart).
    ///
    /// # Errors
    /// If it can't be killed.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.broker.kill().await.context("killing Apache Kafka")
    }

    /// Starts the broker again after it was killed, on the same port and the same data; it answers when this returns.
    ///
    /// # Errors
    /// If it doesn't come up; says what it wrote last.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.broker = launch(self.folder.path(), self.ports).await?;
        Ok(())
    }

    /// Ends the broker, by its own process id.
    pub async fn stop(mut self) {
        let _ = self.broker.kill().await;
    }
}

/// Becomes a broker on what is in the folder, and waits until it answers.
async fn launch(folder: &Path, (port, controller): (u16, u16)) -> anyhow::Result<Child> {
    let log = folder.join("broker.log");
    let output = std::fs::File::create(&log)?;
    let mut broker = Command::new("bash")
        .arg(folder.join("run.sh"))
        .arg("start")
        .arg(libs()?)
        .arg(folder.join("data"))
        .args([port.to_string(), controller.to_string()])
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .context("starting Apache Kafka: is bash there?")?;
    tokio::select! {
        ready = tokio::time::timeout(START_TIMEOUT, answers(address(port))) => {
            ready.with_context(|| format!("Apache Kafka did not answer in time: {}", last_words(&log)))??;
        }
        ended = broker.wait() => bail!("Apache Kafka ended with {}: {}", ended?, last_words(&log)),
    }
    Ok(broker)
}

fn address(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn libs() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_dir().context("finding the current folder")?.join(LIBS))
}

/// A port that was free just now.
fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Asks for the cluster's metadata until it comes.
async fn answers(bootstrap_servers: String) -> anyhow::Result<()> {
    let asked = tokio::task::spawn_blocking(move || {
        let consumer: BaseConsumer = super::kafka::client_config(&bootstrap_servers)?.create()?;
        let deadline = std::time::Instant::now().checked_add(START_TIMEOUT);
        while consumer.fetch_metadata(None, Duration::from_secs(1)).map_or(true, |known| known.brokers().is_empty()) {
            if deadline.is_none_or(|deadline| std::time::Instant::now() > deadline) {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        anyhow::Ok(())
    });
    asked.await?
}

fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .rev()
        .find(|line| !line.trim().is_empty() && !line.starts_with("SLF4J"))
        .unwrap_or("it said nothing")
        .to_owned()
}
