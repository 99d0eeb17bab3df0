//! What: `giro logs` shows what the detached stack of this folder writes.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use super::Failure;
use super::detach::LOG_FILE;
use super::looks::LooksArgs;
use super::number::number;
use super::up_file;
use crate::local::escaped::Line;
use crate::local::stack::LogLines;
use crate::local::{log_line, terminal};

/// How often to look for new lines.
const LOOK: Duration = Duration::from_millis(100);

/// Show what the stack of this folder writes, if it was started with --detach
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  giro logs\n  giro logs --follow --lines 20")]
pub(super) struct LogsArgs {
    /// Go on as it writes, until it stops
    #[arg(long, short)]
    follow: bool,
    /// Only the last lines
    #[arg(long, short = 'n', value_name = "COUNT", value_parser = number::<u32>(0..=u32::MAX))]
    lines: Option<u32>,
    #[command(flatten)]
    looks: LooksArgs,
}

pub(super) async fn run(args: LogsArgs) -> Result<(), Failure> {
    let mut log = match File::open(LOG_FILE) {
        Ok(log) => log,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Failure::no("no stack was started in this folder with `giro up --detach`"));
        }
        Err(error) => return Err(Failure::input(format!("opening {LOG_FILE}: {error}"))),
    };
    let looks = args.looks.on_stdout();
    let mut rest = Vec::new();
    let shown: Vec<String> = read(&mut log, &mut rest)?.iter().filter_map(|line| shown(line, looks)).collect();
    let last = args.lines.map_or(shown.len(), |last| usize::try_from(last).unwrap_or(usize::MAX));
    for line in shown.iter().skip(shown.len().saturating_sub(last)) {
        write(line)?;
    }
    let mut follows = args.follow;
    while follows {
        if !terminal::has_reader() {
            return Err(Failure::Unread);
        }
        // What it wrote before it stopped is read after that.
        follows = up_file::is_held();
        for line in read(&mut log, &mut rest)?.iter().filter_map(|line| self::shown(line, looks)) {
            write(&line)?;
        }
        tokio::time::sleep(LOOK).await;
    }
    shown_rest(&rest, looks)
}

fn shown_rest(rest: &[u8], looks: LogLines) -> Result<(), Failure> {
    match shown(&String::from_utf8_lossy(rest), looks) {
        Some(line) if !rest.is_empty() => write(&line),
        Some(_) | None => Ok(()),
    }
}

/// A line as it looks. What a function wrote follows its name.
fn shown(line: &str, looks: LogLines) -> Option<String> {
    let LogLines::Text { color } = looks else { return Some(Line(line).to_string()) };
    match line.split_once(' ') {
        Some((function, json)) if json.starts_with('{') => {
            log_line::told(json, color).map(|told| format!("{}  {told}", Line(function)))
        }
        Some(_) | None => Some(Line(line).to_string()),
    }
}

/// The line is escaped already, and may have colours.
fn write(line: &str) -> Result<(), Failure> {
    terminal::line(format_args!("{line}")).map_err(|error| Failure::unwritten(&error))
}

/// The whole lines that are new. `rest` keeps the begin of a line that isn't whole yet.
fn read(log: &mut File, rest: &mut Vec<u8>) -> Result<Vec<String>, Failure> {
    let failed = || format!("reading {LOG_FILE}");
    let length = log.metadata().with_context(failed).map_err(Failure::Input)?.len();
    // Another stack has emptied it since.
    if length < log.stream_position().with_context(failed).map_err(Failure::Input)? {
        log.seek(SeekFrom::Start(0)).with_context(failed).map_err(Failure::Input)?;
        rest.clear();
    }
    log.read_to_end(rest).with_context(failed).map_err(Failure::Input)?;
    let whole = rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end.saturating_add(1));
    let lines: Vec<u8> = rest.drain(..whole).collect();
    Ok(String::from_utf8_lossy(&lines).lines().map(str::to_owned).collect())
}
