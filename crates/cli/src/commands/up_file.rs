//! What: The files by which a running `giro up` is known to other commands in its folder: `.giro/up.json`, and a lock
//! that ends with its process.
//!
//! Data: Takes addresses and names. Gives the same, as long as the process lives that wrote them.
//!
//! The lock says whether the process lives. A killed process can't remove its file, but its lock ends with it.

use std::fs::{File, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::Failure;
use super::template::ChosenTemplate;
use crate::local::stack::Endpoints;

/// The folder for a stack's own files.
const FOLDER: &str = ".giro";
const UP_FILE: &str = ".giro/up.json";
/// The `giro up` of this folder holds this lock. The file is never removed, because another process could hold it.
const LOCK_FILE: &str = ".giro/up.lock";
/// It exists while somebody wants the stack to stop.
const STOP_FILE: &str = ".giro/up.stop";

/// A command that tests the lock holds it for a short time itself.
const LOCK_TRIES: usize = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// What `giro up` tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    #[serde(flatten)]
    pub(super) endpoints: Endpoints,
    /// Where a person opens the console, with its token, if there is one.
    #[serde(default)]
    pub(super) console: Option<String>,
    /// The binaries of functions that don't run, because they aren't built.
    #[serde(default)]
    pub(super) left_out: Vec<String>,
    /// What the stack was made from.
    pub(super) template: ChosenTemplate,
}

/// The stack that runs in this folder, if one does.
///
/// # Errors
/// [`Failure::Unreachable`] if one was killed, or isn't ready yet.
pub(super) fn running() -> Result<Option<Told>, Failure> {
    let held = is_held();
    let told = match std::fs::read(UP_FILE) {
        Ok(bytes) => bytes,
        Err(_) if held => {
            let text =
                "the `giro up` of this folder is starting or stopping: try again once it has printed its addresses";
            return Err(Failure::unreachable(text));
        }
        Err(_) => return Ok(None),
    };
    if !held {
        return Err(Failure::unreachable(format!(
            "the `giro up` of this folder was killed, and {UP_FILE} is what it left: start `giro up` again, or name the \
             engines by flag or environment"
        )));
    }
    let told = serde_json::from_slice(&told);
    told.map(Some).map_err(|error| {
        Failure::input(format!(
            "{UP_FILE}: expected what `giro up` writes there: {error}. Was it changed, or written by another version of \
             giro? `giro down` stops the stack; then start `giro up` again"
        ))
    })
}

impl Told {
    /// A line for each function that doesn't run. Without it nobody would know why its records wait.
    pub(super) fn left_out_lines(&self) -> impl Iterator<Item = String> {
        self.left_out.iter().map(|binary| format!("# {binary} is left out: it isn't built; `make build` builds it"))
    }
}

/// What the stack of another folder tells, once it is ready.
pub(super) fn told_in(folder: &Path) -> Option<Told> {
    serde_json::from_slice(&std::fs::read(folder.join(UP_FILE)).ok()?).ok()
}

/// Asks the stack of another folder to stop.
pub(super) fn ask_to_stop_in(folder: &Path) -> std::io::Result<()> {
    std::fs::write(folder.join(STOP_FILE), b"")
}

/// Makes the folder in which a stack keeps what is its own.
///
/// # Errors
/// [`Failure::Input`] if it can't be made.
pub(super) fn make_folder() -> Result<(), Failure> {
    std::fs::create_dir_all(FOLDER).map_err(|error| match Path::new(FOLDER).exists() {
        true => Failure::input(format!(
            "{FOLDER}: expected a folder, in which `giro up` keeps its addresses, and got a file: move it away, or run \
             giro in another folder"
        )),
        false => Failure::input(format!(
            "{FOLDER}: `giro up` can't make the folder in which it keeps its addresses: {error}. Run giro in a folder \
             that you may write"
        )),
    })
}

