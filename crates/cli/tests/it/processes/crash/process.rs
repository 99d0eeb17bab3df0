//! A `giro up` as a process of its own, which can be killed, and the processes of its functions.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use giro_cli::local::stack::Endpoints;
use tokio::process::{Child, Command};

use crate::processes::cli;

/// How long a process may take to start on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// A running `giro up`. Killed when dropped.
pub(super) struct Up {
    child: Child,
    endpoints: Endpoints,
}

impl Up {
    /// Starts `giro up` in a folder, with the log appended there; it takes records when this returns.
    pub(super) async fn start(folder: &Path, arguments: &[String]) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let file = folder.join(".giro/up.json");
        // One that was killed has left its own.
        let _ = std::fs::remove_file(&file);
        let log = std::fs::File::options().create(true).append(true).open(log_of(folder))?;
        let mut command = Command::from(cli::command(&["up"], folder));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let mut child = command.spawn().context("starting giro up")?;
        let ready = async {
            loop {
                match std::fs::read(&file).map(|bytes| serde_json::from_slice(&bytes)) {
                    Ok(Ok(endpoints)) => return endpoints,
                    // Not there yet, or not yet whole.
                    Ok(Err(_)) | Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        let endpoints = tokio::select! {
            ready = tokio::time::timeout(START_TIMEOUT, ready) => ready.context("giro up did not start in time")?,
            ended = child.wait() => bail!("giro up ended with {}: {}", ended?, last_words(folder)),
        };
        Ok(Self { child, endpoints })
    }

    pub(super) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// `kill -9`, by its own process id. Returns the processes of its functions, which it leaves behind.
    pub(super) async fn kill(&mut self) -> anyhow::Result<Vec<LeftBehind>> {
        if self.ended().is_some() {
            return Ok(Vec::new());
        }
        let left = self.workers("")?;
        self.child.kill().await.context("killing giro up")?;
        let since = Instant::now();
        Ok(left.into_iter().map(|pid| LeftBehind { pid, since }).collect())
    }

    /// The processes of a binary's function.
    pub(super) fn workers(&self, binary: &str) -> anyhow::Result<Vec<u32>> {
        let Some(own) = self.child.id() else { return Ok(Vec::new()) };
        Ok(processes()?.into_iter().filter(|it| it.parent == own && it.is(binary)).map(|it| it.pid).collect())
    }
}

pub(super) fn log_of(folder: &Path) -> PathBuf {
    folder.join("up.log")
}

pub(super) fn last_words(folder: &Path) -> String {
    let text = std::fs::read_to_string(log_of(folder)).unwrap_or_default();
    text.lines().next_back().unwrap_or("it said nothing").to_owned()
}

/// `kill -9` by process id. Returns whether there was such a process.
pub(super) fn kill(pid: u32) -> bool {
    let kill = std::process::Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
    kill.is_ok_and(|status| status.success())
}

/// A process that a killed poller left behind, and since when.
#[derive(Debug, Clone, Copy)]
pub(super) struct LeftBehind {
    pid: u32,
    since: Instant,
}

/// The names of those of these processes that still run. Each is ended now. A younger process only has the same id.
pub(super) fn outlived(left: &[LeftBehind]) -> anyhow::Result<Vec<String>> {
    let same = |it: &Process| left.iter().any(|left| left.pid == it.pid && left.since.elapsed() < it.age);
    let still: Vec<Process> = processes()?.into_iter().filter(same).collect();
    for it in &still {
        kill(it.pid);
    }
    Ok(still.into_iter().map(|it| it.name).collect())
}

struct Process {
    pid: u32,
    parent: u32,
    age: Duration,
    name: String,
}

impl Process {
    /// Names of processes are cut at 15 characters.
    fn is(&self, binary: &str) -> bool {
        let name = self.name.rsplit('/').next().unwrap_or_default();
        name.starts_with(binary.get(..15).unwrap_or(binary))
    }
}

/// The processes that run, without zombies.
fn processes() -> anyhow::Result<Vec<Process>> {
    let output = std::process::Command::new("ps")
        .args(["-A", "-o", "pid=", "-o", "ppid=", "-o", "stat=", "-o", "etimes=", "-o", "comm="])
        .output()
        .context("asking ps for processes")?;
    let process = |line: &str| {
        let mut words = line.split_whitespace();
        let (pid, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let running = !words.next()?.starts_with('Z');
        // It is in whole seconds, so it may be up to one second more.
        let age = Duration::from_secs(words.next()?.parse::<u64>().ok()? + 1);
        running.then(|| Process { pid, parent, age, name: words.next().unwrap_or_default().to_owned() })
    };
    Ok(String::from_utf8_lossy(&output.stdout).lines().filter_map(process).collect())
}
