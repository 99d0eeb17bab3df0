//! What: `giro down` stops the stack of this folder.
//!
//! It asks by a file and sends no signal, because a process id in a file may belong to another process by now.

use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use super::Failure;
use super::up_file;
use crate::local::terminal::tell;

/// How often to look whether the stack is gone.
const LOOK: Duration = Duration::from_millis(50);
/// After how long to say what it waits for.
const TELL_AFTER: Duration = Duration::from_secs(3);
/// How long a stack may take: its functions end what they have begun.
const STOP_MAX: Duration = Duration::from_secs(90);

/// Stop the stack of this folder
///
/// Returns when it has stopped. Running invocations end first. Exit code 1 if no stack runs here, as after a kill.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro down")]
pub(super) struct DownArgs {}

pub(super) async fn run(_: DownArgs) -> Result<(), Failure> {
    // One that can't tell where it listens, yet or any more, can be asked to stop all the same.
    if !up_file::is_held() {
        // One that was killed doesn't run either. No engine is needed to say so.
        let was_killed = up_file::running().is_err();
        let last = if was_killed { ": the last one was killed" } else { "" };
        return Err(Failure::no(format!("no `giro up` runs in this folder{last}")));
    }
    up_file::ask_to_stop()?;
    let began = Instant::now();
    let deadline = began.checked_add(STOP_MAX);
    let mut told = false;
    while up_file::is_held() {
        if !told && began.elapsed() > TELL_AFTER {
            tell!("giro: waiting for what is under way, up to {} seconds", STOP_MAX.as_secs());
            told = true;
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            let waited = STOP_MAX.as_secs();
            return Err(Failure::no(format!("the stack was asked to stop, and runs on after {waited} seconds")));
        }
        sleep(LOOK).await;
    }
    say!("stopped");
    Ok(())
}