/// Whether a `giro up` of this folder runs.
pub(super) fn is_held() -> bool {
    let Ok(file) = File::open(LOCK_FILE) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Asks the stack of this folder to stop.
pub(super) fn ask_to_stop() -> Result<(), Failure> {
    ask_to_stop_in(Path::new("")).with_context(|| format!("writing {STOP_FILE}")).map_err(Failure::Input)
}

/// This folder's place for a stack. It is taken when this value is made, and free when it is dropped or the process
/// ends.
pub(super) struct UpFile {
    /// Kept for its lock.
    _lock: File,
}

impl UpFile {
    /// Takes this folder's place.
    ///
    /// # Errors
    /// [`Failure::Input`] if another has it, or the folder can't be written.
    pub(super) async fn take() -> Result<Self, Failure> {
        make_folder()?;
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(LOCK_FILE);
        let mut lock = opened.with_context(|| format!("opening {LOCK_FILE}")).map_err(Failure::Input)?;
        for _ in 0..LOCK_TRIES {
            match lock.try_lock() {
                Ok(()) => {
                    // What a killed one left.
                    let _ = std::fs::remove_file(UP_FILE);
                    let _ = std::fs::remove_file(STOP_FILE);
                    // Only for the message to another.
                    let _ = lock.set_len(0).and_then(|()| write!(lock, "{}", std::process::id()));
                    return Ok(Self { _lock: lock });
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_PAUSE).await,
                Err(TryLockError::Error(error)) => return Err(Failure::input(format!("locking {LOCK_FILE}: {error}"))),
            }
        }
        let process = std::fs::read_to_string(LOCK_FILE).unwrap_or_default();
        Err(Failure::input(format!(
            "a `giro up` runs in this folder already, as process {process}: stop it first, or start this one in a folder of \
             its own"
        )))
    }

    /// What stacks have left in the folder, but for the lock.
    pub(super) fn left(&self) -> Result<Vec<PathBuf>, Failure> {
        let failed = || format!("reading {FOLDER}");
        let mut left = Vec::new();
        for entry in std::fs::read_dir(FOLDER).with_context(failed).map_err(Failure::Input)? {
            let path = entry.with_context(failed).map_err(Failure::Input)?.path();
            if path != Path::new(LOCK_FILE) {
                left.push(path);
            }
        }
        left.sort();
        Ok(left)
    }

    /// Removes files and folders of [`left`](Self::left).
    pub(super) fn remove(&self, left: &[PathBuf]) -> Result<(), Failure> {
        for path in left {
            let is_folder = path.symlink_metadata().is_ok_and(|of| of.is_dir());
            let removed = if is_folder { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
            removed.with_context(|| format!("removing {}", path.display())).map_err(Failure::Input)?;
        }
        Ok(())
    }

    /// Whether somebody wants this stack to stop.
    pub(super) fn asked_to_stop(&self) -> bool {
        Path::new(STOP_FILE).exists()
    }

    /// Tells the other commands in this folder.
    pub(super) fn write(&self, told: &Told) -> Result<(), Failure> {
        // The whole file at once, because a command may read at any time.
        let unfinished = Path::new(UP_FILE).with_extension("json.new");
        let json = serde_json::to_vec_pretty(told).map_err(Failure::no)?;
        // Its owner's alone, because it holds the console's token. What a killed one left may be everybody's.
        let _ = std::fs::remove_file(&unfinished);
        let file = File::options().write(true).create_new(true).mode(0o600).open(&unfinished);
        let written = file.and_then(|mut file| file.write_all(&json));
        let written = written.and_then(|()| std::fs::rename(&unfinished, UP_FILE));
        written.with_context(|| format!("writing {UP_FILE}")).map_err(Failure::Input)
    }
}

impl Drop for UpFile {
    fn drop(&mut self) {
        // It doesn't matter if the file is already gone. The lock ends after this.
        let _ = std::fs::remove_file(UP_FILE);
        let _ = std::fs::remove_file(STOP_FILE);
    }
}
