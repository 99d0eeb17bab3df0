//! What: Writes lines for a person: results on stdout, everything else on stderr.
//!
//! Data: Takes lines. Says whether anybody reads them.
//!
//! | who has gone away | then |
//! |---|---|
//! | the reader of a command's results | the command ends at once and quietly, as `cat` does |
//! | the reader of what `giro up` prints | the stack runs on, because payments may be in its functions |
//! | the reader of stderr | nothing: an unread error stops no work |
//!
//! Invariants: Only this file and the log write to stdout or stderr, and the log ignores a closed stderr too
//! (`tests/it/tidy.rs` holds this).

use std::fmt;
use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Writes progress or an error to stderr.
macro_rules! tell {
    ($($line:tt)*) => { $crate::local::terminal::aside(format_args!($($line)*)) };
}
pub(crate) use tell;

/// Writes a line to stdout.
///
/// # Errors
/// If it can't be written: `BrokenPipe` if its reader has gone away.
pub(crate) fn line(line: fmt::Arguments<'_>) -> io::Result<()> {
    // One write for one line, where it fits the buffer.
    io::stdout().lock().write_fmt(format_args!("{line}\n"))
}

/// Whether somebody may still read stdout. A command that waits for more to say asks, because nothing is written
/// meanwhile that would fail.
pub(crate) fn has_reader() -> bool {
    let stdout = io::stdout();
    let mut asked = [PollFd::new(&stdout, PollFlags::OUT)];
    // If it can't be asked, the next write finds out.
    let answered = poll(&mut asked, Some(&Timespec::default())).is_ok();
    !answered || asked.iter().all(|stdout| !stdout.revents().intersects(PollFlags::ERR | PollFlags::HUP))
}

/// Writes bytes to stdout as they are.
///
/// # Errors
/// As [`line`].
pub(crate) fn bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// Writes a line to stderr, if anybody reads it.
pub(crate) fn aside(line: fmt::Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(format_args!("{line}\n"));
}
