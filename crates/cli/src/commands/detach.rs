//! What: `giro up --detach` starts a stack that runs on after the command ends. `giro down` stops it.
//!
//! Data: Takes the arguments that this process was started with. Gives the same program started again without
//! `--detach`, in a process group of its own, so that Ctrl-C in this terminal doesn't reach it. What it writes goes to
//! `.giro/up.log`.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;

use super::Failure;
use super::up_file;

/// What a detached stack writes.
pub(super) const LOG_FILE: &str = ".giro/up.log";
/// How often to look whether the stack is ready.
const LOOK: Duration = Duration::from_millis(50);
/// How many of its last lines to show when it doesn't start.
const LINES_SHOWN_MAX: usize = 20;

/// Starts a stack beside this process, and returns when it is ready.
///
/// # Errors
/// [`Failure`] as the stack's own exit code has it, if it ended instead.
pub(super) async fn run() -> Result<(), Failure> {
    let mut stack = start()?;
    let told = loop {
        if let Some(status) = stack.try_wait().context("waiting for the stack").map_err(Failure::No)? {
            let log = std::fs::read_to_string(LOG_FILE).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            let last = lines.get(lines.len().saturating_sub(LINES_SHOWN_MAX)..).unwrap_or_default().join("\n");
            let text = format!("the stack did not start; the end of {LOG_FILE} says why:\n{last}");
            return Err(match status.code() {
                Some(2) => Failure::input(text),
                Some(3) => Failure::unreachable(text),
                Some(_) | None => Failure::no(text),
            });
        }
        if let Ok(Some(told)) = up_file::running() {
            break told;
        }
        tokio::time::sleep(LOOK).await;
    };
    say!("# The stack runs as process {}. `giro status` tells its addresses, `giro down` stops it.", stack.id());
    say!("# What it writes is in {LOG_FILE}.");
    if let Some(console) = &told.console {
        say!("# console {console}");
    }
    for line in told.left_out_lines() {
        say!("{line}");
    }
    Ok(())
}

fn start() -> Result<Child, Failure> {
    // This comes before the log is emptied, because the log may be that of a running stack.
    if up_file::is_held() {
        return Err(Failure::input("a `giro up` runs in this folder already: `giro down` stops it"));
    }
    up_file::make_folder()?;
    let log = File::create(LOG_FILE).with_context(|| format!("creating {LOG_FILE}")).map_err(Failure::Input)?;
    let errors = log.try_clone().with_context(|| format!("opening {LOG_FILE}")).map_err(Failure::Input)?;
    let program = std::env::current_exe().context("finding this program").map_err(Failure::No)?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).filter(|argument| argument != "--detach").collect();
    let started =
        Command::new(program).args(arguments).stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0).spawn();
    started.context("starting the stack").map_err(Failure::No)
}
